package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/tree"
)

// Where several servers keep the log, each has a copy, and any of them may be damaged alone. Every node of the registry
// compares all of them with its own tree, one after another: nothing has to be agreed on, and a node whose tree is
// wrong is seen by the others' finding nothing.
//
// One damaged copy is no end of the registry: the others have what it lost. It is reported, the node takes nothing from
// it any more, and the operator has its server filled anew. Only where it is the one that the node reads, or where all
// of them are damaged, is the log itself damaged.

// logCopy is the log as one of several servers has it. A server that is away, or behind, is domain.ErrUnavailable.
type logCopy struct {
	domain.Log
	server string
	// read says that, when the copies were looked up, it was this one that the node reads, whatever the others have.
	read bool
	// avoid says whether nothing of the log must be taken from the server.
	avoid func(bool)
}

// copiesOf finds the copies of a log that several servers keep. None are found where one keeps it alone.
func copiesOf(log domain.Log) func(context.Context) ([]logCopy, error) {
	switch store := log.(type) {
	case *jetstream.Cluster:
		return func(ctx context.Context) (copies []logCopy, err error) {
			found, err := store.Copies(ctx)
			for _, c := range found {
				copies = append(copies, logCopy{Log: c, server: c.Name(), avoid: c.Avoid})
			}
			return copies, err
		}
	case *eventstoredb.Store:
		return func(ctx context.Context) (copies []logCopy, err error) {
			found, err := store.Copies(ctx)
			for _, c := range found {
				copies = append(copies, logCopy{Log: c, server: c.Name(), read: c.Leads(), avoid: c.Avoid})
			}
			return copies, err
		}
	}
	return func(context.Context) ([]logCopy, error) { return nil, nil }
}

// copyPatience is how long what the tree has may take to come to every copy.
const copyPatience = 10 * time.Second

// compareLog compares the log with the tree, all of its copies where there are several.
func (s *scrub) compareLog(ctx context.Context) error {
	copies, err := s.copies(ctx)
	switch {
	case err != nil:
		return err
	case len(copies) == 0:
		return s.tree.Scrub(ctx, s.log, s.perSecond, s.metrics.ObserveScrub)
	}
	return s.compareCopies(ctx, copies)
}

// compareCopies is nil where the log is whole as the node reads it, whatever is wrong with a copy that it does not
// need: that is reported on the way.
func (s *scrub) compareCopies(ctx context.Context, copies []logCopy) error {
	s.forgetOthers(copies)
	if err := s.recall(ctx, copies); err != nil {
		return err
	}
	whole := 0
	var damage, away []error
	for _, c := range copies {
		err := s.compareCopy(ctx, c)
		var d *tree.Difference
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			whole++
			s.sound(c)
			continue
		case !errors.Is(err, domain.ErrDamaged):
			s.logger.Warn("a copy of the log could not be compared to its end; the next round goes on with it", "server", c.server, "err", err)
			s.metrics.ObserveCopy(c.server, s.bad[c.server], true)
			away = append(away, err)
			continue
		case !errors.As(err, &d) || d.Tree: // it is not the copy
			return err
		}
		s.damaged(c, err)
		err = fmt.Errorf("server %s: %w", c.server, err)
		if damage = append(damage, err); s.isRead(ctx, c) {
			return err
		}
	}
	switch {
	case whole > 0:
		return nil
	case len(away) == 0:
		return errors.Join(damage...)
	}
	return errors.Join(away...) // one of them may be whole, as it was the round before
}

// recall avoids the copies that are known to be damaged, from before the last start too, unless there are no others, and
// puts them first: whether they are whole again is waited for, and where they are not that is found at once.
func (s *scrub) recall(ctx context.Context, copies []logCopy) error {
	first := s.bad == nil
	if first {
		names, err := s.tree.DamagedCopies(ctx)
		if err != nil {
			return err
		}
		s.bad = map[string]bool{}
		for _, name := range names {
			s.bad[name] = true
		}
	}
	others := slices.ContainsFunc(copies, func(c logCopy) bool { return !s.bad[c.server] })
	for _, c := range copies {
		if s.bad[c.server] {
			c.avoid(others)
		}
		if s.bad[c.server] && first {
			s.metrics.ObserveCopy(c.server, true, false)
		}
	}
	slices.SortStableFunc(copies, func(a, b logCopy) int {
		switch {
		case s.bad[a.server] == s.bad[b.server]:
			return 0
		case s.bad[a.server]:
			return -1
		}
		return 1
	})
	return nil
}

// isRead says whether it is this copy that the node reads by now: to compare it, and those before it, took hours.
func (s *scrub) isRead(ctx context.Context, c logCopy) bool {
	now, err := s.copies(ctx)
	if err != nil {
		s.logger.Warn("which copy of the log is read is not known; the next round finds out", "server", c.server, "err", err)
	}
	return slices.ContainsFunc(now, func(is logCopy) bool { return is.server == c.server && is.read })
}

// compareCopy compares one copy. One that was damaged is whole only once it was compared from its first event on.
func (s *scrub) compareCopy(ctx context.Context, c logCopy) error {
	one := tree.Copy{Name: c.server, Log: c.Log, Patience: copyPatience}
	all, err := s.tree.ScrubCopy(ctx, one, s.perSecond, s.metrics.ObserveScrub)
	if err == nil && !all && s.bad[c.server] {
		_, err = s.tree.ScrubCopy(ctx, one, s.perSecond, s.metrics.ObserveScrub)
	}
	return err
}

// damaged reports a damaged copy, again in each round.
func (s *scrub) damaged(c logCopy, err error) {
	s.bad[c.server] = true
	c.avoid(true)
	s.metrics.ObserveCopy(c.server, true, false)
	s.logger.Error("a server's copy of the log is damaged; have the server filled anew by the others (docs/operating.md, \"A damaged copy\")",
		"server", c.server, "err", err)
}

// sound notes that a copy is whole.
func (s *scrub) sound(c logCopy) {
	if s.bad[c.server] {
		s.logger.Warn("a server's copy of the log is whole again", "server", c.server)
	}
	delete(s.bad, c.server)
	c.avoid(false)
	s.metrics.ObserveCopy(c.server, false, false)
}

// forgetOthers drops the figures of servers that keep no copy any more. One that was damaged stays so, should it come back.
func (s *scrub) forgetOthers(copies []logCopy) {
	before := s.seen
	s.seen = map[string]bool{}
	for _, c := range copies {
		s.seen[c.server] = true
	}
	for server := range before {
		if !s.seen[server] {
			s.metrics.ForgetCopy(server)
		}
	}
}
