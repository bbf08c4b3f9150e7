package application

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// RequestPayment records the order given to the payment gateway.
type RequestPayment struct {
	At       time.Time
	Order    string
	Amount   int64
	Currency string
	URL      string
	Fee      *Fee
	Expires  time.Time // when the order ends unpaid
}

// WaivePayment takes the application through the step of paying where nothing is to be paid.
type WaivePayment struct {
	At  time.Time
	Fee Fee // of nothing
}

// Pay brings a payment that the gateway confirms, whatever it is for and however much.
type Pay struct {
	At        time.Time
	Order     string
	Reference string
	Amount    int64
	Currency  string
}

// FailPayment tells that the gateway gave the order up.
type FailPayment struct {
	At    time.Time
	Order string
	Text  string
}

// ExpirePayment tells that the order's term ended and the gateway knows of no payment.
type ExpirePayment struct {
	At    time.Time
	Order string
}

func (RequestPayment) command() {}
func (WaivePayment) command()   {}
func (Pay) command()            {}
func (FailPayment) command()    {}
func (ExpirePayment) command()  {}

// Fee is how an amount came about: a rate in monthly calculation indices (MCI) times the MCI of the day.
type Fee struct {
	Rate    int64  `json:"rate"`     // hundredths of an MCI, for this kind of request
	MCI     int64  `json:"mci"`      // hundredths of the currency
	MCIFrom string `json:"mci_from"` // since when the MCI holds, YYYY-MM-DD
	On      string `json:"on"`       // the day of the order, YYYY-MM-DD
	Source  string `json:"source,omitempty"`
	// Unverified says that some figure was not compared with the law.
	Unverified bool   `json:"unverified,omitempty"`
	Version    string `json:"version"` // of the table of fees
}

