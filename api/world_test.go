package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
)

// The people of the tests. The identifiers are synthetic.
const (
	company  = "120540001238" // BIN
	person   = "850312300121" // IIN
	stranger = "991141000451" // BIN
	operator = "990101450026" // IIN
	clerk    = "000229550014" // IIN of an officer
	boss     = "880808450027" // IIN of a head
	unknown  = "130550000998" // BIN that the state registers do not have
)

// world is a whole registry on a real loopback socket, over the memory store.
type world struct {
	t       testing.TB
	url     string
	server  *api.Server
	store   *memstore.Store
	outside *outside
	clock   *clock
	sick    atomic.Pointer[error] // what the store says of its health
	damage  atomic.Pointer[error] // what was found to be damaged
	blind   atomic.Bool           // the verifier does not answer
	blobs   *blobstore.Store
	logged  *logged
	level   slog.LevelVar // from which on it is logged
	cancel  func()        // stops the reactor

	cfg      api.Config
	book     string // file of the accounts
	accounts *book.Accounts
	db       *sqlitedb.DB
	journal  *journal
	sessions map[string]string // the last token of each account
	// loggingIn protects sessions.
	loggingIn sync.Mutex
	follow    *projections.Follower
}

// noon is 12:00 of 24 November 2026 in Almaty, a working Tuesday.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

type clock struct {
	at   atomic.Int64
	tick atomic.Int64 // microseconds that pass between two looks at it
}

func (c *clock) now() time.Time       { return time.UnixMicro(c.at.Add(c.tick.Load())).UTC() }
func (c *clock) pass(d time.Duration) { c.at.Add(d.Microseconds()) }
func (c *clock) set(t time.Time)      { c.at.Store(t.UnixMicro()) }

// outside is the state registers and the payment gateway.
type outside struct {
	down      atomic.Bool
	feeless   atomic.Bool            // the table of fees lacks every fee
	registers reactor.StateRegisters // asked instead, where set
}

func (o *outside) Find(ctx context.Context, id string) (reactor.Person, error) {
	if o.registers != nil {
		return o.registers.Find(ctx, id)
	}
	if o.down.Load() {
		return reactor.Person{}, fmt.Errorf("registers: %w", domain.ErrUnavailable)
	}
	return reactor.Person{Found: id != unknown, Name: "ТОО «Жарық Әлем»", Address: "Алматы, Абай даңғылы, 1", Source: "test"}, nil
}

func (o *outside) Request(_ context.Context, order reactor.Order) (reactor.Receipt, error) {
	if o.feeless.Load() {
		return reactor.Receipt{}, fmt.Errorf("fee: %w", domain.ErrNotFound)
	}
	if o.down.Load() {
		return reactor.Receipt{}, fmt.Errorf("gateway: %w", domain.ErrUnavailable)
	}
	fee := &application.Fee{Rate: 1000, MCI: 432_500, MCIFrom: "2026-01-01", On: "2026-11-24", Source: "law", Unverified: true, Version: "test"}
	return reactor.Receipt{Order: "order-" + order.Application, Amount: 4_325_000, Currency: "KZT", URL: "http://pay.test/" + order.Application, Fee: fee}, nil
}

