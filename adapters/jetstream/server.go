package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

const (
	streamName    = "TIZILIM"
	subjectPrefix = "tizilim"

	serverStart = 10 * time.Minute // after a kill the server reads the whole log before it is ready
	requestTime = 5 * time.Second  // what one request to the server may take before it counts as stalled

	never = 10 * 365 * 24 * time.Hour

	maxConnections = 256 // to the server, those from within and of guests

	maxPayload = domain.MaxCommitBytes + 4<<10 // a full commit and its headers
)

// engine is the NATS server inside this process, with the connection to it. The committer has one of its
// own (publisher.go): what readers have asked for must not stand before a publish or its acknowledgement.
type engine struct {
	logger *slog.Logger
	gate   *gate
	server *server.Server
	conn   *nats.Conn
	client jetstream.JetStream
	log    jetstream.Stream

	opening sync.Mutex // held by who opens the annex
}

// startEngine starts a server on dir that nothing outside this process can reach, until guests are let in
// at the address.
func startEngine(dir, address string, syncAlways bool, logger *slog.Logger) (*engine, error) {
	gate := newGate()
	options, err := at(&server.Options{
		ServerName: "tizilim", DontListen: true, NoSigs: true, NoSystemAccount: true,
		JetStream: true, StoreDir: dir, SyncAlways: syncAlways, DisableJetStreamBanner: true,
		MaxPayload:         maxPayload,
		JetStreamMaxMemory: 1 << 30, // consumers only; the log is in files
		JetStreamMaxStore:  1 << 60, // free space is watched by the store itself
		// A machine that is very busy may take its time with a connection from this process, too.
		CustomClientAuthentication: gate, AuthTimeout: requestTime.Seconds(), MaxConn: maxConnections,
		PingInterval: never, DisableShortFirstPing: true, // whoever is lost TCP finds out about
	}, address)
	if err != nil {
		return nil, err
	}
	srv, err := startServer(options, logger)
	if err != nil {
		return nil, err
	}
	e := &engine{server: srv, logger: logger, gate: gate}
	if err := e.connect(); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// startServer starts a server inside this process and waits until it has read what it keeps.
func startServer(options *server.Options, logger *slog.Logger) (*server.Server, error) {
	srv, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("NATS server in %s: %w", options.StoreDir, err)
	}
	srv.SetLoggerV2(serverLog{logger}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(serverStart) || !srv.JetStreamEnabled() {
		stopServer(srv)
		return nil, fmt.Errorf("NATS server in %s did not start: %w", options.StoreDir, domain.ErrUnavailable)
	}
	return srv, nil
}

func stopServer(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

// hostPort divides an address, whose port has to be the least or a higher one.
func hostPort(address string, least int) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("address %q: %w: %w", address, domain.ErrInvalid, err)
	}
	if port, err = strconv.Atoi(text); err != nil || port < least || port > 65535 {
		return "", 0, fmt.Errorf("address %q: port: %w", address, domain.ErrInvalid)
	}
	return host, port, nil
}

// tryListen says why nobody can listen at the address: the server itself only logs it, and is never ready.
func tryListen(address string) error {
	door, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return door.Close()
}

func (e *engine) connect() (err error) {
	if e.conn, err = e.dial(logAccount, nats.NoReconnect()); err != nil {
		return err
	}
	e.client, err = jetstream.New(e.conn)
	return err
}

// publisher opens the committer's connection.
func (e *engine) publisher() (*publisher, error) {
	conn, err := e.server.InProcessConn()
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server in this process: %w", err)
	}
	return newPublisher(conn, logAccount, e.gate.secret)
}

// dial connects to the server from within. The connection does not leave the process: where one of the log's
// breaks, the server is broken.
func (e *engine) dial(account string, options ...nats.Option) (*nats.Conn, error) {
	conn, err := nats.Connect("", append(options, nats.InProcessServer(e.server), nats.ErrorHandler(e.warn),
		nats.UserInfo(account, e.gate.secret), nats.Timeout(requestTime))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server in this process: %w", err)
	}
	return conn, nil
}

func (e *engine) warn(_ *nats.Conn, _ *nats.Subscription, err error) {
	e.logger.Warn("event store: connection to the NATS server", "error", err)
}

func (e *engine) stop() {
	if e.conn != nil {
		e.conn.Close()
	}
	stopServer(e.server)
}

// streamConfig is one subject per aggregate, and nothing that ever removes or rewrites a message:
// the group flush rests on blocks that only grow.
func streamConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjectPrefix + ".*.*"},
		Storage: jetstream.FileStorage, Replicas: 1, Compression: jetstream.NoCompression,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		DenyDelete: true, DenyPurge: true, AllowDirect: true,
		// The server's own duplicate window forgets, so it is not used, and kept short: a restart
		// reads every message of the window again.
		Duplicates: time.Second,
	}
}

// openLog opens the stream, or creates it where the registry is new.
func (e *engine) openLog(ctx context.Context, create bool) (*jetstream.StreamInfo, error) {
	var err error
	e.log, err = e.client.Stream(ctx, streamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !create {
			return nil, fmt.Errorf("the log that was in this directory is gone: %w", domain.ErrDamaged)
		}
		e.log, err = e.client.CreateStream(ctx, streamConfig())
	}
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	info := e.log.CachedInfo()
	if c := info.Config; c.Storage != jetstream.FileStorage || c.Compression != jetstream.NoCompression ||
		!c.DenyDelete || !c.DenyPurge || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxAge > 0 || c.MaxMsgsPerSubject > 0 {
		return nil, fmt.Errorf("the log in this directory has another configuration: %w", domain.ErrDamaged)
	}
	if err := whole(info.State); err != nil {
		return nil, err
	}
	return info, nil
}

// whole is ErrDamaged for a log with a hole.
func whole(s jetstream.StreamState) error {
	if s.NumDeleted > 0 || s.Msgs != s.LastSeq || s.Msgs > 0 && s.FirstSeq != 1 {
		return fmt.Errorf("the log ends at position %d and has %d commits: %w", s.LastSeq, s.Msgs, domain.ErrDamaged)
	}
	return nil
}

// streamDir is where the server keeps a stream of an account, below its StoreDir.
func streamDir(dir, account, stream string) string {
	return filepath.Join(dir, server.JetStreamStoreDir, account, "streams", stream)
}

// blockDir is where the server keeps the block files of a stream of the log's account.
func blockDir(dir, stream string) string {
	return filepath.Join(streamDir(dir, logAccount, stream), "msgs")
}

func subject(s domain.Stream) string { return subjectPrefix + "." + s.Category + "." + s.ID }

// isSubject reports whether it is the stream's; it makes nothing, because it is asked of each commit that is read.
func isSubject(subj string, s domain.Stream) bool {
	category, ok := strings.CutPrefix(subj, subjectPrefix+".")
	id, more := strings.CutPrefix(category, s.Category)
	return ok && more && len(id) == 1+len(s.ID) && id[0] == '.' && id[1:] == s.ID
}

// serverLog passes the server's log on to ours.
type serverLog struct{ *slog.Logger }

func (l serverLog) log(level slog.Level, format string, v []any) {
	l.Log(context.Background(), level, "nats: "+strings.TrimSpace(fmt.Sprintf(format, v...)))
}
func (l serverLog) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }
func (l serverLog) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l serverLog) Tracef(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l serverLog) Warnf(format string, v ...any)   { l.log(slog.LevelWarn, format, v) }
func (l serverLog) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l serverLog) Fatalf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
