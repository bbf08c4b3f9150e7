package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// Exec runs a statement that returns no rows. Statements are kept prepared by their text, so the
// text must be one of few. Values may be string, []byte, int, int64, uint64, bool, domain.Position,
// time.Time (microseconds, NULL where zero) and nil.
func Exec(conn *sqlite.Conn, query string, args ...any) error {
	return Query(conn, query, nil, args...)
}

// Query runs a statement and calls row for each of its rows. The statement must not be read after
// row returns.
func Query(conn *sqlite.Conn, query string, row func(*sqlite.Stmt) error, args ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	for i, arg := range args {
		bind(stmt, i+1, arg)
	}
	for {
		more, err := stmt.Step()
		if err != nil {
			return errors.Join(err, stmt.Reset())
		}
		if !more {
			return stmt.Reset()
		}
		if row == nil {
			continue
		}
		if err := row(stmt); err != nil {
			return errors.Join(err, stmt.Reset())
		}
	}
}

// Insert runs a statement n times, each time with the values that set binds: all of them, always. It is for
// many rows, where to find the statement and to look at the kinds of its values for each of them takes as long as
// the writing.
func Insert(conn *sqlite.Conn, query string, n int, set func(stmt *sqlite.Stmt, i int)) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	for i := range n {
		set(stmt, i)
		if _, err := stmt.Step(); err != nil {
			return errors.Join(err, stmt.Reset())
		}
		if err := stmt.Reset(); err != nil {
			return err
		}
	}
	return nil
}

func bind(stmt *sqlite.Stmt, i int, arg any) {
	switch v := arg.(type) {
	case nil:
		stmt.BindNull(i)
	case string:
		stmt.BindText(i, v)
	case []byte:
		stmt.BindBytes(i, v)
	case int:
		stmt.BindInt64(i, int64(v))
	case int64:
		stmt.BindInt64(i, v)
	case uint64:
		stmt.BindInt64(i, int64(v))
	case domain.Position:
		stmt.BindInt64(i, int64(v))
	case bool:
		stmt.BindBool(i, v)
	case time.Time:
		BindTime(stmt, i, v)
	default:
		panic(fmt.Sprintf("projections: no SQLite value of %T", arg))
	}
}

// BindTime binds an instant as microseconds, NULL where it is zero.
func BindTime(stmt *sqlite.Stmt, i int, t time.Time) {
	if t.IsZero() {
		stmt.BindNull(i)
		return
	}
	stmt.BindInt64(i, t.UnixMicro())
}

// Bytes is a copy of a column.
func Bytes(stmt *sqlite.Stmt, col int) []byte {
	b := make([]byte, stmt.ColumnLen(col))
	return b[:stmt.ColumnBytes(col, b)]
}

// Time is the instant in a column of microseconds, zero where it is NULL.
func Time(stmt *sqlite.Stmt, col int) time.Time {
	if stmt.ColumnIsNull(col) {
		return time.Time{}
	}
	return time.UnixMicro(stmt.ColumnInt64(col)).UTC()
}

// kind is Fault for a read model, which can be made anew.
func kind(ctx context.Context, err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w (run \"tizilim rebuild\" to make it anew from the log): %w", domain.ErrDamaged, err)
	case sqlite.ResultConstraint: // such as a stream that begins twice
		return fmt.Errorf("%w: it and the log contradict each other (run \"tizilim rebuild\"; where that says the same, it is the log): %w", domain.ErrDamaged, err)
	}
	return Fault(ctx, err)
}

// Fault puts an SQLite error into the kinds that the registry tells apart; ctx is the one that may have
// interrupted the statement.
func Fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultCantOpen, sqlite.ResultReadOnly, sqlite.ResultNoMem:
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	case sqlite.ResultInterrupt:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	return err
}
