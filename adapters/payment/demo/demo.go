// Package demo is a stand-in for a payment gateway: a real HTTP service with a page to pay on, but no
// money moves. Whoever opens an order's page decides whether it was paid, failed, or stays open; to try what
// a registry makes of it, one may also pay too little or twice.
//
//	POST /orders            make an order (sealed; package payment)
//	GET  /orders/{id}       how it stands (sealed)
//	GET  /pay/{id}          the page, in Kazakh, Russian or English (?lang=)
//	POST /pay/{id}          "outcome=" paid, failed, less or twice, from the page or from a script
//
// Orders and notices outlive the process: each change is a line of a journal (journal.go), durable
// before it is answered. A notice is posted to the order's callback until that answers 2xx, after a
// restart too (notify.go).
package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/domain"
)

// Config is what a gateway needs.
type Config struct {
	File   string // the journal of orders
	URL    string // where the gateway is reached, without a slash at the end
	Secret []byte // shared with the registry
	Now    func() time.Time
	Logger *slog.Logger
	// Callback, where set, is where notices go whatever the orders say: the registry has moved.
	Callback string
	// HTTP carries the notices; nil means a client that waits 5 seconds.
	HTTP *http.Client
	// Retry is how long to wait after the n-th failed post of a notice, from 1; nil doubles from
	// half a second to half a minute.
	Retry func(n int) time.Duration
}

