// Package licenses is the register: every license and permit by number, by IIN or BIN, and by words
// of its holder's name and its activity; as it stands, as it stood on a day, and as the register knew
// it at an instant.
//
// Reading order: this file (the rows and how events become them), query.go (as-of), search.go (pages),
// text.go (what is searched as text).
package licenses

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// standing are the columns that the status on a day follows from; see statusOn.
const standing = `status TEXT NOT NULL, valid_until TEXT NOT NULL, suspended_from TEXT NOT NULL,
	suspended_until TEXT NOT NULL, resumed_on TEXT NOT NULL, ended_on TEXT NOT NULL`

// A license has one row in licenses, with what never changes and how it stands by all of its events,
// and one row in states for every event. Rows are numbered in the order of issue. A state's key is its
// license's row and its version. The day from which a state is in effect is effective; recorded is
// when the register learned of it. In licenses, effective and recorded are the latest of all states:
// from then on the row itself holds.
var schema = projections.Schema{
	Name: "licenses", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS licenses (
			row INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE,
			service TEXT NOT NULL, licensor TEXT NOT NULL, holder TEXT NOT NULL,
			` + standing + `, effective TEXT NOT NULL, recorded INTEGER NOT NULL, version INTEGER NOT NULL,
			words TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS states (
			key INTEGER PRIMARY KEY, ` + standing + `, effective TEXT NOT NULL, recorded INTEGER NOT NULL,
			position INTEGER NOT NULL, state TEXT NOT NULL);
		CREATE VIRTUAL TABLE IF NOT EXISTS text USING fts5 (
			words, content = 'licenses', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 0');`,
	Indexes: `
		CREATE INDEX IF NOT EXISTS licenses_holder ON licenses (holder, row);
		CREATE INDEX IF NOT EXISTS licenses_service ON licenses (service, row);
		CREATE INDEX IF NOT EXISTS licenses_licensor ON licenses (licensor, row);
		CREATE INDEX IF NOT EXISTS licenses_standing ON licenses (service, licensor, status, valid_until,
			suspended_from, suspended_until, resumed_on, ended_on, effective);
		CREATE INDEX IF NOT EXISTS licenses_effective ON licenses (effective);`,
	Fill:  `INSERT INTO text (text) VALUES ('rebuild');`,
	Check: `INSERT INTO text (text, rank) VALUES ('integrity-check', 1);`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// versionBits of a state's key are its version.
const versionBits = 20

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	// Now is the clock behind "today"; time.Now unless set, before the model is used.
	Now func() time.Time

	bulk   bool
	lately map[string]*entry // licenses changed lately, by number; used by Apply only
}

// License is a license as one of its events left it, and its status on a day.
type License struct {
	license.State
	// Status is the status on Day, YYYY-MM-DD; it hides the State's, which knows no day.
	Status license.Status
	Day    string
	// RecordedAt and Position are those of the event, State.Version is its version.
	RecordedAt time.Time
	Position   domain.Position
}

// entry is a license on its way into the file.
type entry struct {
	state     license.State
	row       int64  // 0 for one that is not in the file yet
	effective string // the latest of all its states
	recorded  int64
}

// keep is how many licenses are remembered.
const keep = 50_000

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, Now: time.Now, bulk: f.Bulk(), lately: map[string]*entry{}}, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	err := m.Update(ctx, commits, m.record, nil)
	if err != nil || len(m.lately) > keep {
		clear(m.lately)
	}
	return err
}

func (m *Model) record(conn *sqlite.Conn, r domain.Record) error {
	if r.Stream.Category != domain.LicenseCategory {
		return nil
	}
	p, err := license.Decode(r.Event)
	if err != nil {
		return err
	}
	e, err := m.entry(conn, r.Stream.ID)
	if err != nil {
		return err
	}
	e.state.Evolve(p)
	e.state.Version = r.Version
	if !e.state.Exists || e.state.Number != r.Stream.ID || r.Version >= 1<<versionBits {
		return fmt.Errorf("a license begins with being issued under its stream's number: %w", domain.ErrDamaged)
	}
	effective := effectiveOn(p, r)
	e.effective, e.recorded = max(e.effective, effective), max(e.recorded, r.Time.UnixMicro())
	if err := m.storeLicense(conn, e); err != nil {
		return err
	}
	return storeState(conn, e, r, effective)
}

// effectiveOn is the day from which the event is in effect: the one it names, or its own.
func effectiveOn(p domain.Payload, r domain.Record) string {
	switch e := p.(type) {
	case license.Issued:
		return e.IssuedOn
	case license.Suspended:
		return e.From
	case license.Resumed:
		return e.On
	case license.Terminated:
		return e.On
	}
	return string(calendar.DayOf(r.Time))
}

func (m *Model) entry(conn *sqlite.Conn, number string) (*entry, error) {
	if e, ok := m.lately[number]; ok {
		return e, nil
	}
	e := &entry{}
	m.lately[number] = e
	var version int64
	err := projections.Query(conn, "SELECT row, effective, recorded, version FROM licenses WHERE number = ?", func(stmt *sqlite.Stmt) error {
		e.row, e.effective, e.recorded, version = stmt.ColumnInt64(0), stmt.ColumnText(1), stmt.ColumnInt64(2), stmt.ColumnInt64(3)
		return nil
	}, number)
	if err != nil || e.row == 0 {
		return e, err
	}
	return e, projections.Query(conn, "SELECT state FROM states WHERE key = ?", func(stmt *sqlite.Stmt) error {
		return unmarshal(stmt, 0, &e.state)
	}, e.row<<versionBits|version)
}

func unmarshal(stmt *sqlite.Stmt, col int, s *license.State) error {
	if err := json.Unmarshal(projections.Bytes(stmt, col), s); err != nil {
		return fmt.Errorf("stored license: %w: %w", domain.ErrDamaged, err)
	}
	return nil
}

// days are the values of the columns standing.
func days(s *license.State) []any {
	var from, until, resumed, ended string
	if s.Suspension != nil {
		from, until = s.Suspension.From, s.Suspension.Until
	}
	if s.Resumption != nil {
		resumed = s.Resumption.On
	}
	if s.End != nil {
		ended = s.End.On
	}
	return []any{string(s.Status), s.ValidUntil, from, until, resumed, ended}
}

func (m *Model) storeLicense(conn *sqlite.Conn, e *entry) error {
	s := &e.state
	latest := append(days(s), e.effective, e.recorded, s.Version)
	if e.row != 0 {
		return projections.Exec(conn, `UPDATE licenses SET status = ?, valid_until = ?, suspended_from = ?, suspended_until = ?,
			resumed_on = ?, ended_on = ?, effective = ?, recorded = ?, version = ? WHERE row = ?`, append(latest, e.row)...)
	}
	words := searchable(s)
	values := append([]any{s.Number, s.Service, s.Licensor, s.Licensee.ID}, append(latest, words)...)
	if err := projections.Exec(conn, "INSERT INTO licenses VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values...); err != nil {
		return err
	}
	e.row = conn.LastInsertRowID()
	if m.bulk {
		return nil // Fill does it
	}
	return projections.Exec(conn, "INSERT INTO text (rowid, words) VALUES (?, ?)", e.row, words)
}

func storeState(conn *sqlite.Conn, e *entry, r domain.Record, effective string) error {
	state, err := json.Marshal(e.state)
	if err != nil {
		return err
	}
	values := append([]any{e.row<<versionBits | int64(r.Version)}, days(&e.state)...)
	return projections.Exec(conn, "INSERT INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		append(values, effective, r.Time, r.Position, string(state))...)
}
