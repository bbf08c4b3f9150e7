package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
)

// paymentFlags say how payments are ordered.
type paymentFlags struct {
	PaymentTerm time.Duration `default:"72h" placeholder:"DURATION" help:"How long an order can be paid. Then the payment gateway is asked once more, and an unpaid application is refused."`
}

// check is domain.ErrInvalid for what cannot be meant.
func (f paymentFlags) check() error {
	if f.PaymentTerm <= 0 {
		return fmt.Errorf("--payment-term %s: no time to pay in: %w", f.PaymentTerm, domain.ErrInvalid)
	}
	return nil
}

// newPayments makes a client of the payment gateway. fees is asked for the table of the moment.
func newPayments(gateway, registry string, secret []byte, fees func() *payment.Fees) gatewayClient {
	return gatewayClient{&payment.Client{
		URL: strings.TrimSuffix(gateway, "/"), Callback: strings.TrimSuffix(registry, "/") + "/api/v1/payments/callback",
		Secret: secret, Fees: fees, Now: time.Now, Zone: calendar.Zone,
	}}
}

// paymentGateway is the payment gateway as the reactor and the poller want it.
type paymentGateway interface {
	reactor.Payments
	payments.Gateway
}

// guardedPayments is the payment gateway behind a breaker.
type guardedPayments struct {
	paymentGateway
	breaker *breaker.Breaker
}

func (g guardedPayments) Request(ctx context.Context, o reactor.Order) (r reactor.Receipt, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) error {
		r, err = g.paymentGateway.Request(ctx, o)
		return err
	})
	return r, err
}

func (g guardedPayments) Order(ctx context.Context, order string) (s payments.Standing, err error) {
	err = g.breaker.Do(ctx, func(ctx context.Context) error {
		s, err = g.paymentGateway.Order(ctx, order)
		return err
	})
	return s, err
}

// gatewayClient is a client of the payment gateway as the reactor, the poller and the server want it.
type gatewayClient struct{ *payment.Client }

func (p gatewayClient) Request(ctx context.Context, o reactor.Order) (reactor.Receipt, error) {
	r, fee, err := p.Client.Request(ctx, payment.Order{Application: o.Application, Service: o.Service, Request: o.Request, Payer: o.Payer})
	out := reactor.Receipt{Order: r.Order, Amount: r.Amount, Currency: r.Currency, URL: r.URL}
	if err == nil && r.Amount == fee.Amount {
		out.Fee = &application.Fee{
			Rate: fee.Rate, MCI: fee.MCI, MCIFrom: fee.MCIFrom, On: fee.On,
			Source: fee.Source, Unverified: fee.Unverified, Version: fee.Version,
		}
	}
	return out, err
}

func (p gatewayClient) Order(ctx context.Context, order string) (payments.Standing, error) {
	r, err := p.Client.Order(ctx, order)
	s := payments.Standing{Application: r.Application, Failed: r.Status == payment.Failed, Text: r.Reason}
	for _, m := range r.Payments {
		s.Payments = append(s.Payments, payments.Payment{Reference: m.Reference, Amount: m.Amount, Currency: m.Currency})
	}
	return s, err
}

func (p gatewayClient) notice(_ context.Context, header http.Header, body []byte) (api.PaymentNotice, error) {
	n, err := p.Verify(header, body)
	return api.PaymentNotice{
		Application: n.Application, Order: n.Order, Reference: n.Reference, Amount: n.Amount, Currency: n.Currency,
		Paid: n.Status == payment.Paid, Text: n.Reason,
	}, err
}

// feeKnown reports whether the table of the moment says what the request costs today.
func (p gatewayClient) feeKnown(service, request string) bool {
	_, err := p.Fee(service, request)
	return err == nil
}

// poll asks about open orders, once it is known which those are.
func (r *registry) poll(ctx context.Context) {
	if r.follower.CaughtUp(ctx, r.payments.Name()) == nil {
		r.poller.Run(ctx)
	}
}
