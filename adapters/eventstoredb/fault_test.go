package eventstoredb_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// patient is a store that tries again, against the server.
func patient(server *esdbtest.Server) eventstoredb.Config {
	return eventstoredb.Config{URL: server.URL(), Silence: 50 * time.Millisecond}
}

// add appends a commit that has to succeed.
func add(t *testing.T, s *eventstoredb.Store, stream domain.Stream, expected uint64, events []domain.Event) domain.Commit {
	t.Helper()
	p, err := s.Append(t.Context(), stream, expected, events)
	if err != nil {
		t.Fatal(err)
	}
	return domain.NewCommit(stream, expected, p, events)
}

// read gives what a stream yields, and the error at its end.
func read(t *testing.T, s *eventstoredb.Store, stream domain.Stream, from uint64) (records []domain.Record, last error) {
	t.Helper()
	for r, err := range s.Read(t.Context(), stream, from) {
		if last != nil {
			t.Fatalf("after %v the read goes on", last)
		}
		if last = err; err == nil {
			records = append(records, r)
		}
	}
	return records, last
}

// followed gives n commits, or those before the error.
func followed(t *testing.T, s *eventstoredb.Store, after domain.Position, n int) (commits []domain.Commit, last error) {
	t.Helper()
	for c, err := range s.Follow(t.Context(), after) {
		if err != nil {
			return commits, err
		}
		if commits = append(commits, c); len(commits) == n {
			break
		}
	}
	return commits, nil
}

func is(t *testing.T, what string, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%s: %v, want one that is %q", what, err, kind)
	}
}

func wantLog(t *testing.T, s *eventstoredb.Store, want ...domain.Commit) {
	t.Helper()
	got, err := followed(t, s, 0, len(want))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("the log (-want +got):\n%s", d)
	}
	if head, err := s.Head(t.Context()); err != nil || head != want[len(want)-1].Position {
		t.Fatalf("the log ends at %d, %v", head, err)
	}
}

func TestAppendIsTriedAgain(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s := open(t, patient(server))
	stream := storetest.Stream("1")
	server.FailAppends(2)
	first := add(t, s, stream, 0, storetest.Events(2))
	server.LoseAnswers(2) // stored at the first try, found at the third
	second := add(t, s, stream, 2, storetest.Events(3))
	server.RefuseRequests(2)
	third := add(t, s, stream, 5, storetest.Events(1))
	wantLog(t, s, first, second, third)
}

func TestServerAway(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s, impatient := open(t, patient(server)), open(t, once(server))
	stream := storetest.Stream("1")
	first := add(t, s, stream, 0, storetest.Events(1))
	server.Stop(0)
	_, err := impatient.Append(t.Context(), stream, 1, storetest.Events(1))
	is(t, "append", err, domain.ErrUnavailable)
	_, err = read(t, impatient, stream, 1)
	is(t, "read", err, domain.ErrUnavailable)
	_, err = followed(t, impatient, 0, 1)
	is(t, "follow", err, domain.ErrUnavailable)
	is(t, "health", s.Healthy(t.Context()), domain.ErrUnavailable)

	appended := make(chan domain.Commit)
	go func() {
		events := storetest.Events(1)
		p, err := s.Append(t.Context(), stream, 1, events)
		if err != nil {
			t.Error(err)
		}
		appended <- domain.NewCommit(stream, 1, p, events)
	}()
	if err := server.Restart(0); err != nil {
		t.Fatal(err)
	}
	wantLog(t, s, first, <-appended)
	if err := s.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
}

// Nobody waits longer than the deadline for a server that takes connections and says nothing.
func TestServerHangs(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		hangs(t, serve(t, esdbtest.Options{Nodes: nodes}))
	}
}

func hangs(t *testing.T, server *esdbtest.Server) {
	config := once(server)
	config.URL += "&defaultDeadline=50&gossipTimeout=1"
	s := open(t, config)
	stream := storetest.Stream("1")
	add(t, s, stream, 0, storetest.Events(1))
	server.Hang(true)
	for what, call := range map[string]func() error{
		"append":     func() error { _, err := s.Append(t.Context(), stream, 1, storetest.Events(1)); return err },
		"read":       func() error { _, err := read(t, s, stream, 1); return err },
		"head":       func() error { _, err := s.Head(t.Context()); return err },
		"follow":     func() error { _, err := followed(t, s, 0, 1); return err },
		"health":     func() error { return s.Healthy(t.Context()) },
		"identity":   func() error { _, err := s.Identity(t.Context()); return err },
		"its caller": func() error { return hasty(t, s, stream) },
	} {
		begin := time.Now()
		is(t, what, call(), domain.ErrUnavailable)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: %s", what, took)
		}
	}
}

