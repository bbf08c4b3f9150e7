package jetstream

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/tizilim/tizilim/domain"
)

// defaultMaxTail bounds the bytes of the tail: an index that falls further behind stops the writers.
const defaultMaxTail = 256 << 20

// Index finds the events of one stream fast. It is built from the log, so it is always a little
// behind; the store adds the rest from its own memory.
type Index interface {
	// Position is the last commit the index holds; it holds all before. It is called often.
	Position() domain.Position
	// Version is the version of the stream, 0 for one without events.
	Version(ctx context.Context, stream domain.Stream) (uint64, error)
	// Read yields the records of the stream from a version on, in order, an error as the last pair.
	Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error]
}

// tail holds the durable commits that the index has not reached yet.
type tail struct {
	max int // bytes
	// shared: others write too, so that the index, which follows the log by itself, may be ahead, and a
	// tail that is too long is let go.
	shared bool

	mu    sync.Mutex // protects all below
	index Index
	// The tail is complete after position since; an index that has not reached it cannot be used.
	since, last domain.Position
	// commits are in order of position; byStream holds the same ones.
	commits  []*stored
	byStream map[domain.Stream][]*stored
	bytes    int
}

// stored is one commit as it is in the log.
type stored struct {
	stream   domain.Stream
	version  uint64 // of the stream after the commit
	position domain.Position
	data     []byte
}

func (t *tail) use(index Index) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.index, t.since = index, t.last
	t.commits, t.byStream, t.bytes = nil, map[domain.Stream][]*stored{}, 0
}

// add takes a commit that is durable now, before it is acknowledged.
func (t *tail) add(s *stored) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = s.position
	if t.index == nil {
		return
	}
	t.commits = append(t.commits, s)
	t.byStream[s.stream] = append(t.byStream[s.stream], s)
	t.bytes += len(s.data)
	t.trim(t.index.Position())
	if t.shared && t.bytes >= t.max {
		t.since, t.commits, t.byStream, t.bytes = t.last, nil, map[domain.Stream][]*stored{}, 0
	}
}

// trim forgets what the index holds.
func (t *tail) trim(indexed domain.Position) {
	for len(t.commits) > 0 && t.commits[0].position <= indexed {
		first := t.commits[0]
		t.commits[0], t.commits = nil, t.commits[1:]
		t.bytes -= len(first.data)
		if rest := t.byStream[first.stream][1:]; len(rest) > 0 {
			t.byStream[first.stream] = rest
		} else {
			delete(t.byStream, first.stream)
		}
	}
}

// full says that the index is too far behind to go on writing.
func (t *tail) full() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bytes < t.max {
		return nil
	}
	t.trim(t.index.Position())
	if t.bytes < t.max {
		return nil
	}
	return fmt.Errorf("the index of streams is at position %d, the log at %d: %w", t.index.Position(), t.last, domain.ErrUnavailable)
}

// of gives the index, nil where there is none to use yet, and the tail of a stream. The tail is
// taken first: what is trimmed from it afterwards the index has. An index that is ahead of the log
// was built from events that are gone: ErrDamaged.
func (t *tail) of(stream domain.Stream) (Index, []*stored, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.index == nil {
		return nil, nil, nil
	}
	at := t.index.Position()
	if at > t.last && !t.shared {
		return nil, nil, fmt.Errorf("the index of streams is at position %d, the log ends at %d: %w", at, t.last, domain.ErrDamaged)
	}
	if at < t.since {
		return nil, nil, nil
	}
	rest := t.byStream[stream]
	return t.index, rest[:len(rest):len(rest)], nil
}
