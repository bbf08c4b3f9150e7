package api_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/regulation"
)

// walkers are who walks the routes: nobody, and each role of one licensor or center and of another.
var walkers = strings.Fields("- company stranger clerk-at-home officer other-officer head other-head operator other-operator auditor admin")

// whoIs is the account with the id; the public where there is none.
func whoIs(id string) someone {
	for _, s := range accounts {
		if s.id == id {
			return s
		}
	}
	return someone{}
}

func (s someone) who() access.Who {
	return access.Who{Identifier: s.identifier, Organization: s.organization}
}

// thing is what a route is about, as the test made it.
type thing struct {
	access.Thing
	channel      regulation.Channel
	id, document string // of an application; of a license's site
	number       string // of a license
}

// entering are the actions of whoever brings an application in, through their own channel; those that are
// false the applicant may do whatever the channel.
var entering = map[access.Action]bool{
	access.FillApplication: true, access.SignApplication: true, access.DeliverResult: true,
	access.PayApplication: false, access.WithdrawApplication: false, access.RateService: false,
}

// deciding are the actions that nobody does on what is their own.
var deciding = map[access.Action]bool{
	access.DecideApplication: true, access.SignDecision: true, access.SignLicense: true, access.SuspendLicense: true, access.ResumeLicense: true,
	access.TerminateLicense: true, access.ChangeSites: true,
}

var channelOf = map[domain.Role]regulation.Channel{
	domain.RoleApplicant: regulation.Portal, domain.RoleOfficer: regulation.Office, domain.RoleOperator: regulation.Center,
}

// fixed are the routes whose answer depends on nobody's role: a notice without the gateway's seal, and ways
// to log in that are not configured here.
var fixed = map[string]string{
	"POST /api/v1/payments/callback": "F", "GET /login/openid/begin": "N", "GET /login/openid": "N",
}

// evidenceList gives what the verdicts of the walk have none of.
const evidenceList = "GET /api/v1/applications/{id}/evidence/{sha256}"

// wanted is the answer by the table of package access, and by the two rules that come after it: + let
// through, L log in, F forbidden, N not found.
func wanted(pattern string, s someone, t *thing) string {
	action := api.ActionOf(pattern)
	scope := access.Allowed(s.role, action)
	always, enters := entering[action]
	switch {
	case fixed[pattern] != "":
		return fixed[pattern]
	case access.Public(action):
		return "+"
	case s.id == "":
		return "L"
	case scope == access.Nothing:
		return "F"
	case t == nil:
		return "+"
	case !scope.Covers(s.who(), t.Thing):
		return "N"
	case enters && t.channel != channelOf[s.role] && (always || scope != access.Own):
		return "F"
	case deciding[action] && s.identifier != "" && s.identifier == t.Person:
		return "F"
	case pattern == evidenceList:
		return "N" // no verdict here rests on a list
	}
	return "+"
}

// bodies are what is sent where a route wants something; form values for pages.
func bodies(pattern string, s someone) any {
	login, identifier := s.id, s.identifier
	if login == "" {
		login = "company"
	}
	if identifier == "" {
		identifier = company
	}
	role := v1.Role{Role: s.role, Organization: s.organization}
	switch pattern {
	case "POST /api/v1/applications":
		service := "commodity-dealer-license"
		if s.organization == "bailiff-committee" {
			service = "private-bailiff-license"
		}
		return v1.Opening{Service: service, Channel: string(channelOf[s.role]), Request: "issue", Applicant: v1.Applicant{ID: identifier}}
	case "PUT /api/v1/applications/{id}/form":
		return form("x")
	case "POST /api/v1/applications/{id}/documents":
		return "%PDF-1.7 x"
	case "POST /api/v1/applications/{id}/signature", "POST /api/v1/applications/{id}/decision/signature", "POST /api/v1/licenses/{number}/signature":
		return v1.Signing{Signature: "e30="}
	case "POST /api/v1/applications/{id}/withdrawal":
		return v1.Withdrawal{}
	case "POST /api/v1/applications/{id}/delivery":
		return v1.Delivery{To: "cabinet"}
	case "POST /api/v1/applications/{id}/rating":
		return v1.Rating{Quality: 3, Availability: 3}
	case "POST /api/v1/applications/{id}/decision":
		return v1.Decision{Decision: "approve"}
	case "POST /api/v1/licenses/{number}/suspension":
		return v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "x"}
	case "POST /api/v1/licenses/{number}/resumption":
		return v1.Resume{}
	case "POST /api/v1/licenses/{number}/sites":
		return v1.NewSite{Kind: "branch", Address: "x"}
	case "POST /api/v1/licenses/{number}/termination":
		return v1.Terminate{Ground: "revoked"}
	case "POST /api/v1/payments/callback":
		return "{}"
	case "POST /api/v1/sessions":
		return v1.Login{Login: login, Password: password}
	case "PUT /api/v1/account/role":
		return role
	case "PUT /api/v1/account/password":
		return v1.PasswordChange{Present: password, New: password}
	case "POST /api/v1/accounts":
		return v1.NewAccount{Login: "spare-" + s.id, Name: "Spare"}
	case "PUT /api/v1/accounts/{account}":
		return v1.AccountEdit{Name: "Other"}
	case "PUT /api/v1/accounts/{account}/password":
		return v1.NewPassword{Password: password}
	case "POST /api/v1/accounts/{account}/roles":
		return v1.Role{Role: "officer", Organization: "trade-committee"}
	case "POST /api/v1/tokens":
		return v1.NewToken{Name: "made-by-" + s.id, As: v1.Role{Role: "auditor"}}
	case "POST /login":
		return url.Values{"login": {login}, "password": {password}}
	case "POST /account/password":
		return url.Values{"present": {password}, "new": {password}, "again": {password}}
	case "POST /account/role":
		return url.Values{"role": {"0"}}
	}
	return nil
}

