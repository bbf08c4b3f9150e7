package projections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
)

// rebuildDir is the folder, inside that of the read models, in which they are built anew.
const rebuildDir = "rebuild"

// Model is a read model in a File.
type Model interface {
	Projection
	// Finish ends a rebuild: it completes and checks the file, so that it can be put in place.
	Finish(ctx context.Context) error
	// Dump writes all rows as text: two models with equal dumps are equal.
	Dump(ctx context.Context, w io.Writer) error
	Close() error
	// Digest reads all rows, and checks the file: two models of a kind with equal digests are equal.
	Digest(ctx context.Context) (Digest, error)
}

// Kind is a read model that can be rebuilt. Every model's package has one.
type Kind struct {
	schema Schema
	open   func(dir string, options ...Option) (Model, error)
}

// NewKind makes the Kind of a model.
func NewKind[M Model](schema Schema, open func(string, ...Option) (M, error)) Kind {
	return Kind{schema, func(dir string, options ...Option) (Model, error) { return open(dir, options...) }}
}

// Name is the name of the model.
func (k Kind) Name() string { return k.schema.Name }

// Open opens the model in the directory.
func (k Kind) Open(dir string, options ...Option) (Model, error) { return k.open(dir, options...) }

// Rebuild builds the models anew from the log, beside the old ones, up to the log's present head,
// checks them, and puts each in the old one's place by one rename. Until then the old ones are
// untouched; what an interrupted rebuild leaves is removed by the next one, and by Open.
//
// The models must not be open anywhere: domain.ErrUnavailable where one is, before anything is done.
func Rebuild(ctx context.Context, log domain.Log, dir string, logger *slog.Logger, kinds ...Kind) (err error) {
	for _, k := range kinds {
		if err := settle(filepath.Join(dir, k.schema.file())); err != nil && !errors.Is(err, domain.ErrDamaged) {
			return fmt.Errorf("rebuild %s: %w", k.Name(), err)
		}
	}
	beside := filepath.Join(dir, rebuildDir)
	if err := os.RemoveAll(beside); err != nil {
		return fmt.Errorf("remove what an interrupted rebuild left: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(beside)) }()
	if err := buildAll(ctx, log, beside, logger, kinds); err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	for _, k := range kinds {
		if err := put(filepath.Join(beside, k.schema.file()), filepath.Join(dir, k.schema.file())); err != nil {
			return fmt.Errorf("put the rebuilt %s in place: %w", k.Name(), err)
		}
	}
	return nil
}

// buildAll builds the models up to the log's head, and checks and closes them.
func buildAll(ctx context.Context, log domain.Log, dir string, logger *slog.Logger, kinds []Kind) (err error) {
	var models []Model
	defer func() {
		for _, m := range models {
			err = errors.Join(err, m.Close())
		}
	}()
	var ps []Projection
	for _, k := range kinds {
		m, err := k.open(dir, Bulk())
		if err != nil {
			return err
		}
		models, ps = append(models, m), append(ps, m)
	}
	if err := feedAll(ctx, log, logger, ps); err != nil {
		return err
	}
	return finishAll(ctx, models)
}

// finishAll finishes as many at the same time as there are processors: each is a file of its own, but sorting
// its indexes takes memory.
func finishAll(ctx context.Context, models []Model) error {
	errs := make([]error, len(models))
	var tasks sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, m := range models {
		tasks.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if err := m.Finish(ctx); err != nil {
				errs[i] = fmt.Errorf("finish %s: %w", m.Name(), err)
			}
		})
	}
	tasks.Wait()
	return errors.Join(errs...)
}

// feedAll brings all to the log's head, and once more to what its head was then.
func feedAll(ctx context.Context, log domain.Log, logger *slog.Logger, ps []Projection) error {
	f := start(ctx, log, logger, rebuildBatch, forever, ps)
	defer f.Stop()
	for range 2 {
		if err := f.CaughtUp(ctx); err != nil {
			return err
		}
	}
	return f.Err()
}

// put moves a finished file to where the old one is. The old one's WAL is emptied and removed before,
// because SQLite would take it for the new file's; so is an old one that is damaged, with all of its
// files.
func put(from, to string) error {
	err := settle(to)
	if _, gone := os.Stat(to); errors.Is(err, domain.ErrDamaged) || errors.Is(gone, os.ErrNotExist) {
		err = RemoveFile(to)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return Sync(filepath.Dir(to))
}

// settle makes the file one without a WAL, which works only while nobody else has it open:
// domain.ErrUnavailable otherwise. One that is not SQLite's, or not sound, is domain.ErrDamaged, and
// stays as it is.
func settle(path string) error {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err == nil {
		conn.SetBusyTimeout(0)
		err = sqlitex.ExecuteTransient(conn, "PRAGMA journal_mode = DELETE", nil)
		err = errors.Join(err, conn.Close())
	}
	err = kind(context.Background(), err)
	if errors.Is(err, domain.ErrUnavailable) {
		return fmt.Errorf("%s is in use, stop the server first: %w", path, err)
	}
	return err
}

// Sync makes a file durable, or what is in a folder.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Finish completes a file opened with Bulk: fills the full-text tables, makes the indexes, checks all
// of it, and closes it, durable.
func (f *File) Finish(ctx context.Context) error {
	if err := f.finish(ctx); err != nil {
		return fmt.Errorf("finish read model %s: %w", f.Name(), kind(ctx, err))
	}
	if err := f.Close(); err != nil {
		return err
	}
	return errors.Join(Sync(f.path), Sync(filepath.Dir(f.path)))
}

func (f *File) finish(ctx context.Context) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.writer.SetInterrupt(ctx.Done())
	if err := f.flushWindow(); err != nil {
		return err
	}
	if err := Exec(f.writer, "UPDATE cursor SET position = ?", f.Position()); err != nil {
		return err
	}
	if err := Exec(f.writer, "COMMIT"); err != nil {
		return err
	}
	for _, script := range []string{f.schema.Fill, f.schema.Indexes, f.schema.Check} {
		if err := sqlitex.ExecuteScript(f.writer, script, nil); err != nil {
			return err
		}
	}
	return quickCheck(f.writer)
}

func quickCheck(conn *sqlite.Conn) error {
	return Query(conn, "PRAGMA quick_check(1)", func(stmt *sqlite.Stmt) error {
		if s := stmt.ColumnText(0); s != "ok" {
			return fmt.Errorf("quick check: %s: %w", s, domain.ErrDamaged)
		}
		return nil
	})
}
