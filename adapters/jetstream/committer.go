package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

const (
	maxGroup      = 512      // commits that share one flush
	maxGroupBytes = 16 << 20 // well below what the server queues for a stream
)

// request is one caller's commit on its way through the committer.
type request struct {
	stored
	expected uint64
	run      *run        // nil for a commit by itself
	err      error       // why it is not stored; the committer's, then the flusher's
	done     chan answer // takes the first answer; the caller may be gone
}

type answer struct {
	position domain.Position
	err      error
}

func (r *request) answer(err error) {
	select {
	case r.done <- answer{r.position, err}:
	default: // answered before, when its outcome was not known
	}
}

// refuse answers before the group is flushed, and ends the run.
func (r *request) refuse(err error) {
	r.endRun()
	r.answer(err)
}

// endRun sees to it that nothing of the run is stored any more.
func (r *request) endRun() {
	if r.run != nil {
		r.run.over = true
	}
}

// group is what shares one flush. The accepted requests stand in the log one behind the other, up
// to position end. Refused ones are answered with the group too: whoever learns of a conflict can
// read what it lost to.
type group struct {
	requests []*request
	accepted []*request
	end      domain.Position
}

// commit is the committer: the one goroutine that writes. It takes all that wait as a group, checks
// them, publishes them, and hands the group to the flusher while it goes on with the next one.
func (s *Store) commit() {
	defer close(s.groups)
	for {
		g := s.take()
		if g == nil {
			return
		}
		s.check(g)
		if err := s.publish(g); err != nil {
			s.settle(g, err)
		}
		s.groups <- g
		s.heads.evict(s.durable.position())
	}
}

// take waits for a request and takes all that wait with it, nil when the store closes.
func (s *Store) take() *group {
	g := &group{}
	size := 0
	select {
	case r := <-s.queue:
		g.requests, size = append(g.requests, r), len(r.data)
	case <-s.closing:
		return nil
	}
	for len(g.requests) < maxGroup && size < maxGroupBytes {
		select {
		case r := <-s.queue:
			g.requests, size = append(g.requests, r), size+len(r.data)
		default:
			return g
		}
	}
	return g
}

// check gives each request its place in the log, or the reason why it has none. A request sees the
// ones before it in its own group.
func (s *Store) check(g *group) {
	refuse := s.Writable()
	for _, r := range g.requests {
		if r.err = refuse; r.err == nil {
			r.err = s.fits(r)
		}
		if r.err != nil {
			r.endRun()
			continue
		}
		s.end++
		r.position = s.end
		s.heads.set(r.stream, r.version, r.position)
		g.accepted = append(g.accepted, r)
	}
	g.end = s.end
}

// fits says why a request cannot stand behind the ones before it.
func (s *Store) fits(r *request) error {
	if r.run != nil && r.run.over {
		return fmt.Errorf("a commit that was to stand before it is not stored: %w", domain.ErrUnavailable)
	}
	head, err := s.heads.get(s.ctx, r.stream)
	if err == nil && head != r.expected {
		err = fmt.Errorf("%s is at version %d, not %d: %w", r.stream, head, r.expected, domain.ErrConflict)
	}
	return err
}

// publish sends the accepted commits and waits until the server has the last. Each one names the
// sequence it must follow, so that nothing is stored behind one that was not.
func (s *Store) publish(g *group) error {
	if len(g.accepted) == 0 {
		return nil
	}
	messages := make([]message, 0, len(g.accepted))
	for _, r := range g.accepted {
		if err := s.config.step("send"); err != nil {
			return errors.Join(err, s.publisher.send(messages))
		}
		messages = append(messages, message{subject(r.stream), uint64(r.position) - 1, r.data})
	}
	ack, err := s.publisher.ask(messages)
	if err == nil && ack.Error != nil {
		err = ack.Error
	}
	if err != nil {
		return err
	}
	if ack.Sequence != uint64(g.end) {
		return fmt.Errorf("the server stored position %d as %d", g.end, ack.Sequence)
	}
	return s.config.step("sent")
}

