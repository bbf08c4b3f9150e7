package jetstream

import (
	"context"
	"testing"

	"github.com/tizilim/tizilim/domain"
)

// A lookup that was under way while the stream moved on and was evicted finds an old version, which
// must not be taken for the present one.
func TestHeadsLateLookup(t *testing.T) {
	stream := domain.Stream{Category: "license", ID: "1"}
	ctx := t.Context()
	h := &heads{max: 1, known: map[domain.Stream]head{}}
	h.lookup = func(context.Context, domain.Stream) (uint64, error) {
		h.set(stream, 8, 100) // the committer accepts a commit,
		h.evict(99)           // which stays while it is not durable
		if _, ok := h.known[stream]; !ok {
			t.Error("a head that is not durable was evicted")
		}
		h.evict(100)
		return 7, nil
	}
	if err := h.load(ctx, stream); err != nil {
		t.Fatal(err)
	}
	if known, ok := h.known[stream]; ok {
		t.Errorf("the head is taken to be %d, it is 8", known.version)
	}
	h.lookup = func(context.Context, domain.Stream) (uint64, error) { return 8, nil }
	if err := h.load(ctx, stream); err != nil || h.known[stream].version != 8 {
		t.Errorf("head %d, %v", h.known[stream].version, err)
	}
}
