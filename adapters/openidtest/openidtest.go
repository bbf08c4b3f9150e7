// Package openidtest is a real OpenID provider in the process of a test: zitadel's, with its example's
// storage and login page, at an address of its own, speaking the whole protocol with signed tokens.
package openidtest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tizilim/tizilim/adapters/openid"
	"github.com/tizilim/tizilim/domain"
)

// Provider is the provider. Users u1 and u2 are there, with the logins aigerim and berik and one password.
type Provider struct {
	*storage.Storage
	*httptest.Server
	users  users
	back   string              // where it sends browsers back to
	Groups map[string][]string // by user id; what the claims say of their roles
	IIN    map[string]string
	Inside bool        // the claims are in the ID token, and not only told when asked for
	Down   atomic.Bool // it does not answer
}

// users are who the provider knows.
type users map[string]*storage.User

func (u users) GetUserByID(id string) *storage.User { return u[id] }
func (u users) ExampleClientID() string             { return "service" }
func (u users) GetUserByUsername(name string) *storage.User {
	for _, user := range u {
		if user.Username == name {
			return user
		}
	}
	return nil
}

// The client, and an address that the provider may send browsers back to where nobody is.
const (
	ClientID     = "tizilim"
	ClientSecret = "a secret of the client"
	Back         = "http://127.0.0.1:1/login/openid"
)

// Start starts a provider that sends browsers back to the address. It ends with the test.
func Start(t *testing.T, back string) *Provider {
	p := &Provider{
		back: back,
		users: users{"u1": {ID: "u1", Username: "aigerim", Password: "verysecure", FirstName: "Айгерім", LastName: "Бекова"},
			"u2": {ID: "u2", Username: "berik", Password: "verysecure", FirstName: "Берік", LastName: "Оспанов"}},
		Groups: map[string][]string{}, IIN: map[string]string{},
	}
	clients := map[string]*storage.Client{ClientID: storage.WebClient(ClientID, ClientSecret, back)}
	p.Storage = storage.NewStorageWithClients(p.users, clients)
	var handler http.Handler
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	handler = exampleop.SetupServer(p.URL, p, slog.New(slog.DiscardHandler), false)
	return p
}

// SetUserinfoFromRequest is what stands in the ID token.
func (p *Provider) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	if p.Inside {
		p.tell(info, token.GetSubject())
	}
	return p.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

// SetUserinfoFromToken is what is told when it is asked for.
func (p *Provider) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	p.tell(info, subject)
	return p.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
}

func (p *Provider) tell(info *oidc.UserInfo, id string) {
	info.AppendClaims("realm", map[string]any{"roles": p.Groups[id]})
	info.AppendClaims("iin", p.IIN[id])
	if p.Inside {
		info.Name = p.users[id].FirstName + " " + p.users[id].LastName
	}
}

// Browse goes where a browser is sent, logs in on the provider's page, and comes back with the query of
// the address that it was sent to.
func (p *Provider) Browse(t *testing.T, at, user string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), p.back) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(page.Body)
	page.Body.Close()
	id := page.Request.URL.Query().Get("authRequestID")
	if id == "" {
		t.Fatalf("no login page: %s %s", page.Status, text)
	}
	done, err := browser.PostForm(p.URL+"/login/username", url.Values{"username": {user}, "password": {"verysecure"}, "id": {id}})
	if err != nil {
		t.Fatal(err)
	}
	done.Body.Close()
	to, err := url.Parse(done.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), p.back) {
		t.Fatalf("sent to %q, %v", to, err)
	}
	return to.Query()
}

// Config is a client of the provider.
func (p *Provider) Config() openid.Config {
	return openid.Config{
		Issuer: p.URL, ClientID: ClientID, Secret: ClientSecret, RedirectURL: p.back,
		Claims: openid.Claims{Identifier: "iin", Roles: "realm.roles"},
		Roles: []openid.Role{
			{Value: "trade-officers", Role: domain.RoleOfficer, Organization: "trade-committee"},
			{Value: "trade-heads", Role: domain.RoleHead, Organization: "trade-committee"},
			{Value: "auditors", Role: domain.RoleAuditor},
		},
	}
}
