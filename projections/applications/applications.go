// Package applications is the read model of cabinets and queues: every application as its events left
// it, found by who opened it, who applies, who decides and where it stands.
package applications

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections"
)

// Rows are numbered in the order in which the applications were opened.
var schema = projections.Schema{
	Name: "applications", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS applications (
			row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
			service TEXT NOT NULL, channel TEXT NOT NULL, request TEXT NOT NULL, licensor TEXT NOT NULL,
			opened_by TEXT NOT NULL, org TEXT NOT NULL, applicant TEXT NOT NULL,
			status TEXT NOT NULL, step INTEGER NOT NULL, action TEXT NOT NULL, role TEXT NOT NULL,
			number TEXT NOT NULL, due INTEGER, opened INTEGER NOT NULL, updated INTEGER NOT NULL,
			version INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL);`,
	Indexes: `
		CREATE INDEX IF NOT EXISTS applications_opened_by ON applications (opened_by, row);
		CREATE INDEX IF NOT EXISTS applications_applicant ON applications (applicant, row);
		CREATE INDEX IF NOT EXISTS applications_org ON applications (org, status, row);
		CREATE INDEX IF NOT EXISTS applications_licensor ON applications (licensor, status, row);
		CREATE INDEX IF NOT EXISTS applications_status ON applications (status, row);
		CREATE INDEX IF NOT EXISTS applications_number ON applications (number) WHERE number <> '';`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	rows projections.Rows[string, entry] // by id; used by Apply only
}

// Application is an application as its events left it.
type Application struct {
	application.State
	UpdatedAt time.Time       // of the last event
	Position  domain.Position // of the last event
}

// entry is an application on its way into the file.
type entry struct {
	Application
	row int64 // 0 for one that is not in the file yet
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, rows: projections.Rows[string, entry]{Find: find, Store: store, Over: over}}, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, m.record, &m.rows)
}

func (m *Model) record(conn *sqlite.Conn, r domain.Record) error {
	if r.Stream.Category != domain.ApplicationCategory {
		return nil
	}
	p, err := projections.Payload(r)
	if err != nil {
		return err
	}
	e, err := m.rows.EditOf(conn, r.Stream.ID, r)
	if err != nil {
		return err
	}
	if e.State.Evolve(p, r); !e.Exists {
		return fmt.Errorf("an application begins with being opened: %w", domain.ErrDamaged)
	}
	e.UpdatedAt, e.Position = r.Time, r.Position
	return nil
}

func find(conn *sqlite.Conn, id string, e *entry) error {
	return projections.Query(conn, "SELECT row, "+columns+" FROM applications WHERE id = ?", func(stmt *sqlite.Stmt) error {
		e.row = stmt.ColumnInt64(0)
		return scan(stmt, 1, &e.Application)
	}, id)
}

// over reports whether at most a rating follows.
func over(e *entry) bool {
	refused := e.Refusal != nil && e.Refusal.Stage != application.AtDecision // a decision is handed over
	return refused || e.Status == application.StatusWithdrawn || e.Delivery != ""
}

const insert = `INSERT INTO applications VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const update = `UPDATE applications SET status = ?, step = ?, action = ?, role = ?, number = ?, due = ?,
	updated = ?, version = ?, position = ?, state = ? WHERE row = ?`

func store(conn *sqlite.Conn, e *entry) error {
	state, err := json.Marshal(&e.State)
	if err != nil {
		return fmt.Errorf("store application %s: %w", e.ID, err)
	}
	var due time.Time
	if e.Due != nil {
		due = *e.Due
	}
	if e.row != 0 {
		return projections.Exec(conn, update, string(e.Status), e.Step, string(e.Action), string(e.Role), e.Number, due,
			e.UpdatedAt, e.Version, e.Position, string(state), e.row)
	}
	if err := projections.Exec(conn, insert, e.ID, e.Service, string(e.Channel), string(e.Request), e.Licensor,
		e.OpenedBy, e.OpenedFor, e.Applicant.ID, string(e.Status), e.Step, string(e.Action), string(e.Role), e.Number, due,
		e.OpenedAt, e.UpdatedAt, e.Version, e.Position, string(state)); err != nil {
		return err
	}
	e.row = conn.LastInsertRowID()
	return nil
}

// columns are what scan reads.
const columns = "state, updated, position"

func scan(stmt *sqlite.Stmt, col int, a *Application) error {
	if err := json.Unmarshal(projections.Bytes(stmt, col), &a.State); err != nil {
		return fmt.Errorf("stored application: %w: %w", domain.ErrDamaged, err)
	}
	a.UpdatedAt, a.Position = projections.Time(stmt, col+1), domain.Position(stmt.ColumnInt64(col+2))
	return nil
}

// ByID is the application with the id, domain.ErrNotFound where there is none.
func (m *Model) ByID(ctx context.Context, id string) (Application, error) {
	return m.one(ctx, "id", id)
}

// ByNumber is the application with the registration number, domain.ErrNotFound where there is none.
func (m *Model) ByNumber(ctx context.Context, number string) (Application, error) {
	return m.one(ctx, "number <> '' AND number", number)
}

func (m *Model) one(ctx context.Context, column, value string) (a Application, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT "+columns+" FROM applications WHERE "+column+" = ?", func(stmt *sqlite.Stmt) error {
			return scan(stmt, 0, &a)
		}, value)
	})
	if err == nil && !a.Exists {
		err = fmt.Errorf("application %q: %w", value, domain.ErrNotFound)
	}
	return a, err
}

