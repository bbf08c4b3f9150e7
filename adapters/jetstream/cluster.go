package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

const (
	// replicas are how many servers keep the log: one may be lost, with its disk.
	replicas = 3
	// defaultPatience is how long an append is tried before its caller learns that it is not known to be
	// stored. The servers need some 4 to 9 s to elect a leader.
	defaultPatience = 30 * time.Second
	// clusterRequest is how long one request may take before it counts as lost.
	clusterRequest = 2 * time.Second
	// clusterIdle is when the servers forget a reader that asks for nothing, where it could not say that it
	// went.
	clusterIdle = time.Minute
	// leaderDoubts is how often a leader is asked again that says a commit is missing.
	leaderDoubts = 2
)

// ClusterConfig says where the cluster is and whom the store tells.
type ClusterConfig struct {
	Servers
	// Node, where set, is the server of the cluster inside this process, instead of Servers.
	Node *Node
	// Dir is a directory of this node's own, for what it remembers of the log, and its server's files.
	Dir string
	// Logger takes the store's log; nil for none.
	Logger *slog.Logger
	// Patience is how long an append is tried; 0 stands for 30 s.
	Patience time.Duration
	// OnAppend, where set, is told of each acknowledged append: how long the caller waited.
	OnAppend func(wait time.Duration, events int)
	// Begin makes the log where the servers have none and this node has seen none: a new registry begins.
	Begin bool
	// AcceptLoss opens a log also where it ends before a commit that this node has seen, or holds another one in its
	// place: for an operator who has declared that what is missing is lost. A log that is gone, or has a hole, stays
	// refused.
	AcceptLoss bool

	// step, where a test sets it, is asked before a commit is sent ("send"), when it was acknowledged, and
	// the acknowledgement is lost where it fails ("acknowledged"), before the caller is told ("sent"), and
	// before a commit is put behind the tail ("tail").
	step func(name string) error
}

// Cluster is the event store in a NATS cluster that any number of processes share. Its servers are outside this
// process, or, with a Node, one of them is inside each.
// It implements domain.EventStore and domain.Log.
type Cluster struct {
	config ClusterConfig
	logger *slog.Logger
	lock   *os.File

	// ctx ends when the store is closed; closing is closed before.
	ctx     context.Context
	cancel  context.CancelFunc
	closing chan struct{}
	once    sync.Once
	work    sync.WaitGroup

	member *member // nil where the servers are outside
	ways   ways
	system *nats.Conn // nil where the log's account is told of the servers
	write  *line
	read   *line

	// known is a position that the log has reached, whoever says less is behind it.
	known known
	asked barrier
	tail  tail
	// followed is up to where the tail has come.
	followed durable
	last     atomic.Pointer[lastCommit]
	places   places
	avoided  sync.Map // names of servers whose copies the log is not followed from

	// patience is how long callers wait: for the start longer than later.
	patience time.Duration

	unsafe  atomic.Pointer[error] // why the servers must not be written to
	failure atomic.Pointer[error] // why the log can be read no further
}

// Connect opens the store in a cluster, and makes the log where a new one is to begin. It is ready when Connect
// returns: the log has a leader, and the servers sync what they acknowledge.
//
// Errors: ErrUnavailable where the cluster does not answer or another process has the directory open,
// ErrInvalid for a directory of another mode and for servers that are not set up as they must be, ErrNotFound
// where they have no log and none is to begin, ErrDamaged where commits are missing or the log is not the one
// that the directory belongs to.
func Connect(ctx context.Context, config ClusterConfig) (_ *Cluster, err error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.step == nil {
		config.step = func(string) error { return nil }
	}
	config.Patience = cmp.Or(config.Patience, defaultPatience)
	c := &Cluster{config: config, logger: config.Logger, closing: make(chan struct{}), patience: config.Patience}
	mode := clustered
	if config.Node != nil {
		if err := config.Node.check(); err != nil {
			return nil, err
		}
		mode, c.patience = config.Node.of(), serverStart // the others may be started by hand
	}
	c.tail = tail{max: defaultMaxTail, shared: true}
	c.asked.ask = c.askLeader
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.lock, err = lockDir(config.Dir); err != nil {
		return nil, err
	}
	if err := checkMarker(config.Dir, mode); err != nil {
		return nil, err
	}
	if err := c.open(ctx); err != nil {
		return nil, fmt.Errorf("event store in the NATS cluster %s: %w", config.where(), err)
	}
	c.patience = config.Patience
	c.work.Go(c.keepTail)
	c.work.Go(c.keepChecking)
	if !c.config.AcceptLoss {
		c.work.Go(c.keepMark)
	}
	return c, nil
}

