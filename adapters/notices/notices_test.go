package notices_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/domain"
)

var due = time.Date(2026, 11, 24, 19, 0, 0, 0, time.UTC)

// notice is one of the application's n-th visit.
func notice(application string, n int) notices.Notice {
	return notices.Notice{Type: "deadline-missed", At: due, Data: notices.Data{
		Application: application, Number: "KZ95APP00000001", Service: "casino-license", Channel: "portal", Licensor: "sport-agency",
		Request: "issue", Visit: n, Step: 9, Action: "issue", Role: "officer", EnteredAt: due.AddDate(0, 0, -15), DueAt: due,
		DueDay: "2026-11-24", Calendar: "kz-2026-11-22",
	}}
}

// embedded is a store whose annex holds the ledger.
func embedded(t *testing.T, dir string) *jetstream.Store {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// in opens the ledger in the store, and what else one wants to know of its server.
func in(t *testing.T, s *jetstream.Store) (*notices.Ledger, natsjs.JetStream) {
	t.Helper()
	connect := func() *nats.Conn {
		conn, err := s.Annex()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		return conn
	}
	l, err := notices.NewLedger(connect(), notices.Host{Flush: func() error { return s.SyncAnnex(notices.Stream) }}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(connect())
	if err != nil {
		t.Fatal(err)
	}
	return l, js
}

func publish(t *testing.T, l *notices.Ledger, list ...notices.Notice) {
	t.Helper()
	if err := l.Publish(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

// kept are the messages of the ledger.
func kept(t *testing.T, js natsjs.JetStream) (all []*natsjs.RawStreamMsg) {
	t.Helper()
	s, err := js.Stream(t.Context(), notices.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range s.CachedInfo().State.LastSeq {
		m, err := s.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func TestNoticeIsACloudEvent(t *testing.T) {
	l, js := in(t, embedded(t, t.TempDir()))
	n := notice("0191-a", 7)
	left := due.Add(time.Hour)
	n.LeftAt = &left
	publish(t, l, n)
	m := kept(t, js)[0]
	if m.Subject != "tizilim.notices.deadline-missed.sport-agency.0191-a.7" || m.Header.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("subject %s, headers %v", m.Subject, m.Header)
	}
	var e event.Event
	if err := json.Unmarshal(m.Data, &e); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if e.Source() != "/streams/application/0191-a" || e.Type() != "deadline-missed" || e.Subject() != "0191-a" || !e.Time().Equal(due) {
		t.Errorf("%v", e)
	}
	var data map[string]any
	if err := e.DataAs(&data); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"application": "0191-a", "number": "KZ95APP00000001", "service": "casino-license", "channel": "portal", "licensor": "sport-agency",
		"request": "issue", "visit": 7., "step": 9., "action": "issue", "role": "officer", "entered_at": "2026-11-09T19:00:00Z",
		"due_at": "2026-11-24T19:00:00Z", "due_day": "2026-11-24", "calendar": "kz-2026-11-22", "left_at": "2026-11-24T20:00:00Z",
	}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

// A notice is kept once, by however many nodes and in whatever order it is told, also after a restart; and
// its id says which one it is.
func TestNoticeIsKeptOnce(t *testing.T) {
	dir := t.TempDir()
	s := embedded(t, dir)
	var wg sync.WaitGroup
	for range 4 {
		l, _ := in(t, s)
		wg.Go(func() {
			for i := range 20 {
				if err := l.Publish(t.Context(), []notices.Notice{notice("a", i), notice("b", i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, js := in(t, embedded(t, dir))
	again := notice("a", 3)
	again.At = again.At.Add(time.Hour) // what it says may differ, it is the same notice
	near := notice("a", 3)
	near.Type = "deadline-approaching"
	publish(t, l, again, notice("b", 19), near)
	ids := map[string]bool{}
	all := kept(t, js)
	for _, m := range all {
		var e event.Event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			t.Fatal(err)
		}
		ids[e.ID()] = true
	}
	if len(all) != 41 || len(ids) != 41 {
		t.Errorf("%d messages with %d ids, not 41", len(all), len(ids))
	}
}

// Whatever the log may hold makes one subject that can be published to.
func TestSubjectsAreWhole(t *testing.T) {
	l, js := in(t, embedded(t, t.TempDir()))
	odd := notice("a.b", 1)
	odd.Licensor = "* > \n"
	empty := notice("a", 1)
	empty.Licensor = ""
	publish(t, l, odd, empty)
	var got []string
	for _, m := range kept(t, js) {
		got = append(got, m.Subject)
	}
	if diff := cmp.Diff([]string{"tizilim.notices.deadline-missed._____.a_b.1", "tizilim.notices.deadline-missed._.a.1"}, got); diff != "" {
		t.Error(diff)
	}
}

// The event log and the ledger may stand in one account of one server.
func TestSubjectsAreNotTheLogs(t *testing.T) {
	_, js := in(t, embedded(t, t.TempDir()))
	for name, subject := range map[string]string{"LOG": "tizilim.*.*", notices.Stream: notices.Subjects} {
		if _, err := js.CreateStream(t.Context(), natsjs.StreamConfig{Name: name, Subjects: []string{subject}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsWrittenWhenTheHostIsNotReady(t *testing.T) {
	s := embedded(t, t.TempDir())
	conn, err := s.Annex()
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("the disk is full")
	l, err := notices.NewLedger(conn, notices.Host{Ready: func() error { return full }}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Publish(t.Context(), []notices.Notice{notice("a", 1)}); !errors.Is(err, full) {
		t.Errorf("published: %v", err)
	}
	if _, js := in(t, s); !errors.Is(streamError(t, js), natsjs.ErrStreamNotFound) {
		t.Error("the stream was made")
	}
	l, err = notices.NewLedger(conn, notices.Host{Flush: func() error { return full }}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Publish(t.Context(), []notices.Notice{notice("a", 1)}); !errors.Is(err, full) || !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("published what was not flushed: %v", err)
	}
}

func streamError(t *testing.T, js natsjs.JetStream) error {
	_, err := js.Stream(t.Context(), notices.Stream)
	return err
}

// A stream that would forget, or that hears something else, is no ledger.
func TestForgetfulStreamIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*natsjs.StreamConfig){
		"age":      func(c *natsjs.StreamConfig) { c.MaxAge = time.Hour },
		"number":   func(c *natsjs.StreamConfig) { c.MaxMsgs = 10 },
		"size":     func(c *natsjs.StreamConfig) { c.MaxBytes = 1 << 20 },
		"subjects": func(c *natsjs.StreamConfig) { c.Subjects = []string{"tizilim.notices.deadline-missed.>"} },
		"interest": func(c *natsjs.StreamConfig) { c.Retention = natsjs.InterestPolicy },
	} {
		t.Run(name, func(t *testing.T) {
			l, js := in(t, embedded(t, t.TempDir()))
			config := natsjs.StreamConfig{Name: notices.Stream, Subjects: []string{notices.Subjects}}
			spoil(&config)
			if _, err := js.CreateStream(t.Context(), config); err != nil {
				t.Fatal(err)
			}
			if err := l.Publish(t.Context(), []notices.Notice{notice("a", 1)}); !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("published: %v", err)
			}
		})
	}
}

// foreign starts a NATS server of somebody else's at the address.
func foreign(t *testing.T, dir, address string) *server.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	options := &server.Options{Host: host, NoSigs: true, JetStream: true, StoreDir: dir, Username: "registry", Password: "secret"}
	if _, err := fmt.Sscan(port, &options.Port); err != nil {
		t.Fatal(err)
	}
	srv, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(srv.Shutdown)
	return srv
}

// A server that is not there at the start, and goes away later, is waited for; several nodes share it.
func TestServerComesAndGoes(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, dir := free.Addr().String(), t.TempDir()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	var nodes []*notices.Ledger
	for range 2 {
		l, err := notices.Dial(notices.Server{URL: "nats://registry:secret@" + address, Logger: slog.New(slog.DiscardHandler)}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		nodes = append(nodes, l)
	}
	for round := range 2 {
		if err := nodes[0].Publish(t.Context(), []notices.Notice{notice("a", 9)}); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatalf("published without a server: %v", err)
		}
		srv := foreign(t, dir, address)
		for i, l := range nodes {
			untilTaken(t, l, notice("a", round), notice("b", i+2*round))
		}
		conn, err := nats.Connect("nats://registry:secret@" + address)
		if err != nil {
			t.Fatal(err)
		}
		js, err := natsjs.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(kept(t, js)); n != 3*(round+1) {
			t.Errorf("%d notices are kept, not %d", n, 3*(round+1))
		}
		conn.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// untilTaken publishes as often as it takes.
func untilTaken(t *testing.T, l *notices.Ledger, list ...notices.Notice) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		err := l.Publish(t.Context(), list)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestWrongServer(t *testing.T) {
	if _, err := notices.Dial(notices.Server{URL: "nats://127.0.0.1:1", Credentials: "/no/such/file"}, time.Now); err == nil {
		t.Error("credentials that are not there")
	}
	srv := foreign(t, t.TempDir(), "127.0.0.1:-1")
	if l, err := notices.Dial(notices.Server{URL: "nats://registry:wrong@" + srv.Addr().String(), Logger: slog.New(slog.DiscardHandler)}, time.Now); err == nil {
		defer l.Close()
		if err := l.Publish(t.Context(), []notices.Notice{notice("a", 1)}); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("published with a wrong password: %v", err)
		}
	}
}
