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

// Statuses are all statuses, in the order in which people are shown them.
var Statuses = []Status{StatusActive, StatusSuspended, StatusReissued, StatusTerminated, StatusExpired}

// State is a license as its events left it.
type State struct {
	Exists bool
	Issued
	Status     Status // as the events say; On is the status on a day
	Sites      []Site // the present ones; hides Issued.Sites
	Copies     int
	Duplicates []string   // applications that a copy was given out for
	Signed     *Signed    // by the authorized person, without its evidence, which stays in the log
	Pending    *Pending   `json:",omitempty"` // a signature that cannot be judged yet
	Discarded  *Discarded `json:",omitempty"`
	Successor  string
	ReissuedOn string     // the day from which the successor has taken its place
	Suspension *Suspended // the latest one
	Resumption *Resumed   // what ended it early, if anything
	Earlier    []Stop     // the suspensions before the latest
	End        *Terminated
	// RemovedSites are the ids of sites taken off.
	RemovedSites []string
	Version      uint64
}

// On is the status on a day, YYYY-MM-DD, from the day of issue on: a suspension holds from its first
// day until it is resumed or its last day is over, a reissue and a termination from their day, and a
// license whose last day has passed has expired.
func (s State) On(day string) Status {
	switch {
	case s.Successor != "" && day >= s.ReissuedOn:
		return StatusReissued
	case s.End != nil && day >= s.End.On:
		return StatusTerminated
	case s.ValidUntil != "" && day > s.ValidUntil:
		return StatusExpired
	case s.suspendedOn(day):
		return StatusSuspended
	}
	return StatusActive
}

func (s State) suspendedOn(day string) bool {
	for _, p := range s.Earlier {
		if p.holds(day) {
			return true
		}
	}
	return s.Suspension != nil && Stop{*s.Suspension, s.Resumption}.holds(day)
}

// Stop is a suspension with what ended it early, nil where nothing did.
type Stop struct {
	Suspended
	Resumption *Resumed `json:",omitempty"`
}

func (p Stop) holds(day string) bool {
	return day >= p.From && day <= p.Until && (p.Resumption == nil || day < p.Resumption.On)
}

// Fold puts a record into the state.
func Fold(s *State, rec domain.Record) error {
	p, err := Decode(rec.Event)
	if err != nil {
		return fmt.Errorf("%s at version %d: %w", rec.Stream, rec.Version, err)
	}
	s.Evolve(p)
	switch e := p.(type) {
	case SignatureReceived:
		s.Pending.CMS, s.Pending.By, s.Pending.At, s.Pending.Version = e.CMS, rec.Actor, rec.Time, rec.Version
	case SignatureDiscarded:
		s.Discarded.At = rec.Time
	}
	s.Version = rec.Version
	return nil
}

// Evolve puts an event into the state. It never refuses.
func (s *State) Evolve(p domain.Payload) {
	switch e := p.(type) {
	case Issued:
		s.Exists, s.Issued, s.Status, s.Sites = true, e, StatusActive, slices.Clone(e.Sites)
	case Reissued:
		s.Status, s.Successor, s.ReissuedOn = StatusReissued, e.Successor, e.On
	case Signed:
		e.Evidence = nil
		s.Signed, s.Pending, s.Discarded = &e, nil, nil
	case SignatureReceived:
		e.CMS = nil
		s.Pending, s.Discarded = &Pending{SignatureReceived: e}, nil
	case SignatureDiscarded:
		s.Pending, s.Discarded = nil, &Discarded{Reason: e.Reason}
	case Duplicated:
		s.Copies = e.Copy
		s.Duplicates = append(slices.Clone(s.Duplicates), e.Application)
	case Suspended:
		if s.Suspension != nil {
			s.Earlier = append(slices.Clone(s.Earlier), Stop{*s.Suspension, s.Resumption})
		}
		s.Status, s.Suspension, s.Resumption = StatusSuspended, &e, nil
	case Resumed:
		s.Status, s.Resumption = StatusActive, &e
	case Terminated:
		s.Status, s.End = StatusTerminated, &e
	case SiteAdded:
		s.Sites = append(slices.Clone(s.Sites), e.Site)
		s.RemovedSites = slices.DeleteFunc(slices.Clone(s.RemovedSites), func(id string) bool { return id == e.Site.ID })
	case SiteRemoved:
		s.Sites = slices.DeleteFunc(slices.Clone(s.Sites), func(x Site) bool { return x.ID == e.ID })
		s.RemovedSites = append(slices.Clone(s.RemovedSites), e.ID)
	}
}
