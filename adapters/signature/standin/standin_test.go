package standin_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/signature/standin"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

const (
	person = "850312300121"
	other  = "990101450026"
	firm   = "120540001238"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func open(t testing.TB, dir string, now time.Time) *standin.Demo {
	t.Helper()
	d, err := standin.Open(dir, at(now))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sign(t testing.TB, d *standin.Demo, who, message string) []byte {
	t.Helper()
	envelope, err := d.Sign(who, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func verify(t testing.TB, d *standin.Demo, message string, envelope []byte) standin.Verdict {
	t.Helper()
	v, err := d.Verify(t.Context(), []byte(message), envelope)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSignAndVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys") // made by Open
	envelope := map[string][]byte{}
	for _, who := range []string{person, firm} {
		envelope[who] = sign(t, open(t, dir, now), who, "request")
	}
	d := open(t, dir, now.Add(time.Hour)) // another process
	for who, e := range envelope {
		v := verify(t, d, "request", e)
		digest := sha256.Sum256([]byte("request"))
		want := standin.Verdict{Valid: true, Subject: who, Serial: v.Serial, Digest: hex.EncodeToString(digest[:]), Method: "demo-ed25519"}
		if diff := cmp.Diff(want, v); diff != "" || !strings.HasPrefix(v.Serial, "2026-") {
			t.Errorf("%s: (-want +got)\n%s", who, diff)
		}
	}
	if got := sign(t, d, "8503-1230 0121", "request"); string(got) != string(envelope[person]) {
		t.Errorf("the same person, as people write the IIN: %s", got)
	}
}

// altered is the envelope with one thing changed.
func altered(t *testing.T, envelope []byte, change func(*standin.Envelope)) []byte {
	t.Helper()
	var e standin.Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerifyRefuses(t *testing.T) {
	d := open(t, t.TempDir(), now)
	good := sign(t, d, person, "request")
	var theirs standin.Envelope
	if err := json.Unmarshal(sign(t, d, other, "request"), &theirs); err != nil {
		t.Fatal(err)
	}
	stranger := sign(t, open(t, t.TempDir(), now), person, "request")
	tests := []struct {
		why      string
		message  string
		envelope []byte
		want     standin.Reason
	}{
		{"good", "request", good, ""},
		{"another message", "request ", good, standin.SignatureMismatch},
		{"nothing signed", "", good, standin.SignatureMismatch},
		{"altered signature", "request", altered(t, good, func(e *standin.Envelope) { e.Signature[0] ^= 1 }), standin.SignatureMismatch},
		{"another's signature", "request", altered(t, good, func(e *standin.Envelope) { e.Signature = theirs.Signature }), standin.SignatureMismatch},
		{"another's subject", "request", altered(t, good, func(e *standin.Envelope) { e.Subject = other }), standin.KeyUnknown},
		{"another's key and signature", "request", altered(t, good, func(e *standin.Envelope) { e.PublicKey, e.Signature = theirs.PublicKey, theirs.Signature }), standin.KeyUnknown},
		{"another's serial", "request", altered(t, good, func(e *standin.Envelope) { e.Serial = theirs.Serial }), standin.KeyUnknown},
		{"another demonstration's key", "request", stranger, standin.KeyUnknown},
		{"subject written otherwise", "request", altered(t, good, func(e *standin.Envelope) { e.Subject = "8503 1230 0121" }), standin.KeyUnknown},
		{"subject that is nobody", "request", altered(t, good, func(e *standin.Envelope) { e.Subject = "850312300129" }), standin.KeyUnknown},
		{"serial without a year", "request", altered(t, good, func(e *standin.Envelope) { e.Serial = "x" }), standin.KeyUnknown},
		{"serial of a far year", "request", altered(t, good, func(e *standin.Envelope) { e.Serial = "99999-" + e.Serial[5:] }), standin.KeyUnknown},
	}
	for _, tt := range tests {
		v := verify(t, d, tt.message, tt.envelope)
		if v.Reason != tt.want || v.Valid != (tt.want == "") || v.Method != standin.Method || v.Digest == "" {
			t.Errorf("%s: %+v, want %q", tt.why, v, tt.want)
		}
	}
}

// What is no envelope is bad input: it must not count as somebody's bad signature.
func TestNoEnvelopeIsInvalid(t *testing.T) {
	d := open(t, t.TempDir(), now)
	good := sign(t, d, person, "request")
	for why, envelope := range map[string][]byte{
		"another method":      altered(t, good, func(e *standin.Envelope) { e.Method = "cms" }),
		"short key":           altered(t, good, func(e *standin.Envelope) { e.PublicKey = e.PublicKey[1:] }),
		"short signature":     altered(t, good, func(e *standin.Envelope) { e.Signature = nil }),
		"nothing":             nil,
		"no JSON":             []byte("signed!"),
		"an unknown field":    []byte(strings.Replace(string(good), "{", `{"x":1,`, 1)),
		"something behind it": append(good[:len(good):len(good)], good...),
		"too large":           append(good[:len(good):len(good)], bytes.Repeat([]byte(" "), standin.MaxEnvelope)...),
	} {
		if v, err := d.Verify(t.Context(), []byte("request"), envelope); !errors.Is(err, domain.ErrInvalid) || v != (standin.Verdict{}) {
			t.Errorf("%s: %+v, %v; want ErrInvalid", why, v, err)
		}
	}
}

func TestTerm(t *testing.T) {
	dir := t.TempDir()
	key, err := open(t, dir, now).Key(person, 2026)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := key.Sign([]byte("request"))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Time]standin.Reason{
		key.NotBefore.Add(-1): standin.KeyNotYetValid,
		key.NotBefore:         "",
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC):  "",
		key.NotAfter.Add(-1):                         "",
		key.NotAfter:                                 standin.KeyExpired,
		time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC):  standin.KeyExpired,
		time.Date(2013, 4, 26, 0, 0, 0, 0, time.UTC): standin.KeyNotYetValid,
	} {
		if v := verify(t, open(t, dir, at), "request", envelope); v.Reason != want {
			t.Errorf("at %v: %q, want %q", at, v.Reason, want)
		}
	}
}

func TestRevoke(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, now)
	mine, theirs := sign(t, d, person, "request"), sign(t, d, other, "request")
	serial := verify(t, d, "request", mine).Serial
	if err := open(t, dir, now).Revoke(serial, "lost"); err != nil { // by another process
		t.Fatal(err)
	}
	if v := verify(t, d, "request", mine); v.Reason != standin.KeyRevoked || v.Valid {
		t.Errorf("%+v, want it revoked", v)
	}
	if v := verify(t, d, "request", theirs); !v.Valid {
		t.Errorf("%+v: another's key was revoked too", v)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo-revoked.json"), []byte("half a li"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := d.Verify(t.Context(), []byte("request"), theirs); !errors.Is(err, domain.ErrUnavailable) || v.Valid {
		t.Errorf("unreadable revocations: %+v, %v; want ErrUnavailable", v, err)
	}
}

func TestRefusesWhoIsNobody(t *testing.T) {
	d := open(t, t.TempDir(), now)
	var rejection *domain.Rejection
	if _, err := d.Sign("850312300129", nil); !errors.As(err, &rejection) || rejection.Code != ident.CodeCheckDigit {
		t.Errorf("%v", err)
	}
	if _, err := d.Key(person, 1999); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a key of 1999: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Verify(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}

func TestSeed(t *testing.T) {
	dir := t.TempDir()
	envelopes := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range envelopes {
		wg.Go(func() {
			d, err := standin.Open(dir, at(now))
			if err != nil {
				t.Error(err)
				return
			}
			if envelopes[i], err = d.Sign(person, []byte("request")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, e := range envelopes {
		if string(e) != string(envelopes[0]) {
			t.Fatalf("two processes made two seeds: %s, %s", e, envelopes[0])
		}
	}
	info, err := os.Stat(filepath.Join(dir, "demo-seed"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 { // there, folders guard files
		t.Errorf("others may read the seed: %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo-seed"), []byte("abcd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := standin.Open(dir, at(now)); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("half a seed: %v, want ErrDamaged", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	d := open(b, b.TempDir(), now)
	envelope := sign(b, d, person, "request")
	for b.Loop() {
		verify(b, d, "request", envelope)
	}
}
