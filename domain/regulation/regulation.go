// Package regulation holds the acts that regulate licensing as data: the services an act regulates,
// the procedure of each service through each channel, and the steps of each procedure with their
// actors, actions, deadlines and branches.
//
// The acts are the YAML files in acts/, embedded. A file is the act as it is printed together with
// what is in effect where the print contradicts itself; each such difference is a numbered
// discrepancy with its reason. Load reads and checks them; a Catalog is what passed. The state
// machine in domain/application is driven by the steps' action tokens alone, so another country's
// act is another file.
//
// To write an act, copy one of acts/: the fields are those of Act and what it holds. Wordings stand
// exactly as printed; a cell that is empty is written empty; a cell that a cut table lost is left
// out. What is in effect (roles, actions, next steps, terms) follows the numbered text. "to: end"
// is the end of a procedure in a refusal that has no step. Where a deadline or a next step in effect
// is not the printed one, the step names a discrepancy whose cells have "deadline" or "next"; where
// the table is cut, "cut". Load names the file, the line and the reason of everything it refuses.
package regulation

import (
	"slices"
	"time"
)

// Text is a wording by language: "ru", "kk", "en". What is printed has the languages of the act alone
// (Act.Languages); where a title has others, they are ours.
type Text map[string]string

// Wording is the text in the language, or in the first of ru, kk, en that there is, and which one it is.
func (t Text) Wording(lang string) (wording, in string) {
	for _, l := range []string{lang, "ru", "kk", "en"} {
		if t[l] != "" {
			return t[l], l
		}
	}
	return "", ""
}

// Channel is a way an application comes in.
type Channel string

// The channels: the e-government portal, the licensor's own office, the public service center.
const (
	Portal Channel = "portal"
	Office Channel = "office"
	Center Channel = "center"
)

// Request is what an application asks for.
type Request string

// The kinds of request.
const (
	Issue     Request = "issue"
	Reissue   Request = "reissue"
	Duplicate Request = "duplicate"
)

// Act is a legal act that approves the regulations of one or more services.
type Act struct {
	// ID is our stable token for this wording of the act, such as "kz-minjust-2012-292"; it is stored
	// with every event decided under it.
	ID           string       `json:"id" yaml:"id"`
	Country      string       `json:"country" yaml:"country"` // ISO 3166 alpha-2
	Title        Text         `json:"title" yaml:"title"`
	Kind         Text         `json:"kind" yaml:"kind"` // "Приказ"
	Number       string       `json:"number" yaml:"number"`
	Date         Date         `json:"date" yaml:"date"`
	Body         Text         `json:"body" yaml:"body"` // who adopted it
	Registration Registration `json:"registration" yaml:"registration"`
	Repeal       *Repeal      `json:"repeal" yaml:"repeal"`
	Amendments   []Amendment  `json:"amendments" yaml:"amendments"`
	// Languages are the languages that the act is printed in; wordings in others are ours.
	Languages []string `json:"languages" yaml:"languages"`
	// EffectiveFrom is the first day this wording applies to newly opened applications. The acts
	// come into force some days after publication; where the day is not printed, it is the day of
	// registration, and a discrepancy says so.
	EffectiveFrom Date `json:"effective_from" yaml:"effective_from"`
	// Provisions are the preamble and the items of the act itself, Agreed the bodies that it was agreed
	// with, Signatories who signed it, in order.
	Provisions    []Provision   `json:"provisions" yaml:"provisions"`
	Agreed        []Text        `json:"agreed" yaml:"agreed"`
	Signatories   []Text        `json:"signatories" yaml:"signatories"`
	Services      []*Service    `json:"services" yaml:"services"`
	Discrepancies []Discrepancy `json:"discrepancies" yaml:"discrepancies"`

	// File is the file the act was read from, Source its content, and Wording the name of that content:
	// the first twelve hexadecimal digits of its SHA-256. It is stored with every application opened
	// under the act, which stays on it whatever becomes of the file.
	File    string `json:"-" yaml:"-"`
	Source  []byte `json:"-" yaml:"-"`
	Wording string `json:"-" yaml:"-"`
}

// Printed is what the act prints in the language, or, where it is not printed in that, in the first one
// that it is printed in: an empty cell stays empty, though another language's may have something.
func (a *Act) Printed(t Text, lang string) string {
	if !slices.Contains(a.Languages, lang) {
		lang = a.Languages[0]
	}
	return t[lang]
}

