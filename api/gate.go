package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
)

// How far a role reaches, as package access has it.
const (
	nothing  = access.Nothing
	own      = access.Own
	licensor = access.Licensor
	center   = access.Center
	all      = access.All
)

// actions is which action each route is. Who may use it, and how far they reach, is for the table of
// package access to say. New fails when a route is no action or an action stands for no route.
var actions = map[string]access.Action{
	"GET /api/v1/services":                                          access.ReadServices,
	"GET /api/v1/services/{slug}":                                   access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}":              access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.svg":  access.ReadServices,
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.bpmn": access.ReadServices,

	"POST /api/v1/applications":                         access.OpenApplication,
	"GET /api/v1/applications":                          access.ReadApplications,
	"GET /api/v1/applications/{id}":                     access.ReadApplications,
	"GET /api/v1/applications/{id}/history":             access.ReadApplications,
	"GET /api/v1/applications/{id}/diagram.svg":         access.ReadApplications,
	"GET /api/v1/applications/{id}/deadlines":           access.ReadApplications,
	"PUT /api/v1/applications/{id}/form":                access.FillApplication,
	"POST /api/v1/applications/{id}/documents":          access.FillApplication,
	"GET /api/v1/applications/{id}/documents/{sha256}":  access.ReadApplications,
	"POST /api/v1/applications/{id}/payment":            access.PayApplication,
	"GET /api/v1/applications/{id}/signature":           access.ReadApplications,
	"POST /api/v1/applications/{id}/signature":          access.SignApplication,
	"POST /api/v1/applications/{id}/registration":       access.RegisterApplication,
	"POST /api/v1/applications/{id}/decision":           access.DecideApplication,
	"GET /api/v1/applications/{id}/decision/signature":  access.DecideApplication,
	"POST /api/v1/applications/{id}/decision/signature": access.SignDecision,
	"GET /api/v1/applications/{id}/evidence":            access.ReadApplications,
	"GET /api/v1/applications/{id}/evidence/{sha256}":   access.ReadApplications,
	"POST /api/v1/applications/{id}/withdrawal":         access.WithdrawApplication,
	"POST /api/v1/applications/{id}/delivery":           access.DeliverResult,
	"POST /api/v1/applications/{id}/rating":             access.RateService,
	"POST /api/v1/payments/callback":                    access.NotifyPaid,
	"GET /api/v1/licenses":                              access.ReadLicenses,
	"GET /api/v1/licenses.csv":                          access.ReadLicenses,
	"GET /api/v1/licenses/{number}":                     access.ReadLicenses,
	"GET /api/v1/licenses/{number}/history":             access.ReadLicenses,
	"GET /api/v1/licenses/{number}/signature":           access.SignLicense,
	"POST /api/v1/licenses/{number}/signature":          access.SignLicense,
	"GET /api/v1/licenses/{number}/evidence":            access.ReadEvidence,
	"POST /api/v1/licenses/{number}/suspension":         access.SuspendLicense,
	"POST /api/v1/licenses/{number}/resumption":         access.ResumeLicense,
	"POST /api/v1/licenses/{number}/termination":        access.TerminateLicense,
	"POST /api/v1/licenses/{number}/sites":              access.ChangeSites,
	"DELETE /api/v1/licenses/{number}/sites/{id}":       access.ChangeSites,
	"GET /api/v1/deadlines":                             access.ReadFigures,
	"GET /api/v1/deadlines/steps":                       access.ReadFigures,
	"GET /api/v1/deadlines/overdue":                     access.ReadVisits,
	"GET /api/v1/deadlines/visits":                      access.ReadVisits,
	"GET /api/v1/deadlines.csv":                         access.ReadFigures,
	"GET /api/v1/deadlines/steps.csv":                   access.ReadFigures,
	"GET /api/v1/deadlines/visits.csv":                  access.ReadVisits,
	"GET /api/v1/events":                                access.ReadEvents,
	"GET /api/v1/calendar/explanation":                  access.ReadCalendar,
	"GET /api/v1/calendar/years/{year}":                 access.ReadCalendar,

	"POST /api/v1/challenges":                              access.LogIn,
	"POST /api/v1/sessions":                                access.LogIn,
	"DELETE /api/v1/sessions/current":                      access.ManageOwn,
	"GET /api/v1/account":                                  access.ReadOwn,
	"PUT /api/v1/account/role":                             access.ManageOwn,
	"PUT /api/v1/account/password":                         access.ManageOwn,
	"GET /api/v1/account/sessions":                         access.ReadOwn,
	"DELETE /api/v1/account/sessions":                      access.ManageOwn,
	"DELETE /api/v1/account/sessions/{session}":            access.ManageOwn,
	"GET /api/v1/accounts":                                 access.ReadAccounts,
	"POST /api/v1/accounts":                                access.ManageAccounts,
	"GET /api/v1/accounts/{account}":                       access.ReadAccounts,
	"PUT /api/v1/accounts/{account}":                       access.ManageAccounts,
	"DELETE /api/v1/accounts/{account}":                    access.ManageAccounts,
	"PUT /api/v1/accounts/{account}/password":              access.ManageAccounts,
	"PUT /api/v1/accounts/{account}/disabled":              access.ManageAccounts,
	"DELETE /api/v1/accounts/{account}/disabled":           access.ManageAccounts,
	"POST /api/v1/accounts/{account}/roles":                access.ManageAccounts,
	"DELETE /api/v1/accounts/{account}/roles/{role}":       access.ManageAccounts,
	"DELETE /api/v1/accounts/{account}/lock":               access.ManageAccounts,
	"GET /api/v1/accounts/{account}/sessions":              access.ReadAccounts,
	"DELETE /api/v1/accounts/{account}/sessions":           access.ManageAccounts,
	"DELETE /api/v1/accounts/{account}/sessions/{session}": access.ManageAccounts,
	"GET /api/v1/tokens":                                   access.ManageTokens,
	"POST /api/v1/tokens":                                  access.ManageTokens,
	"DELETE /api/v1/tokens/{name}":                         access.ManageTokens,
	"GET /api/v1/access-log":                               access.ReadAccessLog,

	"GET /openapi.json":              access.ReadServer,
	"GET /metrics":                   access.ReadServer,
	"GET /livez":                     access.ReadServer,
	"GET /readyz":                    access.ReadServer,
	"GET /{$}":                       access.ReadPages,
	"GET /licenses/{number}":         access.ReadPages,
	"GET /services":                  access.ReadPages,
	"GET /services/{slug}":           access.ReadPages,
	"GET /services/{slug}/{channel}": access.ReadPages,
	"GET /deadlines":                 access.ReadPages,
	"GET /deadlines/visits":          access.ReadVisits,
	"GET /applications/{id}":         access.ReadApplications,
	"GET /calendar":                  access.ReadPages,

	"GET /applications/{id}/signature":         access.SignApplication,
	"POST /applications/{id}/signature":        access.SignApplication,
	"GET /applications/{id}/signature/content": access.SignApplication,

	"GET /applications/{id}/decision/signature":         access.SignDecision,
	"POST /applications/{id}/decision/signature":        access.SignDecision,
	"GET /applications/{id}/decision/signature/content": access.SignDecision,

	"GET /licenses/{number}/signature":         access.SignLicense,
	"POST /licenses/{number}/signature":        access.SignLicense,
	"GET /licenses/{number}/signature/content": access.SignLicense,

	"GET /login":              access.LogIn,
	"POST /login":             access.LogIn,
	"POST /login/certificate": access.LogIn,
	"GET /login/openid/begin": access.LogIn,
	"GET /login/openid":       access.LogIn,
	"POST /logout":            access.LogIn,
	"GET /account":            access.ReadOwn,
	"POST /account/role":      access.ManageOwn,
	"POST /account/password":  access.ManageOwn,
	"POST /account/sessions":  access.ManageOwn,
	"GET /static/{file}":      access.ReadServer,
}

