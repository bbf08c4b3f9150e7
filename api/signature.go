package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
)

// content gives the exact bytes that a signature has to be over.
func (s *Server) content(w http.ResponseWriter, r *http.Request) error {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if state.Form == nil {
		return domain.Reject("form-required", "there is nothing to sign before the form is filed")
	}
	return s.toSign(w, state.Version, state.Content())
}

// toSign writes bytes that are to be signed.
func (s *Server) toSign(w http.ResponseWriter, version uint64, content []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", etag(version))
	w.Header().Set(positionHeader, positionText(s.cfg.Follower.Head()))
	_, err := w.Write(content)
	return err
}

type byIDSigning struct {
	ByID
	Body v1.Signing
}

// sign brings the applicant's signature, or in a service center the operator's.
func (s *Server) sign(ctx context.Context, in *byIDSigning) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c := visitOf(ctx).caller
	if err := c.mayEnter(state); err != nil {
		return nil, err
	}
	purpose, signer, ok := s.cfg.Rules().Signature(state, c.Identifier)
	if !ok { // the decision says what is amiss
		return s.do(ctx, state.ID, state.Act, application.Sign{At: s.now(ctx)})
	}
	return s.judge(ctx, state, signing.Claim{Signed: state.Content(), Purpose: purpose, Signer: signer}, in.Body.Signature)
}

// judge has the signature judged and gives the command that the verdict calls for. One that cannot be
// judged now is kept, and judged later by itself.
func (s *Server) judge(ctx context.Context, state application.State, c signing.Claim, text string) (*applicationReply, error) {
	verdict, c, err := s.verdict(ctx, c, text)
	if err != nil {
		return nil, err
	}
	account := visitOf(ctx).caller.Actor.ID
	if verdict.Outcome == signing.Pending {
		return s.do(ctx, state.ID, state.Act, application.ReceiveSignature{
			At: s.now(ctx), Purpose: c.Purpose, Signer: c.Signer, CMS: c.CMS, Reason: verdict.Reason, By: account,
		})
	}
	var concerns *license.State
	if c.Purpose == signing.Decision { // looked at after the verdict, which may take its time
		if concerns, err = s.concerns(ctx, state.License); err != nil {
			return nil, err
		}
	}
	return s.do(ctx, state.ID, state.Act, application.Judged(c.Purpose, verdict, s.now(ctx), 0, account, concerns))
}

// verdict reads the signature into the claim and has it judged.
func (s *Server) verdict(ctx context.Context, c signing.Claim, text string) (signing.Verdict, signing.Claim, error) {
	if c.Signer == (signing.Signer{}) || c.Purpose != signing.Request && c.Signer.IIN == "" {
		return signing.Verdict{}, c, fail("account-names-nobody", domain.ErrForbidden)
	}
	var err error
	if c.CMS, err = decodeSignature(text); err != nil {
		return signing.Verdict{}, c, fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	if len(c.CMS) > signing.MaxCMS {
		return signing.Verdict{}, c, fail("signature-too-large", errUnprocessable)
	}
	c.Received = s.now(ctx)
	verdict, err := s.cfg.Verifier.Verify(ctx, c)
	if errors.Is(err, domain.ErrInvalid) {
		return verdict, c, fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	return verdict, c, err
}

// decodeSignature reads standard or URL-safe base64, with or without padding and line breaks. PEM is a
// signature as it is.
func decodeSignature(text string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
		return []byte(text), nil
	}
	text = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(text)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// draftContent gives the exact bytes of the decision that the authorized person signs.
func (s *Server) draftContent(w http.ResponseWriter, r *http.Request) error {
	state, err := s.load(r.Context(), r.PathValue("id"))
	if err == nil {
		err = visitOf(r.Context()).caller.mayDecide(state)
	}
	if err != nil {
		return err
	}
	if state.Draft == nil {
		return domain.Reject("draft-required", "there is no draft of a decision to sign")
	}
	return s.toSign(w, state.Version, state.Draft.Content)
}

// signDecision brings the authorized person's signature over the draft, and with it decides. The license
// follows from an approval by itself.
func (s *Server) signDecision(ctx context.Context, in *byIDSigning) (*applicationReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	c := visitOf(ctx).caller
	if err := c.mayDecide(state); err != nil {
		return nil, err
	}
	if state.Draft == nil { // the decision says what is amiss
		return s.do(ctx, state.ID, state.Act, application.SignDecision{At: s.now(ctx)})
	}
	return s.judge(ctx, state, signing.Claim{
		Signed: state.Draft.Content, Purpose: signing.Decision, Signer: s.authorized(c),
	}, in.Body.Signature)
}

// authorized is the caller as their certificate has to name them where they sign for the licensor.
func (s *Server) authorized(c caller) signing.Signer {
	return signing.Signer{IIN: c.Identifier, BIN: s.cfg.Rules().Signing[c.Actor.Organization].BIN}
}

// wireSignature adds where the signatures stand. What a decision is to be is the licensor's own until it is
// signed.
func (s *Server) wireSignature(v *visit, state application.State, a *v1.Application) {
	if f := state.Refusal; f != nil && f.Reason != "" {
		a.Refusal.Reason, a.Refusal.ReasonText = string(f.Reason), s.reasonText(v, f.Reason)
	}
	inside := v.caller.inside()
	shown := func(p signing.Purpose) bool { return inside || p != signing.Decision }
	switch p, d := state.Pending, state.Discarded; {
	case p != nil && shown(p.Purpose):
		a.Signature = s.waitingSignature(v, "pending", p.Purpose, p.Reason, p.At)
	case d != nil && shown(d.Purpose):
		a.Signature = s.waitingSignature(v, "discarded", d.Purpose, d.Reason, d.At)
	}
	if d := state.Draft; d != nil && inside {
		a.Draft = &v1.Draft{Decision: v1.Decision{
			Decision: d.Decision.Decision, Order: d.Order, ValidUntil: d.ValidUntil, Holder: d.Holder, Ground: string(d.Ground), Text: d.Text,
		}, By: d.By.ID, At: d.At}
	}
}

// waitingSignature shows where a signature stands that had to wait.
func (s *Server) waitingSignature(v *visit, status string, p signing.Purpose, r signing.Reason, at time.Time) *v1.Signature {
	return &v1.Signature{Status: status, Purpose: string(p), Reason: string(r), Text: s.reasonText(v, r), At: at}
}

func (s *Server) reasonText(v *visit, r signing.Reason) string {
	return s.texts.Text(v.lang, "signature-reason."+string(r))
}
