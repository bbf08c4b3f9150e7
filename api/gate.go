package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// scope is how far a role reaches on a route.
type scope int

const (
	nothing  scope = iota
	own            // what concerns the account itself
	licensor       // what concerns its licensor
	center         // what its service center opened
	all
)

// rule says who may use a route. A public route is open without logging in; its roles, where given,
// say how much more somebody sees who did.
type rule struct {
	public bool
	roles  map[domain.Role]scope
}

// The rules that several routes share.
var (
	public  = rule{public: true}
	readers = rule{roles: map[domain.Role]scope{
		domain.RoleApplicant: own, domain.RoleOfficer: licensor, domain.RoleHead: licensor,
		domain.RoleOperator: center, domain.RoleAuditor: all, domain.RoleAdmin: all,
	}}
	// entrants bring an application in and lead it to its registration, each through their channel.
	entrants = rule{roles: map[domain.Role]scope{
		domain.RoleApplicant: own, domain.RoleOfficer: licensor, domain.RoleOperator: center,
	}}
	deciders = rule{roles: map[domain.Role]scope{domain.RoleOfficer: licensor, domain.RoleHead: licensor}}
	heads    = rule{roles: map[domain.Role]scope{domain.RoleHead: licensor}}
	watchers = rule{roles: map[domain.Role]scope{
		domain.RoleOfficer: licensor, domain.RoleHead: licensor, domain.RoleAuditor: all, domain.RoleAdmin: all,
	}}
	auditors = rule{roles: map[domain.Role]scope{domain.RoleAuditor: all, domain.RoleAdmin: all}}
	// holders see their own licenses whole.
	holders = rule{roles: map[domain.Role]scope{
		domain.RoleApplicant: own, domain.RoleOfficer: licensor, domain.RoleHead: licensor,
		domain.RoleAuditor: all, domain.RoleAdmin: all,
	}}
	// register is open to everybody; these see what the public does not.
	register = rule{public: true, roles: map[domain.Role]scope{
		domain.RoleApplicant: own, domain.RoleOfficer: licensor, domain.RoleHead: licensor,
		domain.RoleAuditor: all, domain.RoleAdmin: all,
	}}
)

