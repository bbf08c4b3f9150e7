// Package licenses is the register: every license and permit by number, by IIN or BIN, and by words
// of its holder's name and its activity; as it stands, as it stood on a day, and as the register knew
// it at an instant.
//
// What holds on a day, as the register knew it at an instant, follows from all events recorded up to
// the instant, and from the day: a later event may change what holds on an earlier day.
//
// Reading order: this file (the rows and how events become them), standing.go (what holds on a day),
// query.go (one license, and counts), search.go (pages), text.go (what is searched as text).
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

// A license has one row in licenses, with what never changes and how it stands by all of its events,
// and one row in states for every event, with how it stood by the events up to that one. Rows are
// numbered in the order of issue. A state's key is its license's row and its version; recorded is when
// the register learned of it, in licenses the latest of all: from then on the row itself holds.
var schema = projections.Schema{
	Name: "licenses", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS licenses (
			row INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE,
			service TEXT NOT NULL, licensor TEXT NOT NULL, holder TEXT NOT NULL, issued_on TEXT NOT NULL,
			standing TEXT NOT NULL, recorded INTEGER NOT NULL, version INTEGER NOT NULL,
			words TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS states (
			key INTEGER PRIMARY KEY, standing TEXT NOT NULL, recorded INTEGER NOT NULL,
			position INTEGER NOT NULL, state TEXT NOT NULL);
		CREATE VIRTUAL TABLE IF NOT EXISTS text USING fts5 (
			words, content = 'licenses', content_rowid = 'row', tokenize = 'unicode61 remove_diacritics 0');`,
	Indexes: `
		CREATE INDEX IF NOT EXISTS licenses_holder ON licenses (holder, row);
		CREATE INDEX IF NOT EXISTS licenses_service ON licenses (service, row);
		CREATE INDEX IF NOT EXISTS licenses_licensor ON licenses (licensor, row);
		CREATE INDEX IF NOT EXISTS licenses_both ON licenses (service, licensor, row);
		CREATE INDEX IF NOT EXISTS licenses_standing ON licenses (service, licensor, standing, issued_on);`,
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

	rows projections.Rows[string, entry] // by number; used by Apply only
}

// License is a license on a day, for all that was recorded up to one of its events.
type License struct {
	// State is what those events made of it. Sites, Copies and Duplicates are those of Day, and
	// Successor is empty until the day of the reissue; a suspension or an end that lies ahead is there,
	// with its days.
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
	stored
	row      int64 // 0 for one that is not in the file yet
	recorded int64 // the latest of all its states
	standing string
	states   []state // that are not in the file yet
}

// state is a row of states on its way into the file.
type state struct {
	version  uint64
	standing string
	recorded time.Time
	position domain.Position
	text     string
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	m := &Model{File: f, Now: time.Now}
	m.rows = projections.Rows[string, entry]{Find: find, Store: m.store, Over: over}
	return m, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, m.record, &m.rows)
}

func (m *Model) record(conn *sqlite.Conn, r domain.Record) error {
	if r.Stream.Category != domain.LicenseCategory {
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
	e.evolve(p, string(calendar.DayOf(r.Time)))
	e.State.Version = r.Version
	if !e.State.Exists || e.State.Number != r.Stream.ID || r.Version >= 1<<versionBits {
		return fmt.Errorf("a license begins with being issued under its stream's number: %w", domain.ErrDamaged)
	}
	e.recorded = max(e.recorded, r.Time.UnixMicro())
	e.standing = standingOf(&e.State)
	text, err := json.Marshal(&e.stored)
	if err != nil {
		return err
	}
	e.states = append(e.states, state{version: r.Version, standing: e.standing, recorded: r.Time, position: r.Position, text: string(text)})
	return nil
}

func find(conn *sqlite.Conn, number string, e *entry) error {
	var version int64
	err := projections.Query(conn, "SELECT row, recorded, version FROM licenses WHERE number = ?", func(stmt *sqlite.Stmt) error {
		e.row, e.recorded, version = stmt.ColumnInt64(0), stmt.ColumnInt64(1), stmt.ColumnInt64(2)
		return nil
	}, number)
	if err != nil || e.row == 0 {
		return err
	}
	return projections.Query(conn, "SELECT state FROM states WHERE key = ?", func(stmt *sqlite.Stmt) error {
		return unmarshal(stmt, 0, &e.stored)
	}, e.row<<versionBits|version)
}

func unmarshal(stmt *sqlite.Stmt, col int, s *stored) error {
	if err := json.Unmarshal(projections.Bytes(stmt, col), s); err != nil {
		return fmt.Errorf("stored license: %w: %w", domain.ErrDamaged, err)
	}
	return nil
}

// over tells that of few licenses there is more to hear soon.
func over(*entry) bool { return true }

func (m *Model) store(conn *sqlite.Conn, e *entry) error {
	if err := m.storeLicense(conn, e); err != nil {
		return err
	}
	for _, s := range e.states {
		if err := projections.Exec(conn, "INSERT INTO states VALUES (?, ?, ?, ?, ?)",
			e.row<<versionBits|int64(s.version), s.standing, s.recorded, s.position, s.text); err != nil {
			return err
		}
	}
	e.states = nil
	return nil
}

func (m *Model) storeLicense(conn *sqlite.Conn, e *entry) error {
	s := &e.State
	if e.row != 0 {
		return projections.Exec(conn, "UPDATE licenses SET standing = ?, recorded = ?, version = ? WHERE row = ?",
			e.standing, e.recorded, s.Version, e.row)
	}
	words := searchable(s)
	if err := projections.Exec(conn, "INSERT INTO licenses VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		s.Number, s.Service, s.Licensor, s.Licensee.ID, s.IssuedOn, e.standing, e.recorded, s.Version, words); err != nil {
		return err
	}
	e.row = conn.LastInsertRowID()
	if m.Bulk() {
		return nil // Fill does it
	}
	return projections.Exec(conn, "INSERT INTO text (rowid, words) VALUES (?, ?)", e.row, words)
}
