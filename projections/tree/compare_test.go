package tree_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/tree"
)

// changed gives the commits with another content of one event, the n-th from 0.
func changed(commits []domain.Commit, n int) []domain.Commit {
	commits = slices.Clone(commits)
	for i, c := range commits {
		if n < len(c.Records) {
			c.Records = slices.Clone(c.Records)
			c.Records[n].Data = json.RawMessage(`{"id":"another"}`)
			commits[i] = c
			return commits
		}
		n -= len(c.Records)
	}
	panic("no such event")
}

// difference is the first event that differs, 0 where the error is none of a difference.
func difference(err error) int64 {
	if d := (*tree.Difference)(nil); errors.As(err, &d) && !d.Tree && errors.Is(err, domain.ErrDamaged) {
		return d.Event
	}
	return 0
}

// Whatever was done to a log, both a start and a comparison of all of it name the first event at which it was.
func TestDifference(t *testing.T) {
	commits := history(200, 10)
	all := records(commits)
	tr := grown(t, commits)
	check := func(what string, log []domain.Commit, event int64) {
		t.Helper()
		err := tr.Check(t.Context(), sample.NewLog(log))
		if got := difference(err); got != event {
			t.Errorf("%s: a start tells of event %d, want %d: %v", what, got, event, err)
		}
		_, err = tr.Compare(t.Context(), sample.NewLog(log), nil)
		if got := difference(err); got != event {
			t.Errorf("%s: a comparison tells of event %d, want %d: %v", what, got, event, err)
		}
	}
	check("nothing", commits, 0)
	check("more behind it", append(slices.Clone(commits), history(201, 10)[200]), 0)
	check("all is gone", nil, 1)
	for n := range all {
		check(fmt.Sprintf("event %d changed", n+1), changed(commits, n), int64(n)+1)
	}
	before := int64(1)
	for i, c := range commits {
		check(fmt.Sprintf("commit %d left out", i+1), slices.Delete(slices.Clone(commits), i, i+1), before)
		check(fmt.Sprintf("cut before commit %d", i+1), commits[:i], before)
		if i > 0 {
			swapped := slices.Clone(commits)
			swapped[i-1], swapped[i] = c, commits[i-1]
			swapped[i-1].Position, swapped[i].Position = commits[i-1].Position, c.Position
			check(fmt.Sprintf("commits %d and %d swapped", i, i+1), swapped, before-int64(len(commits[i-1].Records)))
		}
		longer := slices.Clone(commits)
		longer[i].Records = append(slices.Clone(c.Records), domain.Record{Event: all[0].Event, Stream: c.Stream, Version: c.Version() + 1})
		check(fmt.Sprintf("more in commit %d", i+1), longer, before+int64(len(c.Records)))
		before += int64(len(c.Records))
	}
	err := tr.Check(t.Context(), sample.NewLog(changed(commits, 4)))
	if want := "event 5 of the log, at position 40 (license-3 version 2, site-removed): it is not the event that was written there"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it says: %v\nwant: %s", err, want)
	}
	err = tr.Check(t.Context(), sample.NewLog(commits[:3]))
	if want := "event 4 of the log, after position 30: it is missing, with"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it says: %v\nwant: %s", err, want)
	}
}

