package yardstick

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Raw is JetStream in this process as it comes: each commit is published by itself with the sequence
// that its stream must be at, and acknowledged by the server.
type Raw struct {
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream

	mu   sync.Mutex // protects last
	last map[domain.Stream]uint64
}

// rawStart is how long the server may take to start.
const rawStart = 10 * time.Second

// OpenRaw starts the server on dir. It flushes each message before it acknowledges it where always is
// set, and otherwise every two minutes: then an acknowledged commit is not durable.
func OpenRaw(ctx context.Context, dir string, always bool) (_ *Raw, err error) {
	r := &Raw{last: map[domain.Stream]uint64{}}
	r.server, err = server.NewServer(&server.Options{
		ServerName: "yardstick", DontListen: true, NoSigs: true, NoLog: true, NoSystemAccount: true,
		JetStream: true, StoreDir: dir, SyncAlways: always, MaxPayload: domain.MaxCommitBytes + 4<<10,
	})
	if err != nil {
		return nil, fmt.Errorf("NATS server of the yardstick: %w", err)
	}
	r.server.Start()
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("NATS server of the yardstick: %w", err), r.Close())
		}
	}()
	if !r.server.ReadyForConnections(rawStart) {
		return nil, errors.New("did not start")
	}
	if r.conn, err = nats.Connect("", nats.InProcessServer(r.server)); err != nil {
		return nil, err
	}
	if r.js, err = jetstream.New(r.conn); err != nil {
		return nil, err
	}
	_, err = r.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "YARDSTICK", Subjects: []string{"yardstick.*.*"}, Storage: jetstream.FileStorage, Duplicates: time.Second,
	})
	return r, err
}

// Append publishes the commit and returns its sequence number.
func (r *Raw) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	data, err := encode(stream, expected, events)
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	last := r.last[stream]
	r.mu.Unlock()
	ack, err := r.js.Publish(ctx, "yardstick."+stream.Category+"."+stream.ID, data, jetstream.WithExpectLastSequencePerSubject(last))
	if err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	r.mu.Lock()
	r.last[stream] = ack.Sequence
	r.mu.Unlock()
	return domain.Position(ack.Sequence), nil
}

// Close ends the server.
func (r *Raw) Close() error {
	if r.conn != nil {
		r.conn.Close()
	}
	r.server.Shutdown()
	r.server.WaitForShutdown()
	return nil
}
