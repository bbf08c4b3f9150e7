package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/tree"
)

// lost is the position of the commit that the log with a gap does not have.
const lost domain.Position = 100

// A gap in the sequence stops whoever reads it: every read model, those that the reactor and the notices
// live on among them, the tree, and an export. The feed has its own test, with the server.
func TestGapStopsEveryReader(t *testing.T) {
	whole, log := inMemory(t), inMemory(t)
	log.Lose(lost)
	dir := t.TempDir()
	sent := &publications{}
	var readers []projections.Projection
	var sender *notices.Sender
	var follower *projections.Follower
	assigned := (*numbers.Model)(nil)
	for _, k := range kinds {
		m, err := k.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		readers = append(readers, m)
		switch m := m.(type) {
		case *numbers.Model:
			assigned = m
		case *notices.Model:
			sender, err = notices.NewSender(t.Context(), notices.Config{
				Model: m, Publisher: sent, Now: func() time.Time { return time.Now().AddDate(50, 0, 0) }, Logger: slog.New(slog.DiscardHandler),
				CaughtUp: func(ctx context.Context) error { return follower.CaughtUp(ctx, m.Name()) }, Failed: sent.fail,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	tr, err := tree.Create(filepath.Join(dir, "tree.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	readers = append(readers, tr)
	follower = projections.Start(t.Context(), log, slog.New(slog.DiscardHandler), readers...)
	defer follower.Stop()

	for _, r := range readers {
		t.Run(r.Name(), func(t *testing.T) { stopped(t, follower, r) })
	}
	t.Run("numbers are not given", func(t *testing.T) {
		numbering := &reactor.Numbering{
			Store: log, Assigned: assigned, Now: time.Now,
			CatchUp: func(ctx context.Context) error { return follower.CaughtUp(ctx, assigned.Name()) },
		}
		if n, err := numbering.Application(t.Context(), "nobody's"); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("number %q, %v", n, err)
		}
	})
	t.Run("nobody is told", func(t *testing.T) {
		var ctx context.Context
		ctx, sent.cancel = context.WithCancel(t.Context())
		sender.Run(ctx) // ends with the first failure
		if pending := sender.Pending(); pending[notices.Missed] == 0 || sent.told.Load() != 0 || sent.failed.Load() == 0 {
			t.Errorf("of %v notices that are due %d were told, %d tries failed", pending, sent.told.Load(), sent.failed.Load())
		}
	})
	t.Run("export", func(t *testing.T) {
		if _, err := archive.Write(t.Context(), log, io.Discard); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("as it is: %v", err)
		}
		if _, err := archive.Write(t.Context(), grown(t, whole).Guard(log), io.Discard); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("compared with the tree: %v", err)
		}
	})
}

// stopped makes sure that the reader took in all that comes before the gap, nothing behind it, and says so.
func stopped(t *testing.T, f *projections.Follower, r projections.Projection) {
	t.Helper()
	if err := f.CaughtUp(t.Context(), r.Name()); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("it is up to date: %v", err)
	}
	for _, s := range f.Status() {
		if s.Name == r.Name() && (!s.Stopped || s.Position != lost-1 || !errors.Is(s.Err, domain.ErrDamaged)) {
			t.Errorf("status %+v", s)
		}
	}
	if r.Position() != lost-1 {
		t.Errorf("position %d", r.Position())
	}
}

// publications counts notices that were told, and tries that failed.
type publications struct {
	told, failed atomic.Int64
	cancel       context.CancelFunc
}

func (p *publications) Publish(_ context.Context, list []notices.Notice) error {
	p.told.Add(int64(len(list)))
	p.cancel()
	return nil
}

func (p *publications) fail() {
	p.failed.Add(1)
	p.cancel()
}
