package license

import (
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/signing"
)

// Content is what the authorized person signs: the license as it was issued, as canonical JSON, the same
// bytes for ever. What befell it since is not in it.
func (s State) Content() []byte {
	content, err := json.Marshal(s.Issued)
	if err != nil {
		panic(fmt.Sprintf("license content: %v", err)) // strings always encode
	}
	return content
}

// Pending is a signature that waits to be judged. All but why is there only where the license was loaded from
// its records.
type Pending struct {
	SignatureReceived
	By      domain.Actor
	At      time.Time // when the registry got it
	Version uint64    // of the event that brought it
}

// Discarded is a signature that had to wait and was not accepted, until another one comes.
type Discarded struct {
	Reason signing.Reason
	At     time.Time
}

// Claim is the claim of the signature that waits to be judged.
func (s State) Claim() signing.Claim {
	p := s.Pending
	return signing.Claim{Signed: s.Content(), CMS: p.CMS, Purpose: signing.Decision, Signer: p.Signer, Received: p.At}
}

// Judged is the command that a verdict on a signature over the license calls for, where it is not Pending.
// pending is the version of the event that brought the signature, 0 where it did not have to wait.
func Judged(v signing.Verdict, at time.Time, pending uint64) Command {
	if v.Outcome != signing.Valid {
		return RejectSignature{Reason: v.Reason, Evidence: v.Evidence, Pending: pending}
	}
	return Sign{At: at, Pending: pending, Signed: Signed{
		Subject: v.IIN, Signatory: v.Name, Serial: v.Serial, Digest: v.Digest, Method: v.Method, Evidence: v.Evidence,
	}}
}

// stale reports whether a signature that had to wait waits no more.
func (s State) stale(pending uint64) bool {
	return pending != 0 && (s.Pending == nil || s.Pending.Version != pending)
}

func (s State) sign(c Sign) ([]domain.Payload, error) {
	if s.stale(c.Pending) || s.Signed != nil && s.Signed.Digest == c.Signed.Digest && s.Signed.Subject == c.Signed.Subject {
		return nil, nil
	}
	if err := s.checkSignable(); err != nil {
		return nil, err
	}
	if c.Signed.Digest != signing.Digest(s.Content()) {
		return nil, domain.Reject("signed-other-content", "the signature is over other bytes than the license")
	}
	c.Signed.On = string(calendar.DayOf(c.At))
	return []domain.Payload{c.Signed}, nil
}

func (s State) rejectSignature(c RejectSignature) ([]domain.Payload, error) {
	switch {
	case s.stale(c.Pending):
		return nil, nil
	case c.Pending == 0:
		return nil, c.Reason.Reject()
	}
	return []domain.Payload{SignatureDiscarded{SHA256: s.Pending.SHA256, Reason: c.Reason, Evidence: c.Evidence}}, nil
}

func (s State) receiveSignature(c ReceiveSignature) ([]domain.Payload, error) {
	sum := signing.Digest(c.CMS)
	if s.Pending != nil && s.Pending.SHA256 == sum && s.Pending.Signer == c.Signer {
		return nil, nil
	}
	if err := s.checkSignable(); err != nil {
		return nil, err
	}
	if len(c.CMS) > signing.MaxCMS {
		return nil, domain.Reject("signature-too-large", "sign without the content inside")
	}
	return []domain.Payload{SignatureReceived{Signer: c.Signer, CMS: c.CMS, SHA256: sum, Reason: c.Reason}}, nil
}

// checkSignable refuses a signature under a license that has one or has ended.
func (s State) checkSignable() error {
	switch {
	case s.Signed != nil:
		return domain.Reject("license-signed-already", "the license was signed")
	case s.Successor != "" || s.End != nil:
		return notActive(s.Status)
	}
	return nil
}

// EvidenceOf are the signatures of a license's records that evidence is kept of, in order.
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
		if document := evidence(p); len(document) > 0 {
			all = append(all, signing.Evidence{
				Event: rec.ID, Type: rec.Type, Time: rec.Time, Purpose: signing.Decision, Signed: s.Content(), Document: document,
			})
		}
		s.Evolve(p)
	}
	return all, nil
}

// evidence is what the event keeps.
func evidence(p domain.Payload) json.RawMessage {
	switch e := p.(type) {
	case Signed:
		return e.Evidence
	case SignatureDiscarded:
		return e.Evidence
	}
	return nil
}
