package projections

import (
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// Rows are the rows of a table that a model works on, by key. Each is read once, and written once for all that
// befell it between two flushes: those of one Update or, in a rebuild, those of a window of the log. They are
// used inside Update only.
type Rows[K comparable, R any] struct {
	// Find reads a row, and leaves it as it is where there is none with the key.
	Find func(conn *sqlite.Conn, key K, row *R) error
	// Store writes a row.
	Store func(conn *sqlite.Conn, row *R) error
	// Over, where set, reports of a row that was written that hardly anything will befall it any more: it is not remembered.
	Over func(row *R) bool

	known   map[K]*edited[K, R] // those that were edited lately
	older   map[K]*edited[K, R] // the ones before
	changed []*edited[K, R]     // in the order of their first change
}

type edited[K comparable, R any] struct {
	key     K
	row     R
	changed bool
}

// Edit is the row with the key, which is going to be changed. Where there is none it is empty.
func (r *Rows[K, R]) Edit(conn *sqlite.Conn, key K) (*R, error) {
	e, ok := r.remembered(key)
	if !ok {
		e = &edited[K, R]{key: key}
		if err := r.Find(conn, key, &e.row); err != nil {
			return nil, err
		}
	}
	return r.edit(e), nil
}

// EditOf is Edit of a row whose key is the record's stream: one that begins with the record is not in the file,
// and is not looked for there.
func (r *Rows[K, R]) EditOf(conn *sqlite.Conn, key K, rec domain.Record) (*R, error) {
	if rec.Version > 1 {
		return r.Edit(conn, key)
	}
	e, ok := r.remembered(key)
	if !ok {
		e = &edited[K, R]{key: key}
	}
	return r.edit(e), nil
}

func (r *Rows[K, R]) remembered(key K) (*edited[K, R], bool) {
	e, ok := r.known[key]
	if !ok {
		e, ok = r.older[key]
	}
	return e, ok
}

func (r *Rows[K, R]) edit(e *edited[K, R]) *R {
	if !e.changed {
		if r.known == nil {
			r.known = map[K]*edited[K, R]{}
		}
		r.known[e.key] = e
		e.changed = true
		r.changed = append(r.changed, e)
	}
	return &e.row
}

// Flush writes the rows that changed, in the order in which they first did.
func (r *Rows[K, R]) Flush(conn *sqlite.Conn) error {
	for _, e := range r.changed {
		if err := r.Store(conn, &e.row); err != nil {
			return err
		}
		if e.changed = false; r.Over != nil && r.Over(&e.row) {
			delete(r.known, e.key)
			delete(r.older, e.key)
		}
	}
	if len(r.known) > limits.rows/2 {
		r.older, r.known = r.known, nil
	}
	clear(r.changed)
	r.changed = r.changed[:0]
	return nil
}

// Forget forgets all rows, after an Update that came to nothing.
func (r *Rows[K, R]) Forget() { r.known, r.older, r.changed = nil, nil, nil }

// Sequence numbers the rows of a table, for whoever needs a row's number before the row is written.
type Sequence struct {
	// Last is the query of the highest number in the table.
	Last string

	last  int64
	known bool
}

// Next is the next number.
func (s *Sequence) Next(conn *sqlite.Conn) (int64, error) {
	if !s.known {
		if err := Query(conn, s.Last, func(stmt *sqlite.Stmt) error {
			s.last, s.known = stmt.ColumnInt64(0), true
			return nil
		}); err != nil {
			return 0, err
		}
	}
	s.last++
	return s.last, nil
}

// Forget is for after an Update that came to nothing.
func (s *Sequence) Forget() { s.known = false }
