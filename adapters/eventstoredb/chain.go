package eventstoredb

import (
	"fmt"
	"sync"

	"github.com/tizilim/tizilim/domain"
)

// chain is what a follower knows of the streams it has passed: the position of the last commit of each,
// and the stream's version there. It grows with the streams that were written to after the beginning,
// some 30 bytes for each.
type chain struct {
	start domain.Position
	tails map[domain.Position]uint64
}

// check finds out whether the commit follows the one before it on its stream. A predecessor at or before
// the beginning is not the follower's to judge; any other it must have seen.
func (c *chain) check(commit domain.Commit, after domain.Position) error {
	if after > c.start {
		version, seen := c.tails[after]
		if first := commit.Records[0].Version; !seen || version != first-1 {
			return fmt.Errorf("position %d: %s goes on at version %d, its commit at position %d is missing: %w",
				commit.Position, commit.Stream, first, after, domain.ErrDamaged)
		}
		delete(c.tails, after)
	}
	c.tails[commit.Position] = commit.Version()
	return nil
}

// maxTips bounds the memory of tips; some 150 bytes each.
const maxTips = 100_000

// tips knows where the last commit of streams is that this process has read or written, so that an
// append seldom has to look. Other nodes may have written since: what is known stays true of its version.
type tips struct {
	mu    sync.Mutex // protects known
	known map[domain.Stream]tip
}

type tip struct {
	version  uint64
	position domain.Position
}

// at gives the position of the commit that ends at the version, where it is known.
func (t *tips) at(stream domain.Stream, version uint64) (domain.Position, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.known[stream]
	return known.position, known.version == version
}

func (t *tips) set(stream domain.Stream, version uint64, position domain.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[stream].version >= version {
		return
	}
	if len(t.known) >= maxTips { // any: it is only looked up again
		for other := range t.known {
			if delete(t.known, other); len(t.known) < maxTips*9/10 {
				break
			}
		}
	}
	t.known[stream] = tip{version, position}
}
