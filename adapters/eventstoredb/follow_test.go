package eventstoredb_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// TestFollowerIsDropped writes commits of several events while subscriptions are dropped, nodes die and
// the leader changes: every commit comes whole, once, and in order.
func TestFollowerIsDropped(t *testing.T) {
	const appends = 120
	server := serve(t, esdbtest.Options{Nodes: 3})
	s := open(t, patient(server))
	want := make([]domain.Commit, 0, appends)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range uint64(appends) {
			events := storetest.Events(3)
			p, err := s.Append(t.Context(), one, i*3, events)
			if err != nil {
				t.Error(err)
				return
			}
			want = append(want, domain.NewCommit(one, i*3, p, events))
			switch i % 30 {
			case 9:
				server.DropSubscriptions()
			case 19:
				server.Lead((server.Leader() + 1) % 3)
			case 29:
				leader := server.Leader()
				server.Stop(leader)
				server.Lead((leader + 1) % 3)
				if err := server.Restart(leader); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	got, err := followed(t, s, 0, appends)
	if err != nil {
		t.Fatal(err)
	}
	<-written
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-written +followed):\n%s", d)
	}
}

// A subscription that is dropped within a commit brings it whole the next time.
func TestFollowerIsDroppedWithinACommit(t *testing.T) {
	w := newWorld(t)
	for events := 1; events < 18; events++ {
		w.CutSubscription(events)
		wantLog(t, w.store, w.commits...)
	}
}

// A subscription to a node that the others have left behind says nothing, and one that ends before it was confirmed
// is like one that was dropped: the follower looks for itself, and tries again.
func TestFollowerHearsNothing(t *testing.T) {
	for what, fault := range map[string]func(s *esdbtest.Server, n int){
		"says nothing": (*esdbtest.Server).MuteSubscriptions, "ends every subscription": (*esdbtest.Server).EndSubscriptions,
	} {
		server := serve(t, esdbtest.Options{})
		s := open(t, once(server))
		first := add(t, s, one, 0, storetest.Events(1))
		fault(server, 2)
		wantLog(t, s, first)
		fault(server, 100)
		_, err := followed(t, s, 0, 1)
		is(t, "follow a server that "+what, err, domain.ErrUnavailable)
	}
}

// A store that is closed lets nobody wait.
func TestClose(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s := open(t, patient(server))
	add(t, s, one, 0, storetest.Events(1))
	for _, err := range s.Follow(t.Context(), 0) {
		if err == nil {
			s.Close()
			continue
		}
		is(t, "follow", err, domain.ErrUnavailable)
	}
	_, err := s.Append(t.Context(), one, 1, storetest.Events(1))
	is(t, "append", err, domain.ErrUnavailable)
	_, err = read(t, s, one, 1)
	is(t, "read", err, domain.ErrUnavailable)
}

// The log is followed from the positions of commits, and nobody waits for a server to take another one.
func TestFollowFromWithin(t *testing.T) {
	w := newWorld(t)
	s := open(t, patient(w.Server))
	begin := time.Now()
	for _, c := range w.commits[:5] {
		for _, after := range []domain.Position{c.Position - 1, c.Position + 1} {
			_, err := followed(t, s, after, 1)
			is(t, "follow from within an event", err, domain.ErrInvalid)
			is(t, "follow from within an event", err, domain.ErrDamaged)
		}
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// As many followers as the server allows on a connection stand in nobody's way; one more is told.
func TestManyFollowers(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	config := once(server)
	config.Silence = time.Minute
	config.URL += "&defaultDeadline=2000"
	s := open(t, config)
	first := add(t, s, one, 0, storetest.Events(1))
	following := make(chan error)
	for range esdbtest.Requests {
		go func() {
			for _, err := range s.Follow(t.Context(), 0) {
				following <- err
			}
		}()
	}
	for range esdbtest.Requests {
		if err := <-following; err != nil {
			t.Fatal(err)
		}
	}
	_, err := followed(t, s, 0, 1)
	is(t, "one follower too many", err, domain.ErrUnavailable)
	second := add(t, s, one, 1, storetest.Events(1))
	for range esdbtest.Requests {
		if err := <-following; err != nil {
			t.Fatal(err)
		}
	}
	if head, err := s.Head(t.Context()); err != nil || head != second.Position {
		t.Errorf("head %d, %v", head, err)
	}
	if got, err := read(t, s, one, 1); err != nil || len(got) != 2 || got[0].Position != first.Position {
		t.Errorf("read %d events, %v", len(got), err)
	}
}

// write lets somebody else write n events to the server.
func write(server *esdbtest.Server, n int) {
	for range n {
		server.Write("somebody-else", "noted", `{}`, ``)
	}
}

// Of a server that others write to as well, a follower that was dropped does not read again what it passed.
func TestFollowerGoesOnFromWhatItPassed(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s := open(t, once(server))
	first := add(t, s, one, 0, storetest.Events(1))
	write(server, 1500)
	second := add(t, s, one, 1, storetest.Events(2))
	server.CutSubscription(2)
	wantLog(t, s, first, second)
	if began := server.Began(); began <= uint64(first.Position) || began >= uint64(second.Position) {
		t.Errorf("the second subscription began after position %d; the commits are at %d and %d", began, first.Position, second.Position)
	}
	third := add(t, s, other, 0, storetest.Events(2))
	for events := 1; events < 5; events++ { // within and between
		server.CutSubscription(events)
		wantLog(t, s, first, second, third)
	}
}

// Others who write all the time do not hide that the end of the log is missing, nor that nothing comes.
func TestFollowerOnABusyServer(t *testing.T) {
	w := newWorld(t)
	writing, end := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer others.Wait()
	defer end()
	others.Go(func() {
		for tick := time.Tick(10 * time.Millisecond); writing.Err() == nil; <-tick {
			write(w.Server, 1000)
		}
	})
	config := once(w.Server)
	config.Silence = 200 * time.Millisecond
	s := open(t, config)
	wantLog(t, s, w.commits...)
	w.Lose(uint64(w.commits[5].Position))
	got, err := followed(t, s, 0, 6)
	is(t, "follow a log whose end is missing", err, domain.ErrDamaged)
	if d := cmp.Diff(w.commits[:5], got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What others wrote takes a follower many silences to pass.
func TestFollowerPassesALot(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	config := once(server)
	config.Silence = 10 * time.Millisecond
	s := open(t, config)
	first := add(t, s, one, 0, storetest.Events(1))
	write(server, 100_000)
	second := add(t, s, one, 1, storetest.Events(2))
	server.SlowSubscriptions(5 * time.Millisecond)
	wantLog(t, s, first, second)
}
