package ncanode_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/ncanode"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

const (
	iin     = "850312300121"
	message = `{"form":"request"}`
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// gostCMS is a signature of the State standard, whose bits nobody here can tell, in the holder's
// certificate.
func gostCMS(inside string, change ...func(*x509.Certificate)) []byte {
	return sign(gostCertificate(change...), inside, gost512)
}

func gostCertificate(change ...func(*x509.Certificate)) *x509.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	t := &x509.Certificate{
		SerialNumber: big.NewInt(0xabcdef), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		Subject:  pkix.Name{CommonName: "ҮЛГІБАЕВ ЕРЛАН", SerialNumber: "IIN" + iin},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{signature.RoleOID(signature.Person)},
	}
	for _, f := range change {
		f(t)
	}
	return asGOST(must(x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)))
}

func claim(cms []byte) signature.Claim {
	return signature.Claim{Signed: []byte(message), CMS: cms, Purpose: signature.ForRequest, Who: signature.Who{IIN: iin}, Received: now}
}

func verifier(t *testing.T, n *node) *ncanode.Verifier {
	root := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: now.AddDate(1, 0, 0)}
	trust := must(signature.NewTrust([]*x509.Certificate{must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, root.Public(), root))))}, nil))
	native := must(signature.New(signature.Config{Trust: trust, Now: n.clock}))
	return &ncanode.Verifier{Native: native, URL: n.start(t), Now: n.clock, Timeout: 200 * time.Millisecond}
}

func TestVerdicts(t *testing.T) {
	yesterday, tomorrow := now.AddDate(0, 0, -1), now.AddDate(0, 0, 1)
	sound := node{signature: true, issuer: true, ocsp: active, crl: active}
	with := func(change func(*node)) node { n := sound; change(&n); return n }
	tests := map[string]struct {
		node    node
		outcome signature.Outcome
		reason  signature.Reason
		asked   int
	}{
		"sound":                         {sound, signature.Valid, "", 1},
		"bad signature":                 {with(func(n *node) { n.signature = false }), signature.Invalid, signature.SignatureMismatch, 2},
		"unknown issuer":                {with(func(n *node) { n.issuer = false }), signature.Invalid, signature.IssuerUnknown, 2},
		"revoked":                       {with(func(n *node) { n.ocsp, n.crl, n.revokedAt = revoked, revoked, yesterday }), signature.Invalid, signature.Revoked, 1},
		"revoked, as OCSP says":         {with(func(n *node) { n.ocsp, n.revokedAt = revoked, yesterday }), signature.Invalid, signature.Revoked, 1},
		"revoked, nobody says when":     {with(func(n *node) { n.ocsp = revoked }), signature.Invalid, signature.Revoked, 1},
		"revoked later":                 {with(func(n *node) { n.ocsp, n.revokedAt = revoked, tomorrow }), signature.Valid, "", 2},
		"revoked later, and bad":        {with(func(n *node) { n.ocsp, n.revokedAt, n.signature = revoked, tomorrow, false }), signature.Invalid, signature.SignatureMismatch, 2},
		"OCSP does not answer":          {with(func(n *node) { n.ocsp = unknown }), signature.Pending, signature.StatusUnknown, 2},
		"OCSP does not answer, and bad": {with(func(n *node) { n.ocsp, n.signature = unknown, false }), signature.Invalid, signature.SignatureMismatch, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := tt.node
			verdict, evidence, err := verifier(t, &n).Verify(t.Context(), claim(gostCMS("")))
			if verdict.Outcome != tt.outcome || verdict.Reason != tt.reason || len(n.questions) != tt.asked {
				t.Fatalf("%s %s (%s) after %d questions, want %s %s after %d: %v", verdict.Outcome, verdict.Reason, verdict.Detail, len(n.questions), tt.outcome, tt.reason, tt.asked, err)
			}
			if tt.outcome == signature.Pending {
				if !errors.Is(err, domain.ErrUnavailable) || evidence != nil {
					t.Errorf("%v, evidence %v", err, evidence)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if verdict.Method != "ncanode" || verdict.Policy != "request-1" || verdict.Signer.IIN != iin || verdict.Signer.Name != "ҮЛГІБАЕВ ЕРЛАН" || !verdict.At.Equal(now) {
				t.Errorf("%+v", verdict)
			}
			recheck(t, evidence, verdict)
		})
	}
}

func recheck(t *testing.T, e *signature.Evidence, was signature.Verdict) {
	t.Helper()
	stored := must(signature.DecodeEvidence(must(e.Encode())))
	again, err := ncanode.Recheck(stored, []byte(message))
	if diff := cmp.Diff(was, again, cmpopts.IgnoreFields(signature.Verdict{}, "Detail")); diff != "" || err != nil {
		t.Errorf("%v, (-then +now)\n%s", err, diff)
	}
	if _, err := ncanode.Recheck(stored, []byte("another")); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("other bytes: %v", err)
	}
	stored.Verdict.Signer.IIN = "000229550014"
	if err := stored.SealUp(); err != nil {
		t.Fatal(err)
	}
	if _, err := ncanode.Recheck(stored, []byte(message)); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("another signer: %v", err)
	}
	if _, err := signature.Recheck(t.Context(), must(signature.NewTrust([]*x509.Certificate{{IsCA: true}}, nil)), stored, []byte(message)); !errors.Is(err, signature.ErrUnsupported) {
		t.Errorf("by the other method: %v", err)
	}
}

