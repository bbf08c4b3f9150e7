package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/api/web"
)

// submit sends a form as a page of the site would, with what headers say besides.
func (w *world) submit(path string, form url.Values, header ...string) *reply {
	w.t.Helper()
	header = append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, header...)
	return w.call("", "POST", path, form.Encode(), header...)
}

func cookie(t *testing.T, r *reply) *http.Cookie {
	t.Helper()
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatalf("%s: %v", r.what, err)
	}
	return c
}

// Somebody who logs in is known to the pages until they log out, and to nothing else.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	r := w.submit("/login", url.Values{"token": {"head-token"}, "next": {"/deadlines?service=casino-license"}}).want(303)
	if at := r.header.Get("Location"); at != "/deadlines?service=casino-license" {
		t.Errorf("goes on to %q", at)
	}
	c := cookie(t, r)
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 0 || c.Path != "/" || c.Secure {
		t.Errorf("cookie %+v", c)
	}
	session := c.Name + "=" + c.Value
	if body := w.call("", "GET", "/deadlines", nil, "Cookie", session).want(200).body; !strings.Contains(body, `action="/logout"`) {
		t.Error("the page does not know who looks at it")
	}
	w.call("", "GET", "/api/v1/applications", nil, "Cookie", session).want(401, "login-required")
	out := cookie(t, w.submit("/logout", nil, "Cookie", session).want(303))
	if out.MaxAge >= 0 || out.Value != "" {
		t.Errorf("cookie after logging out %+v", out)
	}
	if body := w.call("", "GET", "/deadlines", nil).want(200).body; strings.Contains(body, `action="/logout"`) {
		t.Error("the page knows somebody who is not there")
	}

	if pasted := cookie(t, w.submit("/login", url.Values{"token": {" head-token\n"}}).want(303)); pasted.Value != c.Value {
		t.Errorf("a pasted token makes the cookie %q, want %q", pasted.Value, c.Value)
	}
	if body := w.submit("/login", url.Values{"token": {"guess"}}).want(422).body; !strings.Contains(body, `role="alert"`) {
		t.Error("a wrong token is not told")
	}
	if away := cookie(t, w.submit("/login", url.Values{"token": {"head-token"}}, "Host", "").want(303)); away.Secure {
		t.Errorf("cookie on this machine %+v", away)
	}
	w.call("", "POST", "/login", "token=head-token", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site").want(403)
	w.submit("/login", url.Values{"token": {strings.Repeat("x", 5000)}}).want(413)
}

// A login never leads to another site.
func TestOnward(t *testing.T) {
	for next, want := range map[string]string{
		"/deadlines?from=2026-01-01#x": "/deadlines?from=2026-01-01", "": "/", "deadlines": "/", "//evil.example/": "/", `/\evil.example`: "/",
		"https://evil.example/": "/", "javascript:alert(1)": "/", "/a\nb": "/", "/\t/evil.example": "/",
	} {
		if got := web.Onward(next); got != want {
			t.Errorf("%q goes on to %q, want %q", next, got, want)
		}
	}
}
