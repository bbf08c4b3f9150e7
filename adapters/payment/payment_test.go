package payment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/payment/demo"
	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/domain"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

var secret = []byte("shared secret of this test")

// scene is a registry's callback, a gateway and a client between them, all on loopback sockets.
type scene struct {
	t       *testing.T
	file    string
	gateway atomic.Pointer[demo.Gateway]
	server  *httptest.Server
	client  *payment.Client
	notices chan payment.Notice

	mu     sync.Mutex
	refuse int // how many notices the callback refuses yet
}

func start(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, file: filepath.Join(t.TempDir(), "orders.jsonl"), notices: make(chan payment.Notice, 100)}
	callback := httptest.NewServer(http.HandlerFunc(s.callback))
	t.Cleanup(callback.Close)
	table, err := payment.LoadFees()
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.gateway.Load().ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)
	s.client = &payment.Client{URL: s.server.URL, Callback: callback.URL + "/payments", Secret: secret, Fees: func() *payment.Fees { return table }, Now: clock, HTTP: s.server.Client()}
	s.open()
	t.Cleanup(func() { s.gateway.Load().Close() })
	return s
}

func (s *scene) open() {
	s.t.Helper()
	g, err := demo.Open(demo.Config{
		File: s.file, URL: s.server.URL, Secret: secret, Now: clock, Logger: slog.New(slog.DiscardHandler),
		Retry: func(int) time.Duration { return time.Millisecond },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.gateway.Store(g)
}

func (s *scene) restart() {
	s.t.Helper()
	if err := s.gateway.Load().Close(); err != nil {
		s.t.Fatal(err)
	}
	s.open()
}

func (s *scene) callback(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	refused := s.refuse != 0
	if s.refuse > 0 {
		s.refuse--
	}
	s.mu.Unlock()
	if refused {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	n, err := s.client.Verify(r.Header, body)
	if err != nil || r.URL.Path != "/payments" {
		s.t.Errorf("notice at %s: %v", r.URL.Path, err)
	}
	s.notices <- n
	w.WriteHeader(http.StatusNoContent)
}

func (s *scene) refuseNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = n
}

func (s *scene) notice() payment.Notice {
	s.t.Helper()
	select {
	case n := <-s.notices:
		return n
	case <-time.After(10 * time.Second):
		s.t.Fatal("no notice came")
		return payment.Notice{}
	}
}

func (s *scene) request(application string) payment.Receipt {
	s.t.Helper()
	r, _, err := s.client.Request(s.t.Context(), payment.Order{Application: application, Service: "electricity-purchase-license", Request: "issue", Payer: "120540001238"})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// decide posts an outcome as a script does.
func (s *scene) decide(page, outcome string) (int, payment.Receipt) {
	s.t.Helper()
	resp, err := http.PostForm(page, url.Values{"outcome": {outcome}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var r payment.Receipt
	_ = json.NewDecoder(resp.Body).Decode(&r) // a refusal is none
	return resp.StatusCode, r
}

func TestPay(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	want := payment.Receipt{
		Order: order.Order, Application: "app-1", Status: payment.Open, Amount: 4_325_000, Currency: "KZT",
		URL: s.server.URL + "/pay/" + order.Order,
	}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Fatalf("receipt (-want +got)\n%s", diff)
	}
	status, paid := s.decide(order.URL, "paid")
	if status != http.StatusOK || paid.Status != payment.Paid || paid.Reference == "" {
		t.Fatalf("%d %+v", status, paid)
	}
	want.Status, want.Reference = payment.Paid, paid.Reference
	want.Payments = []payment.Payment{{Reference: paid.Reference, Amount: 4_325_000, Currency: "KZT", At: now}}
	if diff := cmp.Diff(want, paid); diff != "" {
		t.Errorf("receipt (-want +got)\n%s", diff)
	}
	wantNotice := payment.Notice{
		Order: order.Order, Application: "app-1", Status: payment.Paid, Reference: paid.Reference,
		Amount: 4_325_000, Currency: "KZT", At: now,
	}
	if diff := cmp.Diff(wantNotice, s.notice()); diff != "" {
		t.Errorf("notice (-want +got)\n%s", diff)
	}
	if got, err := s.client.Order(t.Context(), order.Order); err != nil || !cmp.Equal(got, paid) {
		t.Errorf("%+v, %v; want %+v", got, err, paid)
	}
}

// Each payment is told of by itself, and the order lists them all for whoever missed the notices.
func TestLessAndTwice(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	if _, r := s.decide(order.URL, "less"); r.Status != payment.Open || len(r.Payments) != 1 || r.Payments[0].Amount != 2_162_500 {
		t.Errorf("paid less: %+v", r)
	}
	if n := s.notice(); n.Status != payment.Paid || n.Amount != 2_162_500 {
		t.Errorf("paid less: notice %+v", n)
	}
	_, r := s.decide(order.URL, "twice")
	if r.Status != payment.Paid || len(r.Payments) != 3 || r.Reference != r.Payments[1].Reference || r.Payments[1].Reference == r.Payments[2].Reference {
		t.Errorf("paid twice: %+v", r)
	}
	told := map[string]bool{s.notice().Reference: true, s.notice().Reference: true}
	if !told[r.Payments[1].Reference] || !told[r.Payments[2].Reference] {
		t.Errorf("told of %v", told)
	}
	if _, again := s.decide(order.URL, "twice"); len(again.Payments) != 4 {
		t.Errorf("once more: %+v", again)
	}
	s.notice()
	s.restart()
	if got, err := s.client.Order(t.Context(), order.Order); err != nil || len(got.Payments) != 4 {
		t.Errorf("after a restart %+v, %v", got, err)
	}
	if status, _ := s.decide(order.URL, "less"); status != http.StatusConflict {
		t.Errorf("less for what is paid: %d", status)
	}
}

func TestNothingToPayMakesNoOrder(t *testing.T) {
	s := start(t)
	table, err := payment.LoadFeesWith([]byte("version: v\nrates: [{service: casino-license, mci: 0, source: law}]"), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	s.client.Fees = func() *payment.Fees { return table }
	s.client.URL = "http://127.0.0.1:1" // nobody listens there
	r, fee, err := s.client.Request(t.Context(), payment.Order{Application: "app-1", Service: "casino-license", Request: "issue", Payer: "120540001238"})
	if err != nil || r.Order != "" || fee.Amount != 0 || fee.Source != "law; published budget law" {
		t.Errorf("%+v, %+v, %v", r, fee, err)
	}
}

func TestFail(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	if status, r := s.decide(order.URL, "failed"); status != http.StatusOK || r.Status != payment.Failed || r.Reason == "" || r.Reference != "" {
		t.Fatalf("%d %+v", status, r)
	}
	if n := s.notice(); n.Status != payment.Failed || n.Reason == "" || n.Reference != "" {
		t.Errorf("%+v", n)
	}
}

func TestDecidedOnceAndForGood(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	_, first := s.decide(order.URL, "paid")
	s.notice()
	if status, again := s.decide(order.URL, "paid"); status != http.StatusOK || !cmp.Equal(again, first) {
		t.Errorf("paid again: %d %+v, want %+v", status, again, first)
	}
	if status, other := s.decide(order.URL, "failed"); status != http.StatusConflict || !cmp.Equal(other, first) {
		t.Errorf("failed after paid: %d %+v, want %+v", status, other, first)
	}
	for deadline := time.Now().Add(10 * time.Second); ; { // it is written down after the callback's answer
		journal, err := os.ReadFile(s.file)
		if err == nil && strings.Contains(string(journal), `"notified":true`) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the gateway forgets that the notice was taken: %v\n%s", err, journal)
		}
		runtime.Gosched()
	}
	s.restart()
	s.restart() // Close waits for the notifiers that Open started
	select {
	case n := <-s.notices:
		t.Errorf("a second notice %+v", n)
	default:
	}
}

func TestSameApplicationSameOrder(t *testing.T) {
	s := start(t)
	var orders [16]payment.Receipt
	var wg sync.WaitGroup
	for i := range orders {
		wg.Go(func() {
			r, _, err := s.client.Request(t.Context(), payment.Order{Application: "app-1", Service: "casino-license", Request: "issue", Payer: "120540001238"})
			if err != nil {
				t.Error(err)
			}
			orders[i] = r
		})
	}
	wg.Wait()
	for _, o := range orders {
		if !cmp.Equal(o, orders[0]) {
			t.Errorf("%+v and %+v", o, orders[0])
		}
	}
	_, _, err := s.client.Request(t.Context(), payment.Order{Application: "app-1", Service: "casino-license", Request: "duplicate", Payer: "120540001238"})
	if !errors.Is(err, domain.ErrConflict) {
		t.Errorf("for something else: %v, want ErrConflict", err)
	}
	if other := s.request("app-2"); other.Order == orders[0].Order {
		t.Error("two applications share an order")
	}
}

func TestUnsoundGatewayIsUnavailable(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
	}{
		"a bare 404":          {404, "404 page not found"},
		"a bare 409":          {409, ""},
		"forbidden":           {403, `{"code":"seal"}`},
		"server error":        {500, ""},
		"a page":              {200, "<html>"},
		"empty":               {200, ""},
		"somebody else's":     {200, `{"order":"o","application":"other","status":"open","amount":4325000,"currency":"KZT","url":"http://x/"}`},
		"nothing to pay":      {200, `{"order":"o","application":"app-1","status":"open","amount":0,"currency":"KZT","url":"http://x/"}`},
		"in another currency": {200, `{"order":"o","application":"app-1","status":"open","amount":1,"currency":"USD","url":"http://x/"}`},
	}
	table, err := payment.LoadFees()
	if err != nil {
		t.Fatal(err)
	}
	order := payment.Order{Application: "app-1", Service: "electricity-purchase-license", Request: "issue", Payer: "120540001238"}
	for name, a := range answers {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(a.status)
			fmt.Fprint(w, a.body)
		}))
		c := &payment.Client{URL: server.URL, Secret: secret, Fees: func() *payment.Fees { return table }, Now: clock, HTTP: server.Client()}
		if r, _, err := c.Request(t.Context(), order); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%s: %+v, %v; want ErrUnavailable", name, r, err)
		}
		server.Close()
		if r, _, err := c.Request(t.Context(), order); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("nobody listens: %+v, %v; want ErrUnavailable", r, err)
		}
	}
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	c := &payment.Client{URL: server.URL, Secret: secret, Fees: func() *payment.Fees { return table }, Now: clock, Timeout: time.Millisecond, HTTP: server.Client()}
	if _, _, err := c.Request(t.Context(), order); !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v, want ErrUnavailable", err)
	}
}

