package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// Kinds of error that only HTTP has.
var (
	errLogin         = errors.New("not logged in")
	errMethod        = errors.New("method not allowed")
	errMediaType     = errors.New("unsupported media type")
	errUnprocessable = errors.New("unprocessable")
)

// table says which code each kind of error has. The first kind that fits decides; a fault brings a code
// of its own, and a Rejection always has one.
var table = []struct {
	kind error
	code string
}{
	{errLogin, "login-required"},
	{errMethod, "method-not-allowed"},
	{errMediaType, "media-type-unsupported"},
	{errUnprocessable, "form-invalid"},
	{domain.ErrKeyReused, "idempotency-key-reused"},
	{domain.ErrVersion, "version-mismatch"},
	{domain.ErrForbidden, "forbidden"},
	{domain.ErrTooLarge, "too-large"},
	{domain.ErrUnavailable, "unavailable"},
	{calendar.ErrMissingYear, "calendar-year-missing"},
	{domain.ErrDamaged, "internal"},
	{domain.ErrNotFound, "not-found"},
	{domain.ErrConflict, "conflict"},
	{domain.ErrInvalid, "request-invalid"},
	{context.Canceled, "unavailable"},
	{context.DeadlineExceeded, "unavailable"},
}

// statuses are the codes by the one status that each has: 422 for what the caller sent, whatever the
// state, 409 for what the state forbids.
var statuses = map[int][]string{
	http.StatusBadRequest: {
		"request-invalid", "json-malformed", "body-required", "cursor-invalid", "position-invalid", "sequence-invalid",
		"if-match-invalid", "idempotency-key-required", "idempotency-key-invalid", "file-name-invalid", "payment-notice-malformed",
	},
	http.StatusUnauthorized: {"login-required", "token-unknown", "login-refused", "challenge-refused", "openid-refused", "certificate-refused"},
	http.StatusForbidden: {
		"forbidden", "own-application", "four-eyes", "account-names-nobody", "applicant-other", "channel-not-yours", "step-not-yours", "payment-notice-invalid",
		"certificate-represents-not", "openid-no-role", "session-required",
	},
	http.StatusTooManyRequests:       {"login-too-many-tries"},
	http.StatusNotFound:              {"not-found", "service-not-found", "procedure-not-found", "wording-not-found", "license-not-yet"},
	http.StatusMethodNotAllowed:      {"method-not-allowed"},
	http.StatusPreconditionFailed:    {"version-mismatch"},
	http.StatusRequestEntityTooLarge: {"too-large"},
	http.StatusUnsupportedMediaType:  {"media-type-unsupported", "file-type-unsupported"},
	http.StatusInternalServerError:   {"internal"},
	http.StatusServiceUnavailable:    {"unavailable", "damaged", "not-yet-visible"},
	http.StatusUnprocessableEntity: {
		"form-invalid", "parameter-invalid", "day-invalid", "moment-invalid", "calendar-unknown", "idempotency-key-reused", "file-empty", "document-unknown",
		"signature-required", "signature-malformed", "service-unknown", "channel-unknown", "licensor-unknown", "status-unknown", "period-unknown", "outcome-unknown", "step-unknown", "day-future", "days-reversed", "figures-too-many", "applicant-kind", "request-not-offered",
		"license-not-expected", "license-required", "license-unknown", "license-of-other-service", "reason-required",
		"reason-not-expected", "name-required", "ground-unknown", "reasons-required", "decision-contradictory",
		"valid-until-invalid", "valid-until-not-expected", "delivery-unknown", "rating-invalid", "suspension-days-invalid",
		"suspension-reason-required", "suspension-too-long", "resumption-day-invalid", "termination-day-invalid",
		"document-required", "payment-proof-required", "payment-proof-unknown", "payment-proof-not-expected", "holder-unconfirmed", "site-invalid", "site-unknown", "signed-other-content", "signature-refused", "signature-too-large",
		"identifier-form", "identifier-check-digit", "identifier-kind", "identifier-other-kind", "one-identifier",
		"number-form", "number-check-digits", "password-short", "password-long", "password-easy", "passwords-differ", "certificate-names-nobody", "certificate-unsupported",
	},
	http.StatusConflict: {
		"conflict", "account-exists", "draft-required", "draft-outdated", "application-closed", "application-exists", "completed-already", "decided-already", "delivered-already",
		"form-required", "license-not-active", "no-result", "not-approved", "not-expired", "not-finished", "not-suspended",
		"number-taken", "fee-unknown", "payment-not-open", "payment-order-unknown", "payment-requested-already", "payment-term-runs",
		"rated-already", "license-signed-already", "site-exists", "step-out-of-order", "suspended-already", "calendar-year-missing",
	},
}

var statusOf = func() map[string]int {
	of := map[string]int{}
	for status, codes := range statuses {
		for _, code := range codes {
			of[code] = status
		}
	}
	return of
}()

