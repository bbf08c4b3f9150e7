package main

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/signing"
)

// Every reason that the verifier has is known to the registry, and so has its class and its words.
func TestReasonsAreKnown(t *testing.T) {
	theirs, ours := reasons(t, "../../adapters/signature/verdict.go"), reasons(t, "../../domain/signing/reason.go")
	// The registry's own.
	delete(ours, string(signing.NoLongerApplies))
	delete(ours, string(signing.Malformed))
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("the verifier's (-) and the registry's (+):\n%s", diff)
	}
	if len(theirs) < 30 {
		t.Errorf("only %d reasons were found", len(theirs))
	}
}

// reasons are the constants of type Reason in the file.
func reasons(t *testing.T, path string) map[string]bool {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found[text] = true
		}
		return true
	})
	return found
}

const (
	signerIIN = "850312300121"
	signerBIN = "120540001238"
)

// verifying is the verifier as the server has it, with a demo authority behind it.
func verifying(t testing.TB) (*authority.Authority, *signatures, func()) {
	t.Helper()
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	a, err := authority.Open(authority.Config{Dir: t.TempDir(), URL: server.URL, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = a
	holders := []authority.Holder{
		{ID: "person", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: signerIIN},
		{ID: "head", Surname: "Үлгібаев", GivenName: "Ерлан", Patronymic: "М.", IIN: signerIIN, BIN: signerBIN, Organization: "o", Role: signature.Head},
		{ID: "employee", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: signerIIN, BIN: signerBIN, Organization: "o", Role: signature.Employee},
		{ID: "revoked", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: signerIIN, Fate: authority.Revoked},
		{ID: "expired", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: signerIIN, Fate: authority.Expired},
	}
	for _, h := range holders {
		if err := a.Issue(h); err != nil {
			t.Fatal(err)
		}
	}
	blobs, err := blobstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := openTrust(a.TrustDir(), "", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a, &signatures{trust: trusted, lists: blobs}, server.Close
}

// Real signatures with real certificates, as applicants, operators and heads give them, are judged as the
// registry needs it.
func TestSignaturesAreJudged(t *testing.T) {
	a, s, stop := verifying(t)
	person, company := signing.Signer{IIN: signerIIN}, signing.Signer{BIN: signerBIN}
	for name, tt := range map[string]struct {
		holder  string
		purpose signing.Purpose
		signer  signing.Signer
		outcome signing.Outcome
		reason  signing.Reason
	}{
		"applicant":                  {"person", signing.Request, person, signing.Valid, ""},
		"company by its head":        {"head", signing.Request, company, signing.Valid, ""},
		"company by an employee":     {"employee", signing.Request, company, signing.Invalid, signing.RoleMissing},
		"company by a person":        {"person", signing.Request, company, signing.Invalid, signing.BINMismatch},
		"person by a company":        {"head", signing.Request, person, signing.Invalid, signing.BINMismatch},
		"another person":             {"person", signing.Request, signing.Signer{IIN: "990101450026"}, signing.Invalid, signing.IINMismatch},
		"revoked":                    {"revoked", signing.Request, person, signing.Invalid, signing.Revoked},
		"expired":                    {"expired", signing.Request, person, signing.Invalid, signing.Expired},
		"operator":                   {"employee", signing.Entry, signing.Signer{IIN: signerIIN, BIN: signerBIN}, signing.Valid, ""},
		"operator at another center": {"employee", signing.Entry, signing.Signer{IIN: signerIIN, BIN: "991141000451"}, signing.Invalid, signing.BINMismatch},
		"decision":                   {"head", signing.Decision, signing.Signer{IIN: signerIIN, BIN: signerBIN}, signing.Valid, ""},
		"decision by an employee":    {"employee", signing.Decision, person, signing.Invalid, signing.RoleMissing},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := sign(t.Context(), a, s, tt.holder, signing.Claim{Signed: []byte("content"), Purpose: tt.purpose, Signer: tt.signer, Received: time.Now()})
			if err != nil || v.Outcome != tt.outcome || v.Reason != tt.reason || len(v.Evidence) == 0 || v.Digest != signing.Digest([]byte("content")) {
				t.Fatalf("%v: %+v", err, v)
			}
			e, err := signature.DecodeEvidence(v.Evidence)
			if err != nil {
				t.Fatal(err)
			}
			if tt.holder == "head" && v.Name != "Үлгібаев Ерлан М." {
				t.Errorf("name %q", v.Name)
			}
			for _, status := range e.Statuses {
				if status.Source != signature.CRL {
					continue
				}
				content, size, err := s.lists.Get(t.Context(), status.Answer.SHA256)
				if err != nil || size != int64(status.Answer.Size) || status.Answer.Raw != nil {
					t.Errorf("a list is not kept: %v, %d bytes, %+v", err, size, status.Answer)
				}
				if err == nil {
					content.Close()
				}
			}
		})
	}
	if _, err := s.Verify(t.Context(), signing.Claim{Signed: []byte("x"), CMS: []byte("x"), Purpose: signing.Request, Signer: person}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no signature at all: %v", err)
	}
	stop() // nobody answers any more
	v, err := sign(t.Context(), a, s, "person", signing.Claim{Signed: []byte("content"), Purpose: signing.Request, Signer: person, Received: time.Now()})
	if err != nil || v.Outcome != signing.Pending || v.Reason != signing.OCSPUnreachable || len(v.Evidence) > 0 {
		t.Errorf("nobody answers: %v %+v", err, v)
	}
}

// One signature with its chain and the lists at hand, as the server judges it, with its evidence written.
func BenchmarkSignature(b *testing.B) {
	a, s, _ := verifying(b)
	file := filepath.Join(a.TrustDir(), "trust.yaml")
	text, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, bytes.Replace(text, []byte("[ocsp, crl]"), []byte("[crl]"), 1), 0o600)
	}
	if err == nil {
		s.trust, err = openTrust(a.TrustDir(), "", time.Now)
	}
	if err != nil {
		b.Fatal(err)
	}
	key, err := a.Key("person", authority.Sign)
	if err != nil {
		b.Fatal(err)
	}
	c := signing.Claim{Signed: []byte("content"), Purpose: signing.Request, Signer: signing.Signer{IIN: signerIIN}, Received: time.Now()}
	if c.CMS, err = key.Sign(b.Context(), c.Signed, signature.Signing{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if v, err := s.Verify(b.Context(), c); v.Outcome != signing.Valid {
			b.Fatal(v, err)
		}
	}
}
