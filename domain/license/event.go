package license

import (
	"encoding/json"
	"fmt"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Licensee is who holds a license.
type Licensee struct {
	ID      string `json:"id"` // IIN or BIN, 12 digits
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
}

// Site is a branch, object or point at which the activity is carried out.
type Site struct {
	ID      string `json:"id"`   // unique within the license
	Kind    string `json:"kind"` // "branch", "object" or "point"
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Issued is the first event of every license and permit, a reissued one's too: then Predecessor and
// Reason are set and FirstIssuedOn is the predecessor's.
type Issued struct {
	Number        string          `json:"number"`
	Kind          string          `json:"kind"` // "license" or "permit"
	Service       string          `json:"service"`
	Act           string          `json:"act"`
	Activity      regulation.Text `json:"activity"`
	Subactivities []string        `json:"subactivities,omitempty"`
	Licensor      string          `json:"licensor"` // slug
	LicensorTitle regulation.Text `json:"licensor_title"`
	Licensee      Licensee        `json:"licensee"`
	Sites         []Site          `json:"sites,omitempty"`
	IssuedOn      string          `json:"issued_on"` // YYYY-MM-DD in the licensor's time
	FirstIssuedOn string          `json:"first_issued_on"`
	ValidUntil    string          `json:"valid_until,omitempty"` // last day; empty for no end
	Application   string          `json:"application"`
	Order         string          `json:"order,omitempty"`
	Signatory     string          `json:"signatory"`
	Predecessor   string          `json:"predecessor,omitempty"`
	Reason        string          `json:"reason,omitempty"`
}

// Reissued ends a license in favor of its successor, from day On, the successor's day of issue.
type Reissued struct {
	Successor   string `json:"successor"`
	On          string `json:"on"` // YYYY-MM-DD
	Reason      string `json:"reason"`
	Application string `json:"application"`
}

// Duplicated: a further copy of the license was given out. Copy counts from 1.
type Duplicated struct {
	Copy        int    `json:"copy"`
	Application string `json:"application"`
}

// Suspended: the license does not permit the activity from day From to day Until, both included.
type Suspended struct {
	From   string `json:"from"`  // YYYY-MM-DD
	Until  string `json:"until"` // YYYY-MM-DD
	Reason string `json:"reason"`
	Order  string `json:"order,omitempty"`
}

// Resumed ends a suspension.
type Resumed struct {
	On     string `json:"on"` // YYYY-MM-DD
	Reason string `json:"reason,omitempty"`
	Order  string `json:"order,omitempty"`
}

// Signed: the authorized person of the licensor signed the license as it was issued.
type Signed struct {
	On        string          `json:"on"`      // YYYY-MM-DD
	Subject   string          `json:"subject"` // IIN of the certificate
	Signatory string          `json:"signatory"`
	Serial    string          `json:"serial"`
	Digest    string          `json:"digest"` // SHA-256 of the signed bytes, hex
	Method    string          `json:"method"`
	Evidence  json.RawMessage `json:"evidence,omitempty"`
}

// SignatureReceived: there is a signature that cannot be judged yet, because somebody who has to be asked
// does not answer. Who signed is not known before that.
type SignatureReceived struct {
	Signer signing.Signer `json:"signer,omitzero"` // whose it has to be
	CMS    []byte         `json:"cms"`
	SHA256 string         `json:"sha256"` // of the CMS
	Reason signing.Reason `json:"reason"`
}

// SignatureDiscarded: a signature that had to wait is not accepted, and another may be given.
type SignatureDiscarded struct {
	SHA256   string          `json:"sha256"` // of the CMS
	Reason   signing.Reason  `json:"reason"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// Terminated ends the license for good.
type Terminated struct {
	On     string            `json:"on"` // YYYY-MM-DD
	Ground TerminationGround `json:"ground"`
	Text   string            `json:"text,omitempty"`
	Order  string            `json:"order,omitempty"`
}

// SiteAdded and SiteRemoved change where the activity is carried out.
type SiteAdded struct {
	Site Site `json:"site"`
}

// SiteRemoved takes a site off the license.
type SiteRemoved struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// TerminationGround is why a license ended.
type TerminationGround string

// The grounds of termination.
const (
	Expired    TerminationGround = "expired"     // its term ran out
	Performed  TerminationGround = "performed"   // the act it permitted was done
	Revoked    TerminationGround = "revoked"     // a court revoked it
	Liquidated TerminationGround = "liquidated"  // the licensee was liquidated, or died
	OwnRequest TerminationGround = "own-request" // the licensee asked for it
	LawChanged TerminationGround = "law-changed" // the activity needs no license any more
)

func (Issued) EventType() (string, int)             { return "license-issued", 1 }
func (Reissued) EventType() (string, int)           { return "license-reissued", 1 }
func (Duplicated) EventType() (string, int)         { return "license-duplicated", 1 }
func (Suspended) EventType() (string, int)          { return "license-suspended", 1 }
func (Resumed) EventType() (string, int)            { return "license-resumed", 1 }
func (Signed) EventType() (string, int)             { return "license-signed", 1 }
func (SignatureReceived) EventType() (string, int)  { return "license-signature-received", 1 }
func (SignatureDiscarded) EventType() (string, int) { return "license-signature-discarded", 1 }
func (Terminated) EventType() (string, int)         { return "license-terminated", 1 }
func (SiteAdded) EventType() (string, int)          { return "site-added", 1 }
func (SiteRemoved) EventType() (string, int)        { return "site-removed", 1 }

// Decode makes today's payload of a stored event. An event of a type or schema that was never
// written is ErrDamaged.
func Decode(e domain.Event) (domain.Payload, error) {
	switch e.Type {
	case "license-issued":
		return domain.Decode[Issued](e)
	case "license-reissued":
		return domain.Decode[Reissued](e)
	case "license-duplicated":
		return domain.Decode[Duplicated](e)
	case "license-suspended":
		return domain.Decode[Suspended](e)
	case "license-resumed":
		return domain.Decode[Resumed](e)
	case "license-signed":
		return domain.Decode[Signed](e)
	case "license-signature-received":
		return domain.Decode[SignatureReceived](e)
	case "license-signature-discarded":
		return domain.Decode[SignatureDiscarded](e)
	case "license-terminated":
		return domain.Decode[Terminated](e)
	case "site-added":
		return domain.Decode[SiteAdded](e)
	case "site-removed":
		return domain.Decode[SiteRemoved](e)
	}
	return nil, fmt.Errorf("license event %q: %w", e.Type, domain.ErrDamaged)
}
