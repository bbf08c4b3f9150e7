package application

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Rules are what decisions rest on besides the application itself. They do not change.
type Rules struct {
	Catalog  *regulation.Catalog
	Calendar *calendar.Calendar
	Hours    calendar.Hours
}

// Decide says which events the command makes of the application, or why not: a *domain.Rejection
// where a rule refuses, domain.ErrNotFound where there is no such application or service. No events
// and no error mean that what the command wants has been done already.
func (r Rules) Decide(s State, c Command) ([]domain.Payload, error) {
	if open, ok := c.(Open); ok {
		return r.open(s, open)
	}
	w, err := r.way(s)
	if err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case File:
		return w.file(s, c)
	case AnswerRegisters:
		return w.answerRegisters(s, c)
	case RequestPayment:
		return w.requestPayment(s, c)
	case Pay:
		return w.pay(s, c)
	case FailPayment:
		return w.failPayment(s, c)
	case Sign:
		return w.sign(s, c)
	case RejectSignature:
		return w.rejectSignature(s, c)
	case Register:
		return w.register(s, c)
	case Approve:
		return w.approve(s, c)
	case Refuse:
		return w.refuse(s, c)
	case Complete:
		return w.complete(s, c)
	case Withdraw:
		return w.withdraw(s, c)
	case Deliver:
		return w.deliver(s, c)
	case Rate:
		return w.rate(s, c)
	}
	return nil, fmt.Errorf("command %T: %w", c, domain.ErrInvalid)
}

// way finds where the application stands in the wording that it was opened under.
func (r Rules) way(s State) (way, error) {
	if !s.Exists {
		return way{}, fmt.Errorf("application: %w", domain.ErrNotFound)
	}
	service, err := r.Catalog.Wording(s.Act, s.Service)
	if err != nil {
		return way{}, err
	}
	proc, err := service.Procedure(s.Channel)
	if err != nil {
		return way{}, err
	}
	w := way{rules: r, proc: proc, request: s.Request}
	if s.Step != 0 {
		w.step = proc.Step(s.Step)
	}
	return w, nil
}

func (r Rules) open(s State, c Open) ([]domain.Payload, error) {
	service, err := r.Catalog.InForce(c.Service, c.At)
	if err != nil {
		return nil, domain.Reject("service-unknown", "no such service", "service", c.Service)
	}
	proc, err := service.Procedure(c.Channel)
	if err != nil {
		return nil, domain.Reject("channel-unknown", "the service is not given through this channel", "channel", string(c.Channel))
	}
	id, err := checkApplicant(service, c.Applicant.ID)
	if err != nil {
		return nil, err
	}
	c.Applicant.ID = id
	if err := checkRequest(service, c); err != nil {
		return nil, err
	}
	if s.Exists {
		return r.reopen(s, c)
	}
	w := way{rules: r, proc: proc, request: c.Request, step: proc.Start()}
	progress, err := w.advance(c.At, regulation.Authorized, regulation.EnterApplicant)
	if err != nil {
		return nil, err
	}
	return []domain.Payload{Opened{
		Progress: progress, Service: service.Slug, Channel: c.Channel, Act: service.Act.ID,
		Request: c.Request, Licensor: service.Licensor.Slug, Applicant: c.Applicant,
		License: c.License, Reason: c.Reason,
	}}, nil
}

// reopen answers an Open of an application that exists: done already when it is the same one.
func (r Rules) reopen(s State, c Open) ([]domain.Payload, error) {
	if s.Service == c.Service && s.Channel == c.Channel && s.Request == c.Request &&
		s.Applicant.ID == c.Applicant.ID && s.License == c.License && s.Reason == c.Reason {
		return nil, nil
	}
	return nil, domain.Reject("application-exists", "another application has this id")
}

// checkApplicant returns the identifier in canonical form.
func checkApplicant(service *regulation.Service, number string) (string, error) {
	id, err := ident.Parse(number)
	if err != nil {
		return "", err
	}
	if !slices.Contains(service.Applicants, string(id.Kind())) {
		return "", domain.Reject("applicant-kind", "the service is not given to this kind of applicant",
			"accepted", fmt.Sprint(service.Applicants))
	}
	return id.String(), nil
}

var reissueReasons = []ReissueReason{NameChanged, AddressChanged, Reorganized, ActivityRenamed}

