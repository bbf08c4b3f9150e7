package jetstream

import (
	"context"
	"fmt"
	"iter"

	"github.com/tizilim/tizilim/domain"
)

// AppendAll appends commits one behind the other, as many Appends would, but sends the next ones while the flush of
// those before them runs. It ends with the first error, also one of the commits' own. It returns how many commits
// are durable of those it was given: all before the one that failed, and what came after that one may be stored too.
// Positions are not looked at.
func (s *Store) AppendAll(ctx context.Context, commits iter.Seq2[domain.Commit, error]) (durable int, err error) {
	var sent []*request // in order, and not known to be durable
	settle := func(most int) error {
		for len(sent) > most {
			if _, err := s.answered(ctx, sent[0]); err != nil {
				return fmt.Errorf("append to %s: %w", sent[0].stream, err)
			}
			sent = sent[1:]
			durable++
		}
		return nil
	}
	for c, err := range commits {
		if err == nil {
			err = settle(maxUnsettled - 1)
		}
		if err != nil {
			return durable, err
		}
		r, err := s.request(ctx, c)
		if err == nil {
			err = s.send(ctx, r)
		}
		if err != nil {
			return durable, fmt.Errorf("append to %s: %w", c.Stream, err)
		}
		sent = append(sent, r)
	}
	return durable, settle(0)
}

// maxUnsettled is how many commits of AppendAll are on their way.
const maxUnsettled = 4 * maxGroup
