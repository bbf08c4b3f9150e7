package tree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// copies is a table that came later. A program that does not know it leaves it as it is.
const copies = `
	-- How far the last comparison with each copy of the log came, where several servers have one.
	CREATE TABLE IF NOT EXISTS copies (name TEXT PRIMARY KEY, scrubbed INTEGER NOT NULL) STRICT;`

// Copy is one of several copies of the log, each on a server of its own.
type Copy struct {
	// Name is the server's.
	Name string
	// Log is what the server has. It says ErrDamaged of nothing that has only not come to it yet.
	Log domain.Log
	// Patience is how long what is in the tree may still take to come to the server.
	Patience time.Duration
}

// ScrubCopy is Scrub of one copy of the log. Each copy is gone on with where its own last comparison was broken off;
// whole says that this one began with the first event and came to the end of the tree. A *Difference names the first
// place at which the copy is damaged, or the tree. A copy that does not reach the end of the tree is behind, which is
// no damage but domain.ErrUnavailable: the next comparison goes on there.
func (t *Tree) ScrubCopy(ctx context.Context, copied Copy, perSecond int, each func(events int)) (whole bool, err error) {
	written, _ := t.Written()
	if written.Events == 0 {
		return true, nil
	}
	from, err := t.scrubbedCopy(ctx, copied.Name)
	if err != nil {
		return false, err
	}
	c, err := t.compare(ctx, holding, from)
	if err != nil {
		return false, err
	}
	began := c.same.Events
	note := func(ctx context.Context, events int64) error {
		return t.jot(ctx, "INSERT OR REPLACE INTO copies VALUES (?, ?)", copied.Name, events)
	}
	if err = c.copied(ctx, copied, written, perSecond, each, note); err == nil {
		return began == 0, note(ctx, 0)
	}
	reached := c.same.Events
	if began > 0 && errors.Is(err, domain.ErrDamaged) { // there may be something before where it began
		if before, first := t.firstIn(ctx, copied.Log, reached+1); errors.Is(first, domain.ErrDamaged) {
			reached, err = before, first
		}
	}
	return false, errors.Join(err, note(context.WithoutCancel(ctx), reached))
}

// copied goes through a copy up to the end of the tree: what the copy has at once, and what has still to come to it
// for as long as the patience lasts.
func (c *comparison) copied(ctx context.Context, copied Copy, written Extent, perSecond int, each func(int), note func(context.Context, int64) error) error {
	head, err := copied.Log.Head(ctx)
	if err != nil {
		return err
	}
	behind := func(err error) error {
		return fmt.Errorf("its copy of the log ends at position %d, the tree at %d: %w: %w", head, written.Position, domain.ErrUnavailable, err)
	}
	if head < c.same.Position {
		return behind(fmt.Errorf("it was read up to position %d before", c.same.Position))
	}
	if err := c.slowly(ctx, copied.Log, written.Events, min(head, written.Position), perSecond, each, note); err != nil {
		return err
	}
	if head < written.Position {
		patient, cancel := context.WithTimeout(ctx, copied.Patience)
		defer cancel()
		err := c.slowly(patient, copied.Log, written.Events, written.Position, perSecond, each, note)
		if err != nil && patient.Err() != nil && ctx.Err() == nil && !errors.Is(err, domain.ErrDamaged) {
			return behind(context.Cause(patient))
		}
		if err != nil {
			return err
		}
	}
	return c.end(written)
}

// firstIn compares a copy with the tree from the first event on, before the event with the index, and says how far
// they are the same.
func (t *Tree) firstIn(ctx context.Context, log domain.Log, before int64) (same int64, err error) {
	written, _ := t.Written()
	c, err := t.compare(ctx, holding, 0)
	if err != nil {
		return 0, err
	}
	err = c.to(ctx, log, min(before, written.Events), written.Position, nil)
	return c.same.Events, err
}

func (t *Tree) scrubbedCopy(ctx context.Context, name string) (events int64, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT scrubbed FROM copies WHERE name = ?", func(stmt *sqlite.Stmt) error {
			events = stmt.ColumnInt64(0)
			return nil
		}, name)
	})
	return max(events, 0), err
}
