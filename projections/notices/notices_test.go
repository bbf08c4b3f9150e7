package notices_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/sample"
)

const (
	day  = 24 * time.Hour
	lead = day
)

var (
	begin    = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)
	operator = domain.Actor{ID: "op", Role: domain.RoleOperator, Organization: "center-1", Channel: "center"}
)

const (
	near   = "deadline-approaching a 2"
	missed = "deadline-missed a 2"
)

func TestWhatIsToldWhen(t *testing.T) {
	type end = func(*sample.Script, string, time.Duration) domain.Commit
	const term, eps = 10 * day, time.Microsecond
	for _, tt := range []struct {
		name  string
		term  time.Duration
		lead  time.Duration
		end   end           // nil: the visit stays open
		after time.Duration // when the end comes
		looks []time.Duration
		want  []string
	}{
		{"long before", term, lead, nil, 0, []time.Duration{0, term - lead - eps}, []string{}},
		{"near", term, lead, nil, 0, []time.Duration{term - lead}, []string{near}},
		{"near, looked at twice", term, lead, nil, 0, []time.Duration{term - lead, term - eps}, []string{near}},
		{"near no more, but over", term, lead, nil, 0, []time.Duration{term}, []string{}},
		{"over, and those who were there at the last instant may not be known yet", term, lead, nil, 0, []time.Duration{term + notices.Settling - eps}, []string{}},
		{"missed", term, lead, nil, 0, []time.Duration{term + notices.Settling}, []string{missed}},
		{"near, then missed", term, lead, nil, 0, []time.Duration{term - 1, term + notices.Settling, 2 * term}, []string{near, missed}},
		{"missed long ago", term, lead, nil, 0, []time.Duration{400 * day}, []string{missed}},
		{"left before it is near", term, lead, ended, day, []time.Duration{0, term - lead, term + day}, []string{}},
		{"left when near", term, lead, ended, term - 1000*eps, []time.Duration{term - lead, term + day}, []string{near}},
		{"left when due", term, lead, ended, term, []time.Duration{term + day}, []string{}},
		{"left late, between two looks", term, lead, ended, term + eps, []time.Duration{0, term + eps}, []string{missed}},
		{"left late, then looked at", term, lead, ended, term + day, []time.Duration{term + day + notices.Forgotten}, []string{missed}},
		{"left late, long ago", term, lead, ended, term + day, []time.Duration{term + day + notices.Forgotten + eps}, []string{}},
		{"told, then left late", term, lead, ended, term + day, []time.Duration{term + time.Hour, term + day + time.Hour}, []string{missed}},
		{"withdrawn before", term, lead, withdrawn, term - eps, []time.Duration{0, term + day}, []string{}},
		{"withdrawn when due", term, lead, withdrawn, term, []time.Duration{0, term + day}, []string{}},
		{"withdrawn when late", term, lead, withdrawn, term + eps, []time.Duration{0, term + day}, []string{missed}},
		{"seconds are never near", 15 * time.Second, lead, nil, 0, []time.Duration{0, 14 * time.Second}, []string{}},
		{"seconds are missed", 15 * time.Second, lead, nil, 0, []time.Duration{0, 15*time.Second + notices.Settling}, []string{missed}},
		{"a term as long as the lead", lead, lead, nil, 0, []time.Duration{0, lead - eps}, []string{}},
		{"a term a little longer", lead + eps, lead, nil, 0, []time.Duration{0, eps}, []string{near}},
		{"a longer lead", term, 20 * day, nil, 0, []time.Duration{0, term - eps, term + day}, []string{missed}},
		{"no lead", term, 0, nil, 0, []time.Duration{0, term - eps, term + day}, []string{missed}},
		{"no term", 0, lead, nil, 0, []time.Duration{0, 400 * day}, []string{}},
		{"no term, left", 0, lead, ended, day, []time.Duration{0, 400 * day}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var script sample.Script
			m, b, now := open(t, t.TempDir()), &book{}, begin
			s := sender(t, m, b, func() time.Time { return now }, func(c *notices.Config) { c.Lead = tt.lead })
			apply(t, m, opened(&script, "a", tt.term))
			over := tt.end == nil
			for _, look := range tt.looks {
				if !over && look >= tt.after {
					apply(t, m, tt.end(&script, "a", tt.after))
					over = true
				}
				now = begin.Add(look)
				tell(t, s)
			}
			if diff := cmp.Diff(tt.want, b.keys()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			for _, n := range s.Pending() {
				if n != 0 {
					t.Errorf("%d are left to be told", n)
				}
			}
		})
	}
}

