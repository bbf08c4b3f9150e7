package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// Difference is the first place found at which the log is not what it was when it was written. It is
// domain.ErrDamaged, and names no person.
type Difference struct {
	// Event is the number of the event in the order of the log, from 1.
	Event int64
	// Position is that of the event, or where it is missing, of the last one before it.
	Position domain.Position
	// Found is what the log has there; its type is empty where it has nothing.
	Found domain.Record
	// Tree says that it is the tree's file that is damaged: the log has at this place what it had.
	Tree bool
	// Err is what is wrong.
	Err error
}

func (d *Difference) Error() string {
	what := fmt.Sprintf("event %d of the log, at position %d", d.Event, d.Position)
	switch {
	case d.Tree:
		what = fmt.Sprintf("the Merkle tree at event %d of the log, position %d", d.Event, d.Position)
	case d.Found.Type == "":
		what = fmt.Sprintf("event %d of the log, after position %d", d.Event, d.Position)
	default:
		what += fmt.Sprintf(" (%s version %d, %s)", d.Found.Stream, d.Found.Version, d.Found.Type)
	}
	return what + ": " + d.Err.Error()
}

// Missing says that the log ends before the event.
func (d *Difference) Missing() bool { return errors.Is(d.Err, errMissing) }

// Unwrap makes every difference domain.ErrDamaged.
func (d *Difference) Unwrap() []error { return []error{d.Err, domain.ErrDamaged} }

// What can be wrong with an event.
var (
	errMissing = errors.New("it is missing")
	errChanged = errors.New("it is not the event that was written there")
	errMore    = errors.New("there was no such event in this commit")
)

// window is how many rows of hashes a comparison reads at once.
const window = 64

// comparison goes through the log and compares each event with the tree.
type comparison struct {
	tree   *Tree
	same   Extent // what was gone through
	size   int64  // of the tree
	edge   edge   // of what was gone through, made of the log's own events
	marked int64
	buffer []byte

	hashes []byte // of the tree, from the hash with index first on
	first  int64
}

// compare begins at the last mark for which the condition holds.
func (t *Tree) compare(ctx context.Context, condition string, arg any) (*comparison, error) {
	written, _ := t.Written()
	c := &comparison{tree: t, size: written.Events}
	err := t.view(ctx, func(conn *sqlite.Conn) (err error) {
		found := false
		err = projections.Query(conn, "SELECT event, after FROM marks WHERE "+condition+" ORDER BY event DESC LIMIT 1", func(stmt *sqlite.Stmt) error {
			found = true
			c.same = Extent{stmt.ColumnInt64(0), domain.Position(stmt.ColumnInt64(1))}
			if c.same.Events == 0 { // whatever is noted, nothing is before the first event
				c.same.Position = 0
			}
			return nil
		}, arg)
		if err != nil || !found {
			return errors.Join(err, fmt.Errorf("no place to begin at: %w", domain.ErrDamaged))
		}
		c.marked = c.same.Events
		c.edge, err = loadEdge(c.same.Events, stored{conn})
		return err
	})
	return c, err
}

const (
	holding  = "event <= ?" // the marks at or before an event
	notAfter = "after <= ?" // the marks whose event is the next one after a position or an earlier one
)

