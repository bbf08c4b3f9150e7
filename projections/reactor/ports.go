package reactor

import "context"

// StateRegisters are the state databases of persons and organizations behind the e-government gateway.
type StateRegisters interface {
	// Find asks for a person by IIN or an organization by BIN. A register that has no such data says
	// so with Found false; one that does not answer is domain.ErrUnavailable, never an absence.
	Find(ctx context.Context, id string) (Person, error)
}

// Person is what the state registers know of somebody.
type Person struct {
	Found   bool
	Name    string
	Address string
	Source  string // which register answered
	// Reference is the register's own number of the answer, empty where it gives none, and Text the
	// answer as it came: the event keeps both.
	Reference string
	Text      string
}
