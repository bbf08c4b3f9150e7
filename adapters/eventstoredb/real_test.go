package eventstoredb_test

import (
	"context"
	"encoding/hex"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// TestRealServer runs the suite on the server of ESDB_URL, each test as a registry of its own. What it
// writes stays there.
func TestRealServer(t *testing.T) {
	url := os.Getenv("ESDB_URL")
	if url == "" {
		tooltest.Missing(t, "ESDB", "a real EventStoreDB: ESDB_URL names none")
	}
	storetest.Run(t, func(t *testing.T) storetest.Subject { return remote(t, url) })
}

// TestCluster runs the same on three nodes, into whose log somebody else writes too.
func TestCluster(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		server := serve(t, esdbtest.Options{Nodes: 3})
		server.Write("somebody-else", "foreign", `{}`, ``)
		server.Write("$stats-127.0.0.1", "$statsCollected", `{}`, ``)
		return remote(t, server.URL())
	})
}

func remote(t *testing.T, url string) storetest.Subject {
	id := uuid.New()
	var wire wire
	config := eventstoredb.Config{URL: url, Registry: "t" + hex.EncodeToString(id[:15]), Patience: -1}
	config = config.WithDial(grpc.WithStreamInterceptor(wire.intercept))
	s := open(t, config)
	reopen := func(t *testing.T) storetest.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, config)
		return s
	}
	return storetest.Subject{
		Store: s, Reopen: reopen,
		FailNext: func() { wire.fail.Store(true) },
		LoseNext: func() { wire.lose.Store(true) },
		Damage: func(t *testing.T, p domain.Position) storetest.Store {
			wire.gone.Store(uint64(p), true)
			return reopen(t)
		},
	}
}

// wire is the way to the server, on which an append or its answer may be lost, and what is read at some positions,
// as if the server could not read it: its files are out of reach.
type wire struct {
	fail, lose atomic.Bool
	gone       sync.Map // commit positions
}

func (w *wire) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	appends := desc.StreamName == "Append"
	if appends && w.fail.CompareAndSwap(true, false) {
		return nil, status.Error(codes.Unavailable, "lost on the way there")
	}
	stream, err := next(ctx, desc, cc, method, options...)
	if err == nil && appends && w.lose.CompareAndSwap(true, false) {
		stream = lossy{stream}
	}
	if err == nil && desc.StreamName == "Read" {
		stream = gappy{stream, &w.gone}
	}
	return stream, err
}

// gappy leaves out what is gone.
type gappy struct {
	grpc.ClientStream
	gone *sync.Map
}

func (g gappy) RecvMsg(m any) error {
	for {
		err := g.ClientStream.RecvMsg(m)
		e := m.(*streams.ReadResp).GetEvent().GetEvent()
		if _, gone := g.gone.Load(e.GetCommitPosition()); err != nil || e == nil || !gone {
			return err
		}
	}
}

// lossy loses the answer.
type lossy struct{ grpc.ClientStream }

func (l lossy) RecvMsg(m any) error {
	if err := l.ClientStream.RecvMsg(m); err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "lost on the way back")
}
