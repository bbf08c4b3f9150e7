package v1

import (
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Role is a role, for an organization where the role is one of an organization.
type Role struct {
	Role         domain.Role `json:"role" enum:"applicant,officer,head,operator,auditor,admin"`
	Organization string      `json:"organization,omitempty" maxLength:"100" doc:"Slug of the licensor of an officer or head, or of the service center of an operator"`
}

// Challenge is a text to sign with one's certificate for logging in.
type Challenge struct {
	Challenge string `json:"challenge" doc:"Sign exactly these bytes, in UTF-8; good once, for five minutes"`
}

// Login is who somebody says that they are, and what proves it: login and password, or challenge and
// signature.
type Login struct {
	Login     string `json:"login,omitempty" maxLength:"100"`
	Password  string `json:"password,omitempty" maxLength:"1024"`
	Challenge string `json:"challenge,omitempty" maxLength:"1000" doc:"As POST /api/v1/challenges answered"`
	Signature string `json:"signature,omitempty" doc:"CMS over the challenge's bytes, with the certificate for logging in: base64 of its DER, or PEM"`
	As        *Role  `json:"as,omitempty" doc:"The role to begin in; the account's first where absent"`
}

// Session is a session that has begun.
type Session struct {
	Token string     `json:"token" doc:"For Authorization: Bearer …; nobody can be told it again"`
	Ends  *time.Time `json:"ends" doc:"At the latest; a session that is not used ends earlier"`
	Self  Self       `json:"self"`
}

// Self is who a token lets in.
type Self struct {
	ID         string   `json:"id" doc:"As in the events of what they do"`
	Name       string   `json:"name"`
	Identifier string   `json:"identifier,omitempty" doc:"IIN or BIN"`
	Person     string   `json:"person,omitempty" doc:"IIN of who acts for the organization"`
	As         Role     `json:"as" doc:"The role that they act in"`
	Roles      []Role   `json:"roles" doc:"All roles of the account; empty for a system's token"`
	Session    string   `json:"session,omitempty" doc:"How the session is called where it is listed; absent for a system's token"`
	ReadOnly   bool     `json:"read_only,omitempty" doc:"Of a token that changes nothing"`
	Actions    []string `json:"actions,omitempty" doc:"Of a narrowed token: the only actions"`
}

// PasswordChange is one's own change of a password.
type PasswordChange struct {
	Present string `json:"present,omitempty" maxLength:"1024" doc:"Absent where the account has none yet"`
	New     string `json:"new" maxLength:"1024"`
}

// NewPassword is a password that an administrator gives.
type NewPassword struct {
	Password string `json:"password" maxLength:"1024"`
}

// SessionInfo is a session that has not ended.
type SessionInfo struct {
	ID      string    `json:"id"`
	As      Role      `json:"as"`
	Method  string    `json:"method" enum:"password,certificate,openid" doc:"How they logged in"`
	Address string    `json:"address,omitempty" doc:"From where; of IPv6 the network"`
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen" doc:"Last used, to within a minute"`
	Ends    time.Time `json:"ends" doc:"Unless it is used"`
	Current bool      `json:"current,omitempty" doc:"The one that asks"`
}

// Sessions are the sessions of an account.
type Sessions struct {
	Items []SessionInfo `json:"items"`
}

// Stamp is who did something, and when.
type Stamp struct {
	At time.Time `json:"at"`
	By string    `json:"by" doc:"Id of an account, or where else it came from"`
}

// Account is an account as administrators see it.
type Account struct {
	ID          string `json:"id"`
	Login       string `json:"login,omitempty"`
	Name        string `json:"name"`
	Identifier  string `json:"identifier,omitempty" doc:"IIN or BIN"`
	Person      string `json:"person,omitempty" doc:"IIN of who acts for the organization"`
	Roles       []Role `json:"roles"`
	Issuer      string `json:"issuer,omitempty" doc:"The OpenID provider that the account and its roles are from"`
	Subject     string `json:"subject,omitempty" doc:"Who it is there"`
	Disabled    bool   `json:"disabled,omitempty"`
	HasPassword bool   `json:"has_password"`
	Created     Stamp  `json:"created"`
	Changed     Stamp  `json:"changed"`
	Lock        *Lock  `json:"lock,omitempty" doc:"Its failed logins; of one account alone"`
}

// Lock is what there is of failed logins.
type Lock struct {
	Failures int        `json:"failures"`
	Until    *time.Time `json:"until,omitempty" doc:"Locked until then"`
}

// Accounts are a page of accounts.
type Accounts struct {
	Items []Account `json:"items"`
	Next  string    `json:"next,omitempty" doc:"Cursor of the next page"`
}

// NewAccount is an account to be.
type NewAccount struct {
	Login      string `json:"login" minLength:"2" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]+$"`
	Name       string `json:"name" minLength:"1" maxLength:"200"`
	Identifier string `json:"identifier,omitempty" maxLength:"30" doc:"IIN of an employee, or IIN or BIN of an applicant; with it nobody decides an application of their own"`
	Person     string `json:"person,omitempty" maxLength:"30" doc:"Of an applicant with a BIN: the IIN of who acts for it"`
	Roles      []Role `json:"roles,omitempty" maxItems:"50"`
	Password   string `json:"password,omitempty" maxLength:"1024" doc:"Without one, they log in otherwise"`
}

// AccountEdit is what to correct of an account; what is absent stays.
type AccountEdit struct {
	Login      string `json:"login,omitempty" minLength:"2" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]+$"`
	Name       string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Identifier string `json:"identifier,omitempty" maxLength:"30" doc:"Another one ends the sessions"`
	Person     string `json:"person,omitempty" maxLength:"30" doc:"Another one ends the sessions"`
}

// Unlocked says whether there was something to forget.
type Unlocked struct {
	Unlocked bool `json:"unlocked"`
}

// Token is an API token without what it is.
type Token struct {
	Name       string     `json:"name"`
	As         Role       `json:"as"`
	Identifier string     `json:"identifier,omitempty" doc:"IIN or BIN, where it acts for an applicant"`
	ReadOnly   bool       `json:"read_only,omitempty"`
	Actions    []string   `json:"actions,omitempty" doc:"The only ones; all of the role's where absent"`
	Expires    *time.Time `json:"expires,omitempty" doc:"Never where absent"`
	Created    Stamp      `json:"created"`
	Revoked    *Stamp     `json:"revoked,omitempty"`
	LastUsed   *time.Time `json:"last_used,omitempty" doc:"To within five minutes"`
	Token      string     `json:"token,omitempty" doc:"The token itself, where it was made just now; nobody can be told it again"`
}

// Tokens are all API tokens.
type Tokens struct {
	Items []Token `json:"items"`
}

// NewToken is a token to be.
type NewToken struct {
	Name       string     `json:"name" minLength:"1" maxLength:"58" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" doc:"With token: before it, the account in the events of what the system does; never given again"`
	As         Role       `json:"as"`
	Identifier string     `json:"identifier,omitempty" maxLength:"30" doc:"IIN or BIN of the applicant that the system acts for"`
	ReadOnly   bool       `json:"read_only,omitempty" doc:"Only what changes nothing"`
	Actions    []string   `json:"actions,omitempty" maxItems:"50" doc:"Only these; all of the role's where absent"`
	Expires    *time.Time `json:"expires,omitempty" doc:"Never where absent"`
}

// Access is one entry of the access log.
type Access struct {
	At           time.Time `json:"at"`
	Account      string    `json:"account,omitempty" doc:"Id of who did it"`
	Role         string    `json:"role,omitempty"`
	Organization string    `json:"organization,omitempty"`
	Address      string    `json:"address,omitempty"`
	Action       string    `json:"action" doc:"What was done"`
	Kind         string    `json:"kind,omitempty" doc:"What it was done with: application, license, document, account …"`
	Thing        string    `json:"thing,omitempty" doc:"Its id"`
	Person       string    `json:"person,omitempty" doc:"IIN or BIN of whom the data is of"`
	Route        string    `json:"route,omitempty" doc:"By which way"`
}

// Accesses are a page of the access log, the last first.
type Accesses struct {
	Items []Access `json:"items"`
	Next  string   `json:"next,omitempty" doc:"Cursor of the next page"`
}
