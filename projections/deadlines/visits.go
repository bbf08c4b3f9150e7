package deadlines

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
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
	// Outcome leaves only the visits with that outcome, in List; the figures tell all outcomes apart.
	Outcome Outcome
	// ByLicensor makes the figures apart for each licensor.
	ByLicensor bool
}

// kinds are the conditions on the table kinds.
func (f Filter) kinds() *projections.Where {
	w := &projections.Where{}
	w.Is("k.service", f.Service).Is("k.channel", f.Channel).Is("k.licensor", f.Licensor).Is("k.request", f.Request).Is("k.action", f.Action)
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

// visits are the conditions on the table visits too.
func (f Filter) visits() *projections.Where {
	w := f.kinds()
	if !f.From.IsZero() {
		w.Add("v.entered >= ?", f.From)
	}
	if !f.Before.IsZero() {
		w.Add("v.entered < ?", f.Before)
	}
	return w
}

// text says all that a list is asked but the page.
func (f Filter) text(list string) string {
	f.From, f.Before = f.From.UTC(), f.Before.UTC()
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
		v.entered, v.due, k.calendar, v.left, x.branch, x.role, x.org `
	selectVisits = visitColumns + `FROM visits v JOIN kinds k ON k.kind = v.kind JOIN applications a ON a.row = v.key >> 16
		LEFT JOIN exits x ON x.exit = v.exit`
	selectVisitsOf = visitColumns + `FROM applications a JOIN visits v ON v.key BETWEEN a.row << 16 AND (a.row + 1 << 16) - 1
		JOIN kinds k ON k.kind = v.kind LEFT JOIN exits x ON x.exit = v.exit WHERE a.id = ? ORDER BY v.key`
)

func scan(s *sqlite.Stmt, now time.Time) Visit {
	v := Visit{
		Application: s.ColumnText(1), Service: s.ColumnText(2), Channel: s.ColumnText(3), Licensor: s.ColumnText(4),
		Request: s.ColumnText(5), Step: s.ColumnInt(6), Action: s.ColumnText(7),
		Entered: projections.Time(s, 8), Due: projections.Time(s, 9), Calendar: s.ColumnText(10), Left: projections.Time(s, 11),
		Branch: s.ColumnText(12), Role: s.ColumnText(13), Organization: s.ColumnText(14),
	}
	v.Outcome = outcome(v.Due, v.Left, now, v.Branch)
	return v
}

// Visits are the visits of an application in order, domain.ErrNotFound where there is no such
// application.
func (m *Model) Visits(ctx context.Context, applicationID string, now time.Time) (visits []Visit, err error) {
	times := map[int]int{}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, selectVisitsOf, func(s *sqlite.Stmt) error {
			v := scan(s, now)
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
	w := f.visits().Add("v.left IS NULL AND v.due < ?", now)
	if cursor != "" {
		keys, err := projections.ParseCursors(f.text("overdue"), cursor, 2)
		if err != nil {
			return Page{}, err
		}
		w.Add("(v.due, v.key) > (?, ?)", keys[0], keys[1])
	}
	return m.list(ctx, w, "v.due, v.key", now, limit, func(v Visit, key int64) string {
		return projections.Cursor(f.text("overdue"), v.Due.UnixMicro(), key)
	})
}

// List lists visits, those of the application opened last first. A wrong cursor, limit or outcome is
// domain.ErrInvalid.
func (m *Model) List(ctx context.Context, f Filter, now time.Time, cursor string, limit int) (Page, error) {
	w := f.visits()
	switch f.Outcome {
	case "":
	case OnTime:
		w.Add("v.left IS NOT NULL AND (v.due IS NULL OR v.left <= v.due) AND x.branch <> ?", Withdrawn)
	case Late:
		w.Add("v.left > v.due AND x.branch <> ?", Withdrawn)
	case Abandoned:
		w.Add("x.branch = ?", Withdrawn)
	case Waiting:
		w.Add("v.left IS NULL AND (v.due IS NULL OR v.due >= ?)", now)
	case Overdue:
		w.Add("v.left IS NULL AND v.due < ?", now)
	default:
		return Page{}, fmt.Errorf("outcome %q: %w", f.Outcome, domain.ErrInvalid)
	}
	if cursor != "" {
		key, err := projections.ParseCursor(f.text("visits"), cursor)
		if err != nil {
			return Page{}, err
		}
		w.Add("v.key < ?", key)
	}
	return m.list(ctx, w, "v.key DESC", now, limit, func(_ Visit, key int64) string { return projections.Cursor(f.text("visits"), key) })
}

func (m *Model) list(ctx context.Context, w *projections.Where, order string, now time.Time, limit int, cursor func(Visit, int64) string) (Page, error) {
	limit, err := projections.Limit(limit, DefaultLimit, MaxLimit)
	if err != nil {
		return Page{}, err
	}
	page, keys := Page{Visits: []Visit{}}, []int64{}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, selectVisits+w.SQL()+" ORDER BY "+order+" LIMIT ?", func(s *sqlite.Stmt) error {
			page.Visits, keys = append(page.Visits, scan(s, now)), append(keys, s.ColumnInt64(0))
			return nil
		}, append(w.Args(), limit+1)...)
	})
	if err != nil {
		return Page{}, fmt.Errorf("list step visits: %w", err)
	}
	if len(keys) > limit {
		page.Visits = page.Visits[:limit]
		page.Next = cursor(page.Visits[limit-1], keys[limit-1])
	}
	return page, nil
}
