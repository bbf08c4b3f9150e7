// Package reactor does what the log sets in motion without a person: it asks the state registers,
// orders payments, registers signed requests, and turns an approval into a license and the
// application's completion.
//
// It is a projection and a set of workers. The projection (waiting.go) knows which applications wait
// for the registry; a worker (drive.go) loads such an application, does the one thing it waits for
// through the same commands that people use, and looks again. Ids of commands derive from the
// application and the purpose, and numbers are assigned once for each application (numbering.go), so
// doing a thing again after a crash, or on two nodes at once, has one effect. What cannot be done now,
// because a gateway is unavailable, is tried again until it can.
package reactor

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// Config is what a reactor works with.
type Config struct {
	Store     domain.EventStore
	Rules     application.Rules
	Waiting   *Waiting
	Numbering *Numbering
	Registers StateRegisters
	Payments  Payments
	Now       func() time.Time
	Logger    *slog.Logger

	// Workers is how many applications are driven at a time, 8 unless set.
	Workers int
	// Retry is the pause before something that failed is tried again, doubled each time up to a
	// minute; one second unless set.
	Retry time.Duration
}

// Reactor drives applications.
type Reactor struct {
	Config
	wake chan struct{} // asks Run to look at what waits

	mu      sync.Mutex // guards what follows
	hands   map[string]*hand
	latest  domain.Position
	changed chan struct{} // closed and replaced whenever something was done or applied
}

// hand is an application that the reactor has, or had just now, in hand.
type hand struct {
	running  bool
	handled  domain.Position // done with what made it wait up to here
	failures int             // tries in a row that failed
	paused   bool            // until the next try
}

// longestPause bounds the pause between tries.
const longestPause = time.Minute

// New makes a reactor. It begins with Run.
func New(c Config) *Reactor {
	r := &Reactor{Config: c, wake: make(chan struct{}, 1), changed: make(chan struct{}), hands: map[string]*hand{}}
	if r.Workers == 0 {
		r.Workers = 8
	}
	if r.Retry == 0 {
		r.Retry = time.Second
	}
	r.Waiting.applied = r.notify
	return r
}

// Run drives whatever waits until ctx ends, and returns when the last worker is done. The projection
// has to be fed by a projections.Follower, and both Waiting and the numbers caught up once before.
func (r *Reactor) Run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, r.Workers)
	for {
		list, err := r.Waiting.all(ctx)
		if err != nil && ctx.Err() == nil {
			r.Logger.Error("list what waits for the registry", "error", err)
			time.AfterFunc(r.Retry, r.notify)
			list = nil
		}
		r.drop(list)
		for _, one := range list {
			if !r.take(one) {
				continue
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			workers.Go(func() {
				defer func() { <-slots }()
				r.try(ctx, one)
			})
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
	}
}

// notify makes Run look again, and tells everyone in Settle that something changed.
func (r *Reactor) notify() {
	r.mu.Lock()
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // Run has not yet looked since the last time
	}
}

// take takes an application in hand, unless it is, waits for its next try, or is done with and the
// projection has only not seen it yet.
func (r *Reactor) take(one waitingOne) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hands[one.application]
	if h == nil {
		h = &hand{}
		r.hands[one.application] = h
	}
	if h.running || h.paused || h.handled >= one.position {
		return false
	}
	h.running = true
	return true
}

// drop forgets what is done with and waits no more.
func (r *Reactor) drop(list []waitingOne) {
	waiting := map[string]bool{}
	for _, one := range list {
		waiting[one.application] = true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.hands, func(id string, h *hand) bool { return !h.running && !h.paused && !waiting[id] })
}

// try drives the application once. A failure is tried again after a pause.
func (r *Reactor) try(ctx context.Context, one waitingOne) {
	err := r.drive(ctx, one.application, one.cause)
	defer r.notify()
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.hands[one.application]
	h.running = false
	if err == nil {
		h.failures, h.handled = 0, one.position
		return
	}
	if ctx.Err() != nil {
		return
	}
	pause := min(r.Retry<<min(h.failures, 16), longestPause)
	h.failures++
	h.paused = true
	time.AfterFunc(pause, func() {
		r.mu.Lock()
		h.paused = false
		r.mu.Unlock()
		r.notify()
	})
	level := slog.LevelError
	if errors.Is(err, domain.ErrUnavailable) {
		level = slog.LevelWarn
	}
	r.Logger.Log(ctx, level, "the registry's part of an application has to wait",
		"application", one.application, "error", err, "again_in", pause)
}

// wrote notes up to where the reactor has written.
func (r *Reactor) wrote(position domain.Position) {
	r.mu.Lock()
	r.latest = max(r.latest, position)
	r.mu.Unlock()
}

// Settle waits until the registry has done its part of the application, or has tried and has to wait
// for somebody else. The projection has to have reached the event that set it in motion. It returns
// the position at which everything that the reactor wrote can be seen.
func (r *Reactor) Settle(ctx context.Context, id string) (domain.Position, error) {
	for {
		r.mu.Lock()
		changed, latest, h := r.changed, r.latest, r.hands[id]
		stuck := h != nil && h.failures > 0
		r.mu.Unlock()
		if stuck {
			return latest, nil
		}
		waits, err := r.Waiting.has(ctx, id)
		if err != nil || !waits {
			return latest, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return latest, context.Cause(ctx)
		}
	}
}