// TestGate walks every route with every role, and with a thing of their own, of their licensor or center, and
// of another: nobody is let through but those the table of package access says.
func TestGate(t *testing.T) {
	w := newWorld(t)
	if diff := cmp.Diff(api.Ruled(), w.server.Routes()); diff != "" {
		t.Errorf("actions and routes differ:\n%s", diff)
	}
	licenses := w.licensesToWalk()
	seen := map[string]bool{} // role, scope and answer
	for _, pattern := range w.server.Routes() {
		things := []*thing{nil}
		switch {
		case strings.Contains(pattern, "/applications/{id}"):
			things = w.applicationsToWalk()
		case strings.Contains(pattern, "/licenses/{number}"):
			things = licenses
		}
		for _, turn := range []string{"denied", "let through"} { // so that what is denied is denied in any state
			for _, id := range walkers {
				for _, thing := range things {
					s := whoIs(id)
					want := wanted(pattern, s, thing)
					if (want == "+") != (turn == "let through") {
						continue
					}
					if got := w.walk(pattern, s, thing); got != want {
						t.Errorf("%s as %s on %+v: %s, want %s", pattern, id, thing, got, want)
					}
					seen[fmt.Sprintf("%s %s %s", s.role, access.Allowed(s.role, api.ActionOf(pattern)), want)] = true
				}
			}
		}
	}
	for _, way := range []string{"applicant own +", "applicant own N", "officer licensor +", "officer licensor N", "officer licensor F",
		"head licensor +", "head licensor N", "operator center +", "operator center N", "auditor all +", "admin all +", "auditor nothing F", "admin nothing F"} {
		if !seen[way] {
			t.Errorf("nobody came the way %q", way)
		}
	}
}

// applicationsToWalk are fresh applications: for everybody one of their own, of their licensor or center,
// and of another.
func (w *world) applicationsToWalk() []*thing {
	w.t.Helper()
	var list []*thing
	for _, a := range []struct{ who, service, channel, applicant, licensor string }{
		{"company", "commodity-broker-license", "portal", company, "trade-committee"},
		{"officer", "commodity-broker-license", "office", stranger, "trade-committee"},
		{"officer", "import-export-license", "office", clerk, "trade-committee"},
		{"person", "private-bailiff-license", "portal", person, "bailiff-committee"},
		{"operator", "slot-hall-license", "center", stranger, "sport-agency"},
		{"other-operator", "slot-hall-license", "center", company, "sport-agency"},
	} {
		opened, sha := w.withDocument(a.who, a.service, a.channel, a.applicant)
		made := thing{
			Thing:   access.Thing{Person: a.applicant, Licensor: a.licensor},
			channel: regulation.Channel(a.channel), id: opened.ID, document: sha,
		}
		if a.channel == "center" {
			made.Center = whoIs(a.who).organization
		}
		list = append(list, &made)
	}
	return list
}

// licensesToWalk are licenses of two licensors, one of them held by an officer of its own licensor.
func (w *world) licensesToWalk() []*thing {
	w.t.Helper()
	var list []*thing
	for _, l := range []struct{ who, service, licensee, decider, licensor string }{
		{"company", "commodity-broker-license", company, "officer", "trade-committee"},
		{"clerk-at-home", "import-export-license", clerk, "head", "trade-committee"},
		{"person", "private-bailiff-license", person, "other-head", "bailiff-committee"},
	} {
		number := w.issued(l.who, l.service, l.licensee, l.decider).Result
		list = append(list, &thing{Thing: access.Thing{Person: l.licensee, Licensor: l.licensor}, number: number, id: "no-site"})
	}
	return list
}

