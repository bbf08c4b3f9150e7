// Package tree is the Merkle tree over every event of the log: what tells that none was changed, left out
// or put in between since it was written, whatever became of the files of the store.
//
// A leaf is the SHA-256 of an event's canonical bytes (domain.AppendCanonical), which are the same in every
// store; the leaves stand in the order of the log, and the tree is that of RFC 6962. So two stores with the
// same events have the same root, wherever their positions have gaps. The tree keeps all its hashes, in the
// order of golang.org/x/mod/sumdb/tlog, whose proofs therefore cost a few reads each.
//
// It is fed like a projection and yet none: a read model is made anew from the log when something is wrong
// with it, and this is what the log is compared with. Nothing here makes a tree anew; it never does so by
// itself. Its file is flushed at every write, hashes and cursor in one transaction (append.go). So it may be
// behind the log, after a crash too, and never ahead of what the log had made durable: a log that ends before
// its tree has lost events.
//
// Reading order: this file, append.go (how it grows), compare.go (what the log is compared with, and how a
// difference is told), check.go (when), hashes.go (how hashes are kept).
package tree

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// form is the number of the file's form. What it says of an event is for ever; a file of another form is
// refused, never made anew.
const form = 1

const tables = `
	CREATE TABLE form (number INTEGER NOT NULL) STRICT;
	-- The stored hashes in tlog's order, perRow of them in a row, fewer in the last one.
	CREATE TABLE hashes (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
	-- Places to read the log from: the event with this index (from 0) is the first one after the position.
	CREATE TABLE marks (event INTEGER PRIMARY KEY, after INTEGER NOT NULL) STRICT;
	CREATE TABLE cursor (
		one      INTEGER PRIMARY KEY CHECK (one = 1),
		events   INTEGER NOT NULL,
		position INTEGER NOT NULL, -- of the last one
		root     BLOB NOT NULL,
		scrubbed INTEGER NOT NULL  -- how far the last comparison with the log came
	) STRICT;`

// readers is how many may read hashes at a time; more wait for their turn.
const readers = 4

// Extent is a beginning of the log: so many events, the last of them at the position.
type Extent struct {
	Events   int64
	Position domain.Position
}

// Tree is the tree in its file. Its methods may be called by many goroutines at once.
type Tree struct {
	// Window is how long an event may wait until it is written, together with those that come meanwhile.
	// Zero is for no wait. It is set before the tree is fed.
	Window time.Duration

	path     string
	position atomic.Uint64 // of the last event taken, written or not
	pool     *sqlitex.Pool

	mu      sync.Mutex // protects what follows
	writer  *sqlite.Conn
	closed  bool
	written Extent
	root    tlog.Hash // of what is written
	taken   int64     // events, written or not
	edge    edge      // of taken
	row     int64     // the first row that is not full, or not written
	tail    []byte    // the hashes from that row on
	marks   []mark    // that are not written
	marked  int64     // the event of the last mark, written or not
	late    *time.Timer
	err     error // why writing does not succeed at the moment
}

type mark struct {
	event int64
	after domain.Position
}

// Create makes a new tree, of no events, in a file that must not exist: domain.ErrConflict where it does. A
// crash leaves the whole file or none.
func Create(path string) (*Tree, error) {
	if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s exists: %w", path, domain.ErrConflict)
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("make the Merkle tree %s: %w", path, projections.Fault(context.Background(), err))
	}
	return Open(path)
}

func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	beside := path + ".new"
	if err := projections.RemoveFile(beside); err != nil { // of a crash
		return err
	}
	// SQLite would make the file readable by everybody; the files beside it take after it.
	f, err := os.OpenFile(beside, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	conn, err := sqlite.OpenConn(beside, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(0, edge(nil))
	if err == nil {
		err = sqlitex.ExecuteScript(conn, tables, nil)
	}
	if err == nil {
		err = projections.Exec(conn, "INSERT INTO form VALUES (?)", form)
	}
	if err == nil {
		err = projections.Exec(conn, "INSERT INTO cursor VALUES (1, 0, 0, ?, 0)", root[:])
	}
	if err := errors.Join(err, conn.Close(), f.Sync()); err != nil {
		return err
	}
	return Replace(beside, path)
}

// Replace puts a tree that is closed in the place of another, durably. Where there was one, it must be
// closed too; what it held is gone. A crash leaves one of the two there.
func Replace(from, to string) error {
	if err := projections.RemoveWAL(to); err != nil { // it would be taken for the new one's
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return projections.Sync(filepath.Dir(to))
}

// Open opens a tree: domain.ErrNotFound where there is none, domain.ErrDamaged where the file is not sound as
// far as its end and its root tell.
func Open(path string) (*Tree, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no Merkle tree %s: %w", path, domain.ErrNotFound)
	}
	t := &Tree{path: path}
	if err := t.open(); err != nil {
		err = fmt.Errorf("open the Merkle tree %s: %w", path, projections.Fault(context.Background(), err))
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *Tree) open() (err error) {
	if t.writer, err = sqlite.OpenConn(t.path, sqlite.OpenReadWrite, sqlite.OpenWAL); err != nil {
		return err
	}
	for _, pragma := range []string{"synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON", "cache_size = -4000"} {
		if err := sqlitex.ExecuteTransient(t.writer, "PRAGMA "+pragma, nil); err != nil {
			return fmt.Errorf("pragma %s: %w", pragma, err)
		}
	}
	if err := checkForm(t.writer); err != nil {
		return err
	}
	if err := sqlitex.ExecuteScript(t.writer, copies, nil); err != nil {
		return fmt.Errorf("table of the copies: %w", err)
	}
	t.pool, err = sqlitex.NewPool(t.path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite | sqlite.OpenWAL, PoolSize: readers,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(conn, "PRAGMA query_only = 1", nil)
		},
	})
	if err != nil {
		return err
	}
	return t.load()
}

