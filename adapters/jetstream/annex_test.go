package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

const (
	news     = "NEWS"
	newsFor  = "guest"
	password = "let me in"
)

var guest = jetstream.Guest{
	Name: "guest", Password: password, Hears: []string{"news.>"},
	Asks: []string{"$JS.API.STREAM.INFO.NEWS", "$JS.API.CONSUMER.INFO.NEWS.guest", "$JS.API.CONSUMER.MSG.NEXT.NEWS.guest", "$JS.ACK.NEWS.guest.>"},
}

// annex opens the annex with a stream and a consumer in it.
func annex(t *testing.T, s *jetstream.Store) (*nats.Conn, natsjs.JetStream) {
	t.Helper()
	conn, err := s.Annex()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateOrUpdateStream(t.Context(), natsjs.StreamConfig{Name: news, Subjects: []string{"news.*"}, DenyDelete: true, DenyPurge: true, AllowDirect: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CreateOrUpdateConsumer(t.Context(), natsjs.ConsumerConfig{Durable: newsFor, AckPolicy: natsjs.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
	return conn, js
}

func publish(t *testing.T, js natsjs.JetStream, n int) {
	t.Helper()
	for i := range n {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("news.%d", i), []byte("extra, extra")); err != nil {
			t.Fatal(err)
		}
	}
}

// messages is how many a stream of the annex has.
func messages(t *testing.T, js natsjs.JetStream) uint64 {
	t.Helper()
	stream, err := js.Stream(t.Context(), news)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// What is in the annex changes nothing for the log, and both are there after a restart.
func TestAnnexStandsBesideTheLog(t *testing.T) {
	config := jetstream.Config{Dir: t.TempDir()}
	s := open(t, config)
	_, js := annex(t, s)
	const n = 50
	for i := range n {
		if _, err := s.Append(t.Context(), storetest.Stream("beside"), uint64(i), storetest.Events(1)); err != nil {
			t.Fatal(err)
		}
		publish(t, js, 1)
	}
	if err := s.SyncAnnex(news); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, config)
		if head, err := s.Head(t.Context()); err != nil || head != n || !s.GroupFlush() {
			t.Errorf("the log has %d commits, %v; group flush %v", head, err, s.GroupFlush())
		}
		if err := s.Healthy(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, js := annex(t, s); messages(t, js) != n {
		t.Errorf("the annex has %d messages", messages(t, js))
	}
}

// While the annex is read, which may take long, others pass the gate.
func TestGateIsOpenWhileTheAnnexIsRead(t *testing.T) {
	config := jetstream.Config{Dir: t.TempDir()}
	s := open(t, config)
	_, js := annex(t, s)
	publish(t, js, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var reads, passes atomic.Int32
	config.Logger = slog.New(listener{slog.DiscardHandler, func(message string) {
		if strings.Contains(message, "Starting restore for stream 'ANNEX") {
			reads.Add(1)
			if s.Gate() {
				passes.Add(1)
			}
		}
	}})
	s = open(t, config)
	annex(t, s)
	if reads.Load() != 1 || passes.Load() != 1 {
		t.Errorf("the annex was read %d times, and the gate was open %d times", reads.Load(), passes.Load())
	}
}

// listener hears what is logged.
type listener struct {
	slog.Handler
	hear func(message string)
}

func (l listener) Enabled(context.Context, slog.Level) bool { return true }

func (l listener) Handle(_ context.Context, r slog.Record) error {
	l.hear(r.Message)
	return nil
}

// A connection to the annex that is lost comes again, for whoever writes there and for whoever reads.
func TestConnectionToTheAnnexComesAgain(t *testing.T) {
	t.Parallel()
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	conn, js := annex(t, s)
	publish(t, js, 1)
	client, err := conn.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Disconnect(client); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, err := js.Publish(t.Context(), "news.1", []byte("extra, extra"))
		return err == nil
	})
	c, err := js.Consumer(t.Context(), news, newsFor)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Next(natsjs.FetchMaxWait(5 * time.Second)); err != nil {
			t.Error(err)
		}
	}
}

// An annex whose files are damaged is no damage of the log.
func TestDamagedAnnexIsNotTheLogs(t *testing.T) {
	for _, file := range []string{"meta.inf", "meta.sum", "msgs/1.blk", "obs/guest/meta.inf", "obs/guest/o.dat"} {
		t.Run(file, func(t *testing.T) {
			config := jetstream.Config{Dir: t.TempDir()}
			s := open(t, config)
			_, js := annex(t, s)
			publish(t, js, 3)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(jetstream.NATSDir(config.Dir), "jetstream", "ANNEX", "streams", news, filepath.FromSlash(file))
			if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, config)
			conn, err := s.Annex()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := s.Healthy(t.Context()); err != nil {
				t.Errorf("healthy: %v", err)
			}
			if _, err := s.Append(t.Context(), storetest.Stream("a"), 0, storetest.Events(1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// door opens a store to the guest and connects as it.
func door(t *testing.T) (s *jetstream.Store, js natsjs.JetStream, url string) {
	t.Helper()
	s = open(t, jetstream.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	_, js = annex(t, s)
	at, err := s.Admit(guest)
	if err != nil {
		t.Fatal(err)
	}
	return s, js, "nats://" + at.String()
}

// visitor is the guest's connection, with the number of times that it was told it may not.
func visitor(t *testing.T, url string) (*nats.Conn, *atomic.Int32) {
	t.Helper()
	var refused atomic.Int32
	conn, err := nats.Connect(url, nats.UserInfo(guest.Name, password), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			refused.Add(1)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn, &refused
}

func TestGuestHearsAndReads(t *testing.T) {
	_, js, url := door(t)
	publish(t, js, 2)
	conn, _ := visitor(t, url)
	live, err := conn.SubscribeSync("news.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(t, js, 1)
	if m, err := live.NextMsg(10 * time.Second); err != nil || string(m.Data) != "extra, extra" {
		t.Errorf("heard %v, %v", m, err)
	}
	reader, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := reader.Consumer(t.Context(), news, newsFor)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(3, natsjs.FetchMaxWait(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for m := range batch.Messages() {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
		read++
	}
	info, err := c.Info(t.Context())
	if err != nil || read != 3 || info.NumAckPending != 0 || info.AckFloor.Stream != 3 {
		t.Errorf("read %d: %+v, %v", read, info, err)
	}
}

// The guest can do nothing but what it may: the log is out of its sight, and nothing that is kept can be
// changed.
func TestGuestCanDoNothingElse(t *testing.T) {
	s, js, url := door(t)
	publish(t, js, 3)
	if _, err := s.Append(t.Context(), storetest.Stream("secret"), 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	conn, refused := visitor(t, url)
	heard, err := conn.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{">", "*.*.*", "tizilim.>", "tizilim.license.secret", "$JS.>", "$SYS.>", "$JS.API.>", "_R_.>", "selftest"} {
		if sub, err := conn.SubscribeSync(subject); err == nil {
			if m, err := sub.NextMsg(50 * time.Millisecond); err == nil {
				t.Errorf("heard %s on %s", m.Subject, subject)
			}
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, refused, 9)

	requests := map[string]string{"news.1": "false news", "tizilim.license.secret": `{}`, "selftest": "x", "$JS.API.INFO": "", "$SYS.REQ.SERVER.PING": ""}
	for _, stream := range []string{news, "TIZILIM"} {
		for request, body := range map[string]string{
			"STREAM.DELETE.S": "", "STREAM.PURGE.S": "", "STREAM.MSG.DELETE.S": `{"seq":1}`, "STREAM.MSG.GET.S": `{"seq":1}`, "DIRECT.GET.S": `{"seq":1}`,
			"STREAM.UPDATE.S": `{"name":"S","subjects":["x"]}`, "STREAM.CREATE.S2": `{"name":"S2","mirror":{"name":"S"}}`, "STREAM.SNAPSHOT.S": `{"deliver_subject":"_INBOX.x"}`,
			"STREAM.NAMES": "", "STREAM.LIST": "", "CONSUMER.NAMES.S": "", "CONSUMER.LIST.S": "", "CONSUMER.DELETE.S.guest": "",
			"CONSUMER.CREATE.S": `{"stream_name":"S","config":{"ack_policy":"none"}}`, "CONSUMER.CREATE.S.mine": `{"stream_name":"S","config":{"name":"mine","ack_policy":"none"}}`,
			"CONSUMER.DURABLE.CREATE.S.mine": `{"stream_name":"S","config":{"durable_name":"mine","ack_policy":"none"}}`, "CONSUMER.MSG.NEXT.S.other": "", "CONSUMER.PAUSE.S.guest": "",
		} {
			requests["$JS.API."+strings.ReplaceAll(request, "S", stream)] = strings.ReplaceAll(body, `"S`, `"`+stream)
		}
	}
	requests["$JS.API.STREAM.INFO.TIZILIM"] = ""
	requests["$JS.API.CONSUMER.INFO.TIZILIM.x"] = ""
	delete(requests, "$JS.API."+strings.ReplaceAll("STREAM.INFO.S", "S", news))
	refused.Store(0)
	for subject, body := range requests {
		if err := conn.PublishRequest(subject, "_INBOX.answer", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, refused, len(requests))

	// It may send requests, so it can say where the answers go.
	for _, ask := range []string{guest.Asks[0], guest.Asks[1], guest.Asks[2], "$JS.ACK.NEWS.guest.1.1.1.1.0"} {
		for _, reply := range []string{"$JS.API.STREAM.DELETE.NEWS", "$JS.API.STREAM.DELETE.TIZILIM", "$JS.API.STREAM.PURGE.NEWS", "$JS.API.CONSUMER.DELETE.NEWS.guest", "news.1", "tizilim.license.secret"} {
			for _, body := range []string{"", "{", `{"batch":"x"}`, `{"no_wait":true,"batch":5}`, "+NXT"} {
				if err := conn.PublishRequest(ask, reply, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for range read(t, s) { // the log's own messages pass through inboxes, too
	}
	if m, err := heard.NextMsg(50 * time.Millisecond); err == nil {
		t.Errorf("heard on %s: %s", m.Subject, m.Data)
	}
	if n := messages(t, js); n != 3 {
		t.Errorf("the annex has %d messages, not 3", n)
	}
	if head, err := s.Head(t.Context()); err != nil || head != 1 || s.Published() != 1 {
		t.Errorf("the log has %d commits, %d published, %v", head, s.Published(), err)
	}
	if _, err := s.Append(t.Context(), storetest.Stream("secret"), 1, storetest.Events(1)); err != nil {
		t.Error(err)
	}
	if c, err := js.Consumer(t.Context(), news, newsFor); err != nil {
		t.Errorf("consumer %v, %v", c, err)
	}
}

func read(t *testing.T, s *jetstream.Store) (commits []domain.Commit) {
	t.Helper()
	for c, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if commits = append(commits, c); c.Position == 1 {
			break
		}
	}
	return commits
}

// wantRefused waits for the server to have refused all: it says so after the fact.
func wantRefused(t *testing.T, refused *atomic.Int32, n int) {
	t.Helper()
	waitFor(t, func() bool { return refused.Load() >= int32(n) })
	if got := refused.Load(); got != int32(n) {
		t.Errorf("%d of %d were refused", got, n)
	}
}

func TestNobodyElseComesIn(t *testing.T) {
	s, _, url := door(t)
	for name, option := range map[string]nats.Option{
		"nobody": nats.Name("x"), "another password": nats.UserInfo(guest.Name, "x"), "no password": nats.UserInfo(guest.Name, ""),
		"the log": nats.UserInfo("$G", password), "the annex": nats.UserInfo("ANNEX", ""), "a token": nats.Token(password),
	} {
		if conn, err := nats.Connect(url, option); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				conn.Close()
			}
		}
	}
	if _, err := s.Append(t.Context(), storetest.Stream("a"), 0, storetest.Events(1)); err != nil {
		t.Error(err)
	}
}

func TestAdmitRefuses(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	annex(t, s)
	if _, err := s.Admit(guest); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("without an address: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s = open(t, jetstream.Config{Dir: t.TempDir(), Listen: taken.Addr().String()})
	if _, err := s.Admit(guest); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("without an annex: %v", err)
	}
	annex(t, s)
	for _, g := range []jetstream.Guest{{Name: "guest"}, {Password: "x"}, {Name: "$G", Password: "x"}, {Name: "ANNEX", Password: "x"}} {
		if _, err := s.Admit(g); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%+v: %v", g, err)
		}
	}
	if _, err := s.Admit(guest); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("at an address that is taken: %v", err)
	}
	for _, address := range []string{"nowhere", "127.0.0.1:x", "127.0.0.1:70000"} {
		if s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: t.TempDir(), Listen: address}); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", address, err)
			if err == nil {
				s.Close()
			}
		}
	}
}

// The account of the guest is what protects the streams. In one account with them, a request for the
// next message of a consumer deletes a stream.
func TestOneAccountWouldNotDo(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	conn, js := annex(t, s)
	if err := conn.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.NEWS.guest", "$JS.API.STREAM.DELETE.NEWS", []byte("{")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, err := js.Stream(context.WithoutCancel(t.Context()), news)
		return errors.Is(err, natsjs.ErrStreamNotFound)
	})
}
