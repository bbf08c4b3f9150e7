package eventstoredb_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// world is a server with two streams of three commits each, in turns; every commit has three events.
type world struct {
	*esdbtest.Server
	store   *eventstoredb.Store
	commits []domain.Commit
}

var one, other = storetest.Stream("1"), storetest.Stream("2")

func newWorld(t *testing.T) *world {
	w := &world{Server: serve(t, esdbtest.Options{})}
	w.store = open(t, once(w.Server))
	for i := range uint64(6) {
		stream := []domain.Stream{one, other}[i%2]
		w.commits = append(w.commits, add(t, w.store, stream, i/2*3, storetest.Events(3)))
	}
	return w
}

// positions gives where each event of a commit is.
func (w *world) positions(c domain.Commit) []uint64 {
	return w.Positions(uint64(c.Position), len(c.Records))
}

// TestLostEvents loses every event there is: neither can the stream be read nor the log be followed.
func TestLostEvents(t *testing.T) {
	for i := range 6 {
		for event := range 3 {
			w := newWorld(t)
			lost := w.commits[i]
			w.Lose(w.positions(lost)[event])
			s := open(t, once(w.Server))
			_, err := read(t, s, lost.Stream, 1)
			is(t, "read", err, domain.ErrDamaged)
			got, err := followed(t, s, 0, 6)
			is(t, "follow", err, domain.ErrDamaged)
			if d := cmp.Diff(w.commits[:len(got)], got, cmpopts.EquateEmpty()); d != "" || len(got) > i {
				t.Errorf("event %d of commit %d is lost: followed (-want +got):\n%s", event, i, d)
			}
		}
	}
}

// A whole commit that is lost is noticed from every beginning that is before it, at the latest when its
// stream goes on.
func TestLostCommit(t *testing.T) {
	w := newWorld(t)
	for _, p := range w.positions(w.commits[2]) {
		w.Lose(p)
	}
	for i, after := range []domain.Position{0, w.commits[0].Position, w.commits[1].Position} {
		got, err := followed(t, w.store, after, 6)
		is(t, "follow", err, domain.ErrDamaged)
		if d := cmp.Diff(append(w.commits[i:2:2], w.commits[3]), got); d != "" {
			t.Errorf("after %d (-want +got):\n%s", after, d)
		}
	}
	if _, err := followed(t, w.store, w.commits[2].Position, 3); err != nil {
		t.Errorf("what is whole behind the gap: %v", err)
	}
}

func TestDeletedStreams(t *testing.T) {
	for what, remove := range map[string]func(w *world, stream string){
		"softly":                 func(w *world, stream string) { w.Delete(stream) },
		"for good":               func(w *world, stream string) { w.Tombstone(stream) },
		"in part":                func(w *world, stream string) { w.Truncate(stream, 1) },
		"a commit":               func(w *world, stream string) { w.Truncate(stream, 3) },
		"in part, and scavenged": func(w *world, stream string) { w.Truncate(stream, 1); w.Scavenge() },
		"and scavenged":          func(w *world, stream string) { w.Delete(stream); w.Scavenge() },
	} {
		w := newWorld(t)
		remove(w, "tizilim_"+one.String())
		s := open(t, once(w.Server)) // has no tips
		_, err := read(t, s, one, 1)
		is(t, "read what was deleted "+what, err, domain.ErrDamaged)
		_, err = s.Append(t.Context(), one, 0, storetest.Events(1))
		is(t, "append to what was deleted "+what, err, domain.ErrDamaged)
		if got, err := read(t, s, other, 1); err != nil || len(got) != 9 {
			t.Errorf("%s: of the other stream %d events are read, %v", what, len(got), err)
		}
	}
}

func TestFollowDeletedStreams(t *testing.T) {
	for what, remove := range map[string]func(w *world, stream string){
		"a tombstone":             func(w *world, stream string) { w.Tombstone(stream) },
		"what a scavenge removed": func(w *world, stream string) { w.Truncate(stream, 1); w.Scavenge() },
		"a new beginning": func(w *world, stream string) {
			w.Delete(stream)
			w.Write(stream, "license-issued", `{}`, ``)
		},
	} {
		w := newWorld(t)
		remove(w, "tizilim_"+one.String())
		_, err := followed(t, w.store, 0, 7)
		is(t, "follow "+what, err, domain.ErrDamaged)
	}
}

