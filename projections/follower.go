package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Commits put into a projection at once: few enough that a page waits little, many enough that
// catching up is fast.
const (
	liveBatch    = 1000
	rebuildBatch = 20000
)

// Follower reads the log and feeds projections. All that are near each other share one reading of
// the log, in which every commit is decoded once; one that is far behind, being built anew or having
// been held up, reads for itself until it has caught up with the others.
type Follower struct {
	log      domain.Log
	logger   *slog.Logger
	batch    int
	patience time.Duration // of the common feed
	cancel   context.CancelFunc
	tasks    sync.WaitGroup

	mu      sync.Mutex // protects what follows
	changed bell
	head    domain.Position // the last position known of the log
	aimed   bool            // goal is set
	goal    domain.Position // where the log ended at the beginning
	common  *feed           // nil until the head is known
	err     error           // why nobody gets on: Stop, or a log that never answered
	runners []*runner
}

// runner is one projection on its way.
type runner struct {
	Projection
	position domain.Position // guarded by Follower.mu
	err      error           // why it stopped; guarded by Follower.mu
	trouble  error           // why it is being retried; guarded by Follower.mu
	own      *feed           // what it reads for itself, nil for nothing; guarded by Follower.mu
	retired  bool            // used by its own goroutine only
}

// Status is how one projection is doing.
type Status struct {
	Name     string
	Position domain.Position
	// Lag is how many commits were read of the log and not yet applied: of all logs the same, whatever their
	// positions count. It is about so many for who reads for itself, being too far behind for the others' feed. It
	// says nothing of what was not read, see CaughtUp.
	Lag int
	// CaughtUp tells that everything was applied that was in the log when the follower began.
	CaughtUp bool
	// Err is why it stopped (a *Failure where an event was the cause), or why it does not get on at
	// the moment, and Stopped tells which.
	Err     error
	Stopped bool
}

// Start begins to feed the projections from the log, each from its own position, and returns at once.
// The follower runs until Stop, also when ctx has ended: whatever is being shut down may still wait
// for what it wrote.
func Start(ctx context.Context, log domain.Log, logger *slog.Logger, ps ...Projection) *Follower {
	return start(ctx, log, logger, liveBatch, patience, ps)
}

func start(ctx context.Context, log domain.Log, logger *slog.Logger, batch int, patience time.Duration, ps []Projection) *Follower {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &Follower{log: log, logger: logger, batch: batch, patience: patience, cancel: cancel}
	for _, p := range ps {
		f.runners = append(f.runners, &runner{Projection: p, position: p.Position()})
	}
	f.tasks.Go(func() { f.run(ctx) })
	return f
}

// run asks for the head, and then starts the common feed at the projection that is farthest along.
func (f *Follower) run(ctx context.Context) {
	head, ok := f.firstHead(ctx)
	if !ok {
		return
	}
	f.seen(head)
	f.aim(head)
	var first domain.Position
	for _, r := range f.runners {
		if r.position > head {
			err := fmt.Errorf("projection %s is at position %d, but the log ends at %d: events are missing, or the model belongs to another log: %w",
				r.Name(), r.position, head, domain.ErrDamaged)
			f.stopped(r, err)
			continue
		}
		first = max(first, r.position)
	}
	common := newFeed(f.log, f.logger, first)
	common.seen, common.patience, common.decode = f.seen, f.patience, len(f.runners) > 1
	f.mu.Lock()
	f.common = common
	f.mu.Unlock()
	for _, r := range f.runners {
		if f.Err(r.Name()) == nil {
			common.join(r, r.position)
			f.tasks.Go(func() { f.drive(ctx, r, common) })
		}
	}
	common.read(ctx)
}

func (f *Follower) firstHead(ctx context.Context) (domain.Position, bool) {
	for wait := newBackoff(); ctx.Err() == nil; wait.sleep(ctx) {
		head, err := f.log.Head(ctx)
		switch {
		case err == nil:
			return head, true
		case !errors.Is(err, domain.ErrUnavailable) && ctx.Err() == nil:
			f.mu.Lock()
			f.err = err
			f.changed.ring()
			f.mu.Unlock()
			f.logger.Error("the log has no head: no projection is fed", "err", err)
			return 0, false
		}
	}
	return 0, false
}

// drive feeds one projection until it fails or ctx ends.
func (f *Follower) drive(ctx context.Context, r *runner, common *feed) {
	defer common.leave(r)
	for {
		err := f.advance(ctx, r, common, nil)
		if errors.Is(err, errBehind) {
			err = f.catchUp(ctx, r, common)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, errBehind) { // who is behind catches up, however often it takes
			f.stopped(r, err)
			return
		}
	}
}

// catchUp reads the log for this projection alone until the common feed has what comes next.
func (f *Follower) catchUp(ctx context.Context, r *runner, common *feed) error {
	ctx, cancel := context.WithCancel(ctx)
	own := newFeed(f.log, f.logger, r.position)
	own.join(r, r.position)
	f.reads(r, own)
	defer f.reads(r, nil)
	var reading sync.WaitGroup
	reading.Go(func() { own.read(ctx) })
	defer reading.Wait()
	defer cancel()
	return f.advance(ctx, r, own, common)
}

