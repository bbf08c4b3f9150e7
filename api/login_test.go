package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
)

// submit sends a form as a page of the site would, with what headers say besides.
func (w *world) submit(path string, form url.Values, header ...string) *reply {
	w.t.Helper()
	header = append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, header...)
	return w.call("", "POST", path, form.Encode(), header...)
}

// credentials are what somebody types into the page of the login.
func credentials(who, password string) url.Values {
	return url.Values{"login": {who}, "password": {password}}
}

func cookie(t *testing.T, r *reply) *http.Cookie {
	t.Helper()
	c, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatalf("%s: %v", r.what, err)
	}
	return c
}

// enter logs in on the page and is what to send as a cookie from then on.
func (w *world) enter(who string, header ...string) string {
	w.t.Helper()
	c := cookie(w.t.(*testing.T), w.submit("/login", credentials(who, password), header...).want(303))
	return c.Name + "=" + c.Value
}

// in reports whether the cookie still lets somebody in.
func (w *world) in(session string) bool {
	w.t.Helper()
	return w.call("", "GET", "/account", nil, "Cookie", session).status == 200
}

// Somebody who logs in is known to the pages until they log out, and to nothing else.
func TestLogin(t *testing.T) {
	w := newWorld(t)
	typed := credentials(" Head ", password)
	typed.Set("next", "/deadlines?service=casino-license")
	r := w.submit("/login", typed).want(303)
	if at := r.header.Get("Location"); at != "/deadlines?service=casino-license" {
		t.Errorf("goes on to %q", at)
	}
	c := cookie(t, r)
	if c.Name != "session" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 0 || c.Path != "/" || c.Secure || c.Domain != "" {
		t.Errorf("cookie over plain HTTP %+v", c)
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
	if w.in(session) {
		t.Error("the session goes on after logging out")
	}
	if body := w.call("", "GET", "/deadlines", nil, "Cookie", session).want(200).body; strings.Contains(body, `action="/logout"`) {
		t.Error("the page knows somebody who is not there")
	}
	w.call("", "POST", "/login", credentials("head", password).Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site").want(403)
	w.submit("/login", url.Values{"login": {strings.Repeat("x", 9000)}}).want(413)
}

// TestCookieOverTLS: the cookie of a registry with an address of its own is for that and nobody else.
func TestCookieOverTLS(t *testing.T) {
	for _, address := range []string{"https://licenses.example", "", "http://licenses.example", "https://127.0.0.1:8443"} {
		w := newWorld(t, func(c *api.Config) { c.PublicURL = address })
		c := cookie(t, w.submit("/login", credentials("head", password)).want(303))
		if c.Name != "__Host-session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			t.Errorf("%q: cookie %+v", address, c)
		}
		if !w.in("__Host-session=" + c.Value) {
			t.Errorf("%q: not let in", address)
		}
		if w.in("session=" + c.Value) {
			t.Errorf("%q: let in by a cookie that anybody near can set", address)
		}
	}
}

// TestFixation: a session that somebody else put into the browser never becomes that of who logs in.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	planted := w.enter("stranger")
	mine := w.enter("head", "Cookie", planted)
	if mine == planted {
		t.Fatal("the login goes on in the session that the browser came with")
	}
	if w.in(planted) {
		t.Error("the session that the browser came with goes on")
	}
	for _, made := range []string{"session=made-up", "session=tzl_made-up"} {
		if got := w.enter("head", "Cookie", made); got == made || w.in(made) {
			t.Errorf("%s becomes a session", made)
		}
	}
	made := decode[v1.Token](w.call("admin", "POST", "/api/v1/tokens", v1.NewToken{Name: "x", As: v1.Role{Role: "auditor"}}).want(201))
	if body := w.call("", "GET", "/deadlines", nil, "Cookie", "session="+made.Token).want(200).body; strings.Contains(body, "/logout") {
		t.Error("a system's token lets in as a cookie")
	}
}