// What the gateway tells when it is asked is held to the same as what it tells by itself.
func TestUnsoundStandingIsUnavailable(t *testing.T) {
	const standing = `{"order":"o","application":"app-1","status":"failed","reason":"%s","amount":1,"currency":"KZT","url":"http://x/","payments":[{"reference":"%s","amount":%d,"currency":"KZT"}]}`
	for name, tt := range map[string]struct {
		reason, reference string
		amount            int64
		want              error
	}{
		"sound":               {"declined", "r-1", 1, nil},
		"a long reason":       {strings.Repeat("x", 1001), "r-1", 1, nil},
		"lines":               {`a\nb`, "r-1", 1, nil},
		"a control character": {"declined", `a\u0007b`, 1, domain.ErrUnavailable},
		"a long reference":    {"declined", strings.Repeat("r", 1001), 1, domain.ErrUnavailable},
		"less than nothing":   {"declined", "r-1", -1, domain.ErrUnavailable},
		"no reference":        {"declined", "", 1, domain.ErrUnavailable},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, standing, tt.reason, tt.reference, tt.amount)
		}))
		c := &payment.Client{URL: server.URL, Secret: secret, Now: clock, HTTP: server.Client()}
		r, err := c.Order(t.Context(), "o")
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if err == nil && (len(r.Reason) > 1000 || strings.Contains(r.Reason, "\n") || r.Reason == "") {
			t.Errorf("%s: reason %q", name, r.Reason)
		}
		server.Close()
	}
}