// advance applies what the feed gives, until the projection can join the other feed, if there is one.
func (f *Follower) advance(ctx context.Context, r *runner, from, join *feed) error {
	for wait := newBackoff(); ; {
		if join != nil && join.join(r, r.position) {
			return nil
		}
		commits, err := from.take(ctx, r, r.position, f.batch)
		if err != nil {
			return err
		}
		err = r.Apply(ctx, commits)
		switch {
		case err == nil:
			wait = newBackoff()
			f.applied(r, commits[len(commits)-1].Position)
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, domain.ErrUnavailable):
			f.troubled(r, err)
			wait.sleep(ctx)
		default:
			return failure(r.Name(), commits[0].Records[0], err)
		}
	}
}

// retirer is a projection that has something to remove once it has caught up.
type retirer interface{ Retire() error }

func (f *Follower) applied(r *runner, p domain.Position) {
	f.mu.Lock()
	r.position, r.trouble = p, nil
	caughtUp := p >= f.head
	f.changed.ring()
	f.mu.Unlock()
	if !caughtUp || r.retired {
		return
	}
	r.retired = true
	if old, ok := r.Projection.(retirer); ok {
		if err := old.Retire(); err != nil {
			f.logger.Warn("old read model not removed", "projection", r.Name(), "err", err)
		}
	}
}

func (f *Follower) troubled(r *runner, err error) {
	f.mu.Lock()
	r.trouble = err
	f.mu.Unlock()
	f.logger.Warn("projection will try again", "projection", r.Name(), "position", r.position, "err", err)
}

func (f *Follower) stopped(r *runner, err error) {
	f.mu.Lock()
	r.err = err
	f.changed.ring()
	f.mu.Unlock()
	f.logger.Error("projection stopped", "projection", r.Name(), "err", err)
}

func (f *Follower) seen(p domain.Position) {
	f.mu.Lock()
	f.head = max(f.head, p)
	f.mu.Unlock()
}

// aim sets where a projection has caught up with the beginning, once.
func (f *Follower) aim(head domain.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.aimed {
		f.aimed, f.goal = true, head
	}
}

// reads notes what the projection reads for itself.
func (f *Follower) reads(r *runner, own *feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.own = own
}

// Wait returns once the named projections, or all of them where none is named, have applied
// everything up to the position. It returns at once with domain.ErrUnavailable and the cause when one
// of them has stopped before that.
//
// A projection must not wait for itself: inside Apply, name the others.
func (f *Follower) Wait(ctx context.Context, p domain.Position, names ...string) error {
	for {
		f.mu.Lock()
		done, err := f.reached(p, names)
		changed := f.changed.wait()
		f.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the read models to reach position %d: %w", p, context.Cause(ctx))
		}
	}
}

// reached is called with the lock held.
func (f *Follower) reached(p domain.Position, names []string) (bool, error) {
	done := true
	for _, r := range f.runners {
		if r.position >= p || len(names) > 0 && !slices.Contains(names, r.Name()) {
			continue
		}
		done = false
		if err := errors.Join(r.err, f.err); err != nil {
			return false, fmt.Errorf("projection %s will not reach position %d: %w: %w", r.Name(), p, domain.ErrUnavailable, err)
		}
	}
	return done, nil
}

// CaughtUp waits until the named projections, or all, have applied everything that is in the log now.
func (f *Follower) CaughtUp(ctx context.Context, names ...string) error {
	head, err := f.log.Head(ctx)
	if err != nil {
		return fmt.Errorf("ask the log for its head: %w", err)
	}
	f.aim(head)
	return f.Wait(ctx, head, names...)
}

// Status is how every projection is doing.
func (f *Follower) Status() []Status {
	f.mu.Lock()
	all, own, common := make([]Status, len(f.runners)), make([]*feed, len(f.runners)), f.common
	for i, r := range f.runners {
		all[i], own[i] = Status{Name: r.Name(), Position: r.position, CaughtUp: r.position >= f.goal, Err: r.trouble}, r.own
		if err := errors.Join(r.err, f.err); err != nil {
			all[i].Err, all[i].Stopped = err, true
		}
	}
	f.mu.Unlock() // a feed that has its lock takes this one
	for i := range all {
		all[i].Lag = lag(all[i].Position, own[i], common)
	}
	return all
}

// lag is how many commits after the position the feeds have, of which each goes on from the one before. What lies
// between two of them, and nobody has counted, is as much as a feed holds: otherwise they would meet.
func lag(p domain.Position, feeds ...*feed) (n int) {
	for _, d := range feeds {
		if d == nil {
			continue
		}
		more, after, last := d.unread(p)
		if p < after {
			n += feedCommits
		}
		n, p = n+more, max(p, last)
	}
	return n
}

// Err is why the named projections, or any, have stopped: nil while all are running.
func (f *Follower) Err(names ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.err
	for _, r := range f.runners {
		if len(names) == 0 || slices.Contains(names, r.Name()) {
			err = errors.Join(err, r.err)
		}
	}
	return err
}

// Head is the last position of the log that the follower knows of.
func (f *Follower) Head() domain.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// Stop ends all reading and returns when no projection is being applied any more.
func (f *Follower) Stop() {
	f.cancel()
	f.tasks.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = errStopped
	}
	f.changed.ring()
}

var errStopped = errors.New("the follower was stopped")
