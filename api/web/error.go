package web

import "net/http"

// ErrorPage says what is wrong and what to do.
type ErrorPage struct {
	Frame
	Status int
	Code   string
	Detail string
}

// Error answers with an error as a page. It is the last resort, so it has no error of its own: where
// even this page fails, the plain words are sent.
func (s *Site) Error(w http.ResponseWriter, r *http.Request, status int, code, title, detail string) {
	page := ErrorPage{Frame: s.frame(r, ""), Status: status, Code: code, Detail: detail}
	page.Title = title
	if err := s.render(w, r, "error", status, page); err != nil {
		http.Error(w, title, status)
	}
}
