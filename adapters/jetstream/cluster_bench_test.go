package jetstream_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/storetest"
)

// BenchmarkClusterAppend is what a cluster of three servers takes that share this machine with the callers
// and with each other.
func BenchmarkClusterAppend(b *testing.B) {
	nodes := startNodes(b)
	s := connect(b, at(b, nodes))
	x := newIndex()
	x.keepUp(b, s)
	s.UseIndex(x)
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			waits := make([][]time.Duration, callers)
			var wg sync.WaitGroup
			for i := range callers {
				wg.Go(func() {
					for stream, version := storetest.Stream(uuid.NewString()), uint64(0); left.Add(-1) >= 0; version++ {
						begin := time.Now()
						if _, err := s.Append(b.Context(), stream, version, storetest.Events(1)); err != nil {
							b.Error(err)
							return
						}
						waits[i] = append(waits[i], time.Since(begin))
					}
				})
			}
			wg.Wait()
			all := slices.Concat(waits...)
			slices.Sort(all)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