// place makes the address of a route, of the thing or of what it takes besides.
func (w *world) place(pattern string, s someone, t *thing) (method, path string) {
	w.t.Helper()
	ctx := context.Background()
	method, path, _ = strings.Cut(pattern, " ")
	if t != nil {
		path = strings.NewReplacer("{id}", t.id, "{sha256}", t.document, "{number}", t.number).Replace(path)
	}
	if strings.Contains(path, "{account}") {
		spare := must(w.accounts.Add(ctx, "test", access.NewAccount{Login: "spare-" + uuid.NewString(), Name: "Spare", Roles: []access.Assignment{{Role: "auditor"}}}, password))
		in := must(w.accounts.Login(ctx, access.Password{Login: spare.Login, Password: password}))
		if strings.HasSuffix(path, "/lock") { // what is not locked is not unlocked
			if _, err := w.accounts.Login(ctx, access.Password{Login: spare.Login, Password: "wrong"}); err == nil {
				w.t.Error("a wrong password lets in")
			}
		}
		path = strings.NewReplacer("{account}", spare.ID, "{session}", in.Session, "{role}", "auditor").Replace(path)
	}
	if strings.Contains(path, "{session}") {
		session := "none"
		if s.id != "" {
			session = must(w.accounts.Login(ctx, access.Password{Login: s.id, Password: password})).Session
		}
		path = strings.Replace(path, "{session}", session, 1)
	}
	if strings.Contains(path, "/tokens") {
		name := "spare-" + uuid.NewString()
		_, _, err := w.accounts.AddToken(ctx, "test", access.NewToken{Name: name, As: access.Assignment{Role: "auditor"}})
		if err != nil {
			w.t.Fatal(err)
		}
		path = strings.Replace(path, "{name}", name, 1)
	}
	return method, strings.NewReplacer("{$}", "", "{slug}", "commodity-broker-license", "{channel}", "portal", "{year}", "2026", "{file}", "style.css").Replace(path)
}

