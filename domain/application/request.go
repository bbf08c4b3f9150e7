package application

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

func (w way) file(s State, c File) ([]domain.Payload, error) {
	c.Form = c.Form.complete(s)
	if s.Form != nil && reflect.DeepEqual(*s.Form, c.Form) && slices.Equal(s.Documents, c.Documents) {
		return nil, nil
	}
	if err := w.expect(regulation.FillForm, regulation.AttachDocuments, regulation.AttachAndSign); err != nil {
		return nil, err
	}
	if err := c.check(s); err != nil {
		return nil, err
	}
	e := Filed{Form: c.Form, Documents: c.Documents}
	if w.in(regulation.AttachAndSign) { // the operator's signature completes this step
		return []domain.Payload{e}, nil
	}
	progress, err := w.advance(c.At, regulation.Always)
	e.Progress = progress
	return []domain.Payload{e}, err
}

// complete fills in what is known of the applicant, in the one form in which it is stored.
func (f Form) complete(s State) Form {
	f.Name = cmp.Or(strings.TrimSpace(f.Name), s.Applicant.Name)
	f.Address = strings.TrimSpace(f.Address)
	if len(f.Subactivities) == 0 {
		f.Subactivities = nil
	}
	if len(f.Sites) == 0 {
		f.Sites = nil
	}
	return f
}

func (c File) check(s State) error {
	if c.Form.Name == "" {
		return domain.Reject("name-required", "the form lacks the applicant's name")
	}
	for _, site := range c.Form.Sites {
		if err := license.CheckSite(site.Kind, site.Address); err != nil {
			return err
		}
	}
	if s.Holder != "" && len(c.Documents) == 0 {
		return domain.Reject("document-required", "another holds the license: attach the document on the reorganization")
	}
	return nil
}

func (w way) answerRegisters(s State, c AnswerRegisters) ([]domain.Payload, error) {
	if c.Found && s.Confirmed || !c.Found && s.Refusal != nil && s.Refusal.Stage == AtRegisters {
		return nil, nil
	}
	if err := w.expect(regulation.QueryRegisters); err != nil {
		return nil, err
	}
	if c.Found {
		progress, err := w.advance(c.At, regulation.Found, regulation.AnswerRegisters)
		return []domain.Payload{ApplicantConfirmed{Progress: progress, Name: c.Name, Address: c.Address, Source: c.Source, Answer: c.Answer}}, err
	}
	progress, err := w.advance(c.At, regulation.Absent, regulation.AnswerRegisters, regulation.ReportAbsent)
	// The message of absence is the refusal; the two events share one commit.
	return []domain.Payload{
		ApplicantNotFound{Source: c.Source, Answer: c.Answer},
		Refused{Progress: progress, Stage: AtRegisters, Ground: NotInRegisters},
	}, err
}

func (w way) register(s State, c Register) ([]domain.Payload, error) {
	if s.Number != "" && s.Number == c.Number {
		return nil, nil
	}
	if err := w.expect(regulation.Send, regulation.Register); err != nil {
		return nil, err
	}
	day, err := w.registeredOn(c.At)
	if err != nil {
		return nil, err
	}
	progress, err := w.advance(c.At, regulation.Approved, regulation.Register)
	progress.Outcome = regulation.Always // the decision is still to come
	return []domain.Payload{Registered{Progress: progress, Number: c.Number, RegisteredOn: string(day)}}, err
}
