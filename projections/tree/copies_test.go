package tree_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/tree"
)

// copies are comparisons of copies with one tree.
type copies struct {
	*testing.T
	tree *tree.Tree
}

// newCopies makes the tree of the commits, and says where.
func newCopies(t *testing.T, commits []domain.Commit) (c copies, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "tree.sqlite")
	c = copies{t, open(t, path)}
	apply(t, c.tree, commits)
	return c, path
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
	twice := sample.NewLog(changed(changed(commits, 3001), 5))
	for _, event := range []int64{3002, 6, 6} {
		if seen, _, err := c.scrub("b", twice); difference(err) != event || seen > 100 {
			t.Errorf("it is damaged behind it by now, and before it: %d events, %v, want %d", seen, err, event)
		}
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

// What is before the place where a copy turns out to be damaged is read in the next comparison, as slowly as all else,
// and not again while the damage is the same.
func TestCopyBeforeTheDamage(t *testing.T) {
	commits := history(5000, 2)
	c := copies{t, grown(t, commits)}
	for _, tt := range []struct {
		what      string
		event     int
		down      int // events before the log breaks off, 0 for never
		least, to int // events
	}{
		{"found from the first event on", 4000, 0, 3990, 4000},
		{"found again", 4000, 0, 0, 100},
		{"another one", 4001, 0, 0, 100},
		{"there may be one before, and the log breaks off", 4001, 3000, 2990, 3000},
		{"it goes on", 4001, 0, 990, 1100},
		{"there is none before", 4001, 0, 0, 100},
	} {
		log, read := sample.NewLog(changed(commits, tt.event)), 0
		log.Fault = func(_ context.Context, commit domain.Commit) error {
			if tt.down > 0 && read+len(commit.Records) > tt.down {
				return domain.ErrUnavailable
			}
			read += len(commit.Records)
			return nil
		}
		seen, _, err := c.scrub("a", log)
		if tt.down == 0 && difference(err) != int64(tt.event)+1 || seen < tt.least || seen > tt.to || read > seen+100 {
			t.Errorf("%s: %d events compared of %d read, %v", tt.what, seen, read, err)
		}
	}
}

// That a copy is damaged is known after a restart, until it was compared from the first event on.
func TestDamagedCopiesAreNoted(t *testing.T) {
	commits := history(5000, 2)
	all := len(records(commits))
	c, path := newCopies(t, commits)
	damaged := func(what string, want ...string) {
		t.Helper()
		if err := c.tree.Close(); err != nil {
			t.Fatal(err)
		}
		c.tree = open(t, path)
		got, err := c.tree.DamagedCopies(t.Context())
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	for _, name := range []string{"b", "a"} {
		if _, _, err := c.scrub(name, sample.NewLog(changed(commits, 3000))); difference(err) != 3001 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := c.scrub("c", sample.NewLog(commits[:4000])); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("behind: %v", err)
	}
	damaged("two are", "a", "b")
	c.sound("mended, from where the damage was", "b", sample.NewLog(commits), all-3001, false)
	damaged("one is whole from there on", "a", "b")
	c.sound("mended, from the first event", "b", sample.NewLog(commits), all, true)
	damaged("one is whole", "a")
}

// A copy that is behind is not damaged, and gone on with where it ended.
func TestCopyBehind(t *testing.T) {
	commits := history(5000, 2)
	all := len(records(commits))
	c, path := newCopies(t, commits)
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
		c := copies{t, spoiled(t, commits, change)}
		_, _, err := c.scrub("a", sample.NewLog(commits))
		if d := (*tree.Difference)(nil); !errors.Is(err, domain.ErrDamaged) || errors.As(err, &d) && !d.Tree {
			t.Errorf("%s: %v", change, err)
		}
	}
}
