// Package sqlitedb keeps the accounts of an installation in one SQLite file: the records and the access
// log of package accounts. It is the only copy, so a write is on the disk when it returns.
//
// Several processes may have the file open at once, such as a server and the command line beside it. What
// one has written the other reads next. One writes at a time; whoever comes meanwhile waits.
package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitemigration"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
)

// schema is the file. What has been released is never edited, only followed by a further step.
var schema = sqlitemigration.Schema{
	AppID: 0x747a6c61, // "tzla"
	Migrations: []string{`
		CREATE TABLE record (
			kind     TEXT NOT NULL,
			key      TEXT NOT NULL,
			owner    TEXT NOT NULL,
			revision INTEGER NOT NULL,
			expires  INTEGER, -- microseconds; NULL for never
			data     TEXT NOT NULL, -- JSON
			PRIMARY KEY (kind, key)
		) STRICT, WITHOUT ROWID;
		CREATE INDEX record_owner ON record (kind, owner, key);
		CREATE INDEX record_expires ON record (expires) WHERE expires IS NOT NULL;

		-- The last revision that was given; none is given twice, also not to a record that is made again.
		CREATE TABLE revision (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
		INSERT INTO revision VALUES (1, 0);

		CREATE TABLE entry (
			id           INTEGER PRIMARY KEY,
			at           INTEGER NOT NULL, -- microseconds
			account      TEXT NOT NULL,
			role         TEXT NOT NULL,
			organization TEXT NOT NULL,
			address      TEXT NOT NULL,
			action       TEXT NOT NULL,
			kind         TEXT NOT NULL,
			thing        TEXT NOT NULL,
			person       TEXT NOT NULL,
			route        TEXT NOT NULL
		) STRICT;
		CREATE INDEX entry_at ON entry (at);
		CREATE INDEX entry_account ON entry (account, id);
		CREATE INDEX entry_person ON entry (person, id) WHERE person <> '';
	`},
}

// readers is how many queries run at a time; more wait for their turn.
const readers = 8

// DB is the file. Its methods may be called by many goroutines at once.
type DB struct {
	path    string
	writing sync.Mutex // held by whoever uses the writer
	writer  *sqlite.Conn
	closed  bool // guarded by writing
	pool    *sqlitex.Pool
}

// Open opens the file, makes it where there is none, and brings it to the present schema. A file that is
// not one of ours, or one that a later version has changed, is domain.ErrDamaged.
func Open(ctx context.Context, path string) (*DB, error) {
	db := &DB{path: path}
	if err := db.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, kind(ctx, err)), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) error {
	// SQLite would make the file readable by everybody; the files beside it take after it.
	f, err := os.OpenFile(db.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if db.writer, err = sqlite.OpenConn(db.path, sqlite.OpenReadWrite, sqlite.OpenWAL); err != nil {
		return err
	}
	// What is removed is to be gone from the file too.
	for _, pragma := range []string{"synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON", "secure_delete = ON"} {
		if err := sqlitex.ExecuteTransient(db.writer, "PRAGMA "+pragma, nil); err != nil {
			return fmt.Errorf("pragma %s: %w", pragma, err)
		}
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	db.pool, err = sqlitex.NewPool(db.path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite | sqlite.OpenWAL, PoolSize: readers,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(conn, "PRAGMA query_only = 1", nil)
		},
	})
	return err
}

// migrate takes the steps that the file lacks.
func (db *DB) migrate(ctx context.Context) error {
	err := sqlitemigration.Migrate(ctx, db.writer, schema)
	if err != nil && sqlite.ErrCode(err) == sqlite.ResultError { // not SQLite's own: another program's file
		return fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	}
	if err != nil {
		return err
	}
	version, err := sqlitex.ResultInt(db.writer.Prep("PRAGMA user_version"))
	if err == nil && version > len(schema.Migrations) {
		err = fmt.Errorf("schema %d, this version of the program knows %d: %w", version, len(schema.Migrations), domain.ErrDamaged)
	}
	return err
}

// write runs changes in one transaction. When it returns without an error they are on the disk.
func (db *DB) write(ctx context.Context, changes func(*sqlite.Conn) error) error {
	db.writing.Lock()
	defer db.writing.Unlock()
	if db.closed {
		return fmt.Errorf("%s is closed: %w", db.path, domain.ErrUnavailable)
	}
	db.writer.SetInterrupt(ctx.Done())
	defer db.writer.SetInterrupt(nil)
	if err := transact(db.writer, changes); err != nil {
		return fmt.Errorf("write %s: %w", db.path, kind(ctx, err))
	}
	return nil
}

func transact(conn *sqlite.Conn, changes func(*sqlite.Conn) error) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	return changes(conn)
}

// read runs a query on a connection of its own.
func (db *DB) read(ctx context.Context, query func(*sqlite.Conn) error) error {
	conn, err := db.pool.Take(ctx)
	if err == nil {
		err = query(conn)
		db.pool.Put(conn)
	} else if ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", db.path, kind(ctx, err))
	}
	return nil
}

// Close ends running queries, waits for the running transaction, and leaves the file without a WAL where
// no other process has it. It may be called twice.
func (db *DB) Close() error {
	db.writing.Lock()
	defer db.writing.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	var err error
	if db.pool != nil {
		err = db.pool.Close()
	}
	if db.writer != nil {
		err = errors.Join(err, db.writer.Close())
	}
	return err
}

// kind puts an SQLite error into the kinds that the registry tells apart.
func kind(ctx context.Context, err error) error {
	code := sqlite.ErrCode(err).ToPrimary()
	if ctx.Err() != nil && (code == sqlite.ResultInterrupt || code == sqlite.ResultBusy) {
		return context.Cause(ctx)
	}
	switch code {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultCantOpen,
		sqlite.ResultReadOnly, sqlite.ResultNoMem, sqlite.ResultInterrupt:
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return err
}
