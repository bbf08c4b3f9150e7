package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/memstore"
)

// TestMoveBetweenStores takes a log through every store and back: each commit keeps its very bytes, and the
// commits their order.
func TestMoveBetweenStores(t *testing.T) {
	dir, server := t.TempDir(), esdb(t, esdbtest.Options{Nodes: 3})
	server.Write("somebody-else", "noted", `{}`, ``) // positions are others than in any other store
	embedded := func(name string) []string { return []string{"--data", filepath.Join(dir, name)} }
	elsewhere := append(embedded("esdb"), "--store", server.URL())

	const given = "testdata/events.jsonl"
	want := commitsOf(t, content(t, given))
	if several := slices.ContainsFunc(want, func(c string) bool { return strings.Count(c, `"schema":`) > 1 }); !several || len(want) < 100 {
		t.Fatalf("%d commits, none of several events: that tells too little", len(want))
	}
	file := filepath.Join(dir, "memory")
	throughMemory(t, given, file)
	for i, flags := range [][]string{embedded("first"), elsewhere, embedded("second")} {
		for _, said := range []string{strconv.Itoa(len(want)) + " of them new", ", 0 of them new"} { // a repeated import adds nothing
			out, code := command(append([]string{"import", file}, flags...)...)
			if code != 0 || !strings.Contains(out, said) {
				t.Fatalf("import %d: %d %s", i, code, out)
			}
		}
		file = filepath.Join(dir, "export-"+strconv.Itoa(i))
		if out, code := command(append([]string{"export", "--out", file}, flags...)...); code != 0 {
			t.Fatalf("export %d: %d %s", i, code, out)
		}
		if diff := cmp.Diff(want, commitsOf(t, content(t, file))); diff != "" {
			t.Fatalf("store %d (-given +exported):\n%s", i, diff)
		}
	}
	if !bytes.Equal(content(t, filepath.Join(dir, "export-0")), content(t, filepath.Join(dir, "export-2"))) {
		t.Error("two embedded stores with one log are exported differently")
	}
	last := filepath.Join(dir, "last")
	throughMemory(t, file, last)
	if diff := cmp.Diff(want, commitsOf(t, content(t, last))); diff != "" {
		t.Errorf("in memory again (-given +exported):\n%s", diff)
	}
}

// throughMemory imports a file into a store in memory, and exports that.
func throughMemory(t *testing.T, from, to string) {
	t.Helper()
	file, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	store := memstore.New()
	if _, _, err := archive.Import(t.Context(), store, file); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := archive.Write(t.Context(), store, &out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
