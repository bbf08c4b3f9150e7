// Package numbers is the read model of the series of numbers: which numbers were assigned, to what,
// and where each series stands, seen in one moment. Whoever needs a number looks here, appends to
// the series at its head, and looks again after a conflict.
package numbers

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

var schema = projections.Schema{
	Name: "numbers", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS numbers (
			series TEXT NOT NULL, n INTEGER NOT NULL, whose TEXT NOT NULL, number TEXT NOT NULL,
			PRIMARY KEY (series, n)) WITHOUT ROWID;`,
	Indexes: `CREATE INDEX IF NOT EXISTS numbers_whose ON numbers (series, whose);`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct{ *projections.File }

// Number is a number as it was assigned.
type Number struct {
	Series string
	N      uint64 // its place in the series, from 1
	For    string // the id of what it was assigned to
	Number string // as it is printed
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{f}, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, func(conn *sqlite.Conn, r domain.Record) error {
		if r.Stream.Category != domain.NumbersCategory {
			return nil
		}
		p, err := projections.Payload(r)
		if err != nil {
			return err
		}
		a := p.(license.Assigned)
		return projections.Exec(conn, "INSERT INTO numbers VALUES (?, ?, ?, ?)", r.Stream.ID, r.Version, a.For, a.Number)
	}, nil)
}

// Lookup finds the number of the series that was assigned to forID, nil where none was, and the head
// of the series, 0 for a series without numbers; both as they were at one moment.
func (m *Model) Lookup(ctx context.Context, series, forID string) (assigned *Number, head uint64, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		if head, err = headOf(conn, series); err != nil {
			return err
		}
		return projections.Query(conn, "SELECT n, number FROM numbers WHERE series = ? AND whose = ? ORDER BY n LIMIT 1", func(stmt *sqlite.Stmt) error {
			assigned = &Number{Series: series, N: uint64(stmt.ColumnInt64(0)), For: forID, Number: stmt.ColumnText(1)}
			return nil
		}, series, forID)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("number of %s in series %s: %w", forID, series, err)
	}
	return assigned, head, nil
}

// Assigned is the number of the series that was assigned to forID, if one was.
func (m *Model) Assigned(ctx context.Context, series, forID string) (number string, n uint64, ok bool, err error) {
	a, _, err := m.Lookup(ctx, series, forID)
	if err != nil || a == nil {
		return "", 0, false, err
	}
	return a.Number, a.N, true, nil
}

// Head is how many numbers of the series are assigned.
func (m *Model) Head(ctx context.Context, series string) (head uint64, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		head, err = headOf(conn, series)
		return err
	})
	return head, err
}

func headOf(conn *sqlite.Conn, series string) (head uint64, err error) {
	err = projections.Query(conn, "SELECT max(n) FROM numbers WHERE series = ?", func(stmt *sqlite.Stmt) error {
		head = uint64(stmt.ColumnInt64(0))
		return nil
	}, series)
	return head, err
}
