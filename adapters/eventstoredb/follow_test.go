package eventstoredb_test

import (
	"testing"

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

// A subscription to a node that the others have left behind says nothing: the follower looks for itself.
func TestFollowerHearsNothing(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s := open(t, once(server))
	first := add(t, s, one, 0, storetest.Events(1))
	server.MuteSubscriptions(2)
	wantLog(t, s, first)
	server.MuteSubscriptions(100)
	_, err := followed(t, s, 0, 1)
	is(t, "follow a server that says nothing", err, domain.ErrUnavailable)
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
