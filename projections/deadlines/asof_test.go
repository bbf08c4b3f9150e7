package deadlines_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/sample"
)

// some is how many of something a test has: few in short tests, which run under the race detector, where
// SQLite is slow.
func some(many, few int) int {
	if testing.Short() {
		return few
	}
	return many
}

// split is what had happened at the instant, and what came later.
func split(commits []domain.Commit, at time.Time) (happened, later []domain.Commit) {
	n := slices.IndexFunc(commits, func(c domain.Commit) bool { return c.Records[0].Time.After(at) })
	if n < 0 {
		return commits, nil
	}
	return commits[:n], commits[n:]
}

// instants are n and some more: ones at random, at which something happened, or was due or due soon, and
// the microseconds beside those.
func instants(t *testing.T, commits []domain.Commit, n int) (list []time.Time) {
	t.Helper()
	random := rand.New(rand.NewPCG(4, 4))
	last := commits[len(commits)-1].Records[0].Time
	for len(list) < n {
		c := commits[random.IntN(len(commits))]
		at := c.Records[0].Time
		if c.Stream.Category == domain.ApplicationCategory && random.IntN(2) == 0 {
			p, err := application.Decode(c.Records[0].Event)
			if err != nil {
				t.Fatal(err)
			}
			way := application.Way(p)
			if way.Enters == nil || way.Enters.Due == nil || way.Enters.Due.After(last) {
				continue
			}
			at = *way.Enters.Due
			list = append(list, at.Add(-12*time.Hour))
		}
		list = append(list, at.Add(time.Duration(random.IntN(3)-1)*time.Microsecond))
		list = append(list, sample.Begin.Add(time.Duration(random.Int64N(int64(last.Sub(sample.Begin))))).Truncate(time.Microsecond))
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// answers are the answers to every kind of question, as of an instant in the past or now.
func answers(t *testing.T, m *deadlines.Model, commits []domain.Commit, asOf, now time.Time) map[string]any {
	t.Helper()
	all := map[string]any{}
	add := func(what string, answer any, err error) {
		if err != nil {
			t.Fatal(what, err)
		}
		all[what] = answer
	}
	for name, f := range map[string]deadlines.Filter{
		"all": {}, "by licensor": {ByLicensor: true}, "by day": {ByPeriod: deadlines.Day}, "by week": {ByPeriod: deadlines.Week, ByLicensor: true},
		"by month": {ByPeriod: deadlines.Month}, "whole": {Whole: true}, "whole by month": {Whole: true, ByPeriod: deadlines.Month},
		"of a licensor": {Licensor: "sport-committee", Channel: "portal"}, "of a step": {Service: "casino-license", Step: 14},
		"of a request and a span": {Request: "issue", From: sample.Begin.AddDate(0, 2, 0), Before: sample.Begin.AddDate(0, 5, 0)},
	} {
		f.AsOf = asOf
		figures, err := m.Steps(t.Context(), f, now)
		add("figures "+name, figures, err)
		summaries, err := m.Services(t.Context(), f, now)
		add("services "+name, summaries, err)
		if f.ByLicensor || f.ByPeriod != "" {
			continue
		}
		all["overdue "+name] = list(t, m.Overdue, f, now)
		for _, f.Outcome = range outcomes {
			all["list "+name+" "+string(f.Outcome)] = list(t, m.List, f, now)
		}
	}
	at := now
	if !asOf.IsZero() {
		at = asOf
	}
	for _, c := range commits {
		if c.Stream.Category == domain.ApplicationCategory && c.Records[0].Version == 1 {
			visits, err := m.Visits(t.Context(), c.Stream.ID, at)
			add("application "+c.Stream.ID, visits, err)
		}
	}
	return all
}

var outcomes = []deadlines.Outcome{"", deadlines.OnTime, deadlines.Late, deadlines.Abandoned, deadlines.Untimed, deadlines.Waiting, deadlines.DueSoon, deadlines.Overdue}

// What is told as of a past instant is what was told then: by the model that went on since, by one that
// was opened anew, by one that was built anew, and by one that was given commits more than once.
func TestAsOfIsWhatWasToldThen(t *testing.T) {
	commits := sample.Commits(some(50, 12), 31)
	moments := instants(t, commits, some(16, 3))
	dir := t.TempDir()
	m := reopen(t, nil, dir)
	var told []map[string]any
	for i, at := range moments {
		happened, _ := split(commits, at)
		if err := m.Apply(t.Context(), happened); err != nil { // from the beginning every time: most was delivered before
			t.Fatal(err)
		}
		told = append(told, answers(t, m, happened, time.Time{}, at))
		if i%5 == 0 {
			m = reopen(t, m, dir)
		}
	}
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
	now := commits[len(commits)-1].Records[0].Time.AddDate(1, 0, 0)
	same := func(how string, m *deadlines.Model) {
		t.Helper()
		for i, at := range moments {
			happened, _ := split(commits, at)
			if now := answers(t, m, happened, at, now); !reflect.DeepEqual(told[i], now) {
				t.Fatalf("%s, as of %s (-told then +told now):\n%s", how, at, cmp.Diff(told[i], now))
			}
		}
	}
	same("gone on", m)
	m = reopen(t, m, dir)
	same("opened anew", m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := projections.Rebuild(t.Context(), sample.NewLog(commits), dir, slog.New(slog.DiscardHandler), deadlines.Kind); err != nil {
		t.Fatal(err)
	}
	same("built anew", reopen(t, nil, dir))
	seen := map[deadlines.Outcome]int{}
	for _, answers := range told {
		for _, o := range outcomes {
			seen[o] += len(answers["list all "+string(o)].([]deadlines.Visit))
		}
	}
	for _, o := range outcomes {
		if seen[o] == 0 && !testing.Short() {
			t.Errorf("no visit was ever %q: the sample is too well behaved to test anything", o)
		}
	}
}

// reopen closes the model, if there is one, and opens that of the directory.
func reopen(t *testing.T, m *deadlines.Model, dir string) *deadlines.Model {
	t.Helper()
	if m != nil {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m, err := deadlines.Open(dir)
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

// Every list has as many visits as the figure says that it is behind.
func TestListsAreWhatFiguresCount(t *testing.T) {
	m := open(t, nil)
	if err := m.Apply(t.Context(), sample.Commits(some(120, 20), 8)); err != nil {
		t.Fatal(err)
	}
	now := sample.Begin.AddDate(1, 0, 0)
	for _, f := range []deadlines.Filter{
		{}, {AsOf: sample.Begin.AddDate(0, 4, 0)}, {ByPeriod: deadlines.Month, ByLicensor: true, AsOf: sample.Begin.AddDate(0, 7, 0)},
		{Whole: true, ByPeriod: deadlines.Week}, {Request: "issue", ByLicensor: true},
	} {
		figures, err := m.Steps(t.Context(), f, now)
		if err != nil || len(figures) == 0 {
			t.Fatal(len(figures), err)
		}
		for _, g := range figures {
			behind := deadlines.Filter{Service: g.Service, Channel: g.Channel, Licensor: g.Licensor, Request: f.Request, Step: g.Step, Whole: f.Whole, AsOf: f.AsOf}
			if f.ByPeriod != "" {
				behind.From, behind.Before = g.Span.First.Start(), g.Span.Last.End()
			}
			counts := map[deadlines.Outcome]int{
				"": g.Visits, deadlines.OnTime: g.OnTime, deadlines.Late: g.Late, deadlines.Abandoned: g.Abandoned,
				deadlines.Untimed: g.Untimed, deadlines.Waiting: g.Open, deadlines.DueSoon: g.DueSoon, deadlines.Overdue: g.Overdue,
			}
			for outcome, want := range counts {
				behind.Outcome = outcome
				if got := len(list(t, m.List, behind, now)); got != want {
					t.Errorf("%+v: %d visits are %q, listed %d", g, want, outcome, got)
				}
			}
		}
	}
}

// lister is a method that lists.
type lister func(ctx context.Context, f deadlines.Filter, now time.Time, cursor string, limit int) (deadlines.Page, error)

// list reads a list to its end, in small pages.
func list(t *testing.T, ask lister, f deadlines.Filter, now time.Time) (visits []deadlines.Visit) {
	t.Helper()
	for cursor := ""; ; {
		p, err := ask(t.Context(), f, now, cursor, 97)
		if err != nil {
			t.Fatal(err)
		}
		visits = append(visits, p.Visits...)
		if cursor = p.Next; cursor == "" {
			return visits
		}
	}
}

// The lists of a log with so many visits that each kind has several packs are what the applications have
// one by one.
func TestListsHaveEveryVisitInOrder(t *testing.T) {
	m, commits := open(t, nil), sample.Commits(some(2500, 150), 8)
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
	f, now := deadlines.Filter{AsOf: sample.Begin.AddDate(0, 8, 0)}, sample.Begin.AddDate(2, 0, 0)
	var visits, overdue []deadlines.Visit
	for _, c := range commits {
		if c.Stream.Category != domain.ApplicationCategory || c.Records[0].Version != 1 || c.Records[0].Time.After(f.AsOf) {
			continue
		}
		of, err := m.Visits(t.Context(), c.Stream.ID, f.AsOf)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range slices.Backward(of) {
			if v.Nth = 0; v.Step == deadlines.Whole {
				continue
			}
			if visits = append(visits, v); v.Outcome == deadlines.Overdue {
				overdue = append(overdue, v)
			}
		}
	}
	slices.SortStableFunc(visits, func(a, b deadlines.Visit) int { return b.Entered.Compare(a.Entered) })
	slices.SortStableFunc(overdue, func(a, b deadlines.Visit) int { return a.Due.Compare(b.Due) })
	if got := list(t, m.List, f, now); !slices.Equal(visits, got) {
		t.Errorf("the list (-want +got):\n%s", cmp.Diff(visits, got))
	}
	if got := list(t, m.Overdue, f, now); !slices.Equal(overdue, got) {
		t.Errorf("what is overdue (-want +got):\n%s", cmp.Diff(overdue, got))
	}
	if !testing.Short() && (len(visits) < 15_000 || len(overdue) < 50) {
		t.Errorf("%d visits, %d overdue: the sample is too small", len(visits), len(overdue))
	}
}
