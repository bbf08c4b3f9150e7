package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

// sampleRoot is what a line about the tree over testdata/events.jsonl says.
const sampleRoot = "Merkle tree of 196 events, root GunQ96saHJyngXgVw4ayc8EpZo0qRFy+OuKS3LDhmco="

// stores are the event stores that events can be moved between.
var stores = []struct {
	name string
	open func(t *testing.T) eventLog
}{
	{"memory", func(*testing.T) eventLog { return memstore.New() }},
	{"embedded", func(t *testing.T) eventLog {
		s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}},
	{"eventstoredb", func(t *testing.T) eventLog {
		server := esdb(t, esdbtest.Options{})
		s, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: server.URL()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}},
}

// inMemory is the sample log in memory.
func inMemory(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New()
	original, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := archive.Import(t.Context(), s, bytes.NewReader(original)); err != nil {
		t.Fatal(err)
	}
	return s
}

// grown is a tree of the log.
func grown(t *testing.T, log domain.Log) *tree.Tree {
	t.Helper()
	tr, err := tree.Create(filepath.Join(t.TempDir(), "tree.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	if err := grow(t.Context(), tr, log); err != nil {
		t.Fatal(err)
	}
	return tr
}

// Whatever store the events are moved from and to, the tree over them is the same.
func TestRootIsTheSameInEveryStore(t *testing.T) {
	original, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range stores {
		source := from.open(t)
		if _, _, err := archive.Import(t.Context(), source, bytes.NewReader(original)); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := archive.Write(t.Context(), grown(t, source).Guard(source), &file); err != nil {
			t.Fatal(err)
		}
		for _, to := range stores {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				target := to.open(t)
				if _, _, err := archive.Import(t.Context(), target, bytes.NewReader(file.Bytes())); err != nil {
					t.Fatal(err)
				}
				if got := root(grown(t, target)); got != sampleRoot {
					t.Errorf("%s, want %s", got, sampleRoot)
				}
			})
		}
	}
}

// A folder that never had a tree makes one of a log that it shares with other nodes. Where a tree is gone, or
// has to have been, the log is refused.
func TestTreeOfANewNode(t *testing.T) {
	log := inMemory(t)
	folders := func(shared bool) *folder {
		f, err := lockFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.close() })
		if shared {
			f.at.Store = "elsewhere"
		}
		return f
	}
	opened := func(f *folder, log domain.Log) error {
		tr, err := openTree(t.Context(), f, log)
		if err != nil {
			return err
		}
		return errors.Join(grow(t.Context(), tr, log), tr.Close())
	}
	refused := func(what string, f *folder, log domain.Log) {
		t.Helper()
		if err := opened(f, log); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "tree.sqlite is gone") {
			t.Errorf("%s: %v", what, err)
		}
	}
	node := folders(true)
	for range 2 {
		if err := opened(node, log); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := tree.Open(node.tree())
	if err != nil {
		t.Fatal(err)
	}
	if got := root(tr); got != sampleRoot {
		t.Errorf("the new node has the %s", got)
	}
	if err := errors.Join(tr.Close(), os.Remove(node.treeMade())); err != nil {
		t.Fatal(err)
	}
	if err := opened(node, log); err != nil { // as a crash leaves it between the two files
		t.Errorf("a tree that nothing tells of: %v", err)
	}
	if err := projections.RemoveFile(node.tree()); err != nil {
		t.Fatal(err)
	}
	refused("the node's tree is gone", node, log)
	refused("and so is the log", node, memstore.New())
	refused("a log of the folder's own without a tree", folders(false), log)
}

