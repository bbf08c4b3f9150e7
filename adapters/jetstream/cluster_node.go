package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// Node says which server of the cluster is the one inside this process. The others are inside other
// processes of the registry, on other machines.
type Node struct {
	// Name is the node's among the peers. It stays with the data: to the others the node is who has the name,
	// also where it comes with an empty disk.
	Name string
	// Peers are the three nodes of the cluster, this one too, the same list on each.
	Peers []Peer
	// Listen is the address for the others; empty for the node's own of the list.
	Listen string
	// CA, Cert and Key are files: the authority of all nodes' certificates, and those of this one. Whoever has
	// a certificate of the authority can join. Only where all nodes are on this machine may they be empty.
	CA, Cert, Key string
	// MinFree is how many bytes the file system must have left for an append to be taken; 0 stands for 256 MiB.
	MinFree uint64
}

// Peer is a node of the cluster: its name, and the host and port that the others reach it at.
type Peer struct{ Name, Address string }

// nodeName is what may be a node's name.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// check is ErrInvalid for a cluster that cannot be, or that strangers could join.
func (n *Node) check() error {
	names, addresses := map[string]bool{}, map[string]bool{}
	loopback := true
	for _, p := range append([]Peer{{n.Name, n.Listen}}, n.Peers...) {
		if p.Address == "" && p.Name == n.Name {
			continue
		}
		host, _, err := net.SplitHostPort(p.Address)
		if err != nil || host == "" {
			return fmt.Errorf("node %q: address %q is no host and port: %w", p.Name, p.Address, domain.ErrInvalid)
		}
		loopback = loopback && net.ParseIP(host).IsLoopback()
	}
	for _, p := range n.Peers {
		if !nodeName.MatchString(p.Name) {
			return fmt.Errorf("%q is no name of a node: %w", p.Name, domain.ErrInvalid)
		}
		if names[p.Name] || addresses[p.Address] {
			return fmt.Errorf("node %s, %s: its name or address is there twice: %w", p.Name, p.Address, domain.ErrInvalid)
		}
		names[p.Name], addresses[p.Address] = true, true
	}
	secure := n.CA != "" && n.Cert != "" && n.Key != ""
	switch {
	case len(names) != replicas: // of more some would keep no copy, and never be healthy
		return fmt.Errorf("%d nodes are no cluster, there have to be %d: %w", len(names), replicas, domain.ErrInvalid)
	case !names[n.Name]:
		return fmt.Errorf("node %q is none of the cluster's: %w", n.Name, domain.ErrInvalid)
	case !secure && (n.CA != "" || n.Cert != "" || n.Key != ""):
		return fmt.Errorf("an authority, a certificate and its key go together: %w", domain.ErrInvalid)
	case !secure && !loopback:
		return fmt.Errorf("nodes on other machines need certificates, or anybody could join: %w", domain.ErrInvalid)
	}
	return nil
}

// of is the marker of a directory that holds the node's files.
func (n *Node) of() marker { return marker{Mode: "cluster-node", Format: 1, Node: n.Name} }

// listen is the address for the others.
func (n *Node) listen() string {
	if n.Listen != "" {
		return n.Listen
	}
	for _, p := range n.Peers {
		if p.Name == n.Name {
			return p.Address
		}
	}
	return ""
}

// member is the server of a cluster inside this process.
type member struct {
	server *server.Server
	gate   *gate
	free   disk.Space
}

// startMember starts the server on a directory. It becomes part of the cluster as soon as others answer.
func startMember(dir string, n *Node, logger *slog.Logger) (*member, error) {
	options, err := n.options(dir)
	if err != nil {
		return nil, err
	}
	if err := tryListen(n.listen()); err != nil {
		return nil, fmt.Errorf("listen for the other nodes: %w: %w", domain.ErrUnavailable, err)
	}
	m := &member{gate: newGate(), free: disk.Space{Dir: dir, Min: cmp.Or(n.MinFree, disk.MinFree)}}
	options.CustomClientAuthentication = m.gate
	if m.server, err = startServer(options, logger); err != nil {
		return nil, err
	}
	m.gate.admitSystem(m.server.SystemAccount())
	return m, nil
}

