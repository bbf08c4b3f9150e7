package jetstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Read implements domain.EventStore. What any node was acknowledged before is in it: the leader says how far
// the log has come, and the index and the tail have to have come as far, or the leader is read.
func (c *Cluster) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		err := c.readFrom(ctx, stream, max(from, 1), func(r domain.Record) bool { return yield(r, nil) })
		if err != nil {
			yield(domain.Record{}, fmt.Errorf("read %s: %w", stream, err))
		}
	}
}

// readFrom reads until it has the whole stream, from where it stopped when a server fails meanwhile. What is
// missing is asked for again before it is called damage: a server may lead no more and not know.
func (c *Cluster) readFrom(ctx context.Context, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	next, left, doubts := from, false, 0
	pass := func(r domain.Record) bool {
		next, left = r.Version+1, !yield(r)
		return !left
	}
	for try := c.try(ctx); ; {
		err := c.readOnce(ctx, stream, next, pass)
		if errors.Is(err, domain.ErrDamaged) && doubts < leaderDoubts {
			doubts, err = doubts+1, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		}
		if left || !errors.Is(err, domain.ErrUnavailable) {
			return err
		}
		if !try.again() {
			return try.why(err)
		}
	}
}

func (c *Cluster) readOnce(ctx context.Context, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	head, err := c.asked.wait(ctx)
	if err != nil {
		return fmt.Errorf("head of the log: %w: %w", domain.ErrUnavailable, err)
	}
	return c.readTo(ctx, head, stream, from, yield)
}

// readTo reads a stream as far as the log is known: from the index and the tail where they have come as far.
func (c *Cluster) readTo(ctx context.Context, head domain.Position, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	if _, err := domain.NewStream(stream.Category, stream.ID); err != nil {
		return err
	}
	s := c.source(head)
	if c.follows(ctx, head) {
		return s.read(ctx, stream, from, yield)
	}
	return s.readBehind(ctx, stream, from, yield)
}

// readBehind reads a stream while the tail is behind: what it does not have comes from the leader. The tail
// may be away for seconds, with the server that sent it, so nothing is asked for that is known already.
func (s source) readBehind(ctx context.Context, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	index, _, err := s.tail.of(stream)
	if err != nil {
		return err
	}
	var known lead
	left := false
	pass := func(r domain.Record) bool {
		left = !yield(r)
		return !left
	}
	if index != nil {
		err = s.read(ctx, stream, 1, func(r domain.Record) bool {
			known.add(r)
			return r.Version < from || pass(r)
		})
	}
	if left || err != nil {
		return err
	}
	return s.readLog(ctx, stream, &sequence{from: max(from, known.version+1), yield: pass}, known)
}

// tailWait is how long a read waits for the tail before it asks the leader for what is missing.
const tailWait = 50 * time.Millisecond

// follows waits a moment until the tail has come as far as head, false where it has not.
func (c *Cluster) follows(ctx context.Context, head domain.Position) bool {
	if c.followed.position() >= head {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, tailWait)
	defer cancel()
	return c.followed.wait(ctx, head)
}

// Follow implements domain.Log.
func (c *Cluster) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(c.ctx, cancel)()
		left := false
		head, err := c.Head(inner)
		if err == nil {
			err = c.source(head).follow(inner, after, func(commit domain.Commit) bool {
				left = !yield(commit, nil)
				return !left
			})
		}
		if left || ctx.Err() != nil {
			return
		}
		if c.ctx.Err() != nil {
			err = errClosed
		}
		yield(domain.Commit{}, fmt.Errorf("follow after position %d: %w", after, err))
	}
}

// keepTail follows the log for the tail. What is damaged stays so, and nothing is written behind it.
func (c *Cluster) keepTail() {
	for {
		after := c.followed.position()
		err := c.source(after).followWhole(c.ctx, after, c.remember)
		switch {
		case c.ctx.Err() != nil:
			return
		case errors.Is(err, domain.ErrDamaged):
			c.fail(fmt.Errorf("follow after position %d: %w", c.followed.position(), err))
			return
		}
		c.logger.Warn("event store: the log does not come", "position", c.followed.position(), "error", err)
		select {
		case <-time.After(lastPause):
		case <-c.closing:
		}
	}
}

// remember puts a commit behind the tail, false where it cannot.
func (c *Cluster) remember(commit domain.Commit, data []byte) bool {
	if c.config.step("tail") != nil {
		return false
	}
	c.tail.add(&stored{stream: commit.Stream, version: commit.Version(), position: commit.Position, data: data})
	c.last.Store(&lastCommit{commit.Position, data})
	c.followed.advance(commit.Position)
	return true
}

// lastCommit is the last one this node has seen, with its stored form.
type lastCommit struct {
	position domain.Position
	data     []byte
}

// clusterMark is a commit that this node has seen in the log: one that ends before it, or holds something
// else in its place, is not the log that the directory belongs to.
type clusterMark struct {
	Position domain.Position `json:"position"`
	SHA256   string          `json:"sha256"`
}

// lastMark is the commit that has to be in the log.
func (c *Cluster) lastMark() (m clusterMark, err error) {
	if !c.config.AcceptLoss {
		_, err = readJSON(filepath.Join(c.config.Dir, markName), &m)
	}
	return m, err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// recognize makes sure that the log, which ends at head, is the one that the mark was made in.
func (c *Cluster) recognize(ctx context.Context, mark clusterMark, head domain.Position) error {
	if mark.Position > head {
		return fmt.Errorf("the log ends at position %d, this node has seen position %d: %w", head, mark.Position, domain.ErrDamaged)
	}
	if head == 0 {
		return nil
	}
	if mark.Position == 0 { // a node that is new to the log
		mark.Position = head
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	m, err := c.read.log.GetMsg(ctx, uint64(mark.Position))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return fmt.Errorf("position %d is missing: %w", mark.Position, domain.ErrDamaged)
	case err != nil:
		return fmt.Errorf("position %d: %w: %w", mark.Position, domain.ErrUnavailable, err)
	case mark.SHA256 != "" && digest(m.Data) != mark.SHA256:
		return fmt.Errorf("position %d holds another commit than this node has seen there: it is another log: %w", mark.Position, domain.ErrDamaged)
	}
	c.last.Store(&lastCommit{mark.Position, m.Data})
	return nil
}

// AcceptEnd makes the present end of a log that was opened with AcceptLoss the one that this node has seen: it opens
// without that from then on. Until then the mark stays, so that nobody goes on with the log before the loss is declared.
func (c *Cluster) AcceptEnd() error {
	if seen := c.last.Load(); seen != nil {
		return c.writeMark(seen)
	}
	return nil
}

func (c *Cluster) writeMark(seen *lastCommit) error {
	return writeJSON(filepath.Join(c.config.Dir, markName), clusterMark{seen.position, digest(seen.data)})
}

// keepMark writes down each second how far this node has seen the log, and once more at the end.
func (c *Cluster) keepMark() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var marked *lastCommit
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-c.closing:
			last = true
		}
		seen := c.last.Load()
		if seen == nil || seen == marked {
			continue
		}
		if err := c.writeMark(seen); err != nil {
			c.logger.Error("event store: the mark of what was seen of the log cannot be written", "error", err)
			continue
		}
		marked = seen
	}
}