// TestSessionsEnd: by themselves, and at a change of the password or the roles, whoever makes it.
func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(){
		"password of one's own": func() {
			w.call("head", "PUT", "/api/v1/account/password", v1.PasswordChange{Present: password, New: password}).want(204)
		},
		"password by an administrator": func() {
			w.call("admin", "PUT", "/api/v1/accounts/head/password", v1.NewPassword{Password: password}).want(200)
		},
		"role given": func() {
			w.call("admin", "POST", "/api/v1/accounts/head/roles", v1.Role{Role: "officer", Organization: "trade-committee"}).want(200)
		},
		"role taken": func() {
			w.call("admin", "DELETE", "/api/v1/accounts/head/roles/officer?organization=trade-committee", nil).want(200)
		},
		"sessions ended":            func() { w.call("head", "DELETE", "/api/v1/account/sessions", nil).want(204) },
		"sessions ended by another": func() { w.call("admin", "DELETE", "/api/v1/accounts/head/sessions", nil).want(204) },
		"disabled": func() {
			w.call("admin", "PUT", "/api/v1/accounts/head/disabled", nil).want(200)
			w.submit("/login", credentials("head", password)).want(422)
			w.call("admin", "DELETE", "/api/v1/accounts/head/disabled", nil).want(200)
		},
	} {
		page := w.enter("head")
		bearer := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "head", Password: password}).want(201)).Token
		other := w.enter("auditor")
		if name == "role taken" {
			_, _ = w.accounts.AddRole(t.Context(), "test", "head", book.Assignment{Role: domain.RoleOfficer, Organization: "trade-committee"})
			page = w.enter("head")
		}
		change()
		if w.in(page) {
			t.Errorf("%s: the session of the page goes on", name)
		}
		w.bearer(bearer, "GET", "/api/v1/account", nil).want(401, "token-unknown")
		if !w.in(other) {
			t.Errorf("%s: ended another's session", name)
		}
	}
}

// TestSessionTimes: a session ends when it is not used, and at some time in any case.
func TestSessionTimes(t *testing.T) {
	w := newWorld(t, func(c *api.Config) {})
	w.reopen(func(c *book.Config) { c.Idle, c.Absolute = 30*time.Minute, 12*time.Hour })
	unused, used := w.enter("head"), w.enter("head")
	for range 28 {
		w.clock.pass(25 * time.Minute)
		if !w.in(used) {
			t.Fatalf("the session ends while it is used, after %s", w.clock.now().Sub(noon))
		}
	}
	if w.in(unused) {
		t.Error("a session that is not used goes on")
	}
	if r := w.call("", "GET", "/account", nil, "Cookie", unused).want(303); r.header.Get("Location") != "/login?next=%2Faccount" {
		t.Errorf("after its end it is sent to %q", r.header.Get("Location"))
	}
	if w.clock.set(noon.Add(12 * time.Hour)); w.in(used) {
		t.Error("a session goes on for ever while it is used")
	}
}

// TestLockout: who guesses is slowed by account and stopped by address, over HTTP, and a restart of the
// server changes nothing of it.
func TestLockout(t *testing.T) {
	w := newWorld(t)
	guess := v1.Login{Login: "head", Password: "a wrong password"}
	for range 5 {
		w.call("", "POST", "/api/v1/sessions", guess).want(401, "login-refused")
	}
	right := v1.Login{Login: "head", Password: password}
	w.call("", "POST", "/api/v1/sessions", right).want(401, "login-refused") // locked, and not told
	w.restart()
	w.call("", "POST", "/api/v1/sessions", right).want(401, "login-refused")
	w.clock.pass(31 * time.Second)
	w.call("", "POST", "/api/v1/sessions", right).want(201)

	// Each of these fails at the first try on its login: it is the address that is stopped.
	status := 0
	for n := 0; n < 30 && status != 429; n++ {
		status = w.submit("/login", credentials("nobody-"+strings.Repeat("x", n), "a wrong password")).status
	}
	w.restart()
	r := w.call("", "POST", "/api/v1/sessions", right, "Accept-Language", "ru").want(429, "login-too-many-tries")
	p := decode[v1.Problem](r)
	if after := r.header.Get("Retry-After"); after != "31" && after != "30" || p.RetryAfter < 30 || !strings.Contains(p.Detail, after) {
		t.Errorf("Retry-After %q, problem %+v", after, p)
	}
	page := w.submit("/login", credentials("head", password), "Accept-Language", "kk").want(429)
	if page.header.Get("Retry-After") == "" || !strings.Contains(page.body, `role="alert"`) || !strings.Contains(page.body, `lang="kk"`) {
		t.Errorf("the page says %v %s", page.header, page.body)
	}
	// Another address is another matter, where a proxy of ours tells it; nobody else is believed.
	w.call("", "POST", "/api/v1/sessions", right, "X-Forwarded-For", "203.0.113.7").want(429)
	w.clock.pass(time.Hour)
	w.call("", "POST", "/api/v1/sessions", right).want(201)
}

