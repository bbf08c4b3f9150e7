// Package payments is the read model of the payment orders that are open and of the money that waits to be
// returned, and the poller that asks the gateway about the former: the second way by which the registry
// learns of a payment, for whenever a notice is lost.
package payments

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections"
)

// Open orders are those of applications that still wait for the payment. Times are microseconds;
// expires is NULL for an order of before orders had a term.
var schema = projections.Schema{
	Name: "payments", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS orders (
			application TEXT PRIMARY KEY, number TEXT NOT NULL, requested INTEGER NOT NULL, expires INTEGER,
			event TEXT NOT NULL, correlation TEXT NOT NULL) WITHOUT ROWID;
		CREATE TABLE IF NOT EXISTS unmatched (
			application TEXT NOT NULL, number TEXT NOT NULL, reference TEXT NOT NULL, reason TEXT NOT NULL,
			amount INTEGER NOT NULL, currency TEXT NOT NULL, at INTEGER NOT NULL,
			PRIMARY KEY (application, number, reference)) WITHOUT ROWID;`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	orders  projections.Rows[string, order] // by application; used by Apply only
	changes []order                         // of the batch that is being applied
	applied func([]order)                   // told of each batch that changed something, once it is in the file; nil for nobody
}

// order is a payment order of an application.
type order struct {
	application string
	number      string // the gateway's
	requested   time.Time
	expires     time.Time // zero for one without a term
	event       uuid.UUID
	correlation uuid.UUID
	over        bool // nobody waits for it any more
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, orders: projections.Rows[string, order]{Find: anyOrder, Store: store}}, nil
}

// Apply implements projections.Projection.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	m.changes = nil
	if err := m.Update(ctx, commits, m.record, &m.orders); err != nil {
		return err
	}
	if len(m.changes) > 0 {
		m.applied(m.changes)
	}
	return nil
}

func (m *Model) record(conn *sqlite.Conn, rec domain.Record) error {
	if rec.Stream.Category != domain.ApplicationCategory {
		return nil
	}
	p, err := projections.Payload(rec)
	if err != nil {
		return err
	}
	id := rec.Stream.ID
	switch e := p.(type) {
	case application.PaymentRequested:
		o := order{application: id, number: e.Order, requested: rec.Time, event: rec.ID, correlation: rec.Correlation}
		if e.Expires != nil {
			o.expires = *e.Expires
		}
		return m.change(conn, o)
	case application.PaymentUnmatched:
		return projections.Exec(conn, "INSERT OR REPLACE INTO unmatched VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, e.Order, e.Reference, string(e.Reason), e.Amount, e.Currency, rec.Time)
	case application.Paid, application.Refused, application.Withdrawn:
		return m.change(conn, order{application: id, over: true})
	}
	return nil
}

func (m *Model) change(conn *sqlite.Conn, o order) error {
	if m.applied != nil {
		m.changes = append(m.changes, o)
	}
	row, err := m.orders.Edit(conn, o.application)
	if err == nil {
		*row = o
	}
	return err
}

// anyOrder finds nothing: whatever the order was, it is put down anew.
func anyOrder(*sqlite.Conn, string, *order) error { return nil }

func store(conn *sqlite.Conn, o *order) error {
	if o.over {
		return projections.Exec(conn, "DELETE FROM orders WHERE application = ?", o.application)
	}
	return projections.Exec(conn, "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)",
		o.application, o.number, o.requested, o.expires, o.event.String(), o.correlation.String())
}

// open lists the orders that are open, the oldest first.
func (m *Model) open(ctx context.Context) (list []order, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT application, number, requested, expires, event, correlation FROM orders ORDER BY requested", func(stmt *sqlite.Stmt) error {
			o := order{application: stmt.ColumnText(0), number: stmt.ColumnText(1), requested: projections.Time(stmt, 2), expires: projections.Time(stmt, 3)}
			var err error
			if o.event, err = uuid.Parse(stmt.ColumnText(4)); err == nil {
				o.correlation, err = uuid.Parse(stmt.ColumnText(5))
			}
			if err != nil {
				return fmt.Errorf("payment order: %w: %w", domain.ErrDamaged, err)
			}
			list = append(list, o)
			return nil
		})
	})
	return list, err
}

// Unmatched counts the payments that wait to be returned, by reason; a reason without any has 0.
func (m *Model) Unmatched(ctx context.Context) (map[application.Mismatch]int, error) {
	counts := map[application.Mismatch]int{}
	for _, r := range application.Mismatches {
		counts[r] = 0
	}
	err := m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT reason, count(*) FROM unmatched GROUP BY reason", func(stmt *sqlite.Stmt) error {
			counts[application.Mismatch(stmt.ColumnText(0))] = stmt.ColumnInt(1)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count unmatched payments: %w", err)
	}
	return counts, nil
}
