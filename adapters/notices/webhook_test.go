package notices_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/adapters/seal"
)

var secret = []byte("shared secret of this test")

// receiver is what stands at the webhook's address.
type receiver struct {
	*httptest.Server
	t      *testing.T
	posted chan string // "application visit" of each post that was taken
	tried  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc] // instead of taking it; nil to take it
	ids    sync.Map
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, posted: make(chan string, 1000)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.tried.Add(1)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the other side had no patience
	}
	if err := seal.Check(req.Header, secret, time.Now(), notices.WebhookPurpose, body); err != nil {
		r.t.Error(err)
	}
	var e event.Event
	if err := json.Unmarshal(body, &e); err != nil || e.Validate() != nil || req.Method != http.MethodPost ||
		!strings.HasPrefix(req.Header.Get("Content-Type"), "application/cloudevents+json") {
		r.t.Errorf("%s %v: %s", req.Method, req.Header, body)
	}
	r.ids.Store(e.ID(), true)
	if answer := r.answer.Load(); answer != nil {
		(*answer)(w, req)
		return
	}
	var data notices.Data
	if err := e.DataAs(&data); err != nil {
		r.t.Error(err)
	}
	w.WriteHeader(http.StatusNoContent)
	r.posted <- fmt.Sprint(data.Application, " ", data.Visit)
}

// answers has the receiver answer otherwise from now on; nil to take what comes.
func (r *receiver) answers(h http.HandlerFunc) {
	if h == nil {
		r.answer.Store(nil)
		return
	}
	r.answer.Store(&h)
}

func (r *receiver) next() string {
	r.t.Helper()
	select {
	case n := <-r.posted:
		return n
	case <-time.After(20 * time.Second):
		r.t.Fatal("nothing was posted")
		return ""
	}
}

// some waits for so many tries.
func (r *receiver) some(n int32) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); r.tried.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%d tries", r.tried.Load())
		}
	}
}

// post runs a webhook until the test or the returned function ends it.
func post(t *testing.T, l *notices.Ledger, url string, failures *atomic.Int32, change ...func(*notices.Webhook)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := notices.Webhook{
		Ledger: l, URL: url, Secret: secret, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Timeout: 300 * time.Millisecond,
		Retry: func(int) time.Duration { return 5 * time.Millisecond }, Failed: func() { failures.Add(1) },
	}
	for _, c := range change {
		c(&w)
	}
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// acknowledged waits until the ledger knows that all was posted.
func acknowledged(t *testing.T, js natsjs.JetStream, n uint64) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := js.Consumer(t.Context(), notices.Stream, "webhook")
		if err != nil {
			t.Fatal(err)
		}
		info := c.CachedInfo()
		if info.AckFloor.Stream == n && info.NumAckPending == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", info)
		}
	}
}

func TestWebhookPostsInOrderAndOnce(t *testing.T) {
	r, dir := receive(t), t.TempDir()
	s := embedded(t, dir)
	l, js := in(t, s)
	var failures atomic.Int32
	stop := post(t, l, r.URL, &failures)
	var want, got []string
	for i := range 10 {
		publish(t, l, notice("a", i))
		want = append(want, fmt.Sprint("a ", i))
	}
	for range want {
		got = append(got, r.next())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	acknowledged(t, js, 10)
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, js = in(t, embedded(t, dir))
	publish(t, l, notice("b", 1)) // while nobody posts
	post(t, l, r.URL, &failures)
	if n := r.next(); n != "b 1" {
		t.Errorf("after a restart %s is posted", n)
	}
	acknowledged(t, js, 11)
	if failures.Load() != 0 {
		t.Errorf("%d failures", failures.Load())
	}
}

// Whatever is not 2xx is no answer: the notice is posted until there is one.
func TestWebhookPostsUntilItIsTaken(t *testing.T) {
	elsewhere := receive(t)
	for name, answer := range map[string]http.HandlerFunc{
		"refused":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"not found": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"redirected": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		},
		"silent": func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				conn.Close()
			}
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			l, js := in(t, embedded(t, t.TempDir()))
			var failures atomic.Int32
			if name == "endless" { // which has said 200 before: only the rest of it is not waited for
				r.answers(answer)
				post(t, l, r.URL, &failures)
				publish(t, l, notice("a", 1))
				acknowledged(t, js, 1)
				return
			}
			r.answers(answer)
			post(t, l, r.URL, &failures)
			publish(t, l, notice("a", 1), notice("a", 2))
			r.some(4)
			r.answers(nil)
			got := map[string]bool{r.next(): true, r.next(): true}
			if diff := cmp.Diff(map[string]bool{"a 1": true, "a 2": true}, got); diff != "" {
				t.Error(diff)
			}
			acknowledged(t, js, 2)
			if failures.Load() < 3 {
				t.Errorf("%d failures were told of", failures.Load())
			}
		})
	}
	if n := elsewhere.tried.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