// A read that goes silent in the middle ends with the deadline, and goes on with another try.
func TestReadGoesSilent(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	config := patient(server)
	config.URL += "&defaultDeadline=100"
	s := open(t, config)
	want := add(t, s, one, 0, storetest.Events(3)).Records
	server.CutReads(1, 2, esdbtest.Stuck)
	got, err := read(t, s, one, 1)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	config.Patience = -1
	server.CutReads(1, 2, esdbtest.Stuck)
	_, err = read(t, open(t, config), one, 1)
	is(t, "read", err, domain.ErrUnavailable)
}

// Something that takes connections and does not even speak the protocol is waited for no longer.
func TestNobodySpeaks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // the kernel takes the connections
	for _, scheme := range []string{"esdb", "esdb+discover"} {
		url := scheme + "://" + l.Addr().String() + "?tls=false&defaultDeadline=50"
		s := open(t, eventstoredb.Config{URL: url, Patience: -1})
		_, err := s.Append(t.Context(), one, 0, storetest.Events(1))
		is(t, scheme+": append", err, domain.ErrUnavailable)
		is(t, scheme+": health", s.Healthy(t.Context()), domain.ErrUnavailable)
	}
}

// hasty gives up before the store does.
func hasty(t *testing.T, s *eventstoredb.Store, stream domain.Stream) error {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := s.Append(ctx, stream, 1, storetest.Events(1))
	is(t, "its caller", err, context.DeadlineExceeded)
	return err
}

func TestLeader(t *testing.T) {
	server := serve(t, esdbtest.Options{Nodes: 3})
	stream := storetest.Stream("1")
	var want []domain.Commit
	for _, url := range []string{server.URL(), server.Single(0), server.Single(2), server.Discover(1)} {
		s := open(t, eventstoredb.Config{URL: url, Patience: -1})
		for leader := range 3 {
			server.Lead(leader)
			want = append(want, add(t, s, stream, uint64(len(want)), storetest.Events(1)))
			wantLog(t, s, want...)
		}
		server.Lead(-1)
		_, err := s.Append(t.Context(), stream, uint64(len(want)), storetest.Events(1))
		is(t, "append without a leader", err, domain.ErrUnavailable)
		server.Lead(0)
	}
	// A leader that dies is replaced, and so is the only node that the store was told of.
	s := open(t, eventstoredb.Config{URL: server.Discover(0)})
	want = append(want, add(t, s, stream, uint64(len(want)), storetest.Events(1)))
	server.Stop(0)
	server.Lead(1)
	want = append(want, add(t, s, stream, uint64(len(want)), storetest.Events(1)))
	wantLog(t, s, want...)
}

func TestCutReads(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s, impatient := open(t, patient(server)), open(t, once(server))
	stream := storetest.Stream("1")
	var want []domain.Record
	for range 4 {
		want = append(want, add(t, s, stream, uint64(len(want)), storetest.Events(3)).Records...)
	}
	for cut := range want {
		server.CutReads(1, cut, esdbtest.Broken)
		got, err := read(t, impatient, stream, 1)
		is(t, "a cut read", err, domain.ErrUnavailable)
		if len(got) != cut/3*3 {
			t.Errorf("cut after %d events: %d were read", cut, len(got))
		}
		server.CutReads(1, cut, esdbtest.Clean)
		_, err = read(t, impatient, stream, 1)
		is(t, "a read that ends as if it were whole", err, domain.ErrUnavailable)
		server.CutReads(1, cut, esdbtest.Broken)
		if got, err = read(t, s, stream, 1); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("gone on after a cut (-want +got):\n%s", d)
		}
	}
}

func TestConflictInBothGenerations(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	s := open(t, once(server))
	stream := storetest.Stream("1")
	add(t, s, stream, 0, storetest.Events(3))
	for _, answers := range []esdbtest.Answers{esdbtest.BothAnswers, esdbtest.OldAnswers, esdbtest.ThrownAnswers} {
		server.Conflicts(answers)
		for _, expected := range []uint64{0, 2, 9} {
			_, err := s.Append(t.Context(), stream, expected, storetest.Events(1))
			is(t, "append", err, domain.ErrConflict)
		}
		_, err := s.Append(t.Context(), stream, 0, storetest.Events(1))
		if answers != esdbtest.ThrownAnswers && !strings.Contains(err.Error(), "at version 3, not 0") {
			t.Errorf("answers %d: the error does not say which version there is: %v", answers, err)
		}
	}
}

