package tree

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"

	"golang.org/x/time/rate"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

const (
	// samples is how many events a start looks at, besides the last one.
	samples = 16
	// whole is how many events are few enough to look at all of them.
	whole = 2048
	// noted is after how many events a scrub notes how far it is.
	noted = 10_000
)

// Check finds out, before anything is written to the log, whether it is the log of this tree: it must not
// end before the tree does; its last event that the tree has, the one at which the last scrub ended, and
// some chosen by chance must be those that were written, with the way from each of them to the root. It does
// not take longer with a longer log. A *Difference is the first one there is in the log.
func (t *Tree) Check(ctx context.Context, log domain.Log) error {
	written, _ := t.Written()
	head, err := log.Head(ctx)
	if err != nil {
		return fmt.Errorf("compare the log with its Merkle tree: %w", err)
	}
	switch {
	case head < written.Position, written.Events <= whole:
		_, err := t.Compare(ctx, log, nil)
		return err
	}
	scrubbed, err := t.scrubbed(ctx)
	if err != nil {
		return err
	}
	looked := []int64{written.Events - 1, min(scrubbed, written.Events-1)}
	for range samples {
		looked = append(looked, rand.Int64N(written.Events))
	}
	for _, n := range looked {
		if err := t.look(ctx, log, n); errors.Is(err, domain.ErrDamaged) {
			if _, first := t.Compare(ctx, log, nil); first != nil {
				return first
			}
			return err
		} else if err != nil {
			return err
		}
	}
	return nil
}

// look looks at one event, the n-th from 0, and at those between it and the mark before it.
func (t *Tree) look(ctx context.Context, log domain.Log, n int64) error {
	written, _ := t.Written()
	c, err := t.compare(ctx, holding, n)
	if err != nil {
		return err
	}
	head, err := log.Head(ctx)
	if err != nil {
		return err
	}
	if err := c.to(ctx, log, n+1, head, nil); err != nil {
		return err
	}
	if c.same.Events <= n || c.same.Events >= written.Events {
		if err := c.end(written); err != nil {
			return err
		}
	}
	hash, err := c.leaf(ctx, n)
	if err == nil && !t.proves(ctx, n, hash) {
		err = &Difference{Event: n + 1, Position: c.same.Position, Tree: true, Err: errors.New("the hashes above it do not lead to the root")}
	}
	return err
}

// end is the difference of a log that has nothing more; nil where it has everything.
func (c *comparison) end(written Extent) error {
	switch {
	case c.same == written:
		return nil
	case c.same.Events == written.Events:
		return &Difference{Event: c.same.Events, Position: c.same.Position, Tree: true, Err: fmt.Errorf("its end is noted as position %d", written.Position)}
	}
	err := errMissing
	if missing := written.Events - c.same.Events; missing > 1 {
		err = fmt.Errorf("%w, with %d that followed it", errMissing, missing-1)
	}
	return &Difference{Event: c.same.Events + 1, Position: c.same.Position, Err: err}
}

// Compare compares everything that the tree has with the log, from the first event on, and says how far
// they are the same: all of it, or a *Difference behind that. What the log has beyond the tree is not looked
// at. each, which may be nil, is called after every commit.
func (t *Tree) Compare(ctx context.Context, log domain.Log, each func(Extent) error) (Extent, error) {
	written, _ := t.Written()
	if written.Events == 0 {
		return Extent{}, nil
	}
	head, err := log.Head(ctx)
	if err != nil {
		return Extent{}, fmt.Errorf("compare the log with its Merkle tree: %w", err)
	}
	c, err := t.compare(ctx, holding, 0)
	if err != nil {
		return Extent{}, err
	}
	if err := c.to(ctx, log, written.Events, head, each); err != nil {
		return c.same, err
	}
	return c.same, c.end(written)
}

