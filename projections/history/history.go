// Package history tells what befell one thing, event by event, for people and auditors, and how licenses
// descend from each other and from applications. The events are the store's own, kept nowhere else; the
// read model holds the descent.
package history

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// Licenses are as their events link them.
var schema = projections.Schema{
	Name: "history", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS licenses (
			number TEXT PRIMARY KEY, issued_on TEXT NOT NULL, reason TEXT NOT NULL, predecessor TEXT NOT NULL,
			successor TEXT NOT NULL, application TEXT NOT NULL) WITHOUT ROWID;
		CREATE TABLE IF NOT EXISTS duplicates (
			number TEXT NOT NULL, copy INTEGER NOT NULL, application TEXT NOT NULL, PRIMARY KEY (number, copy, application)) WITHOUT ROWID;`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	// Events is where the events of a stream are read: the store, or a read model that has them. It is
	// set before Of is used.
	Events Events
}

// Events reads streams as domain.EventStore does.
type Events interface {
	Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error]
}

// Entry is one event of a history.
type Entry struct {
	domain.Record
	// Progress is what the event did to an application's way through its procedure; empty for
	// other events.
	Progress application.Progress
}

// Generation is one license of a lineage.
type Generation struct {
	Number      string
	IssuedOn    string // YYYY-MM-DD
	Predecessor string // the license it was reissued from, empty for a first one
	Successor   string // the license it was reissued as, empty for the last one
	Reason      string // why it was made from its predecessor
	Application string // the application that made it
	Duplicates  []string
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f}, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, func(conn *sqlite.Conn, r domain.Record) error {
		if r.Stream.Category == domain.LicenseCategory {
			return link(conn, r)
		}
		return nil
	}, nil)
}

// link notes how a license is linked to others and to applications.
func link(conn *sqlite.Conn, r domain.Record) error {
	p, err := projections.Payload(r)
	if err != nil {
		return err
	}
	switch e := p.(type) {
	case license.Issued:
		return projections.Exec(conn, "INSERT INTO licenses VALUES (?, ?, ?, ?, '', ?)", r.Stream.ID, e.IssuedOn, e.Reason, e.Predecessor, e.Application)
	case license.Reissued:
		return projections.Exec(conn, "UPDATE licenses SET successor = ? WHERE number = ?", e.Successor, r.Stream.ID)
	case license.Duplicated:
		return projections.Exec(conn, "INSERT INTO duplicates VALUES (?, ?, ?)", r.Stream.ID, e.Copy, e.Application)
	}
	return nil
}

// Of is the history of a stream in order, as the store has it at the time of the call;
// domain.ErrNotFound where it has no events.
func (m *Model) Of(ctx context.Context, s domain.Stream) (entries []Entry, err error) {
	for r, err := range m.Events.Read(ctx, s, 1) {
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", s, err)
		}
		e := Entry{Record: r}
		if s.Category == domain.ApplicationCategory {
			if err := json.Unmarshal(r.Data, &e.Progress); err != nil {
				return nil, fmt.Errorf("history of %s: version %d: %w: %w", s, r.Version, domain.ErrDamaged, err)
			}
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("history of %s: %w", s, domain.ErrNotFound)
	}
	return entries, nil
}

// Lineage is the license with all that it was reissued from and as, the first one first;
// domain.ErrNotFound where there is no such license.
func (m *Model) Lineage(ctx context.Context, number string) (line []Generation, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		g, ok, err := generation(conn, number)
		if err != nil || !ok {
			return err
		}
		earlier, err := follow(conn, g, func(g Generation) string { return g.Predecessor })
		if err != nil {
			return err
		}
		slices.Reverse(earlier)
		later, err := follow(conn, g, func(g Generation) string { return g.Successor })
		line = append(append(earlier, g), later...)
		return err
	})
	if err == nil && len(line) == 0 {
		err = fmt.Errorf("license %q: %w", number, domain.ErrNotFound)
	}
	return line, err
}

// follow goes from license to license, and does not go in circles.
func follow(conn *sqlite.Conn, g Generation, next func(Generation) string) (line []Generation, err error) {
	seen := map[string]bool{g.Number: true}
	for number := next(g); number != "" && !seen[number]; number = next(g) {
		seen[number] = true
		var ok bool
		if g, ok, err = generation(conn, number); err != nil || !ok {
			return line, err
		}
		line = append(line, g)
	}
	return line, nil
}

func generation(conn *sqlite.Conn, number string) (g Generation, ok bool, err error) {
	err = projections.Query(conn, "SELECT issued_on, reason, predecessor, successor, application FROM licenses WHERE number = ?", func(s *sqlite.Stmt) error {
		ok = true
		g = Generation{Number: number, IssuedOn: s.ColumnText(0), Reason: s.ColumnText(1), Predecessor: s.ColumnText(2),
			Successor: s.ColumnText(3), Application: s.ColumnText(4)}
		return nil
	}, number)
	if err != nil || !ok {
		return g, ok, err
	}
	err = projections.Query(conn, "SELECT application FROM duplicates WHERE number = ? ORDER BY copy", func(s *sqlite.Stmt) error {
		g.Duplicates = append(g.Duplicates, s.ColumnText(0))
		return nil
	}, number)
	return g, ok, err
}
