package jetstream_test

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

func TestClusterIsChecked(t *testing.T) {
	t.Parallel()
	nodes := startNodes(t)
	config := at(t, nodes)
	var lost atomic.Int32
	s := connect(t, config.WithStep(func(name string) error {
		if name == "acknowledged" && lost.Add(-1) >= 0 {
			return os.ErrDeadlineExceeded
		}
		return nil
	}))
	stream := storetest.Stream("checked")

	t.Run("an append whose acknowledgement is lost is sent again and stored once", func(t *testing.T) {
		lost.Store(2)
		p, err := s.Append(t.Context(), stream, 0, storetest.Events(2))
		if head, _ := s.Head(t.Context()); err != nil || p != 1 || head != 1 {
			t.Errorf("position %d, head %d, %v", p, head, err)
		}
	})
	t.Run("a server that only refuses after it was silent is left", func(t *testing.T) {
		for failing, want := range map[time.Duration]bool{0: false, time.Second: false, time.Minute: true} {
			if got := s.LeavesAfter(failing); got != want {
				t.Errorf("silent for %v, and then a refusal: left %t", failing, got)
			}
		}
		if _, err := s.Append(t.Context(), stream, 2, storetest.Events(1)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a read while the tail is behind asks the leader for what is missing alone", func(t *testing.T) {
		held := make(chan struct{})
		behind := connect(t, at(t, nodes).WithStep(func(name string) error {
			if name == "tail" {
				<-held
			}
			return nil
		}))
		defer close(held)
		long, x := storetest.Stream("long"), newIndex()
		for version := range uint64(40) {
			if _, err := s.Append(t.Context(), long, version, storetest.Events(1)); err != nil {
				t.Fatal(err)
			}
		}
		x.catchUp(t, s, 42)
		behind.UseIndex(x)
		if _, err := s.Append(t.Context(), long, 40, storetest.Events(1)); err != nil {
			t.Fatal(err)
		}
		for _, from := range []uint64{1, 20, 41, 42} {
			before, want := behind.Asked(), max(from, 1)
			for r, err := range behind.Read(t.Context(), long, from) {
				if err != nil || r.Version != want {
					t.Fatalf("from %d: version %d instead of %d, %v", from, r.Version, want, err)
				}
				want++
			}
			if asked := behind.Asked() - before; want != 42 || asked > 8 {
				t.Errorf("from %d: read to version %d with %d questions", from, want-1, asked)
			}
		}
	})
	t.Run("the registry can ask for no change of the log, nor hear others", func(t *testing.T) {
		refusedByServers(t, nodes)
		if head, err := s.Head(t.Context()); err != nil || head != 43 {
			t.Errorf("head %d, %v", head, err)
		}
	})
	t.Run("nobody comes in without a certificate", func(t *testing.T) {
		bare := at(t, nodes)
		bare.Cert, bare.Key, bare.Patience = "", "", time.Nanosecond
		if _, err := jetstream.Connect(t.Context(), bare); !errors.Is(err, domain.ErrUnavailable) {
			t.Error(err)
		}
	})
	t.Run("a folder stays with its log and its mode until a loss is declared", func(t *testing.T) {
		another := at(t, nodes)
		if err := errors.Join(s.Close(), connect(t, another).Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.Open(t.Context(), jetstream.Config{Dir: config.Dir}); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("opened as embedded: %v", err)
		}
		if err := operator(t, nodes).DeleteStream(t.Context(), logStream); err != nil {
			t.Fatal(err)
		}
		refuse := func(what string, config jetstream.ClusterConfig, want error) {
			t.Helper()
			s, err := jetstream.Connect(t.Context(), config)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		refuse("the log is gone", config, domain.ErrDamaged)
		stranger, lost := at(t, nodes), config
		stranger.Begin = false
		refuse("there is no log, and none is to begin", stranger, domain.ErrNotFound)
		lost.AcceptLoss = true
		for _, lost.Begin = range []bool{true, false} {
			refuse("the log is gone, and a loss is accepted", lost, domain.ErrDamaged)
		}
		s = connect(t, at(t, nodes))
		if p, err := s.Append(t.Context(), stream, 0, storetest.Events(1)); p != 1 || err != nil {
			t.Fatalf("position %d, %v", p, err)
		}
		refuse("the log ends before what the node has seen", another, domain.ErrDamaged)
		another.Begin = false
		another.AcceptLoss = true
		for _, accept := range []bool{false, true} {
			s := connect(t, another)
			var err error
			if accept {
				err = s.AcceptEnd()
			}
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			if !accept {
				refuse("its end was not accepted", without(another), domain.ErrDamaged)
			}
		}
		if err := connect(t, without(another)).Close(); err != nil { // from then on the folder is this log's
			t.Fatal(err)
		}
	})
	t.Run("a server that does not sync stops the writing", func(t *testing.T) {
		n := nodes.All[0]
		n.Stop(t)
		n.With(t, func(config string) string { return strings.Replace(config, "sync_interval: always", "", 1) })
		n.Start(t)
		n.Ready(t)
		if _, err := jetstream.Connect(t.Context(), at(t, nodes)); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), n.Name+" does not sync") {
			t.Errorf("connect: %v", err)
		}
		s.Recheck()
		if err := s.Healthy(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("healthy: %v", err)
		}
		if _, err := s.Append(t.Context(), stream, 1, storetest.Events(1)); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("append: %v", err)
		}
	})
	t.Run("a log that may forget is refused", func(t *testing.T) {
		js := operator(t, nodes)
		if err := js.DeleteStream(t.Context(), logStream); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: logStream, Subjects: []string{"tizilim.*.*"}, Replicas: 3, MaxAge: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.Connect(t.Context(), at(t, nodes)); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "may forget") {
			t.Error(err)
		}
	})
}

