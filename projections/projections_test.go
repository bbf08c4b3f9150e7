package projections_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/streams"
)

var kinds = []projections.Kind{streams.Kind, numbers.Kind, licenses.Kind, applications.Kind, deadlines.Kind, history.Kind, notices.Kind,
	payments.Kind, reactor.Kind}

// keepsWaiting reports whether the model keeps only what waits, if anything does.
func keepsWaiting(k projections.Kind) bool {
	return k.Name() == payments.Kind.Name() || k.Name() == reactor.Kind.Name()
}

func open(t testing.TB, k projections.Kind, dir string) projections.Model {
	t.Helper()
	m, err := k.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeModel(t, m) })
	return m
}

func closeModel(t testing.TB, m projections.Model) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func apply(t testing.TB, m projections.Model, commits []domain.Commit) {
	t.Helper()
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
}

func dump(t testing.TB, m projections.Model) string {
	t.Helper()
	var b bytes.Buffer
	if err := m.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// straight is the dump of the model after the commits, applied in one batch and without trouble.
func straight(t testing.TB, k projections.Kind, commits []domain.Commit) string {
	t.Helper()
	m := open(t, k, t.TempDir())
	apply(t, m, commits)
	return dump(t, m)
}

func TestDumpShowsEveryTable(t *testing.T) {
	commits := sample.Commits(40, 3)
	for _, k := range kinds {
		d, least := straight(t, k, commits), 20
		if k.Name() == notices.Kind.Name() { // which keeps only what is open, or was late lately
			least = 6
		}
		if keepsWaiting(k) {
			least = 3
		}
		if strings.Count(d, "\n") < least || !strings.Contains(d, fmt.Sprintf("table cursor\n1\t%d", len(commits))) {
			t.Errorf("%s: the dump is short:\n%.400s", k.Name(), d)
		}
		if d == straight(t, k, commits[:len(commits)-1]) {
			t.Errorf("%s: the dump does not change with the log", k.Name())
		}
	}
}

// A crash of the process after any commit, and one inside any transaction, leave a model that goes on
// as if nothing had happened.
func TestCrashAtEveryCommit(t *testing.T) {
	n := 12
	if testing.Short() {
		n = 4
	}
	commits := sample.Commits(n, 5)
	for _, k := range kinds {
		t.Run(k.Name(), func(t *testing.T) {
			t.Parallel()
			want := straight(t, k, commits)
			dir := t.TempDir()
			m := open(t, k, dir)
			for i := range commits {
				interrupt(t, m, commits[i:])
				if got := m.Position(); got != domain.Position(i) {
					t.Fatalf("an aborted transaction moved the cursor from %d to %d", i, got)
				}
				m = crash(t, m, k, dir)
				apply(t, m, commits[i:i+1])
			}
			if diff := cmp.Diff(want, dump(t, m)); diff != "" {
				t.Errorf("after a crash at every commit the model is another (-want +got):\n%s", diff)
			}
		})
	}
}

// A transaction that was aborted is forgotten by the model that goes on, too.
func TestAbortedTransactionsLeaveNothing(t *testing.T) {
	commits := sample.Commits(40, 9)
	for _, k := range kinds {
		m := open(t, k, t.TempDir())
		for from := 0; from < len(commits); from += 60 {
			interrupt(t, m, commits[from:])
			apply(t, m, commits[from:min(from+60, len(commits))])
		}
		if diff := cmp.Diff(straight(t, k, commits), dump(t, m)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.Name(), diff)
		}
	}
}

// strange is a commit that no model of its category can apply.
func strange(category string, p domain.Position) domain.Commit {
	r := domain.Record{Stream: domain.Stream{Category: category, ID: "x"}, Version: 7, Position: p}
	r.Type, r.Schema, r.Data = "unheard-of", 1, []byte(`{}`)
	return domain.Commit{Stream: r.Stream, Position: p, Records: []domain.Record{r}}
}

// interrupt applies commits together with ones that cannot be: the transaction is aborted when all of
// the others are in it.
func interrupt(t *testing.T, m projections.Model, commits []domain.Commit) {
	t.Helper()
	last := commits[len(commits)-1].Position
	commits = append(commits[:len(commits):len(commits)], strange(domain.ApplicationCategory, last+1),
		strange(domain.LicenseCategory, last+2), strange(domain.NumbersCategory, last+3))
	err := m.Apply(t.Context(), commits)
	if f := (*projections.Failure)(nil); !errors.As(err, &f) || f.Position <= last || f.Type != "unheard-of" {
		t.Fatalf("the error does not say which event: %v", err)
	}
}

