package jetstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// lease is how long ago a leader must have heard from most of the others to be believed. The others elect
// another one only when they have not heard from it for 4 s.
const lease = 2500 * time.Millisecond

// known is a position that the log has reached.
type known struct{ at atomic.Uint64 }

func (k *known) position() domain.Position { return domain.Position(k.at.Load()) }

func (k *known) reach(p domain.Position) {
	for {
		at := k.at.Load()
		if at >= uint64(p) || k.at.CompareAndSwap(at, uint64(p)) {
			return
		}
	}
}

// Head implements domain.Log. It is the leader's answer: it counts what any node was acknowledged before.
func (c *Cluster) Head(ctx context.Context) (domain.Position, error) {
	for try := c.try(ctx); ; {
		head, err := c.asked.wait(ctx)
		if err == nil {
			return head, nil
		}
		if !try.again() {
			return 0, fmt.Errorf("head of the log: %w: %w", domain.ErrUnavailable, err)
		}
	}
}

// askLeader asks once. A leader that was cut off, or asleep, does not know that there is another one: it is
// not believed where most of the replicas have not spoken to it of late, or where it is behind what this
// node has seen already.
func (c *Cluster) askLeader() (domain.Position, error) { return c.askOver(c.read) }

func (c *Cluster) askOver(l *line) (domain.Position, error) {
	ctx, cancel := context.WithTimeout(c.ctx, clusterRequest)
	defer cancel()
	seen := c.known.position()
	info, err := l.log.Info(ctx)
	if err != nil {
		l.failed()
		return 0, fmt.Errorf("the leader does not answer: %w: %w", domain.ErrUnavailable, err)
	}
	head := domain.Position(info.State.LastSeq)
	if err := leads(info.Cluster); err != nil {
		l.failed()
		return 0, err
	}
	if head < seen {
		l.failed()
		return 0, fmt.Errorf("%s says that the log ends at position %d, it has reached %d: %w", info.Cluster.Leader, head, seen, domain.ErrUnavailable)
	}
	l.answered()
	c.read.leads(info.Cluster.Leader)
	c.write.leads(info.Cluster.Leader)
	c.known.reach(head)
	return head, nil
}

// leads is nil where the server that speaks of the cluster can be its leader now.
func leads(info *jetstream.ClusterInfo) error {
	if info == nil || info.Leader == "" {
		return fmt.Errorf("the log has no leader: %w", domain.ErrUnavailable)
	}
	hears := 1 // itself
	for _, r := range info.Replicas {
		if !r.Offline && r.Active < lease {
			hears++
		}
	}
	if of := len(info.Replicas) + 1; hears <= of/2 {
		return fmt.Errorf("%s hears from %d of %d servers and may lead no more: %w", info.Leader, hears, of, domain.ErrUnavailable)
	}
	return nil
}

// barrier lets all who ask at about the same time share one question. Nobody gets the answer to one that
// was asked before they came.
type barrier struct {
	ask func() (domain.Position, error)

	mu      sync.Mutex // protects what follows
	next    *round
	running bool
}

type round struct {
	done chan struct{} // closed when the rest is set
	head domain.Position
	err  error
}

func (b *barrier) wait(ctx context.Context) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r := b.join()
	select {
	case <-r.done:
		return r.head, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (b *barrier) join() *round {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = &round{done: make(chan struct{})}
	}
	if !b.running {
		b.running = true
		go b.run()
	}
	return b.next
}

func (b *barrier) run() {
	for {
		b.mu.Lock()
		r := b.next
		b.next, b.running = nil, r != nil
		b.mu.Unlock()
		if r == nil {
			return
		}
		r.head, r.err = b.ask()
		close(r.done)
	}
}

// try is one caller's patience.
type try struct {
	ctx     context.Context
	closing <-chan struct{}
	until   time.Time
	pause   time.Duration
}

const (
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// try begins to be patient. Where the cluster has been away for as long already, one more answer is all
// that a new caller waits for: those who came before wait, and nothing piles up behind them.
func (c *Cluster) try(ctx context.Context) *try {
	patience := c.patience
	for _, l := range []*line{c.write, c.read} {
		if l == nil {
			continue
		}
		if since := l.down(); !since.IsZero() && time.Since(since) > c.config.Patience {
			patience = clusterRequest
		}
	}
	return &try{ctx: ctx, closing: c.closing, until: time.Now().Add(patience), pause: firstPause}
}

// again pauses, and says whether there is patience left.
func (t *try) again() bool {
	pause := t.pause/2 + rand.N(t.pause)
	t.pause = min(2*t.pause, lastPause)
	if time.Now().Add(pause).After(t.until) {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.ctx.Done():
	case <-t.closing:
	}
	return false
}

// why adds to the error of a caller whose patience is over that it was the caller who left, or the store.
func (t *try) why(err error) error {
	select {
	case <-t.closing:
		return errClosed
	default:
	}
	if t.ctx.Err() != nil {
		return errors.Join(t.ctx.Err(), err)
	}
	return err
}
