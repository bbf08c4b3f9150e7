package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Follow implements domain.Log. Commits that are published but not flushed yet are held back.
func (s *Store) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		left := false
		err := s.follow(inner, after, func(c domain.Commit) bool {
			left = !yield(c, nil)
			return !left
		})
		if left || ctx.Err() != nil {
			return
		}
		if s.ctx.Err() != nil {
			err = errClosed
		}
		yield(domain.Commit{}, fmt.Errorf("follow after position %d: %w", after, err))
	}
}

func (s *Store) follow(ctx context.Context, after domain.Position, yield func(domain.Commit) bool) error {
	if end := s.durable.position(); after > end {
		return fmt.Errorf("the log ends at position %d: %w", end, domain.ErrDamaged)
	}
	consumer, err := s.engine.log.CreateConsumer(ctx, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(after) + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Hour,
	})
	if err != nil {
		return s.unavailable(err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(1000, 8<<20), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return s.unavailable(err)
	}
	defer s.engine.drop(consumer)
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for at := after; ; at++ {
		m, err := s.next(messages, at+1)
		if err != nil || !s.durable.wait(ctx, at+1) {
			return err
		}
		commit, err := decode(uint64(at+1), m.Subject(), m.Data())
		if err != nil || !yield(commit) {
			return err
		}
	}
}

// next takes the message at a position. The server skips what it cannot read, and sends nothing
// where that was the last, so the position is compared and silence is looked into.
func (s *Store) next(messages jetstream.MessagesContext, position domain.Position) (jetstream.Msg, error) {
	for {
		m, err := messages.Next(jetstream.NextMaxWait(requestTime))
		switch {
		case errors.Is(err, nats.ErrTimeout):
			if s.durable.position() < position {
				continue
			}
			return nil, s.missing(position)
		case err != nil:
			return nil, s.unavailable(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, s.unavailable(err)
		}
		if meta.Sequence.Stream != uint64(position) {
			return nil, s.missing(position)
		}
		return m, nil
	}
}

// missing says why a durable commit did not come: it cannot be read, or the server stalls.
func (s *Store) missing(position domain.Position) error {
	ctx, cancel := context.WithTimeout(s.ctx, requestTime)
	defer cancel()
	_, err := s.engine.log.GetMsg(ctx, uint64(position))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("position %d is missing: %w", position, domain.ErrDamaged)
	}
	return s.unavailable(fmt.Errorf("position %d did not come: %w", position, err))
}

// drop removes a consumer whose reader is gone.
func (e *engine) drop(c jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	// Where this fails the server forgets the consumer by itself, after an hour or with the process.
	_ = e.log.DeleteConsumer(ctx, c.CachedInfo().Name)
}
