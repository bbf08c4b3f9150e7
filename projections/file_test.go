package projections

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// things is a file with a table that grows by a large row with every record.
func things(t *testing.T) (*File, func(position int) error) {
	t.Helper()
	f, err := Open(t.TempDir(), Schema{Name: "things", Number: 1, Tables: "CREATE TABLE IF NOT EXISTS things (a, b);"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	large := strings.Repeat("x", 100_000)
	return f, func(position int) error {
		p := domain.Position(position)
		c := domain.Commit{Position: p, Records: []domain.Record{{Version: uint64(p), Position: p}}}
		return f.Update(t.Context(), []domain.Commit{c}, func(conn *sqlite.Conn, r domain.Record) error {
			return Exec(conn, "INSERT INTO things VALUES (?, ?)", r.Version, large)
		}, nil)
	}
}

func TestFullDiskIsUnavailableUntilThereIsRoom(t *testing.T) {
	f, update := things(t)
	if err := pragmas(f.writer, "max_page_count = 100"); err != nil {
		t.Fatal(err)
	}
	at := 1
	for ; at < 50; at++ {
		if err := update(at); err != nil {
			if !errors.Is(err, domain.ErrUnavailable) || f.Position() != domain.Position(at-1) {
				t.Fatalf("full at %d, cursor %d: %v", at, f.Position(), err)
			}
			break
		}
	}
	if at == 50 {
		t.Fatal("the disk was never full")
	}
	if err := pragmas(f.writer, "max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := update(at); err != nil || f.Position() != domain.Position(at) {
		t.Errorf("with room again: cursor %d, %v", f.Position(), err)
	}
	if rows := count(t, f); rows != at {
		t.Errorf("%d rows at position %d", rows, at)
	}
}

func count(t *testing.T, f *File) (n int) {
	t.Helper()
	if err := f.View(t.Context(), func(conn *sqlite.Conn) error {
		return Query(conn, "SELECT count(*) FROM things", func(stmt *sqlite.Stmt) error {
			n = stmt.ColumnInt(0)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestQueriesEndWithTheirContext(t *testing.T) {
	f, update := things(t)
	if err := update(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := f.View(ctx, func(conn *sqlite.Conn) error {
		return Query(conn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", nil)
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a query without an end: %v", err)
	}
	for range 2 * readers { // the connection is as good as new
		if n := count(t, f); n != 1 {
			t.Fatalf("%d rows", n)
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := f.View(gone, func(*sqlite.Conn) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a query for somebody who left: %v", err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	f, _ := things(t)
	if err := f.View(t.Context(), func(conn *sqlite.Conn) error { return Exec(conn, "INSERT INTO things VALUES (1, 2)") }); err == nil {
		t.Error("a query wrote")
	}
}

// TestReadOnlyFileFollowsItsKeeper opens a file a second time while it is written to.
func TestReadOnlyFileFollowsItsKeeper(t *testing.T) {
	f, update := things(t)
	if err := update(1); err != nil {
		t.Fatal(err)
	}
	beside, err := Open(filepath.Dir(f.path), f.schema, ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	if beside.Position() != 1 {
		t.Errorf("position %d", beside.Position())
	}
	if err := update(2); err != nil {
		t.Fatal(err)
	}
	rows := 0
	if err := beside.View(t.Context(), func(conn *sqlite.Conn) error {
		return Query(conn, "SELECT a FROM things", func(*sqlite.Stmt) error { rows++; return nil })
	}); err != nil || rows != 2 {
		t.Errorf("%d rows, %v", rows, err)
	}
	if err := beside.View(t.Context(), func(conn *sqlite.Conn) error { return Exec(conn, "INSERT INTO things VALUES (1, 2)") }); err == nil {
		t.Error("a reader wrote")
	}
	commits := []domain.Commit{{Position: 3, Records: []domain.Record{{Position: 3}}}}
	if err := beside.Update(t.Context(), commits, nil, nil); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("update: %v", err)
	}
	if _, err := Open(t.TempDir(), f.schema, ReadOnly()); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
}

func TestClosedFileIsUnavailable(t *testing.T) {
	f, update := things(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := update(1); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("update: %v", err)
	}
	if err := f.View(t.Context(), func(*sqlite.Conn) error { return nil }); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("view: %v", err)
	}
}

func TestCursors(t *testing.T) {
	for _, keys := range [][]int64{{0}, {1, 5}, {1 << 62, 1}, {0, 1<<63 - 1, 7}} {
		got, err := ParseCursors("q", Cursor("q", keys...), len(keys))
		if err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			if got[i] != keys[i] {
				t.Errorf("%v came back as %v", keys, got)
			}
		}
		if _, err := ParseCursors("q", Cursor("q", keys...), len(keys)+1); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("too few keys: %v", err)
		}
		if _, err := ParseCursors("q", Cursor("q", append(keys, 1)...), len(keys)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("too many keys: %v", err)
		}
	}
	wrong := []string{"", "=", "я", "____________________", "zzz", "AQ", "Ag", Cursor("q", -1), Cursor("another", 1)}
	for _, wrong := range wrong {
		if _, err := ParseCursor("q", wrong); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestInstant(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-24": "2026-11-24T18:59:59.999999Z", "2026-11-24T12:00:00+05:00": "2026-11-24T07:00:00Z", "": "0001-01-01T00:00:00Z",
	} {
		got, err := Instant(text)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("Instant(%q) = %v %v, want %s", text, got, err, want)
		}
	}
	if _, err := Instant("yesterday"); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("yesterday: %v", err)
	}
}
