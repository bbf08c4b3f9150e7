package license

import (
	"fmt"
	"slices"

	"github.com/tizilim/tizilim/domain"
)

// Status is where a license stands.
type Status string

// The statuses. StatusExpired is never stored: it follows from the day one asks for.
const (
	StatusActive     Status = "active"
	StatusSuspended  Status = "suspended"
	StatusReissued   Status = "reissued"
	StatusTerminated Status = "terminated"
	StatusExpired    Status = "expired"
)

// State is a license as its events left it.
type State struct {
	Exists bool
	Issued
	Status     Status
	Sites      []Site // the present ones; hides Issued.Sites
	Copies     int
	Duplicates []string // applications that a copy was given out for
	Successor  string
	Suspension *Suspended // the latest one, while suspended
	End        *Terminated
	Version    uint64
}

// On is the status on a day, YYYY-MM-DD: an active or suspended license whose last day has passed
// has expired, and a suspension is over after its last day.
func (s State) On(day string) Status {
	switch {
	case s.Status != StatusActive && s.Status != StatusSuspended:
		return s.Status
	case s.ValidUntil != "" && day > s.ValidUntil:
		return StatusExpired
	case s.Suspension != nil && day >= s.Suspension.From && day <= s.Suspension.Until:
		return StatusSuspended
	}
	return StatusActive
}

// Fold puts a record into the state.
func Fold(s *State, rec domain.Record) error {
	p, err := Decode(rec.Event)
	if err != nil {
		return fmt.Errorf("%s at version %d: %w", rec.Stream, rec.Version, err)
	}
	s.Evolve(p)
	s.Version = rec.Version
	return nil
}

// Evolve puts an event into the state. It never refuses.
func (s *State) Evolve(p domain.Payload) {
	switch e := p.(type) {
	case Issued:
		s.Exists, s.Issued, s.Status, s.Sites = true, e, StatusActive, slices.Clone(e.Sites)
	case Reissued:
		s.Status, s.Successor, s.Suspension = StatusReissued, e.Successor, nil
	case Duplicated:
		s.Copies = e.Copy
		s.Duplicates = append(slices.Clone(s.Duplicates), e.Application)
	case Suspended:
		s.Status, s.Suspension = StatusSuspended, &e
	case Resumed:
		s.Status, s.Suspension = StatusActive, nil
	case Terminated:
		s.Status, s.End, s.Suspension = StatusTerminated, &e, nil
	case SiteAdded:
		s.Sites = append(slices.Clone(s.Sites), e.Site)
	case SiteRemoved:
		s.Sites = slices.DeleteFunc(slices.Clone(s.Sites), func(x Site) bool { return x.ID == e.ID })
	}
}
