package license

import (
	"encoding/json"
	"fmt"
	"iter"

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

func (s State) sign(c Sign) ([]domain.Payload, error) {
	switch {
	case s.Signed != nil && s.Signed.Digest == c.Signed.Digest && s.Signed.Subject == c.Signed.Subject:
		return nil, nil
	case s.Signed != nil:
		return nil, domain.Reject("license-signed-already", "the license was signed by another person")
	case s.Successor != "" || s.End != nil:
		return nil, notActive(s.Status)
	case c.Signed.Digest != signing.Digest(s.Content()):
		return nil, domain.Reject("signed-other-content", "the signature is over other bytes than the license")
	}
	c.Signed.On = string(calendar.DayOf(c.At))
	return []domain.Payload{c.Signed}, nil
}

// EvidenceOf is the signature of a license's records that evidence is kept of, if there is one.
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
		if e, ok := p.(Signed); ok && len(e.Evidence) > 0 {
			all = append(all, signing.Evidence{
				Event: rec.ID, Type: rec.Type, Time: rec.Time, Purpose: signing.Decision, Signed: s.Content(), Document: e.Evidence,
			})
		}
		s.Evolve(p)
	}
	return all, nil
}