// refusedByServers makes sure that the servers refuse the registry what it has not to ask for, and to hear.
func refusedByServers(t *testing.T, nodes *natstest.Nodes) {
	t.Helper()
	refused := make(chan string, 100)
	conn, err := nats.Connect(nodes.URLs(), nats.RootCAs(nodes.CA), nats.ClientCert(nodes.Cert, nodes.Key), nats.CustomInboxPrefix("_INBOX_TIZILIM"),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err.Error() }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asks := []string{
		"$JS.API.STREAM.DELETE.TIZILIM", "$JS.API.STREAM.PURGE.TIZILIM", "$JS.API.STREAM.UPDATE.TIZILIM", "$JS.API.STREAM.MSG.DELETE.TIZILIM",
		"$JS.API.STREAM.SNAPSHOT.TIZILIM", "$JS.API.STREAM.RESTORE.TIZILIM", "$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.LIST", "$JS.API.INFO",
		"$JS.API.DIRECT.GET.TIZILIM", "$JS.API.STREAM.LEADER.STEPDOWN.TIZILIM", "$JS.API.STREAM.PEER.REMOVE.TIZILIM", "$JS.API.META.LEADER.STEPDOWN",
		"$JS.API.STREAM.DELETE.TIZILIM-NOTICES", "$JS.API.CONSUMER.DURABLE.CREATE.TIZILIM.x", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ",
		"tizilim.license", "tizilim.license.a.b", "other.subject", "_INBOX.somebody",
	}
	hears := []string{">", "_INBOX.>", "tizilim.>", "$JS.>", "$SYS.>", "tizilim.*.*"}
	for _, subject := range asks {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range hears {
		if _, err := conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.FlushTimeout(10 * time.Second); err != nil { // the server answers in order
		t.Fatal(err)
	}
	var all strings.Builder
	for range len(asks) + len(hears) {
		select {
		case text := <-refused:
			all.WriteString(strings.ToLower(text) + "\n")
		case <-time.After(10 * time.Second):
			t.Fatalf("not everything is refused, only:\n%s", all.String())
		}
	}
	for _, subject := range append(asks, hears...) {
		if !strings.Contains(all.String(), `"`+strings.ToLower(subject)+`"`) {
			t.Errorf("%s is not refused", subject)
		}
	}
}

// without is the configuration of who accepts no loss.
func without(config jetstream.ClusterConfig) jetstream.ClusterConfig {
	config.AcceptLoss = false
	return config
}