// where is the cluster, for people.
func (c ClusterConfig) where() string {
	if c.Node != nil {
		return "with node " + c.Node.Name + " in this process"
	}
	return "at " + c.hosts()
}

// open connects and makes sure of the servers and of the log.
func (c *Cluster) open(ctx context.Context) (err error) {
	told := []nats.Option{
		nats.ErrorHandler(c.warn), nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.moved("lost its connection", err) }),
		nats.ReconnectHandler(func(conn *nats.Conn) { c.moved("is connected to "+conn.ConnectedServerName(), nil) }),
	}
	if c.ways, err = c.openWays(); err != nil {
		return err
	}
	if c.write, err = c.line(ctx, "tizilim writer", told); err != nil {
		return err
	}
	if c.read, err = c.line(ctx, "tizilim reader", told); err != nil {
		return err
	}
	if c.ways.system != nil {
		if c.system, err = c.ways.system("tizilim checker", told...); err != nil {
			return err
		}
	}
	if max := c.write.conn.MaxPayload(); max < maxPayload {
		return fmt.Errorf("max_payload of the servers is %d, it has to be %d: %w", max, maxPayload, domain.ErrInvalid)
	}
	mark, err := c.lastMark()
	if err != nil {
		return err
	}
	for _, l := range []*line{c.read, c.write} {
		if l.log, err = c.openLog(ctx, l, c.absent()); err != nil {
			return err
		}
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	if err := c.recognize(ctx, mark, head); err != nil {
		return err
	}
	c.tail.last = head
	c.followed.advance(head)
	return nil
}

// line connects, and waits for servers that do not answer yet.
func (c *Cluster) line(ctx context.Context, name string, options []nats.Option) (*line, error) {
	for try := c.try(ctx); ; {
		l, err := newLine(c.ways.log, name, options...)
		if err == nil || !try.again() {
			return l, err
		}
	}
}

func (c *Cluster) warn(_ *nats.Conn, _ *nats.Subscription, err error) {
	c.logger.Warn("event store: connection to the NATS cluster", "error", err)
}

func (c *Cluster) moved(what string, err error) {
	c.logger.Warn("event store: this node "+what, "error", err)
}

// clusterStream is the log's configuration. Nothing is ever removed, and no server but the leader answers
// reads: another one may be behind.
func clusterStream() jetstream.StreamConfig {
	config := streamConfig()
	config.Replicas, config.AllowDirect = replicas, false
	return config
}

// absent says what is wrong where the servers have no log, nil where one is to be made.
func (c *Cluster) absent() error {
	var mark clusterMark // not lastMark: that there is no log at all nobody accepts
	_, err := readJSON(filepath.Join(c.config.Dir, markName), &mark)
	switch {
	case err != nil:
		return err
	case mark.Position > 0:
		return fmt.Errorf("the log is gone: %w", domain.ErrDamaged)
	case !c.config.Begin:
		return fmt.Errorf("the servers have no registry: %w", domain.ErrNotFound)
	}
	return nil
}

// openLog opens the log, or creates it where nothing is wrong with its absence. While the servers elect a
// leader it waits.
func (c *Cluster) openLog(ctx context.Context, l *line, absent error) (jetstream.Stream, error) {
	for try := c.try(ctx); ; {
		log, err := l.findLog(ctx, absent)
		if err == nil || !errors.Is(err, domain.ErrUnavailable) || !try.again() {
			return log, err
		}
	}
}

func (l *line) findLog(ctx context.Context, absent error) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	log, err := l.js.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if absent != nil {
			return nil, absent
		}
		log, err = l.js.CreateStream(ctx, clusterStream())
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w: %w", domain.ErrUnavailable, err)
	}
	info := log.CachedInfo()
	if err := checkStream(info.Config); err != nil {
		return nil, err
	}
	if err := whole(info.State); err != nil && info.Cluster != nil { // the leader answers for its own copy
		return nil, fmt.Errorf("as server %s has it, which leads: %w", info.Cluster.Leader, err)
	} else if err != nil {
		return nil, err
	}
	return log, nil
}

