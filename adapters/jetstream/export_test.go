package jetstream

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// WithStep gives a configuration with one more hook at each step of the committer.
func (c Config) WithStep(step func(name string) error) Config {
	next := c.step
	c.step = func(name string) error {
		if err := step(name); err != nil || next == nil {
			return err
		}
		return next(name)
	}
	return c
}

// WithLimits gives a configuration with a small cache of heads and a small tail.
func (c Config) WithLimits(heads, tailBytes int) Config {
	c.maxHeads, c.maxTail = heads, tailBytes
	return c
}

// FromBlocks gives a configuration that has every follower read block files after its first commit, however few it is behind.
func (c Config) FromBlocks() Config {
	c.farBehind, c.few = 1, 1
	return c
}

// ReadBlocks reads block files as a follower does, and returns the position of the last commit that it passed on.
func (s *Store) ReadBlocks(ctx context.Context, after domain.Position, yield func(domain.Commit) bool) domain.Position {
	return s.readBlocks(ctx, after, yield)
}

// NATSDir is where a store in dir keeps all of NATS, BlockDir the block files of its log.
func NATSDir(dir string) string  { return filepath.Join(dir, natsName) }
func BlockDir(dir string) string { return blockDir(NATSDir(dir), streamName) }

// The files beside it.
func MarkFile(dir string) string   { return filepath.Join(dir, markName) }
func MarkerFile(dir string) string { return filepath.Join(dir, markerName) }

// GroupFlush says whether the store flushes groups, or has the server sync each message.
func (s *Store) GroupFlush() bool { return s.blocks != nil }

// StopServer ends the server under the store.
func (s *Store) StopServer() { s.engine.server.Shutdown() }

// Gate says whether the gate can be passed now.
func (s *Store) Gate() bool {
	free := s.engine.gate.mu.TryLock()
	if free {
		s.engine.gate.mu.Unlock()
	}
	return free
}

// Disconnect has the server close a connection.
func (s *Store) Disconnect(client uint64) error { return s.engine.server.DisconnectClientByID(client) }

// DisconnectCommitter has the server close the committer's connection.
func (s *Store) DisconnectCommitter(t *testing.T) {
	all, err := s.engine.server.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Conns {
		if c.Name == "committer" {
			err = s.Disconnect(c.Cid)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Published is the end of the log as the server has it.
func (s *Store) Published() domain.Position {
	info, err := s.engine.log.Info(s.ctx)
	if err != nil {
		return 0
	}
	return domain.Position(info.State.LastSeq)
}

// Missing has a reader of a cluster's log look for a position that the server does not have, again and again: starts
// is how often it has started anew for it before, and doubts say of each look why the server may lead no more.
func (s *Store) Missing(ctx context.Context, position domain.Position, starts int, doubts ...error) error {
	look := 0
	source := s.source()
	source.doubts = leaderDoubts
	source.end = func(context.Context) (domain.Position, error) {
		look++
		return position, doubts[look-1]
	}
	r := &reader{source: source, next: position, tries: starts}
	for range doubts {
		if err := r.again(ctx, errSilent); err != nil {
			return err
		}
	}
	return nil
}

// Waiting is how many callers wait for the committer.
func (s *Store) Waiting() int { return len(s.queue) }

// PublishForeign puts a message into the log that is no commit of the store's.
func (s *Store) PublishForeign() {
	if _, err := s.engine.client.Publish(s.ctx, subjectPrefix+".license.foreign", []byte("{}")); err != nil {
		panic(err)
	}
}

// Fence is the sequence that the message at a position was to follow.
func (s *Store) Fence(t *testing.T, p domain.Position) string {
	m, err := s.engine.log.GetMsg(s.ctx, uint64(p))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get("Nats-Expected-Last-Sequence")
}

// WithStep gives a configuration with a hook at each step of an append.
func (c ClusterConfig) WithStep(step func(name string) error) ClusterConfig {
	c.step = step
	return c
}

// ClusterBlockDir is where a server of a cluster keeps the block files of the log.
func ClusterBlockDir(dir string) string {
	return filepath.Join(streamDir(dir, "TIZILIM", streamName), "msgs")
}

// CheckServers looks at the servers of the names, over a connection.
func CheckServers(ctx context.Context, conn *nats.Conn, names []string) error {
	c := &Cluster{read: &line{conn: conn}}
	return c.checkServers(ctx, names)
}

// Recheck looks at the servers now.
func (c *Cluster) Recheck() { c.recheck() }

// Asked is how many messages the reading connection has sent.
func (c *Cluster) Asked() uint64 { return c.read.conn.Stats().OutMsgs }

// Copied is how far this node's own copy of the log goes.
func (c *Cluster) Copied() (domain.Position, error) {
	return c.member.copied()
}

// LeavesAfter says whether the writing connection goes to another server when a commit is refused and
// requests have failed for so long, 0 for not at all.
func (c *Cluster) LeavesAfter(failing time.Duration) bool {
	l := c.write
	l.mu.Lock()
	l.moved, l.since = time.Time{}, time.Time{}
	if failing > 0 {
		l.since = time.Now().Add(-failing)
	}
	l.mu.Unlock()
	l.refused()
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.moved.IsZero()
}

// FollowedFrom makes so many consumers to follow the log with, and counts the servers that they lie on.
func (c *Cluster) FollowedFrom(t *testing.T, n int) map[string]int {
	t.Helper()
	on := map[string]int{}
	for range n {
		consumer, err := c.consumer(t.Context(), jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
		if err != nil {
			t.Fatal(err)
		}
		info := consumer.CachedInfo()
		c.removeConsumer(info.Name)
		on[info.Cluster.Leader]++
	}
	return on
}

// FollowStalled follows a copy of which nothing comes, as its server's disk stalls.
func (p *Copy) FollowStalled(ctx context.Context, after domain.Position) error {
	head, err := p.Head(ctx)
	if err != nil {
		return err
	}
	s := p.source(head)
	s.create = func(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
		until := time.Now().Add(time.Hour)
		config.PauseUntil = &until
		return p.consumer(ctx, config)
	}
	return s.followWhole(ctx, after, func(domain.Commit, []byte) bool { return true })
}

// Passed says whether a consumer that begins at a position says that it has nothing at another one. From 0 there is no
// consumer.
func (p *Copy) Passed(t *testing.T, from, at domain.Position) (bool, error) {
	if from == 0 {
		return p.cluster.passed(t.Context(), "nobody", at)
	}
	config := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(from)}
	consumer, err := p.consumer(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer p.cluster.removeConsumer(consumer.CachedInfo().Name)
	return p.cluster.passed(t.Context(), consumer.CachedInfo().Name, at)
}