// logged keeps what the server logs.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newWorld starts a registry. It ends with the test.
func newWorld(t testing.TB, options ...func(*api.Config)) *world {
	t.Helper()
	w := &world{t: t, store: memstore.New(), outside: &outside{}, clock: &clock{}, logged: &logged{}}
	w.clock.set(noon)
	w.sessions = map[string]string{}
	w.level.Set(slog.LevelWarn)
	log := slog.New(slog.NewTextHandler(w.logged, &slog.HandlerOptions{Level: &w.level}))
	dir := t.TempDir()
	w.blobs = must(blobstore.Open(t.TempDir()))
	cfg := api.Config{
		Store: w.store, Log: w.store, Rules: sample.Rules, PublicURL: "http://127.0.0.1", Now: w.clock.now, Logger: log, Version: "test",
		Licenses: must(licenses.Open(dir)), Applications: must(applications.Open(dir)), Deadlines: must(deadlines.Open(dir)),
		History: must(history.Open(dir)), Blobs: w.blobs, Verifier: verifier{w},
		PaymentNotice: notice, Payments: must(payments.Open(dir)), Healthy: w.healthy, Damage: w.damaged, Wait: 10 * time.Second,
	}
	cfg.History.Events = w.store
	w.book = filepath.Join(t.TempDir(), "accounts.sqlite")
	if err := os.WriteFile(w.book, filled(), 0o600); err != nil {
		t.Fatal(err)
	}
	w.openAccounts()
	cfg.Accounts = w.accounts
	assigned, waiting := must(numbers.Open(dir)), must(reactor.OpenWaiting(dir))
	var follower *projections.Follower
	cfg.Reactor = must(reactor.New(context.Background(), reactor.Config{
		Store: w.store, Rules: sample.Rules, Waiting: waiting, Registers: w.outside, Payments: w.outside, Verifier: verifier{w}, PaymentTerm: payments.Term, Retry: 5 * time.Millisecond, Now: w.clock.now, Logger: log,
		Numbering: &reactor.Numbering{
			Store: w.store, Assigned: assigned, Now: w.clock.now,
			CatchUp: func(ctx context.Context) error { return follower.CaughtUp(ctx, assigned.Name()) },
		},
	}))
	ctx, cancel := context.WithCancel(context.Background())
	follower = projections.Start(ctx, w.store, log, assigned, waiting, cfg.Licenses, cfg.Applications, cfg.Deadlines, cfg.History, cfg.Payments)
	cfg.Follower, w.follow = follower, follower
	running, stopReactor := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { cfg.Reactor.Run(running) })
	w.cancel = func() { stopReactor(); worker.Wait() }
	for _, option := range options {
		option(&cfg)
	}
	w.server = must(api.New(cfg))
	w.cfg = cfg
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.server.ServeHTTP(rw, r) }))
	w.url = front.URL
	t.Cleanup(func() {
		w.server.Close()
		front.Close()
		w.cancel()
		cancel()
		if err := errors.Join(w.accounts.Close(), w.db.Close()); err != nil {
			t.Error(err)
		}
		follower.Stop()
		for _, c := range []io.Closer{cfg.Licenses, cfg.Applications, cfg.Deadlines, cfg.History, cfg.Payments, assigned, waiting} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

func (w *world) healthy(context.Context) error {
	if err := w.sick.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *world) damaged() error {
	if err := w.damage.Load(); err != nil {
		return *err
	}
	return nil
}

// verifier judges the tests' signatures, as one of the real ones does: what a certificate says stands in the
// signature itself.
type verifier struct{ w *world }

// mark is a signature of the tests.
type mark struct {
	IIN, BIN, Name string
	Over           string // digest of what was signed
	Reason         signing.Reason
	Unsupported    bool
}

func (v verifier) Verify(_ context.Context, c signing.Claim) (signing.Verdict, error) {
	var m mark
	if err := json.Unmarshal(c.CMS, &m); err != nil {
		return signing.Verdict{}, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	out := signing.Verdict{
		Outcome: signing.Invalid, IIN: m.IIN, BIN: m.BIN, Name: m.Name, Serial: "1", Digest: signing.Digest(c.Signed), Method: "test",
	}
	switch {
	case m.Unsupported:
		out.Outcome, out.Reason = signing.Unsupported, signing.AlgorithmUnknown
		return out, nil
	case m.Over != out.Digest:
		out.Reason = signing.DigestMismatch
	case c.Signer.IIN != "" && c.Signer.IIN != m.IIN:
		out.Reason = signing.IINMismatch
	case c.Signer.BIN != m.BIN && (c.Signer.BIN != "" || c.Purpose == signing.Request):
		out.Reason = signing.BINMismatch
	case m.Reason != "":
		out.Reason = m.Reason
	case v.w.blind.Load():
		out.Outcome, out.Reason = signing.Pending, signing.OCSPUnreachable
		return out, nil
	default:
		out.Outcome = signing.Valid
	}
	list, _, err := v.w.blobs.Put(context.Background(), strings.NewReader("list"), 100)
	out.Evidence = must(json.Marshal(map[string]any{"received": c.Received, "answer": map[string]any{"sha256": list}}))
	return out, err
}

// notice reads the notices of the tests' gateway.
func notice(_ context.Context, h http.Header, body []byte) (api.PaymentNotice, error) {
	var n api.PaymentNotice
	if h.Get("Seal") != "genuine" {
		return n, fmt.Errorf("seal: %w", domain.ErrForbidden)
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return n, fmt.Errorf("notice: %w", domain.ErrInvalid)
	}
	return n, nil
}

// reply is an answer that was read to its end.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
	what   string
}

// call sends a request as an account, "" for the public. Writes get a new idempotency key unless
// header, a list of name, value pairs, has one.
func (w *world) call(who, method, path string, body any, header ...string) *reply {
	w.t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(b)
	case []byte:
		content = bytes.NewReader(b)
	default:
		content = bytes.NewReader(must(json.Marshal(b)))
	}
	r := must(http.NewRequest(method, w.url+path, content))
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+w.token(who))
	}
	if method != http.MethodGet {
		r.Header.Set("Idempotency-Key", uuid.NewString())
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r) // no redirects followed
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return &reply{w.t, res.StatusCode, res.Header, string(text), who + ": " + method + " " + path}
}

