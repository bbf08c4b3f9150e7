package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
)

// keeper keeps a copy of the log in memory. It is away while it has none.
type keeper struct {
	*memstore.Store
	read    bool
	avoided bool
}

// Head is where a keeper that is away does not get further.
func (s *keeper) Head(ctx context.Context) (domain.Position, error) {
	if s.Store == nil {
		return 0, domain.ErrUnavailable
	}
	return s.Store.Head(ctx)
}

// keepers are compared with the tree of one log.
type keepers struct {
	*testing.T
	*scrub
	all map[string]*keeper
	log bytes.Buffer
}

func newKeepers(t *testing.T, names ...string) *keepers {
	w := &keepers{T: t, all: map[string]*keeper{}}
	for _, name := range names {
		w.all[name] = &keeper{Store: inMemory(t)}
	}
	w.scrub = &scrub{
		tree: grown(t, inMemory(t)), perSecond: 1e9, metrics: api.NewMetrics(), logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		copies: func(context.Context) (copies []logCopy, err error) {
			for _, name := range slices.Sorted(maps.Keys(w.all)) {
				s := w.all[name]
				copies = append(copies, logCopy{Log: s, server: name, read: s.read, avoid: func(avoid bool) { s.avoided = avoid }})
			}
			return copies, nil
		},
	}
	return w
}

// round compares all copies once, and gives what was logged.
func (w *keepers) round() (log string, err error) {
	w.log.Reset()
	err = w.compareLog(w.Context())
	return w.log.String(), err
}

