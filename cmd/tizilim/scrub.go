package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

const (
	// scrubRest is how long the scrubber rests after it has gone through everything, and before it tries
	// again what did not answer.
	scrubRest = time.Hour
	// auditEvery is how often the read models are compared with the log: each one is built a second time for it.
	auditEvery = 24 * time.Hour
	// defaultScrubRate is gentle: a few hundredths of a processor, a few megabytes a second of a disk.
	defaultScrubRate = 5000
)

// scrubFlag says how fast the log is read again.
type scrubFlag struct {
	ScrubRate uint32 `default:"5000" placeholder:"EVENTS" help:"How many events a second, at most, are read again in the background and compared with the Merkle tree."`
}

// rate is never 0, nor turned off: where none is given, in a test or a demo, it is the usual one.
func (s scrubFlag) rate() int { return int(cmp.Or(s.ScrubRate, defaultScrubRate)) }

// check is domain.ErrInvalid for what cannot be meant.
func (s scrubFlag) check() error {
	if s.ScrubRate == 0 {
		return fmt.Errorf("--scrub-rate 0 reads nothing: %w", domain.ErrInvalid)
	}
	return nil
}

// scrub reads the whole log in the background, again and again, and compares it with the tree (copies.go: all copies
// of it).
type scrub struct {
	tree      *tree.Tree
	log       domain.Log
	perSecond int
	rest      time.Duration
	metrics   *api.Metrics
	logger    *slog.Logger
	now       func() time.Time
	// models are compared with the log too, by audit, once in auditEvery.
	models []projections.Model
	audit  func(context.Context, domain.Log, projections.Model) error

	// copies are compared instead of the log where several servers keep it.
	copies func(context.Context) ([]logCopy, error)

	// run's own:
	audited map[string]time.Time // when each was compared
	seen    map[string]bool      // the servers of the last round
	bad     map[string]bool      // those whose copies are damaged, as the tree notes; nil until it was asked

	damage atomic.Pointer[error]
}

// run scrubs until ctx ends, or until it has found damage: from then on the registry is not ready.
func (s *scrub) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.compareLog(ctx)
		if err == nil {
			s.metrics.ObserveScrubbed(s.now())
			err = s.readModels(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, domain.ErrDamaged):
			s.damage.Store(&err)
			s.logger.Error("damage was found; the registry is not ready any more", "err", err)
			return
		case err != nil:
			s.logger.Warn("the event log or a read model could not be compared with what it has to be", "err", err)
		}
		select {
		case <-time.After(s.rest):
		case <-ctx.Done():
		}
	}
}

// readModels compares the read models with the log, but for those with which that was done lately. One that cannot
// be compared now keeps none of the others.
func (s *scrub) readModels(ctx context.Context) error {
	slowly := paced{s.tree.Watch(s.log), rate.NewLimiter(rate.Limit(s.perSecond), max(s.perSecond, 1000))}
	if s.audited == nil {
		s.audited = map[string]time.Time{}
	}
	var errs []error
	for _, m := range s.models {
		begin := s.now()
		if begin.Sub(s.audited[m.Name()]) < auditEvery {
			continue
		}
		switch err := s.audit(ctx, slowly, m); {
		case errors.Is(err, domain.ErrDamaged): // is not kept until the others are compared
			return err
		case err != nil:
			errs = append(errs, err)
		default:
			s.audited[m.Name()] = begin
		}
	}
	return errors.Join(errs...)
}

// paced is a log that is read slowly.
type paced struct {
	domain.Log
	pace *rate.Limiter
}

// Follow implements domain.Log.
func (p paced) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		for c, err := range p.Log.Follow(ctx, after) {
			if err == nil && p.pace.WaitN(ctx, min(len(c.Records), p.pace.Burst())) != nil {
				return // ctx has ended, or will before its turn comes
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// found is the damage that was found, nil for none.
func (s *scrub) found() error {
	if err := s.damage.Load(); err != nil {
		return *err
	}
	return nil
}