func TestWhatANoticeSays(t *testing.T) {
	var script sample.Script
	m, b, now := open(t, t.TempDir()), &book{}, begin.Add(9*day)
	s := sender(t, m, b, func() time.Time { return now })
	opened(&script, "a", 0)
	register := application.Registered{Progress: enters(9, begin, 0, 2, 7, 8), Number: "KZ95APP00000001"}
	register.Enters.Due, register.Enters.Calendar = ptr(time.Date(2026, 3, 11, 19, 0, 0, 0, time.UTC)), "kz-2026-11-22" // the end of 11 March in Almaty
	script.Add(domain.ApplicationCategory, "a", begin.Add(time.Hour), operator, register)
	apply(t, m, script.Commits...)
	tell(t, s)
	visit := notices.Visit{
		Application: "a", Number: 5, Service: "casino-license", Channel: "center", Licensor: "agency", Request: "issue",
		Registration: "KZ95APP00000001", Step: 9, Action: "issue", Role: "officer",
		Entered: begin.Add(time.Hour), Due: *register.Enters.Due, Calendar: "kz-2026-11-22",
	}
	now = visit.Due.Add(day)
	left := visit
	left.Left = visit.Due.Add(time.Hour)
	apply(t, m, script.Add(domain.ApplicationCategory, "a", left.Left, operator, application.Approved{Progress: application.Progress{Completes: []int{9}}}))
	tell(t, s)
	want := map[string]notices.Notice{
		"deadline-approaching a 5": {Type: notices.Approaching, At: visit.Due.Add(-lead), Visit: visit},
		"deadline-missed a 5":      {Type: notices.Missed, At: visit.Due, Visit: left},
	}
	if diff := cmp.Diff(want, b.kept); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	within := visit
	within.Due = visit.Due.Add(-time.Hour)
	if visit.LastDay() != "2026-03-11" || within.LastDay() != "" || (notices.Visit{Due: visit.Due}).LastDay() != "" {
		t.Errorf("last days %q, %q", visit.LastDay(), within.LastDay())
	}
}

func ptr[T any](v T) *T { return &v }

// Whether somebody is still in a step is asked of the log, not of a model that may be behind it.
func TestModelBehindTheLogAccusesNobody(t *testing.T) {
	var script sample.Script
	m, b, now := open(t, t.TempDir()), &book{}, begin.Add(20*day)
	behind := errors.New("the model has stopped")
	s := sender(t, m, b, func() time.Time { return now }, func(c *notices.Config) {
		c.CaughtUp = func(context.Context) error {
			if behind != nil {
				return behind
			}
			return m.Apply(t.Context(), script.Commits[1:])
		}
	})
	apply(t, m, opened(&script, "a", 10*day))
	ended(&script, "a", 9*day)
	if err := s.Tell(t.Context()); !errors.Is(err, behind) || len(b.keys()) > 0 {
		t.Errorf("told %v, %v", b.keys(), err)
	}
	behind = nil
	tell(t, s)
	if len(b.keys()) > 0 {
		t.Errorf("told %v", b.keys())
	}
}

