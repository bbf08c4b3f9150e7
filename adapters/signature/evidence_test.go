package signature_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// stored is the evidence as it comes back from where it was put.
func stored(t testing.TB, e *signature.Evidence) signature.Evidence {
	t.Helper()
	text, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := signature.DecodeEvidence(text)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// recheck makes the judgment again from the evidence as it is stored.
func recheck(t *testing.T, p *pki, e *signature.Evidence, was signature.Verdict) {
	t.Helper()
	again, err := signature.Recheck(t.Context(), p.config().Trust, stored(t, e), []byte(message))
	if diff := cmp.Diff(was, again, cmpopts.IgnoreFields(signature.Verdict{}, "Detail")); diff != "" || err != nil {
		t.Errorf("%v, (-then +now)\n%s", err, diff)
	}
}

// full is evidence with everything in it: a timestamp inside, the registry's own would not be asked for,
// an answer, lists with a delta.
func full(t testing.TB) (*pki, *signature.Evidence) {
	p := newPKI(t)
	verdict, e := judge(t, p.verifier(), claim(p.sign(p.person(), message, p.stamped())))
	want(t, verdict, signature.Valid, "")
	return p, e
}

// Years later the services are gone, and so are the terms of the certificates.
func TestRecheckLater(t *testing.T) {
	p, e := full(t)
	p.server.Close()
	p.at(now.AddDate(30, 0, 0))
	recheck(t, p, e, e.Verdict)
	lists := map[string]int{}
	for _, s := range e.Statuses {
		lists[string(s.Source)]++
	}
	if lists["ocsp"] != 2 || lists["crl"] != 1 { // the signer's and the timestamp's; their issuer's
		t.Errorf("statuses %v", lists)
	}
}

// Lists are large and the same for many signatures: they may be kept elsewhere.
func TestDetach(t *testing.T) {
	p, e := full(t)
	without, lists := e.Detach()
	small := stored(t, &without)
	if len(lists) != 1 {
		t.Errorf("%d lists", len(lists))
	}
	if _, err := signature.Recheck(t.Context(), p.config().Trust, small, []byte(message)); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("without the list: %v", err)
	}
	get := func(sum string) ([]byte, error) { return lists[sum], nil }
	with := must(small.Attach(get))
	recheck(t, p, &with, e.Verdict)
	if without.Seal != e.Seal || with.Seal != e.Seal {
		t.Error("the seal depends on where the lists are")
	}
	if small.Statuses[1].Answer.Raw != nil || e.Statuses[1].Answer.Raw == nil {
		t.Errorf("one evidence changed another")
	}
	if _, err := small.Attach(func(string) ([]byte, error) { return nil, domain.ErrNotFound }); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a list that is gone: %v", err)
	}
	other := must(small.Attach(func(string) ([]byte, error) { return []byte("another"), nil }))
	if _, err := signature.Recheck(t.Context(), p.config().Trust, other, []byte(message)); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("another list: %v", err)
	}
}

// One flipped bit anywhere is noticed: in the evidence, of which every third byte is tried, and in the
// signed bytes.
func TestEveryBitCounts(t *testing.T) {
	p, e := full(t)
	text := must(e.Encode())
	for i := len(text) % 3; i < len(text); i += 3 { // other bytes each time: signatures differ in length
		changed := bytes.Clone(text)
		changed[i] ^= 1 << (i % 8)
		if _, err := signature.DecodeEvidence(changed); !errors.Is(err, domain.ErrDamaged) {
			t.Fatalf("bit %d of byte %d of %d (%q became %q): %v", i%8, i, len(text), text[i], changed[i], err)
		}
	}
	for i := range len(message) * 8 {
		changed := []byte(message)
		changed[i/8] ^= 1 << (i % 8)
		if _, err := signature.Recheck(t.Context(), p.config().Trust, stored(t, e), changed); !errors.Is(err, domain.ErrDamaged) {
			t.Fatalf("bit %d of the signed bytes: %v", i, err)
		}
	}
}

