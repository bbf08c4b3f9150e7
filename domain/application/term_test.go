package application_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// entered is the last step that was entered.
func (l *life) entered() application.Entered {
	l.t.Helper()
	for i := len(l.events) - 1; i >= 0; i-- {
		if e := application.Way(l.events[i]).Enters; e != nil {
			return *e
		}
	}
	l.t.Fatal("no step was entered")
	return application.Entered{}
}

// A term in working days says by itself what it was counted from and with: whoever recounts it needs
// nothing else.
func TestTermIsExplained(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	e := l.entered()
	days, err := r.Calendars.Version(e.Calendar)
	if err != nil {
		t.Fatal(err)
	}
	explained, err := days.ExplainFrom(calendar.Day(e.From), e.Term)
	if err != nil {
		t.Fatal(err)
	}
	if !explained.Due.UTC.Equal(*e.Due) || e.Unit != regulation.WorkingDays || e.From != l.state.RegisteredOn {
		t.Errorf("entered %+v, explained until %s", e, explained.Due.UTC)
	}
}

// The hours and rules of the licensor decide on which day a request is registered.
func TestPolicyOfTheLicensor(t *testing.T) {
	r := rules(t)
	p := procedure(t, r, "casino-license", regulation.Portal)
	policies, err := calendar.ParsePolicies("policies.yaml", []byte(`licensors:
  `+p.Service.Licensor.Slug+`:
    - {hours: "09:00-11:30", basis: Order No 1}
    - {from: 2026-11-24, hours: "09:00-11:30", after_hours: same-day, basis: Order No 2}
  other:
    - {hours: "09:00-10:00", basis: Order No 3}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		policies *calendar.Policies
		at       time.Time
		want     string
	}{
		{nil, noon, "2026-11-24"},
		{policies, noon.AddDate(0, 0, -1), "2026-11-24"}, // Monday noon, closed: the next working day
		{policies, noon, "2026-11-24"},                   // Tuesday noon, closed, but from that day on registered all the same
	} {
		r.Policies = tt.policies
		l := reach(t, r, p, regulation.Register)
		l.must(application.Register{At: tt.at, Number: "KZ00APP00000001"})
		if l.state.RegisteredOn != tt.want || l.entered().From != tt.want {
			t.Errorf("at %s: registered on %s, counted from %s, want %s", tt.at, l.state.RegisteredOn, l.entered().From, tt.want)
		}
	}
}

// The act gives the registration no term: it has none, until the licensor sets one.
func TestTermSetByTheLicensor(t *testing.T) {
	r := rules(t)
	p := procedure(t, r, "electricity-purchase-license", regulation.Portal)
	if e := reach(t, r, p, regulation.Register).entered(); e.Due != nil || e.Term != 0 {
		t.Errorf("a term that nobody gave: %+v", e)
	}
	var err error
	r.Terms, err = regulation.ParseTerms("terms.yaml", []byte(`terms:
  - {service: electricity-purchase-license, channel: portal, step: 9, term: 2, unit: working_days, from: 2026-11-24, basis: Order No 9}
`), r.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	e := reach(t, r, p, regulation.Register).entered()
	if want := time.Date(2026, 11, 26, 19, 0, 0, 0, time.UTC); e.Due == nil || !e.Due.Equal(want) || e.Basis != "Order No 9" {
		t.Errorf("entered %+v, want it due at %s by Order No 9", e, want)
	}
}

// While an application is on its way its act is replaced by one that words the procedure otherwise: it
// goes on as it began, and the next one by the new wording.
func TestInFlightStaysOnItsWording(t *testing.T) {
	r := rules(t)
	p := procedure(t, r, "casino-license", regulation.Portal)
	l := reach(t, r, p, regulation.Register)
	old := p.Service.Act
	text := strings.Replace(string(old.Source), `printed: {ru: "10-15 рабочих дней"}
              min: 10
              max: 15`, `printed: {ru: "10-12 рабочих дней"}
              min: 10
              max: 12`, 1)
	changed, err := regulation.Load(fstest.MapFS{"act.yaml": {Data: []byte(text)}})
	if err != nil || text == string(old.Source) {
		t.Fatalf("the act did not change: %v", err)
	}
	r.Catalog, l.rules.Catalog = changed, changed
	if err := l.when(l.step()); !errors.Is(err, domain.ErrUnavailable) {
		t.Fatalf("an application goes on though its wording is not here: %v", err)
	}
	if err := changed.Remember(fstest.MapFS{old.KeptName(): {Data: old.Source}}); err != nil {
		t.Fatal(err)
	}
	l.must(l.step())
	next := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	if diff := cmp.Diff([]int{15, 12}, []int{l.entered().Term, next.entered().Term}); diff != "" {
		t.Errorf("terms by the old and the new wording: %s", diff)
	}
}

// A term that ends in a year without a calendar is refused, not guessed, and nothing has happened.
func TestTermBeyondTheCalendar(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Register)
	_, last := r.Calendars.Newest().Years()
	before := l.state.Version
	err := l.when(application.Register{At: time.Date(last, 12, 24, 7, 0, 0, 0, time.UTC), Number: "KZ00APP00000001"})
	var missing *calendar.MissingYear
	if !errors.As(err, &missing) || missing.Year != last+1 || l.state.Version != before {
		t.Errorf("registered at the end of the calendar: %v", err)
	}
}

// A calendar that becomes known later counts nothing that begins before.
func TestTermByTheCalendarOfItsTime(t *testing.T) {
	r := rules(t)
	var err error
	r.Calendars, err = calendar.Open(fstest.MapFS{"kz-2027-06-01.yaml": {Data: []byte("version: kz-2027-06-01\nfollows: kz-2026-11-22\nrecorded_at: 2027-06-01\n")}})
	if err != nil {
		t.Fatal(err)
	}
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	if e := l.entered(); e.Calendar != "kz-2026-11-22" {
		t.Errorf("counted with %s, which nobody knows yet", e.Calendar)
	}
}
