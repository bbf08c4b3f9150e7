package calendar_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// In every version, for every policy, the days an explanation counts are the term, they are worked and
// the skipped ones are not, no day is left out, and it ends when Due says.
func TestExplainAgreesWithDue(t *testing.T) {
	known, err := calendar.Versions()
	if err != nil {
		t.Fatal(err)
	}
	rules := []calendar.Rule{"", calendar.NextWorkingDay, calendar.SameDay}
	rapid.Check(t, func(r *rapid.T) {
		c := version(t, rapid.SampledFrom(known).Draw(r, "version"))
		first, last := c.Years()
		from := time.Date(first, 1, 1, 0, 0, 0, 0, calendar.Zone).Unix()
		to := time.Date(last, 10, 1, 0, 0, 0, 0, calendar.Zone).Unix()
		at := time.Unix(rapid.Int64Range(from, to).Draw(r, "at"), 0)
		p := calendar.Policy{
			Hours:      calendar.Hours{Opens: time.Duration(rapid.IntRange(0, 11).Draw(r, "opens")) * time.Hour, Closes: time.Duration(rapid.IntRange(12, 24).Draw(r, "closes")) * time.Hour},
			AfterHours: rapid.SampledFrom(rules).Draw(r, "after hours"), DaysOff: rapid.SampledFrom(rules).Draw(r, "days off"),
		}
		n := rapid.IntRange(0, 40).Draw(r, "n")
		e, err := c.Explain(at, p, n)
		if err != nil {
			r.Fatalf("%v", err)
		}
		registered, err := c.RegisteredUnder(at, p)
		if err != nil || registered != e.Registered || e.Calendar != c.Version() {
			r.Fatalf("registered on %s, %v; explained %s", registered, err, e.Registered)
		}
		due, err := c.Due(registered, n)
		if err != nil || !due.Equal(e.Due.UTC) || !e.LastDay.End().Equal(due) {
			r.Fatalf("due %v, %v; explained %v, the end of %s", due, err, e.Due, e.LastDay)
		}
		checkDays(r, c, e)
		checkReceipt(r, c, e, at)
		short, err := c.ExplainFrom(registered, n)
		if err != nil {
			r.Fatalf("%v", err)
		}
		short.Receipt = e.Receipt
		if diff := cmp.Diff(e, short); diff != "" {
			r.Fatalf("from the day of registration it is counted otherwise\n%s", diff)
		}
	})
}

func checkDays(r *rapid.T, c *calendar.Calendar, e *calendar.Explanation) {
	counted, day := 0, e.Registered
	for _, d := range e.Days {
		if day = following(day); d.Day != day {
			r.Fatalf("after %s comes %s", day, d.Day)
		}
		works, _, err := c.Working(day)
		if err != nil || works != (d.Counted > 0) || works != d.Kind.Working() {
			r.Fatalf("%s: worked %v, %v; explained %+v", day, works, err, d)
		}
		if works {
			if counted++; d.Counted != counted {
				r.Fatalf("%s is counted as %d, want %d", day, d.Counted, counted)
			}
		}
	}
	if counted != e.Term || day != e.LastDay {
		r.Fatalf("%d days counted of %d, up to %s; last day %s", counted, e.Term, day, e.LastDay)
	}
}

func checkReceipt(r *rapid.T, c *calendar.Calendar, e *calendar.Explanation, at time.Time) {
	got := e.Receipt
	works, _, err := c.Working(calendar.DayOf(at))
	if err != nil || got.Day.Day != calendar.DayOf(at) || (got.Arrival == calendar.OnDayOff) == works {
		r.Fatalf("%v: %v %+v, %v", at, works, got, err)
	}
	day := got.Day.Day
	for _, d := range got.Skipped {
		if day = following(day); d.Day != day || d.Kind.Working() {
			r.Fatalf("passed over %+v after %s", d, day)
		}
	}
	if day != e.Registered && following(day) != e.Registered {
		r.Fatalf("%s is not explained on the way to %s", following(day), e.Registered)
	}
}

func following(d calendar.Day) calendar.Day { return calendar.DayOf(d.End()) }

