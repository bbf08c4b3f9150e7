package v1

// Services are all services.
type Services struct {
	Items []Service `json:"items"`
}

// Service is a licensing service in its wording in force.
type Service struct {
	Slug       string   `json:"slug"`
	Title      Text     `json:"title"`
	Activity   Text     `json:"activity" doc:"What the license permits"`
	Licensor   Licensor `json:"licensor"`
	Standard   Text     `json:"standard,omitempty" doc:"The service standard it rests on"`
	Requests   []string `json:"requests" doc:"issue, reissue, duplicate"`
	Applicants []string `json:"applicants" doc:"Accepted identifiers: iin, bin"`
	Result     string   `json:"result" enum:"license,permit"`
	Paid       bool     `json:"paid"`
	Channels   []string `json:"channels" doc:"portal, office, center"`
	Act        Act      `json:"act"`
}

// Licensor is the body that licenses.
type Licensor struct {
	Slug  string `json:"slug"`
	Title Text   `json:"title"`
}

// Act is the legal act that regulates a service.
type Act struct {
	ID            string `json:"id"`
	Title         Text   `json:"title"`
	Number        string `json:"number"`
	Date          string `json:"date"`
	EffectiveFrom string `json:"effective_from"`
}

// Procedure is a service through one channel: the steps as printed and as in effect.
type Procedure struct {
	Service       string        `json:"service"`
	Channel       string        `json:"channel"`
	Act           string        `json:"act"`
	Item          string        `json:"item,omitempty" doc:"Number of the regulation's item whose text this is"`
	Heading       Text          `json:"heading,omitempty" doc:"That item's own sentence"`
	Caption       Text          `json:"caption,omitempty" doc:"What stands over the step table"`
	Text          []Item        `json:"text" doc:"The numbered text of the procedure"`
	Steps         []Step        `json:"steps"`
	Discrepancies []Discrepancy `json:"discrepancies" doc:"Where the act contradicts itself in these steps, and what is in effect"`
}

// Item is one item of a procedure's numbered text.
type Item struct {
	Kind    string `json:"kind,omitempty" doc:"process or condition"`
	Number  *int   `json:"number,omitempty"`
	Wording Text   `json:"wording"`
}

// Step is one step of a procedure.
type Step struct {
	Number        int      `json:"number"`
	Role          string   `json:"role" enum:"applicant,officer,operator,system"`
	Actor         Text     `json:"actor" doc:"The actor as printed"`
	Action        string   `json:"action"`
	Wording       Text     `json:"wording"`
	Completion    Text     `json:"completion,omitempty"`
	Deadline      Deadline `json:"deadline"`
	NextPrinted   Text     `json:"next_printed,omitempty" doc:"The printed cell, by language"`
	Next          []Edge   `json:"next" doc:"The steps that follow in effect; none where the procedure ends"`
	Discrepancies []string `json:"discrepancies,omitempty"`
}

// Deadline is the term of a step, as printed and in effect.
type Deadline struct {
	Printed   Text           `json:"printed,omitempty" doc:"The printed cell, by language"`
	Min       *int           `json:"min,omitempty"`
	Max       *int           `json:"max,omitempty" doc:"The deadline; absent where the step has none"`
	Unit      string         `json:"unit,omitempty" doc:"seconds or working_days"`
	ByRequest map[string]int `json:"by_request,omitempty" doc:"The deadline by kind of request, where the act differs"`
}

// Edge leads to the next step; To is 0 where the procedure ends in a refusal.
type Edge struct {
	To   int    `json:"to"`
	When string `json:"when,omitempty"`
}

// Discrepancy is a place where the act contradicts itself.
type Discrepancy struct {
	ID      string   `json:"id"`
	Cells   []string `json:"cells,omitempty" doc:"The cells of a step in which what is in effect is not what is printed: actor, deadline, next, cut"`
	Place   Text     `json:"place"`
	Printed Text     `json:"printed,omitempty"`
	Against Text     `json:"against,omitempty" doc:"What another place says"`
	Effect  Text     `json:"effect"`
	Reason  Text     `json:"reason"`
}
