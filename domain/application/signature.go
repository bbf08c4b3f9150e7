package application

import (
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Signing is what holds for the signatures of a licensor's or service center's people.
type Signing struct {
	BIN string // that their certificates have to name; any organization's where empty
	// FourEyes wants another person to sign a decision than the one who drafted it.
	FourEyes bool
}

// Signature says which signature the application waits for, and whose it has to be: the applicant's own, or
// the operator's, whose IIN is given. ok is false where it waits for neither.
func (r Rules) Signature(s State, iin string) (purpose signing.Purpose, whose signing.Signer, ok bool) {
	switch s.Action {
	case regulation.ChooseCertificate:
		return signing.Request, s.Applicant.signer(), s.Form != nil
	case regulation.AttachAndSign:
		return signing.Entry, signing.Signer{IIN: iin, BIN: r.Signing[s.OpenedFor].BIN}, s.Form != nil
	}
	return "", signing.Signer{}, false
}

// signer is the applicant as their certificate names them.
func (a Applicant) signer() signing.Signer {
	if id, err := ident.Parse(a.ID); err == nil && id.Kind() == ident.BIN {
		return signing.Signer{BIN: a.ID}
	}
	return signing.Signer{IIN: a.ID}
}

// stale reports whether a signature that had to wait waits no more: another took its place, or the
// application has gone on.
func (s State) stale(pending uint64) bool {
	return pending != 0 && (s.Pending == nil || s.Pending.Version != pending)
}

func (w way) sign(s State, c Sign) ([]domain.Payload, error) {
	if s.stale(c.Pending) || s.Signature != nil && s.Signature.Digest == c.Digest && s.Signature.Subject == c.Subject {
		return nil, nil
	}
	if err := w.expect(regulation.ChooseCertificate, regulation.AttachAndSign); err != nil {
		return nil, err
	}
	if s.Form == nil {
		return nil, domain.Reject("form-required", "file the form before signing it")
	}
	if c.Digest != s.ContentDigest() {
		return nil, domain.Reject("signed-other-content", "the signature is over other bytes than the application's content")
	}
	signed := Signed{Subject: c.Subject, Person: c.Person, Digest: c.Digest, Method: c.Method, Serial: c.Serial, Evidence: c.Evidence}
	var err error
	if w.in(regulation.AttachAndSign) { // in a service center the operator certifies what the operator entered
		signed.Progress, err = w.advance(c.At, regulation.Always)
		return []domain.Payload{signed}, err
	}
	// Condition 3 of the acts: the IIN or BIN of the certificate must be the request's.
	if c.Subject != s.Applicant.ID {
		reason := signing.IINMismatch
		if s.Applicant.signer().BIN != "" {
			reason = signing.BINMismatch
		}
		return w.rejectSignature(s, RejectSignature{At: c.At, Purpose: signing.Request, Reason: reason, Evidence: c.Evidence, Pending: c.Pending})
	}
	accepted, err := w.advance(c.At, regulation.Valid)
	if err != nil {
		return nil, err
	}
	signer := w
	signer.step = w.proc.Step(accepted.Enters.Step)
	signed.Progress, err = signer.advance(c.At, regulation.Always)
	return []domain.Payload{
		CertificateAccepted{Progress: accepted, Subject: c.Subject, Serial: c.Serial, Method: c.Method}, signed,
	}, err
}

// rejectSignature refuses the application where something speaks against the applicant's certificate. In a
// service center, and under a decision, the acts have no refusal: there it is signed again.
func (w way) rejectSignature(s State, c RejectSignature) ([]domain.Payload, error) {
	if s.stale(c.Pending) || s.Refusal != nil && s.Refusal.Stage == AtSignature {
		return nil, nil
	}
	if err := w.expect(signedIn(c.Purpose)...); err != nil {
		return nil, err
	}
	if c.Purpose == signing.Request && c.Reason.Against() {
		progress, err := w.advance(c.At, regulation.Invalid, regulation.RefuseSignature)
		return []domain.Payload{Refused{
			Progress: progress, Stage: AtSignature, Ground: SignatureInvalid, Reason: c.Reason, Evidence: c.Evidence,
		}}, err
	}
	if c.Pending == 0 {
		return nil, c.Reason.Reject()
	}
	return []domain.Payload{SignatureDiscarded{Purpose: c.Purpose, SHA256: s.Pending.SHA256, Reason: c.Reason, Evidence: c.Evidence}}, nil
}

func (w way) receiveSignature(s State, c ReceiveSignature) ([]domain.Payload, error) {
	sum := signing.Digest(c.CMS)
	if s.Pending != nil && s.Pending.SHA256 == sum && s.Pending.Purpose == c.Purpose && s.Pending.By.ID == c.By {
		return nil, nil
	}
	if err := w.expect(signedIn(c.Purpose)...); err != nil {
		return nil, err
	}
	switch {
	case len(c.CMS) > signing.MaxCMS:
		return nil, domain.Reject("signature-too-large", "sign without the content inside")
	case c.Purpose != signing.Decision && s.Form == nil:
		return nil, domain.Reject("form-required", "file the form before signing it")
	case c.Purpose == signing.Decision:
		if err := w.maySign(s, c.By, c.Signer.IIN); err != nil {
			return nil, err
		}
	}
	return []domain.Payload{SignatureReceived{Purpose: c.Purpose, Signer: c.Signer, CMS: c.CMS, SHA256: sum, Reason: c.Reason}}, nil
}

// signedIn are the actions in which a signature of the purpose is given.
func signedIn(p signing.Purpose) []regulation.Action {
	switch p {
	case signing.Entry:
		return []regulation.Action{regulation.AttachAndSign}
	case signing.Decision:
		return []regulation.Action{regulation.IssueResult, regulation.IssueOrRefuse}
	}
	return []regulation.Action{regulation.ChooseCertificate}
}