// A server that finds a repeated append, and not its position, is asked for the event; what it cannot give is damage.
func TestRepeatWithoutPlace(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	events := storetest.Events(3)
	first := add(t, open(t, once(server)), one, 0, events)
	server.ForgetPlaces(true)
	s := open(t, once(server))
	if p, err := s.Append(t.Context(), one, 0, events); err != nil || p != first.Position {
		t.Errorf("repeated: position %d, %v; it is at %d", p, err, first.Position)
	}
	server.ForgetPlaces(false)
	server.Lose(uint64(first.Position))
	_, err := open(t, once(server)).Append(t.Context(), one, 0, events)
	is(t, "repeat what is lost", err, domain.ErrDamaged)
}

func TestServerTakesLess(t *testing.T) {
	server := serve(t, esdbtest.Options{MaxAppendSize: 2000})
	s := open(t, once(server))
	_, err := s.Append(t.Context(), storetest.Stream("1"), 0, storetest.Events(9))
	is(t, "append", err, domain.ErrTooLarge)
	wantLog(t, s, add(t, s, storetest.Stream("1"), 0, storetest.Events(1)))
}

func TestTLSAndCredentials(t *testing.T) {
	o := esdbtest.Options{TLSDir: t.TempDir(), User: "admin", Password: "s:e/cret@1"}
	server := serve(t, o)
	s := open(t, once(server))
	wantLog(t, s, add(t, s, storetest.Stream("1"), 0, storetest.Events(1)))
	for what, url := range map[string]string{
		"another password":      strings.Replace(server.URL(), "@", "x@", 1),
		"no user":               "esdb://" + server.URL()[strings.LastIndex(server.URL(), "@")+1:],
		"an unknown authority":  server.URL()[:strings.Index(server.URL(), "?")],
		"no TLS where there is": server.URL()[:strings.Index(server.URL(), "?")] + "?tls=false",
	} {
		_, err := open(t, eventstoredb.Config{URL: url, Patience: -1}).Head(t.Context())
		is(t, what, err, domain.ErrUnavailable)
		if err != nil && strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: the password is in the error: %v", what, err)
		}
	}
	// Without TLS the password would be shown to the network: it is not sent.
	o.TLSDir = ""
	_, err := open(t, once(serve(t, o))).Head(t.Context())
	is(t, "a password without TLS", err, domain.ErrUnavailable)
}

func TestUserCertificate(t *testing.T) {
	server := serve(t, esdbtest.Options{TLSDir: t.TempDir(), UserCertificates: true})
	s := open(t, once(server))
	wantLog(t, s, add(t, s, storetest.Stream("1"), 0, storetest.Events(1)))
	without, _, _ := strings.Cut(server.URL(), "&userCertFile=")
	_, err := open(t, eventstoredb.Config{URL: without, Patience: -1}).Head(t.Context())
	is(t, "no certificate", err, domain.ErrUnavailable)
}

func TestIdentity(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	identity := func(registry string) uuid.UUID {
		s := open(t, eventstoredb.Config{URL: server.URL(), Registry: registry})
		id, err := s.Begin(t.Context())
		if err != nil || id == uuid.Nil {
			t.Errorf("identity %s, %v", id, err)
		}
		if found, err := s.Identity(t.Context()); err != nil || found != id {
			t.Errorf("identity %s, %v; it was begun as %s", found, err, id)
		}
		return id
	}
	for range 2 {
		if id, err := open(t, once(server)).Identity(t.Context()); err != nil || id != uuid.Nil {
			t.Fatalf("what nobody has begun has the identity %s, %v", id, err)
		}
	}
	ids := make(chan uuid.UUID)
	for range 8 {
		go func() { ids <- identity("") }()
	}
	first := <-ids
	for range 7 {
		if id := <-ids; id != first {
			t.Errorf("one registry is both %s and %s", first, id)
		}
	}
	if identity("other") == first {
		t.Error("two registries have one identity")
	}
	wantLog(t, open(t, once(server)), add(t, open(t, once(server)), storetest.Stream("1"), 0, storetest.Events(1)))
	server.Delete("other")
	_, err := open(t, eventstoredb.Config{URL: server.URL(), Registry: "other", Patience: -1}).Begin(t.Context())
	is(t, "begin what was deleted", err, domain.ErrDamaged)
}

func TestRegistriesOnOneServer(t *testing.T) {
	server := serve(t, esdbtest.Options{})
	stream := storetest.Stream("1")
	for _, registry := range []string{"tizilim", "tizilimx", "t"} {
		s := open(t, eventstoredb.Config{URL: server.URL(), Registry: registry, Patience: -1})
		wantLog(t, s, add(t, s, stream, 0, storetest.Events(2)))
	}
	for _, bad := range []string{"a_b", "A", "a-b", "$a", "1", strings.Repeat("a", 33)} {
		_, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: server.URL(), Registry: bad})
		is(t, "registry "+bad, err, domain.ErrInvalid)
	}
}
