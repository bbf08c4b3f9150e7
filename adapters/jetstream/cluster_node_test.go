package jetstream_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// TestClusterOfNodes has three nodes of the registry make a cluster of the servers inside them.
func TestClusterOfNodes(t *testing.T) {
	tooltest.Long(t, "waits for elections")
	t.Parallel()
	certs := natstest.NewCertificates(t)
	cert, key := certs.Of("node")
	var peers []jetstream.Peer
	for i, port := range natstest.FreePorts(t, 3) {
		peers = append(peers, jetstream.Peer{Name: fmt.Sprintf("n%d", i+1), Address: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	configs := make([]jetstream.ClusterConfig, 3)
	for i, p := range peers {
		configs[i] = jetstream.ClusterConfig{Dir: t.TempDir(), Begin: true, Node: &jetstream.Node{
			Name: p.Name, Peers: peers, CA: certs.CA, Cert: cert, Key: key, MinFree: 1,
		}}
	}
	stores := make([]*jetstream.Cluster, 3)
	var start sync.WaitGroup
	for i := range configs { // none is ready without another one
		start.Go(func() {
			var err error
			if stores[i], err = jetstream.Connect(t.Context(), configs[i]); err != nil {
				t.Error(err)
			}
		})
	}
	start.Wait()
	t.Cleanup(func() {
		for _, s := range stores {
			if s != nil {
				s.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	stream, events := storetest.Stream("shared"), storetest.Events(4)
	ends := func(i int, want uint64) {
		t.Helper()
		version := uint64(0)
		for r, err := range stores[i].Read(t.Context(), stream, 1) {
			if err != nil {
				t.Fatalf("%s: %v", peers[i].Name, err)
			}
			version = r.Version
		}
		if version != want {
			t.Errorf("%s reads %d events, want %d", peers[i].Name, version, want)
		}
	}
	for i, s := range stores {
		if _, err := s.Append(t.Context(), stream, uint64(i), events[i:i+1]); err != nil {
			t.Fatalf("%s: %v", peers[i].Name, err)
		}
		for other := range stores {
			ends(other, uint64(i+1))
		}
	}
	if _, err := stores[0].Append(t.Context(), stream, 1, storetest.Events(1)); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("a version that another node has taken: %v", err)
	}

	if err := stores[2].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stores[0].Append(t.Context(), stream, 3, events[3:]); err != nil {
		t.Fatalf("two of three nodes: %v", err)
	}
	another := configs[2]
	another.Node = configs[1].Node
	refused(t, another, `mode "cluster-node", format 1, node n3; this is mode "cluster-node", format 1, node n2`)
	if _, err := jetstream.Open(t.Context(), jetstream.Config{Dir: configs[2].Dir}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a node's folder as an embedded store: %v", err)
	}
	for _, wiped := range []bool{false, true} {
		if wiped {
			if err := errors.Join(stores[2].Close(), os.RemoveAll(configs[2].Dir)); err != nil {
				t.Fatal(err)
			}
		}
		stores[2] = connect(t, configs[2])
		ends(2, 4)
		waitFor(t, func() bool { return stores[2].Healthy(t.Context()) == nil })
		if end, err := stores[2].Copied(); err != nil || end != 4 {
			t.Errorf("healthy with a copy up to position %d, %v", end, err)
		}
	}
}

// refused fails the test unless the store refuses to connect and says why.
func refused(t *testing.T, config jetstream.ClusterConfig, why string) {
	t.Helper()
	s, err := jetstream.Connect(t.Context(), config)
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), why) {
		t.Errorf("%v, want %q", err, why)
	}
}

// A cluster that cannot be, or that strangers could join, is refused before anything is started.
func TestNodeIsChecked(t *testing.T) {
	peers := []jetstream.Peer{{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:2"}, {Name: "c", Address: "127.0.0.1:3"}}
	fourth := append(slices.Clone(peers), jetstream.Peer{Name: "d", Address: "127.0.0.1:4"})
	far := slices.Clone(peers)
	far[1].Address = "10.0.0.2:6222"
	twice := slices.Clone(peers)
	twice[1].Name = "a"
	same := slices.Clone(peers)
	same[1].Address = same[0].Address
	odd := slices.Clone(peers)
	odd[2].Name = "c d"
	bare := slices.Clone(peers)
	bare[2].Address = "c"
	for why, n := range map[string]jetstream.Node{
		"2 nodes are no cluster":               {Name: "a", Peers: peers[:2]},
		"4 nodes are no cluster":               {Name: "a", Peers: fourth},
		`node "d" is none of the cluster's`:    {Name: "d", Peers: peers},
		"or anybody could join":                {Name: "a", Peers: far},
		"anybody could join":                   {Name: "a", Peers: peers, Listen: "0.0.0.0:1"},
		"go together":                          {Name: "a", Peers: peers, CA: "ca.pem"},
		"node a, 127.0.0.1:2: its name or":     {Name: "a", Peers: twice},
		"node b, 127.0.0.1:1: its name or":     {Name: "a", Peers: same},
		`"c d" is no name of a node`:           {Name: "a", Peers: odd},
		`address "c" is no host and port`:      {Name: "a", Peers: bare},
		`address ":6222" is no host and port`:  {Name: "a", Peers: peers, Listen: ":6222"},
		`address "127.0.0.1:0": port`:          {Name: "a", Peers: peers, Listen: "127.0.0.1:0"},
		"certificates of the cluster: invalid": {Name: "a", Peers: far, CA: "none", Cert: "none", Key: "none"},
	} {
		refused(t, jetstream.ClusterConfig{Dir: t.TempDir(), Node: &n}, why)
	}
}

// A node whose address is taken does not wait for it.
func TestNodeAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n := jetstream.Node{Name: "a", Listen: taken.Addr().String(), Peers: []jetstream.Peer{
		{Name: "a", Address: "127.0.0.1:1"}, {Name: "b", Address: "127.0.0.1:2"}, {Name: "c", Address: "127.0.0.1:3"},
	}}
	_, err = jetstream.Connect(t.Context(), jetstream.ClusterConfig{Dir: t.TempDir(), Node: &n})
	if !errors.Is(err, domain.ErrUnavailable) || !strings.Contains(err.Error(), "listen for the other nodes") {
		t.Error(err)
	}
}
