package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/payments"
)

type paymentReply struct {
	ETag     string `header:"ETag"`
	Position string `header:"Tizilim-Position"`
	Body     v1.Payment
}

// payment answers with the order that is to be paid. The registry orders it from the gateway by
// itself as soon as the payment step is entered; here one learns where to pay. Only the gateway's own
// notice makes an application paid.
func (s *Server) payment(ctx context.Context, in *ByID) (*paymentReply, error) {
	state, err := s.loadForApplicant(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if state.Order == nil && state.Action == regulation.Pay {
		if s.cfg.FeeKnown != nil && !s.cfg.FeeKnown(state.Service, string(state.Request)) {
			return nil, domain.Reject("fee-unknown", "the table of fees has no fee for this request")
		}
		if s.seen(ctx, s.cfg.Follower.Head(), state.ID) {
			state, err = s.load(ctx, in.ID)
		}
		if err == nil && state.Order == nil {
			err = fmt.Errorf("the payment order is not there yet: %w", domain.ErrUnavailable)
		}
		if err != nil {
			return nil, err
		}
	}
	if state.Order == nil && !state.NothingDue {
		return nil, domain.Reject("payment-not-open", "nothing is to be paid now")
	}
	return &paymentReply{
		ETag: etag(state.Version), Position: positionText(s.cfg.Follower.Head()), Body: *wirePayment(state),
	}, nil
}

func wirePayment(s application.State) *v1.Payment {
	if s.Order == nil {
		return &v1.Payment{NotRequired: true}
	}
	p := &v1.Payment{
		Order: s.Order.Order, Amount: s.Order.Amount, Currency: s.Order.Currency, URL: s.Order.URL, Paid: s.Payment != nil,
		Expires: s.Order.Expires,
	}
	if s.Order.Fee != nil {
		fee := v1.Fee(*s.Order.Fee)
		p.Fee = &fee
	}
	return p
}

// paymentCallback takes the gateway's notice. The gateway repeats a notice until it is answered with
// success, so what repeating does not help is answered with success too. Money that does not pay the
// application is recorded on it all the same. Money for an application that there is not has no stream to
// be recorded in: the log and a figure tell people.
func (s *Server) paymentCallback(w http.ResponseWriter, r *http.Request) error {
	defer hurry(w, bodyTime)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return bodyError(err, maxBody)
	}
	notice, err := s.cfg.PaymentNotice(r.Context(), r.Header, body)
	if err != nil {
		s.cfg.Metrics.notices.WithLabelValues("refused").Inc()
	}
	switch {
	case errors.Is(err, domain.ErrForbidden):
		return fail("payment-notice-invalid", err)
	case errors.Is(err, domain.ErrInvalid):
		return fail("payment-notice-malformed", err)
	}
	if err != nil {
		return err
	}
	reply, err := s.noticed(r.Context(), notice, w.Header())
	if err != nil {
		return err
	}
	s.cfg.Metrics.notices.WithLabelValues(reply.Status).Inc()
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(reply)
}

// noticed records what the notice tells.
func (s *Server) noticed(ctx context.Context, n PaymentNotice, header http.Header) (v1.Noticed, error) {
	var command application.Command = application.FailPayment{At: s.now(ctx), Order: n.Order, Text: n.Text}
	if n.Paid {
		command = application.Pay{At: s.now(ctx), Order: n.Order, Reference: n.Reference, Amount: n.Amount, Currency: n.Currency}
	}
	if err := s.exists(ctx, n.Application); errors.Is(err, domain.ErrNotFound) {
		s.log.Error("a payment notice is about an application that there is not: the money is to be returned",
			"order", n.Order, "reference", n.Reference, "paid", n.Paid)
		return v1.Noticed{Status: "unknown-order"}, nil
	} else if err != nil {
		return v1.Noticed{}, err
	}
	meta := domain.Meta{Command: payments.NoticeID(n.Order, n.Reference, n.Paid), Time: s.now(ctx), Actor: domain.System}
	reply, err := s.doAs(ctx, meta, n.Application, command)
	var rejection *domain.Rejection
	switch {
	case errors.As(err, &rejection):
		s.log.Warn("a payment notice does not apply", "application", n.Application, "order", n.Order, "paid", n.Paid, "code", rejection.Code)
		return v1.Noticed{Status: "not-applied", Code: rejection.Code}, nil
	case err != nil:
		return v1.Noticed{}, err
	}
	header.Set(positionHeader, reply.Position)
	return v1.Noticed{Status: "recorded"}, nil
}

// exists is domain.ErrNotFound where there is no application with the id.
func (s *Server) exists(ctx context.Context, id string) error {
	stream, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrNotFound, err)
	}
	_, err = domain.Load(ctx, s.cfg.Store, stream, application.Fold)
	return err
}
