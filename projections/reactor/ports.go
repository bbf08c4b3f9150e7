package reactor

import "context"

// StateRegisters are the state databases of persons and organizations behind the e-government gateway.
type StateRegisters interface {
	// Find asks for a person by IIN or an organization by BIN. A register that has no such data says
	// so with Found false; one that does not answer is domain.ErrUnavailable, never an absence.
	Find(ctx context.Context, id string) (Person, error)
}

// Person is what the state registers know of somebody.
type Person struct {
	Found   bool
	Name    string
	Address string
	Source  string // which register answered
	// Reference is the register's own number of the answer, empty where it gives none, and Text the
	// answer as it came: the event keeps both.
	Reference string
	Text      string
}

// Payments is the payment gateway.
type Payments interface {
	// Request asks for a payment order. The same application gets the same order again.
	// domain.ErrUnavailable when the gateway does not answer.
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
	Order    string
	Amount   int64  // in hundredths of the currency
	Currency string // ISO 4217
	URL      string // where one pays
}