// A log that is too long to be looked at as a whole: its end is, and where the last scrub ended.
func TestCheckLongLog(t *testing.T) {
	commits := history(5000, 2)
	all := len(records(commits))
	tr := grown(t, commits)
	check := func(what string, log []domain.Commit, event int64) {
		t.Helper()
		err := tr.Check(t.Context(), sample.NewLog(log))
		if got := difference(err); got != event {
			t.Errorf("%s: event %d, want %d: %v", what, got, event, err)
		}
	}
	check("nothing", commits, 0)
	check("the last one changed", changed(commits, all-1), int64(all))
	check("the end is gone", commits[:4990], int64(len(records(commits[:4990])))+1)
	check("two changed, one of them at the end", changed(changed(commits, all-1), 77), 78)
	other := history(5000, 2)
	for i := range other {
		other[i].Records[0].Fingerprint = "another"
	}
	check("another log", other, 1)

	// One event in the middle: a start may miss it, a scrub does not, and the next start looks there.
	damaged := changed(commits, 3000)
	seen := 0
	if got := difference(tr.Scrub(t.Context(), sample.NewLog(damaged), 1e9, func(n int) { seen += n })); got != 3001 || seen < 2998 || seen > 3000 {
		t.Errorf("a scrub tells of event %d after %d", got, seen)
	}
	for range 5 {
		check("after the scrub", damaged, 3001)
	}
	// The next one goes on there, and every one after that begins anew, also where the log has grown.
	for pass, want := range []int{all - 3000, all, all} {
		if pass == 2 {
			apply(t, tr, history(5001, 2)[5000:])
			commits = history(5001, 2)
		}
		seen = 0
		if err := tr.Scrub(t.Context(), sample.NewLog(commits), 1e9, func(n int) { seen += n }); err != nil {
			t.Fatal(err)
		}
		if seen < want || seen > want+100 {
			t.Errorf("scrub %d compared %d events, want %d", pass+1, seen, want)
		}
	}
}

// A log that is read through the tree's guard is what was written, or an error.
func TestGuard(t *testing.T) {
	commits := history(150, 1)
	tr := grown(t, commits[:140])
	for _, after := range []domain.Position{0, 1, 100, 139} {
		var got []domain.Commit
		for c, err := range tr.Guard(sample.NewLog(commits)).Follow(t.Context(), after) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c)
		}
		if len(got) != 140-int(after) || got[0].Position != after+1 {
			t.Errorf("after %d: %d commits", after, len(got))
		}
	}
	n := len(records(commits[:60]))
	read := 0
	for _, err := range tr.Guard(sample.NewLog(changed(commits, n))).Follow(t.Context(), 0) {
		if err == nil {
			read++
		} else if difference(err) != int64(n)+1 {
			t.Error(err)
		}
	}
	if read != 60 {
		t.Errorf("%d commits were given before the damage", read)
	}
}

// A log that is watched gives all that it has, also what comes, and an error for what was changed of what the tree has.
func TestWatch(t *testing.T) {
	commits := history(3000, 1)
	tr := grown(t, commits[:2900])
	watched := func(log domain.Log, after domain.Position, until int) (read int, err error) {
		want := after + 1
		for c, err := range tr.Watch(log).Follow(t.Context(), after) {
			if err != nil {
				return read, err
			}
			if c.Position != want {
				t.Errorf("after %d: position %d comes instead of %d", after, c.Position, want)
			}
			if want, read = want+1, read+1; int(c.Position) == until {
				break
			}
		}
		return read, nil
	}
	for _, after := range []domain.Position{0, 1, 1500, 2899, 2900, 2950} {
		log := sample.NewLog(commits[:2990])
		log.Fault = func(_ context.Context, c domain.Commit) error {
			if c.Position == 2990 {
				log.Append(commits[2990:]...)
			}
			return nil
		}
		if read, err := watched(log, after, 3000); err != nil || read != 3000-int(after) {
			t.Errorf("after %d: %d commits, %v", after, read, err)
		}
	}
	n := len(records(commits[:2000]))
	for _, after := range []int{0, 1500, 1999} {
		read, err := watched(sample.NewLog(changed(commits, n)), domain.Position(after), 3000)
		if difference(err) != int64(n)+1 || read != 2000-after {
			t.Errorf("after %d: %d commits were given before the damage, %v", after, read, err)
		}
	}
	if read, err := watched(sample.NewLog(changed(commits, len(records(commits[:2950])))), 2000, 3000); err != nil || read != 1000 {
		t.Errorf("what the tree does not have: %d commits, %v", read, err)
	}
}

// spoiled is a tree of the commits whose file was changed.
func spoiled(t *testing.T, commits []domain.Commit, change string) *tree.Tree {
	t.Helper()
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
	return open(t, path)
}

