package application

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Progress is what an event does to the application's way through its procedure. Every application
// event has one, so that step deadlines are a plain fold over the events.
type Progress struct {
	// Completes are the steps that end with the event, in order. One that was not open before was
	// entered and left at the time of the event.
	Completes []int `json:"completes,omitempty"`
	// Outcome is the branch taken out of the last completed step, where it branches.
	Outcome regulation.Outcome `json:"outcome,omitempty"`
	// Enters is the step that the application waits in from now on, nil where it stays where it was
	// or has come to its end.
	Enters *Entered `json:"enters,omitempty"`
	// Ends says that the procedure is over: a step that is still open is left unfinished.
	Ends bool `json:"ends,omitempty"`
}

// Way is what the event does to the application's way. It panics for what is no event of an application.
func Way(event domain.Payload) Progress { return event.(interface{ way() Progress }).way() }

func (p Progress) way() Progress { return p }

// Moves reports whether the open step changes with the event.
func (p Progress) Moves() bool { return len(p.Completes) > 0 || p.Enters != nil || p.Ends }

// Entered is a step as it was entered.
type Entered struct {
	Step   int               `json:"step"`
	Action regulation.Action `json:"action"`
	Role   regulation.Role   `json:"role"` // who acts in it
	// Due is the instant by which the step has to be left, nil where it has no deadline. Calendar is
	// the version of the working-day calendar that Due was counted with, empty for terms in seconds.
	Due      *time.Time `json:"due,omitempty"`
	Calendar string     `json:"calendar,omitempty"`
	// Term is how long the term is, in Unit; From the day of registration that a term in working days
	// is counted from and that does not count itself, YYYY-MM-DD. All three are since schema 2.
	Term int             `json:"term,omitempty"`
	Unit regulation.Unit `json:"unit,omitempty"`
	From string          `json:"from,omitempty"`
	// Basis is the licensor's own act, where the term is set by that and not by the regulation.
	Basis string `json:"basis,omitempty"`
}

// AwaitsRegistry reports whether the registry itself has to act as soon as the step is entered: to
// ask the registers, to order a payment, to pass a signed request on, or to register a request where
// the regulation leaves that to the system.
func (e *Entered) AwaitsRegistry() bool {
	if e == nil {
		return false
	}
	switch e.Action {
	case regulation.QueryRegisters, regulation.Pay, regulation.Send:
		return true
	}
	return e.Action == regulation.Register && e.Role == regulation.System
}

// Opened is the first event: somebody who was authorized began an application.
type Opened struct {
	Progress
	Service string             `json:"service"`
	Channel regulation.Channel `json:"channel"`
	// Act and Wording name what it stays on to its end: the act, and the content that the act's file
	// had. Wording is since schema 2; without it, it is what the act is now.
	Act       string             `json:"act"`
	Wording   string             `json:"wording,omitempty"`
	Request   regulation.Request `json:"request"`
	Licensor  string             `json:"licensor"`
	Applicant Applicant          `json:"applicant"`
	// License is the number of the license that is to be reissued or duplicated; Reason says why it
	// is to be reissued.
	License string        `json:"license,omitempty"`
	Reason  ReissueReason `json:"reason,omitempty"`
	// Holder is who holds that license, where it is not the applicant: after a reorganization.
	Holder string `json:"holder,omitempty"`
}

// ApplicantConfirmed: the state registers know the applicant. Name and Address are theirs.
type ApplicantConfirmed struct {
	Progress
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Source  string `json:"source"` // which register answered
	// Answer is what that rests on, since schema 3.
	Answer *RegisterAnswer `json:"answer,omitempty"`
}

// ApplicantNotFound: the state registers have no data of the applicant.
type ApplicantNotFound struct {
	Progress
	Source string `json:"source"`
	// Answer is what that rests on, since schema 2.
	Answer *RegisterAnswer `json:"answer,omitempty"`
}

// RegisterAnswer is the answer of a state register as it came.
type RegisterAnswer struct {
	At        time.Time `json:"at"`                  // when it came
	Reference string    `json:"reference,omitempty"` // the register's own number of the answer
	Text      string    `json:"text"`                // its body, byte for byte
}

