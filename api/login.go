package api

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
)

// sessionCookie carries the account's token for the pages, which cannot send a header. It is the
// browser's for as long as that is open, no script can read it, and no other site can have it sent.
const sessionCookie = "session"

// maxLogin bounds the form of a login.
const maxLogin = 4 << 10

// login takes a token and remembers it for the pages.
func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	token := strings.TrimSpace(r.PostForm.Get("token")) // it was pasted
	if _, known := s.gate.account(token); !known {
		return s.site.AskLogin(w, r, http.StatusUnprocessableEntity, r.PostForm.Get("next"))
	}
	http.SetCookie(w, session(r, token, 0))
	http.Redirect(w, r, web.Onward(r.PostForm.Get("next")), http.StatusSeeOther)
	return nil
}

// logout forgets it.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	http.SetCookie(w, session(r, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// ownForm reads a form that one of our own pages sent.
func (s *Server) ownForm(w http.ResponseWriter, r *http.Request) error {
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", domain.ErrForbidden, err)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
	if err := r.ParseForm(); err != nil {
		return bodyError(err, maxLogin)
	}
	return nil
}

// session is the cookie. Without TLS it is for a server on the same machine alone.
func session(r *http.Request, token string, age int) *http.Cookie {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	local := host == "localhost" || net.ParseIP(host).IsLoopback()
	return &http.Cookie{
		Name: sessionCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(token)), Path: "/", MaxAge: age, HttpOnly: true, Secure: !local, SameSite: http.SameSiteStrictMode,
	}
}

// sessionToken is the token of the request's session, empty where it has none.
func sessionToken(r *http.Request) string {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	token, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return ""
	}
	return string(token)
}

// viewer is who looks at a page.
func (s *Server) viewer(r *http.Request) web.Viewer {
	c := visitOf(r.Context()).caller
	v := web.Viewer{Name: c.Actor.Name, Role: string(c.Actor.Role), Sees: c.sees, Signs: c.signs, Decides: c.decides, Seals: c.seals}
	switch watchers.roles[c.Actor.Role] {
	case licensor:
		v.Watches, v.Licensor = c.Actor.Organization != "", c.Actor.Organization
	case all:
		v.Watches = true
	}
	return v
}
