package reactor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
)

// judge judges the signature that waits, as of when it came. It is domain.ErrUnavailable while that still
// cannot be done. The command that follows is named by the event that brought the signature, so each is
// decided once, whoever comes back to it.
func (r *Reactor) judge(ctx context.Context, s application.State) (string, at[application.Command], error) {
	purpose := "judge-" + strconv.FormatUint(s.Pending.Version, 10)
	v, err := r.Verifier.Verify(ctx, s.Claim())
	if errors.Is(err, domain.ErrInvalid) { // whoever could not be asked until now says that it is no signature
		v, err = signing.Verdict{Outcome: signing.Invalid, Reason: signing.Malformed}, nil
	}
	if err == nil && v.Outcome == signing.Pending {
		err = fmt.Errorf("signature: %s: %w", v.Reason, domain.ErrUnavailable)
	}
	if err != nil {
		return purpose, nil, err
	}
	concerns, err := r.concerns(ctx, s)
	if err != nil {
		return purpose, nil, err
	}
	return purpose, func(t time.Time) application.Command { return r.judged(s, v, t, concerns) }, nil
}

// concerns is the license that a decision is about, nil where it is about none.
func (r *Reactor) concerns(ctx context.Context, s application.State) (*license.State, error) {
	if s.License == "" || s.Pending.Purpose != signing.Decision {
		return nil, nil
	}
	l, err := r.license(ctx, s.License)
	if errors.Is(err, domain.ErrNotFound) {
		return nil, nil
	}
	return &l, err
}

// judged is the command that the verdict calls for. A decision that can no longer be made as it was signed,
// because its license has ended for instance, is for the licensor to draft anew.
func (r *Reactor) judged(s application.State, v signing.Verdict, t time.Time, concerns *license.State) application.Command {
	c := application.Judged(s.Pending.Purpose, v, t, s.Pending.Version, s.Pending.By.ID, concerns)
	var rejection *domain.Rejection
	if _, err := r.Rules().Decide(s, c); errors.As(err, &rejection) {
		return application.RejectSignature{
			At: t, Purpose: s.Pending.Purpose, Reason: signing.NoLongerApplies, Evidence: v.Evidence, Pending: s.Pending.Version,
		}
	}
	return c
}
