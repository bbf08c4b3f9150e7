package projections

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
)

// auditDir is the folder, inside that of the read models, in which one is built anew to be compared.
const auditDir = "audit"

// Digest is what a model holds, at one moment.
type Digest struct {
	position domain.Position
	tables   map[string][sha256.Size]byte
}

// Audit finds out whether a model that is in use holds what follows from the log: SQLite itself does not
// notice a bit that turns in a row. It builds the model a second time, beside the others in dir, up to the
// position at which this one is, and compares all rows. domain.ErrDamaged, with the table, where they differ.
//
// The log may be one that is read slowly. What goes wrong with the second copy, for want of room for instance, is
// domain.ErrUnavailable: it says nothing of the first. What an interrupted audit leaves is removed by the next
// one, and by Open.
func Audit(ctx context.Context, log domain.Log, dir string, logger *slog.Logger, k Kind, m Model) (err error) {
	scratch := filepath.Join(dir, auditDir)
	if err := os.RemoveAll(scratch); err != nil {
		return fmt.Errorf("remove what an interrupted audit left: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	have, err := m.Digest(ctx)
	if err != nil {
		return err
	}
	head, err := log.Head(ctx)
	if err != nil {
		return fmt.Errorf("audit of %s: %w", k.Name(), err)
	}
	if have.position > head {
		return fmt.Errorf("read model %s is at position %d, and the log ends at %d: %w", k.Name(), have.position, head, domain.ErrDamaged)
	}
	source := &until{Log: log, end: have.position}
	want, err := digestOf(ctx, source, scratch, logger, k)
	switch {
	case source.failed != nil:
		return fmt.Errorf("audit of %s: %w", k.Name(), source.failed)
	case err != nil:
		return fmt.Errorf("audit of %s: %w: %v", k.Name(), domain.ErrUnavailable, err)
	}
	return compareDigests(k.Name(), have, want)
}

// digestOf builds a model in dir and reads it.
func digestOf(ctx context.Context, log domain.Log, dir string, logger *slog.Logger, k Kind) (Digest, error) {
	if err := buildAll(ctx, log, dir, logger, []Kind{k}); err != nil {
		return Digest{}, err
	}
	m, err := k.open(dir)
	if err != nil {
		return Digest{}, err
	}
	d, err := m.Digest(ctx)
	return d, errors.Join(err, m.Close())
}

func compareDigests(name string, have, want Digest) error {
	for _, table := range slices.Sorted(maps.Keys(want.tables)) {
		if have.tables[table] != want.tables[table] {
			return fmt.Errorf("read model %s, table %s, at position %d: it does not hold what follows from the log "+
				"(run \"tizilim rebuild %s\" to make it anew): %w", name, table, have.position, name, domain.ErrDamaged)
		}
	}
	return nil
}

// Digest reads all rows, and checks the file.
func (f *File) Digest(ctx context.Context) (d Digest, err error) {
	d.tables = map[string][sha256.Size]byte{}
	err = f.View(ctx, func(conn *sqlite.Conn) error {
		if err := quickCheck(conn); err != nil {
			return err
		}
		if err := Query(conn, "SELECT position FROM cursor", func(stmt *sqlite.Stmt) error {
			d.position = domain.Position(stmt.ColumnInt64(0))
			return nil
		}); err != nil {
			return err
		}
		names, err := tables(conn)
		for _, t := range names {
			sum := sha256.New()
			if err := dump(conn, t, sum); err != nil {
				return err
			}
			d.tables[t] = [sha256.Size]byte(sum.Sum(nil))
		}
		return err
	})
	if err == nil && f.schema.Check != "" {
		err = f.checkInside(ctx)
	}
	return d, err
}

// checkInside runs the model's own check. It writes nothing, but SQLite wants to be allowed to.
func (f *File) checkInside(ctx context.Context) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return fmt.Errorf("projection %s is closed: %w", f.Name(), domain.ErrUnavailable)
	}
	f.writer.SetInterrupt(ctx.Done()) // whoever closes the file waits for this
	defer f.writer.SetInterrupt(nil)
	if err := sqlitex.ExecuteScript(f.writer, f.schema.Check, nil); err != nil {
		return fmt.Errorf("check %s: %w", f.Name(), kind(ctx, err))
	}
	return nil
}

// until is a log that ends at a position, for one reader.
type until struct {
	domain.Log
	end    domain.Position
	failed error // what the log itself says that it is damaged
}

// Head implements domain.Log.
func (u *until) Head(context.Context) (domain.Position, error) { return u.end, nil }

// Follow implements domain.Log: behind the end nothing ever comes.
func (u *until) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		if after < u.end {
			for c, err := range u.Log.Follow(ctx, after) {
				if errors.Is(err, domain.ErrDamaged) {
					u.failed = err
				}
				if !yield(c, err) || err != nil {
					return
				}
				if c.Position >= u.end {
					break
				}
			}
		}
		<-ctx.Done()
	}
}
