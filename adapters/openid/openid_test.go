package openid_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/openid"
	"github.com/tizilim/tizilim/adapters/openidtest"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/domain"
)

// registry is accounts that know the provider.
func registry(t *testing.T, cfg openid.Config) *accounts.Accounts {
	t.Helper()
	client, err := openid.New(cfg, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "accounts.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := accounts.New(accounts.Config{Store: db, Journal: db, Now: time.Now, OpenID: client, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(a.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// begin begins a login.
func begin(t *testing.T, a *accounts.Accounts) (at, cookie string) {
	t.Helper()
	at, cookie, err := a.StartOpenID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at, cookie
}

// finish finishes it with what the browser came back with.
func finish(t *testing.T, a *accounts.Accounts, cookie string, query url.Values) (accounts.Opened, error) {
	return a.FinishOpenID(t.Context(), accounts.Returned{
		Cookie: cookie, State: query.Get("state"), Code: query.Get("code"), Error: query.Get("error"),
		From: accounts.From{Address: "10.0.0.1"},
	})
}

// login is a whole login.
func login(t *testing.T, p *openidtest.Provider, a *accounts.Accounts, user string) (accounts.Opened, error) {
	t.Helper()
	at, cookie := begin(t, a)
	return finish(t, a, cookie, p.Browse(t, at, user))
}

func rejected(t *testing.T, err error, code, when string) {
	t.Helper()
	var r *domain.Rejection
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: %v, want %s", when, err, code)
	}
}

func TestLogin(t *testing.T) {
	p := openidtest.Start(t, openidtest.Back)
	for _, p.Inside = range []bool{false, true} { // the claims are told when asked for, or in the token
		a := registry(t, p.Config())
		p.Groups["u1"] = []string{"somewhere-else", "auditors", "trade-officers"}
		p.IIN["u1"] = "850312300121"
		first, err := login(t, p, a, "aigerim")
		if err != nil {
			t.Fatal(err)
		}
		officer, auditor := accounts.Assignment{Role: domain.RoleOfficer, Organization: "trade-committee"}, accounts.Assignment{Role: domain.RoleAuditor}
		if v := first.Visitor; v.Actor.Name != "Айгерім Бекова" || v.Actor.Role != domain.RoleOfficer || v.Actor.Organization != "trade-committee" || v.Identifier != "850312300121" || !cmp.Equal(v.Roles, []accounts.Assignment{officer, auditor}) {
			t.Errorf("in the token %v: %+v", p.Inside, v)
		}
		again, err := login(t, p, a, "aigerim")
		if err != nil || again.Actor.ID != first.Actor.ID {
			t.Errorf("again: %+v, %v", again.Actor, err)
		}
		if _, err := a.Session(t.Context(), first.Token); err != nil {
			t.Errorf("the first session: %v", err)
		}
		// The provider takes a role away: with the next login the sessions of before end.
		p.Groups["u1"] = []string{"trade-heads"}
		third, err := login(t, p, a, "aigerim")
		if err != nil || third.Actor.ID != first.Actor.ID || third.Actor.Role != domain.RoleHead || len(third.Roles) != 1 {
			t.Errorf("another role: %+v, %v", third.Visitor, err)
		}
		if _, err := a.Session(t.Context(), again.Token); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("a session of before: %v", err)
		}
		if _, err := a.AddRole(t.Context(), "admin", first.Actor.ID, auditor); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("a role given here: %v", err)
		}
		if _, err := a.Disable(t.Context(), "admin", first.Actor.ID); err != nil {
			t.Fatal(err)
		}
		_, err = login(t, p, a, "aigerim")
		rejected(t, err, accounts.CodeRefused, "disabled")
		p.Groups["u2"] = []string{"somewhere-else"}
		_, err = login(t, p, a, "berik")
		rejected(t, err, accounts.CodeNoRole, "no role here")
	}
}