// want fails the test unless the answer has the status and, for a problem, the code.
func (r *reply) want(status int, code ...string) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d %v\n%s", r.what, r.status, status, code, r.body)
	}
	if len(code) > 0 {
		p := decode[v1.Problem](r)
		if p.Code != code[0] || p.Status != status || p.Title == "" || p.Detail == "" || strings.HasPrefix(p.Title, "problem.") {
			r.t.Fatalf("%s: problem %+v, want code %q", r.what, p, code[0])
		}
		if got := r.header.Get("Content-Type"); got != "application/problem+json" {
			r.t.Fatalf("%s: content type %q", r.what, got)
		}
	}
	return r
}

func decode[T any](r *reply) T {
	r.t.Helper()
	var v T
	dec := json.NewDecoder(strings.NewReader(r.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		r.t.Fatalf("%s: %v in %s", r.what, err, r.body)
	}
	return v
}

func app(r *reply) v1.Application { r.t.Helper(); return decode[v1.Application](r) }

// open opens an application for a new license.
func (w *world) open(who, service, channel, applicant string) v1.Application {
	w.t.Helper()
	return app(w.call(who, "POST", "/api/v1/applications", v1.Opening{
		Service: service, Channel: channel, Request: "issue", Applicant: v1.Applicant{ID: applicant},
	}).want(201))
}

func at(id, rest string) string { return "/api/v1/applications/" + id + rest }

// form is a filled-in form.
func form(name string) v1.Filing {
	return v1.Filing{Form: v1.Form{Name: name, Address: "Астана, Мәңгілік ел, 8", Subactivities: []string{"экспорт"}}}
}

func (w *world) file(who, id string) v1.Application {
	w.t.Helper()
	return app(w.call(who, "PUT", at(id, "/form"), form("ТОО «Жарық Әлем»")).want(200))
}

// pay lets the gateway tell that the open order was paid.
func (w *world) pay(a v1.Application) v1.Application {
	w.t.Helper()
	if a.Payment == nil {
		w.t.Fatalf("no payment order: %+v", a)
	}
	w.call("", "POST", "/api/v1/payments/callback", api.PaymentNotice{
		Application: a.ID, Order: a.Payment.Order, Reference: "ref-" + a.ID, Amount: a.Payment.Amount, Currency: a.Payment.Currency, Paid: true,
	}, "Seal", "genuine").want(200)
	return app(w.call("auditor", "GET", at(a.ID, ""), nil).want(200))
}

// markOf is a signature over the content by the person, or by one who signs for the organization.
func markOf(content, identifier string) mark {
	m := mark{IIN: identifier, Name: "Сынақ С.", Over: signing.Digest([]byte(content))}
	if id, err := ident.Parse(identifier); err == nil && id.Kind() == ident.BIN {
		m.IIN, m.BIN = person, identifier
	}
	return m
}

// sign signs what is to be signed with the key of the identifier; change makes something else of it.
func (w *world) sign(who, id, identifier string, change ...func(*mark)) *reply {
	w.t.Helper()
	return w.signAt(who, at(id, "/signature"), identifier, change...)
}

func (w *world) signAt(who, path, identifier string, change ...func(*mark)) *reply {
	w.t.Helper()
	m := markOf(w.call(who, "GET", path, nil).want(200).body, identifier)
	for _, c := range change {
		c(&m)
	}
	return w.call(who, "POST", path, sent64(m))
}

func sent64(m mark) v1.Signing {
	return v1.Signing{Signature: base64.StdEncoding.EncodeToString(must(json.Marshal(m)))}
}

// decide drafts the decision and has the licensor's head sign it.
func (w *world) decide(who, id string, d v1.Decision) *reply {
	w.t.Helper()
	w.call(who, "POST", at(id, "/decision"), d).want(200)
	head := "head"
	if strings.HasPrefix(who, "other-") {
		head = "other-head"
	}
	return w.signAt(head, at(id, "/decision/signature"), boss)
}

// examined brings an application of a service through the portal to the licensor.
func (w *world) examined(who, service, applicant string) v1.Application {
	w.t.Helper()
	a := w.file(who, w.open(who, service, "portal", applicant).ID)
	if a.Step != nil && a.Step.Action == "pay" {
		a = w.pay(a)
	}
	a = app(w.sign(who, a.ID, applicant).want(200))
	if a.Status != "examined" {
		w.t.Fatalf("after signing: %+v", a)
	}
	return a
}

// issued brings an application to its license.
func (w *world) issued(who, service, applicant, officer string) v1.Application {
	w.t.Helper()
	a := w.examined(who, service, applicant)
	a = app(w.decide(officer, a.ID, v1.Decision{Decision: "approve", Order: "17-л", PaymentProof: proofOf(a)}).want(200))
	if a.Status != "completed" || a.Result == "" {
		w.t.Fatalf("after the approval: %+v", a)
	}
	return a
}

// proofOf is what an officer says of the payment: that it was shown, where there was no step for it.
func proofOf(a v1.Application) string {
	if a.Payment == nil && a.Service != "import-permit" {
		return "shown"
	}
	return ""
}
