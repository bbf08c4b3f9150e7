package application

import (
	"cmp"
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Fold puts a record into the state. It fails only for a record that cannot be decoded.
func Fold(s *State, rec domain.Record) error {
	p, err := Decode(rec.Event)
	if err != nil {
		return fmt.Errorf("%s at version %d: %w", rec.Stream, rec.Version, err)
	}
	s.Evolve(p, rec)
	return nil
}

// Evolve is Fold for a record whose payload is decoded already.
func (s *State) Evolve(p domain.Payload, rec domain.Record) {
	if e, ok := p.(Opened); ok {
		s.ID, s.OpenedBy, s.OpenedFor, s.OpenedAt = rec.Stream.ID, rec.Actor.ID, rec.Actor.Organization, rec.Time
		s.open(e)
	}
	s.evolve(p)
	switch e := p.(type) {
	case Approved, Refused:
		s.DecidedAt = rec.Time
	case SignatureReceived:
		s.Pending = &Pending{SignatureReceived: e, By: rec.Actor, At: rec.Time, Version: rec.Version}
	case SignatureDiscarded:
		s.Discarded = &Discarded{Purpose: e.Purpose, Reason: e.Reason, At: rec.Time}
	case DecisionDrafted:
		s.Draft = &Drafted{DecisionDrafted: e, By: rec.Actor, At: rec.Time}
	case PaymentUnmatched:
		s.Unmatched = append(s.Unmatched, Unmatched{PaymentUnmatched: e, At: rec.Time})
	}
	s.Version = rec.Version
}

func (s *State) open(e Opened) {
	s.Exists, s.Status = true, StatusDraft
	s.Service, s.Channel, s.Request, s.Licensor = e.Service, e.Channel, e.Request, e.Licensor
	s.Act, s.Wording = e.Act, e.Wording
	s.Applicant, s.License, s.Reason, s.Holder = e.Applicant, e.License, e.Reason, e.Holder
}

// evolve never refuses: what happened, happened.
func (s *State) evolve(p domain.Payload) {
	if concernsSignature(p) {
		s.Pending, s.Discarded = nil, nil
	}
	switch e := p.(type) {
	case Opened:
		s.move(e.Progress)
	case ApplicantConfirmed:
		s.Confirmed = true
		s.Applicant.Name = cmp.Or(e.Name, s.Applicant.Name)
		s.Applicant.Address = cmp.Or(e.Address, s.Applicant.Address)
		s.move(e.Progress)
	case ApplicantNotFound:
		s.move(e.Progress)
	case Filed:
		s.Status, s.Form, s.Documents = StatusInProgress, &e.Form, e.Documents
		s.move(e.Progress)
	case PaymentRequested:
		s.Order = &e
		s.move(e.Progress)
	case Paid:
		s.Payment = &e
		s.move(e.Progress)
	case PaymentNotRequired:
		s.NothingDue = true
		s.move(e.Progress)
	case CertificateAccepted:
		s.move(e.Progress)
	case Signed:
		e.Evidence = nil
		s.Signature = &e
		s.move(e.Progress)
	case Registered:
		s.Status, s.Number, s.RegisteredOn = StatusExamined, e.Number, e.RegisteredOn
		s.move(e.Progress)
	case Approved:
		s.Status, s.Approval, s.Draft = StatusApproved, &e, nil
		e.Signature = e.Signature.bare()
		s.move(e.Progress)
	case Refused:
		s.Status, s.Refusal, s.Draft = StatusRefused, &e, nil
		e.Signature, e.Evidence = e.Signature.bare(), nil
		s.move(e.Progress)
	case Completed:
		s.Status, s.Result = StatusCompleted, e.License
		s.move(e.Progress)
	case Withdrawn:
		s.Status = StatusWithdrawn
		s.move(e.Progress)
	case Delivered:
		s.Delivery = e.To
	case Rated:
		s.Rating = &e
	}
}

// concernsSignature reports whether a signature that waits, or was not accepted, is of the past with the
// event: there is another one, what it was over has changed, or the application has gone on.
func concernsSignature(p domain.Payload) bool {
	switch p.(type) {
	case SignatureReceived, SignatureDiscarded, Filed, DecisionDrafted:
		return true
	}
	return Way(p).Moves()
}

// bare is the signature without its evidence, which stays in the log.
func (c *Certified) bare() *Certified {
	if c == nil {
		return nil
	}
	without := *c
	without.Evidence = nil
	return &without
}

// move follows an event's progress through the procedure.
func (s *State) move(p Progress) {
	switch {
	case p.Enters != nil:
		s.Step, s.Action, s.Role, s.Due = p.Enters.Step, p.Enters.Action, p.Enters.Role, p.Enters.Due
	case p.Ends || len(p.Completes) > 0:
		s.Step, s.Action, s.Role, s.Due = 0, "", "", nil
	}
}