// TestBehindAProxy: where people come from is what the proxy says, and not what they say themselves.
func TestBehindAProxy(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Proxies = proxies("127.0.0.0/8", "10.0.0.0/8") })
	guess := func(from string) int {
		return w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "nobody", Password: "a wrong password"}, "X-Forwarded-For", from).status
	}
	for n := 0; n < 30 && guess("198.51.100.9, 203.0.113.7, 10.0.0.2") != 429; n++ {
		w.clock.tick.Store(0)
	}
	for from, want := range map[string]int{"203.0.113.7": 429, "198.51.100.9": 401, "203.0.113.7, 198.51.100.9": 401, "198.51.100.9, 203.0.113.7": 429, "nonsense": 401} {
		if got := guess(from); got != want {
			t.Errorf("from %q: %d, want %d", from, got, want)
		}
	}
}

// TestRefusedLogin: the page asks again, says so, and keeps the login and where one was going.
func TestRefusedLogin(t *testing.T) {
	w := newWorld(t)
	typed := credentials("head", "guess")
	typed.Set("next", "/deadlines?step=1")
	body := w.submit("/login", typed, "Accept-Language", "ru").want(422).body
	w.contains(body, `role="alert"`, "логин", `value="/deadlines?step=1"`, `value="head"`)
	if strings.Contains(body, "guess") {
		t.Error("the page has the password")
	}
	nobody := w.submit("/login", credentials("nobody", "guess"), "Accept-Language", "ru").want(422).body
	if strings.ReplaceAll(nobody, "nobody", "head") != strings.ReplaceAll(body, "/deadlines?step=1", "/") {
		t.Error("the page tells whether there is an account")
	}
}

// TestSessionOverTheAPI logs in, looks around, takes another role and logs out.
func TestSessionOverTheAPI(t *testing.T) {
	w := newWorld(t)
	two := []v1.Role{{Role: "officer", Organization: "trade-committee"}, {Role: "head", Organization: "bailiff-committee"}}
	made := decode[v1.Account](w.call("admin", "POST", "/api/v1/accounts", v1.NewAccount{Login: "aigerim", Name: "Айгерім", Roles: two, Password: password}).want(201))
	in := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: password}).want(201))
	if in.Self.ID != made.ID || in.Self.As != two[0] || len(in.Self.Roles) != 2 || !in.Ends.After(noon) {
		t.Errorf("logged in as %+v", in)
	}
	then := decode[v1.Session](w.bearer(in.Token, "PUT", "/api/v1/account/role", two[1]).want(200))
	w.bearer(in.Token, "GET", "/api/v1/account", nil).want(401, "token-unknown")
	if self := decode[v1.Self](w.bearer(then.Token, "GET", "/api/v1/account", nil).want(200)); self.As != two[1] {
		t.Errorf("acts as %+v", self)
	}
	w.bearer(then.Token, "PUT", "/api/v1/account/role", v1.Role{Role: "admin"}).want(403, "forbidden")
	second := decode[v1.Session](w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: password, As: &two[1]}).want(201))
	list := decode[v1.Sessions](w.bearer(then.Token, "GET", "/api/v1/account/sessions", nil).want(200)).Items
	if len(list) != 2 || list[0].Current == list[1].Current || list[0].Method != "password" || list[0].Address != "127.0.0.1" {
		t.Errorf("sessions %+v", list)
	}
	w.bearer(then.Token, "DELETE", "/api/v1/account/sessions/"+second.Self.Session, nil).want(204)
	w.bearer(second.Token, "GET", "/api/v1/account", nil).want(401)
	w.bearer(then.Token, "DELETE", "/api/v1/sessions/current", nil).want(204)
	w.bearer(then.Token, "GET", "/api/v1/account", nil).want(401)

	for _, broken := range []v1.Login{{}, {Login: "aigerim"}, {Login: "aigerim", Password: password, Challenge: "x", Signature: "x"}, {Challenge: "x", Password: password}} {
		w.call("", "POST", "/api/v1/sessions", broken).want(422, "form-invalid")
	}
	w.call("", "POST", "/api/v1/sessions", v1.Login{Challenge: "x", Signature: "e30="}).want(404) // nobody logs in so here
}

