package jetstream_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// event is one of about 900 bytes as it is stored, the size of a filed application.
func event() []domain.Event {
	e := storetest.Events(1)
	e[0].Data = json.RawMessage(`{"form":"` + strings.Repeat("ж", 150) + `"}`)
	return e
}

// BenchmarkAppend is the durable append: each caller writes streams of twelve events, one event a
// commit, with an index that follows as the streams read model does.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, x := open(b, jetstream.Config{Dir: b.TempDir()}), newIndex()
			s.UseIndex(x)
			x.keepUp(b, s)
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for c := range callers {
				wg.Go(func() {
					for i := uint64(0); left.Add(-1) >= 0; i++ {
						stream := storetest.Stream(fmt.Sprintf("%d-%d", c, i/12))
						if _, err := s.Append(b.Context(), stream, i%12, event()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRead reads a stream of twelve events, from the index's side of the store: from memory,
// and from the log as it is done before there is an index.
func BenchmarkRead(b *testing.B) {
	for _, from := range []string{"tail", "log"} {
		b.Run("from="+from, func(b *testing.B) {
			config := jetstream.Config{Dir: b.TempDir()}
			if from == "tail" {
				config.Index = newIndex()
			}
			s, stream := open(b, config), storetest.Stream("read")
			for i := range uint64(12) {
				if _, err := s.Append(b.Context(), stream, i, event()); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				n := 0
				for _, err := range s.Read(b.Context(), stream, 1) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 12 {
					b.Fatalf("%d events", n)
				}
			}
		})
	}
}

// BenchmarkFollow reads the log from its beginning, decoded.
func BenchmarkFollow(b *testing.B) {
	const commits = 100_000
	s := open(b, jetstream.Config{Dir: b.TempDir()})
	var wg sync.WaitGroup
	for c := range 256 {
		wg.Go(func() {
			for i := range uint64(commits/256 + 1) {
				if _, err := s.Append(b.Context(), storetest.Stream(fmt.Sprintf("%d-%d", c, i/12)), i%12, event()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for b.Loop() {
		n := 0
		for _, err := range s.Follow(b.Context(), 0) {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == commits {
				break
			}
		}
	}
	b.ReportMetric(commits*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
