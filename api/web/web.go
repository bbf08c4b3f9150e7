// Package web is the registry's pages: one site in Kazakh, Russian and English for anybody who looks a
// license up, lays a procedure beside its act, or asks how procedures keep to their deadlines; and for those
// who watch the deadlines, who see which applications stand behind each figure and what befell them. Pages are
// made on the server and need no script, but to sign with the program that has one's keys; everything they load
// is embedded.
//
// Each page is a struct (SearchPage, LicensePage, ProcedurePage, …) with all that is shown
// already in words, and a template of the same stem in templates/. A natural person's IIN is masked,
// and no page names who did something: the history says role and organization.
//
// Handlers return their errors; the server that owns the routes turns them into Error.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
)

// Config is what the pages are made of.
type Config struct {
	Texts     *i18n.Texts
	Rules     func() application.Rules // of the moment
	Licenses  *licenses.Model
	Deadlines *deadlines.Model
	History   *history.Model
	Now       func() time.Time
	// Viewer says who looks at a page.
	Viewer func(r *http.Request) Viewer
	// NCALayer is where a browser finds that program, which signs on the person's own machine.
	NCALayer string
}

// Site is the pages.
type Site struct {
	Config
	templates map[string]*template.Template // by stem
	files     map[string]file               // what pages load, by name
	totals    totals
}

// Catalog is the acts of the moment.
func (s *Site) Catalog() *regulation.Catalog { return s.Rules().Catalog }

// Page is a route of the site.
type Page struct {
	Pattern string
	Handler func(w http.ResponseWriter, r *http.Request) error
}

//go:embed templates/*.tmpl
var templates embed.FS

// stems are the pages, by the stem of their template.
var stems = []string{"search", "license", "services", "service", "procedure", "deadline", "visits", "application", "signature", "calendar", "login", "account", "error"}

// New makes the site.
func New(config Config) (*Site, error) {
	s := &Site{Config: config, templates: map[string]*template.Template{}}
	for _, stem := range stems {
		t, err := template.New("layout.tmpl").Option("missingkey=error").ParseFS(templates, "templates/layout.tmpl", "templates/"+stem+".tmpl")
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", stem, err)
		}
		s.templates[stem] = t
	}
	var err error
	s.files, err = loadStatic()
	return s, err
}

// Pages are the routes of the site.
func (s *Site) Pages() []Page {
	return []Page{
		{"GET /{$}", s.search},
		{"GET /licenses/{number}", s.license},
		{"GET /services", s.listServices},
		{"GET /services/{slug}", s.service},
		{"GET /services/{slug}/{channel}", s.procedure},
		{"GET /deadlines", s.deadlines},
		{"GET /deadlines/visits", s.visits},
		{"GET /applications/{id}", s.application},
		{"GET /calendar", s.calendar},
		{"GET /static/{file}", s.static},
	}
}

// languageCookie remembers the language that somebody chose.
const languageCookie = "lang"

// Language is the language to answer in: the one of ?lang=, the one remembered, or what the browser
// asks for.
func (s *Site) Language(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); i18n.Known(lang) {
		return lang
	}
	if c, err := r.Cookie(languageCookie); err == nil && i18n.Known(c.Value) {
		return c.Value
	}
	return s.Texts.Choose(r.Header.Get("Accept-Language"))
}

// remember keeps the language of ?lang= for the next page.
func remember(w http.ResponseWriter, r *http.Request, lang string) {
	if r.URL.Query().Get("lang") == lang {
		http.SetCookie(w, &http.Cookie{
			Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
}

// Frame is what every page has around its own content.
type Frame struct {
	Lang     string
	Title    string
	Nav      string // stem of the page in the navigation
	Switches []Switch
	Viewer   Viewer
	// NCALayer is where the page's form is signed; empty on a page that has none such, and so no script.
	NCALayer string

	site *Site
}

// Policy is what a browser may do with an answer: show it, with our own styles and pictures, and send its forms
// to us. There is no script, no frame, and nothing from elsewhere.
const Policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// tokenAddress is where a browser finds KAZTOKEN's program, which the client of NCALayer asks as well.
const tokenAddress = "https://127.0.0.1:24680"

// policy is Policy, and where the page has a form to be signed, our own scripts and the programs that sign.
func (f Frame) policy() string {
	if f.NCALayer == "" {
		return Policy
	}
	return Policy + "; script-src 'self'; connect-src " + f.NCALayer + " " + tokenAddress
}

// Switch leads to the same page in a language.
type Switch struct {
	Lang    string
	Name    string
	URL     string
	Current bool
}

// frame makes the frame of a page, but for its title.
func (s *Site) frame(r *http.Request, nav string) Frame {
	f := Frame{Lang: s.Language(r), Nav: nav, Viewer: s.Viewer(r), site: s}
	for _, l := range i18n.Languages {
		query := r.URL.Query()
		query.Set("lang", l)
		f.Switches = append(f.Switches, Switch{
			Lang: l, Name: s.Texts.Text(l, "language.name"), Current: l == f.Lang,
			URL: (&url.URL{Path: r.URL.Path, RawQuery: query.Encode()}).String(),
		})
	}
	return f
}

// T is a text of the page's language; params are name, value pairs.
func (f Frame) T(key string, params ...string) string {
	return f.site.Texts.Text(f.Lang, key, params...)
}

// Count is a text for n things.
func (f Frame) Count(key string, n int) string { return f.site.Texts.Count(f.Lang, key, n) }

// Day writes a day in the page's language.
func (f Frame) Day(day string) string { return f.site.Texts.Day(f.Lang, day) }

// wording is a text of an act in the page's language, in another one where it has none.
func (f Frame) wording(t regulation.Text) Wording {
	text, lang := t.Wording(f.Lang)
	return Wording{Text: text, Lang: lang, Other: text != "" && lang != f.Lang}
}

// Wording is a text with its language, which a page has to say where it is not the page's own.
type Wording struct {
	Text  string
	Lang  string
	Other bool
}

// render writes a page. It is made as a whole first: half a page is never sent.
func (s *Site) render(w http.ResponseWriter, r *http.Request, stem string, status int, page interface{ policy() string }) error {
	var out bytes.Buffer
	if err := s.templates[stem].ExecuteTemplate(&out, "layout.tmpl", page); err != nil {
		return fmt.Errorf("page %s: %w", stem, err)
	}
	lang := s.Language(r)
	remember(w, r, lang)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", page.policy())
	w.Header().Set("Content-Language", lang)
	w.Header().Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	return err
}

// tidy is what somebody typed, without the spaces around and between.
func tidy(text string) string { return strings.Join(strings.Fields(text), " ") }

// invalidDay refuses a day in a page's address that is none.
func invalidDay() error {
	return domain.Reject("day-invalid", "a day in the address is not a day")
}
