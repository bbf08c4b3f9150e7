package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// Copy is the log as one node of the cluster has it, whether it leads or not. It implements domain.Log.
type Copy struct {
	store   *Store // of that node alone
	of      *Store
	address string
	alive   bool
	leads   bool
}

// Copies are the log's copies on the nodes that gossip names, also of those that are not alive. There are none where
// the connection string names a single host: that one is all that the store knows of.
func (s *Store) Copies(ctx context.Context) ([]*Copy, error) {
	if !s.nodes.settings.discover {
		return nil, nil
	}
	members, err := s.nodes.members(ctx)
	if err != nil {
		return nil, fmt.Errorf("copies of the log: %w", err)
	}
	var copies []*Copy
	for _, address := range slices.Sorted(maps.Keys(members)) {
		m := members[address]
		copies = append(copies, &Copy{
			store: s.of(address), of: s, address: address, alive: m.GetIsAlive(), leads: m.GetState() == gossip.MemberInfo_Leader,
		})
	}
	return copies, nil
}

// of is the store as one node has it.
func (s *Store) of(address string) *Store {
	return &Store{
		nodes: s.nodes, only: address, registry: s.registry, prefix: s.prefix, deadline: s.deadline, patience: -1, silence: s.silence,
		logger: s.logger, tips: tips{known: map[domain.Stream]tip{}}, ctx: s.ctx, cancel: func() {},
	}
}

// Name is the node's address.
func (c *Copy) Name() string { return c.address }

// Leads says whether the node is the leader: its copy is what the store reads.
func (c *Copy) Leads() bool { return c.leads }

// Avoid says whether the node is one that the store must not take anything from, should it become the leader.
func (c *Copy) Avoid(avoid bool) { c.of.avoided.set(c.address, avoid) }

// Head implements domain.Log: the end of what this node has.
func (c *Copy) Head(ctx context.Context) (domain.Position, error) {
	if !c.alive {
		return 0, fmt.Errorf("node %s is not alive: %w", c.address, domain.ErrUnavailable)
	}
	return c.store.Head(ctx)
}

// Follow implements domain.Log.
func (c *Copy) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return c.store.Follow(ctx, after)
}

// members asks the known addresses until one says which nodes there are, and gives those that keep data.
func (n *nodes) members(ctx context.Context) (map[string]*gossip.MemberInfo, error) {
	n.mu.Lock()
	known := slices.Clone(n.known)
	n.mu.Unlock()
	var errs []error
	for _, address := range known {
		cluster, err := n.gossip(ctx, address)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", address, err))
			continue
		}
		members := map[string]*gossip.MemberInfo{}
		for _, m := range cluster.GetMembers() {
			if at := endpoint(m.GetHttpEndPoint()); at != "" && m.GetState() != gossip.MemberInfo_Manager {
				members[at] = m
			}
		}
		return members, nil
	}
	return nil, fmt.Errorf("no node of the event store says which there are: %w: %w", domain.ErrUnavailable, errors.Join(errs...))
}

// gossip asks one node for all.
func (n *nodes) gossip(ctx context.Context, address string) (*gossip.ClusterInfo, error) {
	at, err := n.connect(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.settings.gossip)
	defer cancel()
	return gossip.NewGossipClient(at.conn).Read(ctx, &shared.Empty{})
}

// avoided are the nodes whose copies are damaged.
type avoided struct {
	mu        sync.Mutex // protects addresses
	addresses map[string]bool
}

func (a *avoided) set(address string, avoid bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.addresses == nil {
		a.addresses = map[string]bool{}
	}
	a.addresses[address] = avoid
}

func (a *avoided) has(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addresses[address]
}

// asAny makes the context of a request that the node it is sent to answers from what it has.
func (n *nodes) asAny(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", "false", "connection-name", n.settings.name)
}
