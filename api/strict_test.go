package api_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/v1"
)

// TestOneStatusPerCode: every code that has a text has one status, and every code with a status a text.
func TestOneStatusPerCode(t *testing.T) {
	texts := must(i18n.Load())
	has := map[string]int{}
	for status, codes := range api.Statuses() {
		for _, code := range codes {
			if has[code] != 0 {
				t.Errorf("%s is %d and %d", code, has[code], status)
			}
			has[code] = status
			if !texts.Has("problem."+code+".title") || !texts.Has("problem."+code+".detail") {
				t.Errorf("%s has no text", code)
			}
		}
	}
	for _, key := range texts.Keys() {
		rest, ok := strings.CutPrefix(key, "problem.")
		if code, title := strings.CutSuffix(rest, ".title"); ok && title && has[code] == 0 {
			t.Errorf("%s has no status", code)
		}
	}
}

// TestFieldErrorsAreTranslated: what is wrong with a field is said in the caller's language, and where.
func TestFieldErrorsAreTranslated(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	change := func(from, to string) string { return strings.Replace(opening, from, to, 1) }
	english := regexp.MustCompile(`expected|property|invalid|required|uploaded`)
	tests := []struct {
		who, method, path string
		body              any
		location          string
		say               string // a part of the Russian message
	}{
		{"company", "POST", "/api/v1/applications", change(`"request"`, `"x":1,"request"`), "body.x", "описании нет"},
		{"company", "POST", "/api/v1/applications", change(`"request":"issue",`, ""), "body", "поле request"},
		{"company", "POST", "/api/v1/applications", change("issue", "grant"), "body.request", "issue, reissue, duplicate"},
		{"company", "POST", "/api/v1/applications", change(`"120540001238"`, "120540001238"), "body.applicant.id", "текст"},
		{"company", "POST", "/api/v1/applications", change("120540001238", strings.Repeat("1", 31)), "body.applicant.id", "30"},
		{"company", "POST", "/api/v1/applications", change("120540001238", "120540001239"), "body.applicant.id", "БИН"},
		{"company", "POST", "/api/v1/applications", change(`"request":"issue"`, `"license":"2600001","request":"duplicate"`), "body.license", "номер"},
		{"company", "POST", "/api/v1/applications", "[]", "body", "объект"},
		{"company", "POST", at(a.ID, "/rating"), `{"quality":"3","availability":1}`, "body.quality", "целое число"},
		{"company", "PUT", at(a.ID, "/form"), `{"form":{},"documents":{}}`, "body.documents", "список"},
		{"company", "PUT", at(a.ID, "/form"), v1.Filing{Documents: []v1.Attached{{Name: "x", SHA256: strings.Repeat("0", 64)}}}, "body.documents[0].sha256", "не загружен"},
		{"company", "PUT", at(a.ID, "/form"), v1.Filing{Documents: []v1.Attached{{Name: "x", SHA256: "x"}}}, "body.documents[0].sha256", "[0-9a-f]{64}"},
		{"company", "PUT", at(a.ID, "/form"), v1.Filing{Form: v1.Form{Name: "x", Sites: []v1.NewSite{{Kind: "point", Address: "x"}, {Kind: "point", Address: " "}}}}, "body.form.sites[1].address", ""},
		{"company", "PUT", at(a.ID, "/form"), v1.Filing{Form: v1.Form{Sites: []v1.NewSite{{Kind: "castle", Address: "x"}}}}, "body.form.sites[0].kind", "branch, object, point"},
		{"company", "POST", at(a.ID, "/delivery"), v1.Delivery{To: "moon"}, "body.to", "cabinet, hand, center"},
		{"head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Text: "x"}, "body.ground", "activity-forbidden, fee-not-paid"},
		{"head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Text: "x"}, "body.text", "отказу"},
		{"head", "POST", "/api/v1/licenses/26000001/termination", v1.Terminate{Ground: "whim"}, "body.ground", "expired, performed"},
		{"", "GET", "/api/v1/licenses?page=2", nil, "query.page", "параметра"},
		{"", "GET", "/api/v1/licenses?limit=x", nil, "query.limit", "целое число"},
		{"", "GET", "/api/v1/licenses?limit=0", nil, "query.limit", "не меньше 1"},
		{"", "GET", "/api/v1/licenses?limit=1001", nil, "query.limit", "не больше 1000"},
		{"", "GET", "/api/v1/licenses?iin=120540001239", nil, "query.iin", "БИН"},
		{"", "GET", "/api/v1/licenses?iin=" + company, nil, "query.iin", "другого вида"},
		{"", "GET", "/api/v1/licenses?as_of=x", nil, "query.as_of", "дата"},
		{"", "GET", "/api/v1/licenses/26000001?known_at=x", nil, "query.known_at", "дата"},
		{"", "GET", "/api/v1/deadlines?to=x", nil, "query.to", "дата"},
		{"", "GET", "/api/v1/deadlines?as_of=2999-01-01", nil, "query.as_of", "не наступил"},
		{"", "GET", "/api/v1/deadlines?as_of=x", nil, "query.as_of", "момент"},
		{"", "GET", "/api/v1/deadlines?by=day,week", nil, "query.by", "day, week, month"},
		{"", "GET", "/api/v1/deadlines?by=x", nil, "query.by[0]", "licensor, day, week, month"},
		{"auditor", "GET", "/api/v1/deadlines/visits?step=x", nil, "query.step", "целое число"},
		{"", "GET", "/api/v1/deadlines?service=x", nil, "query.service", "услуг"},
		{"", "GET", "/api/v1/licenses?licensor=x", nil, "query.licensor", "услугодатель"},
		{"", "GET", "/api/v1/licenses?q=%22", nil, "query.q", "буква"},
		{"", "GET", "/api/v1/licenses.csv?lang=xx", nil, "query.lang", "kk, ru, en"},
		{"auditor", "GET", "/api/v1/applications?overdue=x", nil, "query.overdue", "true"},
	}
	for _, tt := range tests {
		for _, lang := range []string{"ru", "kk"} {
			p := decode[v1.Problem](w.call(tt.who, tt.method, tt.path, tt.body, "Accept-Language", lang).want(422))
			i := slices.IndexFunc(p.Errors, func(e v1.FieldError) bool { return e.Location == tt.location })
			if i < 0 || english.MatchString(p.Errors[i].Message) || strings.HasPrefix(p.Errors[i].Message, "field.") ||
				lang == "ru" && !strings.Contains(p.Errors[i].Message, tt.say) {
				t.Errorf("%s %s %v in %s: %+v, want %s: …%s…", tt.method, tt.path, tt.body, lang, p.Errors, tt.location, tt.say)
			}
		}
	}
}

// TestNothingIsKept: every answer says once whether it may be kept.
func TestNothingIsKept(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/": "no-store", "/deadlines": "no-store", "/none": "no-store", "/licenses/26000001": "no-store", "/static/style.css": "public, max-age=3600",
		"/openapi.json": "public, max-age=300", "/api/v1/services/casino-license/procedures/portal/diagram.svg": "no-cache", "/livez": "no-store", "/api/v1/services": "no-store", "/api/v1/none": "no-store",
		"/api/v1/licenses?x=1": "no-store", "/api/v1/licenses/26000001": "no-store", "/api/v1/licenses.csv": "no-store", "/api/v1/applications": "no-store",
	} {
		if got := w.call("", "GET", path, nil).header.Values("Cache-Control"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestNumbersAsPeopleWriteThem(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "import-permit", company, "officer").Result
	if !strings.HasPrefix(number, "KZ") {
		t.Fatalf("the permit is %s", number)
	}
	for _, text := range []string{number, strings.ToLower(number), number[:4] + " " + number[4:7] + "-" + number[7:]} {
		text = url.PathEscape(text)
		for _, path := range []string{"/api/v1/licenses/" + text, "/api/v1/licenses?number=" + text, "/licenses/" + text, "/?q=" + text} {
			if r := w.call("", "GET", path, nil).want(200); !strings.Contains(r.body, number) {
				t.Errorf("%s does not find %s: %s", path, number, r.body)
			}
		}
		if h := decode[v1.History](w.call("", "GET", "/api/v1/licenses/"+text+"/history", nil).want(200)); len(h.Items) != 1 {
			t.Errorf("the history of %s: %+v", text, h)
		}
	}
	site := w.call("head", "POST", "/api/v1/licenses/"+strings.ToLower(number)+"/sites", v1.NewSite{Kind: "point", Address: "x"}).want(200)
	if l := decode[v1.License](site); l.Number != number || len(l.Sites) != 1 {
		t.Errorf("a site of %s: %+v", number, l)
	}
}

// TestNotYet: a license that was issued later is not one that never was.
func TestNotYet(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	for _, query := range []string{"as_of=1999-01-01", "known_at=2026-11-23", "as_of=2026-11-24&known_at=2026-11-24T06:59:59Z"} {
		r := w.call("", "GET", "/api/v1/licenses/"+number+"?"+query, nil, "Accept-Language", "ru").want(404, "license-not-yet")
		if p := decode[v1.Problem](r); !strings.Contains(p.Detail, "24 ноября 2026") {
			t.Errorf("%s: %s", query, p.Detail)
		}
	}
	w.call("", "GET", "/api/v1/licenses/26999999?as_of=1999-01-01", nil).want(404, "not-found")
}

// TestCursorsBelongToTheirQuery: a cursor goes on with the query that gave it, and with no other.
func TestCursorsBelongToTheirQuery(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.issued("company", "commodity-broker-license", company, "officer")
	}
	const path = "/api/v1/licenses?limit=1"
	next := decode[v1.Licenses](w.call("", "GET", path+"&bin="+company, nil).want(200)).Next
	w.call("", "GET", path+"&bin="+company+"&cursor="+next, nil).want(200)
	for _, other := range []string{"", "&q=a", "&as_of=2026-11-24", "&status=active", "&bin=" + stranger} {
		w.call("", "GET", path+other+"&cursor="+next, nil).want(400, "cursor-invalid")
	}
	visits := decode[v1.DeadlineVisits](w.call("auditor", "GET", "/api/v1/deadlines/visits?limit=1", nil).want(200)).Next
	w.clock.pass(time.Hour)
	w.call("auditor", "GET", "/api/v1/deadlines/visits?limit=1&cursor="+visits, nil).want(200)
	w.call("auditor", "GET", "/api/v1/deadlines/visits?limit=2&as_of=2026-11-24&cursor="+visits, nil).want(200) // today is now
	for _, other := range []string{"step=0&", "outcome=open&", "licensor=trade-committee&", "as_of=2026-11-24T07:00:00Z&"} {
		w.call("auditor", "GET", "/api/v1/deadlines/visits?"+other+"cursor="+visits, nil).want(400, "cursor-invalid")
	}
	w.call("auditor", "GET", "/api/v1/deadlines/overdue?cursor="+visits, nil).want(400, "cursor-invalid")
	w.call("officer", "GET", "/api/v1/deadlines/visits?cursor="+visits, nil).want(400, "cursor-invalid")
	queue := decode[v1.Applications](w.call("officer", "GET", "/api/v1/applications?limit=1", nil).want(200)).Next
	w.call("officer", "GET", "/api/v1/applications?limit=1&cursor="+queue, nil).want(200)
	w.call("auditor", "GET", "/api/v1/applications?limit=1&cursor="+queue, nil).want(400, "cursor-invalid")
	w.call("officer", "GET", "/api/v1/applications?limit=1&cursor="+next, nil).want(400, "cursor-invalid")
}

// TestReorganization: another than the holder has the license reissued; the licensor confirms whose it
// was.
func TestReorganization(t *testing.T) {
	w := newWorld(t)
	old := w.issued("company", "commodity-broker-license", company, "officer").Result
	a := app(w.call("stranger", "POST", "/api/v1/applications", v1.Opening{
		Service: "commodity-broker-license", Channel: "portal", Request: "reissue", Applicant: v1.Applicant{ID: stranger},
		License: old, Reason: "reorganization",
	}).want(201))
	if a.Holder != company {
		t.Errorf("the holder of %s is %q", old, a.Holder)
	}
	w.call("stranger", "PUT", at(a.ID, "/form"), form("ТОО «Мұрагер»")).want(422, "document-required")
	up := decode[v1.Uploaded](w.upload("stranger", a.ID, "%PDF-1.7 акт").want(201))
	filing := form("ТОО «Мұрагер»")
	filing.Documents = []v1.Attached{{Name: up.Name, SHA256: up.SHA256}}
	a = w.pay(app(w.call("stranger", "PUT", at(a.ID, "/form"), filing).want(200)))
	a = app(w.sign("stranger", a.ID, stranger).want(200))
	r := w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(422, "holder-unconfirmed")
	if p := decode[v1.Problem](r); len(p.Errors) != 1 || p.Errors[0].Location != "body.holder" {
		t.Errorf("errors %+v", p.Errors)
	}
	if seen := app(w.call("head", "GET", at(a.ID, ""), nil).want(200)); seen.Holder != company {
		t.Errorf("the head sees the holder %q", seen.Holder)
	}
	a = app(w.decide("head", a.ID, v1.Decision{Decision: "approve", Holder: "1205 4000 1238"}).want(200))
	l := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+a.Result, nil).want(200))
	if a.Status != "completed" || a.Step != nil || l.Licensee.ID != stranger || l.Predecessor != old {
		t.Errorf("reissued: %+v\n%+v", a, l)
	}
	if before := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+old, nil).want(200)); before.Status != "reissued" {
		t.Errorf("the old one: %+v", before)
	}
}