// Scrub goes on with the comparison of the whole log where the last one was broken off, and from the first event
// where that was not, at no more than so many events a second, up to the end of the tree. It notes how far it
// came. each is called with the number of events compared since.
func (t *Tree) Scrub(ctx context.Context, log domain.Log, perSecond int, each func(events int)) error {
	written, _ := t.Written()
	if written.Events == 0 {
		return nil
	}
	from, err := t.scrubbed(ctx)
	if err != nil {
		return err
	}
	head, err := log.Head(ctx)
	if err != nil {
		return fmt.Errorf("compare the log with its Merkle tree: %w", err)
	}
	c, err := t.compare(ctx, holding, from)
	if err != nil {
		return err
	}
	began := c.same.Events
	if err = c.slowly(ctx, log, written.Events, head, perSecond, each, t.note); err == nil {
		err = c.end(written)
	}
	if err == nil {
		return t.note(ctx, 0)
	}
	if began > 0 && errors.Is(err, domain.ErrDamaged) { // it may be where it began that is noted wrongly
		if _, first := t.Compare(ctx, log, nil); errors.Is(first, domain.ErrDamaged) {
			err = first
		}
	}
	return errors.Join(err, t.note(context.WithoutCancel(ctx), c.same.Events))
}

// slowly is to, at no more than so many events a second. It notes on its way how far it is, and tells each of the
// number of events compared since.
func (c *comparison) slowly(ctx context.Context, log domain.Log, event int64, end domain.Position, perSecond int, each func(events int), note func(context.Context, int64) error) error {
	before, lastNote := c.same.Events, c.same.Events
	pace := rate.NewLimiter(rate.Limit(perSecond), max(perSecond, whole))
	return c.to(ctx, log, event, end, func(now Extent) error {
		events := int(now.Events - before)
		before = now.Events
		each(events)
		if now.Events-lastNote >= noted {
			lastNote = now.Events
			if err := note(ctx, now.Events); err != nil {
				return err
			}
		}
		return pace.WaitN(ctx, min(events, pace.Burst()))
	})
}

func (t *Tree) scrubbed(ctx context.Context) (events int64, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT scrubbed FROM cursor", func(stmt *sqlite.Stmt) error {
			events = stmt.ColumnInt64(0)
			return nil
		})
	})
	return max(events, 0), err
}

// note keeps how far a scrub came: after damage, so that the next start looks there first.
func (t *Tree) note(ctx context.Context, events int64) error {
	return t.jot(ctx, "UPDATE cursor SET scrubbed = ?", events)
}

// jot writes down what is not of the hashes.
func (t *Tree) jot(ctx context.Context, statement string, args ...any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.writer.SetInterrupt(ctx.Done())
	defer t.writer.SetInterrupt(nil)
	if err := projections.Exec(t.writer, statement, args...); err != nil {
		return fmt.Errorf("write the Merkle tree: %w", projections.Fault(ctx, err))
	}
	return nil
}

// Guard is the log as far as the tree has it, compared with the tree while it is read from its first event:
// what was changed is an error, and never read as if it was not.
func (t *Tree) Guard(log domain.Log) domain.Log { return guard{log, t} }

type guard struct {
	domain.Log
	tree *Tree
}

// Head is the end of what the tree has.
func (g guard) Head(context.Context) (domain.Position, error) {
	written, _ := g.tree.Written()
	return written.Position, nil
}

// Follow gives the commits up to Head and then ends.
func (g guard) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return g.tree.follow(ctx, g.Log, after, false)
}

// Watch is the log, compared with the tree on its way as far as the tree has it when somebody begins to follow.
func (t *Tree) Watch(log domain.Log) domain.Log { return watch{log, t} }

type watch struct {
	domain.Log
	tree *Tree
}

// Follow gives the commits as the log does, and an error for one that is not the tree's.
func (w watch) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	if written, _ := w.tree.Written(); written.Position <= after {
		return w.Log.Follow(ctx, after)
	}
	return w.tree.follow(ctx, w.Log, after, true)
}

// follow compares the commits that the tree has, and then ends, or goes on with what is behind them.
func (t *Tree) follow(ctx context.Context, log domain.Log, after domain.Position, on bool) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		written, _ := t.Written()
		if written.Position <= after {
			return
		}
		c, err := t.compare(ctx, notAfter, after)
		if err != nil {
			yield(domain.Commit{}, err)
			return
		}
		for commit, err := range log.Follow(ctx, c.same.Position) {
			if err == nil && c.same.Position < written.Position {
				err = c.commit(ctx, commit)
			}
			if err != nil {
				yield(domain.Commit{}, err)
				return
			}
			if commit.Position > after && !yield(commit, nil) || !on && commit.Position >= written.Position {
				return
			}
		}
	}
}
