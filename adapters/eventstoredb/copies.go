package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"

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

// Leads says whether the node was the leader when Copies asked: its copy is what the store reads.
func (c *Copy) Leads() bool { return c.leads }

// Avoid says whether the node is one that the store must not take anything from, should it become the leader.
func (c *Copy) Avoid(avoid bool) {
	if avoid {
		c.of.avoided.Store(c.address, true)
	} else {
		c.of.avoided.Delete(c.address)
	}
}

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

// members asks the known addresses until one says which nodes there are, and gives those that keep data. A node that is
// cut off from the others may still take itself for the leader, so only one that sees most of them is believed.
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
		if !seesMost(cluster) {
			errs = append(errs, fmt.Errorf("%s does not see most of the nodes", address))
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

// seesMost says whether those nodes are alive that can choose a leader.
func seesMost(cluster *gossip.ClusterInfo) bool {
	alive, all := 0, 0
	for _, m := range cluster.GetMembers() {
		switch m.GetState() {
		case gossip.MemberInfo_Manager, gossip.MemberInfo_ReadOnlyLeaderless, gossip.MemberInfo_PreReadOnlyReplica, gossip.MemberInfo_ReadOnlyReplica:
			continue // they have no vote
		}
		if all++; m.GetIsAlive() {
			alive++
		}
	}
	return 2*alive > all
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
