package calendar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

func TestRegisteredUnder(t *testing.T) {
	c := load(t)
	six := calendar.Hours{Opens: 9 * time.Hour, Closes: 18 * time.Hour}
	portal := calendar.Policy{AfterHours: calendar.SameDay, DaysOff: calendar.SameDay}
	tests := []struct {
		at     string
		policy calendar.Policy
		want   calendar.Day
		how    calendar.Arrival
	}{
		{"2026-11-20T12:00:00+05:00", calendar.Policy{}, "2026-11-20", calendar.InHours},
		{"2026-11-20T08:59:59+05:00", calendar.Policy{}, "2026-11-20", calendar.BeforeHours},
		{"2026-11-20T09:00:00+05:00", calendar.Policy{}, "2026-11-20", calendar.InHours},
		{"2026-11-20T18:15:00+05:00", calendar.Policy{}, "2026-11-20", calendar.InHours},
		{"2026-11-20T18:15:00+05:00", calendar.Policy{Hours: six}, "2026-11-23", calendar.AfterHours},
		{"2026-11-20T18:15:00+05:00", calendar.Policy{Hours: six, AfterHours: calendar.SameDay}, "2026-11-20", calendar.AfterHours},
		{"2026-11-21T12:00:00+05:00", calendar.Policy{AfterHours: calendar.SameDay}, "2026-11-23", calendar.OnDayOff},
		{"2026-11-21T12:00:00+05:00", portal, "2026-11-21", calendar.OnDayOff},
		{"2026-11-21T23:00:00+05:00", portal, "2026-11-21", calendar.OnDayOff},
		{"2026-11-21T23:00:00+05:00", calendar.Policy{DaysOff: calendar.SameDay}, "2026-11-21", calendar.OnDayOff},
		{"2013-05-04T18:30:00+06:00", calendar.Policy{}, "2013-05-06", calendar.AfterHours}, // a Saturday that is worked
	}
	for _, tt := range tests {
		got, err := c.RegisteredUnder(instant(t, tt.at), tt.policy)
		e := must(c.Explain(instant(t, tt.at), tt.policy, 1))
		if err != nil || got != tt.want || e.Receipt.Arrival != tt.how {
			t.Errorf("%s %+v: %s, %s, %v; want %s, %s", tt.at, tt.policy, got, e.Receipt.Arrival, err, tt.want, tt.how)
		}
	}
	// On the day of registration by a portal, be it a Saturday, nothing is counted.
	if e := must(c.Explain(instant(t, "2026-11-21T12:00:00+05:00"), portal, 1)); e.LastDay != "2026-11-23" {
		t.Errorf("a day after Saturday is %s", e.LastDay)
	}
}

const policies = `
default:
  - {hours: "09:00-18:00", basis: Standard, from: 2013-01-01}
licensors:
  minjust:
    - {hours: "09:00-18:30"}
    - {from: 2014-01-01, hours: "09:00-19:00", after_hours: same-day, days_off: same-day, basis: Order No 7}
`

func TestPolicies(t *testing.T) {
	p, err := calendar.ParsePolicies("policies.yaml", []byte(policies))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		licensor string
		on       calendar.Day
		hours    string
		after    calendar.Rule
		basis    string
	}{
		{"minjust", "2012-05-01", "09:00-18:30", calendar.NextWorkingDay, ""},
		{"minjust", "2013-12-31", "09:00-18:30", calendar.NextWorkingDay, ""},
		{"minjust", "2014-01-01", "09:00-19:00", calendar.SameDay, "Order No 7"},
		{"another", "2013-01-01", "09:00-18:00", calendar.NextWorkingDay, "Standard"},
		{"another", "2012-12-31", "09:00-18:30", "", ""}, // the usual one
	}
	for _, tt := range tests {
		got := p.For(tt.licensor, tt.on)
		if got.Hours.String() != tt.hours || got.AfterHours != tt.after || got.Basis != tt.basis {
			t.Errorf("%s on %s: %+v", tt.licensor, tt.on, got)
		}
	}
	if got := new(calendar.Policies).For("minjust", "2014-01-01"); got != (calendar.Policy{}) {
		t.Errorf("no policies give %+v", got)
	}
}

func TestPoliciesTellFileLineAndReason(t *testing.T) {
	tests := []struct{ why, old, new, want string }{
		{"hours that are none", "09:00-18:00", "9-18", `p.yaml:3: office hours "9-18"`},
		{"an unknown rule", "after_hours: same-day", "after_hours: never", `p.yaml:7: rule "never"`},
		{"an unknown field", "basis: Order No 7", "basis: Order No 7, lunch: yes", `p.yaml:7: unknown field "lunch"`},
		{"no basis", ", basis: Order No 7", "", "p.yaml:7: a policy that is not the usual one needs a basis"},
		{"no day", "from: 2014-01-01", "from: soon", `p.yaml:7: day "soon"`},
		{"two from one day", `hours: "09:00-18:30"}`, `hours: "09:00-18:30", from: 2014-01-01}`, `p.yaml:7: begins on "2014-01-01", which is not after the policy at line 6`},
	}
	for _, tt := range tests {
		text := strings.Replace(policies, tt.old, tt.new, 1)
		if text == policies {
			t.Fatalf("%s: nothing was replaced", tt.why)
		}
		if _, err := calendar.ParsePolicies("p.yaml", []byte(text)); !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %s", tt.why, err, tt.want)
		}
	}
}
