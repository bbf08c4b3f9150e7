package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// Config says where the store lives and whom it tells.
type Config struct {
	// Dir is the store's own directory. It is made where it does not exist.
	Dir string
	// Index, where there is one, answers reads of single streams; see UseIndex.
	Index Index
	// Logger takes the store's and the NATS server's log; nil for none.
	Logger *slog.Logger
	// MinFree is how many bytes the file system must have left for an append to be taken;
	// 0 stands for 256 MiB.
	MinFree uint64
	// OnAppend, where set, is told of each acknowledged append: how long the caller waited.
	OnAppend func(wait time.Duration, events int)
	// OnFatal, where set, is told once that the store acknowledges nothing any more and the process
	// should end: what is on disk can only be found out by opening it anew.
	OnFatal func(error)
	// AcceptLoss opens a log also where it ends before the mark, or is gone: for an operator who has
	// declared that what is missing is lost. A log with a hole stays refused.
	AcceptLoss bool
	// Listen, where set, is the address at which Admit lets guests in. Without it no port is ever open.
	Listen string

	// step, where a test sets it, is asked before each step of the committer: "send" for each
	// message, "sent" when the server has a group, "flush" before it is made durable; and once
	// for the "selftest".
	step func(name string) error
	// maxHeads, maxTail, farBehind and few are set by tests alone.
	maxHeads, maxTail, farBehind, few int
}

// Store is the embedded event store. It implements domain.EventStore and domain.Log.
type Store struct {
	config Config
	logger *slog.Logger
	lock   *os.File
	engine *engine

	// ctx ends when the store is closed; closing is closed before, stopped when nothing writes.
	ctx     context.Context
	cancel  context.CancelFunc
	closing chan struct{}
	stopped chan struct{}
	once    sync.Once
	inOrder bool // everything went well until it was closed
	marker  sync.WaitGroup

	queue  chan *request // from callers to the committer
	groups chan *group   // from the committer to the flusher
	heads  *heads
	tail   tail

	publisher *publisher      // the committer's
	end       domain.Position // of the log as published; the committer's
	published int64           // bytes since the start; the flusher's
	blocks    *blocks         // the flusher's; nil where the server syncs each message itself

	durable durable
	failure atomic.Pointer[error] // why nothing is acknowledged any more
	trouble atomic.Pointer[error] // why a publish failed, until the store knows what is stored
	free    disk.Space
}

// Open opens the store in config.Dir, or makes a new one there. It is ready when Open returns: the
// log is whole as far as its end can tell, and everything in it is durable.
//
// Errors: ErrUnavailable where another process has it open, ErrInvalid for a directory of another
// mode, ErrDamaged where commits are missing.
func Open(ctx context.Context, config Config) (_ *Store, err error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.step == nil {
		config.step = func(string) error { return nil }
	}
	config.MinFree = cmp.Or(config.MinFree, disk.MinFree)
	config.farBehind, config.few = cmp.Or(config.farBehind, farBehind), cmp.Or(config.few, firstCommits)
	if config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, fmt.Errorf("directory of the event store: %w", err)
	}
	s := &Store{
		config: config, logger: config.Logger,
		closing: make(chan struct{}), stopped: make(chan struct{}),
		queue: make(chan *request, 2*maxGroup), groups: make(chan *group),
		free: disk.Space{Dir: config.Dir, Min: config.MinFree},
	}
	s.heads = &heads{lookup: func(ctx context.Context, stream domain.Stream) (uint64, error) {
		return s.source().version(ctx, stream)
	}, max: cmp.Or(config.maxHeads, defaultMaxHeads), known: map[domain.Stream]head{}}
	s.tail.max = cmp.Or(config.maxTail, defaultMaxTail)
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.lock, err = lockDir(config.Dir); err != nil {
		return nil, err
	}
	if err := checkMarker(config.Dir, embedded); err != nil {
		return nil, err
	}
	over := s.sayOpening()
	err = s.start(ctx)
	if over(err); err != nil {
		return nil, err
	}
	if s.publisher, err = s.engine.publisher(); err != nil {
		return nil, err
	}
	s.engine.conn.SetClosedHandler(func(*nats.Conn) { s.fail(errLost) })
	s.tail.use(config.Index)
	if !config.AcceptLoss {
		s.marker.Go(s.keepMark)
	}
	go s.commit()
	go s.flush()
	return s, nil
}

