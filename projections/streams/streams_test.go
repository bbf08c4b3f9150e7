package streams_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/streams"
)

func open(t *testing.T, dir string, commits []domain.Commit) *streams.Model {
	t.Helper()
	m, err := streams.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t *testing.T, m *streams.Model, s domain.Stream, from uint64) (records []domain.Record, err error) {
	t.Helper()
	for r, err := range m.Read(t.Context(), s, from) {
		if err != nil {
			return records, err
		}
		records = append(records, r)
	}
	return records, nil
}

// What is read is what was appended, to the last field.
func TestReadGivesBackTheRecords(t *testing.T) {
	commits := sample.Commits(50, 41)
	m := open(t, t.TempDir(), commits)
	want := map[domain.Stream][]domain.Record{}
	for _, c := range commits {
		want[c.Stream] = append(want[c.Stream], c.Records...)
	}
	for s, records := range want {
		if v, err := m.Version(t.Context(), s); err != nil || v != uint64(len(records)) {
			t.Errorf("%s: version %d, %v, want %d", s, v, err, len(records))
		}
		for _, from := range []uint64{0, 1, 2, uint64(len(records)), uint64(len(records)) + 1} {
			got, err := read(t, m, s, from)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(records[max(from, 1)-1:], append([]domain.Record{}, got...)); diff != "" {
				t.Fatalf("%s from %d (-want +got):\n%s", s, from, diff)
			}
		}
	}
	unknown := domain.Stream{Category: "application", ID: "unknown"}
	if v, err := m.Version(t.Context(), unknown); v != 0 || err != nil {
		t.Errorf("version of nothing: %d, %v", v, err)
	}
	if got, err := read(t, m, unknown, 1); len(got) != 0 || err != nil {
		t.Errorf("read of nothing: %v, %v", got, err)
	}
}

func TestReadOfALongStreamEndsWhereItBegan(t *testing.T) {
	s := &sample.Script{}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 2500 {
		s.Add(domain.NumbersCategory, "license-26", at, domain.System, license.Assigned{For: "x"})
	}
	m := open(t, t.TempDir(), s.Commits[:2200])
	n := 0
	for r, err := range m.Read(t.Context(), s.Commits[0].Stream, 3) {
		if n++; err != nil || r.Version != uint64(n+2) {
			t.Fatalf("record %d: version %d, %v", n, r.Version, err)
		}
		if n == 10 { // what comes while it is read is not part of it
			if err := m.Apply(t.Context(), s.Commits[2200:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != 2198 {
		t.Errorf("%d records, want 2198", n)
	}
	for range m.Read(t.Context(), s.Commits[0].Stream, 1) {
		break // and nothing is left open: Close would wait
	}
}

func TestMissingRecordsAreLoud(t *testing.T) {
	commits := sample.Commits(10, 42)
	stream := commits[0].Stream
	for _, version := range []string{"1", "3", "(SELECT version FROM streams WHERE id = 1)"} {
		dir := t.TempDir()
		m := open(t, dir, commits)
		whole, err := read(t, m, stream, 1)
		if err != nil || len(whole) < 4 {
			t.Fatal(len(whole), err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		conn, err := sqlite.OpenConn(dir + "/streams-1.sqlite")
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlitex.ExecuteScript(conn, "DELETE FROM records WHERE key = (1 << 24) + "+version, nil); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, open(t, dir, nil), stream, 1)
		if !errors.Is(err, domain.ErrDamaged) || len(got) >= len(whole) {
			t.Errorf("version %s is missing: %d records, %v", version, len(got), err)
		}
	}
}

// Nobody looks for a stream that begins: that there is one already shows when it is written.
func TestAStreamBeginsOnce(t *testing.T) {
	commits := sample.Commits(5, 43)
	again := commits[0]
	again.Position = commits[len(commits)-1].Position + 1
	for _, known := range []bool{true, false} {
		dir := t.TempDir()
		m := open(t, dir, commits)
		if !known {
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			m = open(t, dir, nil)
		}
		if err := m.Apply(t.Context(), []domain.Commit{again}); !errors.Is(err, domain.ErrDamaged) || m.Position() != again.Position-1 {
			t.Errorf("a stream that begins again, known %t: %v", known, err)
		}
	}
}

func TestVersionsMustFollow(t *testing.T) {
	commits := sample.Commits(5, 43)
	for i, c := range commits {
		if c.Records[0].Version > 1 {
			m := open(t, t.TempDir(), nil)
			c.Position = 1
			if err := m.Apply(t.Context(), commits[i:i+1]); !errors.Is(err, domain.ErrDamaged) || m.Position() != 0 {
				t.Errorf("a stream that begins with version %d: %v", c.Records[0].Version, err)
			}
			return
		}
	}
}
