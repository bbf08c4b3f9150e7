package regulation_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// The file of an act is changed. What was opened under it stays on what it said then.
func TestRemember(t *testing.T) {
	before, err := regulation.LoadFS(file("act.yaml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	old := before.Acts[0]
	kept := fstest.MapFS{
		old.KeptName():                 {Data: old.Source},
		"xx-test-1.000000000000.yaml":  {Data: old.Source},
		"xx-broken.111111111111.yaml":  {Data: []byte("id: xx-broken\ncolor: red\n")},
		"xx-broken.111111111111.yaml~": {Data: []byte("no act")},
	}
	now, err := regulation.LoadFS(file("act.yaml", act(t, "max: 15\n              unit: seconds", "max: 15\n              unit: seconds # as before", "ru: Заполняет", "ru: Вносит")))
	if err != nil {
		t.Fatal(err)
	}
	if now.Acts[0].Wording == old.Wording || len(old.Wording) != 12 {
		t.Fatalf("wordings %q and %q", old.Wording, now.Acts[0].Wording)
	}
	err = now.Remember(kept)
	for _, want := range []string{"xx-test-1.000000000000.yaml:2: holds " + old.KeptName(), `xx-broken.111111111111.yaml:2: unknown field "color"`} {
		if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Remember: %v, want %s", err, want)
		}
	}
	for wording, want := range map[string]string{"": "Вносит", now.Acts[0].Wording: "Вносит", old.Wording: "Заполняет"} {
		s, err := now.Wording("xx-test-1", wording, "test-license")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Procedures[0].Step(3).Wording["ru"]; got != want {
			t.Errorf("wording %q: %s, want %s", wording, got, want)
		}
	}
	// Another wording never takes the place of one that is not here.
	if _, err := now.Wording("xx-test-1", "111111111111", "test-license"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("a wording that is not here: %v", err)
	}
	if s := now.Services(); len(s) != 1 || s[0].Act != now.Acts[0] {
		t.Errorf("a kept wording is offered: %v", s)
	}
}

// What was ever kept is read for ever: testdata/kept has files in the form of every version that gave the
// form of acts something new. One that has landed is never edited: the next version has another name.
func TestKeptForEver(t *testing.T) {
	c := load(t)
	dir := os.DirFS("testdata/kept")
	if err := c.Remember(dir); err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		s, err := c.Named(strings.TrimSuffix(name, ".yaml"), "test-license")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Procedures[0].Survey(); err != nil || s.Act.KeptName() != name {
			t.Errorf("%s: %s, %v", name, s.Act.KeptName(), err)
		}
	}
}
