package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/api/v1"
)

// FuzzBodies sends any body to every route that takes one: whatever it is, the answer is no 5xx, an
// error is a problem with a code that has a text, and nothing refused moves the log.
func FuzzBodies(f *testing.F) {
	w := newWorld(f)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	a := w.open("company", "commodity-broker-license", "portal", company)
	examined := w.examined("company", "commodity-broker-license", company)
	routes := []struct{ who, method, path string }{
		{"company", "POST", "/api/v1/applications"},
		{"company", "PUT", at(a.ID, "/form")},
		{"company", "POST", at(a.ID, "/signature")},
		{"company", "POST", at(a.ID, "/delivery")},
		{"company", "POST", at(a.ID, "/rating")},
		{"company", "POST", at(a.ID, "/documents")},
		{"officer", "POST", at(examined.ID, "/decision")},
		{"company", "POST", at(examined.ID, "/withdrawal")},
		{"head", "POST", "/api/v1/licenses/" + number + "/suspension"},
		{"head", "POST", "/api/v1/licenses/" + number + "/resumption"},
		{"head", "POST", "/api/v1/licenses/" + number + "/termination"},
		{"head", "POST", "/api/v1/licenses/" + number + "/sites"},
		{"", "POST", "/api/v1/payments/callback"},
	}
	for _, body := range []string{
		opening, "{}", "[]", "null", `""`, "0", "{", "\x00", "\xff\xfe", `{"a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}",
		`{"decision":"approve","valid_until":"9999-12-31"}`, `{"decision":"approve","valid_until":"2026-02-30"}`,
		`{"from":"0000-01-01","until":"9999-99-99","reason":"x"}`, `{"on":"-1","ground":"revoked"}`,
		`{"quality":9223372036854775807,"availability":-9223372036854775808}`, `{"quality":1.5,"availability":"3"}`,
		`{"form":{"name":"\u0000","sites":[{"kind":"","address":""}]},"documents":[null]}`,
		`{"signature":"AAAA"}`, `{"signature":"eyJtZXRob2QiOiJ4In0="}`,
		`{"service":"casino-license","channel":"portal","request":"reissue","license":"-","applicant":{"id":"120540001238"}}`,
		`{"Application":"00000000-0000-0000-0000-000000000000","Order":"","Paid":true,"Amount":-1}`,
		`{"__proto__":{},"constructor":1}`, `{"kind":"branch","name":"` + strings.Repeat("ж", 200) + `","address":"x"}`,
	} {
		for i := range routes {
			f.Add(i, body)
		}
	}
	f.Fuzz(func(t *testing.T, i int, body string) {
		w.t = t
		route := routes[uint(i)%uint(len(routes))]
		before := must(w.store.Head(t.Context()))
		header := []string{"Seal", "genuine"}
		if strings.HasSuffix(route.path, "/documents") {
			header = []string{"Content-Type", "application/pdf", "Content-Disposition", "attachment; filename=x"}
		}
		r := w.call(route.who, route.method, route.path, body, header...)
		checkAnswer(t, r)
		if after := must(w.store.Head(t.Context())); r.status >= 400 && after != before {
			t.Errorf("%s: refused with %d, and moved the log from %d to %d", r.what, r.status, before, after)
		}
	})
}

// FuzzQueries sends any query to every route that takes one.
func FuzzQueries(f *testing.F) {
	w := newWorld(f)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	paths := []string{
		"/api/v1/licenses", "/api/v1/licenses.csv", "/api/v1/licenses/" + number, "/api/v1/applications", "/api/v1/deadlines",
		"/api/v1/deadlines/steps", "/api/v1/deadlines/overdue", "/api/v1/deadlines/visits", "/api/v1/deadlines/visits.csv", "/api/v1/deadlines.csv", "/api/v1/events", "/", "/licenses/" + number, "/deadlines",
	}
	for _, query := range []string{
		"", "q=%22", "q=%00", "q=a%20OR%20b*", "q=NEAR(", "bin=1", "iin=%D9%A1", "cursor=AA", "cursor=" + strings.Repeat("_", 100), "limit=0", "limit=-1",
		"limit=99999999999999999999", "as_of=0000-00-00", "as_of=9999-12-31", "known_at=9999-12-31T23:59:59Z", "known_at=0001-01-01",
		"status=active&status=expired", "from=0001-01-01&to=9999-12-31", "service=%27%3B--", "after=18446744073709551615.2147483647",
		"after=1.99999999999", "after=-1", "lang=xx", "lang=kk&q=%D2%AF", "%zz", ";", "a=b;c", "q=" + strings.Repeat("%D0%B6", 300), "number=../..",
		"q=850312300129", "q=1234567890-1", "overdue=maybe", "as_of=0001-01-01T00:00:00Z&by=week", "as_of=2026-11-24&by=day,licensor", "step=99999999999999999999", "step=0&outcome=due_soon",
	} {
		for i := range paths {
			f.Add(i, query)
		}
	}
	f.Fuzz(func(t *testing.T, i int, query string) {
		w.t = t
		r, err := http.NewRequest("GET", w.url+paths[uint(i)%uint(len(paths))], nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = query
		if _, err := url.Parse(r.URL.String()); err != nil || strings.ContainsAny(query, " \r\n\t#") || !printable(query) {
			return // no query that a client sends
		}
		answer := w.call("auditor", "GET", r.URL.RequestURI(), nil)
		checkAnswer(t, answer)
	})
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

func checkAnswer(t *testing.T, r *reply) {
	t.Helper()
	if r.status >= 500 {
		t.Errorf("%s: %d %s", r.what, r.status, r.body)
	}
	if r.status >= 400 && strings.HasPrefix(r.header.Get("Content-Type"), "application/problem") {
		r.want(r.status, decode[v1.Problem](r).Code)
	}
}
