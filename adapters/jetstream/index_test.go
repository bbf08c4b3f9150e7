package jetstream_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// index is an Index in memory.
type index struct {
	mu       sync.Mutex // protects all below
	position domain.Position
	streams  map[domain.Stream][]domain.Record
}

func newIndex() *index { return &index{streams: map[domain.Stream][]domain.Record{}} }

// keepUp follows the log until the test ends.
func (x *index) keepUp(t testing.TB, log domain.Log) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for again := true; again && ctx.Err() == nil; {
			for c, err := range log.Follow(ctx, x.Position()) {
				if err != nil {
					// Or the store was closed, or is damaged, as its test wanted it.
					_, cluster := log.(*jetstream.Cluster)
					again = cluster && errors.Is(err, domain.ErrUnavailable)
					break
				}
				x.apply(c)
			}
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// catchUp takes what there is up to a position.
func (x *index) catchUp(t *testing.T, log domain.Log, p domain.Position) {
	t.Helper()
	for c, err := range log.Follow(t.Context(), x.Position()) {
		if err != nil {
			t.Fatal(err)
		}
		if x.apply(c); c.Position >= p {
			return
		}
	}
}

func (x *index) apply(c domain.Commit) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.position = c.Position
	x.streams[c.Stream] = append(x.streams[c.Stream], c.Records...)
}

func (x *index) Position() domain.Position {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.position
}

func (x *index) Version(_ context.Context, stream domain.Stream) (uint64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return uint64(len(x.streams[stream])), nil
}

func (x *index) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		x.mu.Lock()
		records := slices.Clone(x.streams[stream])
		x.mu.Unlock()
		for _, r := range records {
			if err := ctx.Err(); err != nil {
				yield(domain.Record{}, err)
				return
			}
			if r.Version >= from && !yield(r, nil) {
				return
			}
		}
	}
}

// TestStoreWithIndex runs the suite over a store whose index follows the log as fast as it can, so
// that reads meet every state between tail and index.
func TestStoreWithIndex(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, func(t testing.TB, config jetstream.Config) *jetstream.Store {
			s, x := open(t, config), newIndex()
			s.UseIndex(x)
			x.keepUp(t, s)
			return s
		})
	})
}

// TestStoreWithStuckIndex runs the suite over an index that never moves: all is read from the tail,
// and after a restart, when the index is behind what the tail holds, from the log.
func TestStoreWithStuckIndex(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, func(t testing.TB, config jetstream.Config) *jetstream.Store {
			config.Index = newIndex()
			return open(t, config)
		})
	})
}
