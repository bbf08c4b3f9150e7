package accounts

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Provider is an OpenID provider. Where it does not answer its errors are domain.ErrUnavailable, and what
// it says that is not sound is a rejection.
type Provider interface {
	// Begin is where to send the browser: the provider sends it back with the state, and puts the nonce
	// into what it says of the person.
	Begin(ctx context.Context, state, nonce, verifier string) (url string, err error)
	// Finish gets and checks what the provider says of the person, for the code that it sent back.
	Finish(ctx context.Context, code, nonce, verifier string) (Identity, error)
}

// Identity is what an OpenID provider says of a person.
type Identity struct {
	Issuer, Subject string // who they are for ever
	Name            string
	Identifier      string       // IIN or BIN, "" where the provider tells none
	Roles           []Assignment // what they are in this registry
}

// flow is what has to be remembered between a login's beginning and its end: in the browser that began
// it, so that nobody can be made to finish another's.
type flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Until    time.Time `json:"until"`
}

// StartOpenID is where to send the browser for a login, and what to keep in a cookie of it meanwhile (for
// ten minutes, Secure, HttpOnly, SameSite=Lax, because the way back is from another site).
func (a *Accounts) StartOpenID(ctx context.Context) (url, cookie string, err error) {
	if a.cfg.OpenID == nil {
		return "", "", wrap("log in by OpenID", domain.ErrNotFound)
	}
	f := flow{State: secret(), Nonce: secret(), Verifier: secret(), Until: a.now().Add(2 * challengeLife)}
	url, err = a.cfg.OpenID.Begin(ctx, f.State, f.Nonce, f.Verifier)
	if err != nil {
		return "", "", wrap("log in by OpenID", err)
	}
	data, err := json.Marshal(f)
	if err != nil {
		return "", "", err
	}
	text := base64.RawURLEncoding.EncodeToString(data)
	seal, err := a.seal(ctx, "openid", text)
	return url, text + "." + seal, wrap("log in by OpenID", err)
}

// FinishOpenID begins a session for who the provider says it is, in one of the roles that it says they
// have. The first time it makes their account; each time it takes over their name and roles.
func (a *Accounts) FinishOpenID(ctx context.Context, in Returned) (Opened, error) {
	opened, err := a.finishOpenID(ctx, in)
	return opened, wrap("log in by OpenID", err)
}

func (a *Accounts) finishOpenID(ctx context.Context, in Returned) (Opened, error) {
	if a.cfg.OpenID == nil {
		return Opened{}, domain.ErrNotFound
	}
	f, err := a.begunFlow(ctx, in.Cookie)
	switch {
	case err != nil:
		return Opened{}, err
	case f.State == "" || in.State != f.State || !a.now().Before(f.Until):
		return Opened{}, domain.Reject(CodeChallenge, "not the end of a login that began here a while ago")
	case in.Error != "" || in.Code == "":
		return Opened{}, domain.Reject(CodeOpenID, "the provider refused the login")
	}
	var who Identity
	err = a.tried(ctx, in.From, func() (err error) {
		who, err = a.cfg.OpenID.Finish(ctx, in.Code, f.Nonce, f.Verifier)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	if len(who.Roles) == 0 {
		return Opened{}, domain.Reject(CodeNoRole, "the provider names no role in this registry")
	}
	return a.admit(ctx, f.State, "openid", in.From, who.employee)
}

// begunFlow reads the cookie, and is the zero flow for one that is not ours.
func (a *Accounts) begunFlow(ctx context.Context, cookie string) (flow, error) {
	text, seal := cutSeal(cookie, ".")
	ours, err := a.sealed(ctx, "openid", text, seal)
	if err != nil || !ours {
		return flow{}, err
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return flow{}, err
	}
	var f flow
	return f, json.Unmarshal(data, &f)
}

// employee shapes the account that the identity leads into.
func (i Identity) employee(s *stored) (name string) {
	s.Issuer, s.Subject = i.Issuer, i.Subject
	s.Name, s.Identifier = cmp.Or(i.Name, i.Subject), i.Identifier
	s.Roles = slices.Clone(i.Roles)
	return openIDName(i.Issuer, i.Subject)
}
