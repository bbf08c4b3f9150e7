package deadlines_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/sample"
)

var (
	begin    = time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC)
	operator = domain.Actor{ID: "op", Name: "G. O.", Role: domain.RoleOperator, Organization: "center-1", Channel: "center"}
	officer  = domain.Actor{ID: "of", Role: domain.RoleOfficer, Organization: "committee"}
)

func open(t *testing.T, commits []domain.Commit) *deadlines.Model {
	t.Helper()
	m, err := deadlines.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range commits { // one by one: every visit is read back from the file
		if err := m.Apply(t.Context(), []domain.Commit{c}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func after(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func enters(step int, action regulation.Action, due int, completes ...int) application.Progress {
	p := application.Progress{Completes: completes, Enters: &application.Entered{Step: step, Action: action}}
	if due > 0 {
		d := after(due)
		p.Enters.Due, p.Enters.Calendar = &d, "2026.1"
	}
	return p
}

// opened is an application that waits in step 2, due 100 seconds after the beginning.
func opened(s *sample.Script, id string) {
	s.Add(domain.ApplicationCategory, id, begin, operator, application.Opened{
		Progress: enters(2, regulation.FillForm, 100, 1), Service: "casino-license", Channel: regulation.Center, Request: regulation.Issue, Licensor: "committee"})
}

func TestVisitsOfAWholeLife(t *testing.T) {
	s := &sample.Script{}
	add := func(seconds int, actor domain.Actor, p ...domain.Payload) {
		s.Add(domain.ApplicationCategory, "a", after(seconds), actor, p...)
	}
	opened(s, "a")
	add(60, operator, application.Filed{Progress: enters(3, regulation.QueryRegisters, 75, 2)})
	found := enters(5, regulation.IssueResult, 5000, 3, 4)
	found.Outcome = regulation.Found
	add(80, domain.System, application.ApplicantConfirmed{Progress: found})
	add(90, domain.System, application.PaymentRequested{Order: "o"}) // stays where it is
	add(4000, officer, application.Refused{Progress: application.Progress{Completes: []int{5, 6}, Outcome: regulation.Refused, Ends: true}})
	add(5000, operator, application.Delivered{To: "hand"})
	m := open(t, s.Commits)

	visit := func(step int, action regulation.Action, entered, due, left int, branch regulation.Outcome, by domain.Actor, outcome deadlines.Outcome) deadlines.Visit {
		v := deadlines.Visit{Application: "a", Service: "casino-license", Channel: "center", Licensor: "committee", Request: "issue",
			Step: step, Action: string(action), Nth: 1, Entered: after(entered), Left: after(left), Branch: string(branch),
			Role: string(by.Role), Organization: by.Organization, Outcome: outcome}
		if due > 0 {
			v.Due, v.Calendar = after(due), "2026.1"
		}
		return v
	}
	late := visit(3, regulation.QueryRegisters, 60, 75, 80, regulation.Found, domain.System, deadlines.Late)
	late.Over = 5 * time.Second
	want := []deadlines.Visit{
		visit(1, regulation.Authorize, 0, 0, 0, "", operator, deadlines.Untimed),
		visit(2, regulation.FillForm, 0, 100, 60, "", operator, deadlines.OnTime),
		late,
		visit(4, "", 80, 0, 80, regulation.Found, domain.System, deadlines.Untimed),
		visit(5, regulation.IssueResult, 80, 5000, 4000, regulation.Refused, officer, deadlines.OnTime),
		visit(6, "", 4000, 0, 4000, regulation.Refused, officer, deadlines.Untimed),
	}
	got, err := m.Visits(t.Context(), "a", after(9999))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("visits (-want +got):\n%s", diff)
	}
	if _, err := m.Visits(t.Context(), "b", begin); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("an unknown application: %v", err)
	}
}

func TestOutcomeTurnsExactlyWhenItIsDue(t *testing.T) {
	for _, tt := range []struct {
		name string
		left time.Duration // after the due time; 0 with open set: not left
		open bool
		now  time.Duration
		want deadlines.Outcome
	}{
		{"left before", -time.Microsecond, false, time.Hour, deadlines.OnTime},
		{"left when due", 0, false, time.Hour, deadlines.OnTime},
		{"left after", time.Microsecond, false, time.Hour, deadlines.Late},
		{"open before", 0, true, -time.Microsecond, deadlines.Waiting},
		{"open when due", 0, true, 0, deadlines.Waiting},
		{"open after", 0, true, time.Microsecond, deadlines.Overdue},
	} {
		t.Run(tt.name, func(t *testing.T) {
			due := after(100)
			s := &sample.Script{}
			opened(s, "a")
			if !tt.open {
				s.Add(domain.ApplicationCategory, "a", due.Add(tt.left), operator, application.Filed{Progress: application.Progress{Completes: []int{2}, Ends: true}})
			}
			m, now := open(t, s.Commits), due.Add(tt.now)
			visits, err := m.Visits(t.Context(), "a", now)
			if err != nil || len(visits) != 2 || visits[1].Outcome != tt.want {
				t.Errorf("visits: %+v %v", visits, err)
			}
			want := deadlines.Figure{Service: "casino-license", Channel: "center", Step: 2, Action: "fill-form", Visits: 1}
			switch tt.want {
			case deadlines.OnTime:
				want.OnTime = 1
			case deadlines.Late:
				want.Late = 1
			case deadlines.Waiting:
				want.Open, want.DueSoon = 1, 1
			case deadlines.Overdue:
				want.Overdue = 1
			}
			if !tt.open {
				took := 100*time.Second + tt.left // exact, for it is the longest
				want.Median, want.P90, want.P99, want.Max = took, took, took, took
			}
			figures, err := m.Steps(t.Context(), deadlines.Filter{Step: 2}, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]deadlines.Figure{want}, figures); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
			tallies, err := m.Tallies(t.Context(), now)
			if err != nil || len(tallies) != 2 {
				t.Fatal(tallies, err)
			}
			if g := tallies[1]; g.OnTime != int64(want.OnTime) || g.Late != int64(want.Late) || g.Open != int64(want.Open) || g.DueSoon != int64(want.DueSoon) || g.Overdue != int64(want.Overdue) {
				t.Errorf("tally: %+v", g)
			}
			for _, outcome := range []deadlines.Outcome{deadlines.OnTime, deadlines.Late, deadlines.Waiting, deadlines.Overdue} {
				p, err := m.List(t.Context(), deadlines.Filter{Step: 2, Outcome: outcome}, now, "", 0)
				if err != nil || (len(p.Visits) == 1) != (outcome == tt.want) {
					t.Errorf("listed as %s: %d, %v", outcome, len(p.Visits), err)
				}
			}
			p, err := m.Overdue(t.Context(), deadlines.Filter{}, now, "", 0)
			if err != nil || (len(p.Visits) == 1) != (tt.want == deadlines.Overdue) {
				t.Errorf("overdue: %d, %v", len(p.Visits), err)
			}
		})
	}
}

// What is due within a day, to the microsecond, is due soon until it is overdue.
func TestDueSoonIsWithinADay(t *testing.T) {
	const days = 3 * 24 * 3600
	s := &sample.Script{}
	for _, id := range []string{"a", "without a deadline"} {
		opened(s, id)
		s.Add(domain.ApplicationCategory, id, begin, operator, application.Filed{Progress: enters(3, regulation.Pay, map[string]int{"a": days}[id], 2)})
	}
	m := open(t, s.Commits)
	for _, tt := range []struct {
		before time.Duration
		soon   int
	}{{24*time.Hour + time.Microsecond, 0}, {24 * time.Hour, 1}, {0, 1}, {-time.Microsecond, 0}} {
		now, f := after(days).Add(-tt.before), deadlines.Filter{Step: 3}
		figures, err := m.Steps(t.Context(), f, now)
		if err != nil || len(figures) != 1 || figures[0].DueSoon != tt.soon || figures[0].Visits != 2 || figures[0].Open+figures[0].Overdue != 2 {
			t.Errorf("%s before: %+v %v", tt.before, figures, err)
		}
		f.Outcome = deadlines.DueSoon
		if visits := list(t, m.List, f, now); len(visits) != tt.soon || tt.soon == 1 && !visits[0].DueSoon {
			t.Errorf("%s before: %+v", tt.before, visits)
		}
		tallies, err := m.Tallies(t.Context(), now)
		if err != nil || int(tallies[2].DueSoon) != tt.soon || tallies[2].Step != 3 {
			t.Errorf("%s before: %+v %v", tt.before, tallies, err)
		}
	}
}

// The step of deciding ends with the decision: the time in which the license is formed is nobody's.
func TestFormingTheLicenseIsNotTheOfficers(t *testing.T) {
	s := &sample.Script{}
	opened(s, "a")
	s.Add(domain.ApplicationCategory, "a", after(100), officer, application.Approved{Progress: application.Progress{Completes: []int{2}, Outcome: regulation.Approved}})
	s.Add(domain.ApplicationCategory, "a", after(900), domain.System, application.Completed{Progress: application.Progress{Ends: true}, License: "26000001"})
	visits, err := open(t, s.Commits).Visits(t.Context(), "a", after(9999))
	if err != nil || len(visits) != 2 {
		t.Fatal(visits, err)
	}
	if v := visits[1]; v.Branch != "approved" || v.Outcome != deadlines.OnTime || !v.Left.Equal(after(100)) || v.Role != "officer" {
		t.Errorf("%+v", v)
	}
}

// A withdrawal says nothing about how long a step takes: whenever it comes, the visit is neither on
// time nor late, and its duration counts nowhere.
func TestWithdrawnIsAnOutcomeOfItsOwn(t *testing.T) {
	for _, seconds := range []int{100, 101} {
		s := &sample.Script{}
		opened(s, "a")
		s.Add(domain.ApplicationCategory, "a", after(seconds), operator, application.Withdrawn{Progress: application.Progress{Ends: true}})
		m, now := open(t, s.Commits), after(9999)
		visits, err := m.Visits(t.Context(), "a", now)
		if err != nil || len(visits) != 2 {
			t.Fatal(visits, err)
		}
		if v := visits[1]; v.Branch != deadlines.Withdrawn || v.Outcome != deadlines.Abandoned || !v.Left.Equal(after(seconds)) {
			t.Errorf("%+v", v)
		}
		for _, f := range []deadlines.Filter{{Step: 2}, {Step: 2, From: begin}} {
			figures, err := m.Steps(t.Context(), f, now)
			if err != nil {
				t.Fatal(err)
			}
			want := deadlines.Figure{Service: "casino-license", Channel: "center", Step: 2, Action: "fill-form", Visits: 1, Abandoned: 1}
			if diff := cmp.Diff([]deadlines.Figure{want}, figures); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
		}
		tallies, err := m.Tallies(t.Context(), now)
		if err != nil || len(tallies) != 2 {
			t.Fatal(tallies, err)
		}
		if g := tallies[1]; g.Abandoned != 1 || g.OnTime+g.Late+g.Open+g.Overdue != 0 || g.Total != 0 || g.AtMost[len(g.AtMost)-1] != 0 {
			t.Errorf("tally: %+v", g)
		}
		for _, outcome := range []deadlines.Outcome{deadlines.OnTime, deadlines.Late, deadlines.Abandoned, deadlines.Untimed, deadlines.Waiting, deadlines.Overdue} {
			p, err := m.List(t.Context(), deadlines.Filter{Step: 2, Outcome: outcome}, now, "", 0)
			if err != nil || (len(p.Visits) == 1) != (outcome == deadlines.Abandoned) {
				t.Errorf("listed as %s: %d, %v", outcome, len(p.Visits), err)
			}
		}
	}
}

// The service as a whole is measured from the registration to the end, by the term of the result.
func TestServiceAsAWhole(t *testing.T) {
	registered := enters(5, regulation.IssueOrRefuse, 5000, 2, 3)
	elsewhere := enters(5, regulation.Send, 5000, 2)
	for _, tt := range []struct {
		name  string
		then  domain.Payload // 4000 seconds after the beginning
		enter application.Progress
		want  deadlines.Visit // but for the application's
	}{
		{"nothing", nil, registered, deadlines.Visit{Due: after(5000), Calendar: "2026.1", Outcome: deadlines.Overdue, Over: 4999 * time.Second}},
		{"approved", application.Approved{Progress: application.Progress{Completes: []int{5}, Outcome: regulation.Approved}}, registered,
			deadlines.Visit{Due: after(5000), Calendar: "2026.1", Outcome: deadlines.Overdue, Over: 4999 * time.Second}},
		{"completed", application.Completed{Progress: application.Progress{Ends: true}}, registered,
			deadlines.Visit{Due: after(5000), Calendar: "2026.1", Left: after(4000), Branch: "approved", Role: "officer", Organization: "committee", Outcome: deadlines.OnTime}},
		{"refused", application.Refused{Progress: application.Progress{Completes: []int{5, 6}, Outcome: regulation.Refused, Ends: true}, Stage: application.AtDecision}, enters(5, regulation.IssueResult, 3000, 2),
			deadlines.Visit{Due: after(3000), Calendar: "2026.1", Left: after(4000), Branch: "refused", Role: "officer", Organization: "committee", Outcome: deadlines.Late, Over: 1000 * time.Second}},
		{"withdrawn", application.Withdrawn{Progress: application.Progress{Ends: true}}, registered,
			deadlines.Visit{Due: after(5000), Calendar: "2026.1", Left: after(4000), Branch: deadlines.Withdrawn, Role: "officer", Organization: "committee", Outcome: deadlines.Abandoned}},
		{"no term", application.Completed{Progress: application.Progress{Ends: true}}, elsewhere,
			deadlines.Visit{Left: after(4000), Branch: "approved", Role: "officer", Organization: "committee", Outcome: deadlines.Untimed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &sample.Script{}
			opened(s, "a")
			opened(s, "never registered")
			s.Add(domain.ApplicationCategory, "a", after(60), officer, application.Registered{Progress: tt.enter, Number: "KZ10"})
			if tt.then != nil {
				s.Add(domain.ApplicationCategory, "a", after(4000), officer, tt.then)
				s.Add(domain.ApplicationCategory, "a", after(4001), officer, application.Delivered{To: "hand"})
			}
			m, f := open(t, s.Commits), deadlines.Filter{Whole: true}
			want := tt.want
			want.Application, want.Number, want.Entered = "a", "KZ10", after(60)
			want.Service, want.Channel, want.Licensor, want.Request = "casino-license", "center", "committee", "issue"
			got := list(t, m.List, f, after(9999))
			if diff := cmp.Diff([]deadlines.Visit{want}, got); diff != "" {
				t.Errorf("visits (-want +got):\n%s", diff)
			}
			visits, err := m.Visits(t.Context(), "a", after(9999))
			if want.Nth = 1; err != nil || !cmp.Equal(visits[0], want) || len(visits) < 4 {
				t.Errorf("visits of the application: %+v %v", visits, err)
			}
			for _, v := range list(t, m.List, deadlines.Filter{}, after(9999)) {
				if v.Step == deadlines.Whole {
					t.Errorf("among the steps: %+v", v)
				}
			}
			if number := list(t, m.List, deadlines.Filter{Step: 1}, after(59))[0].Number; number != "" {
				t.Errorf("it had the number %s before it was registered", number)
			}
		})
	}
}

func TestRepeatedVisitsAreCounted(t *testing.T) {
	s := &sample.Script{}
	opened(s, "a")
	s.Add(domain.ApplicationCategory, "a", after(10), operator, application.Filed{Progress: enters(3, regulation.QueryRegisters, 0, 2)})
	s.Add(domain.ApplicationCategory, "a", after(20), operator, application.Filed{Progress: enters(2, regulation.FillForm, 0, 3)})
	visits, err := open(t, s.Commits).Visits(t.Context(), "a", after(30))
	if err != nil {
		t.Fatal(err)
	}
	var nth []int
	for _, v := range visits {
		nth = append(nth, v.Step*10+v.Nth)
	}
	if diff := cmp.Diff([]int{11, 21, 31, 22}, nth); diff != "" {
		t.Errorf("step and visit (-want +got):\n%s", diff)
	}
}

// Pages end among visits that are all alike, and that are in several packs of several kinds.
func TestPagesGoOnWhereTheyEnded(t *testing.T) {
	s := &sample.Script{}
	for i := range 300 {
		s.Add(domain.ApplicationCategory, fmt.Sprintf("a%03d", i), begin, operator, application.Opened{
			Progress: enters(2, regulation.FillForm, 100, 1), Service: "casino-license", Channel: []regulation.Channel{regulation.Center, regulation.Portal}[i%2],
			Request: regulation.Issue, Licensor: "committee"})
	}
	m := open(t, nil)
	if err := m.Apply(t.Context(), s.Commits); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ask   lister
		f     deadlines.Filter
		first string
	}{
		"overdue":      {m.Overdue, deadlines.Filter{Service: "casino-license"}, "a000"},
		"over":         {m.List, deadlines.Filter{Step: 1}, "a299"},
		"open":         {m.List, deadlines.Filter{Step: 2}, "a299"},
		"over at once": {m.List, deadlines.Filter{Step: 1, AsOf: begin}, "a299"},
	} {
		var got, want []string
		for _, v := range list(t, tt.ask, tt.f, after(500)) {
			got = append(got, v.Application)
		}
		for i := range 300 {
			want = append(want, fmt.Sprintf("a%03d", i))
		}
		if tt.first != want[0] {
			slices.Reverse(want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, f := range []func() error{
		func() error { _, err := m.Overdue(t.Context(), deadlines.Filter{}, begin, "AA", 2); return err },
		func() error { _, err := m.Overdue(t.Context(), deadlines.Filter{}, begin, "", -1); return err },
		func() error {
			_, err := m.List(t.Context(), deadlines.Filter{Outcome: "never"}, begin, "", 0)
			return err
		},
		func() error { _, err := m.List(t.Context(), deadlines.Filter{}, begin, "%", 0); return err },
	} {
		if err := f(); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("wrong input: %v", err)
		}
	}
}