// crash opens the model anew from its files as they are on the disk while it is open.
func crash(t *testing.T, m projections.Model, k projections.Kind, dir string) projections.Model {
	t.Helper()
	saved := t.TempDir()
	if err := os.CopyFS(saved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	closeModel(t, m)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(saved, dir); err != nil {
		t.Fatal(err)
	}
	return open(t, k, dir)
}

func pathOf(t testing.TB, dir string, k projections.Kind) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, k.Name()+"-*.sqlite"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("files of %s: %v %v", k.Name(), paths, err)
	}
	return paths[0]
}

func TestBatchesDoNotMatter(t *testing.T) {
	commits := sample.Commits(60, 7)
	for _, k := range kinds {
		want := straight(t, k, commits)
		for _, size := range []int{1, 7, 100} {
			m := open(t, k, t.TempDir())
			for from := 0; from < len(commits); from += size {
				// Batches overlap, as after a crash whose extent nobody knows.
				apply(t, m, commits[max(0, from-2):min(from+size, len(commits))])
			}
			if diff := cmp.Diff(want, dump(t, m)); diff != "" {
				t.Errorf("%s in batches of %d (-want +got):\n%s", k.Name(), size, diff)
			}
		}
	}
}

// A full-text index of its own makes the register the one model that could disagree with itself.
func TestFullTextAgreesWithTheRows(t *testing.T) {
	dir := t.TempDir()
	m := open(t, licenses.Kind, dir)
	apply(t, m, sample.Commits(100, 2))
	path := pathOf(t, dir, licenses.Kind)
	closeModel(t, m)
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.Execute(conn, "INSERT INTO text (text, rank) VALUES ('integrity-check', 1)", nil); err != nil {
		t.Error(err)
	}
}

func TestDamagedFileNamesTheWayOut(t *testing.T) {
	commits := sample.Commits(20, 1)
	for name, spoil := range map[string]func(path string) error{
		"no database": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 9000), 0o600) },
		"header cut":  func(path string) error { return os.Truncate(path, 50) },
		"page spoiled": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			copy(b[100:4000], bytes.Repeat([]byte{0xee}, 3900))
			return os.WriteFile(path, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			m := open(t, numbers.Kind, dir)
			apply(t, m, commits)
			want := dump(t, m)
			closeModel(t, m)
			if err := spoil(pathOf(t, dir, numbers.Kind)); err != nil {
				t.Fatal(err)
			}
			_, err := numbers.Open(dir)
			if !errors.Is(err, domain.ErrDamaged) || !strings.Contains(fmt.Sprint(err), "tizilim rebuild") {
				t.Errorf("open a damaged file: %v", err)
			}
			spoiled, err := os.ReadFile(pathOf(t, dir, numbers.Kind))
			if err != nil {
				t.Fatal(err)
			}
			gap := sample.NewLog(commits)
			gap.Fault = func(_ context.Context, c domain.Commit) error { return damagedAt(c, 50) }
			if err := projections.Rebuild(t.Context(), gap, dir, nil, numbers.Kind); !errors.Is(err, domain.ErrDamaged) {
				t.Errorf("rebuild from a damaged log: %v", err)
			}
			if left, err := os.ReadFile(pathOf(t, dir, numbers.Kind)); err != nil || !bytes.Equal(left, spoiled) {
				t.Errorf("a rebuild that failed touched the old file: %v", err)
			}
			if err := projections.Rebuild(t.Context(), sample.NewLog(commits), dir, nil, numbers.Kind); err != nil {
				t.Fatal(err)
			}
			if got := dump(t, open(t, numbers.Kind, dir)); got != want {
				t.Error("the rebuilt model is another")
			}
		})
	}
}

