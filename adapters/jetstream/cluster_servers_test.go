package jetstream_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
)

// Of a cluster of more servers than keep the log those that keep it are looked at, whoever answers first.
func TestServersThatKeepTheLogAreChecked(t *testing.T) {
	t.Parallel()
	const stranger, loses = "stranger", "loses"
	for name, test := range map[string]struct {
		answers []string // the names, in order
		want    error
	}{
		"all sync":                       {[]string{"a", "b", "c"}, nil},
		"two sync, of the third nothing": {[]string{"a", "b"}, nil},
		"of two nothing":                 {[]string{"a", "a"}, domain.ErrUnavailable},
		"strangers come first":           {[]string{stranger, stranger, "a", "b", "c"}, nil},
		"only strangers":                 {[]string{stranger, stranger, stranger}, domain.ErrUnavailable},
		"a stranger does not sync":       {[]string{stranger + loses, "a", "b", "c"}, nil},
		"the last does not sync":         {[]string{"a", stranger, "b", "c" + loses}, domain.ErrInvalid},
		"one answers twice":              {[]string{"a", "a", "b", "c" + loses}, domain.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := answering(t, test.answers, loses)
			if err := jetstream.CheckServers(t.Context(), conn, []string{"a", "b", "c"}); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// answering connects to a place where the question what the servers are is answered by those of the names; one
// with loses behind its name says that it does not sync.
func answering(t *testing.T, names []string, loses string) *nats.Conn {
	t.Helper()
	srv, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoSystemAccount: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe("$SYS.REQ.SERVER.PING.VARZ", func(m *nats.Msg) {
		for _, text := range names {
			name, unsafe := strings.CutSuffix(text, loses)
			v := server.Varz{Name: name, Version: server.VERSION}
			v.JetStream.Config = &server.JetStreamConfig{SyncAlways: !unsafe}
			data, err := json.Marshal(map[string]any{"data": v})
			if err := errors.Join(err, m.Respond(data)); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
