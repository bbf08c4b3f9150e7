package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/tizilim/tizilim/domain"
)

// AppendAll appends commits one behind the other, as many Appends would, but sends the next ones while the flush of
// those before them runs. It ends with the first error, also one of the commits' own. Nothing is stored behind a commit
// that was not: the log then has the beginning of what was given, and can be given the rest later. It returns how many
// commits are known to be durable; a few more may be, where the server was silent or ctx ended. Positions are not
// looked at.
func (s *Store) AppendAll(ctx context.Context, commits iter.Seq2[domain.Commit, error]) (durable int, err error) {
	b := bulk{store: s, run: &run{}}
	for c, wrong := range commits {
		if err = wrong; err == nil {
			err = b.add(ctx, c)
		}
		if err != nil {
			break
		}
	}
	err = errors.Join(err, b.settle(ctx, 0, 0))
	return b.durable, err
}

// run is what the requests of one AppendAll share. It is the committer's.
type run struct{ over bool }

// bulk is one AppendAll on its way.
type bulk struct {
	store   *Store
	run     *run
	sent    []*request // in order, and not known to be durable
	bytes   int        // of those
	durable int
}

// What one AppendAll has on its way.
const (
	maxUnsettled      = 4 * maxGroup // commits
	maxUnsettledBytes = 4 * maxGroupBytes
)

// add sends a commit as soon as not too many are on their way.
func (b *bulk) add(ctx context.Context, c domain.Commit) error {
	if err := b.settle(ctx, maxUnsettled-1, maxUnsettledBytes); err != nil {
		return err
	}
	r, err := b.store.request(ctx, c)
	if err == nil {
		r.run = b.run
		err = b.store.send(ctx, r)
	}
	if err != nil {
		return fmt.Errorf("append to %s: %w", c.Stream, err)
	}
	b.sent, b.bytes = append(b.sent, r), b.bytes+len(r.data)
	return nil
}

// settle waits until no more than so many commits, of so many bytes, are on their way. Behind one that was not
// stored nothing is, so there is nothing more to wait for.
func (b *bulk) settle(ctx context.Context, commits, bytes int) error {
	for len(b.sent) > commits || b.bytes > bytes {
		first := b.sent[0]
		if _, err := b.store.answered(ctx, first); err != nil {
			b.sent, b.bytes = nil, 0
			return fmt.Errorf("append to %s: %w", first.stream, err)
		}
		b.sent, b.bytes, b.durable = b.sent[1:], b.bytes-len(first.data), b.durable+1
	}
	return nil
}
