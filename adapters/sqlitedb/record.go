package sqlitedb

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

const (
	columns = `SELECT key, owner, revision, expires, data FROM record `
	one     = columns + `WHERE kind = ? AND key = ?`
	list    = columns + `WHERE kind = ? AND key > ? ORDER BY key LIMIT ?`
	// Without being told, SQLite reads everybody's.
	listOwned = columns + `INDEXED BY record_owner WHERE kind = ? AND key > ? AND owner = ? ORDER BY key LIMIT ?`
)

// Get is accounts.Store's.
func (db *DB) Get(ctx context.Context, kind accounts.Kind, key string) (accounts.Record, error) {
	var found []accounts.Record
	err := db.read(ctx, func(conn *sqlite.Conn) (err error) {
		found, err = records(conn, one, string(kind), key)
		return err
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s record: %w", kind, domain.ErrNotFound)
	}
	if err != nil {
		return accounts.Record{}, err
	}
	return found[0], nil
}

// List is accounts.Store's.
func (db *DB) List(ctx context.Context, kind accounts.Kind, owner, after string, limit int) (found []accounts.Record, err error) {
	query, args := list, []any{string(kind), after, limit}
	if owner != "" {
		query, args = listOwned, []any{string(kind), after, owner, limit}
	}
	err = db.read(ctx, func(conn *sqlite.Conn) (err error) {
		found, err = records(conn, query, args...)
		return err
	})
	return found, err
}

func records(conn *sqlite.Conn, query string, args ...any) ([]accounts.Record, error) {
	var found []accounts.Record
	err := sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
		r := accounts.Record{Key: stmt.ColumnText(0), Owner: stmt.ColumnText(1), Revision: stmt.ColumnInt64(2), Data: []byte(stmt.ColumnText(4))}
		if !stmt.ColumnIsNull(3) {
			r.Expires = time.UnixMicro(stmt.ColumnInt64(3)).UTC()
		}
		found = append(found, r)
		return nil
	}})
	return found, err
}

// Write is accounts.Store's.
func (db *DB) Write(ctx context.Context, changes ...accounts.Change) error {
	return db.write(ctx, func(conn *sqlite.Conn) error {
		revision, err := nextRevision(conn)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := apply(conn, c, revision); err != nil {
				return err
			}
			if conn.Changes() == 0 {
				return fmt.Errorf("%s record is not at revision %d: %w", c.Kind, c.Revision, domain.ErrConflict)
			}
		}
		return nil
	})
}

func nextRevision(conn *sqlite.Conn) (next int64, err error) {
	err = sqlitex.Execute(conn, `UPDATE revision SET last = last + 1 RETURNING last`, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		next = stmt.ColumnInt64(0)
		return nil
	}})
	return next, err
}

// apply makes one change, or changes nothing where the record is at another revision.
func apply(conn *sqlite.Conn, c accounts.Change, revision int64) error {
	var expires any
	if !c.Expires.IsZero() {
		expires = c.Expires.UnixMicro()
	}
	switch {
	case c.Remove:
		return sqlitex.Execute(conn, `DELETE FROM record WHERE kind = ? AND key = ? AND revision = ?`,
			&sqlitex.ExecOptions{Args: []any{string(c.Kind), c.Key, c.Revision}})
	case c.Revision == 0:
		return sqlitex.Execute(conn, `INSERT INTO record (kind, key, owner, revision, expires, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			&sqlitex.ExecOptions{Args: []any{string(c.Kind), c.Key, c.Owner, revision, expires, string(c.Data)}})
	}
	return sqlitex.Execute(conn, `UPDATE record SET owner = ?, revision = ?, expires = ?, data = ? WHERE kind = ? AND key = ? AND revision = ?`,
		&sqlitex.ExecOptions{Args: []any{c.Owner, revision, expires, string(c.Data), string(c.Kind), c.Key, c.Revision}})
}

// removedAtOnce is how many rows one transaction removes, so that nobody waits long for it.
const removedAtOnce = 2000

const expire = `DELETE FROM record WHERE (kind, key) IN (SELECT kind, key FROM record WHERE expires <= ? ORDER BY expires LIMIT ?)`

// Expire is accounts.Store's.
func (db *DB) Expire(ctx context.Context, by time.Time) error { return db.removeAll(ctx, expire, by) }

// removeAll runs the statement, which removes some of what is from before the time, until nothing is left.
func (db *DB) removeAll(ctx context.Context, statement string, before time.Time) error {
	for removed := removedAtOnce; removed == removedAtOnce; {
		err := db.write(ctx, func(conn *sqlite.Conn) error {
			err := sqlitex.Execute(conn, statement, &sqlitex.ExecOptions{Args: []any{before.UnixMicro(), removedAtOnce}})
			removed = conn.Changes()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
