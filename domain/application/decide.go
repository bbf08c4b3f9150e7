package application

import (
	"fmt"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Rules are what decisions rest on besides the application itself. They do not change: who reads acts or
// calendars anew has new Rules.
type Rules struct {
	Catalog   *regulation.Catalog
	Calendars *calendar.History  // terms are counted with what was known when they began
	Policies  *calendar.Policies // of the licensors; the usual one for all where nil
	Terms     regulation.Terms   // that licensors set where an act gives none
	// Signing is what certificates are compared with, and who may sign, by the slug of the licensor or
	// service center.
	Signing map[string]Signing
}

// Decide says which events the command makes of the application, or why not: a *domain.Rejection
// where a rule refuses, domain.ErrNotFound where there is no such application or service,
// domain.ErrUnavailable where the command has to come again because something it rests on is not recorded
// yet. No events
// and no error mean that what the command wants has been done already.
func (r Rules) Decide(s State, c Command) ([]domain.Payload, error) {
	if open, ok := c.(Open); ok {
		return r.open(s, open)
	}
	w, err := r.way(s)
	if err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case File:
		return w.file(s, c)
	case AnswerRegisters:
		return w.answerRegisters(s, c)
	case RequestPayment:
		return w.requestPayment(s, c)
	case Pay:
		return w.pay(s, c)
	case FailPayment:
		return w.failPayment(s, c)
	case ExpirePayment:
		return w.expirePayment(s, c)
	case WaivePayment:
		return w.waivePayment(s, c)
	case Sign:
		return w.sign(s, c)
	case RejectSignature:
		return w.rejectSignature(s, c)
	case ReceiveSignature:
		return w.receiveSignature(s, c)
	case Register:
		return w.register(s, c)
	case Draft:
		return w.draft(s, c)
	case SignDecision:
		return w.signDecision(s, c)
	case Complete:
		return w.complete(s, c)
	case Withdraw:
		return w.withdraw(s, c)
	case Deliver:
		return w.deliver(s, c)
	case Rate:
		return w.rate(s, c)
	}
	return nil, fmt.Errorf("command %T: %w", c, domain.ErrInvalid)
}

// way finds where the application stands in the wording that it was opened under.
func (r Rules) way(s State) (way, error) {
	if !s.Exists {
		return way{}, fmt.Errorf("application: %w", domain.ErrNotFound)
	}
	service, err := r.Catalog.Wording(s.Act, s.Wording, s.Service)
	if err != nil {
		return way{}, err
	}
	proc, err := service.Procedure(s.Channel)
	if err != nil {
		return way{}, err
	}
	w := way{rules: r, proc: proc, request: s.Request}
	if s.Step != 0 {
		w.step = proc.Step(s.Step)
	}
	return w, nil
}