// TestNobodyFinishesAnothersLogin: the state is bound to the browser that began, and good once.
func TestNobodyFinishesAnothersLogin(t *testing.T) {
	p := openidtest.Start(t, openidtest.Back)
	p.Groups["u1"], p.Groups["u2"] = []string{"auditors"}, []string{"auditors"}
	a := registry(t, p.Config())
	at, mine := begin(t, a)
	_, other := begin(t, a)
	query := p.Browse(t, at, "aigerim")
	for name, cookie := range map[string]string{
		"none": "", "another login's": other, "another text": "x" + mine, "no seal": strings.Split(mine, ".")[0], "cut": mine[:len(mine)-2],
	} {
		_, err := finish(t, a, cookie, query)
		rejected(t, err, accounts.CodeChallenge, "cookie: "+name)
	}
	forged := maps.Clone(query)
	forged["state"] = []string{"another"}
	_, err := finish(t, a, mine, forged)
	rejected(t, err, accounts.CodeChallenge, "another state")
	_, err = finish(t, registry(t, p.Config()), mine, query)
	rejected(t, err, accounts.CodeChallenge, "another installation")

	if _, err := finish(t, a, mine, query); err != nil {
		t.Fatal(err)
	}
	if _, err = finish(t, a, mine, query); err == nil {
		t.Error("finished twice")
	}
	_, err = finish(t, a, other, url.Values{"state": {stateOf(t, other)}, "error": {"access_denied"}})
	rejected(t, err, accounts.CodeOpenID, "refused by the provider")
}

// stateOf reads the state in the cookie, which its own browser may.
func stateOf(t *testing.T, cookie string) string {
	t.Helper()
	text, _, _ := strings.Cut(cookie, ".")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ State string }
	if err := json.Unmarshal(data, &f); err != nil || f.State == "" {
		t.Fatalf("%s: %v", data, err)
	}
	return f.State
}

// TestCodeOfAnother: a code that the provider gave to another browser's login is worth nothing, because of
// PKCE and the nonce, though all of the state is right.
func TestCodeOfAnother(t *testing.T) {
	p := openidtest.Start(t, openidtest.Back)
	p.Groups["u1"], p.Groups["u2"] = []string{"auditors"}, []string{"auditors"}
	a := registry(t, p.Config())
	at, mine := begin(t, a)
	theirs, _ := begin(t, a)
	query := p.Browse(t, at, "aigerim")
	stolen := p.Browse(t, theirs, "berik")
	query["code"] = stolen["code"]
	_, err := finish(t, a, mine, query)
	rejected(t, err, accounts.CodeOpenID, "another's code")
}

func TestProviderIsDown(t *testing.T) {
	p := openidtest.Start(t, openidtest.Back)
	p.Groups["u1"] = []string{"auditors"}
	a := registry(t, p.Config())
	p.Down.Store(true)
	if _, _, err := a.StartOpenID(t.Context()); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("down at the beginning: %v", err)
	}
	p.Down.Store(false)
	at, cookie := begin(t, a)
	query := p.Browse(t, at, "aigerim")
	p.Down.Store(true)
	for range 30 { // and it is not their failure
		if _, err := finish(t, a, cookie, query); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatalf("down at the end: %v", err)
		}
	}
	p.Down.Store(false)
	if _, err := finish(t, a, cookie, query); err != nil {
		t.Errorf("up again: %v", err)
	}
	wrong := p.Config()
	wrong.Secret = "another"
	_, err := login(t, p, registry(t, wrong), "aigerim")
	rejected(t, err, accounts.CodeOpenID, "a wrong client secret")
}

// liar is a provider that signs whatever it is told to.
type liar struct {
	*httptest.Server
	key    *rsa.PrivateKey
	signer *rsa.PrivateKey // of the tokens; the key that it publishes, or another
	claims map[string]any
	info   map[string]any
}

func startLiar(t *testing.T) *liar {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{key: key, signer: key}
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{
			"issuer": l.URL, "authorization_endpoint": l.URL + "/auth", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/keys",
			"userinfo_endpoint": l.URL + "/info", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: l.key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /info", func(w http.ResponseWriter, _ *http.Request) { reply(w, l.info) })
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: l.signer, KeyID: "k"}}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		token, err := jwt.Signed(signer).Claims(l.claims).Serialize()
		if err != nil {
			t.Error(err)
		}
		reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

