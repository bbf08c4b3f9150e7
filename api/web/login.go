package web

import (
	"encoding/base64"
	"html/template"
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
	// Sees says whether the viewer may see an application, which stands in the access log then; its
	// error means that nothing may be shown. nil where nobody may see one on the page.
	Sees func(application.State) (bool, error)
	// Signs says whether the viewer is the one to sign an application now; nil where nobody is.
	Signs func(application.State) bool
	// Decides says so of the decision on an application.
	Decides func(application.State) bool
	// Seals says so of a license, by its licensor and licensee.
	Seals func(licensor, licensee string) bool
	// Note writes into the access log that the viewer is about to be shown a list; its error means that
	// nothing may be shown.
	Note func(list string) error
}

// opens reports whether the viewer may see what stands behind figures of the licensor, of all where that
// is empty.
func (v Viewer) opens(licensor string) bool {
	return v.Watches && (v.Licensor == "" || v.Licensor == licensor)
}

// LoginForm is how somebody is asked who they are.
type LoginForm struct {
	Next    string // where to go on
	Login   string // what was typed before
	Changed bool   // they have just changed their password
	Refused Refused
	// Challenge is the text to sign for a login by certificate, empty where nobody logs in so.
	Challenge string
	OpenID    bool // one can log in by the OpenID provider
}

// Refused is why a form was refused, empty where none was.
type Refused struct{ Title, Detail string }

// LoginPage asks who somebody is.
type LoginPage struct {
	Frame
	LoginForm
	Sign  SigningForm
	Begin string // address that leads to the OpenID provider
}

// Login asks who somebody is.
func (s *Site) Login(w http.ResponseWriter, r *http.Request, status int, form LoginForm) error {
	form.Next = Onward(form.Next)
	f := s.frame(r, "login")
	f.Title = f.T("login.title")
	if form.Challenge != "" {
		f.NCALayer = s.NCALayer
	}
	bytes := base64.StdEncoding.EncodeToString([]byte(form.Challenge))
	page := LoginPage{Frame: f, LoginForm: form, Begin: "/login/openid/begin?next=" + url.QueryEscape(form.Next)}
	page.Sign = SigningForm{
		Frame: f, Action: "/login/certificate", Content: bytes, Purpose: "authentication",
		Download: template.URL("data:application/octet-stream;base64," + bytes), // base64 is no markup
		Hidden:   []Hidden{{Name: "challenge", Value: form.Challenge}, {Name: "next", Value: form.Next}},
	}
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
