package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections/licenses"
)

// licenseContent gives the exact bytes of the license that the authorized person signs.
func (s *Server) licenseContent(w http.ResponseWriter, r *http.Request) error {
	l, err := s.changeable(r.Context(), ByNumber{r.PathValue("number")})
	if err != nil {
		return err
	}
	return s.toSign(w, l.Version, l.Content())
}

type byNumberSigning struct {
	ByNumber
	Body v1.Signing
}

// signLicense brings the authorized person's signature. One that cannot be judged now is kept, and judged later
// by itself.
func (s *Server) signLicense(ctx context.Context, in *byNumberSigning) (*licenseReply, error) {
	l, err := s.changeable(ctx, in.ByNumber)
	if err != nil {
		return nil, err
	}
	signer := s.authorized(visitOf(ctx).caller)
	v, c, err := s.verdict(ctx, signing.Claim{Signed: l.Content(), Purpose: signing.Decision, Signer: signer}, in.Body.Signature)
	switch {
	case err != nil:
		return nil, err
	case v.Outcome == signing.Pending:
		reply, err := s.change(ctx, in.ByNumber, license.ReceiveSignature{Signer: signer, CMS: c.CMS, Reason: v.Reason})
		if err == nil {
			reply.Status = http.StatusAccepted
		}
		return reply, err
	}
	return s.change(ctx, in.ByNumber, license.Judged(v, s.now(ctx), 0))
}

// wireWaiting shows those who work for the licensor, or supervise it, where a signature stands that had to wait.
func (s *Server) wireWaiting(v *visit, l license.State) *v1.Signature {
	if !v.caller.knows(l.Licensor, l.Licensee.ID) || !v.caller.inside() {
		return nil
	}
	switch p, d := l.Pending, l.Discarded; {
	case p != nil:
		return s.waitingSignature(v, "pending", signing.Decision, p.Reason, p.At)
	case d != nil:
		return s.waitingSignature(v, "discarded", signing.Decision, d.Reason, d.At)
	}
	return nil
}

// licenseEvidence gives the signature with what was signed and what the verdict rests on.
func (s *Server) licenseEvidence(ctx context.Context, in *ByNumber) (*evidenceReply, error) {
	number, err := in.number()
	if err != nil {
		return nil, err
	}
	l, err := s.loadLicense(ctx, number)
	if err == nil && !visitOf(ctx).caller.knows(l.Licensor, l.Licensee.ID) {
		err = fmt.Errorf("license %s: out of sight: %w", number, domain.ErrNotFound)
	}
	if err == nil {
		err = s.accessedLicenses(ctx, licenses.License{State: l})
	}
	if err != nil {
		return nil, err
	}
	found, err := license.EvidenceOf(s.cfg.Store.Read(ctx, domain.Stream{Category: domain.LicenseCategory, ID: number}, 1))
	if err != nil {
		return nil, fmt.Errorf("evidence of license %s: %w", number, err)
	}
	return s.replyEvidence(visitOf(ctx).caller.shown(found)), nil
}
