package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
)

// Schema is the shape of one read model.
type Schema struct {
	// Name and Number name the file, such as licenses-1.sqlite. Whatever changes the rows that
	// follow from the same log changes the number; the next start then builds the model anew.
	Name   string
	Number int
	// Tables creates the tables, Indexes what only makes queries fast. Both must be repeatable
	// (IF NOT EXISTS). In a rebuild, Indexes run at the end.
	Tables  string
	Indexes string
	// Fill, where set, is run once at the end of a rebuild, before Indexes: for full-text tables.
	Fill string
	// Check, where set, is a statement that fails if the model is not sound inside.
	Check string
}

func (s Schema) file() string { return fmt.Sprintf("%s-%d.sqlite", s.Name, s.Number) }

// Option changes how a file is opened.
type Option func(*File)

// Bulk is for a rebuild: nothing is durable, indexes come with Finish, and nobody reads. Rows are written
// once for a whole window of the log, and all of it is one transaction. What a crash leaves, or an error,
// is good for nothing.
func Bulk() Option { return func(f *File) { f.bulk = true } }

// ReadOnly opens a file beside the process that keeps it, and changes nothing. The position is that of
// the opening, and nothing can be applied. domain.ErrNotFound where there is no such file.
func ReadOnly() Option { return func(f *File) { f.readOnly = true } }

// pageSize is that of a new file. Rows are large: with pages of 4096 bytes, which is SQLite's own choice, splitting
// them is most of what writing costs.
const pageSize = "page_size = 8192"

// limits bound what is kept in memory: records that a rebuild folds before it writes the rows that they changed,
// rows that are remembered beside those that changed lately, and bytes of records on their way into a file.
// Only tests change them.
var limits = struct{ window, rows, bytes int }{window: 100_000, rows: 50_000, bytes: 32 << 20}

// readers is how many queries run at a time; more wait for their turn.
const readers = 8

// File is the SQLite file of one read model: the rows, and the cursor that says up to which position
// of the log they reach, always changed in one transaction. It survives a crash of the process; after
// a power cut the last transactions may be gone, rows and cursor together, and are applied again.
type File struct {
	schema   Schema
	path     string
	bulk     bool
	readOnly bool

	position atomic.Uint64 // what the last committed transaction holds
	writing  sync.Mutex    // held by whoever uses the writer
	writer   *sqlite.Conn  // nil where the file is read only
	pool     *sqlitex.Pool // nil in bulk
	closed   bool          // guarded by writing
	window   struct {      // of a rebuild; guarded by writing
		records int    // since the last flush
		rows    Memory // what is left to write of them
	}
}

// Open opens the model's file in the directory, and creates it where there is none. What an
// interrupted rebuild of the model left behind is removed. A file that is not sound is
// domain.ErrDamaged.
func Open(dir string, s Schema, options ...Option) (*File, error) {
	f := &File{schema: s, path: filepath.Join(dir, s.file())}
	for _, o := range options {
		o(f)
	}
	if err := f.open(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("open read model %s: %w", f.path, kind(context.Background(), err)), f.Close())
	}
	return f, nil
}

func (f *File) open(dir string) error {
	if f.readOnly {
		return f.openReadOnly()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if f.bulk {
		return f.openBulk()
	}
	for _, left := range []string{rebuildDir, auditDir} {
		if err := RemoveFile(filepath.Join(dir, left, f.schema.file())); err != nil {
			return err
		}
	}
	var err error
	if f.writer, err = sqlite.OpenConn(f.path, sqlite.OpenReadWrite, sqlite.OpenCreate); err != nil {
		return err
	}
	if err := pragmas(f.writer, pageSize, "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -16000"); err != nil {
		return err
	}
	if err := f.create(f.schema.Tables + f.schema.Indexes); err != nil {
		return err
	}
	f.pool, err = sqlitex.NewPool(f.path, sqlitex.PoolOptions{
		Flags: sqlite.OpenReadWrite | sqlite.OpenWAL, PoolSize: readers,
		PrepareConn: func(conn *sqlite.Conn) error {
			return sqlitex.ExecuteTransient(conn, "PRAGMA query_only = 1", nil)
		},
	})
	return err
}

func (f *File) openReadOnly() (err error) {
	if _, err := os.Stat(f.path); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %w", domain.ErrNotFound, err)
	}
	f.pool, err = sqlitex.NewPool(f.path, sqlitex.PoolOptions{Flags: sqlite.OpenReadOnly, PoolSize: readers})
	if err != nil {
		return err
	}
	return f.View(context.Background(), f.readCursor)
}