func TestOlderSchemaGoesWhenTheNewOneHasCaughtUp(t *testing.T) {
	dir := t.TempDir()
	schema := func(n int) projections.Schema {
		return projections.Schema{Name: "things", Number: n, Tables: "CREATE TABLE IF NOT EXISTS things (a, b);"}
	}
	for _, n := range []int{1, 2, 10, 11} {
		f, err := projections.Open(dir, schema(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := projections.Open(dir, schema(10))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	follower := projections.Start(t.Context(), sample.NewLog(sample.Commits(5, 1)), nil, &plain{File: f})
	if err := follower.CaughtUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	follower.Stop()
	got, err := filepath.Glob(filepath.Join(dir, "*.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "things-10.sqlite"), filepath.Join(dir, "things-11.sqlite")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// plain is a projection without rows.
type plain struct{ *projections.File }

func (p *plain) Apply(ctx context.Context, commits []domain.Commit) error {
	return p.Update(ctx, commits, func(*sqlite.Conn, domain.Record) error { return nil }, nil)
}

// However little a rebuild keeps in memory, its rows are those that live application writes.
func TestRebuiltEqualsIncremental(t *testing.T) {
	for seed, narrow := range []struct{ batch, window, rows, bytes int }{
		{batch: 100, window: 1_000_000, rows: 1_000_000, bytes: 1 << 30}, // one window
		{batch: 1, window: 1, rows: 0, bytes: 1},
		{batch: 7, window: 90, rows: 3, bytes: 5_000},
		{batch: 2000, window: 700, rows: 20, bytes: 100_000},
	} {
		n := 200
		if seed > 0 && testing.Short() {
			n = 40
		}
		projections.Narrow(t, narrow.window, narrow.rows, narrow.bytes)
		rebuiltEqualsIncremental(t, sample.Commits(n, uint64(seed)+11), narrow.batch)
	}
}

func rebuiltEqualsIncremental(t *testing.T, commits []domain.Commit, batch int) {
	log, dir := sample.NewLog(commits), t.TempDir()
	wants := map[string]string{}
	for _, k := range kinds {
		m := open(t, k, dir)
		for from := 0; from < len(commits); from += batch {
			apply(t, m, commits[from:min(from+batch, len(commits))])
		}
		wants[k.Name()] = dump(t, m)
		closeModel(t, m)
	}
	if err := projections.Rebuild(t.Context(), log, dir, slog.New(slog.DiscardHandler), kinds...); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "rebuild*")); len(left) > 0 {
		t.Errorf("the rebuild left %v", left)
	}
	more := sample.Commits(201, 99)[:1] // an unrelated application goes on top of a rebuilt model
	more[0].Position = domain.Position(len(commits) + 1)
	more[0].Records[0].Position = more[0].Position
	for _, k := range kinds {
		m := open(t, k, dir)
		if diff := cmp.Diff(wants[k.Name()], dump(t, m)); diff != "" {
			t.Errorf("%s: rebuilt (+got) is not incremental (-want):\n%s", k.Name(), diff)
		}
		apply(t, m, more)
	}
	l := open(t, licenses.Kind, dir).(*licenses.Model)
	page, err := l.Search(t.Context(), licenses.Query{Text: "деятельность", Limit: 5})
	if err != nil || len(page.Licenses) != 5 {
		t.Errorf("the rebuilt register does not find words: %d, %v", len(page.Licenses), err)
	}
}

func TestInterruptedRebuildLeavesTheOldOne(t *testing.T) {
	commits := sample.Commits(50, 13)
	dir := t.TempDir()
	m := open(t, licenses.Kind, dir)
	apply(t, m, commits)
	want := dump(t, m)
	closeModel(t, m)

	log := sample.NewLog(commits)
	log.Fault = func(_ context.Context, next domain.Commit) error {
		if next.Position > 100 {
			return fmt.Errorf("a gap: %w", domain.ErrDamaged)
		}
		return nil
	}
	if err := projections.Rebuild(t.Context(), log, dir, nil, kinds...); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("rebuild from a damaged log: %v", err)
	}
	// A process that died in the middle leaves files; opening removes the model's own.
	left := filepath.Join(dir, "rebuild", "licenses-1.sqlite")
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if err := os.WriteFile(left+suffix, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := dump(t, open(t, licenses.Kind, dir)); got != want {
		t.Error("the old model was touched")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "rebuild", "*")); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestRebuildRefusesAModelInUse(t *testing.T) {
	commits := sample.Commits(5, 1)
	dir := t.TempDir()
	m := open(t, streams.Kind, dir)
	apply(t, m, commits)
	want := dump(t, m)
	if err := projections.Rebuild(t.Context(), sample.NewLog(commits), dir, nil, streams.Kind); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("rebuild of an open model: %v", err)
	}
	if dump(t, m) != want {
		t.Error("the open model changed")
	}
}
