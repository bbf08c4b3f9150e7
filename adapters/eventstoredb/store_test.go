package eventstoredb_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// serve starts a server that ends with the test.
func serve(t testing.TB, o esdbtest.Options) *esdbtest.Server {
	t.Helper()
	server, err := esdbtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// open opens a store that is closed with the test.
func open(t testing.TB, config eventstoredb.Config) *eventstoredb.Store {
	t.Helper()
	config.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := eventstoredb.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// once is a store that tries once, against the server.
func once(server *esdbtest.Server) eventstoredb.Config {
	return eventstoredb.Config{URL: server.URL(), Patience: -1, Silence: 50 * time.Millisecond}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, serve(t, esdbtest.Options{}))
	})
}

func subject(t *testing.T, server *esdbtest.Server) storetest.Subject {
	config := once(server)
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
		FailNext: func() { server.FailAppends(1) },
		LoseNext: func() { server.LoseAnswers(1) },
		Damage: func(t *testing.T, p domain.Position) storetest.Store {
			server.Lose(uint64(p))
			return reopen(t)
		},
	}
}