func (f *File) openBulk() error {
	var err error
	if f.writer, err = sqlite.OpenConn(f.path, sqlite.OpenReadWrite, sqlite.OpenCreate); err != nil {
		return err
	}
	if err := pragmas(f.writer, pageSize, "journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -32000"); err != nil {
		return err
	}
	if err := f.create(f.schema.Tables); err != nil {
		return err
	}
	return Exec(f.writer, "BEGIN") // until Finish
}

// pragmas are set one by one: a script would run them in a transaction, where SQLite refuses them.
func pragmas(conn *sqlite.Conn, settings ...string) error {
	for _, s := range settings {
		if err := sqlitex.ExecuteTransient(conn, "PRAGMA "+s, nil); err != nil {
			return fmt.Errorf("pragma %s: %w", s, err)
		}
	}
	return nil
}

// create makes what is missing and reads the cursor.
func (f *File) create(script string) error {
	script += `;CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);
		INSERT OR IGNORE INTO cursor VALUES (1, 0);`
	if err := sqlitex.ExecuteScript(f.writer, script, nil); err != nil {
		return err
	}
	return f.readCursor(f.writer)
}

func (f *File) readCursor(conn *sqlite.Conn) error {
	return Query(conn, "SELECT position FROM cursor", func(stmt *sqlite.Stmt) error {
		f.position.Store(uint64(stmt.ColumnInt64(0)))
		return nil
	})
}

// Name is the name of the model.
func (f *File) Name() string { return f.schema.Name }

// Bulk reports whether the file was opened for a rebuild.
func (f *File) Bulk() bool { return f.bulk }

// Position is the position up to which everything is in the file.
func (f *File) Position() domain.Position { return domain.Position(f.position.Load()) }

// Memory is what a model remembers of its rows and has changed, but not written yet.
type Memory interface {
	// Flush writes the changes.
	Flush(*sqlite.Conn) error
	// Forget drops everything, when it may be other than what is in the file.
	Forget()
}

