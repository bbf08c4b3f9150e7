// Package payment speaks to a payment gateway: it gives the gateway orders, checks what the gateway
// reports back, and knows what each service costs (fees.go, fees.yaml).
//
// The protocol is small. Both sides share a secret and sign what they send (package seal). POST {gateway}/orders
// with an Order makes a payment order, the same one for the same application; GET {gateway}/orders/{id}
// tells how it stands and which payments came for it. For each payment, and for a failure, the gateway
// posts a Notice to the order's callback, again and again until it is answered with 2xx, so a notice may
// come twice. What a payment is good for is the registry's to say: it may be less or more than was
// asked for, in another currency, or one too many.
//
// The package demo is a gateway that speaks it. No money moves there.
package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/domain"
)

// Order is what the registry wants paid.
type Order struct {
	Application string `json:"application"` // its id; one order for each
	Service     string `json:"service"`
	Request     string `json:"request"`
	Payer       string `json:"payer"`    // IIN or BIN
	Amount      int64  `json:"amount"`   // hundredths of the currency
	Currency    string `json:"currency"` // ISO 4217
	Callback    string `json:"callback"` // where notices go
	Return      string `json:"return,omitempty"`
}

// Status is how an order stands.
type Status string

// The statuses. An order is paid, once the whole sum came in one payment, or failed, and for good.
const (
	Open   Status = "open"
	Paid   Status = "paid"
	Failed Status = "failed"
)

// Receipt is an order as the gateway keeps it.
type Receipt struct {
	Order       string `json:"order"` // the gateway's id of it
	Application string `json:"application"`
	Status      Status `json:"status"`
	Reference   string `json:"reference,omitempty"` // of the payment that paid it, once paid
	Reason      string `json:"reason,omitempty"`    // once failed
	Amount      int64  `json:"amount"`              // that was asked for
	Currency    string `json:"currency"`
	URL         string `json:"url"` // the page to pay on
	// Payments are all that came for the order, in order.
	Payments []Payment `json:"payments,omitempty"`
}

// Payment is money that came.
type Payment struct {
	Reference string    `json:"reference"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	At        time.Time `json:"at"`
}

// Notice is the gateway's report that money came for an order, or that it failed.
type Notice struct {
	Order       string    `json:"order"`
	Application string    `json:"application"`
	Status      Status    `json:"status"`
	Reference   string    `json:"reference,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Amount      int64     `json:"amount"`
	Currency    string    `json:"currency"`
	At          time.Time `json:"at"` // when it was paid or failed
}

// MaxBody bounds a request or an answer of the protocol, in bytes.
const MaxBody = 64 << 10

// NoticePurpose is what a notice is sealed for.
const NoticePurpose = "notice"

// RequestPurpose is what a request to the gateway is sealed for: a seal for one path opens no other.
func RequestPurpose(method string, u *url.URL) string { return method + " " + u.EscapedPath() }

// Timeout is how long a Client without a Timeout waits for the gateway.
const Timeout = 5 * time.Second

// Client gives orders to the gateway at URL. It may be used by many goroutines at once.
type Client struct {
	URL      string // of the gateway, without a slash at the end
	Callback string // of the registry: where the gateway posts notices
	Secret   []byte // shared with the gateway
	Fees     func() *Fees
	Now      func() time.Time
	// Zone decides which day's fees apply; nil is UTC.
	Zone *time.Location
	// Timeout bounds one request; 0 means Timeout of the package.
	Timeout time.Duration
	// HTTP carries the requests; nil means http.DefaultClient.
	HTTP *http.Client
}

// Fee is what the request costs if it is ordered now; errors as Fees.Of.
func (c *Client) Fee(service, request string) (Fee, error) {
	return c.Fees().Of(service, request, c.Now().In(orUTC(c.Zone)).Format(time.DateOnly))
}

// Request asks for a payment order. The amount, callback and currency are the client's to fill in;
// the same application gets the same order again, which may be over another amount than the fee of
// today. Where nothing is to be paid there is no order and no error, and the fee's amount is 0. ErrNotFound
// where the fee is not known, ErrConflict where the application's order is for something else,
// ErrUnavailable where the gateway gives no sound answer.
func (c *Client) Request(ctx context.Context, o Order) (Receipt, Fee, error) {
	fee, err := c.Fee(o.Service, o.Request)
	if err != nil {
		return Receipt{}, Fee{}, fmt.Errorf("request payment: %w", err)
	}
	if fee.Amount == 0 {
		return Receipt{}, fee, nil
	}
	o.Amount, o.Currency, o.Callback = fee.Amount, fee.Currency, c.Callback
	body, err := json.Marshal(o)
	if err != nil {
		return Receipt{}, Fee{}, fmt.Errorf("request payment: %w", err)
	}
	r, err := c.do(ctx, http.MethodPost, "/orders", body)
	if err != nil {
		return Receipt{}, Fee{}, fmt.Errorf("request payment: %w", err)
	}
	// A repetition after the turn of the year gets the order of before, at the old fee.
	if r.Application != o.Application || r.Amount <= 0 || r.Currency != o.Currency || r.URL == "" {
		return Receipt{}, Fee{}, fmt.Errorf("request payment: another order than was asked for: %w", domain.ErrUnavailable)
	}
	return r, fee, nil
}

