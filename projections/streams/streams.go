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

var schema = projections.Schema{Name: "streams", Number: 1, Tables: projections.RecordTables}

// Kind is the model for a rebuild.
var Kind = projections.NewKind(schema, Open)

// Model is the read model. Its methods may be called by many goroutines at once.
type Model struct {
	*projections.File
	records *projections.Records // used by Apply only
}

// Open opens the model in the directory.
func Open(dir string, options ...projections.Option) (*Model, error) {
	f, err := projections.Open(dir, schema, options...)
	if err != nil {
		return nil, err
	}
	return &Model{File: f, records: projections.NewRecords()}, nil
}

// Apply implements projections.Projection. A version that does not follow the one before is
// domain.ErrDamaged.
func (m *Model) Apply(ctx context.Context, commits []domain.Commit) error {
	return m.Update(ctx, commits, m.records.Put, m.records)
}

// Version is the version of the stream at Position or later, 0 where it has no events.
func (m *Model) Version(ctx context.Context, s domain.Stream) (version uint64, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		version, err = projections.StreamVersion(conn, s)
		return err
	})
	return version, err
}

// page is how many records are read at a time: no connection is held while the caller works.
const page = 1000

// Read yields the records of the stream from version from on, up to its end at the time of the call.
// A record that is not there is domain.ErrDamaged, as the last pair.
func (m *Model) Read(ctx context.Context, s domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		next, end := max(from, 1), uint64(1<<63)
		for next <= end {
			records, version, err := m.page(ctx, s, next)
			end = min(end, version)
			for _, r := range records {
				if r.Version > end || !yield(r, nil) {
					return
				}
				next++
			}
			if err != nil {
				yield(domain.Record{}, fmt.Errorf("read %s from version %d: %w", s, next, err))
				return
			}
		}
	}
}

func (m *Model) page(ctx context.Context, s domain.Stream, from uint64) (records []domain.Record, version uint64, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		records, version, err = projections.ReadRecords(conn, s, from, page)
		return err
	})
	return records, version, err
}
