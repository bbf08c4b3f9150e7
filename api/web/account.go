package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/calendar"
)

// AccountView is one's own account.
type AccountView struct {
	Visitor  access.Visitor
	Account  access.AccountInfo
	Sessions []access.SessionInfo
	Refused  Refused
}

// AccountPage is one's own account: who one is, in which role, and where one is logged in.
type AccountPage struct {
	Frame
	Facts       []Fact
	Refused     Refused
	Roles       []RoleChoice // none where there is nothing to choose
	Login       string       // that goes with the password, "" where there is none
	HasPassword bool
	Sessions    []SessionLine
}

// RoleChoice is a role to act in.
type RoleChoice struct {
	Value   string
	Name    string
	Current bool
}

// SessionLine is a session of one's own.
type SessionLine struct {
	ID      string
	As      string
	Method  string
	From    string
	Began   string
	Seen    string
	Current bool
}

// Account shows one's own account.
func (s *Site) Account(w http.ResponseWriter, r *http.Request, status int, v AccountView) error {
	f := s.frame(r, "account")
	page := AccountPage{Frame: f, Refused: v.Refused, Login: v.Account.Login, HasPassword: v.Account.Password}
	page.Title = f.T("account.title")
	now := access.Assignment{Role: v.Visitor.Actor.Role, Organization: v.Visitor.Actor.Organization}
	as := func(a access.Assignment) string {
		return s.who(f, domain.Actor{Role: a.Role, Organization: a.Organization})
	}
	page.Facts = given(fact(f, "account.name", v.Account.Name), fact(f, "account.login", v.Account.Login),
		fact(f, "account.identifier", v.Account.Identifier), fact(f, "account.person", v.Account.Person), fact(f, "account.role", as(now)))
	for i, role := range v.Visitor.Roles {
		page.Roles = append(page.Roles, RoleChoice{Value: strconv.Itoa(i), Name: as(role), Current: role == now})
	}
	if len(page.Roles) < 2 {
		page.Roles = nil
	}
	at := func(t time.Time) string { return s.Texts.Moment(f.Lang, t, calendar.Zone) }
	for _, in := range v.Sessions {
		page.Sessions = append(page.Sessions, SessionLine{
			ID: in.ID, As: as(in.As), Method: f.T("login-method." + in.Method), From: in.Address,
			Began: at(in.Began), Seen: at(in.Seen), Current: in.ID == v.Visitor.Session,
		})
	}
	return s.render(w, r, "account", status, page)
}
