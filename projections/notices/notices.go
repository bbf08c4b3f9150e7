// Package notices tells of deadlines before it is too late, and when it is: one notice when the
// deadline of an open visit of a step comes near, and one when it has passed.
//
// A notice is a message and not a fact of licensing: the log knows nothing of it. What there is to tell
// of follows from the log (model.go): the visits that are open and have a deadline, and, for a while, those
// that were left after it, so that a visit that was late between two looks, or while the process was
// down, is told of too. When to tell follows from the clock (sender.go). That each notice is told once
// is for the ledger behind the Publisher: it holds every notice ever told, and refuses a second one. So
// several nodes may tell of the same visits, and a start after a crash or a rebuild tells of everything that
// is still to be told of, without knowing what was told before.
package notices

import (
	"context"
	"time"

	"github.com/tizilim/tizilim/domain/calendar"
)

// Type is what a notice says.
type Type string

// The types. An approaching deadline is told of while there is time to act, so never one whose whole
// term is shorter than the time ahead of it that notices come. A deadline was missed when the visit
// is open after it, or was left after it, in whatever way: one left at the very instant was not.
const (
	Approaching Type = "deadline-approaching"
	Missed      Type = "deadline-missed"
)

// Types are the types of notices.
var Types = []Type{Approaching, Missed}

// Forgotten is how long after a visit was left its missed deadline is told of: later the notice would
// help nobody. One that is still open is told of however old it is.
const Forgotten = 48 * time.Hour

// Visit is one time that an application is, or was, in a step with a deadline.
type Visit struct {
	Application string
	// Number is the visit's place among all visits of steps of the application, from 1.
	Number       int
	Service      string
	Channel      string
	Licensor     string
	Request      string
	Registration string // the application's number, empty before it has one
	Step         int
	Action       string
	Role         string // who acts in the step
	Entered      time.Time
	Due          time.Time
	Calendar     string    // version of the calendar that Due was counted with, empty for terms in seconds
	Left         time.Time // zero while open
}

// LastDay is the last day of a term that is counted in days, empty for one that is not.
func (v Visit) LastDay() string {
	if v.Calendar == "" {
		return ""
	}
	return string(calendar.DayOf(v.Due.Add(-time.Nanosecond)))
}

// late reports whether the visit was left, and after it was due.
func (v Visit) late() bool { return v.Left.After(v.Due) }

// Notice is what there is to tell of a visit.
type Notice struct {
	Type Type
	At   time.Time // since when it holds: it is the same on every node
	Visit
}

// Publisher takes notices and keeps them for good.
type Publisher interface {
	// Publish returns nil when all of the notices are kept, durably, whoever gave them. A notice that
	// was kept before, by its type, application and number, is not kept a second time and nobody hears of it again.
	// After an error any of them may be kept.
	Publish(ctx context.Context, notices []Notice) error
}
