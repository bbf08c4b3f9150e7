package payments

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// Gateway is the payment gateway as the poller asks it.
type Gateway interface {
	// Order says how an order stands: domain.ErrNotFound where the gateway says that it knows none such,
	// domain.ErrUnavailable where it gives no sound answer.
	Order(ctx context.Context, order string) (Standing, error)
}

// Standing is how an order stands.
type Standing struct {
	Application string
	Failed      bool
	Text        string // why it failed
	Payments    []Payment
}

// Payment is money that came for an order.
type Payment struct {
	Reference string
	Amount    int64 // hundredths of the currency
	Currency  string
}

// Term is how long an order can be paid where nothing else is set, also for an order of before orders had
// a term.
const Term = 3 * 24 * time.Hour

// The pauses between two questions about an order: as long as the order is old, within these bounds. So
// they grow, and are the same after a restart.
const (
	shortest = 15 * time.Second
	longest  = 10 * time.Minute
)

// several is how many orders are asked about at a time.
const several = 4

// Config is what a poller works with.
type Config struct {
	Store   domain.EventStore
	Rules   func() application.Rules
	Model   *Model
	Gateway Gateway
	Now     func() time.Time
	Logger  *slog.Logger
}

// Poller asks about open orders and gives the commands that follow: what a notice would have done, and,
// at the end of an order's term, the refusal. Any number of nodes may poll: the second command of the same
// content finds it done.
type Poller struct {
	Config
	changed chan struct{} // has room for one: there is an order that was not there

	mu     sync.Mutex // guards what follows
	orders map[string]*item
}

// item is an order and when it is to be asked about.
type item struct {
	order
	next time.Time
}

// NewPoller makes a poller that knows all open orders. The model must not be fed yet. It begins to ask with
// Run.
func NewPoller(ctx context.Context, c Config) (*Poller, error) {
	p := &Poller{Config: c, changed: make(chan struct{}, 1), orders: map[string]*item{}}
	open, err := p.Model.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("list open payment orders: %w", err)
	}
	p.applied(open)
	p.Model.applied = p.applied
	return p, nil
}

// applied learns what the model has just put down.
func (p *Poller) applied(changes []order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range changes {
		if o.over {
			delete(p.orders, o.application)
			continue
		}
		if o.expires.IsZero() {
			o.expires = o.requested.Add(Term)
		}
		p.orders[o.application] = &item{order: o, next: o.requested.Add(shortest)}
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run asks until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.NewTimer(longest) // also bounds the sleep of a machine whose clock was set
		if next, ok := p.Round(ctx); ok {
			wait.Reset(max(0, min(longest, next.Sub(p.Now()))))
		}
		select {
		case <-ctx.Done():
		case <-p.changed:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// Round asks about every order that is due, and says when the next one is; false where none is open.
func (p *Poller) Round(ctx context.Context) (next time.Time, ok bool) {
	var asking sync.WaitGroup
	places := make(chan struct{}, several)
	for _, o := range p.due(p.Now()) {
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			if err := p.ask(ctx, o); err != nil && ctx.Err() == nil {
				p.Logger.Warn("the payment gateway cannot be asked about an order", "application", o.application, "error", err)
			}
		})
	}
	asking.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.orders {
		if !ok || i.next.Before(next) {
			next, ok = i.next, true
		}
	}
	return next, ok
}

// due takes the orders that are to be asked about now, and sets when each is to be asked about again.
func (p *Poller) due(now time.Time) (list []order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range p.orders {
		if i.next.After(now) {
			continue
		}
		list = append(list, i.order)
		i.next = now.Add(pause(now.Sub(i.requested)))
		switch {
		case now.Before(i.expires):
			if i.next.After(i.expires) {
				i.next = i.expires
			}
		default: // an answer is all that it waits for
			i.next = now.Add(pause(now.Sub(i.expires)))
		}
	}
	return list
}

func pause(age time.Duration) time.Duration { return max(shortest, min(age, longest)) }

// ask asks about one order. When its term is over this is the last question: no payment by now is none.
func (p *Poller) ask(ctx context.Context, o order) error {
	now := p.Now()
	over := !now.Before(o.expires)
	standing, err := p.Gateway.Order(ctx, o.number)
	switch {
	case errors.Is(err, domain.ErrNotFound) && over: // there is nothing that could still be paid
	case err != nil:
		return err
	case standing.Application != o.application:
		return fmt.Errorf("the order is another application's: %w", domain.ErrUnavailable)
	}
	for _, m := range standing.Payments {
		err := p.give(ctx, o, now, NoticeID(o.number, m.Reference, true), application.Pay{
			At: now, Order: o.number, Reference: m.Reference, Amount: m.Amount, Currency: m.Currency,
		})
		if err != nil {
			return err
		}
	}
	switch { // after a payment that was taken neither changes anything
	case standing.Failed:
		return p.give(ctx, o, now, NoticeID(o.number, "", false), application.FailPayment{At: now, Order: o.number, Text: standing.Text})
	case over:
		return p.give(ctx, o, now, uuid.NewSHA1(space, []byte("payment-expired\x00"+o.number)), application.ExpirePayment{At: now, Order: o.number})
	}
	return nil
}

// give gives a command to the order's application. What a rule refuses does not apply any more.
func (p *Poller) give(ctx context.Context, o order, now time.Time, id uuid.UUID, command application.Command) error {
	stream, err := domain.NewStream(domain.ApplicationCategory, o.application)
	if err != nil {
		return err
	}
	meta := domain.Meta{Command: id, Time: now, Actor: domain.System, Correlation: o.correlation, Causation: o.event}
	_, err = domain.Execute(ctx, p.Store, stream, meta, application.Fold,
		func(s application.State) ([]domain.Payload, error) { return p.Rules().Decide(s, command) })
	var rejection *domain.Rejection
	if errors.As(err, &rejection) {
		return nil
	}
	return err
}

// space is the name space of the commands' ids, the same as that of what people send. Their ids are of three
// parts, with a route as the last, and so none of these.
var space = uuid.MustParse("5f1f6e9e-3a0b-5d2c-8d55-3c1f6f0a7b01")

// NoticeID is the id of the command that a payment, or the failure of an order, leads to, whichever way the
// registry learns of it and however often.
func NoticeID(order, reference string, paid bool) uuid.UUID {
	return uuid.NewSHA1(space, fmt.Appendf(nil, "payment\x00%s\x00%s\x00%t", order, reference, paid))
}
