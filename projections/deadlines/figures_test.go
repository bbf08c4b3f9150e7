package deadlines_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/sample"
)

// rounded is the duration as figures show it: to eight binary digits, upwards.
func rounded(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d/unit >= 256 {
		unit *= 2
	}
	return (d/unit+1)*unit - time.Microsecond
}

// The figures are counted once more here, from the visits one by one.
func TestFiguresAndTalliesAreWhatTheVisitsSay(t *testing.T) {
	m, now := open(t, nil), sample.Begin.AddDate(0, 9, 25)
	happened, _ := split(sample.Commits(some(300, 60), 21), now)
	if err := m.Apply(t.Context(), happened); err != nil {
		t.Fatal(err)
	}
	from, before := sample.Begin.AddDate(0, 1, 0), sample.Begin.AddDate(0, 4, 0)
	for _, f := range []deadlines.Filter{
		{}, {Service: "casino-license"}, {Channel: "portal", ByLicensor: true}, {Step: 14, From: from, Before: before}, {From: from.AddDate(-9, 0, 0)},
		{Licensor: "akimat", Request: "issue"}, {AsOf: from}, {ByPeriod: deadlines.Month, ByLicensor: true}, {ByPeriod: deadlines.Week, Channel: "office"},
		{ByPeriod: deadlines.Day, Step: 14}, {Whole: true}, {Whole: true, ByPeriod: deadlines.Month, AsOf: before},
	} {
		figures, err := m.Steps(t.Context(), f, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(figuresOf(list(t, m.List, f, now), f), figures); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", f, diff)
		}
	}
	tallies, err := m.Tallies(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	var onTime, late, open, overdue, buckets, abandoned, untimed int64
	for _, g := range tallies {
		if g.Step == deadlines.Whole {
			continue
		}
		abandoned, untimed = abandoned+g.Abandoned, untimed+g.Untimed
		onTime, late, open, overdue = onTime+g.OnTime, late+g.Late, open+g.Open, overdue+g.Overdue
		if !slices.IsSorted(g.AtMost) || g.AtMost[len(g.AtMost)-1] > g.OnTime+g.Late+g.Untimed {
			t.Errorf("histogram: %+v", g)
		}
		buckets += g.AtMost[2]
	}
	want := map[deadlines.Outcome]int64{}
	var short int64
	for _, v := range list(t, m.List, deadlines.Filter{}, now) {
		want[v.Outcome]++
		if !v.Left.IsZero() && v.Outcome != deadlines.Abandoned && v.Left.Sub(v.Entered) <= deadlines.Buckets[2] {
			short++
		}
	}
	if onTime != want[deadlines.OnTime] || late != want[deadlines.Late] || open != want[deadlines.Waiting] || overdue != want[deadlines.Overdue] || buckets != short || abandoned != want[deadlines.Abandoned] || untimed != want[deadlines.Untimed] {
		t.Errorf("tallies %d %d %d %d %d, visits %v %d", onTime, late, open, overdue, buckets, want, short)
	}
	if !testing.Short() && (late == 0 || overdue == 0 || open == 0 || abandoned == 0 || untimed == 0) {
		t.Error("the sample is too well behaved to test anything")
	}
}

// As many figures as are asked for at most are told, one more is refused.
func TestTooManyFigures(t *testing.T) {
	m, now := open(t, nil), sample.Begin.AddDate(1, 0, 0)
	if err := m.Apply(t.Context(), sample.Commits(some(120, 20), 8)); err != nil {
		t.Fatal(err)
	}
	steps := func(f deadlines.Filter) (int, error) {
		figures, err := m.Steps(t.Context(), f, now)
		return len(figures), err
	}
	services := func(f deadlines.Filter) (int, error) {
		summaries, err := m.Services(t.Context(), f, now)
		return len(summaries), err
	}
	for name, count := range map[string]func(deadlines.Filter) (int, error){"steps": steps, "services": services} {
		for _, f := range []deadlines.Filter{{}, {ByLicensor: true, ByPeriod: deadlines.Day}, {Whole: true, ByPeriod: deadlines.Week}} {
			all, err := count(f)
			if err != nil || all < 2 {
				t.Fatalf("%s of %+v: %d, %v", name, f, all, err)
			}
			f.Most = all
			if n, err := count(f); err != nil || n != all {
				t.Errorf("%s of %+v: %d, %v", name, f, n, err)
			}
			for f.Most = all - 1; f.Most > 0; f.Most /= 2 {
				if n, err := count(f); !errors.Is(err, deadlines.ErrTooMany) || !errors.Is(err, domain.ErrInvalid) || n != 0 {
					t.Errorf("%s of %+v: %d of %d, %v", name, f, n, all, err)
				}
			}
		}
	}
}

func figuresOf(visits []deadlines.Visit, f deadlines.Filter) []deadlines.Figure {
	type key struct {
		service, channel, licensor string
		step                       int
		span                       deadlines.Span
	}
	sums, took := map[key]*deadlines.Figure{}, map[key][]time.Duration{}
	for _, v := range visits {
		k := key{v.Service, v.Channel, v.Licensor, v.Step, span(f.ByPeriod, v.Entered)}
		if !f.ByLicensor {
			k.licensor = ""
		}
		if sums[k] == nil {
			sums[k] = &deadlines.Figure{Service: k.service, Channel: k.channel, Licensor: k.licensor, Step: k.step, Span: k.span}
		}
		g := sums[k]
		g.Action = max(g.Action, v.Action)
		g.Visits++
		switch v.Outcome {
		case deadlines.OnTime:
			g.OnTime++
		case deadlines.Late:
			g.Late++
		case deadlines.Abandoned:
			g.Abandoned++
		case deadlines.Untimed:
			g.Untimed++
		case deadlines.Waiting:
			g.Open++
			if v.DueSoon {
				g.DueSoon++
			}
		case deadlines.Overdue:
			g.Overdue++
		}
		if !v.Left.IsZero() && v.Outcome != deadlines.Abandoned {
			took[k] = append(took[k], v.Left.Sub(v.Entered))
		}
	}
	var figures []deadlines.Figure
	for k, g := range sums {
		if d := took[k]; len(d) > 0 {
			slices.Sort(d)
			nearest := func(p float64) time.Duration {
				for i := range d {
					if float64(i+1)/float64(len(d)) >= p {
						return d[i]
					}
				}
				return d[len(d)-1]
			}
			g.Max = d[len(d)-1]
			g.Median, g.P90, g.P99 = min(rounded(nearest(.5)), g.Max), min(rounded(nearest(.9)), g.Max), min(rounded(nearest(.99)), g.Max)
		}
		figures = append(figures, *g)
	}
	slices.SortFunc(figures, func(a, b deadlines.Figure) int {
		switch {
		case a.Service != b.Service:
			return cmpText(a.Service, b.Service)
		case a.Channel != b.Channel:
			return cmpText(a.Channel, b.Channel)
		case a.Step != b.Step:
			return a.Step - b.Step
		case a.Licensor != b.Licensor:
			return cmpText(a.Licensor, b.Licensor)
		}
		return cmpText(string(a.Span.First), string(b.Span.First))
	})
	return figures
}

// span is the period that the instant is in, found by going from day to day.
func span(p deadlines.Period, at time.Time) deadlines.Span {
	local := at.In(calendar.Zone)
	same := func(t time.Time) bool {
		switch p {
		case deadlines.Month:
			return t.Month() == local.Month()
		case deadlines.Week:
			_, a := t.ISOWeek()
			_, b := local.ISOWeek()
			return a == b
		}
		return t.Day() == local.Day()
	}
	noon := time.Date(local.Year(), local.Month(), local.Day(), 12, 0, 0, 0, time.UTC)
	first, last := noon, noon
	for same(first.AddDate(0, 0, -1)) {
		first = first.AddDate(0, 0, -1)
	}
	for same(last.AddDate(0, 0, 1)) {
		last = last.AddDate(0, 0, 1)
	}
	s := deadlines.Span{Name: first.Format(time.DateOnly), First: calendar.Day(first.Format(time.DateOnly)), Last: calendar.Day(last.Format(time.DateOnly))}
	switch p {
	case "":
		return deadlines.Span{}
	case deadlines.Month:
		s.Name = first.Format("2006-01")
	case deadlines.Week:
		year, week := first.ISOWeek()
		s.Name = fmt.Sprintf("%d-W%02d", year, week)
	}
	return s
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}