// Filter says which applications; empty fields say nothing, all others must hold.
type Filter struct {
	OpenedBy    string // id of the account
	ApplicantID string // IIN or BIN
	Licensor    string // slug
	Center      string // organization of whoever opened it
	Service     string
	Channel     string
	Request     string
	Statuses    []application.Status // any of them
	Step        int                  // the open step
	Action      string               // the open step's
	Role        string               // who acts in the open step
	// OverdueAt, where set, leaves only those whose open step was due before it.
	OverdueAt time.Time

	Cursor string // of the page before
	Limit  int    // 1 to MaxLimit, 0 is DefaultLimit
}

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Page is a part of a list. Next is the cursor of the following page, empty at the end.
type Page struct {
	Applications []Application
	Next         string
}

// List is the applications of the filter, the last opened first. A wrong cursor or limit is
// domain.ErrInvalid.
func (m *Model) List(ctx context.Context, f Filter) (Page, error) {
	limit, err := projections.Limit(f.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return Page{}, err
	}
	where := f.where()
	if f.Cursor != "" {
		row, err := projections.ParseCursor(f.text(), f.Cursor)
		if err != nil {
			return Page{}, err
		}
		where.Add("row < ?", row)
	}
	page, rows := Page{Applications: []Application{}}, []int64{}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		query := "SELECT row, " + columns + " FROM applications" + where.SQL() + " ORDER BY row DESC LIMIT ?"
		return projections.Query(conn, query, func(stmt *sqlite.Stmt) error {
			var a Application
			rows = append(rows, stmt.ColumnInt64(0))
			err := scan(stmt, 1, &a)
			page.Applications = append(page.Applications, a)
			return err
		}, append(where.Args(), limit+1)...)
	})
	if err != nil {
		return Page{}, fmt.Errorf("list applications: %w", err)
	}
	if len(rows) > limit {
		page.Applications = page.Applications[:limit]
		page.Next = projections.Cursor(f.text(), rows[limit-1])
	}
	return page, nil
}

// text says all that is asked but the page and the clock.
func (f Filter) text() string {
	late := !f.OverdueAt.IsZero()
	f.Cursor, f.Limit, f.OverdueAt = "", 0, time.Time{}
	return projections.QueryText("applications", f, late)
}

func (f Filter) where() *projections.Where {
	w := &projections.Where{}
	w.Is("opened_by", f.OpenedBy).Is("applicant", f.ApplicantID).Is("licensor", f.Licensor).Is("org", f.Center)
	w.Is("service", f.Service).Is("channel", f.Channel).Is("request", f.Request)
	w.Is("action", f.Action).Is("role", f.Role)
	statuses := slices.Sorted(slices.Values(f.Statuses))
	projections.In(w, "status", slices.Compact(statuses))
	if f.Step != 0 {
		w.Add("step = ?", f.Step)
	}
	if !f.OverdueAt.IsZero() {
		w.Add("due < ?", f.OverdueAt)
	}
	return w
}

// Count is how many applications of a queue stand in one place. Action is that of the open step,
// empty for those at their end.
type Count struct {
	Status application.Status
	Action string
	N      int
}

// Counts counts the applications of the filter by status and open step; cursor and limit mean nothing.
func (m *Model) Counts(ctx context.Context, f Filter) (counts []Count, err error) {
	where := f.where()
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		query := "SELECT status, action, count(*) FROM applications" + where.SQL() + " GROUP BY status, action ORDER BY status, action"
		return projections.Query(conn, query, func(stmt *sqlite.Stmt) error {
			counts = append(counts, Count{application.Status(stmt.ColumnText(0)), stmt.ColumnText(1), stmt.ColumnInt(2)})
			return nil
		}, where.Args()...)
	})
	if err != nil {
		return nil, fmt.Errorf("count applications: %w", err)
	}
	return counts, nil
}
