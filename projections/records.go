package projections

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// RecordTables are the tables of Records. A record's key is its stream's number and its version, so
// that a stream lies together; head is everything of it but data.
const RecordTables = `
	CREATE TABLE IF NOT EXISTS streams (
		id INTEGER PRIMARY KEY, category TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,
		UNIQUE (name, category));
	CREATE TABLE IF NOT EXISTS records (
		key INTEGER PRIMARY KEY, position INTEGER NOT NULL, head BLOB NOT NULL, data BLOB NOT NULL);`

// recordBits of a record's key are its version.
const recordBits = 24

// Records keep whole events by stream: all of them, also those that nobody understands. It is used
// inside Update only.
type Records struct {
	streams Rows[domain.Stream, stream]
	ids     Sequence
	// Written lately, and not in the file yet: so that those of a stream, which lie together, come together.
	waiting []waiting
	bytes   []byte // their heads and data
}

// waiting is a record on its way into the file.
type waiting struct {
	key      int64
	position domain.Position
	// Where in the bytes its head begins, its data begins and ends.
	head, data, end int
}

// stream is a stream's number and head version.
type stream struct {
	name    domain.Stream
	id      int64
	version uint64
	fresh   bool // not in the file yet
}

// NewRecords makes the Records of a file.
func NewRecords() *Records {
	return &Records{
		streams: Rows[domain.Stream, stream]{Find: findStream, Store: storeStream},
		ids:     Sequence{Last: "SELECT max(id) FROM streams"},
	}
}

// Put adds a record. One whose version does not follow the stream's is domain.ErrDamaged.
func (b *Records) Put(conn *sqlite.Conn, r domain.Record) error {
	s, err := b.streams.EditOf(conn, r.Stream, r)
	if err != nil {
		return err
	}
	if r.Version != s.version+1 || r.Version >= 1<<recordBits {
		return fmt.Errorf("version %d follows version %d: %w", r.Version, s.version, domain.ErrDamaged)
	}
	if s.id == 0 {
		if s.id, err = b.ids.Next(conn); err != nil {
			return err
		}
		s.name, s.fresh = r.Stream, true
	}
	s.version = r.Version
	w := waiting{key: s.id<<recordBits | int64(r.Version), position: r.Position, head: len(b.bytes)}
	b.bytes = appendHead(b.bytes, r.Event)
	w.data = len(b.bytes)
	b.bytes = append(b.bytes, r.Data...)
	w.end = len(b.bytes)
	if b.waiting = append(b.waiting, w); w.end >= limits.bytes {
		return b.write(conn)
	}
	return nil
}

func findStream(conn *sqlite.Conn, name domain.Stream, s *stream) error {
	return Query(conn, "SELECT id, version FROM streams WHERE name = ? AND category = ?", func(stmt *sqlite.Stmt) error {
		s.name, s.id, s.version = name, stmt.ColumnInt64(0), uint64(stmt.ColumnInt64(1))
		return nil
	}, name.ID, name.Category)
}

func storeStream(conn *sqlite.Conn, s *stream) error {
	if s.fresh {
		s.fresh = false
		return Exec(conn, "INSERT INTO streams VALUES (?, ?, ?, ?)", s.id, s.name.Category, s.name.ID, s.version)
	}
	return Exec(conn, "UPDATE streams SET version = ? WHERE id = ?", s.version, s.id)
}

// write puts the waiting records into the file.
func (b *Records) write(conn *sqlite.Conn) error {
	slices.SortFunc(b.waiting, func(a, b waiting) int { return cmp.Compare(a.key, b.key) })
	err := Insert(conn, "INSERT INTO records VALUES (?, ?, ?, ?)", len(b.waiting), func(stmt *sqlite.Stmt, i int) {
		w := b.waiting[i]
		stmt.BindInt64(1, w.key)
		stmt.BindInt64(2, int64(w.position))
		stmt.BindBytes(3, b.bytes[w.head:w.data])
		stmt.BindBytes(4, b.bytes[w.data:w.end])
	})
	b.waiting, b.bytes = b.waiting[:0], b.bytes[:0]
	return err
}

