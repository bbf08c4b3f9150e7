package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Read implements domain.EventStore: the index, and what it has not reached from the tail; the log
// itself where there is no index yet.
func (s *Store) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		err := s.source().read(ctx, stream, max(from, 1), func(r domain.Record) bool { return yield(r, nil) })
		if err != nil {
			yield(domain.Record{}, fmt.Errorf("read %s: %w", stream, err))
		}
	}
}

// source is the log as it is read, the same for a server in this process and for a cluster.
type source struct {
	log  jetstream.Stream
	tail *tail
	// durable is the position that nobody reads beyond.
	durable func() domain.Position
	// hold waits until a position that the server has sent may be seen, false where ctx ends first.
	hold func(context.Context, domain.Position) bool
	// end is asked when nothing comes: a position that has to. The error says why who does not find it may not be
	// the one who knows.
	end func(context.Context) (domain.Position, error)
	// create makes a consumer, leave says whether one has become the wrong one, and remove has one forgotten.
	create func(context.Context, jetstream.ConsumerConfig) (jetstream.Consumer, error)
	leave  func(*jetstream.ConsumerInfo) bool
	remove func(consumer string)
	// missing finds out whether the log has no commit at a position from which none comes; nil asks the leader.
	missing func(context.Context, domain.Position) (bool, error)
	// doubts is how often a server is asked again that says it has no commit at a position: it may lead no
	// more, and not know.
	doubts  int
	closing <-chan struct{}
}

func (s *Store) source() source {
	return source{
		log: s.engine.log, tail: &s.tail, durable: s.durable.position, hold: s.durable.wait,
		end:    func(context.Context) (domain.Position, error) { return s.durable.position(), nil },
		create: s.engine.consumer, leave: func(*jetstream.ConsumerInfo) bool { return false }, remove: s.engine.removeConsumer, closing: s.closing,
	}
}

// read passes records on until there are no more or yield has had enough.
func (s source) read(ctx context.Context, stream domain.Stream, from uint64, yield func(domain.Record) bool) error {
	if _, err := domain.NewStream(stream.Category, stream.ID); err != nil {
		return err
	}
	seq := sequence{from: from, yield: yield}
	index, rest, err := s.tail.of(stream)
	if err != nil {
		return err
	}
	if index == nil {
		return s.readLog(ctx, stream, &seq, lead{})
	}
	for r, err := range index.Read(ctx, stream, from) {
		if err != nil {
			return err
		}
		if more, err := seq.add(r); !more {
			return err
		}
	}
	for _, c := range rest {
		if c.version <= seq.last || c.version < from {
			continue
		}
		commit, err := domain.DecodeCommit(c.position, c.data)
		if err != nil {
			return err
		}
		for _, r := range commit.Records {
			if more, err := seq.add(r); !more {
				return err
			}
		}
	}
	return nil
}

// sequence passes on the records of a stream from a version, each version once, without a gap.
type sequence struct {
	from, last uint64
	yield      func(domain.Record) bool
}

func (s *sequence) add(r domain.Record) (more bool, err error) {
	if r.Version <= s.last || r.Version < s.from {
		return true, nil
	}
	if want := max(s.last+1, s.from); r.Version != want {
		return false, fmt.Errorf("version %d is missing, %d follows: %w", want, r.Version, domain.ErrDamaged)
	}
	s.last = r.Version
	return s.yield(r), nil
}

// lead is how much of a stream is known already: its first commits, the version after them, and the
// position of the last.
type lead struct {
	commits uint64
	version uint64
	end     domain.Position
}

// add takes the next record of the stream.
func (l *lead) add(r domain.Record) {
	if r.Position != l.end {
		l.commits++
	}
	l.version, l.end = r.Version, r.Position
}

// readLog reads the messages of one subject behind what is known, all that were durable when it began. The
// server skips a message that it cannot read, so they are counted.
func (s source) readLog(ctx context.Context, stream domain.Stream, seq *sequence, known lead) error {
	durable := s.durable()
	left, err := s.count(ctx, stream)
	if err != nil {
		return err
	}
	if left < known.commits {
		return s.unavailable(fmt.Errorf("the server has %d commits of %s, there are %d", left, stream, known.commits))
	}
	version, at := known.version, uint64(known.end)+1
	for left -= known.commits; left > 0; left-- {
		m, err := s.log.GetMsg(ctx, at, jetstream.WithGetMsgSubject(subject(stream)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("%d commits are missing after version %d: %w", left, version, domain.ErrDamaged)
		}
		if err != nil {
			return s.unavailable(err)
		}
		if domain.Position(m.Sequence) > durable {
			return nil
		}
		commit, err := decode(m.Sequence, m.Subject, m.Data)
		if err != nil {
			return err
		}
		if first := commit.Records[0].Version; first != version+1 {
			return fmt.Errorf("version %d is missing, %d follows: %w", version+1, first, domain.ErrDamaged)
		}
		version = commit.Version()
		for _, r := range commit.Records {
			if more, err := seq.add(r); !more {
				return err
			}
		}
		at = m.Sequence + 1
	}
	return nil
}

// version is the version of a stream: from the index and the tail, or from its last message.
func (s source) version(ctx context.Context, stream domain.Stream) (uint64, error) {
	index, rest, err := s.tail.of(stream)
	if err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		return rest[len(rest)-1].version, nil
	}
	if index != nil {
		return index.Version(ctx, stream)
	}
	version, _, err := s.last(ctx, stream)
	return version, err
}

// last is the version of a stream and the position of its last commit, from the log itself.
func (s source) last(ctx context.Context, stream domain.Stream) (uint64, domain.Position, error) {
	n, err := s.count(ctx, stream)
	if n == 0 || err != nil {
		return 0, 0, err
	}
	m, err := s.log.GetLastMsgForSubject(ctx, subject(stream))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, 0, fmt.Errorf("%s has %d commits, the last cannot be read: %w", stream, n, domain.ErrDamaged)
	}
	if err != nil {
		return 0, 0, s.unavailable(err)
	}
	commit, err := decode(m.Sequence, m.Subject, m.Data)
	if err != nil {
		return 0, 0, err
	}
	return commit.Version(), commit.Position, nil
}

// count is how many commits the stream has, readable or not.
func (s source) count(ctx context.Context, stream domain.Stream) (uint64, error) {
	durable := s.durable()
	info, err := s.log.Info(ctx, jetstream.WithSubjectFilter(subject(stream)))
	if err != nil {
		return 0, s.unavailable(err)
	}
	if end := domain.Position(info.State.LastSeq); end < durable {
		return 0, s.unavailable(fmt.Errorf("the server is at position %d, the log at %d", end, durable))
	}
	return info.State.Subjects[subject(stream)], nil
}

// decode reads a message of the log as the commit it must be.
func decode(sequence uint64, subj string, data []byte) (domain.Commit, error) {
	commit, err := domain.DecodeCommit(domain.Position(sequence), data)
	if err == nil && !isSubject(subj, commit.Stream) {
		err = fmt.Errorf("commit at position %d: subject %s holds a commit of %s: %w", sequence, subj, commit.Stream, domain.ErrDamaged)
	}
	return commit, err
}

// unavailable marks an error of the server's as one to wait out.
func (s source) unavailable(err error) error {
	select {
	case <-s.closing:
		return errClosed
	default:
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
}
