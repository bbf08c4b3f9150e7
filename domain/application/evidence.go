package application

import (
	"encoding/json"
	"iter"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// EvidenceOf are the signatures of an application's records that evidence is kept of, in order. What was
// signed follows from the events before.
func EvidenceOf(records iter.Seq2[domain.Record, error]) ([]signing.Evidence, error) {
	var all []signing.Evidence
	var s State
	for rec, err := range records {
		if err != nil {
			return nil, err
		}
		p, err := Decode(rec.Event)
		if err != nil {
			return nil, err
		}
		if purpose, document := evidence(p, s); len(document) > 0 {
			all = append(all, signing.Evidence{
				Event: rec.ID, Type: rec.Type, Time: rec.Time, Purpose: purpose, Signed: s.signedFor(purpose), Document: document,
			})
		}
		s.Evolve(p, rec)
	}
	return all, nil
}

// evidence is what the event keeps, and of which signature. s is the state before it.
func evidence(p domain.Payload, s State) (signing.Purpose, json.RawMessage) {
	switch e := p.(type) {
	case Signed:
		if s.Action == regulation.AttachAndSign {
			return signing.Entry, e.Evidence
		}
		return signing.Request, e.Evidence
	case SignatureDiscarded:
		return e.Purpose, e.Evidence
	case Approved:
		if e.Signature != nil {
			return signing.Decision, e.Signature.Evidence
		}
	case Refused:
		if e.Signature != nil {
			return signing.Decision, e.Signature.Evidence
		}
		return signing.Request, e.Evidence
	}
	return "", nil
}

// signedFor are the bytes that a signature of the purpose has to be over, nil where there are none.
func (s State) signedFor(p signing.Purpose) []byte {
	switch {
	case p != signing.Decision:
		return s.Content()
	case s.Draft != nil:
		return s.Draft.Content
	}
	return nil
}

// Claim is the claim of the signature that waits to be judged.
func (s State) Claim() signing.Claim {
	p := s.Pending
	return signing.Claim{Signed: s.signedFor(p.Purpose), CMS: p.CMS, Purpose: p.Purpose, Signer: p.Signer, Received: p.At}
}

// Judged is the command that a verdict on a signature over the application as it is calls for, where it is
// not Pending. pending is the version of the event that brought the signature, 0 where it did not have to
// wait; account is who gave it.
func Judged(purpose signing.Purpose, v signing.Verdict, at time.Time, pending uint64, account string, concerns *license.State) Command {
	switch {
	case v.Outcome != signing.Valid:
		return RejectSignature{At: at, Purpose: purpose, Reason: v.Reason, Evidence: v.Evidence, Pending: pending}
	case purpose == signing.Decision:
		return SignDecision{
			At: at, Subject: v.IIN, Signatory: v.Name, Serial: v.Serial, Digest: v.Digest, Method: v.Method,
			Evidence: v.Evidence, By: account, Concerns: concerns, Pending: pending,
		}
	}
	subject, person := v.IIN, ""
	if purpose == signing.Request && v.BIN != "" {
		subject, person = v.BIN, v.IIN
	}
	return Sign{
		At: at, Subject: subject, Person: person, Serial: v.Serial, Digest: v.Digest, Method: v.Method, Evidence: v.Evidence, Pending: pending,
	}
}
