package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

type challengeReply struct {
	Status int
	Body   v1.Challenge
}

// challenge gives a text to sign. It is not stored, so anybody may have any number of them.
func (s *Server) challenge(ctx context.Context, _ *struct{}) (*challengeReply, error) {
	text, err := s.cfg.Accounts.Challenge(ctx)
	if err != nil {
		return nil, err
	}
	return &challengeReply{Status: http.StatusCreated, Body: v1.Challenge{Challenge: text}}, nil
}

type sessionReply struct {
	Status int
	Body   v1.Session
}

// openSession logs in: by password, or by a challenge with its signature.
func (s *Server) openSession(ctx context.Context, in *struct{ Body v1.Login }) (*sessionReply, error) {
	b, from := in.Body, s.from(ctx)
	if b.As != nil {
		from.As = access.Assignment(*b.As)
	}
	var opened access.Opened
	var err error
	switch password, signed := b.Login != "" && b.Password != "", b.Challenge != "" && b.Signature != ""; {
	case password && b.Challenge == "" && b.Signature == "":
		opened, err = s.cfg.Accounts.Login(ctx, access.Password{Login: b.Login, Password: b.Password, From: from})
	case signed && b.Login == "" && b.Password == "":
		opened, err = s.loginSigned(ctx, b.Challenge, b.Signature, from)
	default:
		return nil, unfit("form-invalid", field{location: "body", key: "field.one-login"})
	}
	if err != nil {
		return nil, err
	}
	return &sessionReply{Status: http.StatusCreated, Body: wireOpened(opened)}, nil
}

// loginSigned logs in by certificate. The signature is base64, or a CMS in its PEM form.
func (s *Server) loginSigned(ctx context.Context, challenge, signature string, from access.From) (access.Opened, error) {
	cms, err := decodeSignature(signature)
	if err != nil {
		return access.Opened{}, fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	opened, err := s.cfg.Accounts.LoginCertificate(ctx, access.Signed{Challenge: challenge, CMS: cms, From: from})
	if errors.Is(err, domain.ErrInvalid) {
		err = fail("signature-malformed", fmt.Errorf("%w: %w", errUnprocessable, err))
	}
	return opened, err
}

// from is where the request comes from.
func (s *Server) from(ctx context.Context) access.From {
	return access.From{Address: visitOf(ctx).address}
}

func wireOpened(o access.Opened) v1.Session {
	ends := o.Ends
	return v1.Session{Token: o.Token, Ends: &ends, Self: wireSelf(o.Visitor)}
}

func wireSelf(v access.Visitor) v1.Self {
	self := v1.Self{
		ID: v.Actor.ID, Name: v.Actor.Name, Identifier: v.Identifier, Person: v.Person, Session: v.Session,
		As: v1.Role{Role: v.Actor.Role, Organization: v.Actor.Organization}, ReadOnly: v.Grant.ReadOnly, Roles: []v1.Role{},
	}
	for _, r := range v.Roles {
		self.Roles = append(self.Roles, v1.Role(r))
	}
	for _, a := range v.Grant.Actions {
		self.Actions = append(self.Actions, string(a))
	}
	return self
}

type selfReply struct{ Body v1.Self }

// getSelf says who the token is.
func (s *Server) getSelf(ctx context.Context, _ *struct{}) (*selfReply, error) {
	return &selfReply{Body: wireSelf(visitOf(ctx).caller.Visitor)}, nil
}

// inSession is the caller where they came in a session; a system has no account of its own.
func inSession(ctx context.Context) (caller, error) {
	c := visitOf(ctx).caller
	if c.Session == "" {
		return c, fail("session-required", domain.ErrForbidden)
	}
	return c, nil
}

// closeSession logs out.
func (s *Server) closeSession(ctx context.Context, _ *struct{}) (*struct{}, error) {
	c, err := inSession(ctx)
	if err == nil {
		err = s.cfg.Accounts.End(ctx, c.token)
	}
	return nil, err
}

// takeRole goes on in another role of the account, under another token.
func (s *Server) takeRole(ctx context.Context, in *struct{ Body v1.Role }) (*sessionReply, error) {
	c, err := inSession(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := s.cfg.Accounts.Act(ctx, c.token, access.Assignment(in.Body))
	if err != nil {
		return nil, err
	}
	return &sessionReply{Status: http.StatusOK, Body: wireOpened(opened)}, nil
}

// changePassword changes one's own. All sessions end, this one too.
func (s *Server) changePassword(ctx context.Context, in *struct{ Body v1.PasswordChange }) (*struct{}, error) {
	c, err := inSession(ctx)
	if err == nil {
		_, err = s.cfg.Accounts.ChangePassword(ctx, c.Actor.ID, in.Body.Present, in.Body.New, s.from(ctx))
	}
	return nil, err
}

type sessionsReply struct{ Body v1.Sessions }

// ownSessions lists the caller's sessions.
func (s *Server) ownSessions(ctx context.Context, _ *struct{}) (*sessionsReply, error) {
	c, err := inSession(ctx)
	if err != nil {
		return nil, err
	}
	return s.sessionsOf(ctx, c.Actor.ID, c.Session)
}

// sessionsOf lists the sessions of an account; current is the one that asks.
func (s *Server) sessionsOf(ctx context.Context, account, current string) (*sessionsReply, error) {
	list, err := s.cfg.Accounts.Sessions(ctx, account)
	if err != nil {
		return nil, err
	}
	out := &sessionsReply{Body: v1.Sessions{Items: []v1.SessionInfo{}}}
	for _, i := range list {
		out.Body.Items = append(out.Body.Items, v1.SessionInfo{
			ID: i.ID, As: v1.Role(i.As), Method: i.Method, Address: i.Address,
			Began: i.Began, Seen: i.Seen, Ends: i.Ends, Current: i.ID == current,
		})
	}
	return out, nil
}

// BySession names a session as it is called where it is listed.
type BySession struct {
	Session string `path:"session" maxLength:"64" doc:"Id of the session, as it is listed"`
}

func (s *Server) endOwnSession(ctx context.Context, in *BySession) (*struct{}, error) {
	c, err := inSession(ctx)
	if err == nil {
		err = s.cfg.Accounts.EndSession(ctx, c.Actor.ID, c.Actor.ID, in.Session)
	}
	return nil, err
}

func (s *Server) endOwnSessions(ctx context.Context, _ *struct{}) (*struct{}, error) {
	c, err := inSession(ctx)
	if err == nil {
		err = s.cfg.Accounts.EndSessions(ctx, c.Actor.ID, c.Actor.ID)
	}
	return nil, err
}

// orNever is the time, nil for never.
func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
