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

// verdict judges a signature that had to wait, as of when it came. It is domain.ErrUnavailable while that still
// cannot be done.
func (r *Reactor) verdict(ctx context.Context, c signing.Claim) (signing.Verdict, error) {
	v, err := r.Verifier.Verify(ctx, c)
	if errors.Is(err, domain.ErrInvalid) { // whoever could not be asked until now says that it is no signature
		return signing.Verdict{Outcome: signing.Invalid, Reason: signing.Malformed}, nil
	}
	if err == nil && v.Outcome == signing.Pending {
		err = fmt.Errorf("signature: %s: %w", v.Reason, domain.ErrUnavailable)
	}
	return v, err
}

// judgment names what follows from the verdict by the event that brought the signature, so each is decided once,
// whoever comes back to it.
func judgment(received uint64) string { return "judge-" + strconv.FormatUint(received, 10) }

// judge judges the signature that waits under an application.
func (r *Reactor) judge(ctx context.Context, s application.State) (string, at[application.Command], error) {
	purpose := judgment(s.Pending.Version)
	v, err := r.verdict(ctx, s.Claim())
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

// judgeLicense judges the signature that waits under a license.
func (r *Reactor) judgeLicense(ctx context.Context, one wait) error {
	for {
		l, err := r.license(ctx, one.stream.ID)
		if err != nil || l.Pending == nil {
			return err
		}
		v, err := r.verdict(ctx, l.Claim())
		if err != nil {
			return fmt.Errorf("%s: %w", one.stream, err)
		}
		received := l.Pending.Version
		m := meta(l.Number, judgment(received), r.Now(), one.cause)
		m.Regulation, m.Actor = l.Act, l.Pending.By
		done, err := domain.Execute(ctx, r.Store, one.stream, m, license.Fold, func(l license.State) ([]domain.Payload, error) {
			return decideSignature(l, license.Judged(v, m.Time, received), license.RejectSignature{
				Reason: signing.NoLongerApplies, Evidence: v.Evidence, Pending: received,
			})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", one.stream, err)
		}
		r.wrote(done.Position)
	}
}

// decideSignature decides as the verdict says, and otherwise where the license refuses that: it can be signed no
// more, because it has ended for instance.
func decideSignature(l license.State, judged, otherwise license.Command) ([]domain.Payload, error) {
	events, err := license.Decide(l, judged)
	var rejection *domain.Rejection
	if errors.As(err, &rejection) {
		return license.Decide(l, otherwise)
	}
	return events, err
}
