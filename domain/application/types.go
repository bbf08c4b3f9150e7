package application

import (
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Applicant is who applies: a natural person by IIN, an organization by BIN.
type Applicant struct {
	ID      string `json:"id"` // 12 digits
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
}

// ReissueReason is why a license is to be reissued.
type ReissueReason string

// The reasons for a reissue.
const (
	NameChanged     ReissueReason = "name"
	AddressChanged  ReissueReason = "address"
	Reorganized     ReissueReason = "reorganization"
	ActivityRenamed ReissueReason = "activity-name"
)

// Form is what the applicant asks for, as filled in.
type Form struct {
	// Name and Address are the applicant's, as the license is to show them.
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	// Subactivities are the parts of the activity asked for, in the applicant's words.
	Subactivities []string `json:"subactivities,omitempty"`
	// Sites are the branches, objects and points the activity is carried out at.
	Sites []Site `json:"sites,omitempty"`
	Phone string `json:"phone,omitempty"`
	Email string `json:"email,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Site is a branch, object or point the applicant asks for.
type Site struct {
	Kind    string `json:"kind"` // "branch", "object" or "point"
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Document is a file attached to an application. The file itself is kept by its digest.
type Document struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`            // bytes
	SHA256    string `json:"sha256"`          // hex
	Paper     bool   `json:"paper,omitempty"` // scanned from paper by an employee
}

// Ground is why an application was refused.
type Ground string

// The grounds. The first three are the machine's; the rest are the licensor's to choose from.
const (
	NoPayment          Ground = "no-payment"
	SignatureInvalid   Ground = "signature-invalid"
	NotInRegisters     Ground = "not-in-registers"
	ActivityForbidden  Ground = "activity-forbidden"  // the activity is forbidden to this class of persons
	FeeNotPaid         Ground = "fee-not-paid"        // the license fee was not paid
	NotQualified       Ground = "not-qualified"       // qualification requirements are not met
	NotAgreed          Ground = "not-agreed"          // an agreeing body answered no
	CourtDecision      Ground = "court-decision"      // a court forbids it
	DocumentsIncorrect Ground = "documents-incorrect" // documents are missing or untrue
)

// Grounds are the grounds a licensor may choose from.
var Grounds = []Ground{ActivityForbidden, FeeNotPaid, NotQualified, NotAgreed, CourtDecision, DocumentsIncorrect}

// Status is where an application stands, for people.
type Status string

// The statuses.
const (
	StatusDraft      Status = "draft"       // opened, not yet complete
	StatusInProgress Status = "in-progress" // filed: registers, payment, signature, registration
	StatusExamined   Status = "examined"    // registered: the licensor examines it
	StatusApproved   Status = "approved"    // decided; the license is being formed, no step is open
	StatusCompleted  Status = "completed"   // the license exists
	StatusRefused    Status = "refused"
	StatusWithdrawn  Status = "withdrawn"
)

// State is an application as its events left it.
type State struct {
	Exists    bool
	ID        string
	Service   string
	Channel   regulation.Channel
	Act       string
	Wording   string // of the act; empty for the one it has now
	Request   regulation.Request
	Licensor  string
	Applicant Applicant
	License   string // the license concerned, for reissue and duplicate
	Reason    ReissueReason
	Holder    string // who holds that license, where it is not the applicant
	OpenedBy  string // actor id
	OpenedFor string // organization of that actor: the licensor or service center, empty for applicants
	OpenedAt  time.Time

	Status       Status
	Step         int // the open step, 0 when there is none
	Action       regulation.Action
	Role         regulation.Role // who acts in it
	Due          *time.Time      // by when the open step has to be left
	Confirmed    bool            // the state registers know the applicant
	Form         *Form
	Documents    []Document
	Order        *PaymentRequested
	Payment      *Paid
	NothingDue   bool        // the request costs nothing
	Unmatched    []Unmatched // payments that came and are to be returned
	Signature    *Signed     // without its evidence, which stays in the log
	Pending      *Pending    // a signature that cannot be judged yet
	Discarded    *Discarded
	Draft        *Drafted // what the decision is to be, before it is signed
	Number       string   // registration number
	RegisteredOn string   // day of registration, YYYY-MM-DD
	Approval     *Approved
	Refusal      *Refused
	DecidedAt    time.Time // when it was approved or refused
	Result       string    // number of the license that came of it
	Delivery     string    // how the result was delivered, empty before
	Rating       *Rated
	Version      uint64
}

// Pending is a signature that waits to be judged.
type Pending struct {
	SignatureReceived
	By      domain.Actor
	At      time.Time // when the registry got it
	Version uint64    // of the event that brought it
}

// Discarded is a signature that had to wait and was not accepted, until another one comes.
type Discarded struct {
	Purpose signing.Purpose
	Reason  signing.Reason
	At      time.Time
}

// Drafted is the latest draft of the licensor's decision.
type Drafted struct {
	DecisionDrafted
	By domain.Actor
	At time.Time
}

// Over reports whether the procedure is over, well or not.
func (s State) Over() bool {
	return s.Status == StatusCompleted || s.Status == StatusRefused || s.Status == StatusWithdrawn
}

// AwaitsSignature reports whether the content is there and waits to be signed, by the applicant or, where the
// acts have it so, by the operator who entered it.
func (s State) AwaitsSignature() bool {
	return s.Form != nil && (s.Action == regulation.ChooseCertificate || s.Action == regulation.AttachAndSign)
}

// AwaitsRegistry reports whether the application waits for the registry itself: for what the open
// step leaves to the system, for the verdict on a signature, or for the license that an approval called for.
func (s State) AwaitsRegistry() bool {
	if s.Approval != nil {
		return s.Result == ""
	}
	if s.Pending != nil {
		return true
	}
	open := Entered{Step: s.Step, Action: s.Action, Role: s.Role}
	return open.AwaitsRegistry() && (s.Action != regulation.Pay || s.Order == nil)
}