// What the scrubber finds while the registry runs is told, and goes into the figures.
func TestScrubFinds(t *testing.T) {
	store := inMemory(t)
	tr := grown(t, store)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	passes := 0
	s := &scrub{
		tree: tr, log: store, copies: copiesOf(store), perSecond: 1e9, rest: 0, metrics: api.NewMetrics(), logger: slog.New(slog.DiscardHandler),
		models: []projections.Model{modelOf{name: "m"}}, now: func() time.Time { return time.Unix(0, 0).Add(time.Duration(passes) * auditEvery) },
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

// modelOf is a read model of which only the name is asked for.
type modelOf struct {
	projections.Model
	name string
}

func (m modelOf) Name() string { return m.name }

// A read model that cannot be compared now is tried again in the next round, and keeps none of the others
// from being compared, nor has those that were compared done again before the day is over.
func TestScrubReadModels(t *testing.T) {
	now := time.Unix(0, 0)
	var asked []string
	s := &scrub{
		perSecond: 1, now: func() time.Time { return now },
		models: []projections.Model{modelOf{name: "a"}, modelOf{name: "b"}, modelOf{name: "c"}},
		audit: func(_ context.Context, _ domain.Log, m projections.Model) error {
			asked = append(asked, m.Name())
			if m.Name() == "b" && now == time.Unix(0, 0) {
				return domain.ErrUnavailable
			}
			return nil
		},
	}
	if err := s.readModels(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("the first round: %v", err)
	}
	for _, later := range []time.Duration{time.Hour, auditEvery} {
		now = time.Unix(0, 0).Add(later)
		if err := s.readModels(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(asked, " "); got != "a b c b a c" {
		t.Errorf("compared are %s", got)
	}
	s.audit = func(context.Context, domain.Log, projections.Model) error { return domain.ErrDamaged }
	now = now.Add(2 * auditEvery)
	if err := s.readModels(t.Context()); err != domain.ErrDamaged {
		t.Errorf("damage was found, and the others were compared first: %v", err)
	}
}

// Every read model that there is follows the log, and is compared with it.
func TestScrubHasAllModels(t *testing.T) {
	err := started(t, sampleFolder(t), func(r *registry) {
		var names []string
		for _, m := range r.scrub.models {
			names = append(names, m.Name())
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(modelNames(kinds))), slices.Sorted(slices.Values(names))); diff != "" {
			t.Errorf("models (-want +got):\n%s", diff)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// In a log that is too long for a start to compare it whole, one scrub of the disk finds a bit that turned
// wherever it is, and a block that was cut does not even get so far.
func TestOneScrubFinds(t *testing.T) {
	const commits, each = 250, 10
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "tree.sqlite")
	store, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var damaged []byte
	for i := range commits {
		events := storetest.Events(each)
		if i == commits/2 {
			damaged = []byte(events[each/2].ID.String())
		}
		if _, err := store.Append(t.Context(), storetest.Stream("long"), uint64(i*each), events); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := tree.Create(path)
	if err == nil {
		err = errors.Join(grow(t.Context(), tr, store), tr.Close(), store.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"nothing": func(b []byte) []byte { return b },
		"one bit": func(b []byte) []byte {
			b[bytes.Index(b, damaged)] ^= 1
			return b
		},
		"cut": func(b []byte) []byte { return b[:bytes.Index(b, damaged)] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyFolder(t, dir)
			blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", "TIZILIM", "msgs", "1.blk"))
			if err != nil || len(blocks) != 1 {
				t.Fatal(blocks, err)
			}
			block, err := os.ReadFile(blocks[0])
			if err == nil {
				err = os.WriteFile(blocks[0], damage(block), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			switch err := scrubbed(t, dir, path); {
			case name == "nothing":
				if err != nil {
					t.Error(err)
				}
			case !errors.Is(err, domain.ErrDamaged):
				t.Errorf("found: %v", err)
			case name == "one bit" && !strings.Contains(err.Error(), "event 1251 of the log, after position 125"):
				t.Error(err)
			}
		})
	}
}

// scrubbed opens the store and the tree as a start does, without what it compares of a log by chance, and
// scrubs once.
func scrubbed(t *testing.T, dir, path string) error {
	t.Helper()
	store, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer store.Close()
	tr, err := tree.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s := &scrub{
		tree: tr, log: store, copies: copiesOf(store), perSecond: 1e9, rest: time.Hour, metrics: api.NewMetrics(), logger: slog.New(slog.DiscardHandler),
		now: func() time.Time { cancel(); return time.Now() }, // asked after the round
	}
	s.run(ctx)
	return s.found()
}
