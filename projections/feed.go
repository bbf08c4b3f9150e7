package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// A feed keeps no more than this for those who are slower than the log, and while the common feed is
// full it waits no longer than patience for somebody who takes nothing.
const (
	feedCommits = 16384
	feedBytes   = 64 << 20
	patience    = 2 * time.Second
	forever     = 0 // the patience of a rebuild, for which reading the log again would cost more than waiting
)

// errBehind says that the feed no longer has what comes next for a taker.
var errBehind = errors.New("behind the feed")

// bell wakes everybody who waits for something to change. Both methods are called with the lock held
// that guards the something.
type bell struct{ rung chan struct{} }

func (b *bell) wait() <-chan struct{} {
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

func (b *bell) ring() {
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// feed is one reading of the log and its newest commits, from which any number of takers help
// themselves, each at its own pace.
type feed struct {
	log    domain.Log
	logger *slog.Logger
	seen   func(domain.Position) // called with every position read
	// decode is for a feed that many take from: each payload is then decoded here, once.
	decode bool
	// patience is how long a full feed waits for a taker before it leaves it behind; 0 is for ever, for
	// a feed that is one taker's own.
	patience time.Duration

	mu     sync.Mutex // protects what follows
	bell   bell
	after  domain.Position // every commit read after this one is in commits
	last   domain.Position // the last one read
	size   int             // bytes of data in commits
	err    error           // why nothing more comes
	takers map[any]domain.Position
	// commits are in the order of the log. Slices of it are given away, so it is never changed in
	// place, only extended and replaced.
	commits []domain.Commit
}

func newFeed(log domain.Log, logger *slog.Logger, after domain.Position) *feed {
	return &feed{log: log, logger: logger, after: after, last: after, takers: map[any]domain.Position{}}
}

// read follows the log until ctx ends or the log is damaged. A log that does not answer is asked
// again, from where it stopped.
func (d *feed) read(ctx context.Context) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		from := d.last
		err := d.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("the log's sequence ended: %w", domain.ErrUnavailable)
		}
		if !errors.Is(err, domain.ErrUnavailable) {
			d.end(err)
			return
		}
		if d.last > from {
			backoff = newBackoff()
		}
		d.logger.Warn("the log does not answer", "position", d.last, "err", err)
		backoff.sleep(ctx)
	}
}

func (d *feed) follow(ctx context.Context) error {
	for c, err := range d.log.Follow(ctx, d.last) {
		if err != nil {
			return err
		}
		if c.Position <= d.last || len(c.Records) == 0 {
			return fmt.Errorf("commit %d after %d: %w", c.Position, d.last, domain.ErrDamaged)
		}
		if d.decode {
			c = decoded(c)
		}
		if !d.put(ctx, c) {
			return nil
		}
	}
	return nil
}

// put adds a commit, and waits while the feed is full.
func (d *feed) put(ctx context.Context, c domain.Commit) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.full() && !d.trim() {
		if !d.hold(ctx) {
			return false
		}
	}
	if len(d.commits) == cap(d.commits) { // those that were dropped are let go of; append alone would do it too seldom, or too often
		d.commits = slices.Grow(d.commits, feedCommits/4)
	}
	d.commits = append(d.commits, c)
	d.last = c.Position
	for _, r := range c.Records {
		d.size += len(r.Data)
	}
	d.bell.ring()
	if d.seen != nil {
		d.seen(c.Position)
	}
	return true
}

func (d *feed) full() bool { return len(d.commits) >= feedCommits || d.size >= feedBytes }

// trim drops what everybody has, reporting whether anything was.
func (d *feed) trim() bool {
	keep := d.last
	for _, p := range d.takers {
		keep = min(keep, p)
	}
	n := d.index(keep)
	if n == 0 {
		return false
	}
	for _, c := range d.commits[:n] {
		for _, r := range c.Records {
			d.size -= len(r.Data)
		}
	}
	d.after = d.commits[n-1].Position
	d.commits = d.commits[n:] // the next growth lets go of what was dropped
	return true
}

// hold waits until some taker has taken, or until patience ends, and then leaves the slowest behind:
// it can read the log for itself, and holds nobody up.
func (d *feed) hold(ctx context.Context) bool {
	took := d.bell.wait()
	d.mu.Unlock()
	var end <-chan time.Time // never, without patience
	if d.patience > 0 {
		timer := time.NewTimer(d.patience)
		defer timer.Stop()
		end = timer.C
	}
	slow := false
	select {
	case <-took:
	case <-end:
		slow = true
	case <-ctx.Done():
	}
	d.mu.Lock()
	if slow {
		for t, p := range d.takers {
			if p <= d.after {
				delete(d.takers, t)
			}
		}
	}
	return ctx.Err() == nil
}

// index is how many of the commits are at or before the position.
func (d *feed) index(p domain.Position) int {
	return sort.Search(len(d.commits), func(i int) bool { return d.commits[i].Position > p })
}

// unread is how many commits after the position the feed has, from which position on it has all, and up to which
// it was read.
func (d *feed) unread(p domain.Position) (n int, after, last domain.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.commits) - d.index(p), d.after, d.last
}

// take returns the commits after the position, at most n and at least one, and waits only when there
// is none. It tells the feed that the taker is done with everything up to the position. errBehind
// when the feed has no longer all of them.
func (d *feed) take(ctx context.Context, taker any, p domain.Position, n int) ([]domain.Commit, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if p < d.after {
			delete(d.takers, taker)
			return nil, errBehind
		}
		if old, ok := d.takers[taker]; !ok || old != p {
			d.takers[taker] = p
			if d.full() {
				d.bell.ring()
			}
		}
		if i := d.index(p); i < len(d.commits) {
			end := min(i+n, len(d.commits))
			return d.commits[i:end:end], nil
		}
		if d.err != nil {
			return nil, d.err
		}
		more := d.bell.wait()
		d.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
		}
		d.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// join registers the taker if the feed has everything after the position.
func (d *feed) join(taker any, p domain.Position) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p < d.after {
		return false
	}
	d.takers[taker] = p
	return true
}

// leave forgets the taker.
func (d *feed) leave(taker any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.takers, taker)
	d.bell.ring()
}

func (d *feed) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	d.bell.ring()
}

// backoff waits longer each time, up to five seconds.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{next: 50 * time.Millisecond} }

func (b *backoff) sleep(ctx context.Context) {
	timer := time.NewTimer(b.next)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	b.next = min(2*b.next, 5*time.Second)
}
