package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Append implements domain.EventStore. The commit is sent with the sequence of the stream's last one, which
// the leader checks, again and again until it is stored or somebody else's is: the same message cannot be
// stored twice, for the first one moves the stream on.
func (c *Cluster) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	start := time.Now()
	data, err := domain.EncodeCommit(domain.NewCommit(stream, expected, 0, events))
	if err != nil {
		return 0, err
	}
	position, err := c.append(ctx, &appending{stream: stream, expected: expected, events: events, data: data})
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", stream, err)
	}
	if c.config.OnAppend != nil {
		c.config.OnAppend(time.Since(start), len(events))
	}
	return position, nil
}

// appending is one append on its way.
type appending struct {
	stream   domain.Stream
	expected uint64
	events   []domain.Event
	data     []byte
	// after is the place the commit has to follow; fresh says that it has to be looked up anew, behind
	// whatever is stored by now.
	after place
	fresh bool
	// sent says that the commit was sent, behind the position that the stream ended with at its version.
	sent   bool
	behind domain.Position
}

// place is the end of a stream: its version, and the position of its last commit.
type place struct {
	version  uint64
	position domain.Position
}

func (c *Cluster) append(ctx context.Context, a *appending) (domain.Position, error) {
	if err := c.config.step("send"); err != nil {
		return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	doubts := 0
	for try := c.try(ctx); ; {
		position, err := c.attempt(ctx, a)
		if errors.Is(err, domain.ErrDamaged) && doubts < leaderDoubts { // it may lead no more who does not find it
			doubts, err = doubts+1, fmt.Errorf("%w: %w", errAgain, err)
		}
		if err == nil {
			if err := c.config.step("sent"); err != nil {
				return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
			}
			c.known.reach(position)
			c.places.put(a.stream, place{a.expected + uint64(len(a.events)), position})
			return position, nil
		}
		if !errors.Is(err, errAgain) {
			return 0, err
		}
		if !try.again() {
			return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, try.why(err))
		}
	}
}

// errAgain is an outcome that is not known, or that will be another one soon.
var errAgain = errors.New("not acknowledged")