// Order asks how an order stands: what the notice says, for whoever missed it. ErrNotFound for an order
// the gateway does not know.
func (c *Client) Order(ctx context.Context, order string) (Receipt, error) {
	r, err := c.do(ctx, http.MethodGet, "/orders/"+url.PathEscape(order), nil)
	if err == nil && (r.Order != order || !r.sound()) {
		err = fmt.Errorf("another order than was asked for: %w", domain.ErrUnavailable)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("ask for payment order: %w", err)
	}
	r.Reason = readable(r.Reason)
	return r, nil
}

// sound reports whether the receipt says what it has to: a known status, and whole payments.
func (r Receipt) sound() bool {
	return (r.Status == Open || r.Status == Paid || r.Status == Failed) && !slices.ContainsFunc(r.Payments, func(p Payment) bool {
		return p.Reference == "" || p.Currency == "" || p.Amount < 0 || !plain(p.Reference, p.Currency)
	})
}

// do makes one signed request.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (Receipt, error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	req.Header.Set("Content-Type", "application/json")
	seal.Put(req.Header, c.Secret, c.Now(), RequestPurpose(method, req.URL), body)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	return receipt(resp)
}

// Problem is the body of a refusal of the gateway. Only its code is believed: a bare 404 may be
// anybody's.
type Problem struct {
	Code string `json:"code"`
}

// The codes of refusals.
const (
	CodeUnknownOrder = "unknown-order" // with 404
	CodeOtherOrder   = "other-order"   // with 409: the application's order is for something else
)

func receipt(resp *http.Response) (Receipt, error) {
	body := io.LimitReader(resp.Body, MaxBody)
	if resp.StatusCode/100 != 2 {
		var p Problem
		_ = json.NewDecoder(body).Decode(&p) // what is no problem has no code
		switch p.Code {
		case CodeUnknownOrder:
			return Receipt{}, fmt.Errorf("the gateway knows no such order: %w", domain.ErrNotFound)
		case CodeOtherOrder:
			return Receipt{}, fmt.Errorf("the application has an order for something else: %w", domain.ErrConflict)
		}
		return Receipt{}, fmt.Errorf("the gateway answers with status %d: %w", resp.StatusCode, domain.ErrUnavailable)
	}
	var r Receipt
	if err := strictJSON(body, &r); err != nil || r.Order == "" {
		return Receipt{}, fmt.Errorf("the gateway's answer is no receipt: %w", domain.ErrUnavailable)
	}
	return r, nil
}

// Verify checks a request that says it is a notice: who sent it, when, and its form. ErrForbidden where
// it is not the gateway's or too old, ErrInvalid where it is the gateway's but no notice. A sound
// notice may be a repetition.
func (c *Client) Verify(header http.Header, body []byte) (Notice, error) {
	if err := seal.Check(header, c.Secret, c.Now(), NoticePurpose, body); err != nil {
		return Notice{}, fmt.Errorf("payment notice: %w", err)
	}
	n, err := ParseNotice(body)
	if err != nil {
		return Notice{}, fmt.Errorf("payment notice: %w: %w", domain.ErrInvalid, err)
	}
	return n, nil
}

// maxText bounds each text that the gateway sends, in bytes: what is longer is no id or reference, and a reason
// is cut.
const maxText = 1000

// plain reports whether each text is one that can be kept and shown.
func plain(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		return len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
	})
}

// readable is free text as it can be kept and shown, whatever somebody typed: a failure stays one.
func readable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	for len(text) > maxText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// ParseNotice reads the body of a notice: whole, with nothing behind it.
func ParseNotice(body []byte) (Notice, error) {
	var n Notice
	if !utf8.Valid(body) {
		return Notice{}, errors.New("not UTF-8")
	}
	if err := strictJSON(bytes.NewReader(body), &n); err != nil {
		return Notice{}, err
	}
	if !plain(n.Order, n.Application, n.Reference, n.Currency) {
		return Notice{}, errors.New("a text is too long or has control characters")
	}
	switch {
	case n.Order == "" || n.Application == "" || n.At.IsZero():
		return Notice{}, errors.New("no order, application or time")
	case n.Status == Paid && (n.Reference == "" || n.Currency == "" || n.Amount < 0):
		return Notice{}, errors.New("paid without a reference, an amount or a currency")
	case n.Status != Paid && n.Status != Failed:
		return Notice{}, errors.New("neither paid nor failed")
	}
	n.Reason = readable(n.Reason)
	return n, nil
}

// strictJSON reads one JSON value without unknown fields, and nothing behind it.
func strictJSON(r io.Reader, v any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func orUTC(l *time.Location) *time.Location {
	if l == nil {
		return time.UTC
	}
	return l
}
