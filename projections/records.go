package projections

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
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
	streams map[domain.Stream]*stream // written lately
	changed []*stream
	last    int64 // the highest number of a stream, 0 where it is not known
	buf     []byte
}

// stream is a stream's number and head version.
type stream struct {
	name    domain.Stream
	id      int64
	version uint64
	fresh   bool // not in the file yet
	changed bool
}

// keptStreams is how many streams are remembered.
const keptStreams = 100_000

// Put adds a record. One whose version does not follow the stream's is domain.ErrDamaged.
func (b *Records) Put(conn *sqlite.Conn, r domain.Record) error {
	s, err := b.stream(conn, r.Stream)
	if err != nil {
		return err
	}
	if r.Version != s.version+1 || r.Version >= 1<<recordBits {
		return fmt.Errorf("version %d follows version %d: %w", r.Version, s.version, domain.ErrDamaged)
	}
	if s.id == 0 {
		if s.id, err = b.number(conn); err != nil {
			return err
		}
		s.fresh = true
	}
	s.version = r.Version
	if !s.changed {
		s.changed = true
		b.changed = append(b.changed, s)
	}
	b.buf = appendHead(b.buf[:0], r.Event)
	return Exec(conn, "INSERT INTO records VALUES (?, ?, ?, ?)", s.id<<recordBits|int64(r.Version), r.Position, b.buf, []byte(r.Data))
}

// number is the next stream's.
func (b *Records) number(conn *sqlite.Conn) (int64, error) {
	if b.last == 0 {
		if err := Query(conn, "SELECT ifnull(max(id), 0) FROM streams", func(stmt *sqlite.Stmt) error {
			b.last = stmt.ColumnInt64(0)
			return nil
		}); err != nil {
			return 0, err
		}
	}
	b.last++
	return b.last, nil
}

func (b *Records) stream(conn *sqlite.Conn, name domain.Stream) (*stream, error) {
	if s, ok := b.streams[name]; ok {
		return s, nil
	}
	s, err := findStream(conn, name)
	if err != nil {
		return nil, err
	}
	if b.streams == nil {
		b.streams = map[domain.Stream]*stream{}
	}
	b.streams[name] = &s
	return &s, nil
}

func findStream(conn *sqlite.Conn, name domain.Stream) (s stream, err error) {
	s.name = name
	err = Query(conn, "SELECT id, version FROM streams WHERE name = ? AND category = ?", func(stmt *sqlite.Stmt) error {
		s.id, s.version = stmt.ColumnInt64(0), uint64(stmt.ColumnInt64(1))
		return nil
	}, name.ID, name.Category)
	return s, err
}

// Flush ends a transaction's records.
func (b *Records) Flush(conn *sqlite.Conn) error {
	for _, s := range b.changed {
		if err := s.store(conn); err != nil {
			return err
		}
		s.fresh, s.changed = false, false
	}
	return nil
}

func (s *stream) store(conn *sqlite.Conn) error {
	if s.fresh {
		return Exec(conn, "INSERT INTO streams VALUES (?, ?, ?, ?)", s.id, s.name.Category, s.name.ID, s.version)
	}
	return Exec(conn, "UPDATE streams SET version = ? WHERE id = ?", s.version, s.id)
}

// Done is told how the transaction ended.
func (b *Records) Done(err error) {
	b.changed = b.changed[:0]
	if err != nil || len(b.streams) > keptStreams {
		clear(b.streams)
		b.last = 0
	}
}

// StreamVersion is the version of the stream, 0 where it has no records.
func StreamVersion(conn *sqlite.Conn, name domain.Stream) (uint64, error) {
	s, err := findStream(conn, name)
	return s.version, err
}

// ReadRecords reads up to limit records of the stream from version from on, and the stream's version.
// A record that is missing is domain.ErrDamaged; those before it are returned too.
func ReadRecords(conn *sqlite.Conn, name domain.Stream, from uint64, limit int) (records []domain.Record, version uint64, err error) {
	s, err := findStream(conn, name)
	if err != nil || s.version < from {
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
