package esdbtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
)

// The server is held here to what the client of EventStoreDB itself makes of it, which was written against
// the real one: so the store's tests do not only compare this project with itself.

// world is a server, that client, and what it wrote: three events to each of two streams, in turns.
type world struct {
	*testing.T
	*esdbtest.Server
	client *esdb.Client
	ids    []uuid.UUID
	at     []esdb.Position
}

func newWorld(t *testing.T, o esdbtest.Options, url func(*esdbtest.Server) string) *world {
	t.Helper()
	server, err := esdbtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	config, err := esdb.ParseConnectionString(url(server))
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &world{T: t, Server: server, client: client}
}

func event(id uuid.UUID) esdb.EventData {
	return esdb.EventData{EventID: id, EventType: "noted", ContentType: esdb.ContentTypeJson, Data: []byte(`{"a":1}`), Metadata: []byte(`{"b":2}`)}
}

func (w *world) append(stream string, expected esdb.ExpectedRevision, ids ...uuid.UUID) (*esdb.WriteResult, error) {
	var events []esdb.EventData
	for _, id := range ids {
		events = append(events, event(id))
	}
	// RequiresLeader does not get as far as the request.
	ctx := metadata.AppendToOutgoingContext(w.Context(), "requires-leader", "true")
	return w.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
}

// fill writes the six events.
func (w *world) fill() {
	w.Helper()
	for i := range uint64(6) {
		expected := esdb.ExpectedRevision(esdb.NoStream{})
		if i > 1 {
			expected = esdb.Revision(i/2 - 1)
		}
		id := uuid.New()
		r, err := w.append([]string{"mine-1", "other-1"}[i%2], expected, id)
		if err != nil || r.NextExpectedVersion != i/2 {
			w.Fatalf("append %d: %+v, %v", i, r, err)
		}
		w.ids, w.at = append(w.ids, id), append(w.at, esdb.Position{Commit: r.CommitPosition, Prepare: r.PreparePosition})
	}
}

func (w *world) code(what string, err error, want esdb.ErrorCode) {
	w.Helper()
	var e *esdb.Error
	if !errors.As(err, &e) || e.Code() != want {
		w.Errorf("%s: %v, want code %d", what, err, want)
	}
}

// events gives the ids of what a read brings, without those of the server's own streams.
func (w *world) events(read *esdb.ReadStream, err error) (ids []uuid.UUID) {
	w.Helper()
	for err == nil {
		var e *esdb.ResolvedEvent
		if e, err = read.Recv(); err == nil && e.Event.EventType == "noted" {
			ids = append(ids, e.Event.EventID)
		}
	}
	if !errors.Is(err, io.EOF) {
		w.Errorf("read: %v", err)
	}
	return ids
}