// gate lets in whom the accounts know, as far as the table of actions says.
type gate struct {
	accounts Accounts
	cookie   string         // name of the session's
	proxies  []netip.Prefix // that tell the truth of where a request comes from
}

// check compares the actions with the routes: every route is an action, and every action has its route.
func (g *gate) check(routes []string) error {
	has := map[string]bool{}
	for _, route := range routes {
		has[route] = true
		if access.About(actions[route]) == "" {
			return fmt.Errorf("route %q has no action in the gate: %w", route, domain.ErrInvalid)
		}
	}
	for route := range actions {
		if !has[route] && route != callback {
			return fmt.Errorf("the gate has an action for %q, which is no route: %w", route, domain.ErrInvalid)
		}
	}
	return nil
}

// caller is who is asking, and how far they reach on this route. The zero caller is the public.
type caller struct {
	access.Visitor
	reach access.Scope
	token string // of the session or the API token
}

// admit says who is asking, or why they may not. A page may be asked for with the cookie of a session.
func (g *gate) admit(r *http.Request, pattern string, page bool) (caller, error) {
	action := actions[pattern]
	c, known, err := g.caller(r, page)
	if err != nil {
		return caller{}, err
	}
	c.reach = c.Grant.Allowed(action)
	switch {
	case !known && access.Public(action):
		return caller{}, nil
	case !known:
		return caller{}, fmt.Errorf("no credentials: %w", errLogin)
	case c.reach == nothing && !access.Public(action):
		return caller{}, fmt.Errorf("role %s: %w", c.Actor.Role, domain.ErrForbidden)
	}
	return c, nil
}

