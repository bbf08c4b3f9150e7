package eventstoredb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// maxDrops is how many subscriptions in a row a follower may lose without getting on.
const maxDrops = 4

// Follow implements domain.Log. It is one subscription to the whole log, filtered by the server, and
// another one where that is dropped, after the last whole commit or what the server passed behind it.
func (s *Store) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		err := s.follow(inner, after, func(c domain.Commit) bool { return yield(c, nil) })
		if errors.Is(err, errEnough) || ctx.Err() != nil {
			return
		}
		if s.closed.Load() {
			err = errClosed
		}
		yield(domain.Commit{}, fmt.Errorf("follow after position %d: %w", after, err))
	}
}

// errDropped: a subscription ended that was confirmed, or it brought not what is in the log.
var errDropped = errors.New("subscription dropped")

func (s *Store) follow(ctx context.Context, after domain.Position, yield func(domain.Commit) bool) error {
	head, err := s.Head(ctx)
	if err != nil {
		return err
	}
	if after > head {
		return fmt.Errorf("the log ends at position %d: %w", head, domain.ErrDamaged)
	}
	f := &follower{store: s, yield: yield, last: after, passed: after, chain: chain{start: after, tails: map[domain.Position]uint64{}}}
	for drops := 0; ; {
		before, began := f.behind(), time.Now()
		err := s.try(ctx, f.subscription)
		if !errors.Is(err, errDropped) || ctx.Err() != nil {
			return err
		}
		if f.behind() > before || time.Since(began) > 4*s.silence {
			drops = 0
		}
		s.logger.Warn("event store: subscribing anew", "position", f.position(), "error", err)
		if drops++; drops > maxDrops || !pause(ctx, time.Duration(drops)*20*time.Millisecond) {
			return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		}
	}
}

// follower is one call of Follow, over all its subscriptions.
type follower struct {
	store    *Store
	yield    func(domain.Commit) bool
	chain    chain
	assembly assembly

	mu      sync.Mutex      // protects what follows: the watch looks at it
	last    domain.Position // of the last whole commit that came
	seen    domain.Position // of the last event that came
	passed  domain.Position // what is behind this is still to come: last, or what the server passed since
	waiting bool            // for the server, not for who follows
	heard   bool            // an event of the registry's, since the watch looked last
}

// subscription is one subscription. It ends with errDropped where the next one may begin at once.
func (f *follower) subscription(ctx context.Context, c client) (metadata.MD, error) {
	f.assembly.parts = f.assembly.parts[:0] // what came of a commit comes again
	ctx, cancel := context.WithCancelCause(ctx)
	box, err := f.store.open(ctx, c.subscriptions, f.request())
	if err != nil {
		cancel(nil)
		return nil, err
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	defer box.cancel()
	for confirmed := false; ; {
		m, err := f.receive(box)
		switch cause := context.Cause(ctx); {
		case err == nil:
		case errors.Is(cause, errDropped), errors.Is(cause, domain.ErrDamaged):
			return nil, cause
		case confirmed, errors.Is(err, io.EOF): // a server that ends it without a word may not have confirmed it
			return nil, fmt.Errorf("%w: %v", errDropped, err)
		default:
			return box.stream.Trailer(), err
		}
		if m.GetConfirmation() != nil && !confirmed {
			confirmed, box.deadline = true, 0 // from now on there may be nothing to say
			watching.Go(func() { f.watch(ctx, cancel) })
		}
		if p := m.GetCheckpoint(); p != nil && len(f.assembly.parts) == 0 {
			f.note(func() { f.passed = max(f.passed, domain.Position(p.GetCommitPosition())) })
		}
		if e := m.GetEvent().GetEvent(); e != nil {
			if err := f.take(e); err != nil {
				return nil, err
			}
		}
	}
}

func (f *follower) request() *streams.ReadReq_Options {
	all := &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}
	if passed := uint64(f.behind()); passed > 0 {
		all.AllOption = &streams.ReadReq_Options_AllOptions_Position{
			Position: &streams.ReadReq_Options_Position{CommitPosition: passed, PreparePosition: passed},
		}
	}
	return &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: all},
		CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
		FilterOption: f.store.filter(),
		UuidOption:   stringIDs(),
	}
}

func (f *follower) receive(box *inbox) (*streams.ReadResp, error) {
	f.note(func() { f.waiting = true })
	m, err := box.next()
	f.note(func() { f.waiting = false })
	return m, err
}

// take passes on the commit that the event completes.
func (f *follower) take(e *streams.ReadResp_ReadEvent_RecordedEvent) error {
	if !bytes.HasPrefix(e.GetStreamIdentifier().GetStreamName(), []byte(f.store.prefix)) {
		return nil // a filter compares as the server's language does
	}
	p, err := f.store.decode(e)
	if err != nil {
		return err
	}
	f.note(func() { f.seen, f.heard = p.position, true })
	commit, after, done, err := f.assembly.add(p)
	if err != nil || !done {
		return err
	}
	if last := f.position(); commit.Position <= last {
		return fmt.Errorf("position %d comes after %d: %w", commit.Position, last, domain.ErrDamaged)
	}
	if err := f.chain.check(commit, after); err != nil {
		return err
	}
	f.note(func() { f.last, f.passed = commit.Position, commit.Position })
	if !f.yield(commit) {
		return errEnough
	}
	return nil
}

// watch looks after a subscription that brings nothing. What was at the end of the log one silence ago
// has to be here: where it is not, or the leader does not answer, the subscription is dropped. Where it
// is, and no commit ends with it, the rest of the commit is missing. A subscription that is still on its way
// through what others wrote gets on, and is let alone.
func (f *follower) watch(ctx context.Context, drop context.CancelCauseFunc) {
	tick := time.NewTicker(f.store.silence)
	defer tick.Stop()
	for owed, before := domain.Position(0), domain.Position(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var silent bool
		var last, seen, passed domain.Position
		f.note(func() {
			silent, f.heard, last, seen, passed = f.waiting && !f.heard, false, f.last, f.seen, f.passed
		})
		getsOn := passed > before && passed < owed
		before = passed
		switch {
		case !silent:
			owed = 0
			continue
		case seen > last && seen == owed:
			drop(fmt.Errorf("the log ends at position %d, within a commit: %w", seen, domain.ErrDamaged))
			return
		case getsOn:
			continue
		case last < owed:
			if passed >= owed { // what it passed it may have left out
				f.note(func() { f.passed = f.last })
			}
			drop(fmt.Errorf("%w: silent at position %d while the log ends at %d", errDropped, last, owed))
			return
		}
		var err error
		if owed, err = f.store.Head(ctx); err != nil {
			drop(fmt.Errorf("%w: silent, and the log has no head: %v", errDropped, err))
			return
		}
	}
}

func (f *follower) position() (last domain.Position) {
	f.note(func() { last = f.last })
	return last
}

// behind is the position behind which everything is still to come.
func (f *follower) behind() (passed domain.Position) {
	f.note(func() { passed = f.passed })
	return passed
}

func (f *follower) note(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}
