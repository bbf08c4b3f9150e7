package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/ident"
)

// accountSpace is where the ids of accounts derive from the command that makes them.
var accountSpace = uuid.MustParse("5f1f6e9e-3a0b-5d2c-8d55-3c1f6f0a7b03")

// by is who does what is asked for, as the accounts and the access log name it.
func by(ctx context.Context) string { return visitOf(ctx).caller.Actor.ID }

// ByAccount names an account.
type ByAccount struct {
	Account string `path:"account" maxLength:"64" doc:"Id of the account"`
}

type accountReply struct {
	Status int
	Body   v1.Account
}

type accountsInput struct {
	Cursor string `query:"cursor" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type accountsReply struct{ Body v1.Accounts }

// ofAccount is whose data an account is: the person's who acts for an organization, not the organization's.
func ofAccount(a access.AccountInfo) subject {
	return subject{"account", a.ID, cmp.Or(a.Person, a.Identifier)}
}

// listAccounts lists all accounts, in the order of their ids.
func (s *Server) listAccounts(ctx context.Context, in *accountsInput) (*accountsReply, error) {
	list, err := s.cfg.Accounts.List(ctx, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	var shown []subject
	out := &accountsReply{Body: v1.Accounts{Items: []v1.Account{}}}
	for _, a := range list {
		out.Body.Items = append(out.Body.Items, wireAccount(a))
		shown = append(shown, ofAccount(a))
	}
	if len(list) == in.Limit {
		out.Body.Next = list[len(list)-1].ID
	}
	return out, s.accessed(ctx, shown...)
}

func (s *Server) getAccount(ctx context.Context, in *ByAccount) (*accountReply, error) {
	a, err := s.cfg.Accounts.Account(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	lock, err := s.cfg.Accounts.LockOf(ctx, a.Login)
	if err != nil {
		return nil, err
	}
	body := wireAccount(a)
	body.Lock = &v1.Lock{Failures: lock.Failures, Until: orNever(lock.Until)}
	return &accountReply{http.StatusOK, body}, s.accessed(ctx, ofAccount(a))
}

func (s *Server) accountSessions(ctx context.Context, in *ByAccount) (*sessionsReply, error) {
	a, err := s.cfg.Accounts.Account(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	if err := s.accessed(ctx, ofAccount(a)); err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, in.Account, visitOf(ctx).caller.Session)
}

// addAccount makes an account. Its id derives from the command, so a repetition finds what was made.
func (s *Server) addAccount(ctx context.Context, in *struct{ Body v1.NewAccount }) (*accountReply, error) {
	b := in.Body
	n := access.NewAccount{
		ID:    uuid.NewSHA1(accountSpace, visitOf(ctx).write.command[:]).String(),
		Login: b.Login, Name: b.Name, Identifier: b.Identifier, Person: b.Person,
	}
	for i, r := range b.Roles {
		if err := s.organized(fmt.Sprintf("body.roles[%d]", i), r); err != nil {
			return nil, err
		}
		n.Roles = append(n.Roles, access.Assignment(r))
	}
	if err := identifiers(b.Identifier, b.Person); err != nil {
		return nil, err
	}
	_, err := s.cfg.Accounts.Add(ctx, by(ctx), n, b.Password)
	if err != nil {
		made, missing := s.cfg.Accounts.Account(ctx, n.ID)
		var exists *domain.Rejection
		switch {
		case missing != nil || !errors.As(err, &exists) || exists.Code != "account-exists":
			return nil, err
		case made.Created.By != by(ctx) || !asked(made.Account, n):
			return nil, domain.ErrKeyReused
		}
		return &accountReply{http.StatusCreated, wireAccount(made)}, nil // the same again
	}
	made, err := s.cfg.Accounts.Account(ctx, n.ID)
	return &accountReply{http.StatusCreated, wireAccount(made)}, err
}

// asked reports whether the account is what was asked for.
func asked(a access.Account, n access.NewAccount) bool {
	same := func(stored, sent string) bool {
		id, _ := ident.Parse(sent) // it was checked before
		return stored == id.String() || sent == stored
	}
	return strings.EqualFold(a.Login, strings.TrimSpace(n.Login)) && a.Name == strings.TrimSpace(n.Name) &&
		same(a.Identifier, n.Identifier) && same(a.Person, n.Person) && slices.Equal(a.Roles, n.Roles)
}

// organized is a rejection for a role of an officer or head of no licensor of the acts: such an account
// would see nothing, and say nothing of why.
func (s *Server) organized(location string, r v1.Role) error {
	if r.Role != domain.RoleOfficer && r.Role != domain.RoleHead || s.cfg.Rules().Catalog.HasLicensor(r.Organization) {
		return nil
	}
	return at(location+".organization", domain.Reject("licensor-unknown", "no such licensor"))
}

// identifiers blames the field whose identifier is none.
func identifiers(identifier, person string) error {
	for location, digits := range map[string]string{"body.identifier": identifier, "body.person": person} {
		if digits == "" {
			continue
		}
		if _, err := ident.Parse(digits); err != nil {
			return at(location, err)
		}
	}
	return nil
}

type byAccountEdit struct {
	ByAccount
	Body v1.AccountEdit
}

func (s *Server) editAccount(ctx context.Context, in *byAccountEdit) (*accountReply, error) {
	b := in.Body
	if err := identifiers(b.Identifier, b.Person); err != nil {
		return nil, err
	}
	return s.changed(ctx, in.Account)(s.cfg.Accounts.Edit(ctx, by(ctx), in.Account, access.Edit(b)))
}

// changed answers a change of an account with the account as it is then.
func (s *Server) changed(ctx context.Context, id string) func(access.Account, error) (*accountReply, error) {
	return func(_ access.Account, err error) (*accountReply, error) {
		if err != nil {
			return nil, err
		}
		a, err := s.cfg.Accounts.Account(ctx, id)
		if err != nil {
			return nil, err
		}
		return &accountReply{http.StatusOK, wireAccount(a)}, s.accessed(ctx, ofAccount(a))
	}
}

func (s *Server) disableAccount(ctx context.Context, in *ByAccount) (*accountReply, error) {
	return s.changed(ctx, in.Account)(s.cfg.Accounts.Disable(ctx, by(ctx), in.Account))
}

func (s *Server) enableAccount(ctx context.Context, in *ByAccount) (*accountReply, error) {
	return s.changed(ctx, in.Account)(s.cfg.Accounts.Enable(ctx, by(ctx), in.Account))
}

type byAccountPassword struct {
	ByAccount
	Body v1.NewPassword
}

func (s *Server) setPassword(ctx context.Context, in *byAccountPassword) (*accountReply, error) {
	return s.changed(ctx, in.Account)(s.cfg.Accounts.SetPassword(ctx, by(ctx), in.Account, in.Body.Password))
}

type byAccountRole struct {
	ByAccount
	Body v1.Role
}

func (s *Server) addRole(ctx context.Context, in *byAccountRole) (*accountReply, error) {
	if err := s.organized("body", in.Body); err != nil {
		return nil, err
	}
	return s.changed(ctx, in.Account)(s.cfg.Accounts.AddRole(ctx, by(ctx), in.Account, access.Assignment(in.Body)))
}

type byAccountAndRole struct {
	ByAccount
	Role         domain.Role `path:"role" enum:"applicant,officer,head,operator,auditor,admin"`
	Organization string      `query:"organization" maxLength:"100" doc:"Where the role is one of an organization"`
}

func (s *Server) removeRole(ctx context.Context, in *byAccountAndRole) (*accountReply, error) {
	r := access.Assignment{Role: in.Role, Organization: in.Organization}
	return s.changed(ctx, in.Account)(s.cfg.Accounts.RemoveRole(ctx, by(ctx), in.Account, r))
}

type unlockedReply struct{ Body v1.Unlocked }

func (s *Server) unlockAccount(ctx context.Context, in *ByAccount) (*unlockedReply, error) {
	had, err := s.cfg.Accounts.Unlock(ctx, by(ctx), in.Account)
	return &unlockedReply{v1.Unlocked{Unlocked: had}}, err
}

// removeAccount erases the account. One that is gone is gone.
func (s *Server) removeAccount(ctx context.Context, in *ByAccount) (*struct{}, error) {
	return nil, s.cfg.Accounts.Remove(ctx, by(ctx), in.Account)
}

func (s *Server) endSessions(ctx context.Context, in *ByAccount) (*struct{}, error) {
	return nil, s.cfg.Accounts.EndSessions(ctx, by(ctx), in.Account)
}

type byAccountAndSession struct {
	ByAccount
	BySession
}

func (s *Server) endSession(ctx context.Context, in *byAccountAndSession) (*struct{}, error) {
	return nil, s.cfg.Accounts.EndSession(ctx, by(ctx), in.Account, in.Session)
}

func wireAccount(a access.AccountInfo) v1.Account {
	out := v1.Account{
		ID: a.ID, Login: a.Login, Name: a.Name, Identifier: a.Identifier, Person: a.Person, Roles: []v1.Role{},
		Issuer: a.Issuer, Subject: a.Subject, Disabled: a.Disabled, HasPassword: a.Password,
		Created: v1.Stamp(a.Created), Changed: v1.Stamp(a.Changed),
	}
	for _, r := range a.Roles {
		out.Roles = append(out.Roles, v1.Role(r))
	}
	return out
}

type tokensReply struct{ Body v1.Tokens }

func (s *Server) listTokens(ctx context.Context, _ *struct{}) (*tokensReply, error) {
	list, err := s.cfg.Accounts.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	out := &tokensReply{Body: v1.Tokens{Items: []v1.Token{}}}
	var shown []subject
	for _, t := range list {
		out.Body.Items = append(out.Body.Items, wireToken(t))
		shown = append(shown, subject{"token", t.Name, t.Identifier})
	}
	return out, s.accessed(ctx, shown...)
}

type tokenReply struct {
	Status int
	Body   v1.Token
}

// addToken makes a token. It is told once, so a repetition cannot be answered the same: it is refused, as
// the name is taken.
func (s *Server) addToken(ctx context.Context, in *struct{ Body v1.NewToken }) (*tokenReply, error) {
	b := in.Body
	if err := s.organized("body.as", b.As); err != nil {
		return nil, err
	}
	if err := identifiers(b.Identifier, ""); err != nil {
		return nil, err
	}
	n := access.NewToken{Name: b.Name, As: access.Assignment(b.As), Identifier: b.Identifier, ReadOnly: b.ReadOnly}
	for i, a := range b.Actions {
		if access.About(access.Action(a)) == "" {
			return nil, unfit("form-invalid", field{location: "body.actions[" + strconv.Itoa(i) + "]", key: "field.no-action"})
		}
		n.Actions = append(n.Actions, access.Action(a))
	}
	if b.Expires != nil {
		n.Expires = *b.Expires
	}
	secret, made, err := s.cfg.Accounts.AddToken(ctx, by(ctx), n)
	if err != nil {
		return nil, err
	}
	body := wireToken(made)
	body.Token = secret
	return &tokenReply{http.StatusCreated, body}, nil
}

type byName struct {
	Name string `path:"name" maxLength:"58" doc:"Name of the token"`
}

func (s *Server) revokeToken(ctx context.Context, in *byName) (*struct{}, error) {
	return nil, s.cfg.Accounts.RevokeToken(ctx, by(ctx), in.Name)
}

func wireToken(t access.Token) v1.Token {
	out := v1.Token{
		Name: t.Name, As: v1.Role(t.As), Identifier: t.Identifier, ReadOnly: t.Grant.ReadOnly,
		Expires: orNever(t.Expires), Created: v1.Stamp(t.Created), LastUsed: orNever(t.LastUsed),
	}
	for _, a := range t.Grant.Actions {
		out.Actions = append(out.Actions, string(a))
	}
	if r := v1.Stamp(t.Revoked); !r.At.IsZero() {
		out.Revoked = &r
	}
	return out
}

type accessesInput struct {
	Person  string    `query:"person" maxLength:"30" doc:"Whose data, by IIN or BIN"`
	Account string    `query:"account" maxLength:"100" doc:"Who did it, by id"`
	From    time.Time `query:"from" doc:"From this instant on"`
	Until   time.Time `query:"until" doc:"Before this instant"`
	Cursor  string    `query:"cursor" maxLength:"20"`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type accessesReply struct{ Body v1.Accesses }

// listAccesses looks into the access log, which stands in it.
func (s *Server) listAccesses(ctx context.Context, in *accessesInput) (*accessesReply, error) {
	q := access.Question{Account: in.Account, From: in.From, Until: in.Until, Limit: in.Limit}
	if in.Person != "" {
		id, err := ident.Parse(in.Person)
		if err != nil {
			return nil, at("query.person", err)
		}
		q.Person = id.String()
	}
	if in.Cursor != "" {
		var err error
		if q.Before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || q.Before < 1 {
			return nil, fail("cursor-invalid", errors.Join(domain.ErrInvalid, err))
		}
	}
	found, err := s.cfg.Accounts.Accesses(ctx, by(ctx), q)
	if err != nil {
		return nil, err
	}
	out := &accessesReply{Body: v1.Accesses{Items: []v1.Access{}}}
	if found.Next != 0 {
		out.Body.Next = strconv.FormatInt(found.Next, 10)
	}
	for _, e := range found.Entries {
		out.Body.Items = append(out.Body.Items, v1.Access{
			At: e.At, Account: e.Account, Role: string(e.Role), Organization: e.Organization, Address: e.Address,
			Action: e.Action, Kind: e.Kind, Thing: e.Thing, Person: e.Person, Route: e.Route,
		})
	}
	return out, nil
}
