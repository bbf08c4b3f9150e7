package jetstream_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// logStream is the log's name on the servers.
const logStream = "TIZILIM"

// startNodes starts a cluster of three processes.
func startNodes(t testing.TB) *natstest.Nodes {
	t.Helper()
	tooltest.Long(t, "starts three servers")
	return natstest.Start(t)
}

// at is a configuration for a node of the registry with a directory of its own.
func at(t testing.TB, nodes *natstest.Nodes) jetstream.ClusterConfig {
	t.Helper()
	return jetstream.ClusterConfig{
		Servers: jetstream.Servers{URLs: nodes.URLs(), CA: nodes.CA, Cert: nodes.Cert, Key: nodes.Key},
		Dir:     t.TempDir(), Begin: true,
	}
}

// connect opens a store in the cluster and closes it with the test.
func connect(t testing.TB, config jetstream.ClusterConfig) *jetstream.Cluster {
	t.Helper()
	s, err := jetstream.Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// operator is a connection with all rights in the account of the log.
func operator(t *testing.T, nodes *natstest.Nodes) natsjs.JetStream {
	t.Helper()
	cert, key := nodes.Of("operator")
	conn, err := nats.Connect(nodes.URLs(), nats.RootCAs(nodes.CA), nats.ClientCert(cert, key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestClusterStore(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t)
	js := operator(t, nodes)
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		if err := js.DeleteStream(t.Context(), logStream); err != nil && !errors.Is(err, natsjs.ErrStreamNotFound) {
			t.Fatal(err)
		}
		return clusterSubject(t, nodes)
	})
}

// clusterSubject makes a store with all that the suite can do to it.
func clusterSubject(t *testing.T, nodes *natstest.Nodes) storetest.Subject {
	step, failAt := failing()
	config := at(t, nodes).WithStep(step)
	s := connect(t, config)
	return storetest.Subject{
		Store: s,
		Reopen: func(t *testing.T) storetest.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = connect(t, config)
			return s
		},
		FailNext: failAt("send"),
		LoseNext: failAt("sent"),
		Damage: func(t *testing.T, p domain.Position) storetest.Store {
			id := eventAt(t, s, p)
			s.Close()
			for _, n := range nodes.All { // one by one: two of them need not elect a leader, which takes long
				n.Stop(t)
				flipBit(t, jetstream.ClusterBlockDir(n.Dir), id)
				n.Start(t)
				n.Ready(t)
			}
			s = connect(t, config)
			return s
		},
	}
}
