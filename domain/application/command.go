package application

import (
	"encoding/json"
	"time"

	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Command is one of the structs below: something somebody wants of an application. Each carries the
// time at which it is decided.
type Command interface{ command() }

// Open begins an application.
type Open struct {
	At        time.Time
	Service   string // slug
	Channel   regulation.Channel
	Request   regulation.Request
	Applicant Applicant
	// License is the number of the license concerned and Concerns its state, for reissue and
	// duplicate; Concerns is nil where there is no such license.
	License  string
	Concerns *license.State
	Reason   ReissueReason // for reissue
}

// File completes the request: the form and its documents.
type File struct {
	At        time.Time
	Form      Form
	Documents []Document
}

// AnswerRegisters brings the state registers' answer.
type AnswerRegisters struct {
	At      time.Time
	Found   bool
	Name    string
	Address string
	Source  string
	Answer  *RegisterAnswer // as it came
}

// Sign brings a verified signature over State.Content: the applicant's own, or in a service center
// the operator's.
type Sign struct {
	At       time.Time
	Subject  string // IIN or BIN of the signer's certificate
	Person   string // IIN of who signed for the organization that is the subject
	Serial   string
	Digest   string
	Method   string
	Evidence json.RawMessage
	// Pending is the version of the event that brought the signature, where it had to wait; 0 where it did
	// not. Meanwhile another may have taken its place.
	Pending uint64
}

// RejectSignature tells that a signature is not accepted. What speaks against the applicant's certificate
// refuses the application; anything else only the signature.
type RejectSignature struct {
	At       time.Time
	Purpose  signing.Purpose
	Reason   signing.Reason
	Evidence json.RawMessage
	Pending  uint64 // as in Sign
}

// ReceiveSignature brings a signature that cannot be judged yet.
type ReceiveSignature struct {
	At      time.Time
	Purpose signing.Purpose
	Signer  signing.Signer // whose it has to be
	CMS     []byte
	Reason  signing.Reason // why it has to wait
	By      string         // account
}

// Register gives the request its number; the day of registration follows from At.
type Register struct {
	At     time.Time
	Number string
}

// Draft says what the licensor's decision is to be. It decides nothing before the authorized person has
// signed it, and takes the place of an earlier draft. Concerns is the present state of the license that is
// to be reissued or duplicated, nil for a new one.
type Draft struct {
	At       time.Time
	Decision Decision
	Concerns *license.State
	Drafter  string // IIN, empty where the account has none
}

// SignDecision brings the authorized person's verified signature over Drafted.Content, and with it decides.
type SignDecision struct {
	At        time.Time
	Subject   string // IIN of the certificate
	Signatory string // the name in it
	Serial    string
	Digest    string
	Method    string
	Evidence  json.RawMessage
	By        string // account
	Concerns  *license.State
	Pending   uint64 // as in Sign
}

// Complete tells that the license exists.
type Complete struct {
	At      time.Time
	License string
}

// Withdraw takes the application back.
type Withdraw struct {
	At     time.Time
	Reason string
}

// Deliver records that the applicant has the result.
type Deliver struct {
	At time.Time
	To string // "cabinet", "hand" or "center"
}

// Rate answers the questionnaire: 1 not satisfied, 2 partly, 3 satisfied.
type Rate struct {
	At           time.Time
	Quality      int
	Availability int
}

func (Open) command()             {}
func (File) command()             {}
func (AnswerRegisters) command()  {}
func (Sign) command()             {}
func (RejectSignature) command()  {}
func (ReceiveSignature) command() {}
func (Register) command()         {}
func (Draft) command()            {}
func (SignDecision) command()     {}
func (Complete) command()         {}
func (Withdraw) command()         {}
func (Deliver) command()          {}
func (Rate) command()             {}
