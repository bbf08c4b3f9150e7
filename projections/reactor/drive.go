package reactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// drive does what an application waits for from the registry, step after step, until it waits for
// somebody else or for another lane; of a license, the verdict on its signature. Whatever a crash leaves half
// done here is found and finished by the next call.
func (r *Reactor) drive(ctx context.Context, one wait, lane int) error {
	if one.stream.Category == domain.LicenseCategory {
		return r.judgeLicense(ctx, one)
	}
	return r.driveApplication(ctx, one, lane)
}

func (r *Reactor) driveApplication(ctx context.Context, one wait, lane int) error {
	c, stream := one.cause, one.stream
	for {
		s, err := domain.Load(ctx, r.Store, stream, application.Fold)
		if err != nil {
			return err
		}
		if !s.AwaitsRegistry() || laneFor(s) != lane {
			return nil
		}
		purpose, command, err := r.next(ctx, s, c)
		if err != nil {
			return fmt.Errorf("%s in step %d: %w", stream, s.Step, err)
		}
		if err := r.carryOut(ctx, stream, s, purpose, command, c); err != nil {
			return fmt.Errorf("%s in step %d: %w", stream, s.Step, err)
		}
	}
}

// at makes a command as of the time that its events have, because terms are counted from that.
type at[C any] func(time.Time) C

// next is the command that takes the application out of its wait, and the purpose that names it.
func (r *Reactor) next(ctx context.Context, s application.State, c cause) (string, at[application.Command], error) {
	if s.Pending != nil {
		return r.judge(ctx, s)
	}
	if s.Approval != nil {
		number, err := r.result(ctx, s, c)
		return "complete", func(t time.Time) application.Command { return application.Complete{At: t, License: number} }, err
	}
	switch s.Action {
	case regulation.QueryRegisters:
		p, err := r.Registers.Find(ctx, s.Applicant.ID)
		answer := &application.RegisterAnswer{At: r.Now().UTC().Truncate(time.Microsecond), Reference: p.Reference, Text: p.Text}
		return "answer-registers", func(t time.Time) application.Command {
			return application.AnswerRegisters{At: t, Found: p.Found, Name: p.Name, Address: p.Address, Source: p.Source, Answer: answer}
		}, err
	case regulation.Pay:
		return r.payment(ctx, s)
	default: // send, register
		number, err := r.Numbering.Application(ctx, s.ID)
		return "register", func(t time.Time) application.Command { return application.Register{At: t, Number: number} }, err
	}
}

// carryOut gives the command. Where somebody else has moved the application on meanwhile, the
// refusal is no error: the next look at the state decides.
func (r *Reactor) carryOut(ctx context.Context, stream domain.Stream, s application.State, purpose string, command at[application.Command], c cause) error {
	m := meta(s.ID, purpose, r.Now(), c)
	m.Regulation = s.Act
	if s.Pending != nil { // the registry only finishes what that person did
		m.Actor = s.Pending.By
	}
	done, err := domain.Execute(ctx, r.Store, stream, m, application.Fold,
		func(s application.State) ([]domain.Payload, error) { return r.Rules().Decide(s, command(m.Time)) })
	var rejection *domain.Rejection
	if errors.As(err, &rejection) {
		now, loadErr := domain.Load(ctx, r.Store, stream, application.Fold)
		if loadErr != nil {
			return loadErr
		}
		if now.Version == s.Version {
			return err // nobody moved it: the refusal is about the command itself
		}
		return nil
	}
	r.wrote(done.Position)
	return err
}

// result makes what an approval calls for and returns its number.
func (r *Reactor) result(ctx context.Context, s application.State, c cause) (string, error) {
	if s.Request == regulation.Duplicate {
		return r.duplicate(ctx, s, c)
	}
	service, err := r.Rules().Catalog.Wording(s.Act, s.Wording, s.Service)
	if err != nil {
		return "", err
	}
	number, err := r.number(ctx, service, s)
	if err != nil {
		return "", err
	}
	var issue license.Issue
	if s.Request == regulation.Reissue {
		predecessor, err := r.succeed(ctx, s, number, c)
		if err != nil {
			return "", err
		}
		issue.Predecessor = &predecessor
	}
	issue.Issued = newLicense(service, s, number, issue.Predecessor)
	return number, r.onLicense(ctx, number, s, "issue", func(t time.Time) license.Command {
		issue.At = t
		return issue
	}, c)
}

func (r *Reactor) number(ctx context.Context, service *regulation.Service, s application.State) (string, error) {
	if service.Result == "permit" {
		return r.Numbering.Permit(ctx, s.ID)
	}
	return r.Numbering.License(ctx, s.DecidedAt, s.ID)
}

// duplicate gives out a copy of the license, or of the one that has taken its place since. A copy that
// was given out before a crash is found again.
func (r *Reactor) duplicate(ctx context.Context, s application.State, c cause) (string, error) {
	number := s.License
	for {
		l, err := r.license(ctx, number)
		if err != nil {
			return "", err
		}
		if l.Successor == "" || slices.Contains(l.Duplicates, s.ID) {
			break
		}
		number = l.Successor
	}
	duplicate := func(t time.Time) license.Command { return license.Duplicate{At: t, Application: s.ID} }
	return number, r.onLicense(ctx, number, s, "duplicate", duplicate, c)
}

// succeed ends the license that the application reissues in favor of the new number and returns it
// as it was. Where another reissue was first, its successor is the one that is reissued; where this
// application ended a license before, in a run that was cut off, it is found again by the number.
// The old license ends before the new one begins, because its end is what only one reissue can win;
// what a crash leaves between the two, the next start finishes.
func (r *Reactor) succeed(ctx context.Context, s application.State, number string, c cause) (license.State, error) {
	for current := s.License; ; {
		l, err := r.license(ctx, current)
		if err != nil {
			return l, err
		}
		switch l.Successor {
		case number:
			return l, nil
		case "":
		default:
			current = l.Successor
			continue
		}
		end := func(t time.Time) license.Command {
			return license.EndAsReissued{At: t, On: decisionDay(s), Successor: number, Reason: string(s.Reason), Application: s.ID}
		}
		if err := r.onLicense(ctx, current, s, "end-"+current, end, c); err != nil {
			return l, err
		}
	}
}

func (r *Reactor) license(ctx context.Context, number string) (license.State, error) {
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		return license.State{}, err
	}
	return domain.Load(ctx, r.Store, stream, license.Fold)
}

// onLicense gives a command to a license in the name of an application.
func (r *Reactor) onLicense(ctx context.Context, number string, s application.State, purpose string, command at[license.Command], c cause) error {
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		return err
	}
	m := meta(s.ID, purpose, r.Now(), c)
	m.Regulation = s.Act
	done, err := domain.Execute(ctx, r.Store, stream, m, license.Fold,
		func(l license.State) ([]domain.Payload, error) { return license.Decide(l, command(m.Time)) })
	r.wrote(done.Position)
	return err
}

// newLicense is the license that the application's approval describes.
func newLicense(service *regulation.Service, s application.State, number string, predecessor *license.State) license.Issued {
	l := s.NewLicense(service, predecessor)
	l.Number, l.IssuedOn, l.Order, l.Signatory = number, decisionDay(s), s.Approval.Order, s.Approval.Signatory
	if predecessor == nil {
		l.FirstIssuedOn, l.ValidUntil = l.IssuedOn, s.Approval.ValidUntil
	}
	return l
}

// decisionDay is the day of the licensor's decision, from which its license counts.
func decisionDay(s application.State) string { return string(calendar.DayOf(s.DecidedAt)) }
