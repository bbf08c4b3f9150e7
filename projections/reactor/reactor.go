// Package reactor does what the log sets in motion without a person: it asks the state registers,
// orders payments, judges signatures that had to wait, registers signed requests, and turns an approval
// into a license and the application's completion.
//
// It is a projection and three lanes of workers. The projection (waiting.go) knows which applications, and which
// licenses, wait for the registry; a worker (drive.go) loads such a one, does the one thing it waits
// for through the same commands that people use (judge.go for signatures), and looks again. What asks a gateway has a
// lane of its own, and so have signatures whose authorities did not answer: whoever is down keeps nothing
// else waiting. Ids of commands derive from the
// application and the purpose, and numbers are assigned once for each application (numbering.go), so
// doing a thing again after a crash, or on two nodes at once, has one effect. What cannot be done now
// is tried again until it can.
package reactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
)

// Config is what a reactor works with.
type Config struct {
	Store     domain.EventStore
	Rules     func() application.Rules // those of the moment
	Waiting   *Waiting
	Numbering *Numbering
	Registers StateRegisters
	Payments  Payments
	Verifier  signing.Verifier
	Now       func() time.Time
	Logger    *slog.Logger

	// PaymentTerm is how long an order can be paid.
	PaymentTerm time.Duration
	// Workers is how many hands each lane drives at a time, 8 unless set.
	Workers int
	// Retry is the pause before something that failed is tried again, doubled each time up to a
	// minute; one second unless set.
	Retry time.Duration
}

// Reactor drives applications, and the signatures under licenses.
type Reactor struct {
	Config

	mu      sync.Mutex // guards what follows
	hands   map[domain.Stream]*hand
	lanes   [3]lane
	over    bool // Run has ended
	latest  domain.Position
	changed chan struct{} // closed and replaced whenever somebody in Settle should look again
}

// hand is an application or license that waits for the registry.
type hand struct {
	wait
	queued, running, paused bool
	failures                int             // tries in a row that failed
	handled                 domain.Position // done with what made it wait up to here
}

// lane is a queue of what waits and those who work on it.
type lane struct {
	queue []*hand
	ready *sync.Cond // on Reactor.mu
}

// The lanes: what the registry can do by itself, what it asks of the state registers and the payment
// gateway, and signatures that wait to be judged. The model keeps these numbers.
const (
	inside  = 0
	outside = 1
	judging = 2
)

// longestPause bounds the pause between tries.
const longestPause = time.Minute

// New makes a reactor, with all that waits by now. It begins to work with Run.
func New(ctx context.Context, c Config) (*Reactor, error) {
	r := &Reactor{Config: c, changed: make(chan struct{}), hands: map[domain.Stream]*hand{}}
	if r.Workers == 0 {
		r.Workers = 8
	}
	if r.Retry == 0 {
		r.Retry = time.Second
	}
	for i := range r.lanes {
		r.lanes[i].ready = sync.NewCond(&r.mu)
	}
	waiting, err := r.Waiting.all(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what waits for the registry: %w", err)
	}
	r.applied(waiting)
	r.Waiting.applied = r.applied
	return r, nil
}

// Run drives whatever waits until ctx ends, and returns when the last worker is done. The projection
// has to be fed by a projections.Follower, and both Waiting and the numbers caught up once before.
func (r *Reactor) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.over = true
		for i := range r.lanes {
			r.lanes[i].ready.Broadcast()
		}
	})()
	var workers sync.WaitGroup
	for i := range r.lanes {
		for range r.Workers {
			workers.Go(func() {
				for h := r.take(i); h != nil; h = r.take(i) {
					r.try(ctx, h, i)
				}
			})
		}
	}
	workers.Wait()
}

// applied learns what the projection has just put down: who waits, and who waits no more.
func (r *Reactor) applied(changes []wait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		h := r.hands[c.stream]
		if h == nil {
			h = &hand{}
			r.hands[c.stream] = h
		}
		h.wait = c
		r.settle(h)
	}
	r.notify()
}

// settle puts a hand where it belongs: away, or in its lane's queue, unless it is being driven, waits
// for its next try, or is done with and the projection has only not seen it yet.
func (r *Reactor) settle(h *hand) {
	switch {
	case h.running:
	case h.over:
		if r.hands[h.stream] == h {
			delete(r.hands, h.stream)
		}
	case !h.queued && !h.paused && h.position > h.handled:
		h.queued = true
		l := &r.lanes[h.lane]
		l.queue = append(l.queue, h)
		l.ready.Signal()
	}
}

// notify tells everyone in Settle to look again.
func (r *Reactor) notify() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// take waits for a hand to drive, nil when the reactor ends.
func (r *Reactor) take(i int) *hand {
	r.mu.Lock()
	defer r.mu.Unlock()
	for l := &r.lanes[i]; ; {
		if r.over {
			return nil
		}
		if len(l.queue) == 0 {
			l.ready.Wait()
			continue
		}
		h := l.queue[0]
		l.queue = l.queue[1:]
		h.queued = false
		if h.over || h.lane != i { // it went on while it was in the queue
			r.settle(h)
			continue
		}
		h.running = true
		return h
	}
}

// try drives a hand once. A failure is tried again after a pause.
func (r *Reactor) try(ctx context.Context, h *hand, i int) {
	r.mu.Lock()
	one := h.wait
	r.mu.Unlock()
	err := r.drive(ctx, one, i)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.notify()
	h.running = false
	switch {
	case err == nil:
		h.failures, h.handled = 0, one.position
	case ctx.Err() == nil:
		r.pause(h, err)
	}
	r.settle(h)
}

// pauseAfter is how long to wait after so many failures in a row before.
func pauseAfter(first time.Duration, failures int) time.Duration {
	return min(first<<min(failures, 16), longestPause)
}

// pause puts a failed hand aside for a while.
func (r *Reactor) pause(h *hand, err error) {
	pause := pauseAfter(r.Retry, h.failures)
	h.failures++
	h.paused = true
	time.AfterFunc(pause, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		h.paused = false
		r.settle(h)
	})
	level := slog.LevelError
	if errors.Is(err, domain.ErrUnavailable) {
		level = slog.LevelWarn
	}
	r.Logger.Log(context.Background(), level, "the registry's part has to wait",
		"stream", h.stream.String(), "error", err, "again_in", pause)
}

// wrote notes up to where the reactor has written.
func (r *Reactor) wrote(position domain.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = max(r.latest, position)
}

// Settle waits until the registry has done its part of the application, or has tried and has to wait
// for somebody else. The projection has to have reached the event that set it in motion. It returns
// the position at which everything that the reactor wrote can be seen.
func (r *Reactor) Settle(ctx context.Context, id string) (domain.Position, error) {
	for {
		r.mu.Lock()
		changed, latest, h := r.changed, r.latest, r.hands[domain.Stream{Category: domain.ApplicationCategory, ID: id}]
		done := h == nil || h.failures > 0
		r.mu.Unlock()
		if done {
			return latest, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return latest, context.Cause(ctx)
		}
	}
}