// A receiver that is not there when the webhook starts is posted to when it is.
func TestWebhookDownThenUp(t *testing.T) {
	r := receive(t)
	address := fmt.Sprintf("127.0.0.1:%d", natstest.FreePorts(t, 1)[0]) // nobody else is given it meanwhile
	l, js := in(t, embedded(t, t.TempDir()))
	var failures atomic.Int32
	post(t, l, "http://"+address, &failures)
	publish(t, l, notice("a", 1))
	for end := time.Now().Add(20 * time.Second); failures.Load() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no failure is told of")
		}
	}
	up := httptest.NewUnstartedServer(r)
	if err := up.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	if up.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	up.Start()
	defer up.Close()
	if n := r.next(); n != "a 1" {
		t.Errorf("posted %s", n)
	}
	acknowledged(t, js, 1)
}

// An outage is said once in the log, also when it is there already at the start: that no notice came for
// a while, as the one that was not taken has to rest, is no sign that it is over.
func TestOutageIsSaidOnce(t *testing.T) {
	r := receive(t)
	r.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	l, _ := in(t, embedded(t, t.TempDir()))
	publish(t, l, notice("a", 1))
	var log bytes.Buffer // to be read when nobody posts
	slow := func(w *notices.Webhook) {
		w.Logger, w.Listen = slog.New(slog.NewTextHandler(&log, nil)), 200*time.Millisecond
		w.Retry = func(failures int) time.Duration {
			if failures > 3 {
				return 500 * time.Millisecond
			}
			return time.Millisecond
		}
	}
	var failures atomic.Int32
	stop := post(t, l, r.URL, &failures, slow)
	r.some(4)
	stop()
	log.Reset()
	stop = post(t, l, r.URL, &failures, slow)
	r.some(7)
	r.answers(nil)
	r.next()
	publish(t, l, notice("a", 2))
	r.next()
	stop()
	if text := log.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "level=INFO") != 1 {
		t.Errorf("of one outage the log says:\n%s", text)
	}
}

// The log has why a post failed and not the address, which may hold a secret.
func TestLogHasNoAddress(t *testing.T) {
	gone := receive(t)
	gone.Close()
	silent := receive(t)
	silent.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for address, want := range map[string]string{gone.URL: "refused", silent.URL: "deadline exceeded", "http://host:port": "cannot be read"} {
		l, _ := in(t, embedded(t, t.TempDir()))
		publish(t, l, notice("a", 1))
		var log bytes.Buffer // to be read when nobody posts
		failed := make(chan struct{}, 1000)
		var failures atomic.Int32
		stop := post(t, l, address+"/hidden?token=hidden", &failures, func(w *notices.Webhook) {
			w.Logger, w.Failed = slog.New(slog.NewTextHandler(&log, nil)), func() { failed <- struct{}{} }
		})
		<-failed
		stop()
		if text := log.String(); !strings.Contains(text, want) || strings.Contains(text, "hidden") {
			t.Errorf("%s: the log says:\n%s", want, text)
		}
	}
}

