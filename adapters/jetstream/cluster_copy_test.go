package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// copied are three servers with a log of several blocks, of which one, not the leader, is to be damaged.
type copied struct {
	*testing.T
	nodes  *natstest.Nodes
	store  *jetstream.Cluster
	victim *natstest.Node
	blocks string   // folder of the victim's
	ids    []string // of the events, one in each commit
}

func newCopied(t *testing.T) *copied {
	c := &copied{T: t, nodes: startNodes(t)}
	c.store = connect(t, at(t, c.nodes))
	c.append(24)
	c.victim = c.nodes.All[0]
	if c.victim == leader(t, c.nodes) {
		c.victim = c.nodes.All[1]
	}
	c.blocks = jetstream.ClusterBlockDir(c.victim.Dir)
	return c
}

// append appends commits of which nine fill a block.
func (c *copied) append(n int) {
	c.Helper()
	for range n {
		events := storetest.Events(1)
		events[0].Data = json.RawMessage(`"` + strings.Repeat("x", 900_000) + `"`)
		if _, err := c.store.Append(c.Context(), storetest.Stream("big"), uint64(len(c.ids)), events); err != nil {
			c.Fatal(err)
		}
		c.ids = append(c.ids, events[0].ID.String())
	}
}

// read reads every copy, and gives how many commits came of each and how it ended.
func (c *copied) read() (commits map[string]int, ended map[string]error) {
	c.Helper()
	copies, err := c.store.Copies(c.Context())
	if err != nil || len(copies) != 3 {
		c.Fatalf("%d copies, %v", len(copies), err)
	}
	commits, ended = map[string]int{}, map[string]error{}
	for _, one := range copies {
		commits[one.Name()], ended[one.Name()] = through(c.Context(), one, c.ids)
	}
	return commits, ended
}

// through reads a copy up to its end.
func through(ctx context.Context, log domain.Log, ids []string) (n int, err error) {
	head, err := log.Head(ctx)
	if err != nil || head == 0 {
		return 0, err
	}
	for commit, err := range log.Follow(ctx, 0) {
		if err != nil {
			return n, err
		}
		if commit.Records[0].ID.String() != ids[n] {
			return n, errors.New("another commit comes")
		}
		if n++; commit.Position == head {
			break
		}
	}
	return n, nil
}

// want wants the victim's copy to be damaged behind so many commits, 24 for not at all, and the others to be whole.
func (c *copied) want(what string, whole int) {
	c.Helper()
	commits, ended := c.read()
	for name, n := range commits {
		err := ended[name]
		switch {
		case name != c.victim.Name || whole == len(c.ids):
			if err != nil || n != len(c.ids) {
				c.Errorf("%s: of %s %d commits come, %v", what, name, n, err)
			}
		case !errors.Is(err, domain.ErrDamaged) || n != whole || !strings.Contains(err.Error(), name):
			c.Errorf("%s: of %s %d commits come instead of %d, %v", what, name, n, whole, err)
		}
	}
}

// restart does something to the victim's disk while it is stopped.
func (c *copied) restart(change func()) {
	c.Helper()
	c.victim.Stop(c.T)
	change()
	c.victim.Start(c.T)
	c.victim.Ready(c.T)
}

// refill has the others fill the victim's disk anew, as an operator does who replaces it.
func (c *copied) refill() {
	c.Helper()
	c.restart(func() { c.victim.Wipe(c.T) })
	c.want("filled by the others", len(c.ids))
}

