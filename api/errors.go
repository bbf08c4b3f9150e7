package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// Kinds of error that only HTTP has.
var (
	errLogin         = errors.New("not logged in")
	errMethod        = errors.New("method not allowed")
	errMediaType     = errors.New("unsupported media type")
	errUnprocessable = errors.New("unprocessable")
)

// table says how each kind of error is answered. The first kind that fits decides; a fault brings a
// code of its own, and a Rejection always has one.
var table = []struct {
	kind   error
	status int
	code   string
}{
	{errLogin, http.StatusUnauthorized, "login-required"},
	{errMethod, http.StatusMethodNotAllowed, "method-not-allowed"},
	{errMediaType, http.StatusUnsupportedMediaType, "media-type-unsupported"},
	{errUnprocessable, http.StatusUnprocessableEntity, "form-invalid"},
	{domain.ErrKeyReused, http.StatusUnprocessableEntity, "idempotency-key-reused"},
	{domain.ErrVersion, http.StatusPreconditionFailed, "version-mismatch"},
	{domain.ErrForbidden, http.StatusForbidden, "forbidden"},
	{domain.ErrTooLarge, http.StatusRequestEntityTooLarge, "too-large"},
	{domain.ErrUnavailable, http.StatusServiceUnavailable, "unavailable"},
	{domain.ErrDamaged, http.StatusInternalServerError, "internal"},
	{domain.ErrNotFound, http.StatusNotFound, "not-found"},
	{domain.ErrConflict, http.StatusConflict, "conflict"},
	{domain.ErrInvalid, http.StatusBadRequest, "request-invalid"},
	{context.Canceled, http.StatusServiceUnavailable, "unavailable"},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "unavailable"},
}

// unprocessable are the codes of rejections for what the caller sent, whatever the state: 422. All
// other rejections are about the state: 409.
var unprocessable = map[string]bool{
	"service-unknown": true, "channel-unknown": true, "applicant-kind": true, "request-not-offered": true,
	"license-not-expected": true, "license-required": true, "license-unknown": true, "license-of-other-service": true,
	"reason-required": true, "reason-not-expected": true, "name-required": true, "ground-unknown": true,
	"reasons-required": true, "signatory-required": true, "valid-until-invalid": true, "delivery-unknown": true,
	"rating-invalid": true, "suspension-days-invalid": true, "suspension-reason-required": true,
	"suspension-too-long": true, "day-invalid": true, "resumption-day-invalid": true, "termination-day-invalid": true, "valid-until-not-expected": true,
	"document-required": true, "holder-unconfirmed": true, "site-invalid": true, "site-unknown": true,
	"signed-other-content": true, "signature-invalid": true,
	"identifier-form": true, "identifier-check-digit": true, "identifier-kind": true,
	"number-form": true, "number-check-digits": true,
}

// fault is an error with a public code of its own.
type fault struct {
	code   string
	err    error // wraps the kind
	params []string
	fields []v1.FieldError
}

func (f *fault) Error() string { return f.code + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// fail makes an error with a code; params are name, value pairs of the code's text.
func fail(code string, err error, params ...string) error {
	return &fault{code: code, err: err, params: params}
}

// answer finds status and problem for an error, in the language.
func (s *Server) answer(err error, lang string) v1.Problem {
	status, code, params := http.StatusInternalServerError, "internal", []string(nil)
	for _, row := range table {
		if errors.Is(err, row.kind) {
			status, code = row.status, row.code
			break
		}
	}
	var fields []v1.FieldError
	var rejection *domain.Rejection
	var f *fault
	switch {
	case errors.As(err, &rejection):
		status, code, params = http.StatusConflict, rejection.Code, s.params(rejection, lang)
		if unprocessable[code] {
			status = http.StatusUnprocessableEntity
		}
	case errors.As(err, &f):
		code, params, fields = f.code, s.sized(f.params, lang), f.fields
	}
	return v1.Problem{
		Type: "urn:tizilim:problem:" + code, Code: code, Status: status, Errors: fields,
		Title:  s.texts.Text(lang, "problem."+code+".title", params...),
		Detail: s.texts.Text(lang, "problem."+code+".detail", params...),
	}
}

// sized are a fault's params, with a limit in bytes written for people.
func (s *Server) sized(pairs []string, lang string) []string {
	pairs = slices.Clone(pairs)
	for i := 0; i+1 < len(pairs); i += 2 {
		if bytes, err := strconv.ParseInt(pairs[i+1], 10, 64); err == nil && pairs[i] == "limit" {
			pairs[i+1] = s.texts.Size(lang, bytes)
		}
	}
	return pairs
}

// params are a rejection's, with tokens and days written in the language.
func (s *Server) params(r *domain.Rejection, lang string) []string {
	var pairs []string
	for name, value := range r.Params {
		switch name {
		case "action":
			value = s.texts.Text(lang, "action."+value)
		case "status":
			value = s.texts.Text(lang, "license-status."+value)
		case "until":
			value = s.texts.Day(lang, value)
		case "accepted":
			value = s.accepted(lang, value)
		}
		pairs = append(pairs, name, value)
	}
	return pairs
}

// accepted names the identifiers in a list like "[iin bin]".
func (s *Server) accepted(lang, list string) string {
	names := strings.Fields(strings.Trim(list, "[]"))
	for i, name := range names {
		names[i] = s.texts.Text(lang, "license."+name)
	}
	return strings.Join(names, ", ")
}

// problem is where an error stops: it becomes an answer, and is logged once when it is ours. The log
// has the route's pattern and not the address, whose query may hold an IIN.
func (s *Server) problem(ctx context.Context, err error) v1.Problem {
	v := visitOf(ctx)
	p := s.answer(err, v.lang)
	if p.Status >= http.StatusInternalServerError && !errors.Is(ctx.Err(), context.Canceled) {
		s.log.Error("request failed", "route", v.pattern, "status", p.Status, "code", p.Code, "err", err)
	}
	return p
}

// refuse answers a request with an error: as a page where people look at pages, else as problem+json.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r.Context())
	if out, ok := w.(*recorder); ok && out.status != 0 {
		// The answer had begun. A client that went away is nobody's error.
		if r.Context().Err() == nil {
			s.log.Error("request failed after its answer began", "route", v.pattern, "err", err)
		}
		return
	}
	p := s.problem(r.Context(), err)
	for name, values := range head(p, v.lang) {
		w.Header()[name] = values
	}
	if v.page {
		s.site.Error(w, r, p.Status, p.Code, p.Title, p.Detail)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}

// head are the headers that go with a problem.
func head(p v1.Problem, lang string) http.Header {
	h := http.Header{}
	h.Set("Content-Language", lang)
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="tizilim"`
		if p.Code == "token-unknown" {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	return h
}
