package eventstoredb

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/tizilim/tizilim/domain"
)

const (
	defaultRegistry = "tizilim"
	defaultPort     = "2113"
	defaultPatience = 15 * time.Second
	defaultDeadline = 10 * time.Second
	defaultSilence  = 5 * time.Second
)

// Config says where the store is and whom it tells.
type Config struct {
	// URL is the connection string. Its password is never logged, nor put into an error.
	URL string
	// Registry sets the streams of this registry apart from all others on the same server: it is the
	// beginning of their names. Lower-case letters and digits; "tizilim" where empty.
	Registry string
	// Logger takes the store's log; nil for none.
	Logger *slog.Logger
	// Patience is how long a call is tried again while nobody answers or a leader is being elected:
	// 0 stands for 15 s, a negative one for a single try. The caller's context bounds it too.
	Patience time.Duration
	// Silence is how long a follower hears nothing before it looks whether it misses something:
	// 0 stands for 5 s.
	Silence time.Duration
	// OnAppend, where set, is told of each acknowledged append: how long the caller waited.
	OnAppend func(wait time.Duration, events int)

	dial []grpc.DialOption // of tests alone
}

var registryForm = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)

// settings is what a connection string says.
type settings struct {
	hosts    []string // with their ports
	discover bool     // whether the hosts are asked who the leader is
	user     string
	password string

	tls       *tls.Config   // nil for none
	deadline  time.Duration // of one try of one request
	gossip    time.Duration // of one question who the leader is
	attempts  int           // at finding a leader in one try
	interval  time.Duration // between two of them
	keepAlive time.Duration // between two signs of life; 0 for none
	alive     time.Duration // how long one may take
	name      string        // of the connection, for the server's log
}

