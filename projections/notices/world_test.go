package notices_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream"
	outbound "github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/sample"
)

// clock stands until it is set.
type clock struct {
	mu       sync.Mutex // protects what follows
	now      time.Time
	sleepers map[chan time.Time]time.Time
	slept    []time.Duration
	asleep   chan struct{} // closed and replaced when somebody goes to sleep
}

func newClock(now time.Time) *clock {
	return &clock{now: now, sleepers: map[chan time.Time]time.Time{}, asleep: make(chan struct{})}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	ring := make(chan time.Time, 1)
	c.sleepers[ring] = c.now.Add(d)
	c.slept = append(c.slept, d)
	close(c.asleep)
	c.asleep = make(chan struct{})
	return ring
}

// set sets the clock and wakes whose time has come.
func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	for ring, at := range c.sleepers {
		if !at.After(now) {
			ring <- now
			delete(c.sleepers, ring)
		}
	}
}

// rest waits until somebody sleeps.
func (c *clock) rest(t *testing.T) {
	t.Helper()
	for end := time.After(20 * time.Second); ; {
		c.mu.Lock()
		n, asleep := len(c.sleepers), c.asleep
		c.mu.Unlock()
		if n > 0 {
			return
		}
		select {
		case <-asleep:
		case <-end:
			t.Fatal("the sender does not rest")
		}
	}
}

// ledger is a real one, in a NATS server of its own.
type ledger struct {
	*outbound.Ledger
	js natsjs.JetStream
}

func newLedger(t *testing.T) ledger {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	conn, err := s.Annex()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	l, err := outbound.NewLedger(conn, outbound.Host{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return ledger{l, js}
}

// Publish implements notices.Publisher.
func (l ledger) Publish(ctx context.Context, list []notices.Notice) error {
	out := make([]outbound.Notice, len(list))
	for i, n := range list {
		out[i] = outbound.Notice{Type: string(n.Type), At: n.At, Data: outbound.Data{Application: n.Application, Licensor: n.Licensor, Visit: n.Number}}
	}
	return l.Ledger.Publish(ctx, out)
}

// told lists what is in the ledger, as subjects without what they begin with.
func (l ledger) told(t *testing.T) []string {
	t.Helper()
	told := []string{}
	s, err := l.js.Stream(t.Context(), outbound.Stream)
	if errors.Is(err, natsjs.ErrStreamNotFound) {
		return told
	}
	if err != nil {
		t.Fatal(err)
	}
	for seq := range s.CachedInfo().State.LastSeq {
		m, err := s.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, m.Subject[len("tizilim.notices.deadline-"):])
	}
	slices.Sort(told)
	return told
}

// book remembers what it was given, each notice once, as a ledger does.
type book struct {
	mu   sync.Mutex // protects what follows
	kept map[string]notices.Notice
	err  error // instead of taking anything
}

func (b *book) Publish(_ context.Context, list []notices.Notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	if b.kept == nil {
		b.kept = map[string]notices.Notice{}
	}
	for _, n := range list {
		key := fmt.Sprintf("%s %s %d", n.Type, n.Application, n.Number)
		if _, ok := b.kept[key]; !ok {
			b.kept[key] = n
		}
	}
	return nil
}

func (b *book) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := []string{}
	for key := range b.kept {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func open(t testing.TB, dir string) *notices.Model {
	t.Helper()
	m, err := notices.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func apply(t testing.TB, m *notices.Model, commits ...domain.Commit) {
	t.Helper()
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
}

// sender makes a sender of the model's notices. Whatever is not said is as it usually is.
func sender(t testing.TB, m *notices.Model, to notices.Publisher, now func() time.Time, change ...func(*notices.Config)) *notices.Sender {
	t.Helper()
	c := notices.Config{
		Model: m, Publisher: to, Lead: lead, Now: now, Logger: slog.New(slog.DiscardHandler),
		CaughtUp: func(context.Context) error { return nil },
	}
	for _, f := range change {
		f(&c)
	}
	s, err := notices.NewSender(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tell(t testing.TB, s *notices.Sender) {
	t.Helper()
	if err := s.Tell(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// enters is the progress into a step that is due so long after the instant, 0 for never.
func enters(step int, at time.Time, term time.Duration, completes ...int) application.Progress {
	p := application.Progress{Completes: completes, Enters: &application.Entered{Step: step, Action: regulation.IssueResult, Role: regulation.Officer}}
	if term > 0 {
		due := at.Add(term)
		p.Enters.Due = &due
		if term >= day {
			p.Enters.Calendar = "kz-2026"
		}
	}
	return p
}

// opened adds an application that waits in step 2, its second visit, for the term.
func opened(s *sample.Script, id string, term time.Duration) domain.Commit {
	return s.Add(domain.ApplicationCategory, id, begin, operator, application.Opened{
		Progress: enters(2, begin, term, 1), Service: "casino-license", Channel: regulation.Center, Request: regulation.Issue, Licensor: "agency"})
}

// ended adds the end of its step 2.
func ended(s *sample.Script, id string, after time.Duration) domain.Commit {
	return s.Add(domain.ApplicationCategory, id, begin.Add(after), operator, application.Filed{Progress: application.Progress{Completes: []int{2}, Ends: true}})
}

// withdrawn adds its withdrawal.
func withdrawn(s *sample.Script, id string, after time.Duration) domain.Commit {
	return s.Add(domain.ApplicationCategory, id, begin.Add(after), operator, application.Withdrawn{Progress: application.Progress{Ends: true}})
}
