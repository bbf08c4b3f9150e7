package calendar

import (
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Policy is how a licensor takes what comes in: its hours, and on which day it registers what comes
// when it is closed. The zero Policy is the usual one: DefaultHours, and the next working day for both.
// That is the custom of the standards of state services; the acts of 2012 and 2013 themselves say
// nothing of it. A licensor whose standard or order says otherwise is given a policy with that as its
// basis (Policies).
type Policy struct {
	Hours      Hours `json:"hours"`
	AfterHours Rule  `json:"after_hours"` // for what comes after Hours.Closes of a working day
	DaysOff    Rule  `json:"days_off"`    // for what comes on a day that is not worked
	// Basis is the act that gives the licensor the policy; empty for the usual one.
	Basis string `json:"basis,omitempty"`
}

// Rule is on which day something is registered that comes in while the office is closed.
type Rule string

// The rules. The empty Rule is NextWorkingDay.
const (
	NextWorkingDay Rule = "next-working-day"
	SameDay        Rule = "same-day" // as a portal does that registers around the clock
)

// Arrival is how something came in, seen from the office hours.
type Arrival string

// The arrivals.
const (
	InHours     Arrival = "in-hours"
	BeforeHours Arrival = "before-hours"
	AfterHours  Arrival = "after-hours"
	OnDayOff    Arrival = "on-day-off"
)

// orDefault is the policy with everything said that the zero values leave unsaid.
func (p Policy) orDefault() Policy {
	p.Hours = p.Hours.orDefault()
	if p.AfterHours == "" {
		p.AfterHours = NextWorkingDay
	}
	if p.DaysOff == "" {
		p.DaysOff = NextWorkingDay
	}
	return p
}

// check refuses a policy that nobody could follow.
func (p Policy) check() error {
	if p.Hours.Opens < 0 || p.Hours.Opens >= p.Hours.Closes || p.Hours.Closes > 24*time.Hour {
		return fmt.Errorf("office hours %s: %w", p.Hours, domain.ErrInvalid)
	}
	for _, r := range []Rule{p.AfterHours, p.DaysOff} {
		if r != NextWorkingDay && r != SameDay {
			return fmt.Errorf("rule %q: neither %s nor %s: %w", r, NextWorkingDay, SameDay, domain.ErrInvalid)
		}
	}
	return nil
}

// RegisteredUnder is the day on which a licensor with the policy registers what came in at t.
func (c *Calendar) RegisteredUnder(t time.Time, p Policy) (Day, error) {
	n, _, err := c.register(t, p.orDefault())
	if err != nil {
		return "", err
	}
	return dayOf(n), nil
}

// register is the number of the day of registration, and how the thing arrived.
func (c *Calendar) register(t time.Time, p Policy) (int, Arrival, error) {
	if err := p.check(); err != nil {
		return 0, "", err
	}
	local := t.In(Zone)
	n := numberOf(local)
	r, err := c.reason(n)
	if err != nil {
		return 0, "", err
	}
	arrival, rule := InHours, SameDay
	switch at := timeOfDay(local); {
	case !r.Kind.Working():
		arrival, rule = OnDayOff, p.DaysOff
	case at >= p.Hours.Closes:
		arrival, rule = AfterHours, p.AfterHours
	case at < p.Hours.Opens:
		arrival = BeforeHours
	}
	if rule == NextWorkingDay {
		n, err = c.next(n + 1)
	}
	return n, arrival, err
}
