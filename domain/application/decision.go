package application

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Decision is what a licensor decides of an application.
type Decision struct {
	Decision string `json:"decision"` // Approve or Refuse
	// Order is the licensor's order that an approval rests on, ValidUntil the last day of a new license,
	// empty for no end, and Holder who holds the license concerned, where that is not the applicant.
	Order      string `json:"order,omitempty"`
	ValidUntil string `json:"valid_until,omitempty"`
	Holder     string `json:"holder,omitempty"`
	// PaymentProof says by what the officer saw that the fee was paid, where the procedure has no step of
	// paying: the SHA-256 of one of the application's documents, ProofShown or FeeNotDue.
	PaymentProof string `json:"payment_proof,omitempty"`
	Ground       Ground `json:"ground,omitempty"`
	Text         string `json:"text,omitempty"` // the reasons of a refusal
}

// What a decision may be.
const (
	Approve = "approve"
	Refuse  = "refuse"
)

// draft says what the decision is to be, and fixes the bytes that are signed.
func (w way) draft(s State, c Draft) ([]domain.Payload, error) {
	d := c.Decision
	d.Order, d.Text = strings.TrimSpace(d.Order), strings.TrimSpace(d.Text)
	if s.Approval != nil || s.Refusal != nil && s.Refusal.Stage == AtDecision {
		return nil, domain.Reject("decided-already", "the application was decided")
	}
	if err := w.expect(regulation.IssueResult, regulation.IssueOrRefuse); err != nil {
		return nil, err
	}
	if s.Own(c.Drafter) {
		return nil, ownApplication()
	}
	if err := d.check(s, c.Concerns, c.At); err != nil {
		return nil, err
	}
	if err := w.checkProof(s, d); err != nil {
		return nil, err
	}
	content, err := w.decisionContent(s, d, c.Concerns)
	if err == nil && s.Draft != nil && s.Draft.Drafter == c.Drafter && bytes.Equal(s.Draft.Content, content) {
		return nil, nil
	}
	return []domain.Payload{DecisionDrafted{Decision: d, Drafter: c.Drafter, Content: content}}, err
}

// check refuses a decision that is not whole, or does not go with the request or with the license that it
// concerns.
func (d Decision) check(s State, concerns *license.State, at time.Time) error {
	switch {
	case d.Decision == Refuse && !slices.Contains(Grounds, d.Ground):
		return domain.Reject("ground-unknown", "choose the ground of refusal from the list")
	case d.Decision == Refuse && d.Text == "":
		return domain.Reject("reasons-required", "a refusal is reasoned: give its text")
	case d.Decision == Refuse:
		return nil
	case s.Request == regulation.Issue && d.ValidUntil == "":
		return nil
	case s.Request == regulation.Issue:
		if day, err := calendar.ParseDay(d.ValidUntil); err != nil || day < calendar.DayOf(at) {
			return domain.Reject("valid-until-invalid", "the last day is not a day from today on, YYYY-MM-DD")
		}
		return nil
	case d.ValidUntil != "":
		return domain.Reject("valid-until-not-expected", "a reissued or duplicated license keeps its term")
	case concerns == nil:
		return domain.Reject("license-unknown", "the license concerned does not exist", "license", s.License)
	case s.Holder != d.Holder:
		return domain.Reject("holder-unconfirmed", "another than the applicant holds the license: confirm the present holder's IIN or BIN")
	}
	return checkStanding(*concerns, at)
}

// Own reports whether the application is the person's own: they apply, or signed for the organization that
// does.
func (s State) Own(iin string) bool {
	return iin != "" && (iin == s.Applicant.ID || s.Signature != nil && iin == s.Signature.Person)
}

func ownApplication() error {
	return domain.Reject("own-application", "nobody decides what they applied for themselves")
}

// maySign refuses a signature where there is no draft, under what the person applied for themselves, and where
// the licensor wants four eyes, under one's own draft.
func (w way) maySign(s State, account, iin string) error {
	switch {
	case s.Draft == nil:
		return domain.Reject("draft-required", "there is no draft of a decision to sign")
	case s.Own(iin):
		return ownApplication()
	case w.rules.Signing[s.Licensor].FourEyes && (s.Draft.By.ID == account || iin != "" && s.Draft.Drafter == iin):
		return domain.Reject("four-eyes", "who drafted the decision does not sign it")
	}
	return nil
}

// signDecision decides as the draft says.
func (w way) signDecision(s State, c SignDecision) ([]domain.Payload, error) {
	if s.stale(c.Pending) || s.signedAs(c.Digest) {
		return nil, nil
	}
	if s.Approval != nil || s.Refusal != nil && s.Refusal.Stage == AtDecision {
		return nil, domain.Reject("decided-already", "the application was decided")
	}
	if err := w.expect(regulation.IssueResult, regulation.IssueOrRefuse); err != nil {
		return nil, err
	}
	if err := w.maySign(s, c.By, c.Subject); err != nil {
		return nil, err
	}
	if c.Digest != signing.Digest(s.Draft.Content) {
		return nil, domain.Reject("signed-other-content", "the signature is over other bytes than the draft of the decision")
	}
	d := s.Draft.Decision
	if err := d.check(s, c.Concerns, c.At); err != nil { // it may have been drafted long ago
		return nil, err
	}
	switch now, err := w.decisionContent(s, d, c.Concerns); {
	case err != nil:
		return nil, err
	case !bytes.Equal(now, s.Draft.Content): // what was signed would not be what comes of it
		return nil, domain.Reject("draft-outdated", "the license concerned has changed since the decision was drafted")
	}
	signature := &Certified{Subject: c.Subject, Serial: c.Serial, Digest: c.Digest, Method: c.Method, Evidence: c.Evidence}
	if d.Decision == Refuse {
		return []domain.Payload{Refused{
			Progress: w.refused(), Stage: AtDecision, Ground: d.Ground, Text: d.Text, Signatory: c.Signatory, Signature: signature,
		}}, nil
	}
	return []domain.Payload{Approved{
		Progress: Progress{Completes: []int{w.step.Number}, Outcome: regulation.Approved},
		Order:    d.Order, ValidUntil: d.ValidUntil, Signatory: c.Signatory, Signature: signature,
		PaymentProof: d.PaymentProof,
	}}, nil
}

// signedAs reports whether the decision over the bytes has been made.
func (s State) signedAs(digest string) bool {
	return s.Approval != nil && s.Approval.Signature != nil && s.Approval.Signature.Digest == digest ||
		s.Refusal != nil && s.Refusal.Signature != nil && s.Refusal.Signature.Digest == digest
}

// refused ends the procedure with a refusal, in the step that decides and in that of the refusal.
func (w way) refused() Progress {
	progress := Progress{Completes: []int{w.step.Number}, Outcome: regulation.Refused, Ends: true}
	for _, step := range w.proc.Steps {
		if step.Action == regulation.Refuse {
			progress.Completes = append(progress.Completes, step.Number)
		}
	}
	return progress
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
