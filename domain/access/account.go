package access

import (
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// What follows is in which words the server and the accounts speak of who somebody is. It is data alone:
// the accounts keep it (package accounts of the adapters), the gate asks for it.

// Assignment is a role that somebody has, for an organization where the role is one of an organization.
type Assignment struct {
	Role         domain.Role `json:"role"`
	Organization string      `json:"organization,omitempty"` // slug of the licensor or service center
}

func (a Assignment) String() string {
	if a.Organization == "" {
		return string(a.Role)
	}
	return string(a.Role) + " of " + a.Organization
}

// Check is domain.ErrInvalid for a role that is none, or stands for the wrong kind of organization.
func (a Assignment) Check() error {
	organized := a.Role == domain.RoleOfficer || a.Role == domain.RoleHead || a.Role == domain.RoleOperator
	switch {
	case !slices.Contains(Roles(), a.Role):
		return fmt.Errorf("role %q: there are %v: %w", a.Role, Roles(), domain.ErrInvalid)
	case organized && a.Organization == "":
		return fmt.Errorf("role %s: needs an organization: %w", a.Role, domain.ErrInvalid)
	case !organized && a.Organization != "":
		return fmt.Errorf("role %s: is not one of an organization: %w", a.Role, domain.ErrInvalid)
	}
	return nil
}

// Stamp is who did something, and when.
type Stamp struct {
	At time.Time `json:"at"`
	By string    `json:"by"` // id of an account, or where else it came from
}

// Account is somebody who can log in.
type Account struct {
	// ID stands in the events of what the account did, so it is never given twice.
	ID    string `json:"id"`
	Login string `json:"login,omitempty"` // what goes with a password; "" where there is none
	Name  string `json:"name"`
	// Identifier is the IIN or BIN of the applicant, or of the employee, "" where it is not known.
	Identifier string `json:"identifier,omitempty"`
	// Person is the IIN of who acts for the organization whose BIN is the Identifier.
	Person string       `json:"person,omitempty"`
	Roles  []Assignment `json:"roles"`
	// Issuer and Subject are who the account is at the OpenID provider, "" where it is from none. Its
	// roles then are what the provider says at each login.
	Issuer   string `json:"issuer,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	Created  Stamp  `json:"created"`
	Changed  Stamp  `json:"changed"`
}

// AccountInfo is an account as administrators see it.
type AccountInfo struct {
	Account
	Password bool `json:"has_password"`
}

// NewAccount is an account to be.
type NewAccount struct {
	ID         string // a new one where empty
	Login      string // required
	Name       string
	Identifier string
	Person     string
	Roles      []Assignment
}

// Edit is what to change of an account; what is empty stays.
type Edit struct{ Login, Name, Identifier, Person string }

// Lock is what an administrator sees of failed logins.
type Lock struct {
	Failures int       `json:"failures"`
	Until    time.Time `json:"until,omitzero"` // zero where it is not locked
}

// Visitor is who a session or an API token lets in.
type Visitor struct {
	// Actor stands in the events of what they do; its channel is for who lets them in to say.
	Actor      domain.Actor
	Identifier string // IIN or BIN, "" where it is not known
	Person     string // IIN of who acts for the organization of the Identifier
	Grant      Grant
	// Roles are all roles of the account, of which Grant has the one they act in. None for a token.
	Roles []Assignment
	// Session is how a session is called where it is listed, "" for a token.
	Session string
}

// Who is the visitor as far as access depends on it.
func (v Visitor) Who() Who {
	return Who{Identifier: v.Identifier, Organization: v.Actor.Organization}
}

// Opened is a session that has begun. The token is for a cookie of the name __Host-…, and so for one
// with Secure, HttpOnly, Path=/ and no Domain; nobody can be told it again.
type Opened struct {
	Token string
	Ends  time.Time // at the latest; a session that is not used ends earlier
	Visitor
}

// From is where somebody comes from.
type From struct {
	Address string // as the connection has it, with or without a port; "" for none
	// Previous is the id of the session in which they come, "" for none: a login ends it.
	Previous string
	// As is the role to begin in; the account's first where zero.
	As Assignment
}

// Password is a login by password.
type Password struct {
	Login, Password string
	From
}

// Signed is a login by certificate: a challenge, and the signature over it.
type Signed struct {
	Challenge string
	CMS       []byte
	From
}

// Returned is what came back from an OpenID provider: the cookie that was kept in the browser meanwhile and
// the query of the address that the browser was sent to.
type Returned struct {
	Cookie      string
	State, Code string
	Error       string // a code of OAuth, where the provider refused
	From
}

// SessionInfo is a session as its owner and administrators see it.
type SessionInfo struct {
	ID      string     `json:"id"`
	Account string     `json:"account"`
	As      Assignment `json:"as"`
	Method  string     `json:"method"`
	Address string     `json:"address,omitempty"`
	Began   time.Time  `json:"began"`
	Seen    time.Time  `json:"seen"`
	Ends    time.Time  `json:"ends"` // unless it is used
}

// TokenPrefix begins every API token, so that one is recognized where it should not be.
const TokenPrefix = "tzl_"

// Token is an API token: a system that acts by itself, in one role, for as long as it is good.
type Token struct {
	// Name is unique, and with "token:" before it the account in the events of what the system does.
	Name       string     `json:"name"`
	As         Assignment `json:"as"`
	Identifier string     `json:"identifier,omitempty"` // IIN or BIN, where it acts for an applicant
	Grant      Grant      `json:"grant"`                // the role, narrowed
	Expires    time.Time  `json:"expires,omitzero"`     // never where zero
	Created    Stamp      `json:"created"`
	Revoked    Stamp      `json:"revoked,omitzero"`   // zero where it is not
	LastUsed   time.Time  `json:"last_used,omitzero"` // to within some minutes
}

// Good reports whether the token lets somebody in.
func (t Token) Good(now time.Time) bool {
	return t.Revoked.At.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

// NewToken is a token to be.
type NewToken struct {
	Name       string
	As         Assignment
	Identifier string
	ReadOnly   bool
	Actions    []Action  // the only ones; all of the role's where there are none
	Expires    time.Time // never where zero
}

// Entry is one entry of the access log: who did what with whose data.
type Entry struct {
	At time.Time `json:"at"` // the moment where zero
	// Account is the id of who did it, as in the events; "" for somebody who is not logged in.
	Account      string      `json:"account,omitempty"`
	Role         domain.Role `json:"role,omitempty"`
	Organization string      `json:"organization,omitempty"`
	Address      string      `json:"address,omitempty"` // stored without a port, and of IPv6 the network
	// Action is what was done: an Action, or a word of the accounts.
	Action string `json:"action"`
	// Kind and Thing are what it was done with: application, license, document, account, and its id.
	Kind  string `json:"kind,omitempty"`
	Thing string `json:"thing,omitempty"`
	// Person is the IIN or BIN of whom the data is of, "" where that is nobody.
	Person string `json:"person,omitempty"`
	Route  string `json:"route,omitempty"` // by which way, such as the route of the request
}

// Question is what to look for in the access log; what is empty does not matter.
type Question struct {
	Person      string
	Account     string
	From, Until time.Time // from, and before
	Before      int64     // the Next of the page before
	Limit       int       // 100 where 0
}

// Found is a page of the access log, the last first.
type Found struct {
	Entries []Entry
	Next    int64 // for Question.Before, 0 where the page is the last
}