// settle deals with a group that may be stored in part. Its callers are told at once that the
// outcome is not known; then, before anything else is written, the store finds out where the log
// ends. What is stored goes on to be flushed like any other commit, the rest never was.
func (s *Store) settle(g *group, cause error) {
	cause = fmt.Errorf("publish: %w: %w", domain.ErrUnavailable, cause)
	s.logger.Error("event store: publish failed", "error", cause)
	s.trouble.Store(&cause)
	for _, r := range g.accepted {
		r.refuse(cause)
	}
	before := g.end - domain.Position(len(g.accepted))
	end, err := s.resolve(cause)
	if err == nil {
		err = s.ours(g, before, end)
	}
	if err != nil {
		s.fail(err)
		end = before
	}
	s.trouble.Store(nil)
	for i := len(g.accepted) - 1; i >= int(end-before); i-- {
		r := g.accepted[i]
		s.heads.set(r.stream, r.expected, end)
	}
	g.accepted = g.accepted[:end-before]
	s.end, g.end = end, end
}

// ours makes sure that the log ends with a commit of the group, or before all of them.
func (s *Store) ours(g *group, before, end domain.Position) error {
	if end < before || end > g.end {
		return fmt.Errorf("the log ends at position %d, it must be %d to %d: %w", end, before, g.end, domain.ErrDamaged)
	}
	if end == before {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, requestTime)
	defer cancel()
	m, err := s.engine.log.GetMsg(ctx, uint64(end))
	if err != nil {
		return fmt.Errorf("end of the log: %w", err)
	}
	if !bytes.Equal(m.Data, g.accepted[end-before-1].data) {
		return fmt.Errorf("position %d holds a commit of another writer: %w", end, domain.ErrDamaged)
	}
	return nil
}

// resolve asks until the server tells where the log ends. Whoever wants to write meanwhile is told
// that it cannot.
func (s *Store) resolve(cause error) (domain.Position, error) {
	for {
		end, err := s.logEnd()
		if err == nil || errors.Is(err, errLost) || s.fatal() != nil {
			return end, err
		}
		retry := time.After(100 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case r := <-s.queue:
				r.refuse(cause)
			case <-retry:
				waiting = false
			case <-s.closing:
				return 0, cause
			}
		}
	}
}

// logEnd gives the end of the log after everything that was published: a publish that can never
// succeed is refused only after those before it were dealt with.
func (s *Store) logEnd() (domain.Position, error) {
	ack, err := s.publisher.ask([]message{{subject: subjectPrefix + ".barrier.x", after: 1 << 62}})
	if err == nil && (ack.Error == nil || ack.Error.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence) {
		err = fmt.Errorf("it takes what nothing is before: %v", ack.Error)
	}
	if err != nil {
		return 0, fmt.Errorf("the server does not answer a publish as it must: %w", err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, requestTime)
	defer cancel()
	info, err := s.engine.log.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("end of the log: %w", err)
	}
	return domain.Position(info.State.LastSeq), nil
}

// flush is the flusher: it makes a group durable and only then lets anybody know of it, readers
// first, then followers, then the callers.
func (s *Store) flush() {
	defer close(s.stopped)
	for g := range s.groups {
		err := s.sync(g)
		if err == nil {
			for _, r := range g.accepted {
				s.tail.add(&r.stored)
			}
			s.durable.advance(g.end)
		}
		for _, r := range g.requests {
			if r.err == nil || err != nil {
				r.err = err
			}
			r.answer(r.err)
		}
	}
}

// sync flushes the block files of the log. After an error of the disk nobody can tell what is
// stored: nothing is acknowledged any more.
func (s *Store) sync(g *group) error {
	if err := s.fatal(); err != nil {
		return err
	}
	if len(g.accepted) == 0 || s.blocks == nil {
		return nil
	}
	for _, r := range g.accepted {
		s.published += int64(len(r.data))
	}
	err := s.config.step("flush")
	if err == nil {
		err = s.blocks.sync(s.published)
	}
	if err != nil {
		s.fail(fmt.Errorf("flush: %w", err))
	}
	return s.fatal()
}
