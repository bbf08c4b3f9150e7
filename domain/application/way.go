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
	n, unit, ok := step.Deadline.For(w.request)
	if !ok {
		return e, nil
	}
	due := at.Add(time.Duration(n) * time.Second)
	if unit == regulation.WorkingDays {
		var err error
		if due, err = w.workingDays(at, n); err != nil {
			return nil, fmt.Errorf("term of step %d: %w", step.Number, err)
		}
		e.Calendar = w.rules.Calendar.Version()
	}
	due = due.UTC().Truncate(time.Microsecond)
	e.Due = &due
	return e, nil
}

// workingDays is the end of the n-th working day after the day of registration.
func (w way) workingDays(at time.Time, n int) (time.Time, error) {
	day, err := w.registeredOn(at)
	if err != nil {
		return time.Time{}, err
	}
	return w.rules.Calendar.Due(day, n)
}

func (w way) registeredOn(at time.Time) (calendar.Day, error) {
	return w.rules.Calendar.Registered(at, w.rules.Hours)
}
