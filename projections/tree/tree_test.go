package tree_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/tree"
)

// history makes commits of one to three events; gap is how far their positions are apart.
func history(commits int, gap domain.Position) []domain.Commit {
	var all []domain.Commit
	versions := map[domain.Stream]uint64{}
	for i := range commits {
		stream := domain.Stream{Category: domain.LicenseCategory, ID: fmt.Sprint(i % 7)}
		events := make([]domain.Event, 1+i%5/3+i%7/6)
		for j := range events {
			events[j] = domain.Event{
				ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i, j)), Type: "site-removed", Schema: 1,
				Time: time.Date(2026, 11, 1, 9, 0, i, 0, time.UTC), Actor: domain.System,
				Data: json.RawMessage(`{"id":"` + strings.Repeat("ә", i%40) + `"}`),
			}
		}
		c := domain.NewCommit(stream, versions[stream], domain.Position(i+1)*gap, events)
		versions[stream] = c.Version()
		all = append(all, c)
	}
	return all
}

func records(commits []domain.Commit) (all []domain.Record) {
	for _, c := range commits {
		all = append(all, c.Records...)
	}
	return all
}

// open opens the tree at path, or makes it.
func open(t testing.TB, path string) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(path)
	if errors.Is(err, domain.ErrNotFound) {
		tr, err = tree.Create(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func apply(t testing.TB, tr *tree.Tree, commits []domain.Commit) {
	t.Helper()
	if err := tr.Apply(context.Background(), commits); err != nil {
		t.Fatal(err)
	}
}

// grown is a tree of the commits in a new file.
func grown(t testing.TB, commits []domain.Commit) *tree.Tree {
	t.Helper()
	tr := open(t, filepath.Join(t.TempDir(), "tree.sqlite"))
	apply(t, tr, commits)
	return tr
}

// memory keeps hashes as tlog says.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, i := range indexes {
		hashes = append(hashes, m[i])
	}
	return hashes, nil
}

// reference are the roots of the first 0, 1, 2, … records.
func reference(t *testing.T, all []domain.Record) []tlog.Hash {
	t.Helper()
	var m memory
	var roots []tlog.Hash
	for n := range len(all) + 1 {
		root, err := tlog.TreeHash(int64(n), m)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
		if n == len(all) {
			break
		}
		data, err := domain.AppendCanonical(nil, all[n])
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := tlog.StoredHashes(int64(n), data, m)
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, hashes...)
	}
	return roots
}

// The root is tlog's over the canonical bytes, at every size, however the events came and the positions lie,
// and whether the tree was closed in between.
func TestRoot(t *testing.T) {
	near, far := history(300, 1), history(300, 1000)
	roots := reference(t, records(near))
	one := open(t, filepath.Join(t.TempDir(), "tree.sqlite"))
	for _, c := range near {
		apply(t, one, []domain.Commit{c})
		if written, root := one.Written(); root != roots[written.Events] || written.Position != c.Position {
			t.Fatalf("%+v: root %s, want %s", written, root, roots[written.Events])
		}
	}
	path := filepath.Join(t.TempDir(), "tree.sqlite")
	for i := 0; i < len(far); i += 37 {
		again := open(t, path)
		apply(t, again, far[:min(i+37, len(far))]) // what it has is skipped
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, path)
	written, root := again.Written()
	if want := int64(len(roots) - 1); written.Events != want || root != roots[want] || written.Position != 300_000 || again.Position() != 300_000 {
		t.Errorf("%+v, root %s", written, root)
	}
	for n, want := range roots {
		if root, err := again.Root(t.Context(), int64(n)); err != nil || root != want {
			t.Fatalf("root of %d events: %s, %v; want %s", n, root, err, want)
		}
	}
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Error("the tree is not kept with a WAL")
	}
}

// In a window many events share a write. What was not written when the process died is taken again, and
// nothing tells that it was.
func TestWindow(t *testing.T) {
	commits := history(50, 1)
	roots := reference(t, records(commits))
	path := filepath.Join(t.TempDir(), "tree.sqlite")
	tr := open(t, path)
	tr.Window = time.Hour
	apply(t, tr, commits[:20])
	if err := tr.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	flushed, _ := tr.Written()
	for _, c := range commits[20:] {
		apply(t, tr, []domain.Commit{c})
	}
	if written, _ := tr.Written(); written != flushed || flushed.Position != 20 || tr.Position() != 50 {
		t.Errorf("written up to %d, taken up to %d", written.Position, tr.Position())
	}
	died := filepath.Join(t.TempDir(), "tree.sqlite") // what is on the disk now
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(died+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after := open(t, died)
	if written, root := after.Written(); written != flushed || root != roots[written.Events] || after.Position() != 20 {
		t.Errorf("after a crash: %+v", written)
	}
	apply(t, after, commits[20:])
	if _, root := after.Written(); root != roots[len(roots)-1] {
		t.Error("after a crash the tree became another one")
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, root := open(t, path).Written(); root != roots[len(roots)-1] {
		t.Error("what was taken was not written at the end")
	}

	late := open(t, filepath.Join(t.TempDir(), "tree.sqlite"))
	late.Window = time.Millisecond
	apply(t, late, commits)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if written, _ := late.Written(); written.Position == 50 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was written at the end of the window")
		}
	}
}

// A declared loss takes the end off; what grows from there is as if it had never been.
func TestCut(t *testing.T) {
	commits := history(400, 3)
	all := records(commits)
	roots := reference(t, all)
	log := sample.NewLog(commits)
	for _, keep := range []int{0, 1, 63, 64, 65, 126, 200, 399, 400} {
		path := filepath.Join(t.TempDir(), "tree.sqlite")
		tr := open(t, path)
		apply(t, tr, commits)
		to := tree.Extent{}
		if keep > 0 {
			to = tree.Extent{Events: int64(len(records(commits[:keep]))), Position: commits[keep-1].Position}
		}
		if err := tr.Cut(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if written, root := tr.Written(); written != to || root != roots[to.Events] || tr.Position() != to.Position {
			t.Fatalf("cut at %+v: %+v", to, written)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		tr = open(t, path)
		apply(t, tr, commits)
		if _, root := tr.Written(); root != roots[len(all)] {
			t.Errorf("grown again from %d commits, it is another one", keep)
		}
		if _, err := tr.Compare(t.Context(), log, nil); err != nil {
			t.Errorf("grown again from %d commits: %v", keep, err)
		}
	}
	tr := grown(t, commits)
	if err := tr.Cut(t.Context(), tree.Extent{Events: int64(len(all)) + 1}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("cut behind the end: %v", err)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "tree.sqlite")
	if _, err := tree.Open(path); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
	apply(t, open(t, path), history(3, 1))
	if _, err := tree.Create(path); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("made twice: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for name, content := range map[string][]byte{"empty": nil, "text": bytes.Repeat([]byte("text"), 2000)} {
		path := filepath.Join(t.TempDir(), "tree.sqlite")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tree.Open(path); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := open(t, filepath.Join(t.TempDir(), "tree.sqlite"))
	log := sample.NewLog(history(3, 1))
	for range empty.Guard(log).Follow(t.Context(), 0) {
		t.Error("the guard of an empty tree gives something")
	}
	if err := errors.Join(empty.Check(t.Context(), log), empty.Scrub(t.Context(), log, 1, nil)); err != nil {
		t.Errorf("an empty tree: %v", err)
	}
	closed := open(t, filepath.Join(t.TempDir(), "tree.sqlite"))
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := closed.Apply(t.Context(), history(1, 1)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
}
