package jetstream_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// clusterRounds is how often each fault befalls the cluster. Where it is not set two of them do, once.
const clusterRounds = "TIZILIM_CLUSTER_ROUNDS"

// leader is the node that leads the log.
func leader(t *testing.T, nodes *natstest.Nodes) *natstest.Node {
	t.Helper()
	js := operator(t, nodes)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		s, err := js.Stream(ctx, logStream)
		cancel()
		if err == nil && s.CachedInfo().Cluster.Leader != "" {
			return nodes.Node(t, s.CachedInfo().Cluster.Leader)
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// load is 64 writers on two nodes of the registry, who compete for the versions of some streams.
type load struct {
	trace *trace
	stop  chan struct{}
	done  sync.WaitGroup
}

const clusterStreams = 24

func startLoad(t *testing.T, stores []*jetstream.Cluster) *load {
	l := &load{trace: newTrace(), stop: make(chan struct{})}
	for w := range writers {
		l.done.Go(func() {
			store, from := stores[w%len(stores)], make([]uint64, clusterStreams)
			for i := w; ; i += 7 {
				select {
				case <-l.stop:
					return
				default:
				}
				n := i % clusterStreams
				stream := storetest.Stream("faults-" + strconv.Itoa(n))
				version, ok := l.trace.read(t, store, w, stream, from[n])
				if !ok {
					continue
				}
				from[n] = version
				l.trace.append(t, store, w, stream, version)
			}
		})
	}
	return l
}

// more waits until some more appends were acknowledged.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	want := l.trace.acknowledged() + n
	for end := time.Now().Add(time.Minute); l.trace.acknowledged() < want; {
		if time.Now().After(end) {
			t.Fatal("no commit is acknowledged any more")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *load) end() {
	close(l.stop)
	l.done.Wait()
}

// faults are what befalls the cluster. Each leaves it whole.
var faults = []struct {
	name string
	// most is the longest outage that is to be expected on machines that are busy.
	most time.Duration
	long bool // only where rounds are asked for
	run  func(t *testing.T, nodes *natstest.Nodes, l *load)
}{
	{"the leader is killed and loses its disk", 30 * time.Second, false, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := leader(t, nodes)
		n.Kill(t)
		n.Wipe(t)
		l.more(t, 500)
		n.Start(t)
		n.Ready(t)
	}},
	{"the leader is paused", 30 * time.Second, true, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := leader(t, nodes)
		n.Pause(t)
		l.more(t, 500)
		n.Resume(t)
		n.Ready(t)
	}},
	{"the leader is cut off from the others", 30 * time.Second, false, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := leader(t, nodes)
		nodes.Cut(n)
		l.more(t, 500)
		nodes.Heal(n)
		n.Ready(t)
	}},
	{"another node is cut off from the others", 30 * time.Second, true, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := nodes.All[(slices.Index(nodes.All, leader(t, nodes))+1)%3]
		nodes.Cut(n)
		l.more(t, 500)
		nodes.Heal(n)
		n.Ready(t)
	}},
	{"the leader is stopped", 20 * time.Second, true, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := leader(t, nodes)
		n.Stop(t)
		l.more(t, 500)
		n.Start(t)
		n.Ready(t)
	}},
	{"the leader is killed", 30 * time.Second, true, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := leader(t, nodes)
		n.Kill(t)
		l.more(t, 500)
		n.Start(t)
		n.Ready(t)
	}},
	{"another node loses its disk", 20 * time.Second, true, func(t *testing.T, nodes *natstest.Nodes, l *load) {
		n := nodes.All[(slices.Index(nodes.All, leader(t, nodes))+1)%3]
		n.Kill(t)
		n.Wipe(t)
		l.more(t, 500)
		n.Start(t)
		n.Ready(t)
	}},
}

func TestClusterFaults(t *testing.T) {
	tooltest.Long(t, "starts three servers")
	t.Parallel()
	nodes := natstest.StartApart(t)
	stores := []*jetstream.Cluster{connect(t, at(t, nodes)), connect(t, at(t, nodes))}
	for _, s := range stores {
		x := newIndex()
		x.keepUp(t, s)
		s.UseIndex(x)
	}
	times, long := 1, false
	if text := os.Getenv(clusterRounds); text != "" {
		long = true
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	l := startLoad(t, stores)
	defer func() {
		if t.Failed() && l.stop != nil {
			l.end()
		}
	}()
	l.more(t, 500)
	for round := range times {
		for _, f := range faults {
			if f.long && !long {
				continue
			}
			begin, acknowledged := time.Since(l.trace.begin), l.trace.acknowledged()
			f.run(t, nodes, l)
			l.more(t, 500)
			outage := l.trace.outage(begin)
			t.Logf("round %d: %s: no commit acknowledged for %v (%d were in %v)", round+1, f.name, outage.Round(time.Millisecond),
				l.trace.acknowledged()-acknowledged, (time.Since(l.trace.begin) - begin).Round(time.Millisecond))
			if outage > f.most {
				t.Errorf("%s: no commit was acknowledged for %v", f.name, outage)
			}
		}
	}
	l.end()
	l.stop = nil
	for i, s := range stores { // a node that has stopped for good does so while others write on
		if err := s.Writable(); err != nil {
			t.Errorf("node %d: %v", i+1, err)
		}
	}
	l.trace.verify(t, connect(t, at(t, nodes)))
	l.trace.linearizable(t)
}

// verify compares the log with what was acknowledged: nothing is lost, stored twice, or somewhere else than
// it was said to be, and nothing is there that nobody sent.
func (h *trace) verify(t *testing.T, s storetest.Store) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, versions := map[uuid.UUID]domain.Position{}, map[domain.Stream]uint64{}
	for c, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Records {
			if at[r.ID] != 0 || !h.sent[r.ID] {
				t.Errorf("event %s is at position %d, and at %d; it was sent: %t", r.ID, c.Position, at[r.ID], h.sent[r.ID])
			}
			if r.Version != versions[c.Stream]+1 {
				t.Errorf("%s: version %d follows %d", c.Stream, r.Version, versions[c.Stream])
			}
			at[r.ID], versions[c.Stream] = c.Position, r.Version
		}
		if c.Position >= head {
			break
		}
	}
	for id, p := range h.acks {
		if at[id] != p {
			t.Errorf("event %s was acknowledged at position %d, it is at %d", id, p, at[id])
		}
	}
	slices.Sort(h.waits)
	part := func(of float64) time.Duration {
		return h.waits[int(of*float64(len(h.waits)-1))].Round(100 * time.Microsecond)
	}
	t.Logf("%d of %d commits were acknowledged; %s", len(h.acks), len(at),
		fmt.Sprintf("an append took %v at the median, %v at the 99th of 100, %v at most", part(0.5), part(0.99), part(1)))
}