func TestServiceWithoutFeeIsNotAsked(t *testing.T) {
	s := start(t)
	_, _, err := s.client.Request(t.Context(), payment.Order{Application: "app-1", Service: "import-permit", Request: "issue", Payer: "120540001238"})
	if !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	sound := `{"order":"o","application":"a","status":"paid","reference":"r","amount":1,"currency":"KZT","at":"2026-11-23T09:00:00Z"}`
	c := &payment.Client{Secret: secret, Now: clock}
	sealed := func(body, purpose string, key []byte, at time.Time) (http.Header, []byte) {
		h := http.Header{}
		seal.Put(h, key, at, purpose, []byte(body))
		return h, []byte(body)
	}
	if _, err := c.Verify(sealed(sound, payment.NoticePurpose, secret, now)); err != nil {
		t.Fatal(err)
	}
	forged := func(h http.Header, body []byte) (http.Header, []byte) { return h, append(body, ' ') }
	tests := map[string]struct {
		header http.Header
		body   []byte
		want   error
	}{}
	add := func(name string, h http.Header, body []byte, want error) {
		tests[name] = struct {
			header http.Header
			body   []byte
			want   error
		}{h, body, want}
	}
	h, b := sealed(sound, payment.NoticePurpose, []byte("other"), now)
	add("another secret", h, b, domain.ErrForbidden)
	h, b = forged(sealed(sound, payment.NoticePurpose, secret, now))
	add("altered body", h, b, domain.ErrForbidden)
	h, b = sealed(sound, "POST /orders", secret, now)
	add("sealed for something else", h, b, domain.ErrForbidden)
	h, b = sealed(sound, payment.NoticePurpose, secret, now.Add(-seal.Tolerance-time.Second))
	add("old", h, b, domain.ErrForbidden)
	h, b = sealed(sound, payment.NoticePurpose, secret, now.Add(seal.Tolerance+time.Second))
	add("from the future", h, b, domain.ErrForbidden)
	h, b = sealed(sound, payment.NoticePurpose, secret, now)
	h.Set(seal.TimestampHeader, fmt.Sprint(now.Unix()+1))
	add("altered time", h, b, domain.ErrForbidden)
	add("no seal", http.Header{}, []byte(sound), domain.ErrForbidden)
	for name, body := range map[string]string{
		"no JSON": "x", "unknown field": strings.Replace(sound, "{", `{"x":1,`, 1), "no order": strings.Replace(sound, `"o"`, `""`, 1),
		"still open": strings.Replace(sound, `"paid"`, `"open"`, 1), "paid without reference": strings.Replace(sound, `"r"`, `""`, 1),
		"paid in no currency": strings.Replace(sound, `"KZT"`, `""`, 1), "paid less than nothing": strings.Replace(sound, `:1,`, `:-1,`, 1),
		"two notices": sound + sound, "something behind it": sound + "x", "a control character": strings.Replace(sound, `"r"`, `"\u0007"`, 1),
		"not UTF-8": strings.Replace(sound, `"r"`, "\"\xff\"", 1), "endless": strings.Replace(sound, `"r"`, `"`+strings.Repeat("r", 1001)+`"`, 1),
	} {
		h, b = sealed(body, payment.NoticePurpose, secret, now)
		add(name, h, b, domain.ErrInvalid)
	}
	for name, tt := range tests {
		if _, err := c.Verify(tt.header, tt.body); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	h, b = sealed(sound, payment.NoticePurpose, nil, now)
	if _, err := (&payment.Client{Now: clock}).Verify(h, b); !errors.Is(err, domain.ErrForbidden) {
		t.Errorf("no secret set up: %v, want ErrForbidden", err)
	}
}
