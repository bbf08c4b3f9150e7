package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/ncanodetest"
	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

const (
	oldIIN    = "850312300121"
	oldBoss   = "880808450027" // IIN
	oldState  = "050752006781" // BIN of the licensor
	oldNumber = "21000001"
)

// oldData is a registry's data of five years ago: an application and its license, of which the certificates, and
// everybody who could be asked about them, are gone by now.
type oldData struct {
	dir   string
	trust string
	id    string             // of the application
	found []signing.Evidence // of the request, the decision, and two signatures under the license
}

// longAgo is a registry at work then.
type longAgo struct {
	*testing.T
	then       time.Time
	rules      application.Rules
	store      domain.EventStore
	keys       *authority.Authority
	signatures *signatures
}

// signedLongAgo has an application, its decision and its license signed, as of then, by certificates whose terms
// have ended since.
func signedLongAgo(t *testing.T) oldData {
	t.Helper()
	then := time.Now().AddDate(-5, 0, 0)
	now := func() time.Time { return then }
	server, node := httptest.NewServer(nil), httptest.NewServer(&ncanodetest.Node{Answers: ncanodetest.Answers{
		Issuer: true, OCSP: ncanodetest.Active, CRL: ncanodetest.Active, Now: then, // and no signature holds
	}})
	a, err := authority.Open(authority.Config{Dir: t.TempDir(), URL: server.URL, Now: now, Terms: then, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		server.Config.Handler = a
		err = errors.Join(
			a.Issue(authority.Holder{ID: "erlan", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: oldIIN}),
			a.Issue(authority.Holder{ID: "boss", Surname: "Сынақова", GivenName: "Әсел", IIN: oldBoss, BIN: oldState, Organization: "Комитет", Role: signature.Head}))
	}
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	f, err := lockFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	if f.blobs, err = blobstore.Open(f.documents()); err != nil {
		t.Fatal(err)
	}
	trusted, err := openTrust(a.TrustDir(), node.URL, now)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := openRules(rulesFlags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &longAgo{T: t, then: then, rules: rules.rules(), store: store, keys: a, signatures: &signatures{trust: trusted, lists: f.blobs}}
	stream := domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewString()}
	licensed := domain.Stream{Category: domain.LicenseCategory, ID: oldNumber}
	o.sign(licensed, o.decided(stream))
	found, err := application.EvidenceOf(store.Read(t.Context(), stream, 1))
	more, moreErr := license.EvidenceOf(store.Read(t.Context(), licensed, 1))
	if err = errors.Join(err, moreErr, store.Close(), f.close()); err != nil {
		t.Fatal(err)
	}
	server.Close() // nobody is there to be asked any more
	node.Close()
	return oldData{dir: data, trust: a.TrustDir(), id: stream.ID, found: append(found, more...)}
}

// do gives a command on a stream as of then, and returns what has become of it.
func do[S, C any](o *longAgo, stream domain.Stream, fold func(*S, domain.Record) error, decide func(S, C) ([]domain.Payload, error), c C) S {
	o.Helper()
	m := domain.Meta{Command: uuid.New(), Time: o.then, Actor: domain.Actor{ID: "a", Role: domain.RoleApplicant}}
	_, err := domain.Execute(o.Context(), o.store, stream, m, fold, func(s S) ([]domain.Payload, error) { return decide(s, c) })
	if err != nil {
		o.Fatalf("%T: %v", c, err)
	}
	s, err := domain.Load(o.Context(), o.store, stream, fold)
	if err != nil {
		o.Fatalf("%T: %v", c, err)
	}
	return s
}

// decided brings an application to its approval.
func (o *longAgo) decided(stream domain.Stream) application.State {
	o.Helper()
	then := o.then
	give := func(c application.Command) application.State {
		o.Helper()
		return do(o, stream, application.Fold, o.rules.Decide, c)
	}
	judged := func(holder string, c signing.Claim) application.State {
		o.Helper()
		c.Received = then
		v, err := sign(o.Context(), o.keys, o.signatures, holder, c)
		if err != nil || v.Outcome != signing.Valid {
			o.Fatalf("the %s: %s %s, %v", c.Purpose, v.Outcome, v.Reason, err)
		}
		return give(application.Judged(c.Purpose, v, then, 0, "a", nil))
	}
	give(application.Open{At: then, Service: "casino-license", Channel: regulation.Portal, Request: regulation.Issue, Applicant: application.Applicant{ID: oldIIN}})
	give(application.File{At: then, Form: application.Form{Name: "Үлгібаев Ерлан"}})
	give(application.RequestPayment{At: then, Order: "o", Amount: 1, Currency: "KZT"})
	s := give(application.Pay{At: then, Order: "o", Reference: "r", Amount: 1, Currency: "KZT"})
	purpose, signer, _ := o.rules.Signature(s, "")
	judged("erlan", signing.Claim{Signed: s.Content(), Purpose: purpose, Signer: signer})
	give(application.Register{At: then, Number: "KZ00APP00000001"})
	s = give(application.Draft{At: then, Decision: application.Decision{Decision: application.Approve, Order: "12-П"}})
	s = judged("boss", signing.Claim{Signed: s.Draft.Content, Purpose: signing.Decision, Signer: signing.Signer{IIN: oldBoss, BIN: oldState}})
	if s.Approval == nil {
		o.Fatalf("not approved: %+v", s)
	}
	return s
}

// sign issues the license, and has it signed: first by a signature of the State standard, which has to wait and
// does not hold, as NCANode says, and then by one that does.
func (o *longAgo) sign(stream domain.Stream, s application.State) {
	o.Helper()
	service, err := o.rules.Catalog.Wording(s.Act, s.Wording, s.Service)
	if err != nil {
		o.Fatal(err)
	}
	give := func(c license.Command) license.State {
		o.Helper()
		return do(o, stream, license.Fold, license.Decide, c)
	}
	issued := s.NewLicense(service, nil)
	issued.Number, issued.IssuedOn, issued.FirstIssuedOn = stream.ID, "2021-11-24", "2021-11-24"
	give(license.Issue{At: o.then, Issued: issued})
	signer := signing.Signer{IIN: oldBoss, BIN: oldState}
	l := give(license.ReceiveSignature{Signer: signer, CMS: gostCMS(o.then), Reason: signing.OCSPUnreachable})
	claim := l.Claim()
	claim.Received = o.then
	for _, want := range []signing.Outcome{signing.Invalid, signing.Valid} {
		v, err := o.signatures.Verify(o.Context(), claim)
		if want == signing.Valid {
			v, err = sign(o.Context(), o.keys, o.signatures, "boss", claim)
		}
		if err != nil || v.Outcome != want {
			o.Fatalf("the license: %s %s, %v, want %s", v.Outcome, v.Reason, err, want)
		}
		waited := uint64(0)
		if l.Pending != nil {
			waited = l.Pending.Version
		}
		l = give(license.Judged(v, o.then, waited))
	}
	if l.Signed == nil {
		o.Fatalf("not signed: %+v", l)
	}
}

// gostCMS is a signature by the head's certificate of the State standard.
func gostCMS(then time.Time) []byte {
	return ncanodetest.Sign(ncanodetest.Certificate(&x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: then.AddDate(-1, 0, 0), NotAfter: then.AddDate(1, 0, 0),
		Subject:            pkix.Name{CommonName: "СЫНАҚОВА ӘСЕЛ", SerialNumber: "IIN" + oldBoss, Organization: []string{"Комитет"}, OrganizationalUnit: []string{"BIN" + oldState}},
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		ExtKeyUsage:        []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{signature.RoleOID(signature.Organization), signature.RoleOID(signature.Head)},
	}), "", ncanodetest.GOST512)
}

