package main

import (
	"context"
	"net/http"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/signature/standin"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/projections/reactor"
)

// The adapters know nothing of the ports they stand behind. Each type here puts one behind its port
// and does nothing else.

// stateRegisters is a client of the state registers as the reactor wants it.
type stateRegisters struct{ *stateregister.Client }

func (r stateRegisters) Find(ctx context.Context, id string) (reactor.Person, error) {
	a, err := r.Client.Find(ctx, id)
	return reactor.Person{Found: a.Found, Name: a.Name, Address: a.Address, Source: a.Source, Reference: a.Reference, Text: a.Text}, err
}

// guardedRegisters are the state registers behind a breaker.
type guardedRegisters struct {
	reactor.StateRegisters
	breaker *breaker.Breaker
}

func (g guardedRegisters) Find(ctx context.Context, id string) (p reactor.Person, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) error {
		p, err = g.StateRegisters.Find(ctx, id)
		return err
	})
	return p, err
}

// payments is a client of the payment gateway as the reactor and the server want it.
type payments struct{ *payment.Client }

func (p payments) Request(ctx context.Context, o reactor.Order) (reactor.Receipt, error) {
	r, err := p.Client.Request(ctx, payment.Order{Application: o.Application, Service: o.Service, Request: o.Request, Payer: o.Payer})
	return reactor.Receipt{Order: r.Order, Amount: r.Amount, Currency: r.Currency, URL: r.URL}, err
}

func (p payments) notice(_ context.Context, header http.Header, body []byte) (api.PaymentNotice, error) {
	n, err := p.Verify(header, body)
	return api.PaymentNotice{
		Application: n.Application, Order: n.Order, Reference: n.Reference, Amount: n.Amount, Currency: n.Currency,
		Paid: n.Status == payment.Paid, Text: n.Reason,
	}, err
}

// verifier is the demonstration's signatures as the server wants them.
type verifier struct{ *standin.Demo }

func (v verifier) Verify(ctx context.Context, signed, sig []byte) (api.Verdict, error) {
	d, err := v.Demo.Verify(ctx, signed, sig)
	return api.Verdict{Valid: d.Valid, Subject: d.Subject, Serial: d.Serial, Digest: d.Digest, Method: d.Method, Reason: string(d.Reason)}, err
}
