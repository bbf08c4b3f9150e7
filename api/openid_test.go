package api_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/openid"
	"github.com/tizilim/tizilim/adapters/openidtest"
	"github.com/tizilim/tizilim/api/v1"
)

// TestLoginByOpenID leads a browser from our page to a real provider and back, and in.
func TestLoginByOpenID(t *testing.T) {
	w := newWorld(t)
	p := openidtest.Start(t, w.url+"/login/openid")
	p.Groups["u1"], p.IIN["u1"] = []string{"trade-heads", "auditors"}, clerk
	client := must(openid.New(p.Config(), time.Now))
	w.cfg.OpenID = true
	w.reopen(func(c *book.Config) { c.OpenID = client })
	w.contains(w.call("", "GET", "/login?next=/deadlines/visits", nil).want(200).body, `href="/login/openid/begin?next=%2Fdeadlines%2Fvisits"`)

	browser := &http.Client{Jar: must(cookiejar.New(nil))}
	get := func(r *http.Response, err error) (at *url.URL, status int, body string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		return r.Request.URL, r.StatusCode, string(must(io.ReadAll(r.Body)))
	}
	enter := func(user string) (*url.URL, int, string) {
		t.Helper()
		there, _, page := get(browser.Get(w.url + "/login/openid/begin?next=/deadlines/visits"))
		id := there.Query().Get("authRequestID")
		if id == "" {
			t.Fatalf("no login page: %s %s", there, page)
		}
		return get(browser.PostForm(p.URL+"/login/username", url.Values{"username": {user}, "password": {"verysecure"}, "id": {id}}))
	}
	at, status, body := enter("aigerim")
	if at.Path != "/deadlines/visits" || status != 200 || !strings.Contains(body, "Айгерім Бекова") {
		t.Fatalf("comes to %s, %d: %s", at, status, body)
	}
	_, _, page := get(browser.Get(w.url + "/account?lang=en"))
	w.contains(page, clerk, `<option value="0" selected>head, `, `<option value="1">auditor`, "organization")
	for _, c := range browser.Jar.Cookies(must(url.Parse(w.url))) {
		if c.Name == "openid" {
			t.Error("what was kept for the login is kept on")
		}
	}

	// Who has no role by the provider is told so, on a page in their language.
	browser.Jar = must(cookiejar.New(nil))
	p.Groups["u2"] = []string{"cleaners"}
	if at, status, body = enter("berik"); at.Path != "/login/openid" || status != 403 || !strings.Contains(body, `role="alert"`) {
		t.Errorf("without a role: %s, %d: %s", at, status, body)
	}
	// The end of a login that began in another browser is none.
	if at, status, _ = get(browser.Get(w.url + "/login/openid?state=x&code=y")); status != 422 {
		t.Errorf("made up: %s, %d", at, status)
	}
	p.Down.Store(true)
	w.reopen(func(c *book.Config) { c.OpenID = must(openid.New(p.Config(), time.Now)) })
	w.call("", "GET", "/login/openid/begin", nil).want(503)
	decode[v1.Session](w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "head", Password: password}).want(201)) // that goes on
}