// What the server is asked.
func TestQuestion(t *testing.T) {
	n := &node{signature: true, issuer: true, ocsp: unknown, crl: active}
	if _, _, err := verifier(t, n).Verify(t.Context(), claim(gostCMS(message))); !errors.Is(err, domain.ErrUnavailable) {
		t.Fatal(err)
	}
	if len(n.questions) != 2 {
		t.Fatalf("%d questions", len(n.questions))
	}
	for i, checks := range [][]string{{"OCSP", "CRL"}, {}} {
		q := n.questions[i]
		if diff := cmp.Diff(checks, q.RevocationCheck); diff != "" || string(q.Data) != message {
			t.Errorf("question %d: data %q (-want +got)\n%s", i, q.Data, diff)
		}
		if c := must(signature.ParseCMS(q.CMS)); c.Over([]byte("other content")) != nil {
			t.Errorf("question %d has content inside, and the server would not look at the data", i)
		}
	}
}

// What is checked here, whatever the server says.
func TestNotAsked(t *testing.T) {
	tests := map[string]struct {
		cms  []byte
		want signature.Reason
	}{
		"other content inside": {gostCMS("another"), signature.ContentDiffers},
		"another's IIN":        {gostCMS("", func(t *x509.Certificate) { t.Subject.SerialNumber = "IIN990101450026" }), signature.IINMismatch},
		"a key for logging in": {gostCMS("", func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), signature.KeyUsage},
		"no role":              {gostCMS("", func(t *x509.Certificate) { t.UnknownExtKeyUsage = nil }), signature.RoleMissing},
		"expired":              {gostCMS("", func(t *x509.Certificate) { t.NotAfter = now.Add(-time.Second) }), signature.Expired},
		"not yet valid":        {gostCMS("", func(t *x509.Certificate) { t.NotBefore = now.Add(time.Second) }), signature.NotYetValid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := &node{signature: true, issuer: true, ocsp: active, crl: active}
			verdict, evidence, err := verifier(t, n).Verify(t.Context(), claim(tt.cms))
			if err != nil || verdict.Outcome != signature.Invalid || verdict.Reason != tt.want || len(n.questions) != 0 {
				t.Fatalf("%s %s after %d questions, %v; want %s", verdict.Outcome, verdict.Reason, len(n.questions), err, tt.want)
			}
			recheck(t, evidence, verdict)
		})
	}
}

// The server is asked only about algorithms of the State standard.
func TestOtherAlgorithms(t *testing.T) {
	n := &node{signature: true, issuer: true, ocsp: active, crl: active}
	v := verifier(t, n)
	weak := sign(gostCertificate(), "", oid{1, 2, 840, 113549, 1, 1, 5}) // its digest is of the standard
	for name, tt := range map[string]struct {
		cms  []byte
		want error
	}{
		"no CMS": {[]byte("x"), domain.ErrInvalid}, "a signature with SHA-1": {weak, signature.ErrUnsupported},
	} {
		if _, _, err := v.Verify(t.Context(), claim(tt.cms)); !errors.Is(err, tt.want) || len(n.questions) > 0 {
			t.Errorf("%s: %v after %d questions", name, err, len(n.questions))
		}
	}
}

// A server that gives no sound answer is waited for.
func TestUnreached(t *testing.T) {
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	one := `{"certificates":[{"valid":true,"serialNumber":"abcdef","revocations":[]}]}`
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusInternalServerError) },
		"nothing in time": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or nobody would notice that the client goes away
			<-r.Context().Done()
		},
		"a bare refusal":            func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Bad Request", http.StatusBadRequest) },
		"a redirect":                func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) },
		"too much":                  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) },
		"a page":                    text("<html>"),
		"nothing":                   text("{}"),
		"valid, and no signer":      text(`{"valid":true,"signers":[]}`),
		"valid, and no certificate": text(`{"valid":true,"signers":[{"certificates":[]}]}`),
		"two signers":               text(`{"valid":true,"signers":[` + one + `,` + one + `]}`),
		"another's certificate":     text(`{"valid":true,"signers":[{"certificates":[{"valid":true,"serialNumber":"1"}]}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			verdict, evidence, err := verifier(t, &node{scripted: answer}).Verify(t.Context(), claim(gostCMS("")))
			if !errors.Is(err, domain.ErrUnavailable) || evidence != nil || verdict.Outcome != signature.Pending || verdict.Reason != signature.ServiceUnreached {
				t.Errorf("%s %s, %v", verdict.Outcome, verdict.Reason, err)
			}
		})
	}
	refuses := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"status":400,"message":"Malformed content."}`, http.StatusBadRequest)
	}
	if _, _, err := verifier(t, &node{scripted: refuses}).Verify(t.Context(), claim(gostCMS(""))); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a request that it calls bad: %v", err)
	}
}

// A certificate whose term ended while the server could not be asked is not held against its holder.
func TestTermEndedWhileWaiting(t *testing.T) {
	n := &node{signature: true, issuer: true, ocsp: active, crl: active, now: now.AddDate(0, 0, 2)}
	ends := func(t *x509.Certificate) { t.NotAfter = now.AddDate(0, 0, 1) }
	verdict, _, err := verifier(t, n).Verify(t.Context(), claim(gostCMS("", ends)))
	if !errors.Is(err, domain.ErrUnavailable) || verdict.Reason != signature.StatusUnknown {
		t.Errorf("%s %s, %v", verdict.Outcome, verdict.Reason, err)
	}
}

// The rest never comes to the server.
func TestNativeSignature(t *testing.T) {
	n := &node{signature: true, issuer: true}
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(5), NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	k := signature.Key{Private: private, Certificate: must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))))}
	cms := must(k.Sign(t.Context(), []byte(message), signature.Signing{}))
	verdict, _, err := verifier(t, n).Verify(t.Context(), claim(cms))
	if err != nil || verdict.Method != "cms" || verdict.Reason != signature.IdentifierMissing || len(n.questions) != 0 {
		t.Errorf("%+v, %v", verdict, err)
	}
}
