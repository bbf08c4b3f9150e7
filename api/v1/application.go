package v1

import "time"

// Opening begins an application.
type Opening struct {
	Service   string    `json:"service" minLength:"1" maxLength:"100" doc:"Slug of the service"`
	Channel   string    `json:"channel" minLength:"1" maxLength:"20" doc:"portal, office or center"`
	Request   string    `json:"request" enum:"issue,reissue,duplicate"`
	Applicant Applicant `json:"applicant"`
	License   string    `json:"license,omitempty" maxLength:"40" doc:"For reissue and duplicate: the number of the license"`
	Reason    string    `json:"reason,omitempty" enum:"name,address,reorganization,activity-name" doc:"For reissue"`
}

// Applicant is who applies, by IIN or BIN.
type Applicant struct {
	ID string `json:"id" minLength:"1" maxLength:"30" doc:"IIN or BIN: 12 digits"`
}

// Filing is the filled-in form with its documents.
type Filing struct {
	Form      Form       `json:"form"`
	Documents []Attached `json:"documents,omitempty" maxItems:"50"`
}

// Form is what the applicant asks for.
type Form struct {
	Name          string    `json:"name,omitempty" maxLength:"300" doc:"The applicant's name as the license is to show it; the state registers' where absent"`
	Address       string    `json:"address,omitempty" maxLength:"500"`
	Subactivities []string  `json:"subactivities,omitempty" maxItems:"50" doc:"Parts of the activity asked for"`
	Sites         []NewSite `json:"sites,omitempty" maxItems:"200" doc:"Branches, objects and points of the activity"`
	Phone         string    `json:"phone,omitempty" maxLength:"50"`
	Email         string    `json:"email,omitempty" maxLength:"200"`
	Note          string    `json:"note,omitempty" maxLength:"2000"`
}

// Attached names an uploaded file as a document of the application.
type Attached struct {
	Name   string `json:"name" minLength:"1" maxLength:"200"`
	SHA256 string `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"As the upload answered"`
	Paper  bool   `json:"paper,omitempty" doc:"Scanned from paper by an employee"`
}

// Uploaded answers an upload.
type Uploaded struct {
	SHA256    string `json:"sha256"`
	Size      int64  `json:"size" doc:"Bytes"`
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
}

// Document is a document of an application.
type Document struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Size      int64  `json:"size" doc:"Bytes"`
	SHA256    string `json:"sha256"`
	Paper     bool   `json:"paper,omitempty"`
}

// Signing brings a signature over the bytes of GET …/signature.
type Signing struct {
	Signature string `json:"signature" minLength:"1" maxLength:"100000" doc:"The signature, base64"`
}

// Decision is what the licensor's decision is to be: a draft until the authorized person signs it.
type Decision struct {
	Decision   string `json:"decision" enum:"approve,refuse"`
	Order      string `json:"order,omitempty" maxLength:"200" doc:"The licensor's order the approval rests on"`
	ValidUntil string `json:"valid_until,omitempty" maxLength:"10" doc:"Last day of the license; absent for no end"`
	Holder     string `json:"holder,omitempty" maxLength:"30" doc:"Where another than the applicant holds the license concerned: that holder's IIN or BIN, to confirm it"`
	Ground     string `json:"ground,omitempty" enum:"activity-forbidden,fee-not-paid,not-qualified,not-agreed,court-decision,documents-incorrect" doc:"Ground of a refusal"`
	Text       string `json:"text,omitempty" maxLength:"4000" doc:"Wording of a refusal for the applicant"`
	// PaymentProof is for procedures without a step of paying.
	PaymentProof string `json:"payment_proof,omitempty" maxLength:"64" doc:"For an approval where the fee is not paid through the payment gateway: the SHA-256 of the application's document that proves the payment, 'shown' where it was shown on paper, or 'not-due' where nothing is to be paid"`
}

