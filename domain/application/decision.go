package application

import (
	"slices"
	"strings"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

func (w way) approve(s State, c Approve) ([]domain.Payload, error) {
	c.Order, c.Signatory = strings.TrimSpace(c.Order), strings.TrimSpace(c.Signatory)
	if a := s.Approval; a != nil {
		if a.Order == c.Order && a.ValidUntil == c.ValidUntil && a.Signatory == c.Signatory && a.PaymentProof == c.PaymentProof {
			return nil, nil
		}
		return nil, domain.Reject("decided-already", "the application was approved")
	}
	if err := w.expect(regulation.IssueResult, regulation.IssueOrRefuse); err != nil {
		return nil, err
	}
	if c.Signatory == "" {
		return nil, domain.Reject("signatory-required", "name the authorized person who signs the decision")
	}
	if err := c.check(s); err != nil {
		return nil, err
	}
	if err := w.checkProof(s, c.PaymentProof); err != nil {
		return nil, err
	}
	progress := Progress{Completes: []int{w.step.Number}, Outcome: regulation.Approved}
	return []domain.Payload{Approved{
		Progress: progress, Order: c.Order, ValidUntil: c.ValidUntil, Signatory: c.Signatory, PaymentProof: c.PaymentProof,
	}}, nil
}

// check refuses a decision that does not go with the request, or with the license it concerns.
func (c Approve) check(s State) error {
	if s.Request == regulation.Issue {
		if c.ValidUntil == "" {
			return nil
		}
		if day, err := calendar.ParseDay(c.ValidUntil); err != nil || day < calendar.DayOf(c.At) {
			return domain.Reject("valid-until-invalid", "the last day is not a day from today on, YYYY-MM-DD")
		}
		return nil
	}
	switch {
	case c.ValidUntil != "":
		return domain.Reject("valid-until-not-expected", "a reissued or duplicated license keeps its term")
	case c.Concerns == nil:
		return domain.Reject("license-unknown", "the license concerned does not exist", "license", s.License)
	case s.Holder != c.Holder:
		return domain.Reject("holder-unconfirmed", "another than the applicant holds the license: confirm the present holder's IIN or BIN")
	}
	return checkStanding(*c.Concerns, c.At)
}

func (w way) refuse(s State, c Refuse) ([]domain.Payload, error) {
	c.Text, c.Signatory = strings.TrimSpace(c.Text), strings.TrimSpace(c.Signatory)
	if f := s.Refusal; f != nil && f.Stage == AtDecision && f.Ground == c.Ground && f.Text == c.Text && f.Signatory == c.Signatory {
		return nil, nil
	}
	if s.Approval != nil || s.Refusal != nil && s.Refusal.Stage == AtDecision {
		return nil, domain.Reject("decided-already", "the application was decided")
	}
	if err := w.expect(regulation.IssueResult, regulation.IssueOrRefuse); err != nil {
		return nil, err
	}
	if !slices.Contains(Grounds, c.Ground) {
		return nil, domain.Reject("ground-unknown", "choose the ground of refusal from the list")
	}
	if c.Text == "" || c.Signatory == "" {
		return nil, domain.Reject("reasons-required", "a refusal is reasoned and signed: give its text and the authorized person")
	}
	progress := Progress{Completes: []int{w.step.Number}, Outcome: regulation.Refused, Ends: true}
	for _, step := range w.proc.Steps {
		if step.Action == regulation.Refuse {
			progress.Completes = append(progress.Completes, step.Number)
		}
	}
	return []domain.Payload{Refused{Progress: progress, Stage: AtDecision, Ground: c.Ground, Text: c.Text, Signatory: c.Signatory}}, nil
}

func (w way) complete(s State, c Complete) ([]domain.Payload, error) {
	if s.Result != "" {
		if s.Result == c.License {
			return nil, nil
		}
		return nil, domain.Reject("completed-already", "the application has another result", "license", s.Result)
	}
	if s.Approval == nil {
		return nil, domain.Reject("not-approved", "the application is not approved")
	}
	return []domain.Payload{Completed{Progress: Progress{Ends: true}, License: c.License}}, nil
}

func (w way) withdraw(s State, c Withdraw) ([]domain.Payload, error) {
	switch {
	case s.Status == StatusWithdrawn:
		return nil, nil
	case s.Approval != nil:
		return nil, domain.Reject("decided-already", "the application was decided")
	case w.step == nil:
		return nil, domain.Reject("application-closed", "the procedure is over")
	}
	return []domain.Payload{Withdrawn{Progress: Progress{Ends: true}, Reason: c.Reason}}, nil
}

var deliveries = []string{"cabinet", "hand", "center"}

func (w way) deliver(s State, c Deliver) ([]domain.Payload, error) {
	switch {
	case s.Delivery == c.To && c.To != "":
		return nil, nil
	case s.Delivery != "":
		return nil, domain.Reject("delivered-already", "the result was delivered", "to", s.Delivery)
	case s.Result == "" && (s.Refusal == nil || s.Refusal.Stage != AtDecision):
		return nil, domain.Reject("no-result", "there is no result to deliver")
	case !slices.Contains(deliveries, c.To):
		return nil, domain.Reject("delivery-unknown", "deliver to the cabinet, by hand or through the center")
	}
	return []domain.Payload{Delivered{To: c.To}}, nil
}

func (w way) rate(s State, c Rate) ([]domain.Payload, error) {
	switch {
	case s.Rating != nil && s.Rating.Quality == c.Quality && s.Rating.Availability == c.Availability:
		return nil, nil
	case s.Rating != nil:
		return nil, domain.Reject("rated-already", "the service was rated")
	case !s.Over():
		return nil, domain.Reject("not-finished", "rate the service once the procedure is over")
	case c.Quality < 1 || c.Quality > 3 || c.Availability < 1 || c.Availability > 3:
		return nil, domain.Reject("rating-invalid", "answer with 1, 2 or 3")
	}
	return []domain.Payload{Rated{Quality: c.Quality, Availability: c.Availability}}, nil
}
