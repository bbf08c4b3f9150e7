package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/blobstore"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// oldData is a registry's data of five years ago: one application of which the certificate, and everybody
// who could be asked about it, is gone by now.
type oldData struct {
	dir   string
	trust string
	id    string
	found []signing.Evidence
}

// signedLongAgo has an application signed, as of then, by a certificate whose term has ended since.
func signedLongAgo(t *testing.T) oldData {
	t.Helper()
	const iin = "850312300121"
	then := time.Now().AddDate(-5, 0, 0)
	now := func() time.Time { return then }
	server := httptest.NewServer(nil)
	a, err := authority.Open(authority.Config{Dir: t.TempDir(), URL: server.URL, Now: now, Terms: then, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		server.Config.Handler = a
		err = a.Issue(authority.Holder{ID: "erlan", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: iin})
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
	trusted, err := openTrust(a.TrustDir(), "", now)
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
	stream, err := domain.NewStream(domain.ApplicationCategory, uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	do := func(c application.Command) (s application.State) {
		t.Helper()
		m := domain.Meta{Command: uuid.New(), Time: then, Actor: domain.Actor{ID: "a", Role: domain.RoleApplicant}}
		_, err := domain.Execute(t.Context(), store, stream, m, application.Fold,
			func(s application.State) ([]domain.Payload, error) { return rules.rules().Decide(s, c) })
		if err == nil {
			s, err = domain.Load(t.Context(), store, stream, application.Fold)
		}
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		return s
	}
	do(application.Open{At: then, Service: "casino-license", Channel: regulation.Portal, Request: regulation.Issue, Applicant: application.Applicant{ID: iin}})
	do(application.File{At: then, Form: application.Form{Name: "Үлгібаев Ерлан"}})
	do(application.RequestPayment{At: then, Order: "o", Amount: 1, Currency: "KZT"})
	s := do(application.Pay{At: then, Order: "o", Reference: "r", Amount: 1, Currency: "KZT"})
	purpose, signer, _ := rules.rules().Signature(s, "")
	v, err := sign(t.Context(), a, &signatures{trust: trusted, lists: f.blobs}, "erlan", signing.Claim{Signed: s.Content(), Purpose: purpose, Signer: signer, Received: then})
	if err != nil {
		t.Fatal(err)
	}
	if s = do(application.Judged(purpose, v, then, 0, "a", nil)); s.Signature == nil {
		t.Fatalf("not signed: %+v", v)
	}
	found, err := application.EvidenceOf(store.Read(t.Context(), stream, 1))
	if err = errors.Join(err, store.Close(), f.close()); err != nil {
		t.Fatal(err)
	}
	server.Close() // nobody is there to be asked any more
	return oldData{dir: data, trust: a.TrustDir(), id: stream.ID, found: found}
}

// What was signed can be verified years later, with nothing but what is kept; and what was changed since is
// found.
func TestVerifyApplicationYearsLater(t *testing.T) {
	old := signedLongAgo(t)
	verify := func(code int, say string) {
		t.Helper()
		out, got := command("verify", "application", old.id, "--data", old.dir, "--trust", old.trust)
		if got != code || !strings.Contains(out, say) {
			t.Errorf("code %d, want %d and %q:\n%s", got, code, say, out)
		}
	}
	verify(0, "application-signed  (request)\nvalid ")
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
	for i := range old.found[0].Document {
		if i%17 != 0 {
			continue
		}
		changed := old.found[0]
		changed.Document = bytes.Clone(changed.Document)
		changed.Document[i] ^= 1
		if _, err := recheck(context.Background(), config.Trust, lists, changed); err == nil {
			t.Errorf("byte %d of the evidence may be changed", i)
		}
	}
	changed := old.found[0]
	changed.Signed = append(bytes.Clone(changed.Signed), ' ')
	if _, err := recheck(context.Background(), config.Trust, lists, changed); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("other bytes were signed: %v", err)
	}
	if n := spoilLists(t, filepath.Join(old.dir, "documents")); n == 0 {
		t.Fatal("no list of revoked certificates is kept")
	}
	verify(1, "NOT AS IT WAS")
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
