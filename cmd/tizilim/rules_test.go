package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
)

// brought is what an operator brings, and changes while the server runs.
type brought struct {
	t     *testing.T
	dir   string
	flags rulesFlags
}

func bring(t *testing.T) *brought {
	t.Helper()
	b := &brought{t: t, dir: t.TempDir()}
	b.flags.Regulations, b.flags.Calendars = filepath.Join(b.dir, "acts"), filepath.Join(b.dir, "calendars")
	b.flags.Policies, b.flags.Terms = filepath.Join(b.dir, "policies.yaml"), filepath.Join(b.dir, "terms.yaml")
	b.write("acts/minjust.yaml", b.minjust())
	b.write("calendars/kz-2027-01-01.yaml", "version: kz-2027-01-01\nfollows: kz-2026-11-22\nrecorded_at: 2027-01-01\n")
	b.write("policies.yaml", "licensors:\n  committee-enforcement: []\n")
	b.flags.Fees = filepath.Join(b.dir, "fees.yaml")
	b.write("terms.yaml", "terms: []\n")
	b.write("fees.yaml", "version: order-7\nrates:\n  - {service: casino-license, mci: 1, source: order 7}\n")
	return b
}

// minjust is an act as the operator words it: some text changed, the procedure not.
func (b *brought) minjust(changes ...string) string {
	b.t.Helper()
	c, err := regulation.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, a := range c.Acts {
		if a.ID == "kz-minjust-2012-292" {
			return strings.NewReplacer(changes...).Replace(string(a.Source))
		}
	}
	b.t.Fatal("no such act")
	return ""
}

func (b *brought) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// A hangup signal has everything read anew. What is not sound is told with file, line and reason, and
// what was in use stays.
func TestRulesAreReadAnew(t *testing.T) {
	b := bring(t)
	book, err := openRules(b.flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := book.keep(filepath.Join(b.dir, "kept"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	book.onHangup()
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		book.watch(ctx, slog.New(slog.DiscardHandler), func(err error) { told <- err })
	}()
	defer func() { cancel(); <-ended }()
	hangup := func() error {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		return <-told
	}
	first := book.rules()
	for _, tt := range []struct{ file, broken, sound, want string }{
		{"acts/minjust.yaml", b.minjust("printed: {ru: \"15 рабочих дней\"}", "printed: {ru: \"15 раб.\"}"), b.minjust(), `: deadline "15 раб.": "15 раб." is no term`},
		{"acts/minjust.yaml", b.minjust("id: kz-minjust-2012-292", "id: kz-minjust-2012-292\ncolor: red"), b.minjust(), `: unknown field "color"`},
		{"calendars/kz-2027-01-01.yaml", "version: kz-2027-01-01\nfollows: kz-2031-01-01\nrecorded_at: 2027-01-01\n", "version: kz-2027-01-01\nfollows: kz-2026-11-22\nrecorded_at: 2027-01-01\n", `kz-2027-01-01.yaml:2: follows "kz-2031-01-01", which is not there`},
		{"policies.yaml", "licensors:\n  nobody:\n    - {hours: \"09:00-18:30\"}\n", "licensors: {}\n", `policies.yaml:3: no act knows a licensor "nobody"`},
		{"fees.yaml", "version: order-8\nrates:\n  - {service: casino-license, mci: 2}\n", "version: order-8\nrates:\n  - {service: casino-license, mci: 2, source: order 8}\n", `fees.yaml: read fees: invalid: rate of "casino-license"`},
		{"terms.yaml", "terms:\n  - {service: nothing}\n", "terms: []\n", "terms.yaml:2: "},
	} {
		b.write(tt.file, tt.broken)
		if err := hangup(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.file, err, tt.want)
		}
		if book.rules().Catalog != first.Catalog {
			t.Errorf("%s: refused, and yet in use", tt.file)
		}
		if fee, err := book.fees().Of("casino-license", "issue", "2026-11-24"); err != nil || fee.Rate != 100 {
			t.Errorf("%s: fee %+v, %v", tt.file, fee, err)
		}
		b.write(tt.file, tt.sound)
	}
	b.write("acts/minjust.yaml", b.minjust("country: KZ", "country: KZ # as ever"))
	if err := hangup(); err != nil {
		t.Fatal(err)
	}
	if fee, err := book.fees().Of("casino-license", "issue", "2026-11-24"); err != nil || fee.Rate != 200 {
		t.Errorf("the new fee: %+v, %v", fee, err)
	}
	was, is := actOf(t, first), actOf(t, book.rules())
	if was.Wording == is.Wording {
		t.Fatal("the new wording is not in use")
	}
	if _, err := book.rules().Catalog.Wording(was.ID, was.Wording, "private-bailiff-license"); err != nil {
		t.Errorf("what came before is forgotten: %v", err)
	}

	// A kept file that was damaged is mended while its act is here.
	kept := filepath.Join(b.dir, "kept", is.KeptName())
	if err := os.Truncate(kept, 100); err != nil {
		t.Fatal(err)
	}
	if err := hangup(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != string(is.Source) {
		t.Errorf("the damaged file has %d bytes, %v", len(text), err)
	}

	// An empty folder has nothing further to say: what was brought before is taken back.
	if err := os.Remove(filepath.Join(b.dir, "acts/minjust.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := hangup(); err != nil {
		t.Fatal(err)
	}
	if _, err := book.rules().Catalog.Wording(is.ID, is.Wording, "private-bailiff-license"); err != nil {
		t.Errorf("what was taken back is forgotten: %v", err)
	}
	b.write("acts/minjust.yaml", b.minjust("country: KZ", "country: KZ # as ever"))

	// The next start finds both, and a third one that nobody changed on the disk by hand.
	again, err := openRules(b.flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.keep(filepath.Join(b.dir, "kept"), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for _, wording := range []string{was.Wording, is.Wording} {
		if _, err := again.rules().Catalog.Wording(was.ID, wording, "private-bailiff-license"); err != nil {
			t.Error(err)
		}
	}
}

func actOf(t *testing.T, r application.Rules) *regulation.Act {
	t.Helper()
	for _, a := range r.Catalog.Acts {
		if a.ID == "kz-minjust-2012-292" {
			return a
		}
	}
	t.Fatal("no such act")
	return nil
}
