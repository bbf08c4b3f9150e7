package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Every server of the cluster keeps a copy of the log, and all of them say that it is whole as long as nobody
// reads what is not: a server looks at a block when it is asked for what is in it. The leader answers for itself
// alone. What another server has on its disk only a consumer tells that runs there: it reads its own server's
// copy, and its server says its name when it makes it. Where a consumer runs, the servers choose by chance. So
// one is made again until it lies where it is wanted (cluster_copy_test.go shows that all of this holds).

const (
	// placings is how often a consumer is made until it lies where it is wanted: a server that is there is missed by
	// chance once in thousands of times.
	placings = 24
	// unplaced is how many of them may go unanswered, where another server is meant: they lie on one that sleeps.
	unplaced = 3
)

// Copy is the log as one server of the cluster has it. It implements domain.Log; but what it has not, though others
// have, is ErrDamaged only where this server says that it has something behind it, and ErrUnavailable where it is behind
// or silent.
type Copy struct {
	cluster *Cluster
	server  string
	away    bool
}

// Copies are the log's copies, of all servers that keep one, also of those that are away.
func (c *Cluster) Copies(ctx context.Context) ([]*Copy, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterRequest)
	defer cancel()
	info, err := c.read.log.Info(ctx)
	if err == nil {
		err = leads(info.Cluster)
	}
	if err != nil {
		return nil, fmt.Errorf("copies of the log: %w: %w", domain.ErrUnavailable, err)
	}
	copies := []*Copy{{cluster: c, server: info.Cluster.Leader}}
	for _, r := range info.Cluster.Replicas {
		copies = append(copies, &Copy{cluster: c, server: r.Name, away: r.Offline})
	}
	slices.SortFunc(copies, func(a, b *Copy) int { return strings.Compare(a.server, b.server) })
	return copies, nil
}

// Name is the server's.
func (p *Copy) Name() string { return p.server }

// Head implements domain.Log: the end of what this server has.
func (p *Copy) Head(ctx context.Context) (domain.Position, error) {
	consumer, err := p.consumer(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return 0, err
	}
	info := consumer.CachedInfo()
	p.cluster.removeConsumer(info.Name)
	return domain.Position(info.AckFloor.Stream), nil // it begins behind what is there
}

// consumer makes a consumer that lies on the copy's server.
func (p *Copy) consumer(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if p.away {
		return nil, fmt.Errorf("server %s is away: %w", p.server, domain.ErrUnavailable)
	}
	consumer, err := p.cluster.place(ctx, config, unplaced, func(server string) bool { return server == p.server })
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", p.server, err)
	}
	return consumer, nil
}

// Follow implements domain.Log.
func (p *Copy) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(p.cluster.ctx, cancel)()
		left := false
		head, err := p.Head(inner)
		if err == nil {
			err = p.source(head).followWhole(inner, after, func(c domain.Commit, _ []byte) bool {
				left = !yield(c, nil)
				return !left
			})
		}
		if left || ctx.Err() != nil {
			return
		}
		if p.cluster.ctx.Err() != nil {
			err = errClosed
		}
		yield(domain.Commit{}, fmt.Errorf("follow server %s after position %d: %w", p.server, after, err))
	}
}

// source is the copy as it is read, which ended at head when the reading began: up to there it has to give
// everything.
func (p *Copy) source(head domain.Position) source {
	s := p.cluster.source(head)
	s.create = p.consumer
	s.leave = func(*jetstream.ConsumerInfo) bool { return false }
	s.hold = func(context.Context, domain.Position) bool { return true } // of the log a copy tells nothing
	s.end = func(context.Context) (domain.Position, error) { return head, nil }
	s.missing = func(ctx context.Context, at domain.Position) (bool, error) {
		has, err := p.Head(ctx)
		if err == nil && has < at {
			err = fmt.Errorf("server %s has lost what is behind position %d: %w", p.server, has, domain.ErrUnavailable)
		}
		if err != nil {
			return false, err
		}
		return p.passes(ctx, at)
	}
	return s
}

