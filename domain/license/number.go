package license

import (
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Assigned is an event of a series of numbers (category "numbers"): the event's version in the stream
// is the number, so a series has neither gaps nor repeats by construction, whoever writes.
type Assigned struct {
	// For is what the number was assigned to: the id of an application.
	For string `json:"for"`
	// Number is the number as it is printed.
	Number string `json:"number"`
}

func (Assigned) EventType() (string, int) { return "number-assigned", 1 }

// DecodeAssigned reads an event of a numbers stream. Any other event there is ErrDamaged.
func DecodeAssigned(e domain.Event) (Assigned, error) {
	if token, _ := (Assigned{}).EventType(); e.Type != token {
		return Assigned{}, fmt.Errorf("numbers event %q: %w", e.Type, domain.ErrDamaged)
	}
	p, err := domain.Decode[Assigned](e)
	if err != nil {
		return Assigned{}, err
	}
	return p.(Assigned), nil
}