func checkRequest(service *regulation.Service, c Open) error {
	if !service.Offers(c.Request) {
		return domain.Reject("request-not-offered", "the service does not offer this kind of request", "request", string(c.Request))
	}
	if c.Request == regulation.Issue {
		if c.License != "" || c.Reason != "" {
			return domain.Reject("license-not-expected", "an application for a new license names no license and no reason")
		}
		return nil
	}
	if c.License == "" {
		return domain.Reject("license-required", "name the license that is to be reissued or duplicated")
	}
	if c.Request == regulation.Reissue && !slices.Contains(reissueReasons, c.Reason) {
		return domain.Reject("reason-required", "say why the license is to be reissued: name, address, reorganization or activity-name")
	}
	if c.Request == regulation.Duplicate && c.Reason != "" {
		return domain.Reject("reason-not-expected", "a duplicate needs no reason")
	}
	if c.Concerns == nil || !c.Concerns.Exists || c.Concerns.Licensee.ID != c.Applicant.ID && c.Reason != Reorganized {
		return domain.Reject("license-unknown", "the applicant holds no license of this number", "license", c.License)
	}
	if c.Concerns.Service != service.Slug {
		return domain.Reject("license-of-other-service", "the license belongs to another service", "license", c.License)
	}
	return checkStanding(*c.Concerns, c.At)
}

// checkStanding refuses what concerns a license that is not active any more.
func checkStanding(l license.State, at time.Time) error {
	if st := l.On(string(calendar.DayOf(at))); st != license.StatusActive {
		return domain.Reject("license-not-active", "the license is "+string(st), "status", string(st))
	}
	return nil
}

func (w way) file(s State, c File) ([]domain.Payload, error) {
	if s.Form != nil && reflect.DeepEqual(*s.Form, c.Form) && slices.Equal(s.Documents, c.Documents) {
		return nil, nil
	}
	if err := w.expect(regulation.FillForm, regulation.AttachDocuments, regulation.AttachAndSign); err != nil {
		return nil, err
	}
	if c.Form.Name == "" && s.Applicant.Name != "" {
		c.Form.Name = s.Applicant.Name
	}
	if c.Form.Name == "" {
		return nil, domain.Reject("name-required", "the form lacks the applicant's name")
	}
	e := Filed{Form: c.Form, Documents: c.Documents}
	if w.in(regulation.AttachAndSign) { // the operator's signature completes this step
		return []domain.Payload{e}, nil
	}
	progress, err := w.advance(c.At, regulation.Always)
	e.Progress = progress
	return []domain.Payload{e}, err
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
		return []domain.Payload{ApplicantConfirmed{Progress: progress, Name: c.Name, Address: c.Address, Source: c.Source}}, err
	}
	progress, err := w.advance(c.At, regulation.Absent, regulation.AnswerRegisters, regulation.ReportAbsent)
	// The message of absence is the refusal; the two events share one commit.
	return []domain.Payload{
		ApplicantNotFound{Source: c.Source},
		Refused{Progress: progress, Stage: AtRegisters, Ground: NotInRegisters},
	}, err
}

