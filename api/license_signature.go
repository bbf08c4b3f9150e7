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

// signLicense brings the authorized person's signature. One that cannot be judged now is refused for the
// time being, and is given again: nothing waits for it.
func (s *Server) signLicense(ctx context.Context, in *byNumberSigning) (*licenseReply, error) {
	l, err := s.changeable(ctx, in.ByNumber)
	if err != nil {
		return nil, err
	}
	c := visitOf(ctx).caller
	v, _, err := s.verdict(ctx, signing.Claim{Signed: l.Content(), Purpose: signing.Decision, Signer: s.authorized(c)}, in.Body.Signature)
	switch {
	case err != nil:
		return nil, err
	case v.Outcome == signing.Pending:
		return nil, domain.Reject("signature-waits", "the signature cannot be verified now", "signature", string(v.Reason))
	case v.Outcome != signing.Valid:
		return nil, v.Reason.Reject()
	}
	return s.change(ctx, in.ByNumber, license.Sign{At: s.now(ctx), Signed: license.Signed{
		Subject: v.IIN, Signatory: v.Name, Serial: v.Serial, Digest: v.Digest, Method: v.Method, Evidence: v.Evidence,
	}})
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
	return s.replyEvidence(found), nil
}
