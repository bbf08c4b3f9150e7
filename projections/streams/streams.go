// Package streams is the read model that commands load from: the head version of every stream and
// all of its records, clustered by stream, because loading a cold aggregate from the event store
// itself is slow. It takes every event, also those of categories that nobody else knows.
package streams

import (
	"context"
	"fmt"
	"iter"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// A record's key is its stream's number and its version, so that a stream lies together.
const versionBits = 24

var schema = projections.Schema{
	Name: "streams", Number: 1,
	Tables: `
		CREATE TABLE IF NOT EXISTS streams (
			id INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
			UNIQUE (category, name));
		CREATE TABLE IF NOT EXISTS records (key INTEGER PRIMARY KEY, ` + projections.RecordTypes + `);`,
}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	heads map[domain.Stream]*head // of streams written lately; used by Apply only
}

// head is a stream's number and version.
type head struct {
	id      int64
	version uint64
}

// keep is how many heads are remembered.
const keep = 100_000

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, heads: map[domain.Stream]*head{}}, nil
}

// Apply implements projections.Projection. A version that does not follow the one before is
// domain.ErrDamaged.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	changed := map[domain.Stream]*head{}
	record := func(conn *sqlite.Conn, r domain.Record) error {
		h, err := m.head(conn, r.Stream)
		if err != nil {
			return err
		}
		if r.Version != h.version+1 || r.Version >= 1<<versionBits {
			return fmt.Errorf("version %d follows version %d: %w", r.Version, h.version, domain.ErrDamaged)
		}
		if h.id == 0 {
			if err := projections.Exec(conn, "INSERT INTO streams (category, name, version) VALUES (?, ?, 0)", r.Stream.Category, r.Stream.ID); err != nil {
				return err
			}
			h.id = conn.LastInsertRowID()
		}
		h.version = r.Version
		changed[r.Stream] = h
		return projections.InsertRecord(conn, "INSERT INTO records (key, "+projections.RecordColumns+") VALUES (?, "+projections.RecordValues+")",
			r, h.id<<versionBits|int64(r.Version))
	}
	flush := func(conn *sqlite.Conn) error {
		for _, h := range changed {
			if err := projections.Exec(conn, "UPDATE streams SET version = ? WHERE id = ?", h.version, h.id); err != nil {
				return err
			}
		}
		return nil
	}
	err := m.Update(ctx, commits, record, flush)
	if err != nil || len(m.heads) > keep {
		clear(m.heads)
	}
	return err
}

func (m *Model) head(conn *sqlite.Conn, s domain.Stream) (*head, error) {
	if h, ok := m.heads[s]; ok {
		return h, nil
	}
	h, err := lookup(conn, s)
	m.heads[s] = h
	return h, err
}

func lookup(conn *sqlite.Conn, s domain.Stream) (*head, error) {
	h := &head{}
	err := projections.Query(conn, "SELECT id, version FROM streams WHERE category = ? AND name = ?", func(stmt *sqlite.Stmt) error {
		h.id, h.version = stmt.ColumnInt64(0), uint64(stmt.ColumnInt64(1))
		return nil
	}, s.Category, s.ID)
	return h, err
}

// Version is the version of the stream at Position or later, 0 where it has no events.
func (m *Model) Version(ctx context.Context, s domain.Stream) (uint64, error) {
	h := &head{}
	err := m.View(ctx, func(conn *sqlite.Conn) (err error) {
		h, err = lookup(conn, s)
		return err
	})
	return h.version, err
}

// page is how many records are read at a time: no connection is held while the caller works.
const page = 1000

// Read yields the records of the stream from version from on, as of the call. A record that is not
// there is domain.ErrDamaged, as the last pair.
func (m *Model) Read(ctx context.Context, s domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		from, last := max(from, 1), uint64(0)
		for first := true; first || from <= last; first = false {
			records, head, err := m.page(ctx, s, from)
			if first {
				last = head
			}
			for _, r := range records {
				if r.Version > last {
					return
				}
				if !yield(r, nil) {
					return
				}
				from++
			}
			if err != nil {
				yield(domain.Record{}, fmt.Errorf("read %s from version %d: %w", s, from, err))
				return
			}
		}
	}
}

// page returns the next records and the stream's head, and the error that cuts them short.
func (m *Model) page(ctx context.Context, s domain.Stream, from uint64) (records []domain.Record, last uint64, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		h, err := lookup(conn, s)
		if err != nil || h.version < from {
			return err
		}
		last = h.version
		records = make([]domain.Record, 0, min(page, last-from+1))
		next := from
		err = projections.Query(conn, "SELECT key, "+projections.RecordColumns+" FROM records WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
			func(stmt *sqlite.Stmt) error {
				version := uint64(stmt.ColumnInt64(0) & (1<<versionBits - 1))
				if version != next {
					return fmt.Errorf("version %d follows version %d: %w", version, next-1, domain.ErrDamaged)
				}
				next++
				records = append(records, projections.ScanRecord(stmt, 1, s, version))
				return nil
			}, h.id<<versionBits|int64(from), h.id<<versionBits|int64(last), page)
		if err == nil && len(records) < cap(records) {
			err = fmt.Errorf("version %d is missing: %w", next, domain.ErrDamaged)
		}
		return err
	})
	return records, last, err
}
