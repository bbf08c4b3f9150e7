package api

import (
	"context"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
)

// register gives a request its registration number, in the channels where an officer does that.
func (s *Server) register(ctx context.Context, in *ByID) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	command := application.Register{At: s.cfg.Now(), Number: state.Number}
	if state.Number == "" {
		// Decided on once without a number, so that a request that cannot be registered takes none.
		if _, err := s.cfg.Rules.Decide(state, command); err != nil {
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

// decide records the licensor's decision. The license follows from an approval by itself.
func (s *Server) decide(ctx context.Context, in *byIDDecision) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c, b := visitOf(ctx).caller, in.Body
	if err := c.mayDecide(state); err != nil {
		return nil, err
	}
	if b.Signatory == "" {
		b.Signatory = c.Actor.Name
	}
	if b.Decision == "refuse" {
		return s.do(ctx, state.ID, state.Act, application.Refuse{
			At: s.cfg.Now(), Ground: application.Ground(b.Ground), Text: b.Text, Signatory: b.Signatory,
		})
	}
	concerns, err := s.concerns(ctx, state.License)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, state.ID, state.Act, application.Approve{
		At: s.cfg.Now(), Concerns: concerns, Order: b.Order, ValidUntil: b.ValidUntil, Signatory: b.Signatory, Holder: b.Holder,
	})
}