// rules is the gate's table: every route and who may use it. New fails when a route has no rule or a
// rule has no route.
var rules = map[string]rule{
	"GET /api/v1/services":                                          public,
	"GET /api/v1/services/{slug}":                                   public,
	"GET /api/v1/services/{slug}/procedures/{channel}":              public,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.svg":  public,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.bpmn": public,

	"POST /api/v1/applications":                         entrants,
	"GET /api/v1/applications":                          readers,
	"GET /api/v1/applications/{id}":                     readers,
	"GET /api/v1/applications/{id}/history":             readers,
	"GET /api/v1/applications/{id}/diagram.svg":         readers,
	"GET /api/v1/applications/{id}/deadlines":           readers,
	"PUT /api/v1/applications/{id}/form":                entrants,
	"POST /api/v1/applications/{id}/documents":          entrants,
	"GET /api/v1/applications/{id}/documents/{sha256}":  readers,
	"POST /api/v1/applications/{id}/payment":            entrants,
	"GET /api/v1/applications/{id}/signature":           readers,
	"POST /api/v1/applications/{id}/signature":          entrants,
	"POST /api/v1/applications/{id}/registration":       deciders,
	"POST /api/v1/applications/{id}/decision":           deciders,
	"GET /api/v1/applications/{id}/decision/signature":  deciders,
	"POST /api/v1/applications/{id}/decision/signature": heads,
	"GET /api/v1/applications/{id}/evidence":            readers,
	"GET /api/v1/applications/{id}/evidence/{sha256}":   readers,
	"POST /api/v1/applications/{id}/withdrawal":         entrants,
	"POST /api/v1/applications/{id}/delivery":           entrants,
	"POST /api/v1/applications/{id}/rating":             entrants,
	"POST /api/v1/payments/callback":                    public, // the gateway's own signature is its token
	"GET /api/v1/licenses":                              register,
	"GET /api/v1/licenses.csv":                          register,
	"GET /api/v1/licenses/{number}":                     register,
	"GET /api/v1/licenses/{number}/history":             register,
	"GET /api/v1/licenses/{number}/signature":           heads,
	"POST /api/v1/licenses/{number}/signature":          heads,
	"GET /api/v1/licenses/{number}/evidence":            holders,
	"POST /api/v1/licenses/{number}/suspension":         deciders,
	"POST /api/v1/licenses/{number}/resumption":         deciders,
	"POST /api/v1/licenses/{number}/termination":        deciders,
	"POST /api/v1/licenses/{number}/sites":              deciders,
	"DELETE /api/v1/licenses/{number}/sites/{id}":       deciders,
	"GET /api/v1/deadlines":                             public,
	"GET /api/v1/deadlines/steps":                       public,
	"GET /api/v1/deadlines/visits":                      watchers,
	"GET /api/v1/deadlines/overdue":                     watchers,
	"GET /api/v1/deadlines.csv":                         public,
	"GET /api/v1/deadlines/steps.csv":                   public,
	"GET /api/v1/deadlines/visits.csv":                  watchers,
	"GET /api/v1/events":                                auditors,
	"GET /api/v1/calendar/explanation":                  public,
	"GET /api/v1/calendar/years/{year}":                 public,

	"GET /openapi.json":              public,
	"GET /metrics":                   public,
	"GET /livez":                     public,
	"GET /readyz":                    public,
	"GET /{$}":                       public,
	"GET /licenses/{number}":         public,
	"GET /services":                  public,
	"GET /services/{slug}":           public,
	"GET /services/{slug}/{channel}": public,
	"GET /deadlines":                 public,
	"GET /deadlines/visits":          watchers,
	"GET /applications/{id}":         readers,

	"GET /applications/{id}/signature":         entrants,
	"POST /applications/{id}/signature":        entrants,
	"GET /applications/{id}/signature/content": entrants,

	"GET /applications/{id}/decision/signature":         heads,
	"POST /applications/{id}/decision/signature":        heads,
	"GET /applications/{id}/decision/signature/content": heads,

	"GET /licenses/{number}/signature":         heads,
	"POST /licenses/{number}/signature":        heads,
	"GET /licenses/{number}/signature/content": heads,

	"GET /calendar":      public,
	"GET /login":         public,
	"POST /login":        public,
	"POST /logout":       public,
	"GET /static/{file}": public,
}

// gate knows the accounts and the rules.
type gate struct {
	accounts map[[sha256.Size]byte]Account // by digest of the token, so that a lookup tells nothing by its time
	rules    map[string]rule
}

func newGate(accounts []Account) (*gate, error) {
	g := &gate{accounts: map[[sha256.Size]byte]Account{}, rules: rules}
	for _, a := range accounts {
		key := sha256.Sum256([]byte(a.Token))
		if _, twice := g.accounts[key]; twice || len(a.Token) < 8 || a.Actor.ID == "" {
			return nil, fmt.Errorf("account %q: needs an id and a token of its own, of at least 8 characters: %w", a.Actor.ID, domain.ErrInvalid)
		}
		if _, known := readers.roles[a.Actor.Role]; !known {
			return nil, fmt.Errorf("account %q: role %q: %w", a.Actor.ID, a.Actor.Role, domain.ErrInvalid)
		}
		if a.Identifier != "" || a.Actor.Role == domain.RoleApplicant {
			id, err := ident.Parse(a.Identifier)
			if err != nil {
				return nil, fmt.Errorf("account %q: %w", a.Actor.ID, err)
			}
			a.Identifier = id.String()
		}
		a.Actor.Channel = string(channels[a.Actor.Role])
		g.accounts[key] = a
	}
	return g, nil
}

// check compares the rules with the routes: every route has a rule, and every rule a route.
func (g *gate) check(routes []string) error {
	has := map[string]bool{}
	for _, route := range routes {
		has[route] = true
		if _, ok := g.rules[route]; !ok {
			return fmt.Errorf("route %q has no rule in the gate: %w", route, domain.ErrInvalid)
		}
	}
	for route := range g.rules {
		if !has[route] && route != callback {
			return fmt.Errorf("the gate has a rule for %q, which is no route: %w", route, domain.ErrInvalid)
		}
	}
	return nil
}

