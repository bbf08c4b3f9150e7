package application

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// way is where an application stands in its procedure.
type way struct {
	rules   Rules
	proc    *regulation.Procedure
	request regulation.Request
	step    *regulation.Step // the open step, nil when the procedure is over
}

// in reports whether the open step has one of the actions.
func (w way) in(actions ...regulation.Action) bool {
	return w.step != nil && slices.Contains(actions, w.step.Action)
}

// expect refuses unless the open step has one of the actions.
func (w way) expect(actions ...regulation.Action) error {
	if w.in(actions...) {
		return nil
	}
	if w.step == nil {
		return domain.Reject("application-closed", "the procedure is over")
	}
	return domain.Reject("step-out-of-order",
		fmt.Sprintf("the application waits in step %d (%s)", w.step.Number, w.step.Action),
		"step", fmt.Sprint(w.step.Number), "action", string(w.step.Action))
}

// advance leaves the open step with the outcome, passes through the steps with the actions in also,
// which happen in the same moment, and enters the next one.
func (w way) advance(at time.Time, outcome regulation.Outcome, also ...regulation.Action) (Progress, error) {
	p := Progress{Outcome: outcome}
	for step := w.step; ; {
		p.Completes = append(p.Completes, step.Number)
		next, end, ok := w.proc.Follow(step, outcome)
		if !ok {
			return p, fmt.Errorf("%s through %s: step %d has no way on when %s: %w",
				w.proc.Service.Slug, w.proc.Channel, step.Number, outcome, domain.ErrInvalid)
		}
		if end {
			p.Ends = true
			return p, nil
		}
		if slices.Contains(also, next.Action) {
			step = next
			continue
		}
		entered, err := w.enter(next, at)
		p.Enters = entered
		return p, err
	}
}

// enter opens a step at the instant and counts by when it has to be left.
func (w way) enter(step *regulation.Step, at time.Time) (*Entered, error) {
	e := &Entered{Step: step.Number, Action: step.Action, Role: step.Actor.Role}
	var ok bool
	if e.Term, e.Unit, ok = step.Deadline.For(w.request); !ok {
		set, ok := w.rules.Terms.For(w.proc, step, w.request, regulation.Date(calendar.DayOf(at)))
		if !ok {
			return e, nil
		}
		e.Term, e.Unit, e.Basis = set.Term, set.Unit, set.Basis
	}
	due := at.Add(time.Duration(e.Term) * time.Second)
	if e.Unit == regulation.WorkingDays {
		var err error
		if due, err = w.workingDays(at, e); err != nil {
			return nil, fmt.Errorf("term of step %d: %w", step.Number, err)
		}
	}
	due = due.UTC().Truncate(time.Microsecond)
	e.Due = &due
	return e, nil
}

// workingDays is the end of the last working day of the term. It notes what it was counted with.
func (w way) workingDays(at time.Time, e *Entered) (time.Time, error) {
	day, err := w.registeredOn(at)
	if err != nil {
		return time.Time{}, err
	}
	days := w.rules.Calendars.Known(at)
	e.From, e.Calendar = string(day), days.Version()
	return days.Due(day, e.Term)
}

func (w way) registeredOn(at time.Time) (calendar.Day, error) {
	policy := w.rules.Policies.For(w.proc.Service.Licensor.Slug, calendar.DayOf(at))
	return w.rules.Calendars.Known(at).RegisteredUnder(at, policy)
}
