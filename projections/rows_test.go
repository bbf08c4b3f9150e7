package projections

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// counter is a row that counts the records of a stream. Each find and store is noted.
type counter struct {
	id string
	n  int
}

type counters struct {
	*File
	rows  Rows[string, counter]
	notes []string
	trip  error // what the end of the next flush fails of
	begun map[string]bool
}

func openCounters(t *testing.T) *counters {
	t.Helper()
	f, err := Open(t.TempDir(), Schema{Name: "counters", Number: 1, Tables: "CREATE TABLE IF NOT EXISTS counters (id TEXT PRIMARY KEY, n INTEGER);"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &counters{File: f, begun: map[string]bool{}}
	c.rows = Rows[string, counter]{
		Find: func(conn *sqlite.Conn, id string, row *counter) error {
			c.notes = append(c.notes, "find "+id)
			row.id = id
			return Query(conn, "SELECT n FROM counters WHERE id = ?", func(stmt *sqlite.Stmt) error {
				row.n = stmt.ColumnInt(0)
				return nil
			}, id)
		},
		Store: func(conn *sqlite.Conn, row *counter) error {
			c.notes = append(c.notes, "store "+row.id)
			return Exec(conn, "INSERT OR REPLACE INTO counters VALUES (?, ?)", row.id, row.n)
		},
		Over: func(row *counter) bool { return row.n >= 5 },
	}
	return c
}

// count applies a commit for each stream; the first one of a stream in capitals begins it.
func (c *counters) count(t *testing.T, streams ...string) error {
	t.Helper()
	var commits []domain.Commit
	for _, id := range streams {
		p := c.Position() + domain.Position(len(commits)) + 1
		r := domain.Record{Stream: domain.Stream{ID: id}, Position: p, Version: 2}
		if id >= "A" && id <= "Z" && !c.begun[id] {
			c.begun[id], r.Version = true, 1
		}
		commits = append(commits, domain.Commit{Position: p, Records: []domain.Record{r}})
	}
	return c.Update(t.Context(), commits, func(conn *sqlite.Conn, r domain.Record) error {
		row, err := c.rows.EditOf(conn, r.Stream.ID, r)
		if err == nil {
			row.id = r.Stream.ID
			row.n++
		}
		return err
	}, c)
}

func (c *counters) Flush(conn *sqlite.Conn) error { return errors.Join(c.rows.Flush(conn), c.trip) }
func (c *counters) Forget()                       { c.rows.Forget() }

func (c *counters) stored(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	if err := c.View(t.Context(), func(conn *sqlite.Conn) error {
		return Query(conn, "SELECT id, n FROM counters", func(stmt *sqlite.Stmt) error {
			all[stmt.ColumnText(0)] = stmt.ColumnInt(1)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A row is read once and written once for all that befell it in a transaction, in the order of the first changes.
// What is not remembered any more is read again; so is everything after a transaction that came to nothing. What
// begins is not looked for.
func TestRows(t *testing.T) {
	Narrow(t, 1, 2, 1)
	c := openCounters(t)
	for _, step := range []struct {
		streams []string
		notes   []string
		trip    error
	}{
		{streams: []string{"b", "a", "b"}, notes: []string{"find b", "find a", "store b", "store a"}},
		{streams: []string{"a"}, notes: []string{"store a"}},
		{streams: []string{"c"}, notes: []string{"find c", "store c"}}, // three are too many: b goes
		{streams: []string{"a", "c"}, notes: []string{"store a", "store c"}},
		{streams: []string{"b", "c"}, notes: []string{"find b", "store b", "store c"}}, // and now a
		{streams: []string{"d", "c", "d", "a"}, notes: []string{"find d", "find a", "store d", "store c", "store a"}},
		{streams: []string{"a", "d"}, notes: []string{"store a", "store d"}, trip: errors.New("no room")},
		{streams: []string{"a"}, notes: []string{"find a", "store a"}}, // which is over with it
		{streams: []string{"a"}, notes: []string{"find a", "store a"}},
		{streams: []string{"E", "E"}, notes: []string{"store E"}},
		{streams: []string{"E"}, notes: []string{"store E"}},
	} {
		c.notes, c.trip = nil, step.trip
		if err := c.count(t, step.streams...); !errors.Is(err, step.trip) {
			t.Fatalf("%v: %v", step.streams, err)
		}
		if diff := cmp.Diff(step.notes, c.notes); diff != "" {
			t.Errorf("%v (-want +got):\n%s", step.streams, diff)
		}
	}
	if diff := cmp.Diff(map[string]int{"a": 6, "b": 3, "c": 4, "d": 2, "E": 3}, c.stored(t)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}