// PaymentRequested: the payment gateway was given an order.
type PaymentRequested struct {
	Progress
	Order    string `json:"order"`
	Amount   int64  `json:"amount"`   // in hundredths of the currency
	Currency string `json:"currency"` // ISO 4217
	URL      string `json:"url,omitempty"`
	// Fee is how the amount came about and Expires when the order ends unpaid; both are since schema 2.
	Fee     *Fee       `json:"fee,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

// PaymentNotRequired: by the table of fees the request costs nothing.
type PaymentNotRequired struct {
	Progress
	Fee Fee `json:"fee"`
}

// Paid: the gateway confirmed the payment.
type Paid struct {
	Progress
	Order     string `json:"order"`
	Reference string `json:"reference"` // the gateway's own
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
}

// PaymentUnmatched: money came that does not pay the application. People return it. The application
// stays where it is.
type PaymentUnmatched struct {
	Progress
	Order     string   `json:"order"`
	Reference string   `json:"reference"`
	Amount    int64    `json:"amount"`
	Currency  string   `json:"currency"`
	Reason    Mismatch `json:"reason"`
}

// Unmatched is such a payment and when the registry learned of it.
type Unmatched struct {
	PaymentUnmatched
	At time.Time
}

// Mismatch is why a payment does not pay an application.
type Mismatch string

// The mismatches.
const (
	OtherOrder    Mismatch = "other-order" // the application has no such order
	PaidTwice     Mismatch = "paid-twice"  // another payment paid it
	TooLate       Mismatch = "late"        // it is not to be paid any more
	OtherCurrency Mismatch = "currency"    // in another currency than the order's
	TooLittle     Mismatch = "short"
	TooMuch       Mismatch = "over"
)

// Mismatches are all of them.
var Mismatches = []Mismatch{OtherOrder, PaidTwice, TooLate, OtherCurrency, TooLittle, TooMuch}

// PaymentExpired is the text of a refusal whose order ended unpaid.
const PaymentExpired = "payment-expired"

// What an officer may say of the payment besides naming a document.
const (
	ProofShown = "shown"   // the document was shown and is not among the application's
	FeeNotDue  = "not-due" // this request costs nothing
)

func (PaymentRequested) EventType() (string, int)   { return "payment-requested", 2 }
func (PaymentNotRequired) EventType() (string, int) { return "payment-not-required", 1 }
func (Paid) EventType() (string, int)               { return "application-paid", 2 }
func (PaymentUnmatched) EventType() (string, int)   { return "payment-unmatched", 1 }

func (w way) requestPayment(s State, c RequestPayment) ([]domain.Payload, error) {
	if s.Order != nil && s.Order.Order == c.Order {
		return nil, nil
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order != nil {
		return nil, domain.Reject("payment-requested-already", "another payment order is open", "order", s.Order.Order)
	}
	e := PaymentRequested{Order: c.Order, Amount: c.Amount, Currency: c.Currency, URL: c.URL, Fee: c.Fee}
	if !c.Expires.IsZero() {
		expires := c.Expires.UTC().Truncate(time.Microsecond)
		e.Expires = &expires
	}
	return []domain.Payload{e}, nil
}

func (w way) waivePayment(s State, c WaivePayment) ([]domain.Payload, error) {
	if s.NothingDue {
		return nil, nil
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order != nil {
		return nil, domain.Reject("payment-requested-already", "a payment order is open", "order", s.Order.Order)
	}
	progress, err := w.advance(c.At, regulation.Paid)
	return []domain.Payload{PaymentNotRequired{Progress: progress, Fee: c.Fee}}, err
}

// pay never refuses: the money is there. What does not pay the application is recorded, once for each
// payment, so that people can return it. Only a payment that is faster than the record of its order has to
// come again: what it is for is not known yet.
func (w way) pay(s State, c Pay) ([]domain.Payload, error) {
	switch {
	case s.knows(c):
		return nil, nil
	case s.Order == nil && w.in(regulation.Pay):
		return nil, fmt.Errorf("the payment's order is not recorded yet: %w", domain.ErrUnavailable)
	}
	if reason := w.mismatch(s, c); reason != "" {
		return []domain.Payload{PaymentUnmatched{
			Order: c.Order, Reference: c.Reference, Amount: c.Amount, Currency: c.Currency, Reason: reason,
		}}, nil
	}
	progress, err := w.advance(c.At, regulation.Paid)
	return []domain.Payload{Paid{Progress: progress, Order: c.Order, Reference: c.Reference, Amount: c.Amount, Currency: c.Currency}}, err
}

// knows reports whether the payment was recorded before.
func (s State) knows(c Pay) bool {
	return s.Payment != nil && s.Payment.Order == c.Order && s.Payment.Reference == c.Reference ||
		slices.ContainsFunc(s.Unmatched, func(u Unmatched) bool { return u.Order == c.Order && u.Reference == c.Reference })
}

// mismatch is why the payment does not pay the application, empty where it does.
func (w way) mismatch(s State, c Pay) Mismatch {
	switch {
	case s.Order == nil || s.Order.Order != c.Order:
		return OtherOrder
	case s.Payment != nil:
		return PaidTwice
	case !w.in(regulation.Pay):
		return TooLate
	case c.Currency != s.Order.Currency:
		return OtherCurrency
	case c.Amount < s.Order.Amount:
		return TooLittle
	case c.Amount > s.Order.Amount+overpayment(s.Order.Amount):
		return TooMuch
	}
	return ""
}

// overpayment is by how much a payment may exceed the sum due, as the licensing portal has it: by a
// tenth, and for sums up to 1 000 by 100. Both are hundredths of the currency.
func overpayment(due int64) int64 {
	if due <= 1_000_00 {
		return 100_00
	}
	return due / 10
}

func (w way) failPayment(s State, c FailPayment) ([]domain.Payload, error) {
	return w.refuseUnpaid(s, c.At, c.Order, c.Text)
}

func (w way) expirePayment(s State, c ExpirePayment) ([]domain.Payload, error) {
	if o := s.Order; w.in(regulation.Pay) && o != nil && o.Expires != nil && c.At.Before(*o.Expires) {
		return nil, domain.Reject("payment-term-runs", "the order can still be paid")
	}
	return w.refuseUnpaid(s, c.At, c.Order, PaymentExpired)
}

// refuseUnpaid ends an application whose order was not paid.
func (w way) refuseUnpaid(s State, at time.Time, order, text string) ([]domain.Payload, error) {
	if s.Refusal != nil && s.Refusal.Stage == AtPayment {
		return nil, nil
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order == nil || s.Order.Order != order {
		return nil, domain.Reject("payment-order-unknown", "the application has no such payment order")
	}
	progress, err := w.advance(at, regulation.Unpaid, regulation.RefuseUnpaid)
	return []domain.Payload{Refused{Progress: progress, Stage: AtPayment, Ground: NoPayment, Text: text}}, err
}

// checkProof refuses an approval that does not say by what the officer saw the payment, where the
// service is paid and its procedure has no step of paying; and one that says so where there is one.
func (w way) checkProof(s State, d Decision) error {
	proof := d.PaymentProof
	named := slices.ContainsFunc(s.Documents, func(d Document) bool { return d.SHA256 == proof })
	switch due := w.proc.Service.Paid && !w.proc.Has(regulation.Pay); {
	case due && proof == "" && d.Decision == Approve:
		return domain.Reject("payment-proof-required", "say by what document the payment of the fee was seen")
	case due && proof != "" && proof != ProofShown && proof != FeeNotDue && !named:
		return domain.Reject("payment-proof-unknown", "the application has no such document")
	case !due && proof != "":
		return domain.Reject("payment-proof-not-expected", "no proof of payment belongs to this procedure")
	}
	return nil
}
