package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

const (
	fetchCommits = 2000    // in one request of a follower
	firstCommits = 128     // in its first one; many look at a few commits and go
	fetchBytes   = 8 << 20 // well below what makes the server cut a connection off
	// silence is how long a durable commit may be on its way before a follower looks into it.
	silence = time.Second
	// retries is how often a follower starts anew for one and the same commit.
	retries = 3
)

// Follow implements domain.Log. Commits that are published but not flushed yet are held back.
func (s *Store) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		at, passed, left := after, 0, false
		pass := func(c domain.Commit) bool {
			left = !yield(c, nil)
			at, passed = c.Position, passed+1
			return !left
		}
		var err error
		if s.farBehind(after) {
			err = s.source().follow(inner, at, func(c domain.Commit) bool { return pass(c) && passed < s.config.few })
			if err == nil && !left {
				at = s.readBlocks(inner, at, pass)
			}
		}
		if err == nil && !left {
			err = s.source().follow(inner, at, pass)
		}
		if left || ctx.Err() != nil {
			return
		}
		if s.ctx.Err() != nil {
			err = errClosed
		}
		yield(domain.Commit{}, fmt.Errorf("follow after position %d: %w", after, err))
	}
}

// follow passes on commits until yield has had enough, or until what it returns.
func (s source) follow(ctx context.Context, after domain.Position, yield func(domain.Commit) bool) error {
	if end := s.durable(); after > end {
		return fmt.Errorf("the log ends at position %d: %w", end, domain.ErrDamaged)
	}
	return s.followWhole(ctx, after, func(c domain.Commit, _ []byte) bool { return yield(c) })
}

// followWhole passes on commits together with their stored form.
func (s source) followWhole(ctx context.Context, after domain.Position, yield func(domain.Commit, []byte) bool) error {
	r := &reader{source: s, next: after + 1}
	defer r.close()
	for {
		m, err := r.message(ctx)
		if err != nil {
			return err
		}
		if !s.hold(ctx, r.next-1) {
			return ctx.Err()
		}
		commit, err := decode(uint64(r.next-1), m.Subject(), m.Data())
		if err != nil || !yield(commit, m.Data()) {
			return err
		}
	}
}

// reader takes messages from the server in the order of the log. The server leaves out what it
// cannot read, and sends nothing where that is the last, so each position is compared, and silence
// is looked into.
type reader struct {
	source   source
	next     domain.Position // to come
	consumer jetstream.Consumer
	batch    jetstream.MessageBatch // the present request; nil between two
	tries    int                    // starts for the next position
	missing  int                    // answers that it is not there
	size     int                    // commits in the last request
}

func (r *reader) message(ctx context.Context) (jetstream.Msg, error) {
	for {
		m, err := r.receive(ctx)
		if err == nil {
			var meta *jetstream.MsgMetadata
			if meta, err = m.Metadata(); err == nil && meta.Sequence.Stream == uint64(r.next) {
				r.next, r.tries, r.missing = r.next+1, 0, 0
				return m, nil
			}
			if err == nil {
				err = errSilent
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := r.again(ctx, err); err != nil {
			return nil, err
		}
	}
}

var errSilent = errors.New("a durable commit does not come")

// receive gives the next message that the server sends, errSilent where it should send one.
func (r *reader) receive(ctx context.Context) (jetstream.Msg, error) {
	for {
		if err := r.fetch(ctx); err != nil {
			return nil, err
		}
		messages := r.batch.Messages()
		var m jetstream.Msg
		select {
		case m = <-messages:
		default:
			patience := time.NewTimer(silence)
			select {
			case m = <-messages:
				patience.Stop()
			case <-patience.C:
				if end, _ := r.source.end(ctx); end >= r.next {
					return nil, errSilent
				}
				continue
			}
		}
		if m != nil {
			return m, nil
		}
		err := r.batch.Error()
		if r.batch = nil; err != nil {
			return nil, err
		}
	}
}

// fetch sees to it that a request is on its way. It ends with ctx.
func (r *reader) fetch(ctx context.Context) (err error) {
	if r.consumer != nil && r.batch == nil && r.source.leave(r.consumer.CachedInfo()) {
		r.close()
	}
	if r.consumer == nil {
		r.consumer, err = r.source.create(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(r.next)})
		if err != nil {
			return err
		}
	}
	if r.batch == nil {
		r.size = min(max(4*r.size, firstCommits), fetchCommits)
		r.batch, err = r.consumer.Fetch(r.size, jetstream.FetchMaxBytes(fetchBytes), jetstream.FetchContext(ctx))
	}
	return err
}

// again finds out why the next commit did not come: it is damage where the server cannot read it, and says so
// again and again while nothing speaks against it; otherwise a message that was lost on the way, for which the
// reader starts anew.
func (r *reader) again(ctx context.Context, cause error) error {
	if end, doubt := r.source.end(ctx); end >= r.next {
		missing, err := r.source.lacks(ctx, r.next)
		switch {
		case err == nil && !missing:
			r.missing = 0
		case err != nil:
			return r.source.unavailable(err)
		case doubt == nil:
			r.missing++
		}
		if r.missing > r.source.doubts {
			return fmt.Errorf("position %d is missing: %w", r.next, domain.ErrDamaged)
		}
	}
	if r.tries++; r.tries > retries {
		return r.source.unavailable(fmt.Errorf("position %d does not come: %w", r.next, cause))
	}
	r.close()
	return nil
}

// lacks says whether the log has no commit at a position from which none comes.
func (s source) lacks(ctx context.Context, at domain.Position) (bool, error) {
	if s.missing != nil {
		return s.missing(ctx, at)
	}
	_, err := s.log.GetMsg(ctx, uint64(at))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return true, nil
	}
	return false, err
}

// close removes the consumer.
func (r *reader) close() {
	if r.consumer != nil {
		r.source.remove(r.consumer.CachedInfo().Name)
	}
	r.consumer, r.batch = nil, nil
}

// consumer makes a consumer.
func (e *engine) consumer(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	config.AckPolicy, config.MemoryStorage, config.Replicas, config.InactiveThreshold = jetstream.AckNonePolicy, true, 1, time.Hour
	return e.log.CreateConsumer(ctx, config)
}

// removeConsumer has the server forget a consumer. Where that fails it does so by itself, after an hour or
// with the process.
func (e *engine) removeConsumer(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	_ = e.log.DeleteConsumer(ctx, name)
}