// passes says whether the server, which has something behind a position, has nothing there: asked for it, it sends what
// is behind, or says that there is nothing more that it could read. That it is silent proves nothing, a slow disk is
// enough for that; its head it knows from its memory.
func (p *Copy) passes(ctx context.Context, at domain.Position) (passed bool, err error) {
	for range asks {
		consumer, err := p.consumer(ctx, jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: uint64(at)})
		if err != nil {
			return false, err
		}
		name := consumer.CachedInfo().Name
		passed, err = p.cluster.passed(ctx, name, at)
		p.cluster.removeConsumer(name) // asked again it would say what is behind what was lost on the way
		if err == nil || ctx.Err() != nil {
			return passed, ctx.Err()
		}
	}
	return false, nil
}

const (
	// asks is how often a server is asked that does not answer.
	asks = 3
	// noMessages is the status with which a consumer says that it has gone through everything.
	noMessages = "404"
	// interestPause is how long a consumer may need until all servers know of it.
	interestPause = 20 * time.Millisecond
)

// passed asks a new consumer, which begins at a position, for one message, without waiting for more to come.
func (c *Cluster) passed(ctx context.Context, consumer string, at domain.Position) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterRequest)
	defer cancel()
	for {
		m, err := c.read.conn.RequestWithContext(ctx, "$JS.API.CONSUMER.MSG.NEXT."+streamName+"."+consumer, []byte(`{"batch":1,"no_wait":true}`))
		switch {
		case errors.Is(err, nats.ErrNoResponders): // nobody has got the request
			select {
			case <-time.After(interestPause):
				continue
			case <-ctx.Done():
				return false, ctx.Err()
			}
		case err != nil:
			return false, err
		case m.Header.Get("Status") != "":
			return m.Header.Get("Status") == noMessages, nil
		}
		meta, err := m.Metadata()
		return err == nil && meta.Sequence.Stream > uint64(at), err
	}
}

// Avoid says whether the copy is one that this node must not follow the log from.
func (p *Copy) Avoid(avoid bool) {
	if avoid {
		p.cluster.avoided.Store(p.server, true)
	} else {
		p.cluster.avoided.Delete(p.server)
	}
}

// consumer makes a consumer to follow the log with, on any server whose copy is not known to be damaged.
func (c *Cluster) consumer(ctx context.Context, config jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	return c.place(ctx, config, 0, func(server string) bool { return !c.avoids(server) })
}

// leave says whether a consumer lies where none may.
func (c *Cluster) leave(info *jetstream.ConsumerInfo) bool {
	return info.Cluster != nil && c.avoids(info.Cluster.Leader)
}

func (c *Cluster) avoids(server string) bool {
	_, avoid := c.avoided.Load(server)
	return avoid
}

var errPlace = errors.New("the servers place no reader where one is wanted")

// place makes consumers until one lies on a server that will do, and removes the others. So many may fail.
func (c *Cluster) place(ctx context.Context, config jetstream.ConsumerConfig, fail int, will func(server string) bool) (jetstream.Consumer, error) {
	config.AckPolicy, config.MemoryStorage, config.Replicas, config.InactiveThreshold = jetstream.AckNonePolicy, true, 1, clusterIdle
	for range placings {
		consumer, err := c.read.log.CreateConsumer(ctx, config)
		if err != nil {
			if fail--; fail < 0 || ctx.Err() != nil {
				return nil, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
			}
			continue
		}
		info := consumer.CachedInfo()
		if info.Cluster != nil && will(info.Cluster.Leader) {
			return consumer, nil
		}
		c.removeConsumer(info.Name)
	}
	return nil, fmt.Errorf("%w: %w", errPlace, domain.ErrUnavailable)
}

// removeConsumer has the servers forget a consumer. Nobody answers where the server is gone that had it, and it is
// forgotten after clusterIdle.
func (c *Cluster) removeConsumer(name string) {
	_ = c.read.conn.Publish("$JS.API.CONSUMER.DELETE."+streamName+"."+name, nil)
}