// Registration is the entry of the act in the register of the Ministry of Justice.
type Registration struct {
	Number string `json:"number" yaml:"number"`
	Date   Date   `json:"date" yaml:"date"`
}

// Repeal is the act that repealed this one. A repeal is a printed fact: the registry goes on
// applying the newest wording it has until a file with a later one is given.
type Repeal struct {
	By   string `json:"by" yaml:"by"`
	Date Date   `json:"date" yaml:"date"`
}

// Amendment is an act that changed this one.
type Amendment struct {
	By   string `json:"by" yaml:"by"`
	Date Date   `json:"date" yaml:"date"`
	Note string `json:"note" yaml:"note"`
}

// Date is a day, YYYY-MM-DD.
type Date string

// Time is the start of the day in UTC, zero where the date is empty.
func (d Date) Time() time.Time {
	t, _ := time.Parse(time.DateOnly, string(d))
	return t
}

// Service is one licensing service.
type Service struct {
	Slug     string   `json:"slug" yaml:"slug"`
	Title    Text     `json:"title" yaml:"title"`
	Activity Text     `json:"activity" yaml:"activity"` // what the license permits
	Licensor Licensor `json:"licensor" yaml:"licensor"`
	Standard Text     `json:"standard" yaml:"standard"` // the service standard it rests on
	// Automation is the printed degree of automation.
	Automation Text `json:"automation" yaml:"automation"`
	// Requests are the kinds of request offered.
	Requests []Request `json:"requests" yaml:"requests"`
	// Applicants are the identifiers accepted: "iin", "bin", or both.
	Applicants []string `json:"applicants" yaml:"applicants"`
	// Result is "license" or "permit".
	Result string `json:"result" yaml:"result"`
	// Paid says whether the service is paid for.
	Paid bool `json:"paid" yaml:"paid"`
	// Systems are the external systems that its procedures ask.
	Systems []ExternalSystem `json:"systems" yaml:"systems"`
	// Provisions are the numbered items of the service's regulation as printed, but for those that are
	// its procedures.
	Provisions []Provision `json:"provisions" yaml:"provisions"`
	// Phones are the printed numbers for information, digits alone.
	Phones []string `json:"phones" yaml:"phones"`
	// Legend is the legend of the printed diagrams.
	Legend []LegendEntry `json:"legend" yaml:"legend"`
	// Screens are the printed screens of the request and the answer, Questionnaire asks the applicant in
	// the end. Nil where the act has none.
	Screens       []Screen       `json:"screens" yaml:"screens"`
	Questionnaire *Questionnaire `json:"questionnaire" yaml:"questionnaire"`
	// Discrepancies are the ids of the act's discrepancies that concern the service as a whole.
	Discrepancies []string     `json:"discrepancies" yaml:"discrepancies"`
	Procedures    []*Procedure `json:"procedures" yaml:"procedures"`

	Act *Act `json:"-" yaml:"-"`
}

// Licensor is the body that licenses.
type Licensor struct {
	Slug  string `json:"slug" yaml:"slug"`
	Title Text   `json:"title" yaml:"title"`
}

// Procedure is one service through one channel.
type Procedure struct {
	Channel Channel `json:"channel" yaml:"channel"`
	// Item is the number of the regulation's item whose text the procedure is, Heading that item's own
	// sentence, Caption what stands over the step table.
	Item    string `json:"item" yaml:"item"`
	Heading Text   `json:"heading" yaml:"heading"`
	Caption Text   `json:"caption" yaml:"caption"`
	// Discrepancies are the ids of the act's discrepancies that concern the numbered text or the
	// procedure as a whole.
	Discrepancies []string `json:"discrepancies" yaml:"discrepancies"`
	// Text is the numbered text of the procedure, item by item, as printed.
	Text []Item `json:"text" yaml:"text"`
	// Steps are the columns of the printed step table, in order.
	Steps []*Step `json:"steps" yaml:"steps"`

	Service *Service `json:"-" yaml:"-"`
}

// Item is one item of a procedure's numbered text.
type Item struct {
	Kind    string `json:"kind" yaml:"kind"`     // "process" or "condition"; "" for an item that is neither
	Number  *int   `json:"number" yaml:"number"` // процесс N, условие N; null for an item that is neither
	Wording Text   `json:"wording" yaml:"wording"`
}