// TestBusyHashing: who finds no turn for their password is told to come again.
func TestBusyHashing(t *testing.T) {
	w := newWorld(t)
	w.reopen(func(c *book.Config) { c.Hashes, c.HashWait = 1, time.Nanosecond; c.Hash = book.DefaultHash })
	results := make(chan *reply)
	let, away := 0, 0
	// What is stored in the beginning costs nothing to check; whoever has logged in has a hash that takes its
	// time from then on, and the next ones find no turn.
	for range 3 {
		for _, who := range accounts[:8] { // each their own: so many tries on one login at once would be guessing
			go func() {
				results <- w.call("", "POST", "/api/v1/sessions", v1.Login{Login: who.id, Password: password})
			}()
		}
		for range 8 {
			switch r := <-results; {
			case r.status == 201:
				let++
			case r.status == 503 && r.header.Get("Retry-After") != "":
				away++
			default:
				t.Errorf("%d %s", r.status, r.body)
			}
		}
	}
	if let == 0 || away == 0 {
		t.Errorf("%d logged in, %d were turned away", let, away)
	}
}

// TestAccountPage: one sees oneself, takes another role, changes the password, ends sessions.
func TestAccountPage(t *testing.T) {
	w := newWorld(t)
	w.enroll(someone{"aigerim", domain.RoleOfficer, "trade-committee", clerk})
	if _, err := w.accounts.AddRole(t.Context(), "test", "aigerim", book.Assignment{Role: domain.RoleHead, Organization: "trade-committee"}); err != nil {
		t.Fatal(err)
	}
	session := w.enter("aigerim")
	page := func(session string) string {
		t.Helper()
		return w.call("", "GET", "/account?lang=ru", nil, "Cookie", session).want(200).body
	}
	w.contains(page(session), "Name of aigerim", clerk, "сотрудник услугодателя, ", `<option value="0" selected>`, `<option value="1">`, "этот сеанс")
	role := cookie(t, w.submit("/account/role", url.Values{"role": {"1"}}, "Cookie", session).want(303))
	if w.in(session) {
		t.Error("the session of the other role goes on")
	}
	session = role.Name + "=" + role.Value
	w.contains(page(session), `<option value="1" selected>`)
	w.submit("/account/role", url.Values{"role": {"2"}}, "Cookie", session).want(400)

	other := w.enter("aigerim")
	id := decode[v1.Sessions](w.call("aigerim", "GET", "/api/v1/account/sessions", nil)).Items
	for _, i := range id {
		if !i.Current && i.As.Role == "officer" {
			w.submit("/account/sessions", url.Values{"session": {i.ID}}, "Cookie", session).want(303)
		}
	}
	if w.in(other) || !w.in(session) {
		t.Error("ended the wrong session")
	}
	change := url.Values{"present": {password}, "new": {"Ақ боз ат 2026-2027"}, "again": {"Ақ боз ат 2026"}}
	w.contains(w.submit("/account/password?lang=ru", change, "Cookie", session).want(422).body, "не совпадают")
	change.Set("again", "Ақ боз ат 2026-2027")
	change.Set("present", "wrong")
	w.contains(w.submit("/account/password?lang=ru", change, "Cookie", session).want(422).body, `role="alert"`)
	w.submit("/account/password", change, "Cookie", session, "Sec-Fetch-Site", "cross-site").want(403)
	change.Set("present", password)
	if to := w.submit("/account/password", change, "Cookie", session).want(303).header.Get("Location"); to != "/login?changed&next=/account" || w.in(session) {
		t.Errorf("after the change it goes to %q, let in %t", to, w.in(session))
	}
	w.submit("/login", credentials("aigerim", "Ақ боз ат 2026-2027")).want(303)
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

// TestFeedEndsWithItsSession: who may read no more does not read on because they began before.
func TestFeedEndsWithItsSession(t *testing.T) {
	defer api.Hurry(10 * time.Millisecond)()
	w := newWorld(t)
	w.open("company", "commodity-broker-license", "portal", company)
	next, body := w.feed(t, "")
	defer body.Close()
	if first := next(); first.Type != "application-opened" {
		t.Fatalf("the feed begins with %+v", first)
	}
	w.call("admin", "DELETE", "/api/v1/accounts/auditor/sessions", nil).want(204)
	for {
		select {
		case <-time.After(10 * time.Second):
			t.Fatal("the feed goes on")
		default:
		}
		if e := next(); e.Type == "" { // the end
			return
		}
	}
}
