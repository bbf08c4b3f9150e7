package regulation

// Action is the token of what happens in a step. The set is closed: these are the actions that the
// state machine in domain/application understands.
type Action string

// The actions, in the order in which a procedure may meet them.
const (
	// Authorize lets the applicant or the employee in. It is complete when an application is opened.
	Authorize Action = "authorize"
	// RejectAuthorization tells a person that they were not let in. No application exists then.
	RejectAuthorization Action = "reject-authorization"
	// FillForm: the applicant chooses the service, fills in the request and attaches the documents.
	FillForm Action = "fill-form"
	// EnterApplicant: the officer or operator chooses the service and enters who applies.
	EnterApplicant Action = "enter-applicant"
	// QueryRegisters asks the state databases for the applicant's data.
	QueryRegisters Action = "query-registers"
	// AnswerRegisters forms their answer, or the message that they have none.
	AnswerRegisters Action = "answer-registers"
	// ReportAbsent tells that the applicant's data are absent there. It ends the procedure.
	ReportAbsent Action = "report-absent"
	// Pay: the applicant pays through the payment gateway.
	Pay Action = "pay"
	// RefuseUnpaid refuses for want of payment. It ends the procedure.
	RefuseUnpaid Action = "refuse-unpaid"
	// ChooseCertificate: the applicant chooses the certificate to sign with, and it is checked.
	ChooseCertificate Action = "choose-certificate"
	// RefuseSignature refuses because the signature's authenticity is not confirmed. It ends the procedure.
	RefuseSignature Action = "refuse-signature"
	// Sign: the applicant signs the request.
	Sign Action = "sign"
	// AttachDocuments: the officer marks and scans the paper documents and completes the form.
	AttachDocuments Action = "attach-documents"
	// AttachAndSign: the operator does the same and certifies it with the operator's own key.
	AttachAndSign Action = "attach-and-sign"
	// Send passes the signed request through the gateway to the registry.
	Send Action = "send"
	// Register registers the request; then the licensor examines it.
	Register Action = "register"
	// Refuse forms the licensor's refusal. It ends the procedure.
	Refuse Action = "refuse"
	// IssueResult forms the result: the electronic license or permit. It ends the procedure.
	IssueResult Action = "issue"
	// IssueOrRefuse forms the result or the reasoned refusal in one step. It ends the procedure.
	IssueOrRefuse Action = "issue-or-refuse"
)

// Outcome is the condition of a branch.
type Outcome string

// The outcomes. Always is the only way on of a step that does not branch.
const (
	Always       Outcome = ""
	Authorized   Outcome = "authorized"
	Unauthorized Outcome = "unauthorized"
	Found        Outcome = "found"
	Absent       Outcome = "absent"
	Paid         Outcome = "paid"
	Unpaid       Outcome = "unpaid"
	Valid        Outcome = "valid"
	Invalid      Outcome = "invalid"
	Approved     Outcome = "approved"
	Refused      Outcome = "refused"
)

// ways is the grammar of procedures: for each action the sets of outcomes its edges may carry. A
// step's edges must carry exactly one of these sets. An empty set ends the procedure.
var ways = map[Action][][]Outcome{
	Authorize:           {{Authorized, Unauthorized}, {Always}},
	RejectAuthorization: {{}},
	FillForm:            {{Always}},
	EnterApplicant:      {{Always}},
	QueryRegisters:      {{Always}, {Found, Absent}},
	AnswerRegisters:     {{Found, Absent}},
	ReportAbsent:        {{}},
	Pay:                 {{Paid, Unpaid}},
	RefuseUnpaid:        {{}},
	ChooseCertificate:   {{Valid, Invalid}},
	RefuseSignature:     {{}},
	Sign:                {{Always}},
	AttachDocuments:     {{Always}},
	AttachAndSign:       {{Always}},
	Send:                {{Always}},
	Register:            {{Approved, Refused}, {Always}},
	Refuse:              {{}},
	IssueResult:         {{}},
	IssueOrRefuse:       {{}},
}

// Known reports whether the state machine understands the action.
func (a Action) Known() bool { _, ok := ways[a]; return ok }

// Result reports whether the action can end a procedure with a license or permit.
func (a Action) Result() bool { return a == IssueResult || a == IssueOrRefuse }

// Step returns the step of the number, nil where there is none.
func (p *Procedure) Step(number int) *Step {
	for _, s := range p.Steps {
		if s.Number == number {
			return s
		}
	}
	return nil
}

// Start is the first step.
func (p *Procedure) Start() *Step { return p.Steps[0] }

// Follow returns the step that follows s with the outcome. A step that does not branch leads on
// whatever the outcome is. end is true where the procedure ends there; ok is false where s has no
// such way on.
func (p *Procedure) Follow(s *Step, outcome Outcome) (next *Step, end, ok bool) {
	for _, e := range s.Next {
		if e.When == outcome || e.When == Always {
			if e.To == 0 {
				return nil, true, true
			}
			return p.Step(e.To), false, true
		}
	}
	return nil, len(s.Next) == 0, len(s.Next) == 0
}

// Has reports whether some step of the procedure has the action.
func (p *Procedure) Has(a Action) bool {
	for _, s := range p.Steps {
		if s.Action == a {
			return true
		}
	}
	return false
}
