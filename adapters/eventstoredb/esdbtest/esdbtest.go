// Package esdbtest is an EventStoreDB for tests, in this process: the server's real protocol over its
// generated stubs, on a port of the loopback, with a log in memory.
//
// What it does as the server does, because clients stumble over it:
//
//   - Positions are places in a file: they grow by the size of what is written, and others write too.
//   - A read begins at the position or revision it names, a subscription after it. Reading backwards from
//     a position begins before it. A position within a record is invalid.
//   - A subscription is confirmed first, then brings what is there, a checkpoint, the message that it has
//     caught up, and then what comes, with checkpoints in between.
//   - An append that is repeated is answered as it was the first time; as many ids are compared as are
//     given. Who expects another version is told so in two generations of fields, or only in the first.
//   - What it cannot read it leaves out. Where a stream ends is told by the index, which knows better.
//   - A stream that is deleted softly goes on where it ended; one with a tombstone never does. What was
//     truncated goes from the log at a scavenge.
//   - Errors have their details in the trailer.
//   - A connection carries a hundred requests at a time.
//
// Faults are staged by the methods in faults.go. A cluster is several nodes over one log, of which one
// leads; the others send away who demands the leader. A node can be given a log of its own, to be damaged alone.
package esdbtest

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Requests is how many requests and subscriptions a connection carries at a time; more wait.
const Requests = 100

// Options say what server it is. The zero value is a single node without TLS and users.
type Options struct {
	// Nodes is how many there are; 0 stands for one.
	Nodes int
	// TLSDir, where set, turns TLS on: the folder takes the file of the certificate authority.
	TLSDir string
	// UserCertificates, with TLSDir, are demanded of who connects; the folder takes one with its key.
	UserCertificates bool
	// User and Password, where set, are demanded.
	User, Password string
	// MaxAppendSize is how many bytes an append may have; 0 stands for the server's own 1 MiB.
	MaxAppendSize int
}

// Server is a server, or a cluster of them.
type Server struct {
	options Options
	log     *log
	nodes   []*node
	tls     grpc.ServerOption // nil for none
	files   tlsFiles

	mu     sync.Mutex // protects what follows
	leader int        // -1 for none
	faults faults
}

// node is one member of it.
type node struct {
	streams.UnimplementedStreamsServer
	*Server
	number  int
	address string
	log     *log // that of all, unless it has one of its own

	mu     sync.Mutex // protects what follows
	server *grpc.Server
	done   chan struct{} // closed when the present server ends
}

// Start starts a server. Close ends it.
func Start(o Options) (*Server, error) {
	o.Nodes, o.MaxAppendSize = cmp.Or(o.Nodes, 1), cmp.Or(o.MaxAppendSize, 1<<20)
	s := &Server{options: o, log: newLog()}
	s.faults.drop = make(chan struct{})
	if o.TLSDir != "" {
		var err error
		if s.tls, s.files, err = newTLS(o.TLSDir, o.UserCertificates); err != nil {
			return nil, fmt.Errorf("esdbtest: %w", err)
		}
	}
	for i := range o.Nodes {
		n := &node{Server: s, number: i, address: "127.0.0.1:0", log: s.log}
		s.nodes = append(s.nodes, n)
		if err := n.start(); err != nil {
			s.Close()
			return nil, fmt.Errorf("esdbtest: %w", err)
		}
	}
	return s, nil
}

// Close ends all nodes.
func (s *Server) Close() {
	for i := range s.nodes {
		s.Stop(i)
	}
}

// URL is the connection string: of the one node, or of all of them.
func (s *Server) URL() string {
	var hosts []string
	for _, n := range s.nodes {
		hosts = append(hosts, n.address)
	}
	return s.url("esdb://", strings.Join(hosts, ","))
}

// Discover is the connection string that asks one node for the leader.
func (s *Server) Discover(node int) string { return s.url("esdb+discover://", s.nodes[node].address) }

// Single is the connection string of one node, whatever it is.
func (s *Server) Single(node int) string { return s.url("esdb://", s.nodes[node].address) }

func (s *Server) url(scheme, hosts string) string {
	user, query := "", "?tls=false"
	if s.options.User != "" {
		user = url.UserPassword(s.options.User, s.options.Password).String() + "@"
	}
	if s.files.authority != "" {
		query = "?tlsCAFile=" + url.QueryEscape(s.files.authority)
	}
	if s.options.UserCertificates {
		query += "&userCertFile=" + url.QueryEscape(s.files.user) + "&userKeyFile=" + url.QueryEscape(s.files.key)
	}
	return scheme + user + hosts + query
}

func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server != nil {
		return errors.New("the node is running")
	}
	l, err := net.Listen("tcp", n.address)
	if err != nil {
		return err
	}
	n.address = l.Addr().String()
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(32 << 20), grpc.MaxConcurrentStreams(Requests),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 1, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(n.unary), grpc.StreamInterceptor(n.stream),
	}
	if n.tls != nil {
		options = append(options, n.tls)
	}
	n.server, n.done = grpc.NewServer(options...), make(chan struct{})
	streams.RegisterStreamsServer(n.server, n)
	gossip.RegisterGossipServer(n.server, gossiper{node: n})
	go n.server.Serve(l) // until Stop
	return nil
}

// Stop ends a node as a crash does: every connection breaks. Its address stays its own.
func (s *Server) Stop(node int) {
	n := s.nodes[node]
	n.mu.Lock()
	server := n.server
	if n.server = nil; server != nil {
		close(n.done)
	}
	n.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

// Restart starts a node that was stopped, with all that was written.
func (s *Server) Restart(node int) error { return s.nodes[node].start() }

// Lead makes a node the leader; -1 leaves the cluster without one.
func (s *Server) Lead(node int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leader = node
}

// Leader is the number of the leader.
func (s *Server) Leader() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leader
}
