package regulation_test

import (
	"testing"

	"github.com/tizilim/tizilim/domain/regulation"
)

// BenchmarkLoad is the part of every start that reads and checks the acts.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := regulation.Load(); err != nil {
			b.Fatal(err)
		}
	}
}
