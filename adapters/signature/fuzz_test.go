package signature_test

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// The seeds in testdata/seeds were made once by the tests' authority: see TestSeeds.
func seeds(f *testing.F, kind string) {
	files, err := filepath.Glob(filepath.Join("testdata", "seeds", "*."+kind))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// Whatever comes as a signature is no CMS, or ends in a verdict of the closed set, without a network.
func FuzzCMS(f *testing.F) {
	seeds(f, "cms")
	root, err := os.ReadFile(filepath.Join("testdata", "seeds", "root.cer"))
	if err != nil {
		f.Fatal(err)
	}
	trust := must(signature.NewTrust([]*x509.Certificate{must(x509.ParseCertificate(root))}, nil))
	v := must(signature.New(signature.Config{Trust: trust, Now: newClock}))
	f.Fuzz(func(t *testing.T, cms []byte) {
		verdict, evidence, err := v.Verify(t.Context(), claim(cms))
		var undecided *signature.Undecided
		switch {
		case errors.Is(err, domain.ErrInvalid):
			if verdict.Outcome != "" {
				t.Fatalf("no CMS, and yet %+v", verdict)
			}
			return
		case errors.As(err, &undecided):
			if verdict.Outcome != undecided.Outcome || verdict.Reason != undecided.Reason {
				t.Fatalf("%+v, %v", verdict, err)
			}
		case err != nil:
			t.Fatalf("unknown failure %v", err)
		case verdict.Outcome == signature.Valid:
			t.Fatalf("valid without anybody having been asked: %+v", verdict)
		}
		if verdict.Reason == "" {
			t.Fatalf("no reason: %+v", verdict)
		}
		if evidence == nil {
			return
		}
		if again, err := signature.Recheck(t.Context(), trust, stored(t, evidence), []byte(message)); err != nil || again.Reason != verdict.Reason {
			t.Fatalf("%+v became %+v, %v", verdict, again, err)
		}
	})
}

// Whatever certificate comes, its subject is read or refused, and an identifier that is read is one.
func FuzzCertificate(f *testing.F) {
	seeds(f, "cer")
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		s, err := signature.SubjectOf(c, false)
		var fault *signature.Fault
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("unknown refusal %v", err)
		}
		if err == nil && s.Identifier() == "" {
			t.Fatalf("nobody: %+v", s)
		}
		for _, id := range []string{s.IIN, s.BIN} {
			if id != "" && len(id) != 12 {
				t.Fatalf("identifier %q", id)
			}
		}
	})
}
