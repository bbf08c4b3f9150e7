package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

// The tree is the same over every store: in memory, in the embedded one, and back.
func TestRootIsTheSameInEveryStore(t *testing.T) {
	dir := sampleFolder(t)
	out := want(t, 0, nil, "export", "--out", filepath.Join(dir, "log.jsonl"), "--data", dir)
	file, err := os.Open(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	memory := memstore.New()
	if _, _, err := archive.Import(t.Context(), memory, file); err != nil {
		t.Fatal(err)
	}
	tr, err := tree.Create(filepath.Join(t.TempDir(), "tree.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := grow(t.Context(), tr, memory); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, root(tr)+"\n") {
		t.Errorf("in memory: %s\nembedded: %s", root(tr), out)
	}
	back := filepath.Join(t.TempDir(), "back.jsonl")
	if err := os.WriteFile(back, events(t, memory), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, 0, []string{root(tr)}, "import", back, "--data", filepath.Join(t.TempDir(), "data"))
}

// What the scrubber finds while the registry runs is told, and goes into the figures.
func TestScrubFinds(t *testing.T) {
	original, err := os.Open("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer original.Close()
	store := memstore.New()
	if _, _, err := archive.Import(t.Context(), store, original); err != nil {
		t.Fatal(err)
	}
	tr, err := tree.Create(filepath.Join(t.TempDir(), "tree.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := grow(t.Context(), tr, store); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	passes := 0
	s := &scrub{
		tree: tr, log: store, perSecond: 1e9, rest: 0, metrics: api.NewMetrics(), logger: slog.New(slog.DiscardHandler),
		models: make([]projections.Model, 1), now: func() time.Time { return time.Unix(0, 0).Add(time.Duration(passes) * auditEvery) },
		audit: func(context.Context, domain.Log, projections.Model) error {
			if passes++; passes == 2 {
				store.Lose(100)
			}
			return nil
		},
	}
	s.run(ctx) // ends with what it finds
	if err := s.found(); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "event 105 of the log, after position 99") || passes != 2 {
		t.Errorf("after %d passes: %v", passes, err)
	}
}
