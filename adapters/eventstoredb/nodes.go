package eventstoredb

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/tizilim/tizilim/domain"
)

// nodes are the connections to the servers, two for each that was ever spoken to, and which of them is
// the leader. A connection stays when the leader changes: what still goes on over it may end.
type nodes struct {
	settings *settings
	options  []grpc.DialOption

	mu     sync.Mutex // protects what follows
	conns  map[string]node
	known  []string // addresses to ask who the leader is: the hosts, and all that gossip named
	leader string   // empty until it is found
	closed bool
}

// node is one server. A server allows a hundred requests at a time on a connection, and a subscription is one
// that does not end: those have a connection of their own, so that they never stand in the way of others.
type node struct {
	address             string
	conn, subscriptions *grpc.ClientConn
}

// client is what requests are sent with, subscriptions with the inner one.
type client struct {
	streams.StreamsClient
	subscriptions streams.StreamsClient
}

func (n node) client() client {
	return client{streams.NewStreamsClient(n.conn), streams.NewStreamsClient(n.subscriptions)}
}

var errClosed = fmt.Errorf("the event store is closed: %w", domain.ErrUnavailable)

func newNodes(s *settings, more []grpc.DialOption) *nodes {
	transport := insecure.NewCredentials()
	if s.tls != nil {
		transport = credentials.NewTLS(s.tls)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: s.gossip,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32 << 20)), // an event of any size a server takes
	}
	if s.keepAlive > 0 {
		options = append(options, grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: s.keepAlive, Timeout: s.alive, PermitWithoutStream: true}))
	}
	// A server without TLS knows no users: the password would only be shown to the network.
	if s.user != "" && s.tls != nil {
		options = append(options, grpc.WithPerRPCCredentials(basic(s.user+":"+s.password)))
	}
	return &nodes{settings: s, options: append(options, more...), conns: map[string]node{}, known: slices.Clone(s.hosts)}
}

// basic is a user and a password, with a colon between, as every request shows them.
type basic string

func (b basic) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

func (basic) RequireTransportSecurity() bool { return true }

// connect gives the connections to an address. It waits for nothing: gRPC connects with the first request.
func (n *nodes) connect(address string) (node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return node{}, errClosed
	}
	at, known := n.conns[address]
	if !known {
		at.address = address
		for _, conn := range []**grpc.ClientConn{&at.conn, &at.subscriptions} {
			var err error
			if *conn, err = grpc.NewClient("dns:///"+address, n.options...); err != nil { // for both or neither
				return node{}, fmt.Errorf("connect to %s: %w: %w", address, domain.ErrInvalid, err)
			}
		}
		n.conns[address] = at
	}
	return at, nil
}

// lead gives the leader, and finds out who it is where that is not known.
func (n *nodes) lead(ctx context.Context) (node, error) {
	n.mu.Lock()
	leader := n.leader
	n.mu.Unlock()
	if leader == "" && !n.settings.discover {
		leader = n.settings.hosts[0]
	}
	if leader == "" {
		var err error
		if leader, err = n.find(ctx); err != nil {
			return node{}, err
		}
		n.follow(leader)
	}
	return n.connect(leader)
}

// lost forgets who the leader is, unless another one was found already.
func (n *nodes) lost(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.leader == address {
		n.leader = ""
	}
}

// follow takes an address for the leader's.
func (n *nodes) follow(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leader = address
}

// find asks the known addresses by gossip, in any order, until one names a leader.
func (n *nodes) find(ctx context.Context) (string, error) {
	var last error
	for attempt := range n.settings.attempts {
		if attempt > 0 && !pause(ctx, n.settings.interval) {
			break
		}
		n.mu.Lock()
		known := slices.Clone(n.known)
		n.mu.Unlock()
		rand.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
		for _, address := range known {
			leader, err := n.ask(ctx, address)
			if err == nil {
				return leader, nil
			}
			last = fmt.Errorf("%s: %w", address, err)
		}
	}
	return "", fmt.Errorf("no node of the event store names a leader: %w: %w", domain.ErrUnavailable, errors.Join(last, ctx.Err()))
}

var errNoLeader = errors.New("knows of no leader")

// ask asks one node for the leader, and learns the addresses of all.
func (n *nodes) ask(ctx context.Context, address string) (leader string, err error) {
	cluster, err := n.gossip(ctx, address)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range cluster.GetMembers() {
		member := endpoint(m.GetHttpEndPoint())
		if !m.GetIsAlive() || member == "" {
			continue
		}
		if m.GetState() == gossip.MemberInfo_Leader {
			leader = member
		}
		if !slices.Contains(n.known, member) && len(n.known) < maxKnown {
			n.known = append(n.known, member)
		}
	}
	if leader == "" {
		return "", errNoLeader
	}
	return leader, nil
}

// maxKnown bounds what gossip may teach.
const maxKnown = 64

func endpoint(e *gossip.EndPoint) string {
	if e.GetAddress() == "" || e.GetPort() == 0 {
		return ""
	}
	return net.JoinHostPort(e.GetAddress(), strconv.FormatUint(uint64(e.GetPort()), 10))
}

func (n *nodes) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	var errs []error
	for _, at := range n.conns {
		errs = append(errs, at.conn.Close(), at.subscriptions.Close())
	}
	clear(n.conns)
	return errors.Join(errs...)
}

// outgoing makes the context of a request, which only the leader may answer or else any node from what it has.
func (n *nodes) outgoing(ctx context.Context, leader bool) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "requires-leader", strconv.FormatBool(leader), "connection-name", n.settings.name)
}

// pause waits, false where ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
