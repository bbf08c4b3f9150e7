package deadlines

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// never is an instant that does not come.
const never = math.MaxInt64

// stay is a visit as figures and lists judge it. Its times are microseconds.
type stay struct {
	key       int64
	entered   int64
	left      int64 // never while it is open
	due       int64 // never where there is no deadline
	abandoned bool
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return t.UnixMicro()
}

// outcome is how a visit that had been entered stood at the instant: one left later was open then.
func (s *stay) outcome(at int64) Outcome {
	switch {
	case s.left > at && s.due < at:
		return Overdue
	case s.left > at:
		return Waiting
	case s.abandoned:
		return Abandoned
	case s.due == never:
		return Untimed
	case s.left > s.due:
		return Late
	}
	return OnTime
}

// dueSoon reports whether a visit that was Waiting at the instant was due within a day of it.
func (s *stay) dueSoon(at int64) bool { return s.due != never && s.due-at <= soon.Microseconds() }

// Packs keep the visits that are over a second time, by kind, in the order in which they were left, for
// figures and lists look at all of them: a full pack is just what fits in a page of the file, so that a
// million visits are read in some eight thousand steps of SQLite and not in a million. A visit that is
// over never changes, so neither does a full pack, and packsKept of those read are kept in memory.
const (
	staySize  = 33
	packSize  = 120    // stays
	packBits  = 24     // of a pack's key are its place among those of its kind
	packsKept = 20_000 // 80 MB, 2.4 million visits
)

// fullPacks are full packs in memory. Where those are packsKept, any one of them makes room for the pack just
// read: figures read packs from end to end, so that none is likelier than another to be wanted next.
type fullPacks struct {
	mu   sync.Mutex
	data map[int64][]byte // by key
}

func (f *fullPacks) get(key int64) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.data[key]
}

func (f *fullPacks) put(key int64, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.data[key]; !ok && len(f.data) == packsKept {
		for other := range f.data { // in no order
			delete(f.data, other)
			break
		}
	}
	f.data[key] = data
}

type pack struct {
	key         int64
	first, last int64 // when the earliest and the latest of its visits were entered
	until       int64 // when the last of them was left
	data        []byte
	changed     bool
}

func (p *pack) full() bool { return len(p.data) == packSize*staySize }

func (p *pack) add(s stay) {
	p.first, p.last, p.until = min(p.first, s.entered), max(p.last, s.entered), max(p.until, s.left)
	for _, n := range [...]int64{s.key, s.entered, s.left, s.due} {
		p.data = binary.LittleEndian.AppendUint64(p.data, uint64(n))
	}
	flag := byte(0)
	if s.abandoned {
		flag = 1
	}
	p.data = append(p.data, flag)
}

// read reads the stay at the beginning of b.
func (s *stay) read(b []byte) {
	_ = b[staySize-1]
	s.key, s.entered = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	s.left, s.due = int64(binary.LittleEndian.Uint64(b[16:])), int64(binary.LittleEndian.Uint64(b[24:]))
	s.abandoned = b[32] != 0
}

func (p *pack) store(conn *sqlite.Conn) error {
	return projections.Exec(conn, `INSERT INTO packs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
		SET first = excluded.first, last = excluded.last, until = excluded.until, stays = excluded.stays, data = excluded.data`,
		p.key, p.first, p.last, p.until, len(p.data)/staySize, p.data)
}

// tail is the pack that a kind's next visit goes into.
func (b *batch) tail(kind int64) (*pack, error) {
	p, ok := b.tails[kind]
	if !ok {
		p = newPack(kind << packBits)
		if err := projections.Query(b.conn, "SELECT key, first, last, until, data FROM packs WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1", func(s *sqlite.Stmt) error {
			p.key, p.first, p.last, p.until, p.data = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3), projections.Bytes(s, 4)
			return nil
		}, kind<<packBits, (kind+1)<<packBits-1); err != nil {
			return nil, err
		}
		b.tails[kind] = p
	}
	if p.full() {
		if (p.key+1)>>packBits != kind {
			return nil, fmt.Errorf("kind %d with more packs than there are numbers for: %w", kind, domain.ErrDamaged)
		}
		p = newPack(p.key + 1)
		b.tails[kind] = p
	}
	if !p.changed {
		p.changed = true
		b.packs = append(b.packs, p)
	}
	return p, nil
}

func newPack(key int64) *pack {
	return &pack{key: key, first: never, last: math.MinInt64, until: math.MinInt64}
}

// question is which visits are looked at, and as of when: those of its kinds, entered from from on,
// before before, and at or before at.
type question struct {
	full             *fullPacks
	kinds            map[int64]kind
	from, before, at int64
}

func (m *Model) ask(f Filter, now time.Time, kinds map[int64]kind) question {
	if !f.AsOf.IsZero() {
		now = f.AsOf
	}
	q := question{full: &m.full, kinds: kinds, from: math.MinInt64, before: micros(f.Before), at: now.UnixMicro()}
	if !f.From.IsZero() {
		q.from = f.From.UnixMicro()
	}
	return q
}

func (q *question) covers(s *stay) bool {
	return s.entered <= q.at && s.entered >= q.from && s.entered < q.before
}

// open calls f with the visits that are open in the file, until it fails.
func (q *question) open(conn *sqlite.Conn, f func(kind int64, s *stay) error) error {
	s := stay{left: never}
	return projections.Query(conn, "SELECT kind, key, entered, ifnull(due, ?) FROM visits INDEXED BY visits_open WHERE left IS NULL", func(stmt *sqlite.Stmt) error {
		k := stmt.ColumnInt64(0)
		s.key, s.entered, s.due = stmt.ColumnInt64(1), stmt.ColumnInt64(2), stmt.ColumnInt64(3)
		if _, asked := q.kinds[k]; asked && q.covers(&s) {
			return f(k, &s)
		}
		return nil
	}, int64(never))
}

// over calls f with the visits that are over in the file, pack by pack, those with the visits entered
// last first, until it fails. A pack that wanted says no to is left out.
func (q *question) over(conn *sqlite.Conn, wanted func(*pack) bool, f func(kind int64, s *stay) error) error {
	p, s := pack{}, stay{}
	return projections.Query(conn, "SELECT key, first, last, until, stays FROM packs INDEXED BY packs_last WHERE last >= ? ORDER BY last DESC", func(stmt *sqlite.Stmt) error {
		p.key, p.first, p.last, p.until = stmt.ColumnInt64(0), stmt.ColumnInt64(1), stmt.ColumnInt64(2), stmt.ColumnInt64(3)
		if _, asked := q.kinds[p.key>>packBits]; !asked || p.first > q.at || p.first >= q.before || !wanted(&p) {
			return nil
		}
		data, err := q.read(conn, p.key, stmt.ColumnInt(4))
		for ; err == nil && len(data) >= staySize; data = data[staySize:] {
			if s.read(data); q.covers(&s) {
				err = f(p.key>>packBits, &s)
			}
		}
		return err
	}, q.from)
}

// read reads a pack of so many stays.
func (q *question) read(conn *sqlite.Conn, key int64, stays int) (data []byte, err error) {
	full := stays == packSize
	if full {
		if data := q.full.get(key); data != nil {
			return data, nil
		}
	}
	err = projections.Query(conn, "SELECT data FROM packs WHERE key = ?", func(stmt *sqlite.Stmt) error {
		data = projections.Bytes(stmt, 0)
		return nil
	}, key)
	if full && err == nil {
		q.full.put(key, data)
	}
	return data, err
}
