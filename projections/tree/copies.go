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

// copies are tables that came later. A program that does not know them leaves them as they are.
const copies = `
	-- How far the last comparison with each copy of the log came, where several servers have one.
	CREATE TABLE IF NOT EXISTS copies (name TEXT PRIMARY KEY, scrubbed INTEGER NOT NULL) STRICT;
	-- The copies in which damage was found, until they are whole from the first event on.
	CREATE TABLE IF NOT EXISTS damaged_copies (
		name  TEXT PRIMARY KEY,
		event INTEGER NOT NULL -- number of the one at which it was found last
	) STRICT;`

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
// place it came to at which the copy is damaged, or the tree. There may be others before where it began: where the place
// is a new one the next comparison begins with the first event, and the one after with the place that was found then. A
// copy that does not reach the end of the tree is behind, which is no damage but domain.ErrUnavailable: the next
// comparison goes on there.
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
		if began == 0 {
			err = t.jot(ctx, "DELETE FROM damaged_copies WHERE name = ?", copied.Name)
		}
		return began == 0 && err == nil, errors.Join(err, note(ctx, 0))
	}
	reached := c.same.Events
	d := (*Difference)(nil)
	if errors.As(err, &d) && !d.Tree && began > 0 {
		if wrong := t.wrongMark(ctx, copied.Log, began); errors.As(wrong, &d) {
			return false, wrong
		}
	}
	ctx = context.WithoutCancel(ctx)
	if d != nil && !d.Tree {
		known, noted := t.noteDamage(ctx, copied.Name, d.Event)
		if err = errors.Join(err, noted); began > 0 && !known {
			reached = 0
		}
	}
	return false, errors.Join(err, note(ctx, reached))
}

// wrongMark is the tree's own damage where it has noted wrongly from where the event comes. It begins before that, and,
// as long as nothing is the same there either, as far again before.
func (t *Tree) wrongMark(ctx context.Context, log domain.Log, event int64) error {
	written, _ := t.Written()
	for before := event - 1; ; {
		c, err := t.compare(ctx, holding, before)
		if err != nil {
			return err
		}
		began := c.same.Events
		err = c.to(ctx, log, min(event+1, written.Events), written.Position, nil)
		d := (*Difference)(nil)
		switch {
		case errors.As(err, &d) && d.Tree:
			return err
		case d == nil || c.same.Events > began || began == 0:
			return nil
		}
		before = max(0, began-2*(event-began))
	}
}

// noteDamage notes the event at which damage was found in a copy. known says that it was found there the last time.
func (t *Tree) noteDamage(ctx context.Context, name string, event int64) (known bool, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT 1 FROM damaged_copies WHERE name = ? AND event = ?", func(*sqlite.Stmt) error {
			known = true
			return nil
		}, name, event)
	})
	if err == nil && !known {
		err = t.jot(ctx, "INSERT OR REPLACE INTO damaged_copies VALUES (?, ?)", name, event)
	}
	return known, err
}

// DamagedCopies are the copies in which ScrubCopy found damage, at any time, and which were not found to be whole from
// the first event on since.
func (t *Tree) DamagedCopies(ctx context.Context) (names []string, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT name FROM damaged_copies ORDER BY name", func(stmt *sqlite.Stmt) error {
			names = append(names, stmt.ColumnText(0))
			return nil
		})
	})
	return names, err
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
	if err := c.slowly(ctx, copied.Log, written.Events, head, perSecond, each, note); err != nil {
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

func (t *Tree) scrubbedCopy(ctx context.Context, name string) (events int64, err error) {
	err = t.view(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, "SELECT scrubbed FROM copies WHERE name = ?", func(stmt *sqlite.Stmt) error {
			events = stmt.ColumnInt64(0)
			return nil
		}, name)
	})
	return max(events, 0), err
}