// Update puts the commits after the present position into the file, in one transaction with the
// cursor: it calls record for every record, and has rows, which may be nil, flushed before the end. When it
// returns an error, nothing has changed, and the rows are forgotten.
//
// In a rebuild, rows are flushed only once for many calls, and by Finish.
func (f *File) Update(ctx context.Context, commits []domain.Commit,
	record func(*sqlite.Conn, domain.Record) error, rows Memory,
) error {
	for len(commits) > 0 && commits[0].Position <= f.Position() {
		commits = commits[1:]
	}
	if len(commits) == 0 {
		return nil
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.readOnly {
		return fmt.Errorf("projection %s is open for reading only: %w", f.Name(), domain.ErrUnavailable)
	}
	if f.closed {
		return fmt.Errorf("projection %s is closed: %w", f.Name(), domain.ErrUnavailable)
	}
	write := f.transact
	if f.bulk {
		write = f.gather
	}
	if err := write(ctx, commits, record, rows); err != nil {
		if rows != nil {
			rows.Forget()
		}
		return fmt.Errorf("apply to %s: %w", f.Name(), kind(ctx, err))
	}
	f.position.Store(uint64(commits[len(commits)-1].Position))
	return nil
}

func (f *File) transact(ctx context.Context, commits []domain.Commit,
	record func(*sqlite.Conn, domain.Record) error, rows Memory,
) (err error) {
	end, err := sqlitex.ImmediateTransaction(f.writer)
	if err != nil {
		return err
	}
	defer end(&err)
	if _, err := f.record(ctx, commits, record); err != nil {
		return err
	}
	if rows != nil {
		if err := rows.Flush(f.writer); err != nil {
			last := commits[len(commits)-1]
			return failure(f.Name(), last.Records[len(last.Records)-1], err)
		}
	}
	return Exec(f.writer, "UPDATE cursor SET position = ?", commits[len(commits)-1].Position)
}

// record calls record for every record, and counts them.
func (f *File) record(ctx context.Context, commits []domain.Commit, record func(*sqlite.Conn, domain.Record) error) (n int, err error) {
	for _, c := range commits {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		for i := range c.Records { // which are large
			if err := record(f.writer, c.Records[i]); err != nil {
				return n, failure(f.Name(), c.Records[i], err)
			}
		}
		n += len(c.Records)
	}
	return n, nil
}

// gather is transact in a rebuild. It cannot be undone, so nothing that it fails of is worth another try.
func (f *File) gather(ctx context.Context, commits []domain.Commit,
	record func(*sqlite.Conn, domain.Record) error, rows Memory,
) error {
	n, err := f.record(ctx, commits, record)
	f.window.records, f.window.rows = f.window.records+n, rows
	if err == nil && f.window.records >= limits.window {
		err = f.flushWindow()
	}
	if errors.Is(kind(ctx, err), domain.ErrUnavailable) {
		return errors.New(err.Error())
	}
	return err
}

func (f *File) flushWindow() error {
	f.window.records = 0
	if f.window.rows == nil {
		return nil
	}
	return f.window.rows.Flush(f.writer)
}

// View runs queries on a connection of their own. All of them see the same moment.
func (f *File) View(ctx context.Context, queries func(*sqlite.Conn) error) error {
	if f.pool == nil {
		return fmt.Errorf("read %s while it is rebuilt: %w", f.Name(), domain.ErrUnavailable)
	}
	conn, err := f.pool.Take(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("read %s: %w: %w", f.Name(), domain.ErrUnavailable, err)
	}
	defer f.pool.Put(conn)
	if err := snapshot(conn, queries); err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), kind(ctx, err))
	}
	return nil
}

func snapshot(conn *sqlite.Conn, queries func(*sqlite.Conn) error) error {
	if err := Exec(conn, "BEGIN"); err != nil {
		return err
	}
	err := queries(conn)
	// The transaction only read, and an interrupted connection refuses every statement.
	conn.SetInterrupt(nil)
	if !conn.AutocommitEnabled() {
		err = errors.Join(err, Exec(conn, "ROLLBACK"))
	}
	return err
}

// Retire removes the files of older schemas. It is called once the model has caught up.
func (f *File) Retire() error {
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), f.schema.Name+"-*.sqlite"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		digits := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), f.schema.Name+"-"), ".sqlite")
		if n, err := strconv.Atoi(digits); err != nil || n >= f.schema.Number {
			continue
		}
		if err := RemoveFile(path); err != nil {
			return fmt.Errorf("remove read model of an older schema: %w", err)
		}
	}
	return nil
}

// Close waits for the running transaction, ends running queries, and leaves the file without a WAL. It
// may be called twice.
func (f *File) Close() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var err error
	if f.pool != nil {
		err = f.pool.Close()
	}
	if f.writer != nil {
		err = errors.Join(err, f.writer.Close()) // the last connection empties and removes the WAL
	}
	return err
}

// RemoveFile removes an SQLite file, if it is there, with what belongs to it.
func RemoveFile(path string) error {
	err := RemoveWAL(path)
	if e := os.Remove(path); e != nil && !errors.Is(e, os.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// RemoveWAL removes what belongs to an SQLite file that is closed, which SQLite would take for that of a file that
// is put in its place.
func RemoveWAL(path string) error {
	var err error
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if e := os.Remove(path + suffix); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