// Step is one step of a procedure.
type Step struct {
	Number     int      `json:"number" yaml:"number"`
	Actor      Actor    `json:"actor" yaml:"actor"`
	Action     Action   `json:"action" yaml:"action"`
	Wording    Text     `json:"wording" yaml:"wording"`       // the printed action
	Completion Text     `json:"completion" yaml:"completion"` // the printed completion form; empty where the cell is empty
	Deadline   Deadline `json:"deadline" yaml:"deadline"`
	// NextPrinted is the printed cell "number of the next action", as it stands; empty where it is.
	NextPrinted Text `json:"next_printed" yaml:"next_printed"`
	// Next are the steps that follow in effect. A step without one ends the procedure.
	Next []Edge `json:"next" yaml:"next"`
	// Discrepancies are the ids of the act's discrepancies that concern the step.
	Discrepancies []string `json:"discrepancies" yaml:"discrepancies"`
}

// Actor is who carries a step out: as printed, and the role that acts in effect.
type Actor struct {
	Printed Text `json:"printed" yaml:"printed"`
	Role    Role `json:"role" yaml:"role"`
}

// Role is who acts in a step.
type Role string

// The roles that act in a step. System is a machine: the portal, a gateway, a state database, the registry.
const (
	Applicant Role = "applicant"
	Officer   Role = "officer"
	Operator  Role = "operator"
	System    Role = "system"
)

// Edge leads to the next step. To is the number of a step of the same procedure, or 0 (in the file:
// "to: end") where the procedure ends in a refusal without a step of its own.
type Edge struct {
	To   int     `json:"to" yaml:"to"`
	When Outcome `json:"when" yaml:"when"` // "" where the step has one way on
}

// Unit is what a deadline is counted in.
type Unit string

// The units.
const (
	Seconds     Unit = "seconds"
	WorkingDays Unit = "working_days"
)

// Deadline is the term of a step. Printed is the cell as it stands; the rest is in effect. Min and
// Max bound the term, Max is the deadline; both are nil where the step has none of its own ("-").
type Deadline struct {
	Printed Text `json:"printed" yaml:"printed"`
	Min     *int `json:"min" yaml:"min"`
	Max     *int `json:"max" yaml:"max"`
	Unit    Unit `json:"unit" yaml:"unit"` // "" where there is no term
	// ByRequest has the deadline by kind of request, in the same unit, where the act differs by kind;
	// otherwise it is empty and Max holds for every kind.
	ByRequest map[Request]int `json:"by_request" yaml:"by_request"`
}

// For is the deadline for a kind of request, false where the step has none.
func (d Deadline) For(r Request) (n int, unit Unit, ok bool) {
	if n, ok := d.ByRequest[r]; ok {
		return n, d.Unit, true
	}
	if d.Max == nil {
		return 0, "", false
	}
	return *d.Max, d.Unit, true
}

// Discrepancy is a place where the act contradicts itself, and what is in effect there. A step, a
// procedure or a service names the discrepancies that concern it; one that nothing names concerns
// the act itself, and its place begins with "act". What it says is ours, in English at least; what it
// quotes stands as printed in every language.
type Discrepancy struct {
	ID string `json:"id" yaml:"id"` // unique among all acts, such as "mert-242-07"
	// Cells are the cells of a step in which what is in effect is not what is printed.
	Cells []Cell `json:"cells" yaml:"cells"`
	// Place is the service, channel, table and step or item.
	Place   Text `json:"place" yaml:"place"`
	Printed Text `json:"printed" yaml:"printed"`
	Against Text `json:"against" yaml:"against"` // what the other place says
	Effect  Text `json:"effect" yaml:"effect"`   // what is in effect
	Reason  Text `json:"reason" yaml:"reason"`   // the rule that decided
}

// Cell is a cell of a step table that a discrepancy is about.
type Cell string

// The cells. CutCell is any that a cut table lost.
const (
	ActorCell    Cell = "actor"
	DeadlineCell Cell = "deadline"
	NextCell     Cell = "next"
	CutCell      Cell = "cut"
)

// Discrepancy is the act's discrepancy with the id, nil where it has none.
func (a *Act) Discrepancy(id string) *Discrepancy {
	for i := range a.Discrepancies {
		if a.Discrepancies[i].ID == id {
			return &a.Discrepancies[i]
		}
	}
	return nil
}

// Differs reports whether a discrepancy of the step is about the cell.
func (a *Act) Differs(s *Step, cell Cell) bool {
	return slices.ContainsFunc(s.Discrepancies, func(id string) bool {
		d := a.Discrepancy(id)
		return d != nil && slices.Contains(d.Cells, cell)
	})
}
