package reactor

import (
	"context"
	"fmt"
	"io"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections"
)

// Waiting is the projection of everything that waits for the registry: one row for each application, and
// for each license with a signature to judge, from the event that made it wait to the event that ended the wait. Since it is nothing but a fold
// over the log, what a crash interrupted is still in it at the next start.
type Waiting struct {
	file    *projections.File
	rows    projections.Rows[domain.Stream, wait] // used by Apply only
	changes []wait                                // of the batch that is being applied
	applied func([]wait)                          // told of each batch that changed something, once it is in the file; nil for nobody
}

// wait is an application or license that waits for the registry, and what made it wait.
type wait struct {
	stream   domain.Stream
	position domain.Position // of the event that made it wait
	lane     int             // whose work the next thing to do is
	cause    cause
	over     bool // it waits no more
}

var schema = projections.Schema{
	Name: "reactor", Number: 4,
	Tables: `CREATE TABLE IF NOT EXISTS waiting (
		category    TEXT NOT NULL, -- of the stream
		id          TEXT NOT NULL,
		position    INTEGER NOT NULL, -- of the event that made it wait
		lane        INTEGER NOT NULL, -- whose work the next thing to do is: see reactor.go
		event       TEXT NOT NULL,
		correlation TEXT NOT NULL,
		PRIMARY KEY (category, id)
	) WITHOUT ROWID;`,
}

// OpenWaiting opens the projection's file in the directory.
func OpenWaiting(dir string, options ...projections.Option) (*Waiting, error) {
	file, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Waiting{file: file, rows: projections.Rows[domain.Stream, wait]{Find: anyWait, Store: storeWait}}, nil
}

// Kind is the projection for a rebuild.
var Kind = projections.NewKind(schema, OpenWaiting)

// Finish implements projections.Model.
func (w *Waiting) Finish(ctx context.Context) error { return w.file.Finish(ctx) }

// Dump implements projections.Model.
func (w *Waiting) Dump(ctx context.Context, to io.Writer) error { return w.file.Dump(ctx, to) }

// Digest implements projections.Model.
func (w *Waiting) Digest(ctx context.Context) (projections.Digest, error) { return w.file.Digest(ctx) }

// Name is the projection's name.
func (w *Waiting) Name() string { return w.file.Name() }

// Position is the position up to which everything is applied.
func (w *Waiting) Position() domain.Position { return w.file.Position() }

// Close closes the file.
func (w *Waiting) Close() error { return w.file.Close() }

// Apply puts commits into the projection.
func (w *Waiting) Apply(ctx context.Context, commits []domain.Commit) error {
	w.changes = nil
	if err := w.file.Update(ctx, commits, w.record, &w.rows); err != nil {
		return err
	}
	if len(w.changes) > 0 {
		w.applied(w.changes)
	}
	return nil
}

func (w *Waiting) record(conn *sqlite.Conn, rec domain.Record) error {
	switch rec.Stream.Category {
	case domain.ApplicationCategory:
		return w.recordApplication(conn, rec)
	case domain.LicenseCategory:
		return w.recordLicense(conn, rec)
	}
	return nil
}

func (w *Waiting) recordApplication(conn *sqlite.Conn, rec domain.Record) error {
	p, err := projections.Payload(rec)
	if err != nil {
		return err
	}
	way := application.Way(p)
	_, approved := p.(application.Approved)
	_, received := p.(application.SignatureReceived)
	switch {
	case received:
		return w.begin(conn, rec, judging)
	case approved:
		return w.begin(conn, rec, inside)
	case way.Enters.AwaitsRegistry():
		return w.begin(conn, rec, laneOf(way.Enters.Action))
	case endsWait(p), way.Moves():
		return w.end(conn, rec)
	}
	return nil
}

// recordLicense knows a license's only wait: for the verdict on its signature.
func (w *Waiting) recordLicense(conn *sqlite.Conn, rec domain.Record) error {
	p, err := projections.Payload(rec)
	if err != nil {
		return err
	}
	switch p.(type) {
	case license.SignatureReceived:
		return w.begin(conn, rec, judging)
	case license.SignatureDiscarded, license.Signed:
		return w.end(conn, rec)
	}
	return nil
}

// endsWait reports whether a wait ends with the event although the open step stays: the order was given, or
// the signature that waits is none any more.
func endsWait(p domain.Payload) bool {
	switch p.(type) {
	case application.PaymentRequested, application.SignatureDiscarded, application.Filed, application.DecisionDrafted:
		return true
	}
	return false
}

// laneFor is the lane of the next thing to do for the application.
func laneFor(s application.State) int {
	switch {
	case s.Approval != nil:
		return inside
	case s.Pending != nil:
		return judging
	}
	return laneOf(s.Action)
}

// laneOf is the lane of what the registry has to do in a step.
func laneOf(a regulation.Action) int {
	if a == regulation.QueryRegisters || a == regulation.Pay {
		return outside
	}
	return inside
}

func (w *Waiting) begin(conn *sqlite.Conn, rec domain.Record, lane int) error {
	return w.change(conn, wait{
		stream: rec.Stream, position: rec.Position, lane: lane,
		cause: cause{event: rec.ID, correlation: rec.Correlation},
	})
}

func (w *Waiting) end(conn *sqlite.Conn, rec domain.Record) error {
	return w.change(conn, wait{stream: rec.Stream, position: rec.Position, over: true})
}

func (w *Waiting) change(conn *sqlite.Conn, one wait) error {
	if w.applied != nil {
		w.changes = append(w.changes, one)
	}
	row, err := w.rows.Edit(conn, one.stream)
	if err == nil {
		*row = one
	}
	return err
}

// anyWait finds nothing: whatever the stream waited for, it is put down anew.
func anyWait(*sqlite.Conn, domain.Stream, *wait) error { return nil }

func storeWait(conn *sqlite.Conn, one *wait) error {
	if one.over {
		return projections.Exec(conn, "DELETE FROM waiting WHERE category = ? AND id = ?", one.stream.Category, one.stream.ID)
	}
	return projections.Exec(conn, "INSERT OR REPLACE INTO waiting (category, id, position, lane, event, correlation) VALUES (?, ?, ?, ?, ?, ?)",
		one.stream.Category, one.stream.ID, one.position, one.lane, one.cause.event.String(), one.cause.correlation.String())
}

// all lists what waits, the longest waiting first.
func (w *Waiting) all(ctx context.Context) (list []wait, err error) {
	err = w.file.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT category, id, position, lane, event, correlation FROM waiting ORDER BY position",
			func(stmt *sqlite.Stmt) error {
				one := wait{
					stream:   domain.Stream{Category: stmt.ColumnText(0), ID: stmt.ColumnText(1)},
					position: domain.Position(stmt.ColumnInt64(2)), lane: stmt.ColumnInt(3),
				}
				var err error
				if one.cause.event, err = uuid.Parse(stmt.ColumnText(4)); err != nil {
					return fmt.Errorf("waiting event id: %w: %w", domain.ErrDamaged, err)
				}
				if one.cause.correlation, err = uuid.Parse(stmt.ColumnText(5)); err != nil {
					return fmt.Errorf("waiting correlation id: %w: %w", domain.ErrDamaged, err)
				}
				list = append(list, one)
				return nil
			})
	})
	return list, err
}
