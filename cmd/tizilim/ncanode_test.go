package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/ncanodetest"
	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	v1 "github.com/tizilim/tizilim/api/v1"
)

// gostKey signs by the State standard, in the form alone, as the person.
func gostKey(usage x509.ExtKeyUsage, content string) string {
	c := ncanodetest.Certificate(&x509.Certificate{
		SerialNumber: big.NewInt(int64(usage) + 70), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0),
		Subject: pkix.Name{CommonName: "ҮЛГІБАЕВ ЕРЛАН", SerialNumber: "IIN" + signerIIN}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, UnknownExtKeyUsage: []asn1.ObjectIdentifier{signature.RoleOID(signature.Person)},
	})
	return base64.StdEncoding.EncodeToString(ncanodetest.Sign(c, "", ncanodetest.GOST512))
}

// proven is a login by a certificate of the State standard.
func (p *process) proven() v1.Login {
	p.t.Helper()
	challenge := call[v1.Challenge](p, 201, "", "POST", "/challenges", []byte{}).Challenge
	return v1.Login{Challenge: challenge, Signature: gostKey(x509.ExtKeyUsageClientAuth, challenge)}
}

// A server that was told of an NCANode has it judge what is signed by the State standard: who logs in, and what
// they sign, for and against them; and waits for it where it is silent.
func TestServeAsksNCANode(t *testing.T) {
	a, err := authority.Open(authority.Config{Dir: t.TempDir(), URL: "http://127.0.0.1:1", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	node := &ncanodetest.Node{Answers: ncanodetest.Sound}
	server := httptest.NewServer(node)
	t.Cleanup(server.Close)
	data := filepath.Join(t.TempDir(), "data")
	p := startServe(t, data, a.TrustDir(), "--ncanode", server.URL+"/")

	in := call[v1.Session](p, 201, "", "POST", "/sessions", p.proven())
	if in.Self.Identifier != signerIIN || len(node.Questions()) != 1 {
		t.Fatalf("logged in as %+v after %d questions", in.Self, len(node.Questions()))
	}
	p.tokens["person"] = in.Token
	sign := func(status int) v1.Application {
		t.Helper()
		a := p.toSign("person", signerIIN)
		content := get(t, p.url+"/api/v1/applications/"+a.ID+"/signature", in.Token)
		a = call[v1.Application](p, status, "person", "POST", "/applications/"+a.ID+"/signature", v1.Signing{Signature: gostKey(x509.ExtKeyUsageEmailProtection, content)})
		if q := node.Questions(); string(q[len(q)-1].Data) != content {
			t.Errorf("NCANode was asked about %s", q[len(q)-1].Data)
		}
		return a
	}
	signed := sign(200)
	if signed.SignedBy != signerIIN || signed.Status != "examined" {
		t.Errorf("signed: %s by %q", signed.Status, signed.SignedBy)
	}
	if out, code := command("verify", "application", signed.ID, "--data", data, "--trust", a.TrustDir()); code != 0 || !strings.Contains(out, "ncanode") {
		t.Errorf("verified again: %d %s", code, out)
	}

	bad := ncanodetest.Sound
	bad.OCSP, bad.RevokedAt = ncanodetest.Revoked, time.Now().AddDate(0, 0, -1)
	node.Say(bad)
	if a := sign(200); a.Status != "refused" || a.Refusal.Reason != "revoked" {
		t.Errorf("revoked: %s, %+v", a.Status, a.Refusal)
	}
	refused := ncanodetest.Sound
	refused.OCSP = ncanodetest.Unknown
	node.Say(refused)
	waits := sign(202)
	if waits.Signature == nil || waits.Signature.Status != "pending" || waits.Signature.Reason != string(signature.StatusUnknown) {
		t.Errorf("while its OCSP is silent: %s, %+v", waits.Status, waits.Signature)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v: %s", err, p.errors)
	}

	node.Say(ncanodetest.Sound)
	before := len(node.Questions())
	p = startServe(t, data, a.TrustDir()) // told of none
	if got := call[v1.Problem](p, 422, "", "POST", "/sessions", p.proven()); got.Code != "certificate-unsupported" || len(node.Questions()) != before {
		t.Errorf("without NCANode: %+v after %d more questions", got, len(node.Questions())-before)
	}
}