// order is an order as the journal keeps it.
type order struct {
	payment.Order
	ID        string         `json:"id"`
	Status    payment.Status `json:"status"`
	Reference string         `json:"reference,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Decided   time.Time      `json:"decided,omitzero"`
	Notified  bool           `json:"notified,omitempty"` // of its failure
	Payments  []received     `json:"payments,omitempty"`
}

// received is money that came for an order, and whether the registry knows.
type received struct {
	payment.Payment
	Notified bool `json:"notified,omitempty"`
}

// Gateway keeps orders and tells their callbacks what became of them.
type Gateway struct {
	config Config
	mux    *http.ServeMux

	mu            sync.Mutex // protects what follows, and the order of lines in the journal
	journal       *journal
	orders        map[string]*order // by id; an order is replaced, never changed
	byApplication map[string]string // application → id

	telling map[string]bool // the notices that are being posted, by order and reference

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	notifier sync.WaitGroup
}

// Open starts a gateway with the orders of the journal, and posts the notices that are outstanding.
func Open(config Config) (*Gateway, error) {
	if len(config.Secret) == 0 || config.Now == nil || config.Logger == nil {
		return nil, fmt.Errorf("open payment gateway: secret, clock and logger are needed: %w", domain.ErrInvalid)
	}
	if config.HTTP == nil {
		config.HTTP = &http.Client{Timeout: payment.Timeout}
	}
	if config.Retry == nil {
		config.Retry = backOff
	}
	j, orders, err := openJournal(config.File)
	if err != nil {
		return nil, fmt.Errorf("open payment gateway: %w", err)
	}
	g := &Gateway{config: config, mux: http.NewServeMux(), journal: j, orders: orders, byApplication: map[string]string{}, telling: map[string]bool{}}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.mux.HandleFunc("GET /{$}", about)
	g.mux.HandleFunc("POST /orders", g.create)
	g.mux.HandleFunc("GET /orders/{id}", g.show)
	g.mux.HandleFunc("GET /pay/{id}", g.page)
	g.mux.HandleFunc("POST /pay/{id}", g.pay)
	g.mu.Lock() // a notice that is taken at once changes orders
	defer g.mu.Unlock()
	for id, o := range orders {
		g.byApplication[o.Application] = id
		g.tell(o)
	}
	return g, nil
}

// about says what this is to whoever comes here with a browser.
func about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, `Demo payment gateway. No money moves.

The registry orders a payment here by itself and gives the applicant the address of its page, where it
is paid or declined. Orders are not listed here: whoever has the address of one may pay it.

GET /pay/ORDER     the page
POST /pay/ORDER    outcome=paid, failed, less or twice, as a script does it
`)
}

// Close stops posting notices and closes the journal. The next Open goes on.
func (g *Gateway) Close() error {
	g.mu.Lock()
	g.cancel() // from here on tell starts no notifier
	g.mu.Unlock()
	g.notifier.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.journal.close()
}

// ServeHTTP serves the gateway. A page of another site cannot pay in somebody's name.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, payment.MaxBody)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	new(http.CrossOriginProtection).Handler(g.mux).ServeHTTP(w, r)
}

// sealed reads the body and checks its seal; where it answers itself, ok is false.
func (g *Gateway) sealed(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge, "unreadable")
		return nil, false
	}
	purpose := payment.RequestPurpose(r.Method, r.URL)
	if err := seal.Check(r.Header, g.config.Secret, g.config.Now(), purpose, body); err != nil {
		fail(w, http.StatusForbidden, "seal")
		return nil, false
	}
	return body, true
}

func (g *Gateway) create(w http.ResponseWriter, r *http.Request) {
	body, ok := g.sealed(w, r)
	if !ok {
		return
	}
	var wanted payment.Order
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wanted); err != nil || !sound(wanted) {
		fail(w, http.StatusBadRequest, "order")
		return
	}
	switch o, made, err := g.order(wanted); {
	case errors.Is(err, domain.ErrConflict):
		fail(w, http.StatusConflict, payment.CodeOtherOrder)
	case err != nil:
		g.broken(w, err)
	case made:
		reply(w, http.StatusCreated, g.receipt(o))
	default:
		reply(w, http.StatusOK, g.receipt(o))
	}
}

func sound(o payment.Order) bool {
	callback, err := url.Parse(o.Callback)
	return err == nil && (callback.Scheme == "http" || callback.Scheme == "https") && callback.Host != "" &&
		o.Application != "" && o.Service != "" && o.Request != "" && o.Payer != "" && o.Currency != "" && o.Amount > 0 &&
		(o.Return == "" || strings.HasPrefix(o.Return, "http://") || strings.HasPrefix(o.Return, "https://"))
}

// order is the application's order, made where there is none. ErrConflict where it is for something
// else. Another amount or address is not: the first order stands.
func (g *Gateway) order(wanted payment.Order) (o *order, made bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if id, ok := g.byApplication[wanted.Application]; ok {
		o := g.orders[id]
		if o.Service != wanted.Service || o.Request != wanted.Request || o.Payer != wanted.Payer {
			return nil, false, domain.ErrConflict
		}
		return o, false, nil
	}
	o = &order{Order: wanted, ID: "PO" + rand.Text(), Status: payment.Open}
	if err := g.put(o); err != nil {
		return nil, false, err
	}
	g.byApplication[o.Application] = o.ID
	return o, true, nil
}

// put makes the order durable and then known. The caller holds mu.
func (g *Gateway) put(o *order) error {
	if err := g.journal.append(o); err != nil {
		return err
	}
	g.orders[o.ID] = o
	return nil
}

func (g *Gateway) find(id string) (*order, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, ok := g.orders[id]
	return o, ok
}

func (g *Gateway) show(w http.ResponseWriter, r *http.Request) {
	if _, ok := g.sealed(w, r); !ok {
		return
	}
	o, ok := g.find(r.PathValue("id"))
	if !ok {
		fail(w, http.StatusNotFound, payment.CodeUnknownOrder)
		return
	}
	reply(w, http.StatusOK, g.receipt(o))
}

func (g *Gateway) receipt(o *order) payment.Receipt {
	r := payment.Receipt{
		Order: o.ID, Application: o.Application, Status: o.Status, Reference: o.Reference, Reason: o.Reason,
		Amount: o.Amount, Currency: o.Currency, URL: g.config.URL + "/pay/" + o.ID,
	}
	for _, p := range o.Payments {
		r.Payments = append(r.Payments, p.Payment)
	}
	return r
}

// The outcomes that one may choose.
const (
	outcomePaid   = "paid"
	outcomeFailed = "failed"
	outcomeLess   = "less"  // half the sum: the order stays open
	outcomeTwice  = "twice" // the sum two times, or once more where it is paid already
)

// decide pays or fails an order. One that is paid or failed stays so; more money may still come.
func (g *Gateway) decide(id, outcome string) (*order, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o, ok := g.orders[id]
	if !ok {
		return nil, domain.ErrNotFound
	}
	decided := *o
	decided.Payments = slices.Clone(o.Payments)
	switch open := o.Status == payment.Open; {
	case outcome == outcomeTwice:
		if open {
			g.receive(&decided, o.Amount)
		}
		g.receive(&decided, o.Amount)
	case !open:
		return o, nil
	case outcome == outcomeLess:
		g.receive(&decided, o.Amount/2)
	case outcome == outcomePaid:
		g.receive(&decided, o.Amount)
	default:
		decided.Status, decided.Decided, decided.Reason = payment.Failed, g.config.Now().UTC(), "declined on the demonstration page"
	}
	if err := g.put(&decided); err != nil {
		return nil, err
	}
	g.tell(&decided)
	return &decided, nil
}

// receive puts money to an order that is not known yet.
func (g *Gateway) receive(o *order, amount int64) {
	p := payment.Payment{Reference: "DEMO" + rand.Text()[:12], Amount: amount, Currency: o.Currency, At: g.config.Now().UTC()}
	o.Payments = append(o.Payments, received{Payment: p})
	if o.Status == payment.Open && amount >= o.Amount {
		o.Status, o.Reference, o.Decided = payment.Paid, p.Reference, p.At
	}
}

func (g *Gateway) broken(w http.ResponseWriter, err error) {
	g.config.Logger.Error("demo payment gateway", "error", err)
	fail(w, http.StatusServiceUnavailable, "unavailable")
}

func fail(w http.ResponseWriter, status int, code string) {
	reply(w, status, payment.Problem{Code: code})
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // an error here is a client that went away
}
