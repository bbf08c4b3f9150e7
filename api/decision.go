package api

import (
	"context"
	"strings"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
)

// register gives a request its registration number, in the channels where an officer does that.
func (s *Server) register(ctx context.Context, in *ByID) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	command := application.Register{At: s.now(ctx), Number: state.Number}
	if state.Number == "" {
		// Decided on once without a number, so that a request that cannot be registered takes none.
		if _, err := s.cfg.Rules().Decide(state, command); err != nil {
			return nil, err
		}
		if command.Number, err = s.cfg.Reactor.Numbering.Application(ctx, state.ID); err != nil {
			return nil, err
		}
	}
	return s.do(ctx, state.ID, state.Act, command)
}

type byIDDecision struct {
	ByID
	Body v1.Decision
}

// decide drafts the licensor's decision. It is made by the authorized person's signature.
func (s *Server) decide(ctx context.Context, in *byIDDecision) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c, b := visitOf(ctx).caller, in.Body
	if err := c.mayDecide(state); err != nil {
		return nil, err
	}
	if b.Holder != "" {
		holder, err := ident.Parse(b.Holder)
		if err != nil {
			return nil, at("body.holder", err)
		}
		b.Holder = holder.String()
	}
	if err := coherent(b); err != nil {
		return nil, err
	}
	concerns, err := s.concerns(ctx, state.License)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, application.Draft{
		At: s.now(ctx), Concerns: concerns, Drafter: c.Identifier, Decision: application.Decision{
			Decision: b.Decision, Order: b.Order, ValidUntil: b.ValidUntil, Holder: b.Holder, PaymentProof: b.PaymentProof, Ground: application.Ground(b.Ground), Text: b.Text,
		},
	})
}

// coherent refuses a decision that says more than one thing: what belongs to a refusal in an approval, and
// the other way round. Which of the two was meant is not for the registry to guess.
func coherent(b v1.Decision) error {
	foreign := []struct{ name, value string }{{"ground", b.Ground}, {"text", b.Text}}
	if b.Decision == application.Refuse {
		foreign = []struct{ name, value string }{{"order", b.Order}, {"valid_until", b.ValidUntil}, {"holder", b.Holder}, {"payment_proof", b.PaymentProof}}
		if b.Ground == "" {
			return unfit("ground-unknown", field{"body.ground", "field.one-of", []string{"value", strings.Join(tokens(application.Grounds), ", ")}})
		}
	}
	var wrong []field
	for _, f := range foreign {
		if f.value != "" {
			wrong = append(wrong, field{location: "body." + f.name, key: "field.not-with-" + b.Decision})
		}
	}
	if wrong != nil {
		return unfit("decision-contradictory", wrong...)
	}
	return nil
}