// crowd is a log of applications in every state: a to d are long overdue, open or left late, e to h near.
func crowd() (commits []domain.Commit, now time.Time, want []string) {
	var script sample.Script
	for _, id := range []string{"a", "b", "c", "d"} {
		opened(&script, id, 10*day)
	}
	for _, id := range []string{"e", "f", "g", "h"} {
		opened(&script, id, 13*day)
	}
	opened(&script, "i", 30*day)
	opened(&script, "j", 10*day)
	ended(&script, "j", 9*day)
	ended(&script, "c", 12*day-time.Hour)
	ended(&script, "d", 12*day)
	for _, id := range []string{"a", "b", "c", "d"} {
		want = append(want, "missed.agency."+id+".2")
	}
	for _, id := range []string{"e", "f", "g", "h"} {
		want = append(want, "approaching.agency."+id+".2")
	}
	slices.Sort(want)
	return script.Commits, begin.Add(12*day + time.Hour), want
}

// Two nodes, each with a model of its own, tell of everything once.
func TestNodesTellOnce(t *testing.T) {
	l := newLedger(t)
	commits, now, want := crowd()
	var wg sync.WaitGroup
	for range 3 {
		m := open(t, t.TempDir())
		s := sender(t, m, l, func() time.Time { return now })
		apply(t, m, commits...)
		wg.Go(func() {
			if err := s.Tell(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(want, l.told(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// crashing is a publisher whose process dies at the n-th notice, before or after the ledger has it.
type crashing struct {
	ledger
	n     int
	after bool
	given int
}

var errCrash = errors.New("crash")

func (c *crashing) Publish(ctx context.Context, list []notices.Notice) error {
	for _, n := range list {
		c.given++
		if c.given == c.n && !c.after {
			return errCrash
		}
		if err := c.ledger.Publish(ctx, []notices.Notice{n}); err != nil {
			return err
		}
		if c.given == c.n {
			return errCrash
		}
	}
	return nil
}

// A crash before or after any notice is followed by a start that tells of the rest, from the same model or
// from one that was built anew.
func TestCrashAtEveryNotice(t *testing.T) {
	commits, now, want := crowd()
	clock := func() time.Time { return now }
	for n := 1; n <= len(want); n++ {
		for _, after := range []bool{false, true} {
			for _, rebuilt := range []bool{false, true} {
				t.Run(fmt.Sprintf("notice=%d/after=%v/rebuilt=%v", n, after, rebuilt), func(t *testing.T) {
					l, dir := newLedger(t), t.TempDir()
					m := open(t, dir)
					s := sender(t, m, &crashing{ledger: l, n: n, after: after}, clock)
					apply(t, m, commits...)
					if err := s.Tell(t.Context()); !errors.Is(err, errCrash) {
						t.Fatal(err)
					}
					if err := m.Close(); err != nil {
						t.Fatal(err)
					}
					if rebuilt {
						dir = t.TempDir()
					}
					m = open(t, dir)
					if rebuilt {
						apply(t, m, commits...)
					}
					s = sender(t, m, l, clock)
					tell(t, s)
					if diff := cmp.Diff(want, l.told(t)); diff != "" {
						t.Errorf("told (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// The clock alone makes a deadline come near and pass: no event wakes the sender.
func TestClockAloneWakesTheSender(t *testing.T) {
	var script sample.Script
	l, m, c := newLedger(t), open(t, t.TempDir()), newClock(begin)
	apply(t, m, opened(&script, "a", 10*day))
	s := sender(t, m, l, c.Now, func(config *notices.Config) { config.After = c.After })
	run(t, s)
	for _, step := range []struct {
		at   time.Duration
		want []string
	}{
		{9*day - time.Second, []string{}}, {9 * day, []string{"approaching.agency.a.2"}}, {10 * day, []string{"approaching.agency.a.2"}},
		{10*day + notices.Settling, []string{"approaching.agency.a.2", "missed.agency.a.2"}},
		{20 * day, []string{"approaching.agency.a.2", "missed.agency.a.2"}},
	} {
		c.rest(t)
		c.set(begin.Add(step.at))
		c.rest(t)
		if diff := cmp.Diff(step.want, l.told(t)); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", step.at, diff)
		}
	}
	for _, d := range c.slept {
		if d > time.Minute {
			t.Errorf("the sender sleeps for %v, whatever happens to the clock", d)
		}
	}
}

// An event wakes the sender while the clock stands.
func TestEventWakesTheSender(t *testing.T) {
	var script sample.Script
	l, m, c := newLedger(t), open(t, t.TempDir()), newClock(begin.Add(20*day))
	s := sender(t, m, l, c.Now, func(config *notices.Config) { config.After = c.After })
	run(t, s)
	c.rest(t)
	apply(t, m, opened(&script, "a", 10*day))
	for end := time.Now().Add(20 * time.Second); len(l.told(t)) == 0; {
		if time.Now().After(end) {
			t.Fatal("nothing is told")
		}
	}
}

func run(t *testing.T, s *notices.Sender) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

// levels counts what is logged.
type levels struct {
	slog.Handler
	mu     sync.Mutex // protects counts
	counts map[slog.Level]int
}

func (l *levels) Enabled(context.Context, slog.Level) bool { return true }

func (l *levels) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[r.Level]++
	return nil
}

// While nobody takes notices they wait; one tries again after longer and longer pauses, says so once, and goes
// on by itself.
func TestNoticesWaitForThePublisher(t *testing.T) {
	var script sample.Script
	m, c, log := open(t, t.TempDir()), newClock(begin.Add(20*day)), &levels{counts: map[slog.Level]int{}}
	b, failures := &book{err: fmt.Errorf("no server: %w", domain.ErrUnavailable)}, 0
	apply(t, m, opened(&script, "a", 10*day), opened(&script, "b", 20*day+time.Hour))
	s := sender(t, m, b, c.Now, func(config *notices.Config) {
		config.After, config.Logger, config.Failed = c.After, slog.New(log), func() { failures++ }
	})
	run(t, s)
	for range 10 {
		c.rest(t)
		c.set(c.Now().Add(time.Minute))
	}
	c.rest(t)
	want := map[notices.Type]int{notices.Approaching: 1, notices.Missed: 1}
	if diff := cmp.Diff(want, s.Pending()); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	b.mu.Lock()
	b.err = nil
	b.mu.Unlock()
	c.set(c.Now().Add(time.Minute))
	c.rest(t)
	if diff := cmp.Diff([]string{"deadline-approaching b 2", "deadline-missed a 2"}, b.keys()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if failures != 11 || log.counts[slog.LevelWarn] != 1 || log.counts[slog.LevelInfo] != 1 {
		t.Errorf("%d failures, logged %v", failures, log.counts)
	}
	pauses := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60}
	for i := range pauses {
		pauses[i] *= time.Second
	}
	if diff := cmp.Diff(pauses, c.slept[:len(pauses)]); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

// A visit that was left late is kept for as long as it is told of, and not much longer.
func TestLateVisitsAreKeptForAWhile(t *testing.T) {
	var script sample.Script
	m := open(t, t.TempDir())
	for i := range 10 {
		opened(&script, fmt.Sprint("a", i), day)
		ended(&script, fmt.Sprint("a", i), time.Duration(2+i)*day)
	}
	apply(t, m, script.Commits...)
	b, now := &book{}, begin.Add(11*day)
	tell(t, sender(t, m, b, func() time.Time { return now }))
	if diff := cmp.Diff([]string{"deadline-missed a7 2", "deadline-missed a8 2", "deadline-missed a9 2"}, b.keys()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	var rows strings.Builder
	if err := m.Dump(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(rows.String(), "casino-license"); n != 3 {
		t.Errorf("%d visits are kept:\n%s", n, &rows)
	}
}

// More than are published at a time are all told.
func TestMany(t *testing.T) {
	var script sample.Script
	m, b := open(t, t.TempDir()), &book{}
	for i := range 1234 {
		opened(&script, fmt.Sprint("a", i), 10*day)
	}
	apply(t, m, script.Commits...)
	s := sender(t, m, b, func() time.Time { return begin.Add(11 * day) })
	tell(t, s)
	if len(b.kept) != 1234 {
		t.Errorf("%d are told", len(b.kept))
	}
}