func (w way) requestPayment(s State, c RequestPayment) ([]domain.Payload, error) {
	if s.Order != nil && s.Order.Order == c.Order {
		return nil, nil
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order != nil {
		return nil, domain.Reject("payment-requested-already", "another payment order is open", "order", s.Order.Order)
	}
	return []domain.Payload{PaymentRequested{Order: c.Order, Amount: c.Amount, Currency: c.Currency, URL: c.URL}}, nil
}

func (w way) pay(s State, c Pay) ([]domain.Payload, error) {
	if s.Payment != nil {
		if s.Payment.Order == c.Order && s.Payment.Reference == c.Reference {
			return nil, nil
		}
		return nil, domain.Reject("paid-already", "the application was paid by another payment")
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order == nil || s.Order.Order != c.Order {
		return nil, domain.Reject("payment-order-unknown", "the application has no such payment order")
	}
	if c.Amount < s.Order.Amount || c.Currency != s.Order.Currency {
		return nil, domain.Reject("payment-short", "the sum or currency is not what the order asks for")
	}
	progress, err := w.advance(c.At, regulation.Paid)
	return []domain.Payload{Paid{Progress: progress, Order: c.Order, Reference: c.Reference, Amount: c.Amount, Currency: c.Currency}}, err
}

func (w way) failPayment(s State, c FailPayment) ([]domain.Payload, error) {
	if s.Refusal != nil && s.Refusal.Stage == AtPayment {
		return nil, nil
	}
	if err := w.expect(regulation.Pay); err != nil {
		return nil, err
	}
	if s.Order == nil || s.Order.Order != c.Order {
		return nil, domain.Reject("payment-order-unknown", "the application has no such payment order")
	}
	progress, err := w.advance(c.At, regulation.Unpaid, regulation.RefuseUnpaid)
	return []domain.Payload{Refused{Progress: progress, Stage: AtPayment, Ground: NoPayment, Text: c.Text}}, err
}

func (w way) sign(s State, c Sign) ([]domain.Payload, error) {
	if s.Signature != nil && s.Signature.Digest == c.Digest && s.Signature.Subject == c.Subject {
		return nil, nil
	}
	if err := w.expect(regulation.ChooseCertificate, regulation.AttachAndSign); err != nil {
		return nil, err
	}
	if s.Form == nil {
		return nil, domain.Reject("form-required", "file the form before signing it")
	}
	if c.Digest != s.ContentDigest() {
		return nil, domain.Reject("signed-other-content", "the signature is over other bytes than the application's content")
	}
	if w.in(regulation.AttachAndSign) {
		return w.signAsOperator(c)
	}
	// Condition 3 of the acts: the IIN or BIN of the certificate must be the request's.
	if c.Subject != s.Applicant.ID {
		return w.rejectSignature(s, RejectSignature{At: c.At, Text: "certificate-of-another"})
	}
	accepted, err := w.advance(c.At, regulation.Valid)
	if err != nil {
		return nil, err
	}
	signing := w
	signing.step = w.proc.Step(accepted.Enters.Step)
	signed, err := signing.advance(c.At, regulation.Always)
	return []domain.Payload{
		CertificateAccepted{Progress: accepted, Subject: c.Subject, Serial: c.Serial, Method: c.Method},
		Signed{Progress: signed, Subject: c.Subject, Digest: c.Digest, Method: c.Method},
	}, err
}

// signAsOperator: in a service center the operator certifies what the operator entered.
func (w way) signAsOperator(c Sign) ([]domain.Payload, error) {
	progress, err := w.advance(c.At, regulation.Always)
	return []domain.Payload{Signed{Progress: progress, Subject: c.Subject, Digest: c.Digest, Method: c.Method}}, err
}

func (w way) rejectSignature(s State, c RejectSignature) ([]domain.Payload, error) {
	if s.Refusal != nil && s.Refusal.Stage == AtSignature {
		return nil, nil
	}
	if w.in(regulation.AttachAndSign) { // the acts have no refusal here: the operator signs again
		return nil, domain.Reject("signature-invalid", "the operator's signature is not valid")
	}
	if err := w.expect(regulation.ChooseCertificate); err != nil {
		return nil, err
	}
	progress, err := w.advance(c.At, regulation.Invalid, regulation.RefuseSignature)
	return []domain.Payload{Refused{Progress: progress, Stage: AtSignature, Ground: SignatureInvalid, Text: c.Text}}, err
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

func (w way) approve(s State, c Approve) ([]domain.Payload, error) {
	if a := s.Approval; a != nil {
		if a.Order == c.Order && a.ValidUntil == c.ValidUntil && a.Signatory == c.Signatory {
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
	if c.ValidUntil != "" {
		if day, err := calendar.ParseDay(c.ValidUntil); err != nil || day < calendar.DayOf(c.At) {
			return nil, domain.Reject("valid-until-invalid", "the last day is not a day from today on, YYYY-MM-DD")
		}
	}
	if s.Request != regulation.Issue {
		if c.Concerns == nil {
			return nil, domain.Reject("license-unknown", "the license concerned does not exist", "license", s.License)
		}
		if err := checkStanding(*c.Concerns, c.At); err != nil {
			return nil, err
		}
	}
	return []domain.Payload{Approved{Order: c.Order, ValidUntil: c.ValidUntil, Signatory: c.Signatory}}, nil
}

func (w way) refuse(s State, c Refuse) ([]domain.Payload, error) {
	if f := s.Refusal; f != nil && f.Stage == AtDecision && f.Ground == c.Ground && f.Text == c.Text {
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
	progress := Progress{Completes: []int{w.step.Number}, Outcome: regulation.Approved, Ends: true}
	return []domain.Payload{Completed{Progress: progress, License: c.License}}, nil
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
	case s.Result == "":
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
	case w.step != nil:
		return nil, domain.Reject("not-finished", "rate the service once the procedure is over")
	case c.Quality < 1 || c.Quality > 3 || c.Availability < 1 || c.Availability > 3:
		return nil, domain.Reject("rating-invalid", "answer with 1, 2 or 3")
	}
	return []domain.Payload{Rated{Quality: c.Quality, Availability: c.Availability}}, nil
}

// Content is what is signed: the application's content as canonical JSON, the same bytes for ever.
func (s State) Content() []byte {
	content, err := json.Marshal(struct {
		Application string             `json:"application"`
		Service     string             `json:"service"`
		Act         string             `json:"act"`
		Request     regulation.Request `json:"request"`
		Applicant   string             `json:"applicant"`
		License     string             `json:"license,omitempty"`
		Reason      ReissueReason      `json:"reason,omitempty"`
		Form        *Form              `json:"form"`
		Documents   []Document         `json:"documents"`
	}{s.ID, s.Service, s.Act, s.Request, s.Applicant.ID, s.License, s.Reason, s.Form, s.Documents})
	if err != nil {
		panic(fmt.Sprintf("application content: %v", err)) // strings and integers always encode
	}
	return content
}

// ContentDigest is the SHA-256 of Content, hex.
func (s State) ContentDigest() string {
	sum := sha256.Sum256(s.Content())
	return hex.EncodeToString(sum[:])
}
