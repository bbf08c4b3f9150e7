package jetstream_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// trace is what the clients of a store asked and were told, and when, over all streams.
type trace struct {
	begin time.Time

	mu    sync.Mutex // protects what follows
	ops   []porcupine.Operation
	acks  map[uuid.UUID]domain.Position
	sent  map[uuid.UUID]bool
	times []time.Duration // of acknowledgements
	waits []time.Duration // of appends that were acknowledged
}

func newTrace() *trace {
	return &trace{begin: time.Now(), acks: map[uuid.UUID]domain.Position{}, sent: map[uuid.UUID]bool{}}
}

// asked is an append of one event at a version, or a read where the event is none.
type asked struct {
	stream   domain.Stream
	event    uuid.UUID
	expected uint64
}

// told is how a call ended: appended, refused as a conflict, or not known to have been either; for a read the
// end of the stream.
type told struct {
	appended, conflict bool
	end                streamEnd
}

// streamEnd is the state of a stream: how many events it has, and the last.
type streamEnd struct {
	version uint64
	last    uuid.UUID
}

// append appends an event and notes it. It says whether the outcome is known.
func (h *trace) append(t *testing.T, s storetest.Store, client int, stream domain.Stream, expected uint64) bool {
	events := storetest.Events(1)
	id := events[0].ID
	h.mu.Lock()
	h.sent[id] = true
	h.mu.Unlock()
	call := time.Since(h.begin)
	p, err := s.Append(context.Background(), stream, expected, events)
	end := time.Since(h.begin)
	op := porcupine.Operation{ClientId: client, Input: asked{stream, id, expected}, Call: int64(call), Return: int64(end)}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		op.Output = told{appended: true}
		h.acks[id], h.times, h.waits = p, append(h.times, end), append(h.waits, end-call)
	case errors.Is(err, domain.ErrConflict):
		op.Output = told{conflict: true}
	case errors.Is(err, domain.ErrUnavailable):
		// It may be stored at any later time.
		op.Output, op.Return = told{}, math.MaxInt64
	default:
		t.Errorf("append: %v", err)
		return false
	}
	h.ops = append(h.ops, op)
	return op.Return != math.MaxInt64
}

// read reads the end of a stream and notes it.
func (h *trace) read(t *testing.T, s storetest.Store, client int, stream domain.Stream, from uint64) (uint64, bool) {
	call := time.Since(h.begin)
	end := streamEnd{}
	for r, err := range s.Read(context.Background(), stream, max(from, 1)) {
		if errors.Is(err, domain.ErrUnavailable) {
			return 0, false // a read that fails says nothing
		}
		if err != nil {
			t.Errorf("read: %v", err)
			return 0, false
		}
		end = streamEnd{r.Version, r.ID}
	}
	op := porcupine.Operation{
		ClientId: client, Input: asked{stream: stream}, Output: told{end: end},
		Call: int64(call), Return: int64(time.Since(h.begin)),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	return end.version, true
}

// outage is the longest time without an acknowledgement after the one before begin.
func (h *trace) outage(begin time.Duration) (longest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := time.Duration(0)
	for _, at := range h.times {
		if at >= begin && last > 0 {
			longest = max(longest, at-last)
		}
		last = at
	}
	return longest
}

// acknowledged is how many appends were.
func (h *trace) acknowledged() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.acks)
}

// register is what a store promises of one stream: an append takes effect at one moment between its call and
// its return, and only at the version it expects; a read sees the stream as it is at one such moment.
func register() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			byStream := map[domain.Stream][]porcupine.Operation{}
			for _, op := range history {
				stream := op.Input.(asked).stream
				byStream[stream] = append(byStream[stream], op)
			}
			var parts [][]porcupine.Operation
			for _, part := range byStream {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() []any { return []any{streamEnd{}} },
		Step: func(state, input, output any) []any {
			is, in, out := state.(streamEnd), input.(asked), output.(told)
			after := streamEnd{in.expected + 1, in.event}
			switch fits := is.version == in.expected; {
			case in.event == uuid.Nil && is == out.end,
				out.conflict && !fits:
				return []any{is}
			case in.event == uuid.Nil, out.conflict, out.appended && !fits:
				return nil
			case out.appended:
				return []any{after}
			case fits: // not known
				return []any{is, after}
			default:
				return []any{is}
			}
		},
		Equal: func(a, b any) bool { return a == b },
	}
	return model.ToModel()
}

// linearizable checks that the history is one that a single store could have given.
func (h *trace) linearizable(t *testing.T) {
	t.Helper()
	begin := time.Now()
	result := porcupine.CheckOperationsTimeout(register(), h.ops, time.Minute)
	if result != porcupine.Ok {
		t.Errorf("the history of %d operations is not linearizable: %s", len(h.ops), result)
	}
	t.Logf("linearizability of %d operations: %s in %v", len(h.ops), result, time.Since(begin).Round(time.Millisecond))
}

// The checker notices what must not happen.
func TestHistoryChecker(t *testing.T) {
	a, b := uuid.New(), uuid.New()
	stream := storetest.Stream("s")
	op := func(call, end int64, in asked, out told) porcupine.Operation {
		in.stream = stream
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: end}
	}
	first := op(1, 2, asked{event: a}, told{appended: true})
	for name, test := range map[string]struct {
		then porcupine.Operation
		want bool
	}{
		"read what was written":        {op(3, 4, asked{}, told{end: streamEnd{1, a}}), true},
		"lost":                         {op(3, 4, asked{}, told{}), false},
		"stale read":                   {op(3, 4, asked{}, told{end: streamEnd{}}), false},
		"another's":                    {op(3, 4, asked{}, told{end: streamEnd{1, b}}), false},
		"two winners":                  {op(1, 2, asked{event: b}, told{appended: true}), false},
		"the loser":                    {op(1, 2, asked{event: b}, told{conflict: true}), true},
		"a conflict with nobody":       {op(3, 4, asked{event: b, expected: 1}, told{conflict: true}), false},
		"not known":                    {op(3, math.MaxInt64, asked{event: b, expected: 1}, told{}), true},
		"not known, and at no version": {op(3, math.MaxInt64, asked{event: b, expected: 7}, told{}), true},
	} {
		if got := porcupine.CheckOperations(register(), []porcupine.Operation{first, test.then}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
