package calendar_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

func load(t testing.TB) *calendar.Calendar {
	t.Helper()
	c, err := calendar.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func working(t testing.TB, c *calendar.Calendar, d calendar.Day) bool {
	t.Helper()
	w, _, err := c.Working(d)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// days yields the days of a year.
func days(year int) func(yield func(calendar.Day) bool) {
	return func(yield func(calendar.Day) bool) {
		for t := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); t.Year() == year; t = t.AddDate(0, 0, 1) {
			if !yield(calendar.Day(t.Format(time.DateOnly))) {
				return
			}
		}
	}
}

// The balance of working time of each year. With 30 August kept, 2026 would be the officially
// published 246; the holiday was taken back after that.
func TestWorkingDaysOfYears(t *testing.T) {
	c := load(t)
	want := map[int]int{
		2012: 247, 2013: 246, 2014: 245, 2015: 245, 2016: 245, 2017: 245, 2018: 246, 2019: 246,
		2020: 246, 2021: 245, 2022: 246, 2023: 246, 2024: 249, 2025: 246, 2026: 247, 2027: 247,
	}
	got := map[int]int{}
	for year := range want {
		for d := range days(year) {
			if working(t, c, d) {
				got[year]++
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("working days (-want +got)\n%s", diff)
	}
	if first, last := c.Years(); first != 2012 || last != 2027 {
		t.Errorf("years %d to %d", first, last)
	}
}

func TestReasons(t *testing.T) {
	c := load(t)
	tests := []struct {
		day  calendar.Day
		kind calendar.Kind
		of   calendar.Day
	}{
		{"2012-01-01", calendar.Holiday, ""}, // a Sunday
		{"2012-01-02", calendar.Holiday, ""},
		{"2012-01-03", calendar.CarriedOver, "2012-01-01"},
		{"2012-01-04", calendar.Workday, ""},
		{"2012-05-07", calendar.Workday, ""}, // no holiday before 2013
		{"2013-05-07", calendar.Holiday, ""},
		{"2012-12-18", calendar.CarriedOver, "2012-12-16"},
		{"2013-12-28", calendar.MovedOn, "2014-01-03"},
		{"2014-01-03", calendar.MovedOff, "2013-12-28"},
		{"2017-01-07", calendar.DayOff, ""}, // a Saturday: not carried over
		{"2017-01-09", calendar.Workday, ""},
		{"2019-08-11", calendar.DayOff, ""}, // a Sunday: not carried over
		{"2019-08-12", calendar.Workday, ""},
		{"2020-05-11", calendar.MovedOn, "2020-05-08"}, // carried over from 9 May, then worked after all
		{"2021-12-01", calendar.Holiday, ""},
		{"2022-12-01", calendar.Workday, ""},
		{"2022-01-03", calendar.CarriedOver, "2022-01-01"}, // two holidays on a weekend: two days
		{"2022-01-04", calendar.CarriedOver, "2022-01-02"},
		{"2022-01-05", calendar.Workday, ""},
		{"2026-03-24", calendar.CarriedOver, "2026-03-21"},
		{"2026-03-25", calendar.CarriedOver, "2026-03-22"},
		{"2026-08-31", calendar.Workday, ""}, // 30 August is no holiday any more
		{"2026-11-21", calendar.Weekend, ""},
		{"2027-03-15", calendar.Holiday, ""},
		{"2026-03-15", calendar.Weekend, ""}, // not yet a holiday
	}
	for _, tt := range tests {
		w, r, err := c.Working(tt.day)
		if err != nil || r.Kind != tt.kind || r.Of != tt.of || w != tt.kind.Working() {
			t.Errorf("%s: %v %q of %q, %v; want %q of %q", tt.day, w, r.Kind, r.Of, err, tt.kind, tt.of)
		}
	}
}

func TestEveryExceptionHasItsBasis(t *testing.T) {
	c := load(t)
	first, last := c.Years()
	for year := first; year <= last; year++ {
		for d := range days(year) {
			_, r, err := c.Working(d)
			if err != nil {
				t.Fatal(err)
			}
			if r.Kind == calendar.Workday || r.Kind == calendar.Weekend {
				continue
			}
			named := r.Kind == calendar.MovedOff || r.Kind == calendar.MovedOn ||
				r.Name["kk"] != "" && r.Name["ru"] != "" && r.Name["en"] != ""
			if r.Basis == nil || r.RecordedAt == "" || !named {
				t.Errorf("%s: %+v: wants a name, a basis and the day it became known", d, r)
			}
		}
	}
	if _, r, _ := c.Working("2027-05-16"); !r.Estimate {
		t.Error("2027-05-16 is nobody's announced day")
	}
}

func TestDueExamples(t *testing.T) {
	c := load(t)
	tests := []struct {
		filed string
		n     int
		last  calendar.Day
		due   string
	}{
		{"2013-04-26T12:00:00+06:00", 15, "2013-05-22", "2013-05-22T18:00:00Z"}, // UTC+6 then
		{"2012-12-14T12:00:00+06:00", 15, "2013-01-11", "2013-01-11T18:00:00Z"},
		{"2026-03-05T12:00:00+05:00", 3, "2026-03-11", "2026-03-11T19:00:00Z"}, // UTC+5 now
		{"2026-03-05T12:00:00+05:00", 0, "2026-03-05", "2026-03-05T19:00:00Z"},
		{"2024-02-27T12:00:00+06:00", 2, "2024-02-29", "2024-02-29T19:00:00Z"}, // its last hour came twice
	}
	for _, tt := range tests {
		day, err := c.Registered(instant(t, tt.filed), calendar.DefaultHours)
		if err != nil {
			t.Fatal(err)
		}
		due, err := c.Due(day, tt.n)
		if err != nil || !due.Equal(instant(t, tt.due)) || due.Location() != time.UTC {
			t.Errorf("filed %s, %d days: %v, %v; want %s", tt.filed, tt.n, due, err, tt.due)
		}
		if got := calendar.DayOf(due.Add(-1)); got != tt.last {
			t.Errorf("filed %s, %d days: last day %s, want %s", tt.filed, tt.n, got, tt.last)
		}
	}
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestRegistered(t *testing.T) {
	c := load(t)
	evening := calendar.Hours{Opens: 10 * time.Hour, Closes: 20 * time.Hour}
	tests := []struct {
		at    string
		hours calendar.Hours
		want  calendar.Day
	}{
		{"2026-11-20T09:00:00+05:00", calendar.DefaultHours, "2026-11-20"},
		{"2026-11-20T00:00:00+05:00", calendar.DefaultHours, "2026-11-20"}, // before it opens
		{"2026-11-20T18:29:59.999999+05:00", calendar.DefaultHours, "2026-11-20"},
		{"2026-11-20T18:30:00+05:00", calendar.DefaultHours, "2026-11-23"}, // Friday evening
		{"2026-11-20T18:30:00+05:00", calendar.Hours{}, "2026-11-23"},      // zero means DefaultHours
		{"2026-11-20T19:59:00+05:00", evening, "2026-11-20"},
		{"2026-11-21T11:00:00+05:00", calendar.DefaultHours, "2026-11-23"}, // Saturday
		{"2026-11-19T23:30:00Z", calendar.DefaultHours, "2026-11-20"},      // already Friday there
		{"2013-12-28T11:00:00+06:00", calendar.DefaultHours, "2013-12-28"}, // a Saturday that was worked
		{"2013-12-31T19:00:00+06:00", calendar.DefaultHours, "2014-01-06"}, // 1, 2 holidays, 3 moved
		{"2012-12-31T11:00:00+06:00", calendar.DefaultHours, "2013-01-03"}, // moved off
	}
	for _, tt := range tests {
		got, err := c.Registered(instant(t, tt.at), tt.hours)
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.at, got, err, tt.want)
		}
	}
}

func TestYearsWithoutDataAreAnError(t *testing.T) {
	c := load(t)
	check := func(what string, year int, err error) {
		t.Helper()
		var missing *calendar.MissingYear
		if !errors.As(err, &missing) || missing.Year != year || missing.Version != c.Version() || !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want a MissingYear %d", what, err, year)
		}
	}
	_, _, err := c.Working("2011-12-31")
	check("working before", 2011, err)
	_, _, err = c.Working("2028-01-01")
	check("working after", 2028, err)
	_, err = c.Registered(instant(t, "2027-12-31T19:00:00+05:00"), calendar.DefaultHours)
	check("registered after", 2028, err)
	_, err = c.Due("2027-12-31", 1)
	check("due after", 2028, err)
	_, err = c.Due("2027-01-04", 1_000_000_000)
	check("due far after", 2028, err)
	_, err = c.Due("2028-01-04", 0)
	check("due of a day after", 2028, err)
	_, err = c.Due("2011-12-30", 1)
	check("due of a day before", 2011, err)
}

func TestBadInput(t *testing.T) {
	c := load(t)
	for _, d := range []calendar.Day{"", "2026-02-30", "2026-2-3", "22.11.2026", "2026-11-22T00:00:00Z"} {
		if _, _, err := c.Working(d); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("working %q: %v", d, err)
		}
		if _, err := c.Due(d, 1); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("due %q: %v", d, err)
		}
		if _, err := calendar.ParseDay(string(d)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("parse %q: %v", d, err)
		}
		if !d.Start().IsZero() || !d.End().IsZero() {
			t.Errorf("%q has a start", d)
		}
	}
	if _, err := c.Due("2026-11-20", -1); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a term of -1 days: %v", err)
	}
}

