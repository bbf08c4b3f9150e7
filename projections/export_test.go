package projections

import (
	"context"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// StartWithPatience is Start with another patience of the common feed.
func StartWithPatience(ctx context.Context, log domain.Log, patience time.Duration, ps ...Projection) *Follower {
	return start(ctx, log, nil, liveBatch, patience, ps)
}
