package deadlines

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/projections"
)

// Filter says which visits; empty fields say nothing, all others must hold.
type Filter struct {
	Service  string
	Channel  string
	Licensor string
	Request  string
	Step     int // every step where zero
	Action   string
	Whole    bool // the services as a whole, instead of steps
	// From and Before bound the instant at which the step was entered: From included, Before not.
	From, Before time.Time
	// AsOf, where set, is the instant as of which everything is told, instead of now: later visits do
	// not exist, and those left later were open. It is the same as what was told then.
	AsOf time.Time
	// Outcome leaves only the visits with that outcome, in List; the figures tell all outcomes apart.
	Outcome Outcome
	// ByLicensor makes the figures apart for each licensor, ByPeriod for each period in which the step
	// was entered.
	ByLicensor bool
	ByPeriod   Period
	// Most, where set, is how many figures or summaries there are at most: ErrTooMany as soon as there
	// would be more.
	Most int
}

// ErrTooMany says that there are more figures than Filter.Most. It is domain.ErrInvalid.
var ErrTooMany = fmt.Errorf("too many figures: %w", domain.ErrInvalid)

// ErrFuture says that something is asked as of an instant that has not come yet. It is domain.ErrInvalid.
var ErrFuture = fmt.Errorf("in the future: %w", domain.ErrInvalid)

// ParseAsOf reads Filter.AsOf: an instant of RFC 3339, or a day, which is its end. Zero, which is now,
// are the empty text and the day that it is now; ErrFuture is what is later, and domain.ErrInvalid
// what is no instant at all.
func ParseAsOf(text string, now time.Time) (time.Time, error) {
	at, err := projections.Instant(text)
	switch {
	case err != nil:
		return time.Time{}, err
	case text == "" || text == string(calendar.DayOf(now)):
		return time.Time{}, nil
	case at.After(now):
		return time.Time{}, fmt.Errorf("as of %s: %w", text, ErrFuture)
	case at.IsZero(): // the first instant of all, which stands for now; no more had happened by the next one
		at = at.Add(time.Microsecond)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

// procedures are the conditions on the table kinds but for which steps.
func (f Filter) procedures() *projections.Where {
	w := &projections.Where{}
	return w.Is("k.service", f.Service).Is("k.channel", f.Channel).Is("k.licensor", f.Licensor).Is("k.request", f.Request)
}

// kinds are the conditions on the table kinds.
func (f Filter) kinds() *projections.Where {
	w := f.procedures().Is("k.action", f.Action)
	switch {
	case f.Whole:
		w.Add("k.step = ?", Whole)
	case f.Step != 0:
		w.Add("k.step = ?", f.Step)
	default:
		w.Add("k.step <> ?", Whole)
	}
	return w
}

// text says all that a list is asked but the page.
func (f Filter) text(list string) string {
	f.From, f.Before, f.AsOf = f.From.UTC(), f.Before.UTC(), f.AsOf.UTC()
	return projections.QueryText(list, f)
}

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Page is a part of a list. Next is the cursor of the following page, empty at the end.
type Page struct {
	Visits []Visit
	Next   string
}

const (
	visitColumns = `SELECT v.key, a.id, k.service, k.channel, k.licensor, k.request, k.step, k.action,
		v.entered, v.due, k.calendar, v.left, x.branch, x.role, x.org, a.number, a.registered `
	selectVisit = visitColumns + `FROM visits v JOIN kinds k ON k.kind = v.kind JOIN applications a ON a.row = v.key >> 16
		LEFT JOIN exits x ON x.exit = v.exit WHERE v.key = ?`
	selectVisitsOf = visitColumns + `FROM applications a JOIN visits v ON v.key BETWEEN a.row << 16 AND (a.row + 1 << 16) - 1
		JOIN kinds k ON k.kind = v.kind LEFT JOIN exits x ON x.exit = v.exit WHERE a.id = ? ORDER BY v.key`
)

// scan is the visit as it stood at the instant: what came later is not in it.
func scan(s *sqlite.Stmt, at int64) Visit {
	v := Visit{
		Application: s.ColumnText(1), Service: s.ColumnText(2), Channel: s.ColumnText(3), Licensor: s.ColumnText(4),
		Request: s.ColumnText(5), Step: s.ColumnInt(6), Action: s.ColumnText(7),
		Entered: projections.Time(s, 8), Due: projections.Time(s, 9), Calendar: s.ColumnText(10),
	}
	if registered := projections.Time(s, 16); micros(registered) <= at {
		v.Number = s.ColumnText(15)
	}
	left := projections.Time(s, 11)
	stood := stay{entered: micros(v.Entered), left: micros(left), due: micros(v.Due), abandoned: s.ColumnText(12) == Withdrawn}
	if stood.left <= at {
		v.Left, v.Branch, v.Role, v.Organization = left, s.ColumnText(12), s.ColumnText(13), s.ColumnText(14)
	}
	v.Outcome = stood.outcome(at)
	v.DueSoon = v.Outcome == Waiting && stood.dueSoon(at)
	if v.Outcome == Late || v.Outcome == Overdue {
		v.Over = time.Duration(min(stood.left, at)-stood.due) * time.Microsecond
	}
	return v
}

// Visits are the visits of an application at the instant in order, of the service as a whole before
// those of its steps. domain.ErrNotFound where there is no such application, or was none then.
func (m *Model) Visits(ctx context.Context, applicationID string, now time.Time) (visits []Visit, err error) {
	times := map[int]int{}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, selectVisitsOf, func(s *sqlite.Stmt) error {
			v := scan(s, now.UnixMicro())
			if v.Entered.After(now) {
				return nil
			}
			times[v.Step]++
			v.Nth = times[v.Step]
			visits = append(visits, v)
			return nil
		}, applicationID)
	})
	if err == nil && len(visits) == 0 {
		err = fmt.Errorf("step visits of application %q: %w", applicationID, domain.ErrNotFound)
	}
	return visits, err
}

