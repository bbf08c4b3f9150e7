package accounts

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// usedEvery is how often it is written down that a token is used.
const usedEvery = 5 * time.Minute

var tokenNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,57}$`)

// AddToken makes a token and tells it. Nobody can be told it again.
func (a *Accounts) AddToken(ctx context.Context, by string, n NewToken) (string, Token, error) {
	t := Token{
		Name: n.Name, As: n.As, Expires: n.Expires.UTC(), Created: a.stamp(by),
		Grant: access.Grant{Role: n.As.Role, ReadOnly: n.ReadOnly, Actions: n.Actions},
	}
	err := a.checkToken(&t, n.Identifier)
	token := access.TokenPrefix + secret()
	if err == nil {
		err = retry(ctx, func() error { return a.createToken(ctx, digest(token), t) })
	}
	if err != nil {
		return "", Token{}, fmt.Errorf("add token: %w", err)
	}
	return token, t, a.Record(ctx, Entry{Account: by, Action: "token-added", Kind: "token", Thing: t.Name, Person: t.Identifier})
}

// checkToken is domain.ErrInvalid for what is no sound token.
func (a *Accounts) checkToken(t *Token, typed string) (err error) {
	if !tokenNames.MatchString(t.Name) {
		return fmt.Errorf("token name %q: letters, digits, '.', '_' and '-', up to 58: %w", t.Name, domain.ErrInvalid)
	}
	if err := t.As.Check(); err != nil {
		return err
	}
	if err := t.Grant.Check(); err != nil {
		return err
	}
	if t.Identifier, err = identifier(typed); err != nil {
		return err
	}
	if t.As.Role == domain.RoleApplicant && t.Identifier == "" {
		return fmt.Errorf("token of an applicant: needs an identifier: %w", domain.ErrInvalid)
	}
	if !t.Good(a.now()) {
		return fmt.Errorf("token would have expired on %s: %w", t.Expires.Format(time.RFC3339), domain.ErrInvalid)
	}
	return nil
}

func (a *Accounts) createToken(ctx context.Context, key string, t Token) error {
	name := "token " + t.Name
	if _, revision, err := find[string](ctx, a.store, KindName, name); err != nil {
		return err
	} else if revision != 0 {
		return domain.Reject(CodeExists, "another token has this name")
	}
	return a.store.Write(ctx, put(KindName, Record{Key: name}, key), put(KindToken, Record{Key: key}, t))
}

// Token is who the API token lets in; domain.ErrNotFound where there is no such token, or it was revoked
// or has expired.
func (a *Accounts) Token(ctx context.Context, token string) (Visitor, error) {
	if !strings.HasPrefix(token, access.TokenPrefix) {
		return Visitor{}, fmt.Errorf("token: %w", domain.ErrNotFound)
	}
	key := digest(token)
	t, revision, err := get[Token](ctx, a.store, KindToken, key)
	now := a.now()
	if err == nil && !t.Good(now) {
		err = domain.ErrNotFound
	}
	if err != nil {
		return Visitor{}, fmt.Errorf("token: %w", err)
	}
	if now.Sub(t.LastUsed) >= usedEvery {
		t.LastUsed = now
		if err := a.store.Write(ctx, put(KindToken, Record{Key: key, Revision: revision}, t)); err != nil {
			a.cfg.Logger.Debug("accounts: a token's use was not written down", "error", err)
		}
	}
	return Visitor{
		Actor:      domain.Actor{ID: "token:" + t.Name, Name: t.Name, Role: t.As.Role, Organization: t.As.Organization},
		Identifier: t.Identifier, Grant: t.Grant,
	}, nil
}

// Tokens are all tokens, in no order that means anything.
func (a *Accounts) Tokens(ctx context.Context) ([]Token, error) {
	var list []Token
	err := all(ctx, a.store, KindToken, "", func(_ Record, t Token) error {
		list = append(list, t)
		return nil
	})
	return list, wrap("list tokens", err)
}

// RevokeToken ends a token. Its name is not given again, because events have it.
func (a *Accounts) RevokeToken(ctx context.Context, by, name string) error {
	err := retry(ctx, func() error {
		key, _, err := get[string](ctx, a.store, KindName, "token "+name)
		if err != nil {
			return err
		}
		t, revision, err := get[Token](ctx, a.store, KindToken, key)
		if err != nil || !t.Revoked.At.IsZero() {
			return err
		}
		t.Revoked = a.stamp(by)
		return a.store.Write(ctx, put(KindToken, Record{Key: key, Revision: revision}, t))
	})
	if err != nil {
		return fmt.Errorf("revoke token %q: %w", name, err)
	}
	return a.Record(ctx, Entry{Account: by, Action: "token-revoked", Kind: "token", Thing: name})
}
