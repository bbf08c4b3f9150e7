package tree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

const (
	// batch is how many events are written at once while the tree catches up.
	batch = 8192
	// between is how many events there are at least between two marks: so many, and those of a commit
	// besides, are read to look at any one of them.
	between = 64
)

// Apply implements projections.Projection. The events are in the tree when it returns, and in its file
// within the Window.
func (t *Tree) Apply(ctx context.Context, commits []domain.Commit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	if t.err != nil { // what could not be written comes first
		if err := t.write(ctx); err != nil {
			return err
		}
	}
	if err := t.take(commits); err != nil {
		return err
	}
	switch waiting := t.taken - t.written.Events; {
	case waiting == 0:
		return nil
	case t.Window == 0 || waiting >= batch:
		return t.write(ctx)
	case t.late == nil:
		t.late = time.AfterFunc(t.Window, t.writeLate)
	}
	return nil
}

var errClosed = fmt.Errorf("the Merkle tree is closed: %w", domain.ErrUnavailable)

// take puts what comes after the position into the tree in memory: each commit, or where it cannot, none
// from it on.
func (t *Tree) take(commits []domain.Commit) error {
	var buffer []byte
	for _, c := range commits {
		last := t.Position()
		if c.Position <= last {
			continue
		}
		leaves := make([]tlog.Hash, len(c.Records))
		for i, rec := range c.Records {
			var err error
			if leaves[i], buffer, err = leaf(buffer, rec); err != nil {
				return &projections.Failure{
					Projection: t.Name(), Position: c.Position, Stream: rec.Stream, Version: rec.Version, Type: rec.Type, Err: err,
				}
			}
		}
		if t.taken-t.marked >= between {
			t.marks, t.marked = append(t.marks, mark{t.taken, last}), t.taken
		}
		for _, h := range leaves {
			hashes, err := t.edge.add(t.taken, h)
			if err != nil {
				return err
			}
			for _, h := range hashes {
				t.tail = append(t.tail, h[:]...)
			}
			t.taken++
		}
		t.position.Store(uint64(c.Position))
	}
	return nil
}

// writeLate writes at the end of the window. What cannot be written is tried again with each commit that
// comes, and at the end of the next window.
func (t *Tree) writeLate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = nil
	if t.closed || t.taken == t.written.Events {
		return
	}
	if err := t.write(context.Background()); err != nil {
		t.late = time.AfterFunc(max(t.Window, time.Second), t.writeLate)
	}
}

// Err is why nothing can be written at the moment.
func (t *Tree) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Flush writes what was taken.
func (t *Tree) Flush(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	if t.taken == t.written.Events {
		return nil
	}
	return t.write(ctx)
}

// write puts what was taken into the file, in one transaction with the cursor. It is durable when write
// returns; after an error nothing of it is in the file, and it stays to be written.
func (t *Tree) write(ctx context.Context) error {
	root, err := tlog.TreeHash(t.taken, t.edge)
	if err == nil {
		t.writer.SetInterrupt(ctx.Done())
		err = transact(t.writer, func(conn *sqlite.Conn) error { return t.put(conn, root) })
		t.writer.SetInterrupt(nil)
	}
	if err != nil {
		t.err = fmt.Errorf("write the Merkle tree: %w", projections.Fault(ctx, err))
		return t.err
	}
	full := len(t.tail) / (perRow * tlog.HashSize)
	t.tail = append([]byte(nil), t.tail[full*perRow*tlog.HashSize:]...)
	t.row += int64(full)
	t.marks = nil
	t.written, t.root, t.err = Extent{t.taken, t.Position()}, root, nil
	return nil
}

func (t *Tree) put(conn *sqlite.Conn, root tlog.Hash) error {
	row := t.row
	for rest := t.tail; len(rest) > 0; row++ {
		n := min(len(rest), perRow*tlog.HashSize)
		if err := projections.Exec(conn, "INSERT OR REPLACE INTO hashes VALUES (?, ?)", row, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	for _, m := range t.marks {
		if err := projections.Exec(conn, "INSERT INTO marks VALUES (?, ?)", m.event, m.after); err != nil {
			return err
		}
	}
	return projections.Exec(conn, "UPDATE cursor SET events = ?, position = ?, root = ?", t.taken, t.Position(), root[:])
}

func transact(conn *sqlite.Conn, changes func(*sqlite.Conn) error) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	return changes(conn)
}

// Cut takes everything behind a beginning of the log out of the tree, for a loss that was declared.
func (t *Tree) Cut(ctx context.Context, to Extent) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return errClosed
	case to.Events < 0 || to.Events > t.written.Events || t.taken != t.written.Events:
		return fmt.Errorf("cut the Merkle tree of %d events at %d: %w", t.taken, to.Events, domain.ErrInvalid)
	}
	err := transact(t.writer, func(conn *sqlite.Conn) error { return cut(conn, to) })
	if err == nil {
		err = t.load()
	}
	if err != nil {
		return fmt.Errorf("cut the Merkle tree: %w", projections.Fault(ctx, err))
	}
	return nil
}

func cut(conn *sqlite.Conn, to Extent) error {
	root, err := tlog.TreeHash(to.Events, stored{conn})
	if err != nil {
		return err
	}
	count := tlog.StoredHashCount(to.Events)
	first := (count + perRow - 1) / perRow // the first row that goes
	return errors.Join(
		projections.Exec(conn, "DELETE FROM hashes WHERE row >= ?", first),
		projections.Exec(conn, "UPDATE hashes SET data = substr(data, 1, ?) WHERE row = ? AND ? > 0", count%perRow*tlog.HashSize, first-1, count%perRow),
		projections.Exec(conn, "DELETE FROM marks WHERE event >= ?", to.Events),
		projections.Exec(conn, "UPDATE cursor SET events = ?, position = ?, root = ?, scrubbed = 0", to.Events, to.Position, root[:]),
		projections.Exec(conn, "DELETE FROM copies"),
		projections.Exec(conn, "DELETE FROM damaged_copies"), // what was damage may have been what is lost
	)
}