// What the tree notes beside its hashes may be wrong too. That is found, or changes nothing, and is never laid to
// a log that is whole.
func TestDamagedNotes(t *testing.T) {
	commits := history(5000, 2)
	log := sample.NewLog(commits)
	for _, change := range []string{
		"UPDATE cursor SET position = position - 700", "UPDATE cursor SET position = position + 700", "UPDATE cursor SET scrubbed = 3000",
		"UPDATE marks SET after = 8192 WHERE event = 0", "UPDATE marks SET after = 64 WHERE event = 0",
		"UPDATE marks SET after = after + 64 WHERE event > 2000", "UPDATE marks SET after = after - 64 WHERE event > 2000",
		"DELETE FROM marks WHERE event > 2000", "UPDATE cursor SET scrubbed = 3000; UPDATE marks SET after = after + 4096 WHERE event > 1000",
		"INSERT INTO copies VALUES ('a', 3000); UPDATE marks SET after = after + 4096 WHERE event > 1000",
	} {
		tr := spoiled(t, commits, change)
		_, compared := tr.Compare(t.Context(), log, nil)
		for what, err := range map[string]error{
			"a start": tr.Check(t.Context(), log), "a scrub": tr.Scrub(t.Context(), log, 1e9, func(int) {}), "a comparison": compared,
		} {
			if d := (*tree.Difference)(nil); errors.As(err, &d) && !d.Tree {
				t.Errorf("%s: %s lays it to the log: %v", change, what, err)
			} else if err != nil && !errors.Is(err, domain.ErrDamaged) {
				t.Errorf("%s: %s: %v", change, what, err)
			}
		}
		_, err := tr.ScrubCopy(t.Context(), tree.Copy{Name: "a", Log: log}, 1e9, func(int) {})
		if d := (*tree.Difference)(nil); errors.As(err, &d) && !d.Tree {
			t.Errorf("%s: a scrub of a copy lays it to the copy: %v", change, err)
		}
		if names, err := tr.DamagedCopies(t.Context()); err != nil || len(names) > 0 {
			t.Errorf("%s: damaged are the copies %q, %v", change, names, err)
		}
		if moved := !strings.Contains(change, "scrubbed = 3000") && !strings.Contains(change, "event = 0"); moved && compared == nil {
			t.Errorf("%s: not found", change)
		}
	}
}

// Damage of the tree's own file is found when it is opened or by one scrub, or nothing was changed by it. And
// it is not laid to the log: a log that is whole is never called changed.
func TestDamagedFile(t *testing.T) {
	commits := history(300, 1)
	log := sample.NewLog(commits)
	path := filepath.Join(t.TempDir(), "tree.sqlite")
	tr := open(t, path)
	apply(t, tr, commits)
	written, root := tr.Written()
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// found says whether the damage is found by a start and one scrub, as a server would.
	found := func(what string, content []byte) bool {
		t.Helper()
		path := filepath.Join(t.TempDir(), "tree.sqlite")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		tr, err := tree.Open(path)
		if err == nil {
			defer tr.Close()
			err = tr.Check(t.Context(), log)
		}
		if err == nil {
			err = tr.Scrub(t.Context(), log, 1e9, func(int) {})
		}
		if err == nil {
			if now, other := tr.Written(); now != written || other != root {
				t.Errorf("%s: it is another tree, and nobody tells", what)
			}
			return false
		}
		if !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		if d := (*tree.Difference)(nil); errors.As(err, &d) && !d.Tree {
			t.Errorf("%s: laid to the log: %v", what, err)
		}
		return true
	}
	random := rand.New(rand.NewPCG(1, 2))
	damaged := 0
	const flips = 400
	for range flips {
		bit := random.IntN(8 * len(whole))
		content := slices.Clone(whole)
		content[bit/8] ^= 1 << (bit % 8)
		if found(fmt.Sprintf("bit %d of %d", bit, 8*len(whole)), content) {
			damaged++
		}
	}
	t.Logf("%d of %d flipped bits were found; the others changed nothing", damaged, flips)
	if damaged < flips/3 {
		t.Errorf("only %d of %d flipped bits were found", damaged, flips)
	}
	for _, size := range []int{0, 100, 4096, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		if !found(fmt.Sprintf("cut at %d", size), whole[:size]) {
			t.Errorf("a file of %d bytes of %d is taken for the whole one", size, len(whole))
		}
	}
}
