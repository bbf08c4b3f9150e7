package tree_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/tree"
)

// BenchmarkApply is how fast the tree catches up with a log that is read already, a thousand commits at a
// time as the follower gives them.
func BenchmarkApply(b *testing.B) {
	commits := history(200_000, 1)
	events := len(records(commits))
	var size int64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "tree.sqlite")
		tr, err := tree.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		for rest := commits; len(rest) > 0; rest = rest[min(1000, len(rest)):] {
			if err := tr.Apply(context.Background(), rest[:min(1000, len(rest))]); err != nil {
				b.Fatal(err)
			}
		}
		if err := tr.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(size)/float64(events), "bytes/event")
}

// BenchmarkLive is one commit more, written at once and within a window.
func BenchmarkLive(b *testing.B) {
	commits := history(100_000, 1)
	for _, window := range []bool{false, true} {
		b.Run(fmt.Sprintf("window=%t", window), func(b *testing.B) {
			tr, i := grown(b, commits[:1000]), 1000
			if window {
				tr.Window = 100 * time.Millisecond
			}
			for b.Loop() {
				if i == len(commits) {
					b.StopTimer()
					next := grown(b, commits[:1000])
					next.Window = tr.Window
					tr, i = next, 1000
					b.StartTimer()
				}
				apply(b, tr, commits[i:i+1])
				i++
			}
		})
	}
}

// BenchmarkCompare is what a start looks at, and the comparison of everything.
func BenchmarkCompare(b *testing.B) {
	commits := history(200_000, 1)
	events := len(records(commits))
	tr := grown(b, commits)
	var log domain.Log = sample.NewLog(commits)
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			if err := tr.Check(context.Background(), log); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			if _, err := tr.Compare(context.Background(), log, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
	})
}