// TestUnsoundTokens: what is not signed by the provider, for this client, now, and in answer to this login,
// is not believed.
func TestUnsoundTokens(t *testing.T) {
	l := startLiar(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	client, err := openid.New(openid.Config{
		Issuer: l.URL, ClientID: openidtest.ClientID, Secret: openidtest.ClientSecret, RedirectURL: openidtest.Back,
		Roles: []openid.Role{{Value: "auditors", Role: domain.RoleAuditor}},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(map[string]any){
		"":                           func(map[string]any) {},
		"another nonce":              func(c map[string]any) { c["nonce"] = "another" },
		"no nonce":                   func(c map[string]any) { delete(c, "nonce") },
		"another client's":           func(c map[string]any) { c["aud"] = "another" },
		"another issuer's":           func(c map[string]any) { c["iss"] = "https://elsewhere.example" },
		"expired":                    func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"another key":                func(map[string]any) { l.signer = other },
		"an access token of another": func(c map[string]any) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"claims of another": func(c map[string]any) {
			delete(c, "groups")
			l.info = map[string]any{"sub": "another", "groups": "auditors"}
		},
	} {
		l.signer, l.info = l.key, map[string]any{"sub": "s"}
		l.claims = map[string]any{
			"iss": l.URL, "sub": "s", "aud": openidtest.ClientID, "nonce": "n", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
			"name": "Аты", "groups": "auditors",
		}
		change(l.claims)
		who, err := client.Finish(t.Context(), "code", "n", "verifier")
		if name != "" {
			rejected(t, err, accounts.CodeOpenID, name)
			continue
		}
		want := accounts.Identity{Issuer: l.URL, Subject: "s", Name: "Аты", Roles: []accounts.Assignment{{Role: domain.RoleAuditor}}}
		if diff := cmp.Diff(want, who); diff != "" || err != nil {
			t.Errorf("a sound one: %v\n%s", err, diff)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("secret", " s3cret\n")
	const good = `issuer: https://login.example
client_id: tizilim
client_secret_file: secret
redirect_url: https://licenses.example/login/openid
claims: {identifier: iin}
roles:
  - {value: trade-officers, role: officer, organization: trade-committee}
`
	cfg, err := openid.Load(write("good.yaml", good))
	want := openid.Config{
		Issuer: "https://login.example", ClientID: "tizilim", SecretFile: "secret", Secret: "s3cret", RedirectURL: "https://licenses.example/login/openid",
		Scopes: []string{"profile"}, Claims: openid.Claims{Name: "name", Identifier: "iin", Roles: "groups"},
		Roles: []openid.Role{{Value: "trade-officers", Role: domain.RoleOfficer, Organization: "trade-committee"}},
	}
	if diff := cmp.Diff(want, cfg); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for name, change := range map[string][2]string{
		"plain http":           {"https://login", "http://login"},
		"no address":           {"https://licenses.example/login/openid", "licenses"},
		"an unknown field":     {"client_id", "client"},
		"no client":            {"client_id: tizilim\n", ""},
		"an applicant":         {"role: officer, organization: trade-committee", "role: applicant"},
		"an officer of nobody": {", organization: trade-committee", ""},
		"an unknown role":      {"role: officer", "role: king"},
		"no value":             {"trade-officers", `""`},
		"no roles at all":      {"roles:\n  - {value: trade-officers, role: officer, organization: trade-committee}\n", ""},
	} {
		if _, err := openid.Load(write("bad.yaml", strings.Replace(good, change[0], change[1], 1))); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openid.Load(write("lost.yaml", strings.Replace(good, ": secret", ": nowhere", 1))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no secret: %v", err)
	}
	if _, err := openid.New(openid.Config{}, time.Now); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("an empty one: %v", err)
	}
}