// Withdrawal takes an application back.
type Withdrawal struct {
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// Delivery records that the applicant has the result.
type Delivery struct {
	To string `json:"to" enum:"cabinet,hand,center"`
}

// Rating answers the act's questionnaire: 1 not satisfied, 2 partly, 3 satisfied.
type Rating struct {
	Quality      int `json:"quality"`
	Availability int `json:"availability"`
}

// Application is an application. Where a write was recorded but cannot be read yet, only id, status
// "being-recorded" and version are there.
type Application struct {
	ID        string  `json:"id"`
	Version   uint64  `json:"version"`
	Status    string  `json:"status" enum:"draft,in-progress,examined,approved,completed,refused,withdrawn,being-recorded"`
	Service   string  `json:"service,omitempty"`
	Channel   string  `json:"channel,omitempty"`
	Act       string  `json:"act,omitempty" doc:"The act it runs under to its end"`
	Wording   string  `json:"wording,omitempty" doc:"The content of the act's file that it stays on; act.wording names it as ?act= of the services does"`
	Request   string  `json:"request,omitempty"`
	Licensor  string  `json:"licensor,omitempty"`
	License   string  `json:"license,omitempty" doc:"The license to be reissued or duplicated"`
	Holder    string  `json:"holder,omitempty" doc:"IIN or BIN of who holds that license, where it is not the applicant"`
	Reason    string  `json:"reason,omitempty"`
	Applicant *Person `json:"applicant,omitempty"`

	OpenedAt  *time.Time `json:"opened_at,omitempty"`
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
	Step      *OpenStep  `json:"step,omitempty" doc:"The step the application waits in; absent when the procedure is over"`

	Form         *Form      `json:"form,omitempty"`
	Documents    []Document `json:"documents,omitempty"`
	Payment      *Payment   `json:"payment,omitempty"`
	Unmatched    []Returned `json:"payments_to_return,omitempty" doc:"Payments that came and do not pay the application: people return them"`
	SignedBy     string     `json:"signed_by,omitempty" doc:"IIN or BIN of the certificate; not for an applicant whose request an operator signed"`
	Number       string     `json:"number,omitempty" doc:"Registration number"`
	RegisteredOn string     `json:"registered_on,omitempty"`
	Signature    *Signature `json:"signature,omitempty" doc:"A signature that cannot be judged yet, or that was not accepted once it could"`
	Draft        *Draft     `json:"draft,omitempty" doc:"What the decision is to be, until it is signed; for the licensor and for supervision"`
	Approval     *Approval  `json:"approval,omitempty"`
	Refusal      *Refusal   `json:"refusal,omitempty"`
	Result       string     `json:"result,omitempty" doc:"Number of the license that came of it"`
	Delivery     string     `json:"delivery,omitempty"`
	Rating       *Rating    `json:"rating,omitempty"`
}

// Person is an applicant as the registry knows them.
type Person struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	// Organization, Unit and Warnings are what the identifier itself tells.
	Organization string   `json:"organization,omitempty" enum:"resident,non-resident,joint" doc:"Kind of organization that a BIN is of"`
	Unit         string   `json:"unit,omitempty" enum:"head,branch,representative,farm" doc:"Unit of it that a BIN is of"`
	Warnings     []string `json:"warnings,omitempty" doc:"What is odd about the identifier and no reason to refuse it: iin-century, iin-date, bin-unit"`
}

// OpenStep is the step that an application waits in.
type OpenStep struct {
	Number int        `json:"number"`
	Action string     `json:"action"`
	Role   string     `json:"role,omitempty" doc:"Who acts: applicant, officer, operator or system"`
	Due    *time.Time `json:"due,omitempty" doc:"By when the step has to be left"`
	DueDay string     `json:"due_day,omitempty" doc:"The last day of a term that is counted in days, to its end; due is the instant after it"`
}

// Signature is where a signature stands that had to wait.
type Signature struct {
	Status  string    `json:"status" enum:"pending,discarded" doc:"pending: it is judged by itself once that can be done; discarded: sign again"`
	Purpose string    `json:"purpose" enum:"request,entry,decision"`
	Reason  string    `json:"reason"`
	Text    string    `json:"text" doc:"The reason in words"`
	At      time.Time `json:"at" doc:"When it came, or was discarded"`
}

// Draft is a decision that is not signed yet.
type Draft struct {
	Decision
	By string    `json:"by" doc:"Account of who drafted it"`
	At time.Time `json:"at"`
}

// Approval is a positive decision.
type Approval struct {
	Order      string `json:"order,omitempty"`
	ValidUntil string `json:"valid_until,omitempty"`
	Signatory  string `json:"signatory"`
	// PaymentProof is as in the decision.
	PaymentProof string `json:"payment_proof,omitempty" doc:"By what the officer saw that the fee was paid"`
}

// Refusal is why an application ended without a result.
type Refusal struct {
	Stage     string `json:"stage"`
	Ground    string `json:"ground"`
	Text      string `json:"text,omitempty"`
	Signatory string `json:"signatory,omitempty"`
	Reason    string `json:"reason,omitempty" doc:"What speaks against the certificate, at the stage of the signature"`
	// ReasonText is the reason in words.
	ReasonText string `json:"reason_text,omitempty" doc:"The same in words"`
}

// Evidence is what the verdicts on an application's signatures rest on.
type Evidence struct {
	Items []Judged `json:"items"`
}

// Judged is one signature that was judged.
type Judged struct {
	Event    string    `json:"event" doc:"The event that keeps it"`
	Type     string    `json:"type"`
	Time     time.Time `json:"time"`
	Purpose  string    `json:"purpose" enum:"request,entry,decision"`
	Signed   []byte    `json:"signed" doc:"The exact bytes that had to be signed, base64"`
	Evidence any       `json:"evidence" doc:"The verifier's document. Lists of revoked certificates are under …/evidence/{sha256}"`
}

// Applications is a page of applications, the latest change first.
type Applications struct {
	Items []Application `json:"items"`
	Next  string        `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}
