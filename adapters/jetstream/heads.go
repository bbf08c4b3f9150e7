package jetstream

import (
	"context"
	"sync"

	"github.com/tizilim/tizilim/domain"
)

// defaultMaxHeads bounds the cache of heads; some 100 bytes each.
const defaultMaxHeads = 200_000

// heads knows the version of streams as the committer has decided it, ahead of what is durable.
// Callers load what is missing before they queue, so that the committer seldom waits for a lookup.
type heads struct {
	// lookup finds the version of a stream from what is durable.
	lookup func(context.Context, domain.Stream) (uint64, error)
	max    int

	mu    sync.Mutex // protects all below
	known map[domain.Stream]head
	// evictions counts them: a lookup that began before one may be older than what was evicted.
	evictions int
}

type head struct {
	version uint64
	// position is the last commit's, where it was made by this process: until it is durable no
	// lookup finds it.
	position domain.Position
}

// load makes sure that the stream's head is known, unless it is evicted at once.
func (h *heads) load(ctx context.Context, stream domain.Stream) error {
	h.mu.Lock()
	_, ok := h.known[stream]
	evictions := h.evictions
	h.mu.Unlock()
	if ok {
		return nil
	}
	version, err := h.lookup(ctx, stream)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.known[stream]; !ok && h.evictions == evictions {
		h.known[stream] = head{version: version}
	}
	return nil
}

// get is the committer's: it alone changes heads, so what it looks up cannot be overtaken.
func (h *heads) get(ctx context.Context, stream domain.Stream) (uint64, error) {
	h.mu.Lock()
	known, ok := h.known[stream]
	h.mu.Unlock()
	if ok {
		return known.version, nil
	}
	return h.lookup(ctx, stream)
}

func (h *heads) set(stream domain.Stream, version uint64, position domain.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[stream] = head{version, position}
}

// evict makes room. Heads whose commit is not durable yet stay: a lookup would miss it.
func (h *heads) evict(durable domain.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.known) < h.max {
		return
	}
	h.evictions++
	for stream, head := range h.known {
		if head.position <= durable {
			delete(h.known, stream)
		}
	}
}
