package reactor

import (
	"testing"
	"time"
)

// Each failure doubles the pause, up to a minute.
func TestPauses(t *testing.T) {
	for failures, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if got := pauseAfter(time.Second, failures); got != want*time.Second {
			t.Errorf("after %d failures: %v", failures, got)
		}
	}
	if got := pauseAfter(time.Second, 1_000_000); got != time.Minute {
		t.Errorf("at last: %v", got)
	}
}