// avoided are the servers that nothing is taken from.
func (w *keepers) avoided() (names []string) {
	for name, s := range w.all {
		if s.avoided {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// A copy that is damaged is reported with its server and the first place, in each round, and nothing is taken from
// its server until it was compared from the first event on and found to be whole. The registry goes on.
func TestScrubDamagedCopy(t *testing.T) {
	w := newKeepers(t, "a", "b", "c")
	if log, err := w.round(); err != nil || log != "" {
		t.Errorf("all are whole: %v\n%s", err, log)
	}
	w.all["b"].Lose(100)
	for range 2 {
		log, err := w.round()
		if err != nil || !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "server=b") || !strings.Contains(log, "event 105 of the log, after position 99") {
			t.Errorf("one is damaged: %v\n%s", err, log)
		}
		if d := cmp.Diff([]string{"b"}, w.avoided()); d != "" || strings.Contains(log, "server=a") {
			t.Errorf("avoided (-want +got):\n%s\n%s", d, log)
		}
	}
	damaged := w.all["b"].Store
	w.all["b"].Store = nil
	if log, err := w.round(); err != nil || !strings.Contains(log, "level=WARN") || !strings.Contains(log, "server=b") || len(w.avoided()) != 1 {
		t.Errorf("it is away: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	w.all["b"].Store = damaged
	if log, err := w.round(); err != nil || !strings.Contains(log, "event 105") {
		t.Errorf("it is back: %v\n%s", err, log)
	}
	w.all["b"].Store = inMemory(t)
	w.all["b"].Lose(3) // before the place where the damage was
	if log, err := w.round(); err != nil || !strings.Contains(log, "level=ERROR") || len(w.avoided()) != 1 {
		t.Errorf("it is mended where the damage was, and damaged before: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	w.all["b"].Store = inMemory(t)
	if log, err := w.round(); err != nil || !strings.Contains(log, "whole again") || len(w.avoided()) != 0 {
		t.Errorf("it is filled anew: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	if log, err := w.round(); err != nil || log != "" {
		t.Errorf("all are whole: %v\n%s", err, log)
	}
}

// A server that was filled anew is compared from the first event on at once, not only behind where it was damaged.
func TestScrubFilledAnew(t *testing.T) {
	commits := sample.Commits(400, 1)
	changed := func(i int) []domain.Commit {
		all := slices.Clone(commits)
		all[i].Records = slices.Clone(all[i].Records)
		all[i].Records[0].Data = []byte(`{}`)
		return all
	}
	var log bytes.Buffer
	var one, other domain.Log = sample.NewLog(commits), nil
	s := &scrub{
		tree: grown(t, one), perSecond: 1e9, metrics: api.NewMetrics(), logger: slog.New(slog.NewTextHandler(&log, nil)),
		copies: func(context.Context) ([]logCopy, error) {
			nothing := func(bool) {}
			return []logCopy{{Log: one, server: "one", avoid: nothing}, {Log: other, server: "other", avoid: nothing}}, nil
		},
	}
	for _, tt := range []struct {
		other []domain.Commit
		want  string
	}{
		{changed(len(commits) - 1), fmt.Sprintf("at position %d ", commits[len(commits)-1].Position)},
		{changed(1), fmt.Sprintf("at position %d ", commits[1].Position)},
		{commits, "whole again"},
	} {
		log.Reset()
		other = sample.NewLog(tt.other)
		if err := s.compareLog(t.Context()); err != nil || !strings.Contains(log.String(), tt.want) {
			t.Errorf("%v, without %q:\n%s", err, tt.want, log.String())
		}
	}
}

// What the registry cannot go on with is the log's own damage.
func TestScrubDamagedCopies(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(w *keepers)
		want   error
	}{
		"the one that is read":          {func(w *keepers) { w.all["b"].Lose(100); w.all["b"].read = true }, domain.ErrDamaged},
		"another one than is read":      {func(w *keepers) { w.all["b"].Lose(100); w.all["a"].read = true }, nil},
		"two of three":                  {func(w *keepers) { w.all["a"].Lose(100); w.all["c"].Lose(7) }, nil},
		"all":                           {func(w *keepers) { w.all["a"].Lose(100); w.all["b"].Lose(90); w.all["c"].Lose(7) }, domain.ErrDamaged},
		"one, and the others are away":  {func(w *keepers) { w.all["a"].Store, w.all["b"].Store = nil, nil; w.all["c"].Lose(7) }, domain.ErrUnavailable},
		"none, and two are away":        {func(w *keepers) { w.all["a"].Store, w.all["b"].Store = nil, nil }, nil},
		"none, and all are away":        {func(w *keepers) { w.all["a"].Store, w.all["b"].Store, w.all["c"].Store = nil, nil, nil }, domain.ErrUnavailable},
		"none, and one has nothing yet": {func(w *keepers) { w.all["a"].Store = nil }, nil},
	} {
		w := newKeepers(t, "a", "b", "c")
		tt.damage(w)
		if _, err := w.round(); !errors.Is(err, tt.want) || tt.want != domain.ErrDamaged && errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// Which copy is read is found out when one turns out to be damaged, hours after the round began.
func TestScrubAnotherIsRead(t *testing.T) {
	for _, tt := range []struct {
		what   string
		reads  [2]string // as the round begins, and from then on
		fails  bool
		damage error
	}{
		{"it was read, and is no more", [2]string{"b", "a"}, false, nil},
		{"it was not, and is", [2]string{"a", "b"}, false, domain.ErrDamaged},
		{"it was, and nobody knows", [2]string{"b", "b"}, true, nil},
	} {
		w := newKeepers(t, "a", "b", "c")
		w.all["b"].Lose(100)
		find, asked := w.copies, 0
		w.copies = func(ctx context.Context) ([]logCopy, error) {
			for name, s := range w.all {
				s.read = name == tt.reads[min(asked, 1)]
			}
			if asked++; asked > 1 && tt.fails {
				return nil, domain.ErrUnavailable
			}
			return find(ctx)
		}
		if log, err := w.round(); !errors.Is(err, tt.damage) || !strings.Contains(log, "event 105") || len(w.avoided()) != 1 {
			t.Errorf("%s: %v, avoided %v\n%s", tt.what, err, w.avoided(), log)
		}
	}
}

// That a copy is damaged is known after a restart: it is avoided, compared first, and whole only from its first event on.
func TestScrubRecallsDamage(t *testing.T) {
	w := newKeepers(t, "a", "b", "c")
	w.all["b"].Lose(100)
	if _, err := w.round(); err != nil {
		t.Fatal(err)
	}
	restart := func() {
		w.scrub = &scrub{tree: w.tree, perSecond: w.perSecond, metrics: api.NewMetrics(), logger: w.logger, copies: w.copies}
		w.all["b"].avoided = false
	}
	restart()
	w.all["b"].Store = nil
	if log, err := w.round(); err != nil || !strings.Contains(log, "level=WARN") || len(w.avoided()) != 1 {
		t.Errorf("it is away: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	restart()
	w.all["b"].Store = inMemory(t)
	w.all["b"].Lose(3) // before the place where the damage was
	w.all["a"].Store = nil
	log, err := w.round()
	if err != nil || !strings.Contains(log, "level=ERROR") || len(w.avoided()) != 1 {
		t.Errorf("it is damaged before: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	if b, a := strings.Index(log, "server=b"), strings.Index(log, "server=a"); b > a {
		t.Errorf("it is not compared first:\n%s", log)
	}
	w.all["b"].Store = inMemory(t)
	restart()
	if log, err := w.round(); err != nil || !strings.Contains(log, "whole again") || len(w.avoided()) != 0 {
		t.Errorf("it is filled anew: %v, avoided %v\n%s", err, w.avoided(), log)
	}
	restart()
	if log, err := w.round(); err != nil || strings.Contains(log, "server=b") {
		t.Errorf("it is whole: %v\n%s", err, log)
	}
}

// Where all copies were damaged when the registry stopped, none is avoided: it has to go on with one of them.
func TestScrubRecallsAllDamaged(t *testing.T) {
	w := newKeepers(t, "a", "b")
	for _, k := range w.all {
		k.Lose(100)
	}
	if _, err := w.round(); !errors.Is(err, domain.ErrDamaged) {
		t.Fatal(err)
	}
	w.scrub = &scrub{tree: w.tree, perSecond: w.perSecond, metrics: api.NewMetrics(), logger: w.logger, copies: w.copies}
	copies, err := w.copies(t.Context())
	if err == nil {
		err = w.recall(t.Context(), copies)
	}
	if err != nil || len(w.avoided()) != 0 {
		t.Errorf("avoided are %q, %v", w.avoided(), err)
	}
}

// Of a server that keeps no copy any more only the damage is known, should it come back.
func TestScrubFewerCopies(t *testing.T) {
	w := newKeepers(t, "a", "b")
	w.all["b"].Lose(100)
	if _, err := w.round(); err != nil || len(w.bad) != 1 {
		t.Errorf("%v, bad %v", err, w.bad)
	}
	b := w.all["b"]
	delete(w.all, "b")
	if log, err := w.round(); err != nil || log != "" || len(w.seen) != 1 {
		t.Errorf("%v, seen %v\n%s", err, w.seen, log)
	}
	w.all["b"] = b
	w.all["b"].Store = inMemory(t)
	w.all["b"].Lose(3) // before the place where the damage was
	if log, err := w.round(); err != nil || !strings.Contains(log, "level=ERROR") || len(w.avoided()) != 1 {
		t.Errorf("it is back: %v, avoided %v\n%s", err, w.avoided(), log)
	}
}

// scrubOf is a scrub of a store's copies that has not run yet, and what it logs.
func scrubOf(t *testing.T, log domain.Log) (*scrub, *bytes.Buffer) {
	var logged bytes.Buffer
	return &scrub{
		tree: grown(t, log), log: log, copies: copiesOf(log), perSecond: 1e9, metrics: api.NewMetrics(),
		logger: slog.New(slog.NewTextHandler(&logged, nil)),
	}, &logged
}

// imported puts the sample log into a store.
func imported(t *testing.T, store archive.Store) {
	t.Helper()
	original, err := os.ReadFile("testdata/events.jsonl")
	if err == nil {
		_, _, err = archive.Import(t.Context(), store, bytes.NewReader(original))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// On EventStoreDB each node of the cluster is compared: what a follower has is not seen by who asks the leader, and
// what the leader has is what the registry reads.
func TestScrubCopiesInEventStoreDB(t *testing.T) {
	nodes := esdb(t, esdbtest.Options{Nodes: 3})
	store, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: nodes.URL(), Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	imported(t, store)
	s, logged := scrubOf(t, store)
	compare := func() (string, error) {
		t.Helper()
		logged.Reset()
		err := s.compareLog(t.Context())
		return logged.String(), err
	}
	if log, err := compare(); err != nil || log != "" {
		t.Fatalf("all are whole: %v\n%s", err, log)
	}
	at := changeable(t, nodes, store)
	nodes.Stop(1)
	nodes.Own(1)
	nodes.AlterOn(1, at, service[0], service[1])
	if err := nodes.Restart(1); err != nil {
		t.Fatal(err)
	}
	follower := nodes.Single(1)[len("esdb://"):strings.Index(nodes.Single(1), "?")]
	if log, err := compare(); err != nil || !strings.Contains(log, "server="+follower) || !strings.Contains(log, "it is not the event that was written there") {
		t.Errorf("a follower is damaged: %v\n%s", err, log)
	}
	nodes.Stop(2)
	if log, err := compare(); err != nil || strings.Count(log, "level=WARN") != 1 || strings.Count(log, "level=ERROR") != 1 {
		t.Errorf("and another one is down: %v\n%s", err, log)
	}
	nodes.Lead(1)
	if _, err := store.Head(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("it leads, and is read: %v", err)
	}
	if log, err := compare(); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("it leads: %v\n%s", err, log)
	}
}

// service is in events of the sample log, and what it can be changed to without any reader of one event noticing.
var service = [2]string{`"service":"casino-license"`, `"service":"casino-licence"`}

// changeable is where an event is that has it.
func changeable(t *testing.T, server *esdbtest.Server, log domain.Log) uint64 {
	t.Helper()
	for c, err := range log.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(c.Records[0].Data, []byte(service[0])) {
			return server.Positions(uint64(c.Position), len(c.Records))[0]
		}
	}
	return 0
}

// Where servers keep the log, what the registry reads of it is compared with the tree on its way: an event that was
// changed is not served, nor put into a read model that is built anew, by a node that knew it before.
func TestReadsAreCompared(t *testing.T) {
	server := esdb(t, esdbtest.Options{})
	store, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := store.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	imported(t, store)
	at := changeable(t, server, store)
	err = startedOn(t, t.TempDir(), server.URL(), func(r *registry) {
		if err := errors.Join(r.follower.CaughtUp(t.Context()), r.tree.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		read := func(log domain.Log) error {
			head, err := log.Head(t.Context())
			if err != nil {
				return err
			}
			for c, err := range log.Follow(t.Context(), 0) {
				if err != nil || c.Position == head {
					return err
				}
			}
			return nil
		}
		if err := read(r.log); err != nil {
			t.Errorf("before: %v", err)
		}
		server.Alter(at, service[0], service[1])
		if err := read(r.store); err != nil {
			t.Errorf("the store notices by itself: %v", err)
		}
		if err := read(r.log); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "it is not the event that was written there") {
			t.Errorf("what the registry reads: %v", err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// In a NATS cluster one scrub finds what one of three real servers lost, whichever it is: a bit that turned. Filled anew by the others it is whole.
func TestScrubCopiesInCluster(t *testing.T) {
	tooltest.Long(t, "starts three servers")
	t.Parallel()
	nodes := natstest.Start(t)
	store, err := jetstream.Connect(t.Context(), jetstream.ClusterConfig{
		Servers: jetstream.Servers{URLs: nodes.URLs(), CA: nodes.CA, Cert: nodes.Cert, Key: nodes.Key}, Dir: t.TempDir(), Begin: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	imported(t, store)
	s, logged := scrubOf(t, store)
	if err := s.compareLog(t.Context()); err != nil || logged.Len() != 0 {
		t.Fatalf("all are whole: %v\n%s", err, logged)
	}
	var event []byte
	for c, err := range store.Follow(t.Context(), 99) {
		if err != nil {
			t.Fatal(err)
		}
		event = []byte(c.Records[0].ID.String())
		break
	}
	for _, n := range nodes.All[:2] { // one of them at least does not lead
		logged.Reset()
		n.Stop(t)
		turnBit(t, n.Dir, event)
		n.Start(t)
		n.Ready(t)
		err := s.compareLog(t.Context())
		if log := logged.String(); err != nil || !strings.Contains(log, "server="+n.Name) || strings.Count(log, "level=") != 1 || !strings.Contains(log, "event 105 of the log, after position 99") {
			t.Errorf("%s is damaged: %v\n%s", n.Name, err, log)
		}
		logged.Reset()
		n.Stop(t)
		n.Wipe(t)
		n.Start(t)
		n.Ready(t)
		if err := s.compareLog(t.Context()); err != nil || !strings.Contains(logged.String(), "whole again") {
			t.Errorf("%s is filled anew: %v\n%s", n.Name, err, logged)
		}
	}
}

// turnBit turns a bit of an event in the block files of a stopped server.
func turnBit(t *testing.T, dir string, event []byte) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "TIZILIM", "streams", "TIZILIM", "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks {
		content, err := os.ReadFile(block)
		if at := bytes.Index(content, event); at >= 0 {
			content[at] ^= 1
			err = os.WriteFile(block, content, 0o600)
			if err == nil {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s is in none of %v", event, blocks)
}
