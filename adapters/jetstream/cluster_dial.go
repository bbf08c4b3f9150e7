package jetstream

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// Servers say how the NATS servers of a cluster are reached.
type Servers struct {
	// URLs are the addresses, divided by commas: nats://a:4222,nats://b:4222. There may be a user and a
	// password in them.
	URLs string
	// CA is a file with the authorities that the servers' certificates have to be of; empty for the system's.
	CA string
	// Cert and Key are the files of the certificate that shows who connects; empty for none.
	Cert, Key string
	// Credentials is a file with a JWT and its key; empty for none.
	Credentials string
}

const (
	// A server that does not answer two pings is left: a partition has no other sign.
	clusterPing = 2 * time.Second
	// reconnectWait is the pause before a server is tried again.
	reconnectWait = 200 * time.Millisecond
	// unanswered is how long requests on one connection may fail before another server is tried: a client in
	// the smaller part of a divided cluster would wait for ever. Where it is not the leader's own server that
	// is silent, the others most likely elect a new one, which takes some 4 to 9 s, and to leave would be to
	// risk going to the old one.
	unanswered = 4 * time.Second
	unelected  = 10 * time.Second
	// inboxPrefix is where the registry's answers go: the permissions let nobody else hear them.
	inboxPrefix = "_INBOX_TIZILIM"
)

// dial connects to one of the servers. The connection comes back by itself, at another server where
// need be, and keeps nothing for later: what cannot be sent is known at once.
func (s Servers) dial(name string, options ...nats.Option) (*nats.Conn, error) {
	all := append(patient(name), options...)
	if s.CA != "" {
		all = append(all, nats.RootCAs(s.CA))
	}
	if s.Cert != "" || s.Key != "" {
		all = append(all, nats.ClientCert(s.Cert, s.Key))
	}
	if s.Credentials != "" {
		all = append(all, nats.UserCredentials(s.Credentials))
	}
	conn, err := nats.Connect(s.URLs, all...)
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS cluster at %s: %w: %w", s.hosts(), domain.ErrUnavailable, withoutAddress(err))
	}
	return conn, nil
}

// patient are the options of every connection.
func patient(name string) []nats.Option {
	return []nats.Option{
		nats.Name(name), nats.CustomInboxPrefix(inboxPrefix),
		nats.PingInterval(clusterPing), nats.MaxPingsOutstanding(2), nats.Timeout(clusterPing),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1), nats.FlusherTimeout(clusterPing), nats.IgnoreAuthErrorAbort(),
	}
}

// hosts are the addresses without what may be secret in them.
func (s Servers) hosts() string {
	var hosts []string
	for _, one := range strings.Split(s.URLs, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" {
			return "an address that cannot be read"
		}
		hosts = append(hosts, u.Host)
	}
	return strings.Join(hosts, ", ")
}

// withoutAddress takes the address out of an error, which is for the log: there may be a password in it.
func withoutAddress(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// line is a connection to the cluster. Writing has its own, as in the embedded store.
type line struct {
	conn *nats.Conn
	js   jetstream.JetStream
	log  jetstream.Stream

	mu sync.Mutex // protects what follows
	// since is when the first of the requests failed that have failed in a row; zero while they succeed.
	since time.Time
	moved time.Time // when the connection was last sent to another server
	// leader is the server that was last known to lead.
	leader string
}

func newLine(dial func(string, ...nats.Option) (*nats.Conn, error), name string, options ...nats.Option) (*line, error) {
	conn, err := dial(name, options...)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(clusterRequest))
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &line{conn: conn, js: js}, nil
}

// answered notes that a request on the line was answered.
func (l *line) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Time{}
}

// leads notes which server leads.
func (l *line) leads(leader string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leader = leader
}

// failed notes that a request was not answered, and goes to another server where none was for long.
func (l *line) failed() { l.miss(true) }

// refused notes that a commit was: by the leader, or by a server that was cut off and refuses because it cannot
// store what came before. So it is no answer, and after failures it is one more.
func (l *line) refused() { l.miss(false) }

func (l *line) miss(first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.since.IsZero() {
		if !first {
			return
		}
		l.since = now
	}
	patience := unelected
	if l.leader == l.conn.ConnectedServerName() {
		patience = unanswered
	}
	if now.Sub(l.since) < patience || now.Sub(l.moved) < patience || !l.conn.IsConnected() {
		return
	}
	l.moved = now
	_ = l.conn.ForceReconnect() // fails on a closed connection only
}

// down is since when requests have failed in a row, zero where they succeed.
func (l *line) down() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since
}
