package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
)

// walkers are who walks the routes, in the order of the columns below. The application is company's,
// through the portal, to trade-committee; the license is company's, from there.
var walkers = strings.Fields("- company stranger officer other-officer head other-head operator other-operator auditor admin")

// walks is what each route answers to each walker: + let through, L log in, F forbidden, N not found.
var walks = map[string]struct {
	answers string
	body    any
}{
	"GET /api/v1/services":                                          {"+ + + + + + + + + + +", nil},
	"GET /api/v1/services/{slug}":                                   {"+ + + + + + + + + + +", nil},
	"GET /api/v1/services/{slug}/procedures/{channel}":              {"+ + + + + + + + + + +", nil},
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.svg":  {"+ + + + + + + + + + +", nil},
	"GET /api/v1/services/{slug}/procedures/{channel}/diagram.bpmn": {"+ + + + + + + + + + +", nil},

	"POST /api/v1/applications":                         {"L + F F F F F F F F F", v1.Opening{Service: "commodity-dealer-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: company}}},
	"GET /api/v1/applications":                          {"L + + + + + + + + + +", nil},
	"GET /api/v1/applications/{id}":                     {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/history":             {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/diagram.svg":         {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/deadlines":           {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/documents/{sha256}":  {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/signature":           {"L + N + N + N N N + +", nil},
	"PUT /api/v1/applications/{id}/form":                {"L + N F N F F N N F F", form("x")},
	"POST /api/v1/applications/{id}/documents":          {"L + N F N F F N N F F", "%PDF-1.7 x"},
	"POST /api/v1/applications/{id}/payment":            {"L + N F N F F N N F F", nil},
	"POST /api/v1/applications/{id}/signature":          {"L + N F N F F N N F F", v1.Signing{Signature: "e30="}},
	"POST /api/v1/applications/{id}/withdrawal":         {"L + N F N F F N N F F", v1.Withdrawal{}},
	"POST /api/v1/applications/{id}/delivery":           {"L + N F N F F N N F F", v1.Delivery{To: "cabinet"}},
	"POST /api/v1/applications/{id}/rating":             {"L + N F N F F N N F F", v1.Rating{Quality: 3, Availability: 3}},
	"POST /api/v1/applications/{id}/registration":       {"L F F + N + N F F F F", nil},
	"POST /api/v1/applications/{id}/decision":           {"L F F + N + N F F F F", v1.Decision{Decision: "approve"}},
	"GET /api/v1/applications/{id}/decision/signature":  {"L F F + N + N F F F F", nil},
	"POST /api/v1/applications/{id}/decision/signature": {"L F F F F + N F F F F", v1.Signing{Signature: "e30="}},
	"GET /api/v1/applications/{id}/evidence":            {"L + N + N + N N N + +", nil},
	"GET /api/v1/applications/{id}/evidence/{sha256}":   {"L N N N N N N N N N N", nil},
	"POST /api/v1/payments/callback":                    {"F F F F F F F F F F F", "{}"},

	"GET /api/v1/licenses":                        {"+ + + + + + + + + + +", nil},
	"GET /api/v1/licenses.csv":                    {"+ + + + + + + + + + +", nil},
	"GET /api/v1/licenses/{number}":               {"+ + + + + + + + + + +", nil},
	"GET /api/v1/licenses/{number}/history":       {"+ + + + + + + + + + +", nil},
	"GET /api/v1/licenses/{number}/signature":     {"L F F F F + N F F F F", nil},
	"POST /api/v1/licenses/{number}/signature":    {"L F F F F + N F F F F", v1.Signing{Signature: "e30="}},
	"GET /api/v1/licenses/{number}/evidence":      {"L + N + N + N F F + +", nil},
	"POST /api/v1/licenses/{number}/suspension":   {"L F F + N + N F F F F", v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "x"}},
	"POST /api/v1/licenses/{number}/resumption":   {"L F F + N + N F F F F", v1.Resume{}},
	"POST /api/v1/licenses/{number}/sites":        {"L F F + N + N F F F F", v1.NewSite{Kind: "branch", Address: "x"}},
	"DELETE /api/v1/licenses/{number}/sites/{id}": {"L F F + N + N F F F F", nil},
	"POST /api/v1/licenses/{number}/termination":  {"L F F + N + N F F F F", v1.Terminate{Ground: "revoked"}},

	"GET /api/v1/deadlines":            {"+ + + + + + + + + + +", nil},
	"GET /api/v1/deadlines/steps":      {"+ + + + + + + + + + +", nil},
	"GET /api/v1/deadlines/steps.csv":  {"+ + + + + + + + + + +", nil},
	"GET /api/v1/deadlines.csv":        {"+ + + + + + + + + + +", nil},
	"GET /api/v1/deadlines/overdue":    {"L F F + + + + F F + +", nil},
	"GET /api/v1/deadlines/visits":     {"L F F + + + + F F + +", nil},
	"GET /api/v1/deadlines/visits.csv": {"L F F + + + + F F + +", nil},
	"GET /api/v1/events":               {"L F F F F F F F F + +", nil},

	"GET /api/v1/calendar/explanation":  {"+ + + + + + + + + + +", nil},
	"GET /api/v1/calendar/years/{year}": {"+ + + + + + + + + + +", nil},

	"GET /openapi.json":              {"+ + + + + + + + + + +", nil},
	"GET /metrics":                   {"+ + + + + + + + + + +", nil},
	"GET /livez":                     {"+ + + + + + + + + + +", nil},
	"GET /readyz":                    {"+ + + + + + + + + + +", nil},
	"GET /{$}":                       {"+ + + + + + + + + + +", nil},
	"GET /licenses/{number}":         {"+ + + + + + + + + + +", nil},
	"GET /services":                  {"+ + + + + + + + + + +", nil},
	"GET /services/{slug}":           {"+ + + + + + + + + + +", nil},
	"GET /services/{slug}/{channel}": {"+ + + + + + + + + + +", nil},
	"GET /deadlines":                 {"+ + + + + + + + + + +", nil},
	"GET /deadlines/visits":          {"L F F + + + + F F + +", nil},
	"GET /applications/{id}":         {"L + N + N + N N N + +", nil},

	"GET /applications/{id}/signature":         {"L + N F N F F N N F F", nil},
	"POST /applications/{id}/signature":        {"L + N F N F F N N F F", nil},
	"GET /applications/{id}/signature/content": {"L + N F N F F N N F F", nil},

	"GET /applications/{id}/decision/signature":         {"L F F F F + N F F F F", nil},
	"POST /applications/{id}/decision/signature":        {"L F F F F + N F F F F", nil},
	"GET /applications/{id}/decision/signature/content": {"L F F F F + N F F F F", nil},

	"GET /licenses/{number}/signature":         {"L F F F F + N F F F F", nil},
	"POST /licenses/{number}/signature":        {"L F F F F + N F F F F", nil},
	"GET /licenses/{number}/signature/content": {"L F F F F + N F F F F", nil},

	"GET /calendar":      {"+ + + + + + + + + + +", nil},
	"GET /login":         {"+ + + + + + + + + + +", nil},
	"POST /login":        {"+ + + + + + + + + + +", nil},
	"POST /logout":       {"+ + + + + + + + + + +", nil},
	"GET /static/{file}": {"+ + + + + + + + + + +", nil},
}

// TestGate walks every route with every role, and nobody is let through but those the table says.
func TestGate(t *testing.T) {
	w := newWorld(t)
	if diff := cmp.Diff(api.Ruled(), w.server.Routes()); diff != "" {
		t.Errorf("rules and routes differ:\n%s", diff)
	}
	license := w.issued("company", "commodity-broker-license", company, "officer").Result
	for _, pattern := range w.server.Routes() {
		walk, ok := walks[pattern]
		if !ok {
			t.Errorf("nobody walks %s", pattern)
			continue
		}
		a, sha := w.withDocument("company", "commodity-broker-license", company)
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{$}", "", "{id}", a.ID, "{sha256}", sha, "{number}", license,
			"{slug}", "commodity-broker-license", "{channel}", "portal", "{file}", "style.css").Replace(path)
		answers := strings.Fields(walk.answers)
		for _, turn := range []string{"denied", "let through"} { // so that what is denied is denied in any state
			for i, who := range walkers {
				if (answers[i] == "+") != (turn == "let through") {
					continue
				}
				if got := w.walk(who, method, path, walk.body); got != answers[i] {
					t.Errorf("%s as %s: %s, want %s", pattern, who, got, answers[i])
				}
			}
		}
	}
}

// walk is the letter of the answer.
func (w *world) walk(who, method, path string, body any) string {
	var header []string
	if s, ok := body.(string); ok && strings.HasPrefix(s, "%PDF") {
		header = []string{"Content-Type", "application/pdf", "Content-Disposition", `attachment; filename="a.pdf"`}
	}
	r := w.call(strings.TrimPrefix(who, "-"), method, path, body, header...)
	if r.status >= 500 {
		w.t.Errorf("%s %s as %s: %d %s", method, path, who, r.status, r.body)
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
func (w *world) withDocument(who, service, applicant string) (v1.Application, string) {
	w.t.Helper()
	a := w.open(who, service, "portal", applicant)
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

func TestRouteWithoutRule(t *testing.T) {
	var err error
	api.WithoutRule("POST /api/v1/applications/{id}/decision", func() {
		defer func() {
			if p := recover(); p != nil {
				err = p.(error)
			}
		}()
		newWorld(t)
	})
	if err == nil || !strings.Contains(err.Error(), "has no rule") {
		t.Errorf("New = %v, want an error about the missing rule", err)
	}
}

func TestNobodyDecidesTheirOwn(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {
		c.Accounts = append(c.Accounts, account("clerk-at-home", "applicant", "", clerk))
	})
	a := w.examined("clerk-at-home", "import-export-license", clerk)
	w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(403, "own-application")
	if got := app(w.decide("head", a.ID, v1.Decision{Decision: "approve"}).want(200)); got.Status != "completed" {
		t.Errorf("decided by the head: %+v", got)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.call("", "GET", "/api/v1/applications", nil).want(401, "login-required")
	for _, header := range []string{"Bearer nobody", "Bearer ", "Basic b3BlcmF0b3I6", "Bearer company", "company-token"} {
		r := w.call("", "GET", "/api/v1/applications", nil, "Authorization", header).want(401, "token-unknown")
		if !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%q: %v", header, r.header)
		}
		w.call("", "GET", "/api/v1/services", nil, "Authorization", header).want(401, "token-unknown")
	}
	for name, broken := range map[string]api.Account{
		"short token":             account("ab", "auditor", "", ""),
		"unknown role":            account("somebody", "system", "", ""),
		"applicant without an id": account("applicant", "applicant", "", ""),
		"broken identifier":       account("applicant", "applicant", "", "120540001239"),
		"token of another":        account("company", "auditor", "", ""),
	} {
		if name == "short token" {
			broken.Token = "ab"
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			newWorld(t, func(c *api.Config) { c.Accounts = append(c.Accounts[:len(c.Accounts):len(c.Accounts)], broken) })
		}()
	}
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