// Flush ends a transaction's records.
func (b *Records) Flush(conn *sqlite.Conn) error {
	if err := b.write(conn); err != nil {
		return err
	}
	return b.streams.Flush(conn)
}

// Forget is for after an Update that came to nothing.
func (b *Records) Forget() {
	b.streams.Forget()
	b.ids.Forget()
	b.waiting, b.bytes = b.waiting[:0], b.bytes[:0]
}

// StreamVersion is the version of the stream, 0 where it has no records.
func StreamVersion(conn *sqlite.Conn, name domain.Stream) (uint64, error) {
	var s stream
	err := findStream(conn, name, &s)
	return s.version, err
}

// ReadRecords reads up to limit records of the stream from version from on, and the stream's version.
// A record that is missing is domain.ErrDamaged; those before it are returned too.
func ReadRecords(conn *sqlite.Conn, name domain.Stream, from uint64, limit int) (records []domain.Record, version uint64, err error) {
	var s stream
	if err := findStream(conn, name, &s); err != nil || s.version < from {
		return nil, s.version, err
	}
	want := min(s.version-from+1, uint64(limit))
	records = make([]domain.Record, 0, want)
	next := from
	err = Query(conn, "SELECT key, position, head, data FROM records WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?", func(stmt *sqlite.Stmt) error {
		if v := uint64(stmt.ColumnInt64(0) & (1<<recordBits - 1)); v != next {
			return fmt.Errorf("version %d follows version %d: %w", v, next-1, domain.ErrDamaged)
		}
		r := domain.Record{Stream: name, Version: next, Position: domain.Position(stmt.ColumnInt64(1))}
		if err := readHead(Bytes(stmt, 2), &r.Event); err != nil {
			return fmt.Errorf("version %d: %w", next, err)
		}
		r.Data = json.RawMessage(Bytes(stmt, 3))
		records = append(records, r)
		next++
		return nil
	}, s.id<<recordBits|int64(from), s.id<<recordBits|int64(s.version), int64(want))
	if err == nil && uint64(len(records)) < want {
		err = fmt.Errorf("version %d is missing: %w", next, domain.ErrDamaged)
	}
	return records, s.version, err
}

// appendHead writes an event but for its data: the ids, the numbers, and then the texts, each after
// its length.
func appendHead(b []byte, e domain.Event) []byte {
	b = append(b, e.ID[:]...)
	b = append(b, e.Correlation[:]...)
	b = append(b, e.Causation[:]...)
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	b = binary.AppendUvarint(b, uint64(e.Schema))
	for _, s := range [...]string{
		e.Type, e.Actor.ID, e.Actor.Name, string(e.Actor.Role), e.Actor.Organization, e.Actor.Channel, e.Fingerprint, e.Regulation,
	} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func readHead(b []byte, e *domain.Event) error {
	bad := fmt.Errorf("stored event: %w", domain.ErrDamaged)
	if len(b) < 48 {
		return bad
	}
	copy(e.ID[:], b)
	copy(e.Correlation[:], b[16:])
	copy(e.Causation[:], b[32:])
	micros, n := binary.Varint(b[48:])
	if n <= 0 {
		return bad
	}
	b = b[48+n:]
	schema, n := binary.Uvarint(b)
	if n <= 0 {
		return bad
	}
	b = b[n:]
	e.Time, e.Schema = time.UnixMicro(micros).UTC(), int(schema)
	var role string
	for _, s := range [...]*string{
		&e.Type, &e.Actor.ID, &e.Actor.Name, &role, &e.Actor.Organization, &e.Actor.Channel, &e.Fingerprint, &e.Regulation,
	} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return bad
		}
		*s, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	e.Actor.Role = domain.Role(role)
	return nil
}