// options are those of a server that others of the cluster can reach, and nobody else. Its port for clients
// stands open on this machine, because without one it would not open that for the others; who has not the
// secret is let in nowhere.
func (n *Node) options(dir string) (*server.Options, error) {
	o := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(dir, natsName), SyncAlways: true, DisableJetStreamBanner: true,
		MaxPayload: maxPayload, JetStreamMaxMemory: 1 << 30, JetStreamMaxStore: 1 << 60,
		AuthTimeout: requestTime.Seconds(), MaxConn: maxConnections,
	}
	host, port, err := hostPort(n.listen(), 1)
	if err != nil {
		return nil, err
	}
	o.Cluster = server.ClusterOpts{Name: "tizilim", Host: host, Port: port, NoAdvertise: true}
	scheme := "nats"
	if n.CA != "" {
		scheme = "tls"
		tls, err := server.GenTLSConfig(&server.TLSConfigOpts{CaFile: n.CA, CertFile: n.Cert, KeyFile: n.Key, Verify: true})
		if err != nil {
			return nil, fmt.Errorf("certificates of the cluster: %w: %w", domain.ErrInvalid, err)
		}
		tls.RootCAs = tls.ClientCAs
		o.Cluster.TLSConfig, o.Cluster.TLSTimeout = tls, requestTime.Seconds()
	}
	for _, p := range n.Peers { // this one too: the server counts them to know how many make the cluster
		o.Routes = append(o.Routes, &url.URL{Scheme: scheme, Host: p.Address})
	}
	return o, nil
}

// dial connects to the server from within.
func (m *member) dial(account, name string, options ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect("", append(patient(name), append(options,
		nats.InProcessServer(m.server), nats.UserInfo(account, m.gate.secret))...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server in this process: %w: %w", domain.ErrUnavailable, err)
	}
	return conn, nil
}

// writable says why this node's server can take nothing.
func (m *member) writable() error {
	if err := m.free.Check(); err != nil {
		return err
	}
	if !m.server.JetStreamEnabled() {
		return fmt.Errorf("the NATS server of this node has stopped keeping the log, start again: %w", domain.ErrUnavailable)
	}
	return nil
}

// whole says why this node's copy of the log, which has reached head, cannot take another one's place: it is
// not complete yet. A moment it may take to come.
func (m *member) whole(ctx context.Context, head domain.Position) error {
	for {
		end, err := m.copied()
		if err == nil && end >= head {
			return nil
		}
		select {
		case <-time.After(firstPause):
		case <-ctx.Done():
			return fmt.Errorf("this node's copy of the log ends at position %d, the log at %d: %w: %w", end, head, domain.ErrUnavailable, errors.Join(ctx.Err(), err))
		}
	}
}

// copied is how far this node's copy goes.
func (m *member) copied() (domain.Position, error) {
	info, err := m.server.Jsz(&server.JSzOptions{Account: logAccount, Streams: true})
	if err != nil {
		return 0, err
	}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Name == streamName {
				return domain.Position(stream.State.LastSeq), nil
			}
		}
	}
	return 0, nil
}

// ways are how the store connects: to the account of the log, and to the one that knows of the servers.
type ways struct {
	log, system func(name string, options ...nats.Option) (*nats.Conn, error)
}

// openWays starts the server of this process where there is to be one.
func (c *Cluster) openWays() (ways, error) {
	n := c.config.Node
	if n == nil {
		return ways{c.config.dial, nil}, nil
	}
	var err error
	if c.member, err = startMember(c.config.Dir, n, c.logger); err != nil {
		return ways{}, err
	}
	to := func(account string) func(string, ...nats.Option) (*nats.Conn, error) {
		return func(name string, options ...nats.Option) (*nats.Conn, error) {
			return c.member.dial(account, name, options...)
		}
	}
	return ways{to(logAccount), to(systemAccount)}, nil
}

const systemAccount = server.DEFAULT_SYSTEM_ACCOUNT

// admitSystem lets connections from within into the account that knows of the servers.
func (g *gate) admitSystem(account *server.Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.system = account
}
