package sqlitedb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/domain"
)

func open(t *testing.T, path string) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "accounts.sqlite") }

// record is a change that makes a record, or replaces it at its revision.
func record(key, data string, revision int64) accounts.Change {
	return accounts.Change{Kind: accounts.KindSession, Record: accounts.Record{Key: key, Owner: "owner", Revision: revision, Data: []byte(data)}}
}

// at is the record's revision and data.
func at(t *testing.T, db *sqlitedb.DB, key string) (int64, string) {
	t.Helper()
	r, err := db.Get(t.Context(), accounts.KindSession, key)
	if errors.Is(err, domain.ErrNotFound) {
		return 0, ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Revision, string(r.Data)
}

func TestWriteIsAllOrNothing(t *testing.T) {
	path := file(t)
	db := open(t, path)
	if err := db.Write(t.Context(), record("a", `"1"`, 0), record("b", `"1"`, 0)); err != nil {
		t.Fatal(err)
	}
	first, _ := at(t, db, "a")
	for name, changes := range map[string][]accounts.Change{
		"made again":             {record("c", `"2"`, 0), record("a", `"2"`, 0)},
		"another revision":       {record("c", `"2"`, 0), record("a", `"2"`, first+100)},
		"not there":              {record("c", `"2"`, 0), record("nothing", `"2"`, first)},
		"removed at another":     {record("c", `"2"`, 0), {Kind: accounts.KindSession, Record: accounts.Record{Key: "a", Revision: first + 100}, Remove: true}},
		"removed, and not there": {record("c", `"2"`, 0), {Kind: accounts.KindSession, Record: accounts.Record{Key: "nothing", Revision: first}, Remove: true}},
		"of another kind":        {record("c", `"2"`, 0), {Kind: accounts.KindToken, Record: accounts.Record{Key: "a", Revision: first, Data: []byte(`"2"`)}}},
	} {
		if err := db.Write(t.Context(), changes...); !errors.Is(err, domain.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
		if r, _ := at(t, db, "c"); r != 0 {
			t.Fatalf("%s: half of it is there", name)
		}
	}
	if err := db.Write(t.Context(), record("a", `"2"`, first)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	if revision, data := at(t, db, "a"); data != `"2"` || revision <= first {
		t.Errorf("after a restart: %s at %d, first at %d", data, revision, first)
	}
}

// TestRevisionsAreNeverGivenTwice: who decided on a record that was removed and made again meanwhile
// has lost.
func TestRevisionsAreNeverGivenTwice(t *testing.T) {
	db := open(t, file(t))
	if err := db.Write(t.Context(), record("a", `"1"`, 0)); err != nil {
		t.Fatal(err)
	}
	old, _ := at(t, db, "a")
	gone := accounts.Change{Kind: accounts.KindSession, Record: accounts.Record{Key: "a", Revision: old}, Remove: true}
	if err := db.Write(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), record("a", `"2"`, 0)); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), record("a", `"3"`, old)); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("written on a record that is another one: %v", err)
	}
}