// What was signed can be verified years later, with nothing but what is kept; and what was changed since is
// found.
func TestVerifyApplicationYearsLater(t *testing.T) {
	old := signedLongAgo(t)
	verify := func(of string, code int, say ...string) {
		t.Helper()
		out, got := command("verify", "application", of, "--data", old.dir, "--trust", old.trust)
		for _, text := range say {
			if got != code || !strings.Contains(out, text) {
				t.Errorf("%s: code %d, want %d and %q:\n%s", of, got, code, text, out)
			}
		}
	}
	verify(old.id, 0, "application-signed  (request)\nvalid ", "application-approved  (decision)\nvalid ")
	verify(oldNumber, 0, "license-signature-discarded  (decision)\ninvalid ", "signature-mismatch\n", "ncanode\n", "license-signed  (decision)\nvalid ")
	if out, code := command("verify", "application", uuid.NewString(), "--data", old.dir, "--trust", old.trust); code == 0 {
		t.Errorf("an application that does not exist: %s", out)
	}
	other := t.TempDir() // somebody else's root
	a, err := authority.Open(authority.Config{Dir: other, URL: "http://127.0.0.1:1", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if out, code := command("verify", "application", old.id, "--data", old.dir, "--trust", a.TrustDir()); code != 1 || !strings.Contains(out, "NOT AS IT WAS") {
		t.Errorf("without the root of then: %d %s", code, out)
	}

	config, err := openTrust(old.trust, "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	lists := blobstore.View(filepath.Join(old.dir, "documents"))
	for _, one := range old.found {
		for i := 0; i < len(one.Document); i += 151 {
			changed := one
			changed.Document = bytes.Clone(changed.Document)
			changed.Document[i] ^= 1
			if _, err := recheck(context.Background(), config.Trust, lists, changed); err == nil {
				t.Errorf("byte %d of the evidence of %s may be changed", i, one.Type)
			}
		}
		changed := one
		changed.Signed = append(bytes.Clone(changed.Signed), ' ')
		if _, err := recheck(context.Background(), config.Trust, lists, changed); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: other bytes were signed: %v", one.Type, err)
		}
	}
	if n := spoilLists(t, filepath.Join(old.dir, "documents")); n == 0 {
		t.Fatal("no list of revoked certificates is kept")
	}
	verify(old.id, 1, "NOT AS IT WAS")
	verify(oldNumber, 1, "NOT AS IT WAS")
}

// spoilLists changes one byte of every file and says how many there were.
func spoilLists(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		text[len(text)/2] ^= 1
		return os.WriteFile(path, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