// parse reads a connection string:
//
//	esdb://user:password@host:2113?tls=false
//	esdb://one:2113,two:2113,three:2113
//	esdb+discover://cluster.example.kz:2113
//
// With several hosts, or with +discover, the hosts are asked who the leader is. What it does not know
// is ErrInvalid: a setting that is not heeded would only seem to be one.
func parse(text string) (*settings, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "esdb" && scheme != "esdb+discover" {
		return nil, fmt.Errorf("connection string: neither esdb:// nor esdb+discover://: %w", domain.ErrInvalid)
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	at := strings.LastIndexByte(authority, '@')
	// Several hosts are no URL; without them it is one.
	u, err := url.Parse("esdb://" + authority[:at+1] + "host" + tail)
	if err != nil {
		return nil, fmt.Errorf("connection string: not a URL: %w", domain.ErrInvalid) // the cause may hold the password
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, fmt.Errorf("connection string: nothing but ?settings may follow the hosts: %w", domain.ErrInvalid)
	}
	s := &settings{
		deadline: defaultDeadline, gossip: 5 * time.Second, attempts: 10, interval: 100 * time.Millisecond,
		keepAlive: 10 * time.Second, alive: 10 * time.Second, name: "tizilim",
	}
	if s.hosts, err = parseHosts(authority[at+1:]); err != nil {
		return nil, err
	}
	s.discover = scheme == "esdb+discover" || len(s.hosts) > 1
	if s.user = u.User.Username(); s.user != "" {
		s.password, _ = u.User.Password()
	} else if u.User != nil {
		return nil, fmt.Errorf("connection string: a password without a user: %w", domain.ErrInvalid)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("connection string: settings: %w", domain.ErrInvalid)
	}
	return s, s.apply(query)
}

func parseHosts(text string) ([]string, error) {
	var hosts []string
	for host := range strings.SplitSeq(text, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil { // no port
			if name, port, err = net.SplitHostPort(host + ":" + defaultPort); err != nil {
				return nil, fmt.Errorf("connection string: host %q: %w", host, domain.ErrInvalid)
			}
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || name == "" {
			return nil, fmt.Errorf("connection string: host %q: %w", host, domain.ErrInvalid)
		}
		hosts = append(hosts, net.JoinHostPort(name, port))
	}
	return hosts, nil
}

// apply heeds the settings. Their names may be written in any case.
func (s *settings) apply(query url.Values) error {
	given := map[string]string{}
	for name, values := range query {
		key := strings.ToLower(name)
		if _, twice := given[key]; twice || len(values) != 1 {
			return fmt.Errorf("connection string: %s is given twice: %w", name, domain.ErrInvalid)
		}
		given[key] = values[0]
	}
	r := settingsReader{given: given}
	secure, verify := r.boolean("tls", true), r.boolean("tlsverifycert", true)
	ca, cert, key := r.text("tlscafile"), r.text("usercertfile"), r.text("userkeyfile")
	s.deadline = r.milliseconds("defaultdeadline", s.deadline)
	s.interval = r.milliseconds("discoveryinterval", s.interval)
	s.gossip = time.Duration(r.number("gossiptimeout", int(s.gossip/time.Second))) * time.Second
	s.attempts = r.number("maxdiscoverattempts", s.attempts)
	s.keepAlive = r.milliseconds("keepaliveinterval", s.keepAlive)
	s.alive = r.milliseconds("keepalivetimeout", s.alive)
	s.name = cmp.Or(r.text("connectionname"), s.name)
	if p := r.text("nodepreference"); p != "" && !strings.EqualFold(p, "leader") {
		r.fail("nodepreference", "leader: only the leader has every commit that was acknowledged")
	}
	if err := r.end(); err != nil {
		return err
	}
	if !secure {
		if ca+cert+key != "" {
			return fmt.Errorf("connection string: certificates and tls=false: %w", domain.ErrInvalid)
		}
		return nil
	}
	return s.secure(verify, ca, cert, key)
}

func (s *settings) secure(verify bool, ca, cert, key string) error {
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return fmt.Errorf("connection string: tlsCAFile: %w: %w", domain.ErrInvalid, err)
		}
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("connection string: tlsCAFile %s holds no certificate: %w", ca, domain.ErrInvalid)
		}
	}
	if (cert == "") != (key == "") {
		return fmt.Errorf("connection string: userCertFile and userKeyFile go together: %w", domain.ErrInvalid)
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("connection string: userCertFile: %w: %w", domain.ErrInvalid, err)
		}
		s.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// settingsReader takes settings one by one, until the first that is wrong.
type settingsReader struct {
	given map[string]string
	err   error
}

func (r *settingsReader) fail(name, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("connection string: %s has to be %s: %w", name, want, domain.ErrInvalid)
	}
}

func (r *settingsReader) text(name string) string {
	v := r.given[name]
	delete(r.given, name)
	return v
}

func (r *settingsReader) boolean(name string, other bool) bool {
	switch v := r.text(name); strings.ToLower(v) {
	case "":
		return other
	case "true":
		return true
	case "false":
		return false
	}
	r.fail(name, "true or false")
	return other
}

func (r *settingsReader) number(name string, other int) int {
	v := r.text(name)
	if v == "" {
		return other
	}
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 1 {
		r.fail(name, "a number above 0")
	}
	return int(n)
}

// milliseconds reads a duration; -1 stands for none.
func (r *settingsReader) milliseconds(name string, other time.Duration) time.Duration {
	if strings.HasPrefix(name, "keepalive") && r.given[name] == "-1" {
		delete(r.given, name)
		return 0
	}
	return time.Duration(r.number(name, int(other/time.Millisecond))) * time.Millisecond
}

// end reports the first fault, and settings that nobody took.
func (r *settingsReader) end() error {
	for name := range r.given {
		names := []string{"tls", "tlsVerifyCert", "tlsCAFile", "userCertFile", "userKeyFile", "defaultDeadline", "discoveryInterval",
			"gossipTimeout", "maxDiscoverAttempts", "keepAliveInterval", "keepAliveTimeout", "connectionName", "nodePreference"}
		slices.Sort(names)
		r.fail(strconv.Quote(name), "one of "+strings.Join(names, ", "))
	}
	return r.err
}
