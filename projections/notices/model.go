package notices

import (
	"context"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections"
)

// Running are the applications that are not over, with the visit that is open: number and step are 0
// where there is none, visits is how many there were. Late are the visits that were left late; each
// one removes those that are too old to be told of by then, so that also this table follows from the log
// alone: who tells of them changes nothing here. Times are microseconds.
var schema = projections.Schema{
	Name: "notices", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS running (` + visitColumns("application TEXT PRIMARY KEY") + `, visits INTEGER NOT NULL) WITHOUT ROWID;
		CREATE TABLE IF NOT EXISTS late (` + visitColumns("application TEXT NOT NULL") + `, left INTEGER NOT NULL,
			PRIMARY KEY (left, application, number)) WITHOUT ROWID;`,
}

// visitNames are the columns that both tables have.
const visitNames = "application, number, service, channel, licensor, request, registration, step, action, role, entered, due, calendar"

func visitColumns(application string) string {
	return application + `, number INTEGER NOT NULL, service TEXT NOT NULL, channel TEXT NOT NULL,
		licensor TEXT NOT NULL, request TEXT NOT NULL, registration TEXT NOT NULL, step INTEGER NOT NULL, action TEXT NOT NULL,
		role TEXT NOT NULL, entered INTEGER, due INTEGER, calendar TEXT NOT NULL`
}

// Model is the projection of the visits that there may be something to tell of.
type Model struct {
	*projections.File
	rows    projections.Rows[string, running] // by application; used by Apply only
	changes []Visit                           // of the batch that is being applied
	applied func([]Visit)                     // told of each batch that changed something, once it is in the file; nil for nobody
}

// Open opens the projection's file in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	rows := projections.Rows[string, running]{Find: find, Store: store, Over: over}
	return &Model{File: f, rows: rows}, nil
}

// Kind is the projection for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	m.changes = nil
	if err := m.Update(ctx, commits, m.record, &m.rows); err != nil {
		return err
	}
	if len(m.changes) > 0 {
		m.applied(m.changes)
	}
	return nil
}

// running is an application that is not over. Its Visit is the open one, number 0 where there is none.
type running struct {
	Visit
	visits int
	stored bool // in the file
	over   bool // and has no row any more
}

func (m *Model) record(conn *sqlite.Conn, rec domain.Record) error {
	if rec.Stream.Category != domain.ApplicationCategory {
		return nil
	}
	p, err := projections.Payload(rec)
	if err != nil {
		return err
	}
	way := application.Way(p)
	number, registers := p.(application.Registered)
	if !way.Moves() && !registers {
		return nil
	}
	a, err := m.rows.EditOf(conn, rec.Stream.ID, rec)
	if err != nil {
		return err
	}
	if o, opens := p.(application.Opened); opens {
		*a = running{Visit: Visit{Application: rec.Stream.ID, Service: o.Service, Channel: string(o.Channel),
			Licensor: o.Licensor, Request: string(o.Request)}, stored: a.stored}
	}
	if a.over || a.Application == "" { // nothing moves any more
		return nil
	}
	if registers {
		a.Registration = number.Number
	}
	a.over = way.Ends
	return m.move(conn, a, way, rec.Time)
}

// move follows an event's progress. What a visit is stands in the package deadlines: here only the one
// that is open is of interest, and how many there were.
func (m *Model) move(conn *sqlite.Conn, a *running, way application.Progress, at time.Time) error {
	a.visits += len(way.Completes)
	if a.Number != 0 {
		done := slices.Contains(way.Completes, a.Step)
		if done {
			a.visits-- // the one that is open was counted when it was entered
		}
		if done || way.Ends || way.Enters != nil {
			if err := m.leave(conn, a, at); err != nil {
				return err
			}
		}
	}
	if e := way.Enters; e != nil {
		a.visits++
		a.Number, a.Step, a.Action, a.Role, a.Entered, a.Calendar = a.visits, e.Step, string(e.Action), string(e.Role), at, e.Calendar
		if e.Due != nil {
			a.Due = *e.Due
			m.note(a.Visit)
		}
	}
	return nil
}

// leave ends the open visit.
func (m *Model) leave(conn *sqlite.Conn, a *running, at time.Time) error {
	v := a.Visit
	a.Number, a.Step, a.Action, a.Role, a.Entered, a.Due, a.Calendar = 0, 0, "", "", time.Time{}, time.Time{}, ""
	if v.Due.IsZero() {
		return nil
	}
	v.Left = at
	m.note(v)
	if !v.late() {
		return nil
	}
	if err := projections.Exec(conn, "DELETE FROM late WHERE left < ?", at.Add(-Forgotten)); err != nil {
		return err
	}
	return projections.Exec(conn, "INSERT INTO late ("+visitNames+", left) VALUES ("+places(14)+")", append(v.values(), v.Left)...)
}

// note keeps a visit for whoever is told.
func (m *Model) note(v Visit) {
	if m.applied != nil {
		m.changes = append(m.changes, v)
	}
}

func over(a *running) bool { return a.over }

func store(conn *sqlite.Conn, a *running) error {
	switch {
	case !a.over && a.Application != "":
		a.stored = true
		return projections.Exec(conn, "INSERT OR REPLACE INTO running ("+visitNames+", visits) VALUES ("+places(14)+")", append(a.values(), a.visits)...)
	case a.stored:
		a.stored = false
		return projections.Exec(conn, "DELETE FROM running WHERE application = ?", a.Application)
	}
	return nil
}

// values are in the order of visitNames.
func (v Visit) values() []any {
	return []any{v.Application, v.Number, v.Service, v.Channel, v.Licensor, v.Request, v.Registration, v.Step, v.Action, v.Role,
		v.Entered, v.Due, v.Calendar}
}

func scan(s *sqlite.Stmt) Visit {
	return Visit{
		Application: s.ColumnText(0), Number: s.ColumnInt(1), Service: s.ColumnText(2), Channel: s.ColumnText(3), Licensor: s.ColumnText(4),
		Request: s.ColumnText(5), Registration: s.ColumnText(6), Step: s.ColumnInt(7), Action: s.ColumnText(8), Role: s.ColumnText(9),
		Entered: projections.Time(s, 10), Due: projections.Time(s, 11), Calendar: s.ColumnText(12),
	}
}

func places(n int) string { return strings.Repeat("?, ", n-1) + "?" }

func find(conn *sqlite.Conn, id string, a *running) error {
	return projections.Query(conn, "SELECT "+visitNames+", visits FROM running WHERE application = ?", func(s *sqlite.Stmt) error {
		*a = running{Visit: scan(s), visits: s.ColumnInt(13), stored: true}
		return nil
	}, id)
}

// all lists the open visits that have a deadline, and those that were left late and are not forgotten.
func (m *Model) all(ctx context.Context) (visits []Visit, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		if err := projections.Query(conn, "SELECT "+visitNames+" FROM running WHERE due IS NOT NULL", func(s *sqlite.Stmt) error {
			visits = append(visits, scan(s))
			return nil
		}); err != nil {
			return err
		}
		return projections.Query(conn, "SELECT "+visitNames+", left FROM late", func(s *sqlite.Stmt) error {
			v := scan(s)
			v.Left = projections.Time(s, 13)
			visits = append(visits, v)
			return nil
		})
	})
	return visits, err
}
