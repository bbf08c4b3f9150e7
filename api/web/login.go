package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tizilim/tizilim/domain/application"
)

// Viewer is who looks at a page. The zero Viewer is the public.
type Viewer struct {
	Name string // empty for the public
	Role string
	// Watches says that the viewer may see which applications stand behind the figures: those of the
	// Licensor, of all where that is empty.
	Watches  bool
	Licensor string
	// Sees says whether the viewer may see an application; nil where nobody may see one on the page.
	Sees func(application.State) bool
	// Signs says whether the viewer is the one to sign an application now; nil where nobody is.
	Signs func(application.State) bool
	// Decides says so of the decision on an application.
	Decides func(application.State) bool
	// Seals says so of a license, by its licensor and licensee.
	Seals func(licensor, licensee string) bool
}

// opens reports whether the viewer may see what stands behind figures of the licensor, of all where that
// is empty.
func (v Viewer) opens(licensor string) bool {
	return v.Watches && (v.Licensor == "" || v.Licensor == licensor)
}

// LoginPage asks who somebody is.
type LoginPage struct {
	Frame
	Next    string // where to go on
	Refused bool   // what was given is not known
}

func (s *Site) login(w http.ResponseWriter, r *http.Request) error {
	return s.AskLogin(w, r, http.StatusOK, r.URL.Query().Get("next"))
}

// AskLogin asks who somebody is; a status other than 200 says that they were asked before.
func (s *Site) AskLogin(w http.ResponseWriter, r *http.Request, status int, next string) error {
	page := LoginPage{Frame: s.frame(r, "login"), Next: Onward(next), Refused: status != http.StatusOK}
	page.Title = page.T("login.title")
	return s.render(w, r, "login", status, page)
}

// Onward is the address to go on to, if it is one of this site; the start page otherwise.
func Onward(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return u.RequestURI()
}
