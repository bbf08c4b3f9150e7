package v1

import "time"

// License is a license or permit as the caller may see it: the public sees a natural person's IIN
// masked, and neither their address nor what led to the license. Where a write was recorded but
// cannot be read yet, only number, status "being-recorded" and version are there.
type License struct {
	Number        string            `json:"number"`
	Version       uint64            `json:"version"`
	Status        string            `json:"status" enum:"active,suspended,reissued,terminated,expired,being-recorded"`
	Kind          string            `json:"kind,omitempty" doc:"license or permit"`
	Service       string            `json:"service,omitempty"`
	Activity      Text              `json:"activity,omitempty"`
	Subactivities []string          `json:"subactivities,omitempty"`
	Licensor      *Licensor         `json:"licensor,omitempty"`
	Licensee      *Licensee         `json:"licensee,omitempty"`
	Sites         []Site            `json:"sites,omitempty"`
	IssuedOn      string            `json:"issued_on,omitempty"`
	FirstIssuedOn string            `json:"first_issued_on,omitempty"`
	ValidUntil    string            `json:"valid_until,omitempty" doc:"Last day; absent for no end"`
	Suspension    *Suspension       `json:"suspension,omitempty"`
	Termination   *Termination      `json:"termination,omitempty"`
	Signature     *LicenseSignature `json:"signature,omitempty" doc:"The authorized person's; absent while nobody has signed"`
	Waiting       *Signature        `json:"waiting_signature,omitempty" doc:"A signature that could not be judged when it came, and what became of it; for those who work for the licensor"`
	Copies        int               `json:"copies" doc:"Duplicates given out"`
	Predecessor   string            `json:"predecessor,omitempty" doc:"The license this one was issued in place of"`
	Successor     string            `json:"successor,omitempty" doc:"The license that took this one's place"`
	Application   string            `json:"application,omitempty" doc:"The application it came of; for the licensor, the licensee and auditors"`
}

// LicenseSignature is the authorized person's signature under a license.
type LicenseSignature struct {
	Signatory string `json:"signatory,omitempty" doc:"Who signed; for the licensor, the licensee and auditors"`
	On        string `json:"on"`
}

// Licensee is who holds a license.
type Licensee struct {
	ID      string `json:"id" doc:"IIN or BIN; a natural person's IIN is masked for the public"`
	Kind    string `json:"kind" enum:"iin,bin"`
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
}

// Site is a place of the activity.
type Site struct {
	ID      string `json:"id"`
	Kind    string `json:"kind" doc:"branch, object or point"`
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Suspension is the present or latest suspension.
type Suspension struct {
	From   string `json:"from"`
	Until  string `json:"until"`
	Reason string `json:"reason"`
	Order  string `json:"order,omitempty"`
}

// Termination is why and when a license ended.
type Termination struct {
	On     string `json:"on"`
	Ground string `json:"ground"`
	Text   string `json:"text,omitempty"`
	Order  string `json:"order,omitempty"`
}

// Licenses is a page of the register.
type Licenses struct {
	Items []License `json:"items"`
	Next  string    `json:"next,omitempty" doc:"Cursor of the next page; absent on the last one"`
}

// Suspend asks for a suspension, from and until both included.
type Suspend struct {
	From   string `json:"from" maxLength:"10"`
	Until  string `json:"until" maxLength:"10"`
	Reason string `json:"reason" maxLength:"2000"`
	Order  string `json:"order,omitempty" maxLength:"200"`
}

// Resume asks for the end of a suspension.
type Resume struct {
	On     string `json:"on,omitempty" maxLength:"10" doc:"Today where absent"`
	Reason string `json:"reason,omitempty" maxLength:"2000"`
	Order  string `json:"order,omitempty" maxLength:"200"`
}

// Terminate asks for the end of a license.
type Terminate struct {
	On     string `json:"on,omitempty" maxLength:"10" doc:"Today where absent"`
	Ground string `json:"ground" enum:"expired,performed,revoked,liquidated,own-request,law-changed"`
	Text   string `json:"text,omitempty" maxLength:"4000"`
	Order  string `json:"order,omitempty" maxLength:"200"`
}

// NewSite asks for a site to be entered.
type NewSite struct {
	Kind    string `json:"kind" enum:"branch,object,point"`
	Name    string `json:"name,omitempty" maxLength:"300"`
	Address string `json:"address" maxLength:"500"`
}

// History is what befell an application or a license, the first event first.
type History struct {
	Items []HistoryEntry `json:"items"`
}

// HistoryEntry is one event. Who did it is named to staff only; the public sees role and organization
// and no data.
type HistoryEntry struct {
	Event    string    `json:"event" doc:"Id of the event"`
	Type     string    `json:"type"`
	Stream   string    `json:"stream"`
	Version  uint64    `json:"version"`
	Position uint64    `json:"position"`
	Time     time.Time `json:"time"`
	Actor    Actor     `json:"actor"`
	// Completes and Entered are the steps of the procedure that the event ends and begins.
	Completes []int `json:"completes,omitempty"`
	Enters    *int  `json:"enters,omitempty"`
	Data      any   `json:"data,omitempty" doc:"The event's own data"`
}

// Actor is who did something.
type Actor struct {
	ID           string `json:"id,omitempty"`
	Name         string `json:"name,omitempty"`
	Role         string `json:"role"`
	Organization string `json:"organization,omitempty"`
	Channel      string `json:"channel,omitempty"`
}