// One notice that is never taken keeps no other from being posted.
func TestWebhookGoesAroundWhatIsNotTaken(t *testing.T) {
	r := receive(t)
	picky := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || strings.Contains(string(body), `"application":"bad"`) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		r.ServeHTTP(w, req)
	})
	door := httptest.NewServer(picky)
	defer door.Close()
	l, _ := in(t, embedded(t, t.TempDir()))
	var failures atomic.Int32
	post(t, l, door.URL, &failures)
	publish(t, l, notice("bad", 1), notice("a", 1), notice("a", 2))
	if got := []string{r.next(), r.next()}; !cmp.Equal(got, []string{"a 1", "a 2"}) {
		t.Errorf("posted %v", got)
	}
}

// A crash between the answer and the acknowledgment posts the notice once more, with the same id.
func TestCrashBeforeTheAcknowledgment(t *testing.T) {
	r, s := receive(t), embedded(t, t.TempDir())
	l, js := in(t, s)
	publish(t, l, notice("a", 1))
	var failures atomic.Int32
	first, _ := in(t, s)
	r.answers(func(w http.ResponseWriter, req *http.Request) {
		first.Close() // the node is gone with the notice in the receiver's hands
		r.answers(nil)
		w.WriteHeader(http.StatusNoContent)
	})
	stop := post(t, first, r.URL, &failures)
	r.some(1)
	stop()
	c, err := js.Consumer(t.Context(), notices.Stream, "webhook")
	if err != nil || c.CachedInfo().NumAckPending != 1 {
		t.Fatalf("the ledger does not wait for the acknowledgment: %+v, %v", c, err)
	}
	soon := c.CachedInfo().Config
	soon.AckWait = 50 * time.Millisecond
	if _, err := js.UpdateConsumer(t.Context(), notices.Stream, soon); err != nil {
		t.Fatal(err)
	}
	post(t, l, r.URL, &failures)
	if n := r.next(); n != "a 1" {
		t.Errorf("posted %s", n)
	}
	acknowledged(t, js, 1)
	ids := 0
	r.ids.Range(func(any, any) bool { ids++; return true })
	if ids != 1 || r.tried.Load() != 2 {
		t.Errorf("%d posts with %d ids", r.tried.Load(), ids)
	}
}

// Two nodes post each notice once.
func TestNodesShareTheWebhook(t *testing.T) {
	r, s := receive(t), embedded(t, t.TempDir())
	l, js := in(t, s)
	other, _ := in(t, s)
	var failures atomic.Int32
	post(t, l, r.URL, &failures)
	post(t, other, r.URL, &failures)
	const n = 40
	for i := range n {
		publish(t, l, notice("a", i))
	}
	got := map[string]int{}
	for range n {
		got[r.next()]++
	}
	acknowledged(t, js, n)
	if len(got) != n || r.tried.Load() != n {
		t.Errorf("%d notices in %d posts", len(got), r.tried.Load())
	}
}

// A webhook that is set up later is told of what was told lately, not of all that ever was.
func TestNewWebhookIsSparedThePast(t *testing.T) {
	r, s := receive(t), embedded(t, t.TempDir())
	l, _ := in(t, s)
	publish(t, l, notice("a", 1))
	conn, err := s.Annex()
	if err != nil {
		t.Fatal(err)
	}
	later, err := notices.NewLedger(conn, notices.Host{}, func() time.Time { return time.Now().Add(48 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	var failures atomic.Int32
	stop := post(t, later, r.URL, &failures)
	_, js := in(t, s)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) { // until the consumer is there
		if _, err := js.Consumer(t.Context(), notices.Stream, "webhook"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	stop()
	c, err := js.Consumer(t.Context(), notices.Stream, "webhook")
	if err != nil || c.CachedInfo().NumPending != 0 || r.tried.Load() != 0 {
		t.Errorf("%+v, %v", c.CachedInfo(), err)
	}
}