// What an append refuses it has not written: a soft delete can be undone, and everything is there again.
func TestUndoneDelete(t *testing.T) {
	w := newWorld(t)
	w.Delete("tizilim_" + one.String())
	for _, s := range []*eventstoredb.Store{w.store, open(t, once(w.Server))} {
		_, err := s.Append(t.Context(), one, 0, storetest.Events(1))
		is(t, "append to a stream that was deleted", err, domain.ErrDamaged)
	}
	w.Truncate("tizilim_"+one.String(), 0)
	wantLog(t, w.store, w.commits...)
	if got, err := read(t, w.store, one, 1); err != nil || len(got) != 9 {
		t.Errorf("%d events are read, %v", len(got), err)
	}
}

// A read that is cut, and goes on with a server that has less, is no shorter history.
func TestReadGoesOnWithLess(t *testing.T) {
	for _, has := range []int{0, 1, 3} {
		server := serve(t, esdbtest.Options{Nodes: 2})
		s := open(t, patient(server))
		add(t, s, other, 0, storetest.Events(1))
		var commits []domain.Commit
		for i := range uint64(3) {
			commits = append(commits, add(t, s, one, i, storetest.Events(1)))
		}
		server.Stop(1)
		if has < 3 {
			server.Behind(1, uint64(commits[has].Position))
		}
		if err := server.Restart(1); err != nil {
			t.Fatal(err)
		}
		server.CutReads(1, 2, esdbtest.Broken)
		var last error
		read := 0
		for _, err := range s.Read(t.Context(), one, 1) {
			server.Lead(1)
			if last = err; err == nil {
				read++
			}
		}
		if has == 3 {
			if last != nil || read != 3 {
				t.Errorf("%d events are read, %v", read, last)
			}
			continue
		}
		is(t, "a read that goes on with less", last, domain.ErrDamaged)
	}
}

func TestAlteredEvents(t *testing.T) {
	for _, change := range [][2]string{
		{`"part":2`, `"part":1`}, {`"of":3`, `"of":2`}, {`"after":`, `"after":1`}, {`"after":`, `"before":`}, {`{"part"`, `{ "part"`},
		{`"schema":2`, `"schema":0`}, {`,"regulation"`, `,"regulations"`}, {`2026-03`, `2026-3`}, {`{"n":1}`, `{"n":1`}, {`{"n":1}`, `{"n": 1}`},
	} {
		w := newWorld(t)
		w.Alter(w.positions(w.commits[2])[1], change[0], change[1])
		_, err := read(t, w.store, one, 1)
		is(t, "read "+change[1], err, domain.ErrDamaged)
		got, err := followed(t, w.store, 0, 6)
		is(t, "follow "+change[1], err, domain.ErrDamaged)
		if len(got) != 2 {
			t.Errorf("%s: %d commits are followed", change[1], len(got))
		}
	}
}

// A commit that names another predecessor than the one it has is not taken.
func TestAlteredPredecessor(t *testing.T) {
	w := newWorld(t)
	for _, p := range w.positions(w.commits[4]) {
		w.Alter(p, `"after":`+strconv.FormatUint(uint64(w.commits[2].Position), 10), `"after":`+strconv.FormatUint(uint64(w.commits[0].Position), 10))
	}
	_, err := read(t, w.store, one, 1)
	is(t, "read", err, domain.ErrDamaged)
	_, err = followed(t, w.store, 0, 6)
	is(t, "follow", err, domain.ErrDamaged)
}

// What somebody else writes into a stream of the registry's is not taken for its own.
func TestForeignEvents(t *testing.T) {
	w := newWorld(t)
	w.Write("tizilim_"+one.String(), "license-issued", `{}`, `{"$correlationId":"1"}`)
	_, err := read(t, w.store, one, 1)
	is(t, "read", err, domain.ErrDamaged)
	_, err = followed(t, w.store, 0, 7)
	is(t, "follow", err, domain.ErrDamaged)
	w = newWorld(t)
	w.Write("tizilim_notes", "noted", `{}`, ``)
	_, err = followed(t, w.store, 0, 7)
	is(t, "follow a stream of no category", err, domain.ErrDamaged)
}