// to goes through the log up to the event with the index, not included, or up to the position, whichever
// comes first. each, which may be nil, is called after every commit.
func (c *comparison) to(ctx context.Context, log domain.Log, event int64, end domain.Position, each func(Extent) error) error {
	if c.same.Events >= event || c.same.Position >= end {
		return nil
	}
	for commit, err := range log.Follow(ctx, c.same.Position) {
		if errors.Is(err, domain.ErrDamaged) {
			err = &Difference{Event: c.same.Events + 1, Position: c.same.Position, Err: err}
		}
		if err == nil {
			err = c.commit(ctx, commit)
		}
		if err == nil && each != nil {
			err = each(c.same)
		}
		if err != nil || c.same.Events >= event || c.same.Position >= end {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the log's sequence ended after position %d: %w", c.same.Position, domain.ErrUnavailable)
}

// commit compares the events of the next commit.
func (c *comparison) commit(ctx context.Context, commit domain.Commit) error {
	if c.same.Events-c.marked >= between {
		if err := c.mark(ctx); err != nil {
			return err
		}
	}
	for i, rec := range commit.Records {
		if err := c.event(ctx, c.same.Events+int64(i), rec); err != nil {
			return err
		}
	}
	c.same = Extent{c.same.Events + int64(len(commit.Records)), commit.Position}
	return nil
}

// mark compares the mark that has to be here.
func (c *comparison) mark(ctx context.Context) error {
	var after []domain.Position
	err := c.tree.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT after FROM marks WHERE event = ?", func(stmt *sqlite.Stmt) error {
			after = append(after, domain.Position(stmt.ColumnInt64(0)))
			return nil
		}, c.same.Events)
	})
	if err == nil && (len(after) != 1 || after[0] != c.same.Position) {
		err = &Difference{Event: c.same.Events + 1, Position: c.same.Position, Tree: true, Err: errors.New("its position is noted otherwise")}
	}
	c.marked = c.same.Events
	return err
}

// event compares the n-th event, from 0, and all that is stored for it.
func (c *comparison) event(ctx context.Context, n int64, rec domain.Record) error {
	different := func(err error) *Difference {
		return &Difference{Event: n + 1, Position: rec.Position, Found: rec, Err: err}
	}
	if n >= c.size {
		return different(errMore)
	}
	hash, buffer, err := leaf(c.buffer, rec)
	if c.buffer = buffer; err != nil {
		return different(err)
	}
	hashes, err := c.edge.add(n, hash)
	if err != nil {
		return err
	}
	first := tlog.StoredHashIndex(0, n)
	for level, h := range hashes {
		want, err := c.hash(ctx, first+int64(level))
		if err != nil {
			return err
		}
		if bytes.Equal(h[:], want) {
			continue
		}
		d := different(errChanged)
		d.Tree = level > 0 || c.tree.proves(ctx, n, hash)
		if d.Tree {
			d.Err = errors.New("a hash was changed")
		}
		return d
	}
	return nil
}

// hash is the tree's own hash with the index.
func (c *comparison) hash(ctx context.Context, index int64) ([]byte, error) {
	at := (index - c.first) * tlog.HashSize
	if index < c.first || at+tlog.HashSize > int64(len(c.hashes)) {
		c.first, c.hashes = index/perRow*perRow, c.hashes[:0]
		err := c.tree.view(ctx, func(conn *sqlite.Conn) error {
			row := index / perRow
			return projections.Query(conn, "SELECT row, data FROM hashes WHERE row BETWEEN ? AND ? ORDER BY row", func(stmt *sqlite.Stmt) error {
				if stmt.ColumnInt64(0) != row {
					return fmt.Errorf("row %d of the hashes is missing: %w", row, domain.ErrDamaged)
				}
				row++
				start := len(c.hashes)
				c.hashes = append(c.hashes, make([]byte, stmt.ColumnLen(1))...)
				stmt.ColumnBytes(1, c.hashes[start:])
				return nil
			}, row, row+window-1)
		})
		if err != nil {
			return nil, err
		}
		at = (index - c.first) * tlog.HashSize
	}
	if at+tlog.HashSize > int64(len(c.hashes)) {
		return nil, fmt.Errorf("hash %d of the Merkle tree is missing: %w", index, domain.ErrDamaged)
	}
	return c.hashes[at : at+tlog.HashSize], nil
}

// proves says whether the rest of the tree, its root among it, says that the n-th event has the hash.
func (t *Tree) proves(ctx context.Context, n int64, hash tlog.Hash) bool {
	written, root := t.Written()
	err := t.view(ctx, func(conn *sqlite.Conn) error {
		proof, err := tlog.ProveRecord(written.Events, n, stored{conn})
		if err == nil {
			err = tlog.CheckRecord(proof, written.Events, root, n, hash)
		}
		return err
	})
	return err == nil
}

// leaf is the tree's hash of the n-th event.
func (c *comparison) leaf(ctx context.Context, n int64) (h tlog.Hash, err error) {
	b, err := c.hash(ctx, tlog.StoredHashIndex(0, n))
	copy(h[:], b)
	return h, err
}
