// Package loss is what an operator declares of a log that is not all that was written. It stands in a stream of
// the registry itself, which is neither an application's nor a license's.
package loss

import (
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Stream is what befell the log.
var Stream = domain.Stream{Category: domain.RegistryCategory, ID: "log"}

// Accepted says that an operator went on with a log that is not all that was written: events at its end
// are gone, or the Merkle tree that would tell whether any are.
type Accepted struct {
	// Kept is how many events the log still had, and Root the root of the Merkle tree over them, in base64.
	Kept int64  `json:"kept"`
	Root string `json:"root"`
	// Had is how many events the tree knew of, and HadRoot its root over them. Where the tree itself is lost
	// they are left out.
	Had     int64  `json:"had,omitempty"`
	HadRoot string `json:"had_root,omitempty"`
	// Reason is what the operator gave as the cause.
	Reason string `json:"reason"`
}

// EventType implements domain.Payload.
func (Accepted) EventType() (string, int) { return "loss-accepted", 1 }

// Decode reads an event of a stream of the registry itself. Any other event there is ErrDamaged.
func Decode(e domain.Event) (domain.Payload, error) {
	if token, _ := (Accepted{}).EventType(); e.Type != token {
		return nil, fmt.Errorf("registry event %q: %w", e.Type, domain.ErrDamaged)
	}
	return domain.Decode[Accepted](e)
}