// checkStream refuses a stream that could forget or lose, or that others than the leader answer for.
func checkStream(is jetstream.StreamConfig) error {
	want := clusterStream()
	switch {
	case is.Replicas < replicas:
		return fmt.Errorf("stream %s has %d replicas, it has to have %d: %w", streamName, is.Replicas, replicas, domain.ErrInvalid)
	case len(is.Subjects) != 1 || is.Subjects[0] != want.Subjects[0]:
		return fmt.Errorf("stream %s has the subjects %q, not %q: %w", streamName, is.Subjects, want.Subjects, domain.ErrInvalid)
	case is.Storage != want.Storage || is.Retention != want.Retention || is.PersistMode != want.PersistMode || is.NoAck || is.Mirror != nil || len(is.Sources) > 0:
		return fmt.Errorf("stream %s is not kept as a log: %w", streamName, domain.ErrInvalid)
	case is.MaxMsgs > 0 || is.MaxBytes > 0 || is.MaxAge > 0 || is.MaxMsgsPerSubject > 0 || !is.DenyDelete || !is.DenyPurge || is.AllowRollup:
		return fmt.Errorf("stream %s may forget: it has limits, or allows to delete: %w", streamName, domain.ErrInvalid)
	case is.AllowDirect:
		return fmt.Errorf("stream %s is read from any replica (allow_direct): %w", streamName, domain.ErrInvalid)
	}
	return nil
}

// source is the log as it is read once it is known up to head.
func (c *Cluster) source(head domain.Position) source {
	return source{
		log: c.read.log, tail: &c.tail, durable: func() domain.Position { return head },
		// What a replica sends is committed. Whether something should have come the leader knows.
		hold: func(_ context.Context, p domain.Position) bool { c.known.reach(p); return true },
		end: func(ctx context.Context) (domain.Position, error) {
			_, err := c.asked.wait(ctx) // a leader that does not answer tells nothing new
			return c.known.position(), err
		},
		create: c.consumer, leave: c.leave, remove: c.removeConsumer, doubts: leaderDoubts, closing: c.closing,
	}
}

// UseIndex lets reads of single streams come from the index as soon as it has reached the present end of
// the log; until then they come from the leader, which is slow.
func (c *Cluster) UseIndex(index Index) { c.tail.use(index) }

// Annex opens a connection to the cluster for what is kept beside the log; who opens it closes it.
func (c *Cluster) Annex() (*nats.Conn, error) {
	return c.ways.log("tizilim annex", nats.ErrorHandler(c.warn))
}

// Replicas is how many servers keep what is to be kept as well as the log.
func (c *Cluster) Replicas() int { return replicas }

// Writable says why nothing may be appended now, as far as this node knows: nil where it may.
func (c *Cluster) Writable() error {
	select {
	case <-c.closing:
		return errClosed
	default:
	}
	for _, reason := range []*error{c.failure.Load(), c.unsafe.Load()} {
		if reason != nil {
			return *reason
		}
	}
	if c.member != nil {
		return c.member.writable()
	}
	return nil
}

// Healthy says whether appends can succeed: nil, or why not. It asks the leader. A node that is part of the
// cluster is healthy once its own copy of the log is complete: only then may the next one be taken down.
func (c *Cluster) Healthy(ctx context.Context) error {
	if err := c.Writable(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterRequest)
	defer cancel()
	head, err := c.asked.wait(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	if !c.write.down().IsZero() {
		// The other connection may be to a server that is cut off.
		if _, err := c.askOver(c.write); err != nil {
			return err
		}
	}
	if c.member != nil {
		return c.member.whole(ctx, head)
	}
	return nil
}

// fail stops the writing: what is in the log is not what was written.
func (c *Cluster) fail(cause error) {
	if c.failure.CompareAndSwap(nil, &cause) {
		c.logger.Error("event store: stopped", "error", cause)
	}
}

// Close ends the connections. Callers that still wait get ErrUnavailable.
func (c *Cluster) Close() error {
	var err error
	c.once.Do(func() {
		close(c.closing)
		c.cancel()
		c.work.Wait()
		for _, l := range []*line{c.write, c.read} {
			if l != nil {
				l.conn.Close()
			}
		}
		if c.system != nil {
			c.system.Close()
		}
		if c.member != nil {
			stopServer(c.member.server)
		}
		if c.lock != nil {
			err = c.lock.Close()
		}
	})
	return err
}
