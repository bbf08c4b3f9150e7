package jetstream

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tizilim/tizilim/domain"
)

// durable is the position up to which the log survives a power cut. Nobody sees beyond it.
type durable struct {
	at      atomic.Uint64
	mu      sync.Mutex    // protects changed
	changed chan struct{} // closed and replaced when the position moves; made by the first who waits
}

func (d *durable) position() domain.Position { return domain.Position(d.at.Load()) }

func (d *durable) advance(p domain.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at.Store(uint64(p))
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// wait waits until the position is durable, false when stop comes first.
func (d *durable) wait(ctx context.Context, p domain.Position) bool {
	for {
		if d.position() >= p {
			return true
		}
		d.mu.Lock()
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		if d.position() >= p {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
