package jetstream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
)

// BenchmarkAlone is what a caller alone waits for besides the disk: in flush=asleep the flush sleeps in the kernel
// for as long as a disk takes, and the difference to asleep is the store's. The folder for temporary files
// should be in memory (TMPDIR=/dev/shm). Percentiles, because on a busy machine the mean tells of others.
func BenchmarkAlone(b *testing.B) {
	asleep := func() {
		for left := (unix.Timespec{Nsec: 150_000}); unix.Nanosleep(&left, &left) == unix.EINTR; {
		}
	}
	b.Run("asleep", func(b *testing.B) { spread(b, func(int) { asleep() }) })
	b.Run("flush=asleep", func(b *testing.B) {
		config := jetstream.Config{Dir: b.TempDir()}
		s := open(b, config.WithStep(func(name string) error {
			if name == "flush" {
				asleep()
			}
			return nil
		}))
		s.UseIndex(newIndex())
		events := event()
		spread(b, func(n int) {
			events[0].ID = storetest.Events(1)[0].ID
			if _, err := s.Append(b.Context(), storetest.Stream(fmt.Sprint(n/12)), uint64(n%12), events); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// spread tells the lower quarter and the half of what the operation takes.
func spread(b *testing.B, operation func(n int)) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		operation(len(took))
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/4].Nanoseconds())/1000, "p25-µs")
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-µs")
}