// What was taken back says so: the day is worked, and a lawyer who remembers a day off finds why.
func TestExplainTellsWhatWasTakenBack(t *testing.T) {
	tests := []struct {
		version string
		day     calendar.Day
		kind    calendar.Kind
		was     calendar.Kind
	}{
		{"kz-2026-01-01", "2026-08-31", calendar.CarriedOver, ""},
		{"kz-2026-03-18", "2026-08-31", calendar.Workday, calendar.CarriedOver},
		{"kz-2026-11-22", "2026-08-31", calendar.Workday, calendar.CarriedOver},
		{"kz-2026-11-22", "2026-08-30", calendar.Weekend, calendar.Holiday},
		{"kz-2024-04-18", "2024-06-17", calendar.DayOff, ""},
		{"kz-2024-06-07", "2024-06-17", calendar.Workday, calendar.DayOff},
		{"kz-2022-01-01", "2022-12-19", calendar.CarriedOver, ""},
		{"kz-2022-09-29", "2022-12-19", calendar.Workday, calendar.CarriedOver},
	}
	for _, tt := range tests {
		_, r, err := version(t, tt.version).Working(tt.day)
		was := calendar.Kind("")
		if r.Withdrawn != nil {
			was = r.Withdrawn.Kind
		}
		if err != nil || r.Kind != tt.kind || was != tt.was {
			t.Errorf("%s in %s: %q, was %q, %v; want %q, %q", tt.day, tt.version, r.Kind, was, err, tt.kind, tt.was)
		}
	}
}

func TestExplainRefusals(t *testing.T) {
	c := load(t)
	at := instant(t, "2026-11-20T10:00:00+05:00")
	var missing *calendar.MissingYear
	if _, err := c.Explain(instant(t, "2027-12-30T10:00:00+05:00"), calendar.Policy{}, 15); !errors.As(err, &missing) || missing.Year != 2028 {
		t.Errorf("a term into 2028: %v", err)
	}
	if _, err := c.Explain(instant(t, "2011-12-31T10:00:00+06:00"), calendar.Policy{}, 1); !errors.As(err, &missing) || missing.Year != 2011 {
		t.Errorf("a term from 2011: %v", err)
	}
	if _, err := c.Explain(instant(t, "2027-12-31T19:00:00+05:00"), calendar.Policy{}, 0); !errors.As(err, &missing) || missing.Year != 2028 {
		t.Errorf("after hours of the last day: %v", err)
	}
	for what, err := range map[string]error{
		"-1 days":   second(c.Explain(at, calendar.Policy{}, -1)),
		"no rule":   second(c.Explain(at, calendar.Policy{AfterHours: "whenever"}, 1)),
		"bad hours": second(c.Explain(at, calendar.Policy{Hours: calendar.Hours{Opens: 2, Closes: 1}}, 1)),
		"no day":    second(c.ExplainFrom("tomorrow", 1)),
	} {
		if !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := must(c.Explain(at, calendar.Policy{}, 1)).WriteText(&bytes.Buffer{}, "de"); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("in German: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The printed explanations, which a lawyer reads.
func TestExplanationTexts(t *testing.T) {
	lawyer := calendar.Policy{Hours: calendar.Hours{Opens: 9 * time.Hour, Closes: 18 * time.Hour}, DaysOff: calendar.SameDay, Basis: "Standard, item 10"}
	explanations := map[string]*calendar.Explanation{
		"may-2013":      must(load(t).Explain(instant(t, "2013-04-26T17:45:00+06:00"), calendar.Policy{}, 15)),
		"new-year-2014": must(version(t, "kz-2013-12-06").Explain(instant(t, "2013-12-27T18:30:00+06:00"), calendar.Policy{}, 10)),
		"nauryz-2026":   must(load(t).Explain(instant(t, "2026-03-07T12:00:00+05:00"), lawyer, 15)),
		"august-2026":   must(load(t).Explain(instant(t, "2026-08-27T08:15:00+05:00"), calendar.Policy{}, 3)),
		"august-before": must(version(t, "kz-2026-01-01").Explain(instant(t, "2026-08-27T18:45:00+05:00"), calendar.Policy{}, 3)),
		"ait-2027":      must(load(t).ExplainFrom("2027-05-14", 1)),
		"moved-2012":    must(load(t).ExplainFrom("2012-03-07", 0)),
	}
	for name, e := range explanations {
		for _, lang := range calendar.Languages() {
			var text bytes.Buffer
			if err := e.WriteText(&text, lang); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-"+lang+".txt", text.Bytes())
			if strings.Contains(text.String(), "%!") {
				t.Errorf("%s in %s has an unfilled place", name, lang)
			}
		}
		data, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var again calendar.Explanation
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, &again); diff != "" {
			t.Errorf("%s is not read back from JSON\n%s", name, diff)
		}
		if name == "august-2026" {
			golden(t, name+".json", append(data, '\n'))
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", "texts", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func BenchmarkExplain(b *testing.B) {
	c := load(b)
	at := instant(b, "2013-04-26T17:45:00+06:00")
	for _, n := range []int{1, 15, 250} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Explain(at, calendar.Policy{}, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
