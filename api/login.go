package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/application"
)

// maxLogin bounds a form that is filled in.
const maxLogin = 8 << 10

// cookieName is what a cookie of ours is called. With the prefix __Host- browsers take it over encrypted
// connections alone and from nobody but this host; over plain HTTP, which is for a server on the browser's
// own machine, they would not take it at all.
func cookieName(publicURL, name string) string {
	if plain(publicURL) {
		return name
	}
	return "__Host-" + name
}

// plain reports whether the address is one of plain HTTP on this machine itself.
func plain(publicURL string) bool {
	u, err := url.Parse(publicURL)
	return err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback())
}

// cookie is one that no script can read and that other sites have sent by a link alone, which changes
// nothing. It is the browser's for as long as that is open, or for so many seconds.
func (s *Server) cookie(name, value string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(s.cfg.PublicURL, name), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: !plain(s.cfg.PublicURL), SameSite: http.SameSiteLaxMode,
	}
}

// ownForm reads a form that one of our own pages sent.
func (s *Server) ownForm(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrForbidden, err)
	}
	defer hurry(w, bodyTime)()
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		return bodyError(err, maxLogin)
	}
	return nil
}

// cameFrom is where a page's request comes from, in which session.
func (s *Server) cameFrom(r *http.Request) access.From {
	from := s.from(r.Context())
	from.Previous = s.gate.session(r)
	return from
}

// loginPage asks who somebody is.
func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) error {
	return s.askLogin(w, r, http.StatusOK, web.LoginForm{Next: r.URL.Query().Get("next"), Changed: r.URL.Query().Has("changed")})
}

// askLogin asks in all the ways that there are.
func (s *Server) askLogin(w http.ResponseWriter, r *http.Request, status int, form web.LoginForm) error {
	form.OpenID = s.cfg.OpenID
	if s.cfg.Certificates {
		var err error
		if form.Challenge, err = s.cfg.Accounts.Challenge(r.Context()); err != nil {
			return err
		}
	}
	return s.site.Login(w, r, status, form)
}

// login logs in by password.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	opened, err := s.cfg.Accounts.Login(r.Context(), access.Password{
		Login: r.PostForm.Get("login"), Password: r.PostForm.Get("password"), From: s.cameFrom(r),
	})
	return s.enterAs(w, r, opened, err, web.LoginForm{Next: r.PostForm.Get("next"), Login: r.PostForm.Get("login")})
}

// loginCertificate logs in by a challenge that was signed, as a text in the form or as a file.
func (s *Server) loginCertificate(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrForbidden, err)
	}
	signature, err := sentSignature(w, r)
	var opened access.Opened
	if err == nil {
		opened, err = s.loginSigned(r.Context(), r.PostForm.Get("challenge"), signature, s.cameFrom(r))
	}
	return s.enterAs(w, r, opened, err, web.LoginForm{Next: r.PostForm.Get("next")})
}

// beginOpenID sends the browser to the provider.
func (s *Server) beginOpenID(w http.ResponseWriter, r *http.Request) error {
	at, kept, err := s.cfg.Accounts.StartOpenID(r.Context())
	if err != nil {
		return err
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(web.Onward(r.URL.Query().Get("next"))))
	http.SetCookie(w, s.cookie("openid", kept+"~"+next, int((10*time.Minute).Seconds())))
	http.Redirect(w, r, at, http.StatusSeeOther)
	return nil
}

// finishOpenID is where the provider sends it back to.
func (s *Server) finishOpenID(w http.ResponseWriter, r *http.Request) error {
	in := access.Returned{
		State: r.URL.Query().Get("state"), Code: r.URL.Query().Get("code"), Error: r.URL.Query().Get("error"), From: s.cameFrom(r),
	}
	next := ""
	if c, err := r.Cookie(cookieName(s.cfg.PublicURL, "openid")); err == nil {
		kept, encoded, _ := strings.Cut(c.Value, "~")
		in.Cookie = kept
		if decoded, err := base64.RawURLEncoding.DecodeString(encoded); err == nil {
			next = string(decoded)
		}
	}
	http.SetCookie(w, s.cookie("openid", "", -1))
	opened, err := s.cfg.Accounts.FinishOpenID(r.Context(), in)
	return s.enterAs(w, r, opened, err, web.LoginForm{Next: next})
}

// enterAs goes on in the session that has begun, or asks again and says why it has not.
func (s *Server) enterAs(w http.ResponseWriter, r *http.Request, opened access.Opened, err error, form web.LoginForm) error {
	if err == nil {
		http.SetCookie(w, s.cookie("session", opened.Token, 0))
		http.Redirect(w, r, web.Onward(form.Next), http.StatusSeeOther)
		return nil
	}
	if !refusedKindly(err) {
		return err
	}
	status := s.told(w, r.Context(), err, &form.Refused)
	return s.askLogin(w, r, status, form)
}

// refusedKindly reports whether the error is for whoever filled the form in, who may try again.
func refusedKindly(err error) bool {
	return errors.As(err, new(*domain.Rejection)) || errors.As(err, new(*fault))
}

// told says on a page what a form was refused for, and is the status of the page.
func (s *Server) told(w http.ResponseWriter, ctx context.Context, err error, why *web.Refused) int {
	p := s.problem(ctx, err)
	why.Title, why.Detail = p.Title, p.Detail
	if p.Status == http.StatusUnauthorized { // browsers would ask for what this page asks for
		return http.StatusUnprocessableEntity
	}
	for name, values := range head(p, visitOf(ctx).lang) {
		w.Header()[name] = values
	}
	return p.Status
}

// logout ends the session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	if err := s.cfg.Accounts.End(r.Context(), s.gate.session(r)); err != nil {
		return err
	}
	http.SetCookie(w, s.cookie("session", "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// viewer is who looks at a page.
func (s *Server) viewer(r *http.Request) web.Viewer {
	c := visitOf(r.Context()).caller
	v := web.Viewer{Name: c.Actor.Name, Role: string(c.Actor.Role), Sees: func(a application.State) (bool, error) {
		if !c.sees(a) {
			return false, nil
		}
		return true, s.accessed(r.Context(), subject{"application", a.ID, a.Applicant.ID})
	}, Signs: c.signs, Decides: c.decides, Seals: c.seals, Note: func(list string) error { return s.accessed(r.Context(), subject{kind: list}) }}
	switch c.Grant.Allowed(access.ReadVisits) {
	case licensor:
		v.Watches, v.Licensor = c.Actor.Organization != "", c.Actor.Organization
	case all:
		v.Watches = true
	}
	return v
}
