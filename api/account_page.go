package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
)

// accountPage shows one's own account.
func (s *Server) accountPage(w http.ResponseWriter, r *http.Request) error {
	return s.showAccount(w, r, http.StatusOK, web.Refused{})
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, status int, refused web.Refused) error {
	c, err := inSession(r.Context())
	if err != nil {
		return err
	}
	account, err := s.cfg.Accounts.Account(r.Context(), c.Actor.ID)
	if err != nil {
		return err
	}
	sessions, err := s.cfg.Accounts.Sessions(r.Context(), c.Actor.ID)
	if err != nil {
		return err
	}
	return s.site.Account(w, r, status, web.AccountView{Visitor: c.Visitor, Account: account, Sessions: sessions, Refused: refused})
}

// chooseRole goes on in another role, which is the number of one on the page.
func (s *Server) chooseRole(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	c, err := inSession(r.Context())
	if err != nil {
		return err
	}
	i, err := strconv.Atoi(r.PostForm.Get("role"))
	if err != nil || i < 0 || i >= len(c.Roles) {
		return fmt.Errorf("choose role: %w", domain.ErrInvalid)
	}
	opened, err := s.cfg.Accounts.Act(r.Context(), c.token, c.Roles[i])
	if err != nil {
		return err
	}
	http.SetCookie(w, s.cookie("session", opened.Token, 0))
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

// changeOwnPassword changes it. All sessions end, and one logs in anew.
func (s *Server) changeOwnPassword(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	c, err := inSession(r.Context())
	if err != nil {
		return err
	}
	f := r.PostForm
	if f.Get("new") != f.Get("again") {
		err = fail("passwords-differ", errUnprocessable)
	} else {
		_, err = s.cfg.Accounts.ChangePassword(r.Context(), c.Actor.ID, f.Get("present"), f.Get("new"), s.from(r.Context()))
	}
	if err == nil {
		http.SetCookie(w, s.cookie("session", "", -1))
		http.Redirect(w, r, "/login?changed&next=/account", http.StatusSeeOther)
		return nil
	}
	if !refusedKindly(err) {
		return err
	}
	var refused web.Refused
	status := s.told(w, r.Context(), err, &refused)
	return s.showAccount(w, r, status, refused)
}

// endSessionsPage ends one of one's sessions, or all of them.
func (s *Server) endSessionsPage(w http.ResponseWriter, r *http.Request) error {
	if err := s.ownForm(w, r); err != nil {
		return err
	}
	c, err := inSession(r.Context())
	if err != nil {
		return err
	}
	if id := r.PostForm.Get("session"); id != "" {
		err = s.cfg.Accounts.EndSession(r.Context(), c.Actor.ID, c.Actor.ID, id)
	} else {
		err = s.cfg.Accounts.EndSessions(r.Context(), c.Actor.ID, c.Actor.ID)
	}
	if err != nil && !isNotFound(err) { // one that is not there has ended
		return err
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther) // to the login, where this one has ended
	return nil
}
