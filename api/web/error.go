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
	page := ErrorPage{Frame: s.frame(r, ""), Status: status, Code: code, Detail: detail}
	page.Title = title
	if key := "page." + code; s.Texts.Has(key + ".title") {
		page.Title, page.Detail = page.T(key+".title"), page.T(key+".detail")
	}
	switch code {
	case "cursor-invalid":
		page.Back, page.Again = "/?"+with(r.URL.Query(), "cursor", ""), page.T("search.first")
	case "day-invalid", "license-not-yet":
		page.Back, page.Again = (&url.URL{Path: r.URL.Path}).String(), page.T("license.today")
	case "not-found":
		if strings.HasPrefix(r.URL.Path, "/services/") {
			page.Back, page.Again = "/services", page.T("services.all")
		}
	case "calendar-unknown":
		page.Back, page.Again = "/calendar", page.T("nav.calendar")
	case "service-unknown", "channel-unknown":
		if r.URL.Path == "/deadlines" {
			page.Back, page.Again = "/deadlines", page.T("nav.deadlines")
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	if err := s.render(w, r, "error", status, page); err != nil {
		http.Error(w, page.Title, status)
	}
}
