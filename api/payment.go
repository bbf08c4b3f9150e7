package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
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
	if state.Order == nil {
		return nil, domain.Reject("payment-not-open", "nothing is to be paid now")
	}
	return &paymentReply{
		ETag: etag(state.Version), Position: positionText(s.cfg.Follower.Head()), Body: *wirePayment(state),
	}, nil
}

func wirePayment(s application.State) *v1.Payment {
	return &v1.Payment{
		Order: s.Order.Order, Amount: s.Order.Amount, Currency: s.Order.Currency, URL: s.Order.URL, Paid: s.Payment != nil,
	}
}

// paymentCallback takes the gateway's notice. The gateway repeats a notice until it is answered with
// success, so a notice that a rule refuses is answered with success too: repeating it does not help.
// Such a payment, of an application withdrawn meanwhile for instance, is for people to return, and
// the log tells them.
func (s *Server) paymentCallback(w http.ResponseWriter, r *http.Request) error {
	defer hurry(w, bodyTime)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return bodyError(err, maxBody)
	}
	notice, err := s.cfg.PaymentNotice(r.Context(), r.Header, body)
	switch {
	case errors.Is(err, domain.ErrForbidden):
		return fail("payment-notice-invalid", err)
	case errors.Is(err, domain.ErrInvalid):
		return fail("payment-notice-malformed", err)
	}
	if err != nil {
		return err
	}
	ctx := r.Context()
	var command application.Command = application.FailPayment{At: s.now(ctx), Order: notice.Order, Text: notice.Text}
	if notice.Paid {
		command = application.Pay{
			At: s.now(ctx), Order: notice.Order, Reference: notice.Reference, Amount: notice.Amount, Currency: notice.Currency,
		}
	}
	w.Header().Set("Content-Type", "application/json")
	reply, err := s.doAs(ctx, s.noticeMeta(ctx, notice), notice.Application, command)
	var rejection *domain.Rejection
	if errors.As(err, &rejection) {
		s.log.Warn("a payment notice does not apply", "application", notice.Application, "order", notice.Order,
			"paid", notice.Paid, "code", rejection.Code)
		return json.NewEncoder(w).Encode(v1.Noticed{Status: "not-applied", Code: rejection.Code})
	}
	if err != nil {
		return err
	}
	w.Header().Set(positionHeader, reply.Position)
	return json.NewEncoder(w).Encode(v1.Noticed{Status: "recorded"})
}

// noticeMeta makes the same command of the same notice, however often it comes.
func (s *Server) noticeMeta(ctx context.Context, n PaymentNotice) domain.Meta {
	id := fmt.Sprintf("payment\x00%s\x00%s\x00%t", n.Order, n.Reference, n.Paid)
	return domain.Meta{Command: uuid.NewSHA1(commandSpace, []byte(id)), Time: s.now(ctx), Actor: domain.System}
}
