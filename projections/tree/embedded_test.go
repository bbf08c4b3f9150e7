package tree_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

var embeddedCommits = flag.Int("embedded-commits", 100_000, "commits of one to three events in the log of BenchmarkEmbedded")

// BenchmarkEmbedded is the tree over the embedded store: catching up with the log, what a start looks at, a start
// of both after a clean stop, and the comparison of everything.
func BenchmarkEmbedded(b *testing.B) {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	config := jetstream.Config{Dir: b.TempDir()}
	store, err := jetstream.Open(ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { store.Close() }()
	commits := history(*embeddedCommits, 1)
	events := len(records(commits))
	fill(b, store, commits)
	per := func(b *testing.B) { b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s") }
	b.Logf("%d events in %d commits", events, len(commits))
	var tr *tree.Tree
	path := ""
	whole := b
	b.Run("catch up", func(b *testing.B) {
		for b.Loop() {
			path = filepath.Join(whole.TempDir(), "tree.sqlite")
			tr = open(whole, path)
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
	b.Run("restart", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			if err := errors.Join(tr.Close(), store.Close()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			begin := time.Now()
			if store, err = jetstream.Open(ctx, config); err != nil {
				b.Fatal(err)
			}
			opened := time.Since(begin)
			tr = open(whole, path)
			if err := tr.Check(ctx, store); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(opened.Seconds(), "s/store")
			b.ReportMetric((time.Since(begin) - opened).Seconds(), "s/tree")
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
