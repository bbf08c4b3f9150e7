// Package openid is a client of an OpenID provider: the authorization code flow with PKCE, state and
// nonce, by discovery. It says who somebody is and, by the roles that the provider gives them, what they
// are in this registry; package accounts makes a session of it.
//
// Nothing is asked of the provider before the first login: a registry starts with a provider that is down.
// What the provider says is believed as far as it is signed, for this client, in answer to this login, and
// not too old; what is not is a rejection. A provider that does not answer is domain.ErrUnavailable.
package openid

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// timeout bounds each question to the provider.
const timeout = 10 * time.Second

// Client asks one provider. It may be used by many goroutines at once.
type Client struct {
	cfg  Config
	now  func() time.Time
	http *http.Client

	mu       sync.Mutex     // guards provider
	provider *oidc.Provider // once it was discovered
}

// New makes a client. domain.ErrInvalid where the configuration is not sound.
func New(cfg Config, now func() time.Time) (*Client, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("openid: %w", err)
	}
	return &Client{cfg: cfg, now: now, http: &http.Client{Timeout: timeout}}, nil
}

// Begin is accounts.Provider's.
func (c *Client) Begin(ctx context.Context, state, nonce, verifier string) (string, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return "", err
	}
	return c.oauth(provider).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), nil
}

// Finish is accounts.Provider's.
func (c *Client) Finish(ctx context.Context, code, nonce, verifier string) (accounts.Identity, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return accounts.Identity{}, err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	token, err := c.oauth(provider).Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return accounts.Identity{}, failed("exchange the code", err)
	}
	id, err := c.verified(ctx, provider, token, nonce)
	if err != nil {
		return accounts.Identity{}, err
	}
	claims, err := c.claims(ctx, provider, token, id)
	if err != nil {
		return accounts.Identity{}, err
	}
	return c.identity(id, claims), nil
}

// discover asks the provider where its parts are, until it has answered once.
func (c *Client) discover(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("openid: discover the provider: %w: %w", domain.ErrUnavailable, err)
	}
	c.provider = p
	return p, nil
}

func (c *Client) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: c.cfg.ClientID, ClientSecret: c.cfg.Secret, Endpoint: p.Endpoint(), RedirectURL: c.cfg.RedirectURL,
		Scopes: append([]string{oidc.ScopeOpenID}, c.cfg.Scopes...),
	}
}

// verified is the ID token, once its signature, issuer, audience, time and nonce are what they have to be.
func (c *Client) verified(ctx context.Context, p *oidc.Provider, token *oauth2.Token, nonce string) (*oidc.IDToken, error) {
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: c.cfg.ClientID, Now: c.now}).Verify(ctx, raw)
	if err != nil {
		return nil, failed("verify the ID token", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, domain.Reject(accounts.CodeOpenID, "the ID token answers another login")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, failed("verify the access token", err)
		}
	}
	return id, nil
}

// claims are what the ID token says, and where it says nothing of roles what the provider says when it is
// asked: many put little into the token.
func (c *Client) claims(ctx context.Context, p *oidc.Provider, token *oauth2.Token, id *oidc.IDToken) (map[string]any, error) {
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, failed("read the ID token", err)
	}
	if claim(claims, c.cfg.Claims.Roles) != nil || p.UserInfoEndpoint() == "" {
		return claims, nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, failed("ask for the claims", err)
	}
	if info.Subject != id.Subject {
		return nil, domain.Reject(accounts.CodeOpenID, "the claims are somebody else's")
	}
	if err := info.Claims(&claims); err != nil {
		return nil, failed("read the claims", err)
	}
	return claims, nil
}

// identity makes out of the claims who somebody is.
func (c *Client) identity(id *oidc.IDToken, claims map[string]any) accounts.Identity {
	who := accounts.Identity{Issuer: id.Issuer, Subject: id.Subject}
	who.Name, _ = claim(claims, c.cfg.Claims.Name).(string)
	if digits, _ := claim(claims, c.cfg.Claims.Identifier).(string); digits != "" {
		if parsed, err := ident.Parse(digits); err == nil { // one that is none says nothing
			who.Identifier = parsed.String()
		}
	}
	values := texts(claim(claims, c.cfg.Claims.Roles))
	for _, r := range c.cfg.Roles {
		if slices.Contains(values, r.Value) && !slices.Contains(who.Roles, r.Assignment()) {
			who.Roles = append(who.Roles, r.Assignment())
		}
	}
	return who
}

// claim is the claim with the name, nil where there is none; a dot leads into one.
func claim(claims map[string]any, name string) any {
	first, rest, deeper := strings.Cut(name, ".")
	if !deeper {
		return claims[first]
	}
	inner, _ := claims[first].(map[string]any)
	return claim(inner, rest)
}

// texts are the texts of a claim that may be one or several.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// failed tells a provider that does not answer from one that refuses, or that says what is not sound.
func failed(what string, err error) error {
	var refused *oauth2.RetrieveError
	var unreached *url.Error
	var network net.Error
	switch {
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < http.StatusInternalServerError:
		return fmt.Errorf("openid: %s: %s: %w", what, cmp.Or(refused.ErrorCode, "refused"), domain.Reject(accounts.CodeOpenID, "the provider refuses"))
	case refused != nil || errors.As(err, &unreached) || errors.As(err, &network):
		return fmt.Errorf("openid: %s: %w: %w", what, domain.ErrUnavailable, err)
	}
	return fmt.Errorf("openid: %s: %w: %w", what, domain.Reject(accounts.CodeOpenID, "what the provider says is not sound"), err)
}
