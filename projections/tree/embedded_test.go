package tree_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// BenchmarkEmbedded is the tree over the embedded store: catching up with the log, what a start looks at, and the
// comparison of everything.
func BenchmarkEmbedded(b *testing.B) {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	store, err := jetstream.Open(ctx, jetstream.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	commits := history(100_000, 1)
	events := len(records(commits))
	fill(b, store, commits)
	per := func(b *testing.B) { b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s") }
	whole, tr := b, grown(b, nil)
	b.Run("catch up", func(b *testing.B) {
		for b.Loop() {
			tr = grown(whole, nil)
			f := projections.Start(ctx, store, logger, tr)
			if err := f.CaughtUp(ctx); err != nil {
				b.Fatal(err)
			}
			f.Stop()
		}
		per(b)
	})
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			if err := tr.Check(ctx, store); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := tr.Compare(ctx, store, nil); err != nil {
				b.Fatal(err)
			}
		}
		per(b)
	})
}

// fill appends the commits, those of each stream one after the other and the streams at the same time.
func fill(b *testing.B, store domain.EventStore, commits []domain.Commit) {
	byStream := map[domain.Stream][]domain.Commit{}
	for _, c := range commits {
		byStream[c.Stream] = append(byStream[c.Stream], c)
	}
	done := make(chan error)
	for stream, commits := range byStream {
		go func() {
			for _, c := range commits {
				events := make([]domain.Event, len(c.Records))
				for i, r := range c.Records {
					events[i] = r.Event
				}
				if _, err := store.Append(context.Background(), stream, c.Records[0].Version-1, events); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range byStream {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}