// start starts the server and brings the log into a known state: whole, and durable to its end.
func (s *Store) start(ctx context.Context) error {
	mark, err := s.lastMark()
	if err != nil {
		return err
	}
	dir := filepath.Join(s.config.Dir, natsName)
	if s.engine, err = startEngine(dir, s.config.Listen, false, s.logger); err != nil {
		return err
	}
	// The log comes before the self-test: when the last stream is deleted the server removes the folder
	// of all streams too, a moment later, and would take it away under a log that is just being made.
	info, err := s.engine.openLog(ctx, mark == 0)
	if err != nil {
		return err
	}
	probe := s.config.step("selftest")
	if probe == nil {
		probe = s.engine.selfTest(ctx, dir)
	}
	if probe != nil {
		s.logger.Warn("event store: no group flush, the server syncs every message; appends are slow", "reason", probe)
		s.engine.stop()
		if s.engine, err = startEngine(dir, s.config.Listen, true, s.logger); err != nil {
			return err
		}
		if info, err = s.engine.openLog(ctx, mark == 0); err != nil {
			return err
		}
	}
	s.end = domain.Position(info.State.LastSeq)
	if s.end < mark {
		return fmt.Errorf("the log ends at position %d, position %d was durable: %w", s.end, mark, domain.ErrDamaged)
	}
	// A process that was killed may have left commits that only the operating system holds.
	if err := syncStream(s.config.Dir, logAccount, streamName); err != nil {
		return err
	}
	s.durable.advance(s.end)
	s.tail.last = s.end
	if probe == nil {
		s.blocks, err = openBlocks(blockDir(dir, streamName))
	}
	return err
}

// lastMark is the position that the log must not end before.
func (s *Store) lastMark() (domain.Position, error) {
	if s.config.AcceptLoss {
		return 0, nil
	}
	return readMark(s.config.Dir)
}

// UseIndex lets reads and versions of single streams come from the index, as soon as it has reached
// the present end of the log; until then they come from the log itself, which is slow.
func (s *Store) UseIndex(index Index) { s.tail.use(index) }

// Append implements domain.EventStore.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	start := time.Now()
	r, err := s.request(ctx, domain.NewCommit(stream, expected, 0, events))
	if err != nil {
		return 0, err
	}
	position, err := s.submit(ctx, r)
	if errors.Is(err, domain.ErrConflict) {
		position, err = s.repeated(ctx, r, events, err)
	}
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", stream, err)
	}
	if s.config.OnAppend != nil {
		s.config.OnAppend(time.Since(start), len(events))
	}
	return position, nil
}

// request makes the request of a commit, and sees to it that the committer does not have to look up the stream.
func (s *Store) request(ctx context.Context, c domain.Commit) (*request, error) {
	data, err := domain.EncodeCommit(c)
	if err != nil {
		return nil, err
	}
	if err := s.heads.load(ctx, c.Stream); err != nil {
		return nil, fmt.Errorf("append to %s: %w", c.Stream, err)
	}
	return &request{
		stored:   stored{stream: c.Stream, version: c.Version(), data: data},
		expected: c.Records[0].Version - 1, done: make(chan answer, 1),
	}, nil
}

// submit hands a request to the committer and waits for its answer. Where the caller stops waiting
// the request goes on without it.
func (s *Store) submit(ctx context.Context, r *request) (domain.Position, error) {
	if err := s.send(ctx, r); err != nil {
		return 0, err
	}
	return s.answered(ctx, r)
}

func (s *Store) send(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	select {
	case s.queue <- r:
		return nil
	case <-s.stopped:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
	}
}

// answered waits for the answer to a request that was sent.
func (s *Store) answered(ctx context.Context, r *request) (domain.Position, error) {
	select {
	case a := <-r.done:
		return a.position, a.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", domain.ErrUnavailable, ctx.Err())
	case <-s.stopped:
	}
	select {
	case a := <-r.done: // the last group is answered before the store has stopped
		return a.position, a.err
	default:
		return 0, errClosed
	}
}

var errClosed = fmt.Errorf("the event store is closed: %w", domain.ErrUnavailable)

