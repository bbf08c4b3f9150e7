package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/domain"
)

// requestTime bounds one request to the server.
const requestTime = 5 * time.Second

// Ledger keeps every notice that was ever told.
type Ledger struct {
	conn *nats.Conn
	js   jetstream.JetStream
	host Host
	now  func() time.Time
}

// Host is what the registry's own server, within this process or beside it, needs of the process. The zero
// Host is for one that sees to itself.
type Host struct {
	// Ready says why nothing can be written now, such as a disk that is almost full.
	Ready func() error
	// Flush makes durable what the server has acknowledged of the ledger.
	Flush func() error
	// Replicas is how many servers of a cluster keep a ledger that is made; 0 leaves it to who set them up.
	Replicas int
}

// NewLedger makes a ledger in the server of the connection, which it takes over.
func NewLedger(conn *nats.Conn, host Host, now func() time.Time) (*Ledger, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	if host.Ready == nil {
		host.Ready = func() error { return nil }
	}
	if host.Flush == nil {
		host.Flush = func() error { return nil }
	}
	return &Ledger{conn: conn, js: js, host: host, now: now}, nil
}

// Server is a NATS server of somebody else's.
type Server struct {
	URL         string // user and password in it, if there are any; several with commas
	Credentials string // file; empty for none
	Logger      *slog.Logger
}

// Dial connects to a server. Where it does not answer, the ledger takes nothing until it does.
func Dial(s Server, now func() time.Time) (*Ledger, error) {
	options := []nats.Option{
		nats.Name("tizilim notices"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // what cannot be sent is known at once
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.Logger.Warn("notices: connection to NATS", "error", err)
		}),
	}
	if s.Credentials != "" {
		options = append(options, nats.UserCredentials(s.Credentials))
	}
	conn, err := nats.Connect(s.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w: %w", domain.ErrInvalid, withoutAddress(err)) // a server that does not answer is no error
	}
	return NewLedger(conn, Host{}, now)
}

// withoutAddress takes the address out of an error, which is for the log: there may be a password in it. What
// cannot be parsed is quoted in parts, too.
func withoutAddress(err error) error {
	var failed *url.Error
	switch {
	case !errors.As(err, &failed):
		return err
	case failed.Op == "parse":
		return errors.New("the address cannot be read")
	}
	return failed.Err
}

// Close ends the connection.
func (l *Ledger) Close() error {
	l.conn.Close()
	return nil
}

// Publish returns nil when the ledger holds all of the notices for good, whoever told them. One that it
// holds already is not told again. After an error any of them may be in it.
func (l *Ledger) Publish(ctx context.Context, notices []Notice) error {
	if err := l.host.Ready(); err != nil {
		return err
	}
	if _, err := l.stream(ctx); err != nil {
		return err
	}
	for _, n := range notices {
		if err := l.put(ctx, n); err != nil {
			return fmt.Errorf("notice %s: %w", n.subject(), err)
		}
	}
	return unavailable(l.host.Flush())
}

// put sends one notice, on the condition that its subject has none.
func (l *Ledger) put(ctx context.Context, n Notice) error {
	body, err := n.encode()
	if err != nil {
		return err
	}
	m := nats.NewMsg(n.subject())
	m.Data = body
	m.Header.Set("Content-Type", MediaType)
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	for {
		_, err = l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
		var refused *jetstream.APIError
		switch {
		case !errors.As(err, &refused):
			return unavailable(err)
		case refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
			return nil // it is there
		case refused.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return unavailable(err)
		}
		rest(ctx, beingStored)
	}
}

// beingStored is the pause after a cluster's refusal that it is storing a message of the same subject, which
// another node has sent: how that ends is known in a moment.
const beingStored = 5 * time.Millisecond

func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
}

// config is that of the ledger. It has no limits: what it forgot it would tell again.
func (h Host) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: Stream, Subjects: []string{Subjects}, Description: "Notices of deadlines that were told, as CloudEvents",
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxConsumers: -1,
		DenyDelete: true, DenyPurge: true, AllowDirect: true, Duplicates: time.Second, Replicas: h.Replicas,
	}
}

// stream finds the ledger, and makes it where there is none.
func (l *Ledger) stream(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	s, err := l.js.Stream(ctx, Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = l.js.CreateStream(ctx, l.host.config())
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", Stream, unavailable(err))
	}
	c := s.CachedInfo().Config
	if len(c.Subjects) != 1 || c.Subjects[0] != Subjects || c.Retention != jetstream.LimitsPolicy ||
		c.MaxAge > 0 || c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxMsgsPerSubject > 0 {
		return nil, fmt.Errorf("stream %s has other subjects than %s, or limits: it would forget what was told: %w", Stream, Subjects, domain.ErrInvalid)
	}
	return s, nil
}

// past is how old a notice may be for a consumer that is new.
const past = 48 * time.Hour

// consumer finds the durable consumer of the name, and makes it where there is none. Nodes share it: each
// notice goes to one of them at a time, until one has acknowledged it.
func (l *Ledger) consumer(ctx context.Context, name string) (jetstream.Consumer, error) {
	s, err := l.stream(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	c, err := s.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		since := l.now().Add(-past)
		c, err = s.CreateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxDeliver: -1,
			DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
		})
		if errors.Is(err, jetstream.ErrConsumerExists) { // another node was faster
			c, err = s.Consumer(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("consumer %s of stream %s: %w", name, Stream, unavailable(err))
	}
	return c, nil
}
