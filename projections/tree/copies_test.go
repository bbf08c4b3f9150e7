package tree_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/tree"
)

// copies are comparisons of copies with one tree.
type copies struct {
	*testing.T
	tree *tree.Tree
}

// scrub compares a copy, and gives how many events that took.
func (c copies) scrub(name string, log domain.Log) (seen int, whole bool, err error) {
	whole, err = c.tree.ScrubCopy(c.Context(), tree.Copy{Name: name, Log: log, Patience: time.Millisecond}, 1e9, func(n int) { seen += n })
	return seen, whole, err
}

// sound wants a copy to be found whole, after so many events, but for marks.
func (c copies) sound(what, name string, log domain.Log, want int, whole bool) {
	c.Helper()
	if seen, is, err := c.scrub(name, log); err != nil || is != whole || seen < want || seen > want+100 {
		c.Errorf("%s: %d events compared instead of %d, whole %t, %v", what, seen, want, is, err)
	}
}

// Each copy is compared by itself, and what is wrong with one is said of that one alone.
func TestScrubCopies(t *testing.T) {
	commits := history(5000, 2)
	all := len(records(commits))
	c := copies{t, grown(t, commits)}
	log := sample.NewLog(commits)
	c.sound("a copy", "a", log, all, true)
	if _, whole, err := c.scrub("b", sample.NewLog(changed(commits, 3000))); difference(err) != 3001 || whole {
		t.Errorf("one event is another one: %v", err)
	}
	c.sound("the copy beside it", "a", log, all, true)
	if seen, _, err := c.scrub("b", sample.NewLog(changed(commits, 3000))); difference(err) != 3001 || seen > 100 {
		t.Errorf("it is not looked at first where the damage was: %d events, %v", seen, err)
	}
	if _, _, err := c.scrub("b", sample.NewLog(changed(changed(commits, 3000), 5))); difference(err) != 6 {
		t.Errorf("what else is damaged by now, before it: %v", err)
	}
	if _, _, err := c.scrub("b", sample.NewLog(slices.Delete(slices.Clone(commits), 2000, 2001))); difference(err) != int64(len(records(commits[:2000])))+1 {
		t.Errorf("a commit is gone: %v", err)
	}
	c.sound("mended, from where the damage was", "b", log, all-len(records(commits[:2000])), false)
	c.sound("mended, from the first event", "b", log, all, true)
	if err := c.tree.Check(t.Context(), log); err != nil {
		t.Errorf("the log itself: %v", err)
	}
}

// A copy that is behind is not damaged, and gone on with where it ended.
func TestCopyBehind(t *testing.T) {
	commits := history(5000, 2)
	all := len(records(commits))
	path := filepath.Join(t.TempDir(), "tree.sqlite")
	c := copies{t, open(t, path)}
	apply(t, c.tree, commits)
	behind := func(what string, log domain.Log) {
		t.Helper()
		if _, _, err := c.scrub("a", log); !errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	behind("nothing is there yet", sample.NewLog(nil))
	behind("a part is there", sample.NewLog(commits[:4000]))
	behind("less than there was", sample.NewLog(commits[:3000]))
	if err := c.tree.Close(); err != nil {
		t.Fatal(err)
	}
	c.tree = open(t, path)
	c.sound("the rest has come", "a", sample.NewLog(commits), all-len(records(commits[:4000])), false)
	c.sound("a new round", "a", sample.NewLog(commits), all, true)

	coming := sample.NewLog(commits[:4999])
	coming.Fault = func(_ context.Context, commit domain.Commit) error {
		if commit.Position == commits[4998].Position {
			coming.Append(commits[4999])
		}
		return nil
	}
	if _, err := c.tree.ScrubCopy(t.Context(), tree.Copy{Name: "b", Log: coming, Patience: time.Minute}, 1e9, func(int) {}); err != nil {
		t.Errorf("the end comes while it is compared: %v", err)
	}
	cut := history(5000, 2)[:4000]
	if err := c.tree.Cut(t.Context(), tree.Extent{Events: int64(len(records(cut))), Position: cut[3999].Position}); err != nil {
		t.Fatal(err)
	}
	c.sound("a loss was declared", "a", sample.NewLog(cut), len(records(cut)), true)
}

// Damage of the tree's own file is not laid to a copy.
func TestCopyBesideADamagedTree(t *testing.T) {
	commits := history(3000, 2)
	for _, change := range []string{"UPDATE hashes SET data = zeroblob(length(data)) WHERE row = 2", "DELETE FROM hashes WHERE row = 3"} {
		path := filepath.Join(t.TempDir(), "tree.sqlite")
		tr := open(t, path)
		apply(t, tr, commits)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
		if err == nil {
			err = errors.Join(sqlitex.ExecuteScript(conn, change, nil), conn.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		c := copies{t, open(t, path)}
		_, _, err = c.scrub("a", sample.NewLog(commits))
		if d := (*tree.Difference)(nil); !errors.Is(err, domain.ErrDamaged) || errors.As(err, &d) && !d.Tree {
			t.Errorf("%s: %v", change, err)
		}
	}
}
