package notices_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/notices"
)

// BenchmarkPublish tells notices in batches of a hundred, as the sender does: new ones, and ones that were
// told before, as after a start.
func BenchmarkPublish(b *testing.B) {
	s, err := jetstream.Open(b.Context(), jetstream.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	conn, err := s.Annex()
	if err != nil {
		b.Fatal(err)
	}
	l, err := notices.NewLedger(conn, notices.Host{Ready: s.Writable, Flush: func() error { return s.SyncAnnex(notices.Stream) }}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	told, batch := 0, make([]notices.Notice, 100)
	publish := func(b *testing.B, first int) {
		for i := range batch {
			batch[i] = notice(fmt.Sprintf("939ee773-54c8-5d2c-a13c-%012d", first+i), 7)
		}
		if err := l.Publish(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	run := func(name string, first func() int) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				publish(b, first())
			}
			b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "notices/s")
		})
	}
	run("new", func() int { told += len(batch); return told })
	again := 0
	run("told", func() int { again = again%told + len(batch); return again })
}