// Somebody who may write evidence seals what they changed. What they cannot make is signatures.
func TestForgedEvidence(t *testing.T) {
	p, _ := full(t)
	revoked := p.person()
	p.revoke(revoked, now.Add(-1), 1)
	v := p.verifier()
	_, sound := judge(t, v, claim(p.sign(p.person(), message, signature.Signing{})))
	_, refused := judge(t, v, claim(p.sign(revoked, message, signature.Signing{})))
	bit := func(b *signature.Blob, i int) {
		raw := bytes.Clone(b.Raw)
		raw[i%len(raw)] ^= 1
		*b = signature.Blob{SHA256: digest(raw), Size: len(raw), Raw: raw}
	}
	later := now.AddDate(0, 0, 2)
	tests := map[string]struct {
		of     *signature.Evidence
		change func(*signature.Evidence)
	}{
		"another signer":         {sound, func(e *signature.Evidence) { e.Verdict.Signer.IIN = otherIIN }},
		"a revoked one is valid": {refused, func(e *signature.Evidence) { e.Verdict.Outcome, e.Verdict.Reason = signature.Valid, "" }},
		"its answer is left out": {refused, func(e *signature.Evidence) { e.Statuses = nil }},
		"another's answer":       {refused, func(e *signature.Evidence) { e.Statuses[0].Answer = sound.Statuses[0].Answer }},
		"another nonce":          {sound, func(e *signature.Evidence) { e.Statuses[0].Nonce = []byte("another") }},
		"no answer":              {sound, func(e *signature.Evidence) { e.Statuses[0].Answer.Raw = nil }},
		"judged later":           {sound, func(e *signature.Evidence) { e.Checked = later }},
		"received later":         {sound, func(e *signature.Evidence) { e.Received = later }},
		"by another policy":      {sound, func(e *signature.Evidence) { e.Policy = "decision-1" }},
		"by no policy":           {sound, func(e *signature.Evidence) { e.Policy = "anything-1" }},
		"for another person":     {sound, func(e *signature.Evidence) { e.Who.IIN = otherIIN }},
		"another chain":          {sound, func(e *signature.Evidence) { e.Chain = e.Chain[:2] }},
		"another signature":      {sound, func(e *signature.Evidence) { e.CMS = refused.CMS }},
		"with another root":      {sound, func(e *signature.Evidence) { e.Anchors = nil }},
		"another schema":         {sound, func(e *signature.Evidence) { e.Schema = 2 }},
		"another method":         {sound, func(e *signature.Evidence) { e.Method = "oracle" }},
	}
	for i := range 40 {
		tests[fmt.Sprintf("bit %d of the signature", i)] = struct {
			of     *signature.Evidence
			change func(*signature.Evidence)
		}{sound, func(e *signature.Evidence) { bit(&e.CMS, len(e.CMS.Raw)-1-i) }}
		tests[fmt.Sprintf("bit %d of the answer", i)] = struct {
			of     *signature.Evidence
			change func(*signature.Evidence)
		}{sound, func(e *signature.Evidence) { bit(&e.Statuses[0].Answer, 60+i*5) }}
		tests[fmt.Sprintf("bit %d of the list", i)] = struct {
			of     *signature.Evidence
			change func(*signature.Evidence)
		}{sound, func(e *signature.Evidence) { bit(&e.Statuses[1].Answer, 20+i*3) }}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			forged := stored(t, tt.of)
			tt.change(&forged)
			forged, err := signature.DecodeEvidence(must(forged.Encode()))
			if err != nil {
				return
			}
			if v, err := signature.Recheck(t.Context(), p.config().Trust, forged, []byte(message)); err == nil {
				t.Errorf("nobody noticed: %+v", v)
			}
		})
	}
}

// What nothing can be computed from again is under the seal.
func TestSeal(t *testing.T) {
	p, e := full(t)
	for name, change := range map[string]func(*signature.Evidence){
		"where it was asked": func(e *signature.Evidence) { e.Statuses[0].URL = "http://elsewhere.example" },
		"when it was asked":  func(e *signature.Evidence) { e.Statuses[0].Fetched = now.AddDate(0, 0, 1) },
		"the detail":         func(e *signature.Evidence) { e.Verdict.Detail = "another" },
		"no seal":            func(e *signature.Evidence) { e.Seal = "" },
	} {
		changed := stored(t, e)
		change(&changed)
		if _, err := signature.Recheck(t.Context(), p.config().Trust, changed, []byte(message)); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sealed(e *signature.Evidence) *signature.Evidence {
	if err := e.SealUp(); err != nil {
		panic(err)
	}
	return e
}

func TestRecheckNeedsTheRoot(t *testing.T) {
	_, e := full(t)
	if _, err := signature.Recheck(t.Context(), newPKI(t).config().Trust, stored(t, e), []byte(message)); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("%v", err)
	}
	e.Method = "ncanode"
	if _, err := signature.Recheck(t.Context(), newPKI(t).config().Trust, *sealed(e), []byte(message)); !errors.Is(err, signature.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