// Overdue lists the open visits that were due before now, the longest overdue first. A wrong cursor
// or limit is domain.ErrInvalid.
func (m *Model) Overdue(ctx context.Context, f Filter, now time.Time, cursor string, limit int) (Page, error) {
	f.Outcome = Overdue
	return m.list(ctx, f, now, order{"overdue", 1, func(s *stay) int64 { return s.due }}, cursor, limit)
}

// List lists visits, those entered last first. A wrong cursor, limit or outcome is domain.ErrInvalid.
func (m *Model) List(ctx context.Context, f Filter, now time.Time, cursor string, limit int) (Page, error) {
	switch f.Outcome {
	case "", OnTime, Late, Abandoned, Untimed, Waiting, DueSoon, Overdue:
		return m.list(ctx, f, now, newest, cursor, limit)
	}
	return Page{}, fmt.Errorf("outcome %q: %w", f.Outcome, domain.ErrInvalid)
}

var newest = order{"visits", -1, func(s *stay) int64 { return s.entered }}

func (m *Model) list(ctx context.Context, f Filter, now time.Time, o order, cursor string, limit int) (Page, error) {
	limit, err := projections.Limit(limit, DefaultLimit, MaxLimit)
	if err != nil {
		return Page{}, err
	}
	l := listing{outcome: f.Outcome, order: o, limit: limit + 1, after: place{math.MinInt64, math.MinInt64}}
	if cursor != "" {
		keys, err := projections.ParseCursors(f.text(o.name), cursor, 2)
		if err != nil {
			return Page{}, err
		}
		l.after = place{o.sign * keys[0], o.sign * keys[1]}
	}
	page := Page{Visits: []Visit{}}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, f.kinds())
		if err != nil {
			return err
		}
		l.question = m.ask(f, now, kinds)
		if err := l.find(conn); err != nil {
			return err
		}
		page.Visits, err = l.read(conn)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("list step visits: %w", err)
	}
	if len(page.Visits) > limit {
		last := l.found[limit-1]
		page.Visits, page.Next = page.Visits[:limit], projections.Cursor(f.text(o.name), o.sign*last.rank, o.sign*last.key)
	}
	return page, nil
}

// order is how a list is sorted: by what of says, and by key where that is the same; the greatest first
// where sign is -1.
type order struct {
	name string
	sign int64
	of   func(*stay) int64
}

// place is where a visit stands in an order: the smallest first.
type place struct{ rank, key int64 }

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.rank, q.rank), cmp.Compare(p.key, q.key))
}

// listing is a question whose visits are being listed.
type listing struct {
	question
	outcome Outcome
	order
	limit int
	after place
	found []place // the first ones after after, in order, up to limit
}

func (l *listing) find(conn *sqlite.Conn) error {
	switch l.outcome {
	case OnTime, Late, Abandoned, Untimed:
	default:
		if err := l.open(conn, l.add); err != nil {
			return err
		}
	}
	return l.over(conn, l.wanted, l.add)
}

// wanted reports whether a visit of the pack may belong to the page.
func (l *listing) wanted(p *pack) bool {
	switch l.outcome {
	case Waiting, DueSoon, Overdue: // only what was left later was open
		if p.until <= l.at {
			return false
		}
	}
	if l.name != newest.name {
		return true
	}
	return (len(l.found) < l.limit || -p.last <= l.found[l.limit-1].rank) && -p.first >= l.after.rank
}

func (l *listing) add(_ int64, s *stay) error {
	switch outcome := s.outcome(l.at); {
	case l.outcome == DueSoon && (outcome != Waiting || !s.dueSoon(l.at)):
		return nil
	case l.outcome != "" && l.outcome != DueSoon && outcome != l.outcome:
		return nil
	}
	p := place{l.sign * l.of(s), l.sign * s.key}
	if p.compare(l.after) <= 0 || len(l.found) == l.limit && p.compare(l.found[l.limit-1]) > 0 {
		return nil
	}
	at, _ := slices.BinarySearchFunc(l.found, p, place.compare)
	l.found = slices.Insert(l.found[:min(len(l.found), l.limit-1)], at, p)
	return nil
}

func (l *listing) read(conn *sqlite.Conn) ([]Visit, error) {
	visits := make([]Visit, 0, len(l.found))
	for _, p := range l.found {
		if err := projections.Query(conn, selectVisit, func(s *sqlite.Stmt) error {
			visits = append(visits, scan(s, l.at))
			return nil
		}, l.sign*p.key); err != nil {
			return nil, err
		}
	}
	return visits, nil
}
