package notices

import (
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Config is what a sender works with.
type Config struct {
	Model     *Model
	Publisher Publisher
	// CaughtUp waits until Model has everything that is in the log now.
	CaughtUp func(context.Context) error
	// Lead is how long before a deadline it is told to be approaching; 0 for never.
	Lead   time.Duration
	Now    func() time.Time
	Logger *slog.Logger
	// After is time.After unless set.
	After func(time.Duration) <-chan time.Time
	// Failed, where set, is told of each try that failed.
	Failed func()
}

// Sender tells of deadlines.
type Sender struct {
	Config
	changed chan struct{} // has room for one: there is something new in the agenda

	mu     sync.Mutex // guards what follows
	visits map[key]*item
	agenda agenda
}

const (
	// settling is how long after a deadline it is told to be missed: whoever left the step at the last
	// instant may still be waiting for the event store, or for a clock that goes behind this one.
	settling = 10 * time.Second
	// several is how many notices are published at a time.
	several = 100
	// longestRest bounds how long the sender sleeps: a clock may be set, a machine suspended.
	longestRest = time.Minute
	// The pause after a failure, doubled each time.
	firstPause, longestPause = time.Second, time.Minute
)

// NewSender makes a sender that knows all that there is to tell of by now. The model must not be fed yet.
// It begins to tell with Run.
func NewSender(ctx context.Context, c Config) (*Sender, error) {
	s := &Sender{Config: c, changed: make(chan struct{}, 1), visits: map[key]*item{}}
	if s.After == nil {
		s.After = time.After
	}
	if s.Failed == nil {
		s.Failed = func() {}
	}
	visits, err := s.Model.all(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the visits of steps with a deadline: %w", err)
	}
	s.applied(visits)
	s.Model.applied = s.applied
	return s, nil
}

// Run tells what is to be told until ctx ends. While the publisher does not take notices it tries again,
// for as long as it takes.
func (s *Sender) Run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; s.rest(ctx, failures) {
		err := s.tell(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && failures > 0:
			s.Logger.Info("notices of deadlines are told again", "failures", failures)
			failures = 0
		case err != nil:
			if failures == 0 {
				s.Logger.Warn("notices of deadlines have to wait", "pending", s.pending(), "error", err)
			}
			failures++
			s.Failed()
		}
	}
}

// rest waits until there is something to tell, or to try again.
func (s *Sender) rest(ctx context.Context, failures int) {
	wait, changed := s.untilNext(), s.changed
	if failures > 0 {
		wait, changed = min(firstPause<<min(failures-1, 16), longestPause), nil
	}
	select {
	case <-s.After(wait):
	case <-changed:
	case <-ctx.Done():
	}
}

func (s *Sender) untilNext() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.agenda) == 0 {
		return longestRest
	}
	return min(max(s.agenda[0].at.Sub(s.Now()), 0), longestRest)
}

// tell publishes whatever is due. Whether a visit is still open is known only once the model has all
// that the log had at the time.
func (s *Sender) tell(ctx context.Context) error {
	for {
		now := s.Now()
		if len(s.collect(now)) == 0 {
			return nil
		}
		if err := s.CaughtUp(ctx); err != nil {
			return fmt.Errorf("see who has left their steps: %w", err)
		}
		notices := s.collect(now)
		if len(notices) == 0 {
			continue
		}
		if err := s.Publisher.Publish(ctx, notices); err != nil {
			return fmt.Errorf("publish notices of deadlines: %w", err)
		}
		s.kept(notices)
	}
}

// collect lists some of what is due now, and puts away what it is too late for.
func (s *Sender) collect(now time.Time) (notices []Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.agenda.due(now) {
		if it.next == Approaching && !now.Before(it.Due) {
			s.expectMiss(it)
		}
		switch {
		case it.at.After(now):
		case it.late() && now.Sub(it.Left) > Forgotten:
			s.drop(it)
		case len(notices) < several:
			notices = append(notices, it.notice(s.Lead))
		}
	}
	return notices
}

func (it *item) notice(lead time.Duration) Notice {
	at := it.Due
	if it.next == Approaching {
		at = it.Due.Add(-lead)
	}
	return Notice{Type: it.next, At: at, Visit: it.Visit}
}

// kept learns that the notices were published.
func (s *Sender) kept(notices []Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range notices {
		it := s.visits[key{n.Application, n.Number}]
		switch {
		case it == nil || it.told || it.next != n.Type: // it went on meanwhile
		case n.Type == Approaching:
			s.expectMiss(it)
		case it.Left.IsZero():
			s.agenda.remove(it)
			it.told = true
		default:
			s.drop(it)
		}
	}
}

func (s *Sender) expectMiss(it *item) {
	it.next = Missed
	s.agenda.move(it, it.Due.Add(settling))
}

func (s *Sender) drop(it *item) {
	s.agenda.remove(it)
	delete(s.visits, key{it.Application, it.Number})
}

// applied learns what the model has just put down: which visits began, and which have ended.
func (s *Sender) applied(changes []Visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range changes {
		it := s.visits[key{v.Application, v.Number}]
		switch {
		case it == nil && (v.Left.IsZero() || v.late()):
			s.add(v)
		case it == nil:
		case v.late() && !it.told:
			it.Visit, it.next = v, Missed
			s.agenda.move(it, v.Left)
		case !v.Left.IsZero():
			s.drop(it)
		}
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Sender) add(v Visit) {
	it := &item{Visit: v, next: Missed, at: v.Due.Add(settling)}
	switch {
	case v.late():
		it.at = v.Left
	case s.Lead > 0 && v.Due.Sub(v.Entered) > s.Lead:
		it.next, it.at = Approaching, v.Due.Add(-s.Lead)
	}
	s.visits[key{v.Application, v.Number}] = it
	heap.Push(&s.agenda, it)
}

// Pending counts the notices that are due and not published yet.
func (s *Sender) Pending() map[Type]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[Type]int{Approaching: 0, Missed: 0}
	for _, it := range s.agenda.due(s.Now()) {
		n[it.next]++
	}
	return n
}

func (s *Sender) pending() (n int) {
	for _, some := range s.Pending() {
		n += some
	}
	return n
}