func TestHours(t *testing.T) {
	h, err := calendar.ParseHours("09:00-18:30")
	if err != nil || h != calendar.DefaultHours || h.String() != "09:00-18:30" || (calendar.Hours{}).String() != "09:00-18:30" {
		t.Errorf("%v, %v", h, err)
	}
	for _, s := range []string{"", "9-18", "18:30-09:00", "09:00-09:00", "09:00 18:30", "09:00-24:30", "0900-18300"} {
		if h, err := calendar.ParseHours(s); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v, %v", s, h, err)
		}
	}
}

func TestLastDay(t *testing.T) {
	for due, want := range map[time.Time]calendar.Day{
		calendar.Day("2026-12-15").End():                   "2026-12-15",
		calendar.Day("2024-02-29").End():                   "2024-02-29", // the night before the zone changed
		calendar.Day("2026-12-15").End().Add(-time.Minute): "",
		{}: "",
	} {
		if day, ok := calendar.LastDay(due); day != want || ok != (want != "") {
			t.Errorf("LastDay(%s) = %q %t, want %q", due, day, ok, want)
		}
	}
}

func TestZone(t *testing.T) {
	for at, offset := range map[string]int{
		"2013-06-01T00:00:00Z": 6, "2024-02-28T00:00:00Z": 6, "2024-03-01T00:00:00Z": 5, "2026-11-22T00:00:00Z": 5,
	} {
		if _, got := instant(t, at).In(calendar.Zone).Zone(); got != offset*3600 {
			t.Errorf("%s: UTC%+d s, want %d h", at, got, offset)
		}
	}
	if got := calendar.Day("2026-11-22").Start(); !got.Equal(instant(t, "2026-11-21T19:00:00Z")) {
		t.Errorf("start %v", got)
	}
	// 29 February 2024 had 25 hours.
	leap := calendar.Day("2024-02-29")
	if got := leap.End().Sub(leap.Start()); got != 25*time.Hour {
		t.Errorf("29 February 2024 lasted %v", got)
	}
}

