package eventstoredb_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// own restarts a node with a log of its own, to which something is done.
func own(t *testing.T, server *esdbtest.Server, node int, change func()) {
	t.Helper()
	server.Stop(node)
	server.Own(node)
	change()
	if err := server.Restart(node); err != nil {
		t.Fatal(err)
	}
}

// copies are the copies of a store's log by the number of their node.
func copies(t *testing.T, server *esdbtest.Server, s *eventstoredb.Store) []*eventstoredb.Copy {
	t.Helper()
	all, err := s.Copies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ordered []*eventstoredb.Copy
	for node := range all {
		for _, one := range all {
			if strings.Contains(server.Single(node), "//"+one.Name()+"?") {
				ordered = append(ordered, one)
			}
		}
	}
	if len(ordered) != len(all) {
		t.Fatalf("%d copies, of which %d are of nodes", len(all), len(ordered))
	}
	return ordered
}

// Each node is asked for what it has itself, whoever leads.
func TestCopies(t *testing.T) {
	server := serve(t, esdbtest.Options{Nodes: 3})
	s := open(t, once(server))
	var commits []domain.Commit
	for i := range uint64(6) {
		commits = append(commits, add(t, s, one, 3*i, storetest.Events(3)))
	}
	lost := server.Positions(uint64(commits[2].Position), 3)[1]
	own(t, server, 1, func() { server.LoseOn(1, lost) })
	own(t, server, 2, func() { server.Behind(2, uint64(commits[3].Position)+1) })
	for node, c := range copies(t, server, s) {
		if c.Leads() != (node == 0) {
			t.Errorf("node %d leads: %t", node, c.Leads())
		}
		head, err := c.Head(t.Context())
		if want := commits[[]int{5, 5, 3}[node]].Position; err != nil || head != want {
			t.Errorf("node %d ends at position %d instead of %d, %v", node, head, want, err)
		}
		var got []domain.Commit
		for commit, err := range c.Follow(t.Context(), 0) {
			if err != nil {
				is(t, "what a node has lost", err, domain.ErrDamaged)
				break
			}
			if got = append(got, commit); commit.Position == head {
				break
			}
		}
		if d := cmp.Diff(commits[:[]int{6, 2, 4}[node]], got); d != "" {
			t.Errorf("node %d has (-want +got):\n%s", node, d)
		}
	}
	wantLog(t, s, commits...)

	server.Stop(2)
	_, err := copies(t, server, s)[2].Head(t.Context())
	is(t, "a node that is down", err, domain.ErrUnavailable)
	alone, err := open(t, eventstoredb.Config{URL: server.Single(0), Patience: -1}).Copies(t.Context())
	if err != nil || len(alone) != 0 {
		t.Errorf("a single host has %d copies, %v", len(alone), err)
	}
}

// Nothing is taken from a node whose copy is damaged, should it come to lead.
func TestDamagedNodeLeads(t *testing.T) {
	server := serve(t, esdbtest.Options{Nodes: 3})
	s := open(t, once(server))
	commit := add(t, s, one, 0, storetest.Events(3))
	for i, c := range copies(t, server, s) {
		c.Avoid(i == 1)
	}
	wantLog(t, s, commit)
	server.Lead(1)
	for range 2 { // who led before says so, and then it is known
		_, err := s.Head(t.Context())
		is(t, "the log of a damaged node", err, domain.ErrUnavailable)
	}
	err := s.Healthy(t.Context())
	is(t, "health", err, domain.ErrUnavailable)
	if err == nil || !strings.Contains(err.Error(), "its copy of the log is damaged") {
		t.Errorf("health: %v", err)
	}
	copies(t, server, s)[1].Avoid(false)
	wantLog(t, s, commit)
	server.Lead(2)
	_, _ = s.Head(t.Context()) // learns who leads
	wantLog(t, s, commit)
}
