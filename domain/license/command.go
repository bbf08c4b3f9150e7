package license

import (
	"encoding/json"
	"time"

	"github.com/tizilim/tizilim/domain/signing"
)

// Command is one of the structs below: something somebody wants of a license. At is the time
// at which it is decided; days are in the licensor's time, YYYY-MM-DD.
type Command interface{ command() }

// Issue makes the license. Predecessor is the license it takes the place of, nil where there is none:
// what lies ahead of that one, a suspension or the end, lies ahead of this one too.
type Issue struct {
	At          time.Time
	Issued      Issued
	Predecessor *State
}

// EndAsReissued ends the license in favor of its successor.
type EndAsReissued struct {
	At          time.Time
	On          string
	Successor   string
	Reason      string
	Application string
}

// Duplicate gives out a further copy.
type Duplicate struct {
	At          time.Time
	Application string
}

// Suspend stops the license from From to Until.
type Suspend struct {
	At     time.Time
	From   string
	Until  string
	Reason string
	Order  string
}

// Resume ends the suspension.
type Resume struct {
	At     time.Time
	On     string
	Reason string
	Order  string
}

// Terminate ends the license for good.
type Terminate struct {
	At     time.Time
	On     string
	Ground TerminationGround
	Text   string
	Order  string
}

// Sign brings the authorized person's verified signature over State.Content.
type Sign struct {
	At     time.Time
	Signed Signed // without its day
	// Pending is the version of the event that brought the signature, where it had to wait; 0 where it did
	// not. Meanwhile another may have taken its place.
	Pending uint64
}

// RejectSignature tells that a signature is not accepted.
type RejectSignature struct {
	Reason   signing.Reason
	Evidence json.RawMessage
	Pending  uint64 // as in Sign
}

// ReceiveSignature brings a signature that cannot be judged yet.
type ReceiveSignature struct {
	Signer signing.Signer // whose it has to be
	CMS    []byte
	Reason signing.Reason // why it has to wait
}

// AddSite puts a site on the license; RemoveSite takes it off.
type AddSite struct {
	At   time.Time
	Site Site
}

// RemoveSite takes a site off the license.
type RemoveSite struct {
	At     time.Time
	ID     string
	Reason string
}

func (Issue) command()            {}
func (EndAsReissued) command()    {}
func (Duplicate) command()        {}
func (Suspend) command()          {}
func (Resume) command()           {}
func (Terminate) command()        {}
func (Sign) command()             {}
func (RejectSignature) command()  {}
func (ReceiveSignature) command() {}
func (AddSite) command()          {}
func (RemoveSite) command()       {}