func (w *world) same(what string, want, got any) {
	w.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestAppends(t *testing.T) {
	w := newWorld(t, esdbtest.Options{}, (*esdbtest.Server).URL)
	w.fill()
	for i := 1; i < len(w.at); i++ {
		if w.at[i].Commit < w.at[i-1].Commit+2 {
			t.Errorf("positions %v have no gaps", w.at)
		}
	}
	_, err := w.append("mine-1", esdb.NoStream{}, uuid.New())
	w.code("another first event", err, esdb.ErrorCodeWrongExpectedVersion)
	_, err = w.append("mine-1", esdb.Revision(3), uuid.New())
	w.code("an event after one that is not there", err, esdb.ErrorCodeWrongExpectedVersion)
	again, err := w.append("mine-1", esdb.NoStream{}, w.ids[0], w.ids[2])
	if err != nil || again.NextExpectedVersion != 1 || again.CommitPosition != w.at[2].Commit {
		t.Errorf("what is there already: %+v, %v", again, err)
	}
	_, err = w.append("mine-1", esdb.NoStream{}, w.ids[0], uuid.New())
	w.code("what is there in part", err, esdb.ErrorCodeWrongExpectedVersion)
	_, err = w.client.AppendToStream(t.Context(), "mine-1", esdb.AppendToStreamOptions{}, esdb.EventData{EventID: uuid.New(), EventType: "big", Data: make([]byte, 1<<20+1)})
	if err == nil {
		t.Error("an append above the limit is taken")
	}
}

func TestReads(t *testing.T) {
	w := newWorld(t, esdbtest.Options{}, (*esdbtest.Server).URL)
	w.fill()
	ctx, id := t.Context(), w.ids
	stream := func(from esdb.StreamPosition, d esdb.Direction) []uuid.UUID {
		return w.events(w.client.ReadStream(ctx, "mine-1", esdb.ReadStreamOptions{From: from, Direction: d}, 9))
	}
	all := func(from esdb.AllPosition, d esdb.Direction) []uuid.UUID {
		return w.events(w.client.ReadAll(ctx, esdb.ReadAllOptions{From: from, Direction: d}, 99))
	}
	w.same("from a revision", []uuid.UUID{id[2], id[4]}, stream(esdb.Revision(1), esdb.Forwards))
	w.same("backwards from a revision", []uuid.UUID{id[2], id[0]}, stream(esdb.Revision(1), esdb.Backwards))
	w.same("backwards", []uuid.UUID{id[4], id[2], id[0]}, stream(esdb.End{}, esdb.Backwards))
	w.same("from a position", id[3:], all(w.at[3], esdb.Forwards))
	w.same("backwards from a position", []uuid.UUID{id[2], id[1], id[0]}, all(w.at[3], esdb.Backwards))
	w.same("the whole log", id, all(esdb.Start{}, esdb.Forwards))

	one, err := w.client.ReadStream(ctx, "mine-1", esdb.ReadStreamOptions{From: esdb.Revision(2)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := one.Recv()
	if err != nil {
		t.Fatal(err)
	}
	want := event(id[4])
	got := esdb.EventData{EventID: e.Event.EventID, EventType: e.Event.EventType, ContentType: esdb.ContentTypeJson, Data: e.Event.Data, Metadata: e.Event.UserMetadata}
	w.same("an event", want, got)
	w.same("its place", w.at[4], e.Event.Position)
	if e.Event.EventNumber != 2 || e.Event.ContentType != "application/json" || e.Event.StreamID != "mine-1" || e.Event.CreatedDate.Year() < 2020 || e.Event.CreatedDate.After(time.Now()) {
		t.Errorf("an event: %+v", e.Event)
	}
}

func TestSubscription(t *testing.T) {
	w := newWorld(t, esdbtest.Options{}, (*esdbtest.Server).URL)
	w.fill()
	s, err := w.client.SubscribeToAll(t.Context(), esdb.SubscribeToAllOptions{
		From: w.at[2], MaxSearchWindow: 1, CheckpointInterval: 1, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"mine-"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	told := func(until func(*esdb.SubscriptionEvent) bool) (ids []uuid.UUID, checkpoints int) {
		for {
			e := s.Recv()
			switch {
			case e.EventAppeared != nil:
				ids = append(ids, e.EventAppeared.Event.EventID)
			case e.CheckPointReached != nil:
				checkpoints++
			case e.SubscriptionDropped != nil && !until(e):
				t.Fatal(e.SubscriptionDropped.Error)
			}
			if until(e) {
				return ids, checkpoints
			}
		}
	}
	ids, checkpoints := told(func(e *esdb.SubscriptionEvent) bool { return e.CaughtUp != nil })
	w.same("after a position, of the filter's streams", []uuid.UUID{w.ids[4]}, ids)
	if checkpoints == 0 {
		t.Error("no checkpoint until it has caught up")
	}
	id := uuid.New()
	if _, err := w.append("mine-2", esdb.NoStream{}, id); err != nil {
		t.Fatal(err)
	}
	ids, _ = told(func(e *esdb.SubscriptionEvent) bool { return e.EventAppeared != nil })
	w.same("what comes", []uuid.UUID{id}, ids)
	w.DropSubscriptions()
	told(func(e *esdb.SubscriptionEvent) bool { return e.SubscriptionDropped != nil })
}

func TestDeletes(t *testing.T) {
	w := newWorld(t, esdbtest.Options{}, (*esdbtest.Server).URL)
	w.fill()
	ctx := t.Context()
	read := func() error {
		r, err := w.client.ReadStream(ctx, "mine-1", esdb.ReadStreamOptions{}, 9)
		if err == nil {
			_, err = r.Recv()
		}
		return err
	}
	if _, err := w.client.DeleteStream(ctx, "mine-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	w.code("a stream that was deleted softly", read(), esdb.ErrorCodeResourceNotFound)
	if r, err := w.append("mine-1", esdb.NoStream{}, uuid.New()); err != nil || r.NextExpectedVersion != 3 {
		t.Errorf("it does not go on where it ended: %+v, %v", r, err)
	}
	if _, err := w.client.TombstoneStream(ctx, "mine-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	w.code("a stream with a tombstone", read(), esdb.ErrorCodeStreamDeleted)
	_, err := w.append("mine-1", esdb.Any{}, uuid.New())
	w.code("an append to it", err, esdb.ErrorCodeStreamDeleted)
}

// TestCluster sends the client from a follower to the leader, and has it find that by gossip.
func TestCluster(t *testing.T) {
	follower := newWorld(t, esdbtest.Options{Nodes: 3}, func(s *esdbtest.Server) string { return s.Single(1) })
	_, err := follower.append("mine-1", esdb.NoStream{}, uuid.New())
	for tries := 0; err != nil && strings.HasSuffix(err.Error(), "EOF") && tries < 10; tries++ { // the client does not always ask why the server has ended an append
		_, err = follower.append("mine-1", esdb.NoStream{}, uuid.New())
	}
	follower.code("an append to a follower", err, esdb.ErrorCodeNotLeader)
	follower.fill()
	cluster := newWorld(t, esdbtest.Options{Nodes: 3}, func(s *esdbtest.Server) string { s.Lead(2); return s.URL() })
	cluster.fill()
	cluster.FailAppends(1)
	_, err = cluster.append("mine-2", esdb.NoStream{}, uuid.New())
	cluster.code("an append that fails", err, esdb.ErrorUnavailable)
}

func TestTLSAndUsers(t *testing.T) {
	o := esdbtest.Options{TLSDir: t.TempDir(), User: "admin", Password: "changeit"}
	w := newWorld(t, o, (*esdbtest.Server).URL)
	w.fill()
	stranger := &esdb.Credentials{Login: "admin", Password: "another"}
	_, err := w.client.AppendToStream(t.Context(), "mine-1", esdb.AppendToStreamOptions{Authenticated: stranger}, event(uuid.New()))
	w.code("another password", err, esdb.ErrorCodeUnauthenticated)
}

// A server that hangs answers nobody, until it is let go.
func TestHang(t *testing.T) {
	w := newWorld(t, esdbtest.Options{}, (*esdbtest.Server).URL)
	w.fill()
	w.Hang(true)
	short := 30 * time.Millisecond
	_, err := w.client.AppendToStream(context.Background(), "mine-1", esdb.AppendToStreamOptions{Deadline: &short}, event(uuid.New()))
	w.code("an append", err, esdb.ErrorCodeDeadlineExceeded)
	w.Hang(false)
	if _, err := w.append("mine-1", esdb.Revision(2), uuid.New()); err != nil {
		t.Error(fmt.Errorf("after the hang: %w", err))
	}
}
