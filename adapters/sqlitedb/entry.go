package sqlitedb

import (
	"cmp"
	"context"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// Append is accounts.Journal's.
func (db *DB) Append(ctx context.Context, entries []accounts.Entry) error {
	return db.write(ctx, func(conn *sqlite.Conn) error {
		for _, e := range entries {
			err := sqlitex.Execute(conn, `INSERT INTO entry (at, account, role, organization, address, action, kind, thing, person, route)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, &sqlitex.ExecOptions{Args: []any{
				e.At.UnixMicro(), e.Account, string(e.Role), e.Organization, e.Address, e.Action, e.Kind, e.Thing, e.Person, e.Route,
			}})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// pageSize is the size of a page where the question does not say.
const pageSize = 100

// Find is accounts.Journal's.
func (db *DB) Find(ctx context.Context, q accounts.Question) (found accounts.Found, err error) {
	limit := cmp.Or(q.Limit, pageSize)
	query, args := question(q, limit+1) // one more says that there is more
	var ids []int64
	err = db.read(ctx, func(conn *sqlite.Conn) error {
		return sqlitex.Execute(conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: func(stmt *sqlite.Stmt) error {
			ids = append(ids, stmt.ColumnInt64(0))
			found.Entries = append(found.Entries, entry(stmt))
			return nil
		}})
	})
	if len(ids) > limit {
		found.Next, found.Entries = ids[limit-1], found.Entries[:limit]
	}
	return found, err
}

// question is the query, of which there are few, and its values.
func question(q accounts.Question, limit int) (string, []any) {
	var where []string
	var args []any
	add := func(wanted bool, condition string, value any) {
		if wanted {
			where, args = append(where, condition), append(args, value)
		}
	}
	add(q.Person != "", "person <> '' AND person = ?", q.Person)
	add(q.Account != "", "account = ?", q.Account)
	add(!q.From.IsZero(), "at >= ?", q.From.UnixMicro())
	add(!q.Until.IsZero(), "at < ?", q.Until.UnixMicro())
	add(q.Before != 0, "id < ?", q.Before)
	query := `SELECT id, at, account, role, organization, address, action, kind, thing, person, route FROM entry`
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY id DESC LIMIT ?", append(args, limit)
}

func entry(stmt *sqlite.Stmt) accounts.Entry {
	return accounts.Entry{
		At: time.UnixMicro(stmt.ColumnInt64(1)).UTC(), Account: stmt.ColumnText(2), Role: domain.Role(stmt.ColumnText(3)),
		Organization: stmt.ColumnText(4), Address: stmt.ColumnText(5), Action: stmt.ColumnText(6),
		Kind: stmt.ColumnText(7), Thing: stmt.ColumnText(8), Person: stmt.ColumnText(9), Route: stmt.ColumnText(10),
	}
}

const forget = `DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE at < ? ORDER BY at LIMIT ?)`

// Forget is accounts.Journal's.
func (db *DB) Forget(ctx context.Context, before time.Time) error {
	return db.removeAll(ctx, forget, before)
}