// repeated finds out whether a conflict is the same append again, and gives the first one's
// position. Only a conflict can be one: the first time has moved the stream on.
func (s *Store) repeated(ctx context.Context, r *request, events []domain.Event, conflict error) (domain.Position, error) {
	var stored []domain.Record
	for rec, err := range s.Read(ctx, r.stream, r.expected+1) {
		if err != nil {
			return 0, err
		}
		if len(stored) > 0 && rec.Position != stored[0].Position {
			break
		}
		stored = append(stored, rec)
	}
	if !sameCommit(stored, r.expected, events) {
		return 0, conflict
	}
	return stored[0].Position, nil
}

// sameCommit says whether the records of one commit are the events, appended at the version expected.
func sameCommit(stored []domain.Record, expected uint64, events []domain.Event) bool {
	return slices.EqualFunc(stored, events, func(r domain.Record, e domain.Event) bool { return r.ID == e.ID }) &&
		stored[0].Version == expected+1
}

// Head implements domain.Log.
func (s *Store) Head(ctx context.Context) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("head of the log: %w: %w", domain.ErrUnavailable, err)
	}
	return s.durable.position(), nil
}

// Writable says why nothing can be appended now, as far as the store itself knows: nil where it can.
func (s *Store) Writable() error {
	if err := s.fatal(); err != nil {
		return err
	}
	if err := s.free.Check(); err != nil {
		return err
	}
	return s.tail.full()
}

// Healthy says whether appends can succeed: nil, or why not.
func (s *Store) Healthy(ctx context.Context) error {
	select {
	case <-s.closing:
		return errClosed
	default:
	}
	if err := s.Writable(); err != nil {
		return err
	}
	if err := s.trouble.Load(); err != nil {
		return *err
	}
	// Other streams are not the log: neither what stands in the annex, whose troubles keep nobody from
	// appending, nor that of the self-test, which goes away in the background.
	if h := s.engine.server.Healthz(&server.HealthzOptions{Account: logAccount, Stream: streamName}); h.Status != "ok" {
		return fmt.Errorf("NATS server: %s: %w", h.Error, domain.ErrUnavailable)
	}
	return ctx.Err()
}

// fail stops all acknowledging, for good.
func (s *Store) fail(cause error) {
	select {
	case <-s.closing:
		return // the connection goes, as it should
	default:
	}
	err := fmt.Errorf("the event store has stopped: %w: %w", domain.ErrUnavailable, cause)
	if s.failure.CompareAndSwap(nil, &err) {
		s.logger.Error("event store: stopped; nothing is acknowledged any more", "error", cause)
		if s.config.OnFatal != nil {
			go s.config.OnFatal(cause)
		}
	}
}

func (s *Store) fatal() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Close finishes what has been published, writes the mark and ends the server. Callers that still
// wait get ErrUnavailable.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		<-s.stopped
		s.marker.Wait()
		s.inOrder = s.fatal() == nil
		err = s.release()
	})
	return err
}

func (s *Store) release() error {
	s.cancel()
	if s.publisher != nil {
		s.publisher.close()
	}
	if s.engine != nil {
		s.engine.stop()
	}
	if s.blocks != nil {
		s.blocks.close()
	}
	if s.inOrder {
		if err := s.markClosed(); err != nil {
			s.logger.Warn("event store: closed, but that cannot be noted", "error", err)
		}
	}
	if s.lock != nil {
		return s.lock.Close()
	}
	return nil
}

// AcceptEnd makes the present end of a log that was opened with AcceptLoss its end: it opens without that from then
// on. Until then the mark stays, so that nobody goes on with the log before the loss is declared.
func (s *Store) AcceptEnd() error { return writeMark(s.config.Dir, s.durable.position()) }

// keepMark writes down each second how far the log is durable, and once more at the end. It is apart
// from the way of an append: an append never waits for it, so the mark may be a second behind.
func (s *Store) keepMark() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var marked domain.Position
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-s.stopped:
			last = true
		}
		if p := s.durable.position(); p != marked {
			if err := writeMark(s.config.Dir, p); err != nil {
				s.logger.Error("event store: the mark of its durable end cannot be written", "error", err)
				continue
			}
			marked = p
		}
	}
}