func TestOneWinner(t *testing.T) {
	path := file(t)
	dbs := []*sqlitedb.DB{open(t, path), open(t, path)} // as two processes would
	if err := dbs[0].Write(t.Context(), record("a", `0`, 0)); err != nil {
		t.Fatal(err)
	}
	revision, _ := at(t, dbs[0], "a")
	var won, lost atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			switch err := dbs[i%2].Write(t.Context(), record("a", fmt.Sprint(i), revision)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, domain.ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 39 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

// TestBothSeeAtOnce: what one process has written the other reads next.
func TestBothSeeAtOnce(t *testing.T) {
	path := file(t)
	one, other := open(t, path), open(t, path)
	for i := range 20 {
		key := fmt.Sprintf("k%02d", i)
		if err := one.Write(t.Context(), record(key, `1`, 0)); err != nil {
			t.Fatal(err)
		}
		if r, _ := at(t, other, key); r == 0 {
			t.Fatalf("%s is not seen", key)
		}
	}
}

// Nodes that share a file may begin with it at the same moment.
func TestOpenAtOnce(t *testing.T) {
	for range 10 {
		path := file(t)
		var opening sync.WaitGroup
		for i := range 4 {
			opening.Go(func() {
				db, err := sqlitedb.Open(t.Context(), path)
				if err == nil {
					err = errors.Join(db.Write(t.Context(), record(fmt.Sprint(i), "x", 0)), db.Close())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		opening.Wait()
		if all, err := open(t, path).List(t.Context(), accounts.KindSession, "", "", 10); err != nil || len(all) != 4 {
			t.Errorf("%d records, %v", len(all), err)
		}
	}
}

func TestList(t *testing.T) {
	db := open(t, file(t))
	for i := range 7 {
		c := record(fmt.Sprintf("k%d", i), fmt.Sprint(i), 0)
		c.Owner = []string{"x", "y"}[i%2]
		if err := db.Write(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		owner, after string
		limit        int
		want         string
	}{
		{"", "", 100, "k0 k1 k2 k3 k4 k5 k6"}, {"", "k2", 3, "k3 k4 k5"}, {"y", "", 100, "k1 k3 k5"}, {"y", "k1", 1, "k3"}, {"z", "", 9, ""},
	} {
		records, err := db.List(t.Context(), accounts.KindSession, tt.owner, tt.after, tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, r := range records {
			keys = append(keys, r.Key)
		}
		if got := strings.Join(keys, " "); got != tt.want {
			t.Errorf("owner %q after %q: %s, want %s", tt.owner, tt.after, got, tt.want)
		}
	}
}

func TestExpire(t *testing.T) {
	db := open(t, file(t))
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for i := range 2500 { // more than one transaction removes
		c := record(fmt.Sprintf("k%d", i), `1`, 0)
		c.Expires = now.Add(time.Duration(i-2499) * time.Second)
		if i < 10 {
			c.Expires = time.Time{}
		}
		if i == 2400 {
			c.Expires = now.Add(time.Microsecond)
		}
		if err := db.Write(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if i == 20 {
			if r, err := db.Get(t.Context(), accounts.KindSession, "k20"); err != nil || !r.Expires.Equal(c.Expires) {
				t.Fatalf("expires %s, want %s, %v", r.Expires, c.Expires, err)
			}
		}
	}
	if err := db.Expire(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	left, err := db.List(t.Context(), accounts.KindSession, "", "", 10000)
	if err != nil || len(left) != 11 {
		t.Errorf("%d left, want those without an end and the one that is not over, %v", len(left), err)
	}
}

var entries = []accounts.Entry{
	{At: time.Date(2026, 11, 25, 10, 0, 0, 123456000, time.UTC), Account: "officer", Role: domain.RoleOfficer, Organization: "trade-committee", Address: "10.0.0.1", Action: "read-applications", Kind: "application", Thing: "1", Person: "850312300121", Route: "GET /api/v1/applications/{id}"},
	{At: time.Date(2026, 11, 25, 10, 0, 1, 0, time.UTC), Account: "officer", Action: "read-applications", Kind: "application", Thing: "2", Person: "120540001238"},
	{At: time.Date(2026, 11, 25, 10, 0, 2, 0, time.UTC), Account: "auditor", Action: "read-events"},
	{At: time.Date(2026, 11, 25, 10, 0, 3, 0, time.UTC), Account: "auditor", Action: "read-applications", Kind: "application", Thing: "1", Person: "850312300121"},
}

func TestJournal(t *testing.T) {
	path := file(t)
	db := open(t, path)
	if err := db.Append(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	e := entries
	for _, tt := range []struct {
		name string
		q    accounts.Question
		want []accounts.Entry
	}{
		{"everything", accounts.Question{}, []accounts.Entry{e[3], e[2], e[1], e[0]}},
		{"a person", accounts.Question{Person: "850312300121"}, []accounts.Entry{e[3], e[0]}},
		{"an account", accounts.Question{Account: "officer"}, []accounts.Entry{e[1], e[0]}},
		{"both", accounts.Question{Account: "officer", Person: "850312300121"}, []accounts.Entry{e[0]}},
		{"a time", accounts.Question{From: e[1].At, Until: e[3].At}, []accounts.Entry{e[2], e[1]}},
		{"nobody", accounts.Question{Person: "nobody"}, nil},
	} {
		found, err := db.Find(t.Context(), tt.q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, found.Entries); diff != "" || found.Next != 0 {
			t.Errorf("%s: next %d\n%s", tt.name, found.Next, diff)
		}
	}
	var paged []accounts.Entry
	for q := (accounts.Question{Limit: 3}); ; {
		found, err := db.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		paged = append(paged, found.Entries...)
		if q.Before = found.Next; q.Before == 0 {
			break
		}
	}
	if diff := cmp.Diff([]accounts.Entry{e[3], e[2], e[1], e[0]}, paged); diff != "" {
		t.Errorf("page by page:\n%s", diff)
	}
	if err := db.Forget(t.Context(), e[2].At); err != nil {
		t.Fatal(err)
	}
	if found, err := db.Find(t.Context(), accounts.Question{}); err != nil || len(found.Entries) != 2 {
		t.Errorf("after forgetting: %d entries, %v", len(found.Entries), err)
	}
}

// TestQueriesUseIndexes: a log of millions is asked for one person.
func TestQueriesUseIndexes(t *testing.T) {
	path := file(t)
	open(t, path)
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for query, index := range sqlitedb.Statements() {
		var plan string
		err := sqlitex.ExecuteTransient(conn, "EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?", "'1'"), &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
			plan += stmt.ColumnText(3) + "\n"
			return nil
		}})
		if err != nil || !strings.Contains(plan, index) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %v\n%s", query, err, plan)
		}
	}
}

// TestEveryWriteIsFlushed: the file is the only copy.
func TestEveryWriteIsFlushed(t *testing.T) {
	if level, err := open(t, file(t)).Synchronous(); err != nil || level != 2 {
		t.Errorf("synchronous = %d, %v, want 2, FULL", level, err)
	}
}

// TestRemovedIsGone: what was removed is in no byte of the file any more.
func TestRemovedIsGone(t *testing.T) {
	path := file(t)
	db := open(t, path)
	if err := db.Write(t.Context(), record("a", `"850312300121"`, 0), record("b", `"stays"`, 0)); err != nil {
		t.Fatal(err)
	}
	revision, _ := at(t, db, "a")
	if err := db.Write(t.Context(), accounts.Change{Kind: accounts.KindSession, Record: accounts.Record{Key: "a", Revision: revision}, Remove: true}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bytesOf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytesOf, []byte("850312300121")) || !bytes.Contains(bytesOf, []byte("stays")) {
		t.Error("what was removed is still in the file")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	script := func(name, sql string) {
		conn, err := sqlite.OpenConn(filepath.Join(dir, name))
		if err == nil {
			err = errors.Join(sqlitex.ExecuteScript(conn, sql, nil), conn.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	script("other", "CREATE TABLE x (y)")
	if err := open(t, filepath.Join(dir, "later")).Close(); err != nil {
		t.Fatal(err)
	}
	script("later", "PRAGMA user_version = 99")
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]error{
		"other": domain.ErrDamaged, "later": domain.ErrDamaged, "text": domain.ErrDamaged, "none/at/all": domain.ErrUnavailable,
	} {
		if db, err := sqlitedb.Open(t.Context(), filepath.Join(dir, name)); !errors.Is(err, kind) {
			t.Errorf("%s: %v, %v", name, db, err)
		}
	}
}

func TestClosed(t *testing.T) {
	db := open(t, file(t))
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), record("a", `1`, 0)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
	if _, err := db.Get(t.Context(), accounts.KindSession, "a"); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("get: %v", err)
	}
}

// TestWaitEnds: whoever waits for another process that writes gives up with its context.
func TestWaitEnds(t *testing.T) {
	path := file(t)
	db := open(t, path)
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := db.Write(ctx, record("a", `1`, 0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another writes: %v", err)
	}
	if end(&err); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), record("a", `1`, 0)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
