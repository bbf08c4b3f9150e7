package projections

import (
	"context"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// StartWithPatience is Start with another patience of the common feed.
func StartWithPatience(ctx context.Context, log domain.Log, patience time.Duration, ps ...Projection) *Follower {
	return start(ctx, log, nil, liveBatch, patience, ps)
}

// Narrow lets models keep little in memory, until the test ends.
func Narrow(t testing.TB, window, rows, bytes int) {
	old := limits
	t.Cleanup(func() { limits = old })
	limits.window, limits.rows, limits.bytes = window, rows, bytes
}