// walk is the letter of the answer.
func (w *world) walk(pattern string, who someone, t *thing) string {
	w.t.Helper()
	method, path := w.place(pattern, who, t)
	var header []string
	body := bodies(pattern, who)
	switch b := body.(type) {
	case string:
		if strings.HasPrefix(b, "%PDF") {
			header = []string{"Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="a.pdf"`}
		}
	case url.Values:
		body, header = b.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded"}
	}
	r := w.call(who.id, method, path, body, header...)
	if r.status >= 500 {
		w.t.Errorf("%s %s as %s: %d %s", method, path, who.id, r.status, r.body)
	}
	if r.status >= 400 && strings.HasPrefix(path, "/api/") {
		r.want(r.status, decode[v1.Problem](r).Code)
	}
	switch r.status {
	case 401:
		if r.header.Get("WWW-Authenticate") == "" {
			w.t.Errorf("%s %s: 401 without WWW-Authenticate", method, path)
		}
		return "L"
	case 303: // a page is left for the login
		if strings.HasPrefix(r.header.Get("Location"), "/login?next=") {
			return "L"
		}
	case 403:
		return "F"
	case 404:
		return "N"
	}
	return "+"
}

// withDocument is an application with its form filed and one document.
func (w *world) withDocument(who, service, channel, applicant string) (v1.Application, string) {
	w.t.Helper()
	a := w.open(who, service, channel, applicant)
	up := decode[v1.Uploaded](w.upload(who, a.ID, "%PDF-1.7 of "+a.ID).want(201))
	filing := form("ТОО")
	filing.Documents = []v1.Attached{{Name: "жарғы.pdf", SHA256: up.SHA256}}
	return app(w.call(who, "PUT", at(a.ID, "/form"), filing).want(200)), up.SHA256
}

func (w *world) upload(who, id, content string, header ...string) *reply {
	w.t.Helper()
	return w.call(who, "POST", at(id, "/documents"), content,
		append([]string{"Content-Type", "application/pdf", "Content-Disposition", `attachment; filename*=UTF-8''%D0%B6%D0%B0%D1%80%D2%93%D1%8B.pdf`}, header...)...)
}

func TestRouteWithoutAction(t *testing.T) {
	var err error
	api.WithoutAction("POST /api/v1/applications/{id}/decision", func() {
		defer func() {
			if p := recover(); p != nil {
				err = p.(error)
			}
		}()
		newWorld(t)
	})
	if err == nil || !strings.Contains(err.Error(), "has no action") {
		t.Errorf("New = %v, want an error about the missing action", err)
	}
}

func TestNobodyDecidesTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.enroll(someone{"head-too", domain.RoleHead, "trade-committee", clerk})
	a := w.examined("clerk-at-home", "import-export-license", clerk)
	for _, who := range []string{"officer", "head-too"} {
		w.call(who, "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(403, "own-application")
	}
	if got := app(w.decide("head", a.ID, v1.Decision{Decision: "approve"}).want(200)); got.Status != "completed" {
		t.Errorf("decided by the head: %+v", got)
	}

	w.enroll(someone{"representative-too", domain.RoleHead, "trade-committee", person})
	a = w.examined("company", "import-export-license", company) // signed by that person
	w.call("representative-too", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(403, "own-application")
	w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(200)
	w.call("representative-too", "GET", at(a.ID, "/decision/signature"), nil).want(403, "own-application")
}

// bearer is call with a token.
func (w *world) bearer(token, method, path string, body any) *reply {
	w.t.Helper()
	return w.call("", method, path, body, "Authorization", "Bearer "+token)
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.call("", "GET", "/api/v1/applications", nil).want(401, "login-required")
	session := w.token("company")
	for _, header := range []string{"Bearer nobody", "Bearer ", "Basic b3BlcmF0b3I6", "Bearer company", session, "Basic " + session, "Bearer tzl_" + session} {
		r := w.call("", "GET", "/api/v1/applications", nil, "Authorization", header).want(401, "token-unknown")
		if !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%q: %v", header, r.header)
		}
		w.call("", "GET", "/api/v1/services", nil, "Authorization", header).want(401, "token-unknown")
	}
	made := decode[v1.Token](w.call("admin", "POST", "/api/v1/tokens", v1.NewToken{
		Name: "erp", As: v1.Role{Role: "officer", Organization: "trade-committee"}, Actions: []string{"read-applications", "open-application"},
	}).want(201))
	mine := w.open("company", "commodity-broker-license", "portal", company)
	w.bearer(made.Token, "GET", at(mine.ID, ""), nil).want(200)
	opened := app(w.bearer(made.Token, "POST", "/api/v1/applications", v1.Opening{
		Service: "commodity-broker-license", Channel: "office", Request: "issue", Applicant: v1.Applicant{ID: stranger},
	}).want(201))
	history := decode[v1.History](w.call("auditor", "GET", at(opened.ID, "/history"), nil).want(200))
	if by := history.Items[0].Actor; by.ID != "token:erp" || by.Role != "officer" || by.Organization != "trade-committee" || by.Channel != "office" {
		t.Errorf("opened by %+v", by)
	}
	w.bearer(made.Token, "PUT", at(opened.ID, "/form"), form("x")).want(403, "forbidden") // not among its actions
	w.bearer(made.Token, "GET", "/api/v1/services", nil).want(200)
	w.bearer(made.Token, "GET", "/api/v1/account", nil).want(403, "forbidden")

	reading := decode[v1.Token](w.call("admin", "POST", "/api/v1/tokens", v1.NewToken{Name: "reader", As: v1.Role{Role: "admin"}, ReadOnly: true}).want(201))
	w.bearer(reading.Token, "GET", "/api/v1/accounts", nil).want(200)
	w.bearer(reading.Token, "POST", "/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x"}).want(403, "forbidden")
	w.bearer(reading.Token, "DELETE", "/api/v1/sessions/current", nil).want(403, "forbidden")

	w.call("admin", "DELETE", "/api/v1/tokens/erp", nil).want(204)
	w.bearer(made.Token, "GET", at(mine.ID, ""), nil).want(401, "token-unknown")
	soon := noon.Add(time.Hour)
	ends := decode[v1.Token](w.call("admin", "POST", "/api/v1/tokens", v1.NewToken{Name: "soon", As: v1.Role{Role: "auditor"}, Expires: &soon}).want(201))
	w.bearer(ends.Token, "GET", at(mine.ID, ""), nil).want(200)
	w.clock.pass(time.Hour)
	w.bearer(ends.Token, "GET", at(mine.ID, ""), nil).want(401, "token-unknown")
}

func TestListsShowNoMoreThanTheirs(t *testing.T) {
	w := newWorld(t)
	mine := w.open("company", "commodity-broker-license", "portal", company)
	w.open("person", "private-bailiff-license", "portal", person)
	atCenter := w.open("operator", "slot-hall-license", "center", stranger)
	for who, want := range map[string][]string{
		"company": {mine.ID}, "stranger": {atCenter.ID}, "officer": {mine.ID}, "operator": {atCenter.ID}, "other-operator": nil,
	} {
		var got []string
		for _, a := range decode[v1.Applications](w.call(who, "GET", "/api/v1/applications", nil).want(200)).Items {
			got = append(got, a.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s sees:\n%s", who, diff)
		}
	}
	if all := decode[v1.Applications](w.call("auditor", "GET", "/api/v1/applications?limit=2", nil).want(200)); len(all.Items) != 2 || all.Next == "" {
		t.Errorf("auditor sees %d, next %q", len(all.Items), all.Next)
	}
	w.call("other-operator", "GET", at(atCenter.ID, ""), nil).want(404, "not-found")
	w.call("stranger", "GET", at(atCenter.ID, ""), nil).want(200)
}
