package web

import (
	"net/http"
	"net/url"
	"strings"
)

// ErrorPage says what is wrong and what to do.
type ErrorPage struct {
	Frame
	Status int
	Code   string
	Detail string
	// Back is the address that does without what was wrong, Again the words for it; empty where there
	// is only the search to go back to.
	Back, Again string
}

// Error answers with an error as a page. The title and detail are those for programs: where a person
// can do something else about it, the page has words of its own, "page.CODE". It is the last resort, so
// it has no error of its own: where even this page fails, the plain words are sent.
func (s *Site) Error(w http.ResponseWriter, r *http.Request, status int, code, title, detail string) {
	page := ErrorPage{Frame: s.frame(r, ""), Status: status, Code: code}
	page.Title, page.Detail = s.words(page.Frame, code, title, detail)
	page.Back, page.Again = back(page.Frame, r.URL, code)
	w.Header().Set("Cache-Control", "no-store")
	if err := s.render(w, r, "error", status, page); err != nil {
		http.Error(w, page.Title, status)
	}
}

// words are what a page says of an error: words of its own where it has some.
func (s *Site) words(f Frame, code, title, detail string) (string, string) {
	if key := "page." + code + ".title"; s.Texts.Has(key) {
		title = f.T(key)
	}
	if key := "page." + code + ".detail"; s.Texts.Has(key) {
		detail = f.T(key)
	}
	return title, detail
}

// back is where to do without what was wrong, and the words for it; empty where there is only the search.
func back(f Frame, at *url.URL, code string) (address, again string) {
	switch within := func(path string) bool { return strings.HasPrefix(at.Path, path) }; {
	case code == "cursor-invalid":
		return at.Path + "?" + with(at.Query(), "cursor", ""), f.T("search.first")
	case within("/deadlines"), within("/applications/"):
		return "/deadlines", f.T("nav.deadlines")
	case within("/services/") && code == "not-found":
		return "/services", f.T("services.all")
	case code == "day-invalid", code == "license-not-yet":
		return (&url.URL{Path: at.Path}).String(), f.T("license.today")
	case code == "calendar-unknown":
		return "/calendar", f.T("nav.calendar")
	}
	return "", ""
}