func checkForm(conn *sqlite.Conn) error {
	number := 0
	err := projections.Query(conn, "SELECT number FROM form", func(stmt *sqlite.Stmt) error {
		number = stmt.ColumnInt(0)
		return nil
	})
	switch {
	case sqlite.ErrCode(err) == sqlite.ResultError: // there is no such table
		return fmt.Errorf("not a Merkle tree: %w: %w", domain.ErrDamaged, err)
	case err != nil:
		return err
	case number != form:
		return fmt.Errorf("form %d, this version of the program knows %d: %w", number, form, domain.ErrDamaged)
	}
	return nil
}

// load reads where the tree ends, and finds out whether it does as the cursor says.
func (t *Tree) load() error {
	found := false
	err := projections.Query(t.writer, "SELECT events, position, root FROM cursor", func(stmt *sqlite.Stmt) error {
		found = true
		t.written = Extent{stmt.ColumnInt64(0), domain.Position(stmt.ColumnInt64(1))}
		if copy(t.root[:], projections.Bytes(stmt, 2)) != tlog.HashSize {
			return fmt.Errorf("no root: %w", domain.ErrDamaged)
		}
		return nil
	})
	if err == nil && (!found || t.written.Events < 0) {
		err = fmt.Errorf("no cursor: %w", domain.ErrDamaged)
	}
	if err != nil {
		return err
	}
	// First of all: what Close would write is what was taken and is not written.
	t.taken, t.marks, t.marked = t.written.Events, nil, -between
	t.position.Store(uint64(t.written.Position))
	if err := t.loadTail(); err != nil {
		return err
	}
	r := stored{t.writer}
	if t.edge, err = loadEdge(t.taken, r); err != nil {
		return err
	}
	root, err := tlog.TreeHash(t.taken, t.edge)
	if err == nil && root != t.root {
		err = fmt.Errorf("the hashes of %d events do not give their root: %w", t.taken, domain.ErrDamaged)
	}
	if err != nil {
		return err
	}
	return projections.Query(t.writer, "SELECT max(event) FROM marks", func(stmt *sqlite.Stmt) error {
		if !stmt.ColumnIsNull(0) {
			t.marked = stmt.ColumnInt64(0)
		}
		return nil
	})
}

// loadTail reads the row that is not full, and that nothing is behind it.
func (t *Tree) loadTail() error {
	count := tlog.StoredHashCount(t.written.Events)
	t.row, t.tail = count/perRow, nil
	behind := false
	err := projections.Query(t.writer, "SELECT row, data FROM hashes WHERE row >= ? LIMIT 2", func(stmt *sqlite.Stmt) error {
		if stmt.ColumnInt64(0) == t.row {
			t.tail = projections.Bytes(stmt, 1)
		} else {
			behind = true
		}
		return nil
	}, t.row)
	if err == nil && (behind || int64(len(t.tail)) != count%perRow*tlog.HashSize) {
		err = fmt.Errorf("%d events have %d hashes, there are more or fewer: %w", t.written.Events, count, domain.ErrDamaged)
	}
	return err
}

// Name implements projections.Projection.
func (*Tree) Name() string { return "tree" }

// Position implements projections.Projection: of the last event taken, which may not be written yet.
func (t *Tree) Position() domain.Position { return domain.Position(t.position.Load()) }

// Written is what of the log is in the file, and the root over it.
func (t *Tree) Written() (Extent, tlog.Hash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written, t.root
}

// Root is the root over the first n events, which must be written.
func (t *Tree) Root(ctx context.Context, n int64) (root tlog.Hash, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		root, err = tlog.TreeHash(n, stored{conn})
		return err
	})
	return root, err
}

// view runs queries on a connection of their own.
func (t *Tree) view(ctx context.Context, queries func(*sqlite.Conn) error) error {
	conn, err := t.pool.Take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("read the Merkle tree: %w: %w", domain.ErrUnavailable, err)
	}
	defer t.pool.Put(conn)
	if err := queries(conn); err != nil {
		return fmt.Errorf("read the Merkle tree %s: %w", t.path, projections.Fault(ctx, err))
	}
	return nil
}

// Close writes what was taken, and leaves the file without a WAL. It may be called twice.
func (t *Tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	if t.late != nil {
		t.late.Stop()
	}
	var err error
	if t.taken > t.written.Events {
		err = t.write(context.Background())
	}
	if t.pool != nil {
		err = errors.Join(err, t.pool.Close())
	}
	if t.writer != nil {
		err = errors.Join(err, t.writer.Close())
	}
	return err
}
