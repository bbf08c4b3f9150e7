package notices_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/adapters/tooltest"
)

// cluster starts three NATS servers that are one, and returns the address of the first.
func cluster(t *testing.T) string {
	t.Helper()
	var routes []*url.URL
	var ports []int
	for range 3 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, free.Addr().(*net.TCPAddr).Port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: free.Addr().String()})
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var servers []*server.Server
	for i, port := range ports {
		srv, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("node-", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
			Cluster: server.ClusterOpts{Name: "three", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
		servers = append(servers, srv)
	}
	for _, srv := range servers {
		if !srv.ReadyForConnections(20 * time.Second) {
			t.Fatal("the cluster does not start")
		}
	}
	return servers[0].ClientURL()
}

// A server that is storing the same notice for another node is asked again after a moment, not at once.
func TestNoticeThatIsBeingStoredIsWaitedFor(t *testing.T) {
	address := "nats://registry:secret@" + foreign(t, t.TempDir(), "127.0.0.1:-1").Addr().String()
	conn, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	// A stream that does not answer, so that this test can in its stead.
	if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: notices.Stream, Subjects: []string{notices.Subjects}, NoAck: true}); err != nil {
		t.Fatal(err)
	}
	var answered time.Time
	pauses := make(chan time.Duration, 10)
	answers := []string{storing, storing, storing, `{"stream":"` + notices.Stream + `","seq":1}`}
	if _, err := conn.Subscribe(notices.Subjects, func(m *nats.Msg) {
		if !answered.IsZero() {
			pauses <- time.Since(answered)
		}
		answered = time.Now()
		if err := m.Respond([]byte(answers[len(pauses)])); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	l, err := notices.Dial(notices.Server{URL: address, Logger: slog.New(slog.DiscardHandler)}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	publish(t, l, notice("a", 1))
	for range 3 {
		if pause := <-pauses; pause < 5*time.Millisecond {
			t.Errorf("asked again after %v", pause)
		}
	}
}

// storing is the answer of a cluster that is storing a message of the same subject.
const storing = `{"error":{"code":400,"err_code":10164,"description":"wrong last sequence"}}`

// Two nodes that tell of the same things at the same moment, to a ledger with replicas, both succeed, and
// each notice is kept once.
func TestNodesMeetInACluster(t *testing.T) {
	tooltest.Long(t, "starts three servers")
	address := cluster(t)
	conn, err := nats.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; { // until the cluster has a leader
		_, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: notices.Stream, Subjects: []string{notices.Subjects}, Replicas: 3})
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	const n = 200
	var nodes sync.WaitGroup
	for range 4 {
		l, err := notices.Dial(notices.Server{URL: address, Logger: slog.New(slog.DiscardHandler)}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		nodes.Go(func() {
			for i := range n {
				if err := l.Publish(t.Context(), []notices.Notice{notice("a", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	nodes.Wait()
	stream, err := js.Stream(t.Context(), notices.Stream)
	if err != nil || stream.CachedInfo().State.Msgs != n || stream.CachedInfo().State.NumSubjects != n {
		t.Errorf("%+v, %v", stream, err)
	}
}