// A consumer reads what its own server has: what one of three lost is seen there and nowhere else, whatever is
// wrong with its files, while it runs and after it was started again. The server itself says that all is well.
func TestCopyIsDamaged(t *testing.T) {
	t.Parallel()
	c := newCopied(t)
	c.want("nothing was done", 24)

	c.restart(func() {}) // what it read a moment ago it has in its memory
	flipBit(t, c.blocks, []byte(c.ids[2]))
	c.want("a bit turned while it runs", 2)
	c.follows()
	c.restart(func() {})
	c.want("a bit turned before its start", 2)
	c.restart(func() { c.remove("index.db") })
	c.want("a bit turned, and its index is gone", 2)
	c.refill()

	c.restart(func() { c.remove("2.blk") })
	c.want("a block in the middle is gone", 9)
	c.refill()

	c.restart(func() { c.truncate("1.blk") })
	c.want("a block was cut", 8)
	c.refill()

	old := c.block("3.blk")
	c.append(6)
	c.restart(func() {
		if err := os.WriteFile(filepath.Join(c.blocks, "3.blk"), old, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	c.want("a block is an older copy", 24)
	c.leads() // last: filled anew after that, it numbers its blocks in another way
}

func (c *copied) block(name string) []byte {
	data, err := os.ReadFile(filepath.Join(c.blocks, name))
	if err != nil {
		c.Fatal(err)
	}
	return data
}

// follows makes sure that the log itself is followed from others once the copy is known to be damaged, by who comes
// and by who is there.
func (c *copied) follows() {
	c.Helper()
	copies, err := c.store.Copies(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	for _, one := range copies {
		one.Avoid(one.Name() == c.victim.Name)
	}
	for range 8 { // one would do by chance in two of three
		if n, err := through(c.Context(), c.store, c.ids); err != nil || n != len(c.ids) {
			c.Errorf("the log: %d commits, %v", n, err)
		}
	}
	if on := c.store.FollowedFrom(c.T, 12); on[c.victim.Name] > 0 || len(on) != 2 {
		c.Errorf("the log is followed from %v, and %s is damaged", on, c.victim.Name)
	}
	for _, one := range copies {
		one.Avoid(false)
	}
	if on := c.store.FollowedFrom(c.T, 40); on[c.victim.Name] == 0 {
		c.Errorf("the log is followed from %v, and %s is whole again", on, c.victim.Name)
	}
}

// leads has the victim, which knows of its hole, lead: then no start goes well until another one does.
func (c *copied) leads() {
	c.Helper()
	js := operator(c.T, c.nodes)
	stepDown := func(until func(leads bool) bool, placement string) {
		for !until(leader(c.T, c.nodes) == c.victim) {
			if _, err := js.Conn().Request("$JS.API.STREAM.LEADER.STEPDOWN.TIZILIM", []byte(placement), time.Second); err != nil && c.Context().Err() != nil {
				c.Fatal(err)
			}
		}
	}
	stepDown(func(leads bool) bool { return leads }, `{"placement":{"preferred":"`+c.victim.Name+`"}}`)
	s, err := jetstream.Connect(c.Context(), at(c.T, c.nodes))
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "as server "+c.victim.Name+" has it, which leads") {
		c.Errorf("the damaged server leads: %v", err)
	}
	stepDown(func(leads bool) bool { return !leads }, "")
	connect(c.T, at(c.T, c.nodes))
}

func (c *copied) remove(block string) {
	if err := os.Remove(filepath.Join(c.blocks, block)); err != nil {
		c.Fatal(err)
	}
}

func (c *copied) truncate(block string) {
	file := filepath.Join(c.blocks, block)
	info, err := os.Stat(file)
	if err == nil {
		err = os.Truncate(file, info.Size()-100)
	}
	if err != nil {
		c.Fatal(err)
	}
}

// What the others can give a server by themselves is none: an older copy of all its files, the end of the log, or
// all of it. Nor is a copy damaged whose server is away or asleep, or has a slow disk.
func TestCopyIsBehind(t *testing.T) {
	t.Parallel()
	c := newCopied(t)
	c.stalls()
	old := filepath.Join(t.TempDir(), "old")
	c.restart(func() {
		if err := os.CopyFS(old, os.DirFS(c.victim.Dir)); err != nil {
			t.Fatal(err)
		}
	})
	c.append(6)
	c.restart(func() {
		c.victim.Wipe(t)
		if err := os.Rename(old, c.victim.Dir); err != nil {
			t.Fatal(err)
		}
	})
	c.caughtUp()
	c.want("an older copy of its files", len(c.ids))

	away := func(what string) {
		t.Helper()
		commits, ended := c.read()
		for name, err := range ended {
			if name == c.victim.Name {
				if !errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrDamaged) {
					t.Errorf("%s: %v", what, err)
				}
			} else if err != nil || commits[name] != len(c.ids) {
				t.Errorf("%s: of %s %d commits come, %v", what, name, commits[name], err)
			}
		}
	}
	c.victim.Pause(t)
	away("it sleeps")
	c.victim.Resume(t)
	c.victim.Kill(t)
	away("it is away")
}

// stalls has nothing come from the victim, though it knows its head: only what it says itself is a proof.
func (c *copied) stalls() {
	c.Helper()
	copies, err := c.store.Copies(c.Context())
	if err != nil {
		c.Fatal(err)
	}
	i := slices.IndexFunc(copies, func(one *jetstream.Copy) bool { return one.Name() == c.victim.Name })
	if err := copies[i].FollowStalled(c.Context(), 5); !errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrDamaged) {
		c.Errorf("nothing comes: %v", err)
	}
	end := domain.Position(len(c.ids))
	for _, tt := range []struct {
		from, at domain.Position // 0 for a consumer that does not answer
		want     bool
	}{{6, 6, false}, {7, 6, true}, {end, end, false}, {end + 1, end, true}, {0, 6, false}} {
		if got, err := copies[i].Passed(c.T, tt.from, tt.at); got != tt.want || (err == nil) != (tt.from > 0) {
			c.Errorf("%+v: passed %t, %v", tt, got, err)
		}
	}
}

// caughtUp waits until the victim has what the others have.
func (c *copied) caughtUp() {
	c.Helper()
	for c.Context().Err() == nil {
		copies, err := c.store.Copies(c.Context())
		if err != nil {
			continue
		}
		for _, one := range copies {
			if head, err := one.Head(c.Context()); one.Name() == c.victim.Name && err == nil && int(head) == len(c.ids) {
				return
			}
		}
	}
}