// fieldOf are the fields of a body that rejections are about.
var fieldOf = map[string]string{
	"channel-unknown": "body.channel", "service-unknown": "body.service", "applicant-kind": "body.applicant.id",
	"identifier-form": "body.applicant.id", "identifier-check-digit": "body.applicant.id", "identifier-kind": "body.applicant.id",
	"request-not-offered": "body.request", "license-not-expected": "body.license", "license-required": "body.license",
	"license-unknown": "body.license", "license-of-other-service": "body.license", "reason-required": "body.reason",
	"reason-not-expected": "body.reason", "name-required": "body.form.name", "document-required": "body.documents",
	"valid-until-invalid": "body.valid_until", "valid-until-not-expected": "body.valid_until",
	"payment-proof-required": "body.payment_proof", "payment-proof-unknown": "body.payment_proof", "payment-proof-not-expected": "body.payment_proof",
	"holder-unconfirmed": "body.holder", "suspension-days-invalid": "body.from", "suspension-too-long": "body.until",
	"suspension-reason-required": "body.reason", "resumption-day-invalid": "body.on", "termination-day-invalid": "body.on",
	"password-short": "body.password", "password-long": "body.password", "password-easy": "body.password",
	"not-expired": "body.ground", "site-invalid": "body.address", "signed-other-content": "body.signature", "signature-too-large": "body.signature",
}

// fault is an error with a public code of its own.
type fault struct {
	code   string
	err    error // wraps the kind
	params []string
	fields []field
}

// field is a field or parameter at fault, with the text that says so; params are name, value pairs.
type field struct {
	location string
	key      string
	params   []string
}

func (f *fault) Error() string { return f.code + ": " + f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// fail makes an error with a code; params are name, value pairs of the code's text.
func fail(code string, err error, params ...string) error {
	return &fault{code: code, err: err, params: params}
}

// unfit makes an error of parameters or fields at fault.
func unfit(code string, fields ...field) error {
	return &fault{code: code, err: errUnprocessable, fields: fields}
}

// located is an error of one field or parameter. Without a key the problem's own title says what is
// wrong there.
type located struct {
	field
	err error
}

func (l *located) Error() string { return l.location + ": " + l.err.Error() }
func (l *located) Unwrap() error { return l.err }

// at says where an error is; nil stays nil.
func at(location string, err error) error {
	if err == nil {
		return nil
	}
	return &located{field{location: location}, err}
}

// answer finds status and problem for an error, in the language.
func (s *Server) answer(err error, lang string) v1.Problem {
	code, params, where := "internal", []string(nil), []field(nil)
	for _, row := range table {
		if errors.Is(err, row.kind) {
			code = row.code
			break
		}
	}
	var rejection *domain.Rejection
	var f *fault
	var l *located
	words := "" // the code whose text it is
	switch {
	case errors.As(err, &rejection):
		code, params = rejection.Code, s.params(rejection, lang)
		if statusOf[code] == 0 && rejection.Params["signature"] != "" {
			words = "signature-refused"
		}
	case errors.As(err, &f):
		code, params, where = f.code, s.sized(f.params, lang), f.fields
	}
	if errors.As(err, &l) {
		where = []field{l.field}
	}
	words = cmp.Or(words, code)
	p := v1.Problem{
		Type: "urn:tizilim:problem:" + code, Code: code, Status: cmp.Or(statusOf[words], http.StatusInternalServerError),
		Title:  s.texts.Text(lang, "problem."+words+".title", params...),
		Detail: s.texts.Text(lang, "problem."+words+".detail", params...),
	}
	if rejection != nil { // how long it takes is the same for programs
		p.RetryAfter, _ = strconv.Atoi(rejection.Params["seconds"])
	}
	for _, f := range where {
		message := p.Title
		if f.key != "" {
			message = s.texts.Text(lang, f.key, f.params...)
		}
		p.Errors = append(p.Errors, v1.FieldError{Location: f.location, Message: message})
	}
	return p
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
		case "kind":
			value = s.texts.Text(lang, "license."+value)
		case "signature":
			value = s.texts.Text(lang, "signature-reason."+value)
		case "status":
			value = s.texts.Text(lang, "license-status."+value)
		case "until", "issued":
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
	if rejection := (*domain.Rejection)(nil); v.write.key != "" && errors.As(err, &rejection) && !errors.As(err, new(*located)) && fieldOf[rejection.Code] != "" {
		err = at(fieldOf[rejection.Code], err)
	}
	p := s.answer(err, v.lang)
	level := slog.LevelError
	if p.Code == "not-yet-visible" { // the reader only has to ask again
		level = slog.LevelDebug
	}
	if p.Status >= http.StatusInternalServerError && !errors.Is(ctx.Err(), context.Canceled) {
		s.log.Log(ctx, level, "request failed", "route", v.pattern, "status", p.Status, "code", p.Code, "err", err)
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
	if v.page && p.Code == "login-required" {
		next := r.URL.RequestURI()
		if method, path, _ := strings.Cut(v.pattern, " "); method != http.MethodGet && !s.pages["GET "+path] {
			next = "/account" // the only forms behind a login that have no page of their own
		}
		http.Redirect(w, r, "/login?next="+url.QueryEscape(next), http.StatusSeeOther)
		return
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
	switch p.Status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="tizilim"`
		if p.Code == "token-unknown" {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	case http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(max(p.RetryAfter, 1)))
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	return h
}
