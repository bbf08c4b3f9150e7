package projections

import "zombiezen.com/go/sqlite"

// Rows are the rows of a table that a model works on, by key. Each is read once, and written once for all that
// befell it between two flushes: those of one Update or, in a rebuild, those of a window of the log. They are
// used inside Update only.
type Rows[K comparable, R any] struct {
	// Find reads a row, and leaves it as it is where there is none with the key.
	Find func(conn *sqlite.Conn, key K, row *R) error
	// Store writes a row.
	Store func(conn *sqlite.Conn, row *R) error

	known   map[K]*edited[K, R]
	changed []*edited[K, R] // in the order of their first change
}

type edited[K comparable, R any] struct {
	key     K
	row     R
	changed bool
}

// Edit is the row with the key, which is going to be changed. Where there is none it is empty.
func (r *Rows[K, R]) Edit(conn *sqlite.Conn, key K) (*R, error) {
	e, ok := r.known[key]
	if !ok {
		e = &edited[K, R]{key: key}
		if err := r.Find(conn, key, &e.row); err != nil {
			return nil, err
		}
		if r.known == nil {
			r.known = map[K]*edited[K, R]{}
		}
		r.known[key] = e
	}
	if !e.changed {
		e.changed = true
		r.changed = append(r.changed, e)
	}
	return &e.row, nil
}

// Flush writes the rows that changed, in the order in which they first did.
func (r *Rows[K, R]) Flush(conn *sqlite.Conn) error {
	for _, e := range r.changed {
		if err := r.Store(conn, &e.row); err != nil {
			return err
		}
		e.changed = false
	}
	if len(r.known) > max(limits.rows, len(r.changed)) {
		clear(r.known)
		for _, e := range r.changed {
			r.known[e.key] = e
		}
	}
	clear(r.changed)
	r.changed = r.changed[:0]
	return nil
}

// Forget forgets all rows, after an Update that came to nothing.
func (r *Rows[K, R]) Forget() { r.known, r.changed = nil, nil }

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