func TestVersions(t *testing.T) {
	known, err := calendar.Versions()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range known {
		c, err := calendar.LoadVersion(v)
		if err != nil || c.Version() != v || v != "kz-"+string(c.RecordedAt()) {
			t.Errorf("%s: %v", v, err)
		}
	}
	if got := load(t).Version(); got != known[len(known)-1] {
		t.Errorf("newest is %s, loaded %s", known[len(known)-1], got)
	}
	for _, v := range []string{"kz-1999-01-01", "", "../almaty"} {
		if _, err := calendar.LoadVersion(v); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// A due time has exactly n working days between the day of registration and itself, and its own day
// is worked.
func TestDueCountsWorkingDays(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(r *rapid.T) {
		start := time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 15*365).Draw(r, "day"))
		n := rapid.IntRange(1, 60).Draw(r, "n")
		registered := calendar.Day(start.Format(time.DateOnly))
		due, err := c.Due(registered, n)
		if err != nil {
			r.Fatalf("due %s %d: %v", registered, n, err)
		}
		count, last := 0, calendar.Day("")
		for d := start.AddDate(0, 0, 1); ; d = d.AddDate(0, 0, 1) {
			last = calendar.Day(d.Format(time.DateOnly))
			if !last.Start().Before(due) {
				break
			}
			if working(t, c, last) {
				count++
			}
		}
		if count != n || !last.Start().Equal(due) || !working(t, c, calendar.DayOf(due.Add(-1))) {
			r.Fatalf("due of %s + %d is %v: %d working days, next day %s", registered, n, due, count, last)
		}
		shorter, err := c.Due(registered, n-1)
		if err != nil || !shorter.Before(due) {
			r.Fatalf("a day less is due %v, %v; not before %v", shorter, err, due)
		}
	})
}

// Registration never goes back, and lands on a working day that the term does not count.
func TestRegisteredIsAWorkingDay(t *testing.T) {
	c := load(t)
	from := instant(t, "2012-01-01T00:00:00Z").Unix()
	to := instant(t, "2027-12-01T00:00:00Z").Unix()
	rapid.Check(t, func(r *rapid.T) {
		at := time.Unix(rapid.Int64Range(from, to).Draw(r, "at"), 0)
		day, err := c.Registered(at, calendar.DefaultHours)
		if err != nil || !working(t, c, day) || day < calendar.DayOf(at) {
			r.Fatalf("%v is registered on %s, %v", at, day, err)
		}
		later, err := c.Registered(at.Add(time.Hour), calendar.DefaultHours)
		if err != nil || later < day {
			r.Fatalf("an hour later is registered on %s, before %s", later, day)
		}
	})
}

func BenchmarkDue(b *testing.B) {
	c := load(b)
	for _, n := range []int{1, 15, 250} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Due("2026-03-05", n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		if _, err := calendar.Open(); err != nil {
			b.Fatal(err)
		}
	}
}