// Filed: the request is filled in and its documents are attached.
type Filed struct {
	Progress
	Form      Form       `json:"form"`
	Documents []Document `json:"documents,omitempty"`
}

// CertificateAccepted: the certificate chosen to sign with is valid and belongs to the applicant.
type CertificateAccepted struct {
	Progress
	Subject string `json:"subject"` // IIN or BIN of the certificate
	Serial  string `json:"serial"`
	Method  string `json:"method"` // which verifier said so
}

// Signed: the request was certified by a signature.
type Signed struct {
	Progress
	Subject string `json:"subject"`
	Digest  string `json:"digest"` // SHA-256 of the signed bytes, hex
	Method  string `json:"method"`
	// Serial is the certificate's, Evidence what the verdict rests on: all that is needed to judge the
	// signature again. Both are since schema 3.
	Serial   string          `json:"serial,omitempty"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
	// Person is the IIN of who signed for the organization that is the subject. Since schema 4.
	Person string `json:"person,omitempty"`
}

// SignatureReceived: there is a signature that cannot be judged yet, because somebody who has to be asked
// does not answer. Who signed is not known before that.
type SignatureReceived struct {
	Progress
	Purpose signing.Purpose `json:"purpose"`
	Signer  signing.Signer  `json:"signer,omitzero"` // whose it has to be
	CMS     []byte          `json:"cms"`
	SHA256  string          `json:"sha256"` // of the CMS
	Reason  signing.Reason  `json:"reason"`
}

// SignatureDiscarded: a signature that had to wait is not accepted, and another may be given.
type SignatureDiscarded struct {
	Progress
	Purpose  signing.Purpose `json:"purpose"`
	SHA256   string          `json:"sha256"` // of the CMS
	Reason   signing.Reason  `json:"reason"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// Registered: the request has its number, and the licensor's term runs.
type Registered struct {
	Progress
	Number string `json:"number"`
	// RegisteredOn is the day of registration in the licensor's time: the next working day after
	// office hours or on a day off. It does not count towards the term.
	RegisteredOn string `json:"registered_on"`
}

// DecisionDrafted says what the licensor's decision is to be.
type DecisionDrafted struct {
	Progress
	Decision
	Drafter string `json:"drafter,omitempty"` // IIN of who drafted it
	// Content are the exact bytes that the authorized person signs.
	Content json.RawMessage `json:"content"`
}

// Certified is the signature of the authorized person under a decision.
type Certified struct {
	Subject  string          `json:"subject"` // IIN of the certificate
	Serial   string          `json:"serial"`
	Digest   string          `json:"digest"` // SHA-256 of the signed bytes, hex
	Method   string          `json:"method"`
	Evidence json.RawMessage `json:"evidence,omitempty"`
}

// Approved is the licensor's positive decision. It ends the step of deciding; the license follows
// from it, and the procedure is over when it exists.
type Approved struct {
	Progress
	Order string `json:"order,omitempty"` // basis: the licensor's order
	// ValidUntil is the last day of the license, empty for no end.
	ValidUntil string `json:"valid_until,omitempty"`
	Signatory  string `json:"signatory"` // the authorized person
	// Signature is that person's, since schema 2.
	Signature *Certified `json:"signature,omitempty"`
	// PaymentProof is by what the officer saw that the fee was paid, where the procedure has no step of
	// paying: the SHA-256 of a document of the application, ProofShown or FeeNotDue. Since schema 2.
	PaymentProof string `json:"payment_proof,omitempty"`
}

// Stage is where an application was refused.
type Stage string

// The stages of refusal.
const (
	AtPayment   Stage = "payment"
	AtSignature Stage = "signature"
	AtRegisters Stage = "registers"
	AtDecision  Stage = "decision"
)

// Refused ends the application without a result.
type Refused struct {
	Progress
	Stage Stage `json:"stage"`
	// Ground is a token of the closed list of grounds; Text is the wording for the applicant.
	Ground    Ground `json:"ground"`
	Text      string `json:"text,omitempty"`
	Signatory string `json:"signatory,omitempty"`
	// Signature is the authorized person's under a decision. Reason says what speaks against the
	// applicant's certificate, and Evidence is what that rests on. All three are since schema 2.
	Signature *Certified      `json:"signature,omitempty"`
	Reason    signing.Reason  `json:"reason,omitempty"`
	Evidence  json.RawMessage `json:"evidence,omitempty"`
}

// Completed: the license that the approval called for exists.
type Completed struct {
	Progress
	License string `json:"license"`
}

// Withdrawn: the applicant took the application back.
type Withdrawn struct {
	Progress
	Reason string `json:"reason,omitempty"`
}

// Delivered: the applicant has the result in hand.
type Delivered struct {
	Progress
	To string `json:"to"` // "cabinet", "hand" or "center"
}

// Rated: the applicant answered the act's questionnaire; 1 not satisfied, 2 partly, 3 satisfied.
type Rated struct {
	Progress
	Quality      int `json:"quality"`
	Availability int `json:"availability"`
}

func (Opened) EventType() (string, int)              { return "application-opened", 2 }
func (ApplicantConfirmed) EventType() (string, int)  { return "applicant-confirmed", 3 }
func (ApplicantNotFound) EventType() (string, int)   { return "applicant-not-found", 2 }
func (Filed) EventType() (string, int)               { return "application-filed", 2 }
func (CertificateAccepted) EventType() (string, int) { return "certificate-accepted", 2 }
func (Signed) EventType() (string, int)              { return "application-signed", 4 }
func (SignatureReceived) EventType() (string, int)   { return "signature-received", 1 }
func (SignatureDiscarded) EventType() (string, int)  { return "signature-discarded", 1 }
func (DecisionDrafted) EventType() (string, int)     { return "decision-drafted", 1 }
func (Registered) EventType() (string, int)          { return "application-registered", 2 }
func (Approved) EventType() (string, int)            { return "application-approved", 2 }
func (Refused) EventType() (string, int)             { return "application-refused", 2 }
func (Completed) EventType() (string, int)           { return "application-completed", 1 }
func (Withdrawn) EventType() (string, int)           { return "application-withdrawn", 1 }
func (Delivered) EventType() (string, int)           { return "result-delivered", 1 }
func (Rated) EventType() (string, int)               { return "service-rated", 1 }

// extended reads an event of a type whose every schema has what the one before had and more: what an
// earlier one lacks stays empty.
func extended[P domain.Payload](e domain.Event) (domain.Payload, error) {
	var p P
	if _, schema := p.EventType(); e.Schema > 0 && e.Schema < schema {
		e.Schema = schema
	}
	return domain.Decode[P](e)
}

// Decode makes today's payload of a stored event. An event of a type or schema that was never
// written is ErrDamaged.
func Decode(e domain.Event) (domain.Payload, error) {
	switch e.Type {
	case "application-opened":
		return extended[Opened](e)
	case "applicant-confirmed":
		return extended[ApplicantConfirmed](e)
	case "applicant-not-found":
		return extended[ApplicantNotFound](e)
	case "application-filed":
		return extended[Filed](e)
	case "payment-requested":
		return extended[PaymentRequested](e)
	case "payment-not-required":
		return domain.Decode[PaymentNotRequired](e)
	case "payment-unmatched":
		return domain.Decode[PaymentUnmatched](e)
	case "application-paid":
		return extended[Paid](e)
	case "certificate-accepted":
		return extended[CertificateAccepted](e)
	case "application-signed":
		return extended[Signed](e)
	case "signature-received":
		return domain.Decode[SignatureReceived](e)
	case "signature-discarded":
		return domain.Decode[SignatureDiscarded](e)
	case "decision-drafted":
		return domain.Decode[DecisionDrafted](e)
	case "application-registered":
		return extended[Registered](e)
	case "application-approved":
		return extended[Approved](e)
	case "application-refused":
		return extended[Refused](e)
	case "application-completed":
		return domain.Decode[Completed](e)
	case "application-withdrawn":
		return domain.Decode[Withdrawn](e)
	case "result-delivered":
		return domain.Decode[Delivered](e)
	case "service-rated":
		return domain.Decode[Rated](e)
	}
	return nil, fmt.Errorf("application event %q: %w", e.Type, domain.ErrDamaged)
}