// caller is who is asking, and how far they reach on this route. The zero caller is the public.
type caller struct {
	Account
	reach scope
}

// admit says who is asking, or why they may not. A page may be asked for with the cookie of a session.
func (g *gate) admit(r *http.Request, pattern string, page bool) (caller, error) {
	rule := g.rules[pattern]
	header := r.Header.Get("Authorization")
	account, known := Account{}, false
	switch {
	case header != "":
		kind, token, _ := strings.Cut(header, " ")
		if account, known = g.account(strings.TrimSpace(token)); !strings.EqualFold(kind, "Bearer") || !known {
			return caller{}, fail("token-unknown", errLogin)
		}
	case page:
		account, known = g.account(sessionToken(r))
	}
	switch reach := rule.roles[account.Actor.Role]; {
	case !known && rule.public:
		return caller{}, nil
	case !known:
		return caller{}, fmt.Errorf("no credentials: %w", errLogin)
	case reach == nothing && !rule.public:
		return caller{}, fmt.Errorf("role %s: %w", account.Actor.Role, domain.ErrForbidden)
	default:
		return caller{account, reach}, nil
	}
}

// account is the account with the token.
func (g *gate) account(token string) (Account, bool) {
	a, ok := g.accounts[sha256.Sum256([]byte(token))]
	return a, ok
}

// channels are the channels that the roles come through.
var channels = map[domain.Role]regulation.Channel{
	domain.RoleApplicant: regulation.Portal,
	domain.RoleOfficer:   regulation.Office,
	domain.RoleHead:      regulation.Office,
	domain.RoleOperator:  regulation.Center,
}

// sees reports whether the application is within the caller's reach. Staff who applied themselves see
// their own application as anybody would.
func (c caller) sees(s application.State) bool {
	switch c.reach {
	case own:
		return s.Applicant.ID == c.Identifier || s.OpenedBy == c.Actor.ID
	case licensor:
		return s.Licensor == c.Actor.Organization
	case center:
		return s.Channel == regulation.Center && s.OpenedFor == c.Actor.Organization
	case all:
		return true
	}
	return false
}

// knows reports whether the caller sees of the license what the public does not.
func (c caller) knows(licensorSlug, licensee string) bool {
	switch c.reach {
	case own:
		return licensee == c.Identifier
	case licensor:
		return licensorSlug == c.Actor.Organization
	case all:
		return true
	}
	return false
}

// mayOpen refuses who comes through another's channel, and applicants for somebody else.
func (c caller) mayOpen(channel regulation.Channel, applicant, licensorSlug string) error {
	switch {
	case channel != channels[c.Actor.Role]:
		return fail("channel-not-yours", domain.ErrForbidden)
	case c.reach == own && applicant != c.Identifier:
		return fail("applicant-other", domain.ErrForbidden)
	case c.reach == licensor && licensorSlug != c.Actor.Organization:
		return fmt.Errorf("service of another licensor: %w", domain.ErrForbidden)
	}
	return nil
}

// mayEnter refuses whoever did not come through the application's channel: the steps up to the
// registration are for the one who brought it in.
func (c caller) mayEnter(s application.State) error {
	if s.Channel != channels[c.Actor.Role] {
		return fail("step-not-yours", domain.ErrForbidden)
	}
	return nil
}

// mayDecide refuses an officer's decision on what they applied for themselves.
func (c caller) mayDecide(s application.State) error {
	if c.Identifier != "" && c.Identifier == s.Applicant.ID {
		return fail("own-application", domain.ErrForbidden)
	}
	return nil
}

// mayChange refuses, as not found, another licensor's license, and an officer's own one.
func (c caller) mayChange(l license.State) error {
	if l.Licensor != c.Actor.Organization {
		return fmt.Errorf("license of another licensor: %w", domain.ErrNotFound)
	}
	if c.Identifier != "" && c.Identifier == l.Licensee.ID {
		return fail("own-application", domain.ErrForbidden)
	}
	return nil
}