// attempt sends the commit once, and gives its position where it is stored, by this attempt or by an
// earlier one.
func (c *Cluster) attempt(ctx context.Context, a *appending) (domain.Position, error) {
	if err := errors.Join(c.Writable(), ctx.Err()); err != nil {
		return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if err := c.find(ctx, a); err != nil {
		return 0, err
	}
	if a.after.version > a.expected {
		return c.repeated(ctx, a)
	}
	a.sent, a.behind = true, a.after.position
	position, err := c.publish(ctx, a)
	if err != nil {
		a.fresh = true
	}
	return position, err
}

// find finds the place that the commit has to follow. What this node knows may be behind, so a stream that
// seems to be too short is looked up again.
func (c *Cluster) find(ctx context.Context, a *appending) (err error) {
	if known, ok := c.places.get(a.stream); ok && !a.fresh && known.version == a.expected {
		a.after = known
		return nil
	}
	a.after, err = c.end(ctx, a, a.fresh)
	if err == nil && a.after.version < a.expected && !a.fresh {
		a.after, err = c.end(ctx, a, true)
	}
	switch {
	case errors.Is(err, domain.ErrUnavailable):
		return fmt.Errorf("%w: %w", errAgain, err)
	case err == nil && a.after.version < a.expected:
		return conflict(a)
	}
	return err
}

func conflict(a *appending) error {
	return fmt.Errorf("%s is not at version %d: %w", a.stream, a.expected, domain.ErrConflict)
}

// end is the end of the stream as far as this node knows, or as the leader does where it is to be fresh. Of
// a stream that is longer than the append expects it is any place beyond.
func (c *Cluster) end(ctx context.Context, a *appending, fresh bool) (place, error) {
	head := c.followed.position()
	if fresh {
		var err error
		if head, err = c.asked.wait(ctx); err != nil {
			return place{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		}
	}
	s := c.source(head)
	if index, _, err := s.tail.of(a.stream); err != nil || index == nil || fresh && !c.follows(ctx, head) {
		version, position, err := c.leaderEnd(ctx, s, a.stream)
		return place{version, position}, err
	}
	var at place
	err := s.read(ctx, a.stream, max(a.expected, 1), func(r domain.Record) bool {
		at = place{r.Version, r.Position}
		return r.Version <= a.expected
	})
	return at, err
}

// leaderEnd asks the leader for the end of a stream.
func (c *Cluster) leaderEnd(ctx context.Context, s source, stream domain.Stream) (uint64, domain.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	return s.last(ctx, stream)
}

// publish sends the commit and waits for its acknowledgement: then most of the servers have it on their
// disks.
func (c *Cluster) publish(ctx context.Context, a *appending) (domain.Position, error) {
	m := nats.NewMsg(subject(a.stream))
	m.Data = a.data
	m.Header[jetstream.ExpectedStreamHeader] = []string{streamName}
	m.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(uint64(a.after.position), 10)}
	inner, cancel := context.WithTimeout(ctx, clusterRequest)
	defer cancel()
	ack, err := c.write.js.PublishMsg(inner, m, jetstream.WithRetryAttempts(0))
	if err == nil {
		err = c.config.step("acknowledged")
	}
	var refused *jetstream.APIError
	switch {
	case err == nil:
		c.write.answered()
		return domain.Position(ack.Sequence), nil
	case errors.As(err, &refused) && wrongSequence(refused):
		c.write.refused() // whose commit is there will be seen
	case ctx.Err() == nil:
		c.write.failed()
	}
	return 0, fmt.Errorf("%w: %w", errAgain, err)
}

// wrongSequence: the stream has moved on, or a commit to it is being stored.
func wrongSequence(err *jetstream.APIError) bool {
	return err.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || err.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant
}

// repeated finds out whether the stream has moved on by this very append, and gives its position. What it
// compares is in the log for good, however far behind this node may be.
func (c *Cluster) repeated(ctx context.Context, a *appending) (domain.Position, error) {
	stored, err := c.next(ctx, a)
	switch {
	case errors.Is(err, domain.ErrUnavailable):
		return 0, fmt.Errorf("%w: %w", errAgain, err)
	case err != nil:
		return 0, err
	case sameCommit(stored, a.expected, a.events):
		return stored[0].Position, nil
	}
	return 0, conflict(a)
}

// next is the commit that follows the version the append expects, in a stream that is longer. Where the
// append was sent, the leader knows it by the place it was sent behind: the tail may not be there yet.
func (c *Cluster) next(ctx context.Context, a *appending) ([]domain.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	s := c.source(a.after.position)
	if a.sent {
		m, err := c.read.log.GetMsg(ctx, uint64(a.behind)+1, jetstream.WithGetMsgSubject(subject(a.stream)))
		if err != nil {
			return nil, s.unavailable(err) // it is there: who does not find it leads no more
		}
		commit, err := decode(m.Sequence, m.Subject, m.Data)
		return commit.Records, err
	}
	var stored []domain.Record
	yield := func(r domain.Record) bool {
		if len(stored) > 0 && r.Position != stored[0].Position {
			return false
		}
		stored = append(stored, r)
		return true
	}
	err := c.readTo(ctx, a.after.position, a.stream, a.expected+1, yield)
	if err == nil && len(stored) == 0 {
		err = fmt.Errorf("version %d does not come: %w", a.expected+1, domain.ErrUnavailable)
	}
	return stored, err
}

// places remembers where streams ended when this node last wrote to them. It is a hint: the leader checks.
type places struct {
	mu sync.Mutex // protects at
	at map[domain.Stream]place
}

func (p *places) get(stream domain.Stream) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.at[stream]
	return at, ok
}

func (p *places) put(stream domain.Stream, at place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil || len(p.at) >= defaultMaxHeads {
		p.at = map[domain.Stream]place{}
	}
	p.at[stream] = at
}