// caller is who the request says that it is from. A header that nobody knows is told, a cookie is of
// somebody who has been here before.
func (g *gate) caller(r *http.Request, page bool) (c caller, known bool, err error) {
	header := r.Header.Get("Authorization")
	switch {
	case header != "":
		kind, token, _ := strings.Cut(header, " ")
		c.token = strings.TrimSpace(token)
		known = strings.EqualFold(kind, "Bearer") && c.token != ""
	case page:
		c.token = g.session(r)
		known = c.token != ""
	}
	if known {
		if c.Visitor, err = g.visitor(r.Context(), c.token); errors.Is(err, domain.ErrNotFound) {
			known, err = false, nil
		}
	}
	switch {
	case err != nil:
		return caller{}, false, fmt.Errorf("ask the accounts: %w", err)
	case header != "" && !known:
		return caller{}, false, fail("token-unknown", errLogin)
	}
	c.Actor.Channel = string(channels[c.Actor.Role])
	return c, known, nil
}

// visitor is who the token of a session or a system lets in.
func (g *gate) visitor(ctx context.Context, token string) (access.Visitor, error) {
	if strings.HasPrefix(token, access.TokenPrefix) {
		return g.accounts.Token(ctx, token)
	}
	return g.accounts.Session(ctx, token)
}

// session is the token in the request's cookie, empty where it has none.
func (g *gate) session(r *http.Request) string {
	c, err := r.Cookie(g.cookie)
	if err != nil || strings.HasPrefix(c.Value, access.TokenPrefix) { // a system sends a header
		return ""
	}
	return c.Value
}

// address is where the request comes from: the last one on its way that is no proxy of ours.
func (g *gate) address(r *http.Request) string {
	at := r.RemoteAddr
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.proxy(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.String()
	}
	return at
}

// proxy reports whether the address is one of a proxy of ours.
func (g *gate) proxy(address string) bool {
	ip, err := netip.ParseAddr(address)
	if port, portErr := netip.ParseAddrPort(address); portErr == nil {
		ip, err = port.Addr(), nil
	}
	if err != nil {
		return false
	}
	for _, p := range g.proxies {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
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
	thing := access.Thing{Person: s.Applicant.ID, Licensor: s.Licensor}
	if s.Channel == regulation.Center {
		thing.Center = s.OpenedFor
	}
	return c.reach.Covers(c.Who(), thing)
}

// knows reports whether the caller sees of the license what the public does not.
func (c caller) knows(licensorSlug, licensee string) bool {
	return c.reach.Covers(c.Who(), access.Thing{Person: licensee, Licensor: licensorSlug})
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

// mayDecide refuses an officer's decision on what they applied for themselves, or for an organization.
func (c caller) mayDecide(s application.State) error {
	if s.Own(c.Identifier) {
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
