package reactor

import (
	"context"
	"time"

	"github.com/tizilim/tizilim/domain/application"
)

// Payments is the payment gateway.
type Payments interface {
	// Request asks for a payment order. The same application gets the same order again. A receipt
	// without an order says that nothing is to be paid. domain.ErrNotFound where the fee is not known: the
	// application waits until it is. domain.ErrUnavailable when the gateway does not answer.
	Request(ctx context.Context, order Order) (Receipt, error)
}

// Order is what is to be paid for.
type Order struct {
	Application string
	Service     string
	Request     string
	Payer       string // IIN or BIN
}

// Receipt is the gateway's order.
type Receipt struct {
	Order    string // empty where nothing is to be paid
	Amount   int64  // in hundredths of the currency
	Currency string // ISO 4217
	URL      string // where one pays
	// Fee is how the amount came about, nil where it is that of an order made before under other fees.
	Fee *application.Fee
}

// payment orders the payment, or passes on where nothing is to be paid.
func (r *Reactor) payment(ctx context.Context, s application.State) (string, at[application.Command], error) {
	order, err := r.Payments.Request(ctx, Order{
		Application: s.ID, Service: s.Service, Request: string(s.Request), Payer: s.Applicant.ID,
	})
	if err == nil && order.Order == "" && order.Fee != nil {
		return "waive-payment", func(t time.Time) application.Command {
			return application.WaivePayment{At: t, Fee: *order.Fee}
		}, nil
	}
	return "request-payment", func(t time.Time) application.Command {
		return application.RequestPayment{
			At: t, Order: order.Order, Amount: order.Amount, Currency: order.Currency, URL: order.URL, Fee: order.Fee, Expires: t.Add(r.PaymentTerm),
		}
	}, err
}
