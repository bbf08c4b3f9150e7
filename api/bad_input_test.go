package api_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

const opening = `{"service":"commodity-broker-license","channel":"portal","request":"issue","applicant":{"id":"120540001238"}}`

// TestBadInput sends what is wrong and wants a stable code for each, and nothing stored.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	before := must(w.store.Head(t.Context()))
	change := func(from, to string) string { return strings.Replace(opening, from, to, 1) }
	tests := []struct {
		name, who, method, path string
		body                    any
		status                  int
		code                    string
		header                  []string
	}{
		{"term of no day", "", "GET", "/api/v1/calendar/explanation?from=soon&days=3", nil, 422, "moment-invalid", nil},
		{"term without days", "", "GET", "/api/v1/calendar/explanation?from=2026-11-24", nil, 422, "parameter-invalid", nil},
		{"term of less than nothing", "", "GET", "/api/v1/calendar/explanation?from=2026-11-24&days=-1", nil, 422, "parameter-invalid", nil},
		{"term of an unknown licensor", "", "GET", "/api/v1/calendar/explanation?from=2026-11-24T12:00:00Z&days=3&licensor=nobody", nil, 422, "licensor-unknown", nil},
		{"term by an unknown calendar", "", "GET", "/api/v1/calendar/explanation?from=2026-11-24&days=3&version=kz-1", nil, 422, "calendar-unknown", nil},
		{"term beyond the calendar", "", "GET", "/api/v1/calendar/explanation?from=2027-12-30&days=3", nil, 409, "calendar-year-missing", nil},
		{"year without a calendar", "", "GET", "/api/v1/calendar/years/2030", nil, 409, "calendar-year-missing", nil},
		{"malformed JSON", "company", "POST", "/api/v1/applications", `{"service":`, 400, "json-malformed", nil},
		{"two JSON values", "company", "POST", "/api/v1/applications", opening + "{}", 400, "json-malformed", nil},
		{"not UTF-8", "company", "POST", "/api/v1/applications", change("broker", "\xff"), 400, "json-malformed", nil},
		{"control characters", "company", "PUT", at(a.ID, "/form"), `{"form":{"name":"\u0000"}}`, 400, "json-malformed", nil},
		{"no body", "company", "POST", "/api/v1/applications", nil, 400, "body-required", nil},
		{"an array", "company", "POST", "/api/v1/applications", "[]", 422, "form-invalid", nil},
		{"null", "company", "POST", "/api/v1/applications", "null", 422, "form-invalid", nil},
		{"unknown field", "company", "POST", "/api/v1/applications", change(`"request"`, `"x":1,"request"`), 422, "form-invalid", nil},
		{"unknown field inside", "company", "POST", "/api/v1/applications", change(`{"id"`, `{"name":"x","id"`), 422, "form-invalid", nil},
		{"field missing", "company", "POST", "/api/v1/applications", change(`"request":"issue",`, ""), 422, "form-invalid", nil},
		{"wrong type", "company", "POST", "/api/v1/applications", change(`"120540001238"`, "120540001238"), 422, "form-invalid", nil},
		{"number too large", "company", "POST", at(a.ID, "/rating"), `{"quality":1e99,"availability":1}`, 422, "form-invalid", nil},
		{"unknown request", "company", "POST", "/api/v1/applications", change("issue", "grant"), 422, "form-invalid", nil},
		{"unknown service", "company", "POST", "/api/v1/applications", change("commodity-broker", "lottery"), 422, "service-unknown", nil},
		{"unknown channel", "company", "POST", "/api/v1/applications", change("portal", "fax"), 422, "channel-unknown", nil},
		{"another's channel", "company", "POST", "/api/v1/applications", change("portal", "office"), 403, "channel-not-yours", nil},
		{"channel not offered", "operator", "POST", "/api/v1/applications", change("portal", "center"), 422, "channel-unknown", nil},
		{"request not offered", "company", "POST", "/api/v1/applications", strings.Replace(change("issue", "duplicate"), "commodity-broker-license", "import-permit", 1), 422, "request-not-offered", nil},
		{"check digit", "company", "POST", "/api/v1/applications", change("120540001238", "120540001239"), 422, "identifier-check-digit", nil},
		{"not twelve digits", "company", "POST", "/api/v1/applications", change("120540001238", "1205400"), 422, "identifier-form", nil},
		{"full-width digit", "company", "POST", "/api/v1/applications", change("120540001238", "１20540001238"), 422, "identifier-form", nil},
		{"IIN where a BIN is due", "person", "POST", "/api/v1/applications", change("120540001238", person), 422, "applicant-kind", nil},
		{"somebody else", "company", "POST", "/api/v1/applications", change("120540001238", stranger), 403, "applicant-other", nil},
		{"license with an issue", "company", "POST", "/api/v1/applications", change(`"request"`, `"license":"26000001","request"`), 422, "license-not-expected", nil},
		{"reissue without license", "company", "POST", "/api/v1/applications", change("issue", "reissue"), 422, "license-required", nil},
		{"duplicate of nothing", "company", "POST", "/api/v1/applications", change(`"request":"issue"`, `"license":"26000001","request":"duplicate"`), 422, "license-unknown", nil},
		{"license number as a path", "company", "POST", "/api/v1/applications", change(`"request":"issue"`, `"license":"../x","request":"duplicate"`), 422, "number-form", nil},
		{"body too large", "company", "POST", "/api/v1/applications", strings.Repeat(" ", 300<<10), 413, "too-large", nil},
		{"form data", "company", "POST", "/api/v1/applications", opening, 415, "media-type-unsupported", []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"no key", "company", "POST", "/api/v1/applications", opening, 400, "idempotency-key-required", []string{"Idempotency-Key", ""}},
		{"key with a space", "company", "POST", "/api/v1/applications", opening, 400, "idempotency-key-invalid", []string{"Idempotency-Key", "a b"}},
		{"key too long", "company", "POST", "/api/v1/applications", opening, 400, "idempotency-key-invalid", []string{"Idempotency-Key", strings.Repeat("k", 201)}},
		{"wrong version", "company", "PUT", at(a.ID, "/form"), form("x"), 412, "version-mismatch", []string{"If-Match", `"7"`}},
		{"no version", "company", "PUT", at(a.ID, "/form"), form("x"), 400, "if-match-invalid", []string{"If-Match", "seven"}},
		{"weak version", "company", "PUT", at(a.ID, "/form"), form("x"), 400, "if-match-invalid", []string{"If-Match", `W/"1"`}},
		{"document not uploaded", "company", "PUT", at(a.ID, "/form"), v1.Filing{Form: v1.Form{Name: "x"}, Documents: []v1.Attached{{Name: "x", SHA256: strings.Repeat("0", 64)}}}, 422, "document-unknown", nil},
		{"digest that is a path", "company", "PUT", at(a.ID, "/form"), v1.Filing{Form: v1.Form{Name: "x"}, Documents: []v1.Attached{{Name: "x", SHA256: "../../../../etc/passwd"}}}, 422, "form-invalid", nil},
		{"signing before the form", "company", "POST", at(a.ID, "/signature"), v1.Signing{Signature: "e30="}, 409, "step-out-of-order", nil},
		{"content before the form", "company", "GET", at(a.ID, "/signature"), nil, 409, "form-required", nil},
		{"deciding too early", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}, 409, "step-out-of-order", nil},
		{"registering too early", "officer", "POST", at(a.ID, "/registration"), nil, 409, "step-out-of-order", nil},
		{"delivery of nothing", "company", "POST", at(a.ID, "/delivery"), v1.Delivery{To: "cabinet"}, 409, "no-result", nil},
		{"rating too early", "company", "POST", at(a.ID, "/rating"), v1.Rating{Quality: 3, Availability: 3}, 409, "not-finished", nil},
		{"paying too early", "company", "POST", at(a.ID, "/payment"), nil, 409, "payment-not-open", nil},
		{"no such application", "company", "GET", at(uuid.NewString(), ""), nil, 404, "not-found", nil},
		{"an id that is none", "company", "GET", at("1", ""), nil, 404, "not-found", nil},
		{"an id in braces", "company", "GET", at("%7B"+a.ID[:34]+"%7D", ""), nil, 404, "not-found", nil},
		{"no such license", "", "GET", "/api/v1/licenses/99999999", nil, 404, "not-found", nil},
		{"no such service", "", "GET", "/api/v1/services/lottery", nil, 404, "service-not-found", nil},
		{"no such procedure", "", "GET", "/api/v1/services/commodity-broker-license/procedures/fax", nil, 404, "procedure-not-found", nil},
		{"no such address", "", "GET", "/api/v1/nothing", nil, 404, "not-found", nil},
		{"no such method", "", "PATCH", "/api/v1/services", nil, 405, "method-not-allowed", nil},
		{"unknown parameter", "", "GET", "/api/v1/licenses?page=2", nil, 422, "parameter-invalid", nil},
		{"unknown status", "", "GET", "/api/v1/licenses?status=good", nil, 422, "parameter-invalid", nil},
		{"limit", "", "GET", "/api/v1/licenses?limit=100000", nil, 422, "parameter-invalid", nil},
		{"limit that is no number", "", "GET", "/api/v1/licenses?limit=x", nil, 422, "parameter-invalid", nil},
		{"cursor", "", "GET", "/api/v1/licenses?cursor=!", nil, 400, "cursor-invalid", nil},
		{"cursor of three letters", "", "GET", "/api/v1/licenses?cursor=zzz", nil, 400, "cursor-invalid", nil},
		{"cursor of three letters in a queue", "auditor", "GET", "/api/v1/applications?cursor=zzz", nil, 400, "cursor-invalid", nil},
		{"cursor of three letters in what is overdue", "auditor", "GET", "/api/v1/deadlines/overdue?cursor=zzz", nil, 400, "cursor-invalid", nil},
		{"cursor of applications", "auditor", "GET", "/api/v1/applications?cursor=%00", nil, 400, "cursor-invalid", nil},
		{"BIN with a mistake", "", "GET", "/api/v1/licenses?bin=120540001239", nil, 422, "identifier-check-digit", nil},
		{"IIN as BIN", "", "GET", "/api/v1/licenses?bin=" + person, nil, 422, "identifier-other-kind", nil},
		{"BIN as IIN", "", "GET", "/api/v1/licenses?iin=" + company, nil, 422, "identifier-other-kind", nil},
		{"BIN and IIN", "", "GET", "/api/v1/licenses?bin=" + company + "&iin=" + person, nil, 422, "one-identifier", nil},
		{"a parameter twice", "", "GET", "/api/v1/licenses?q=a&q=b", nil, 422, "parameter-invalid", nil},
		{"a parameter twice in the table", "", "GET", "/api/v1/licenses.csv?q=a&q=b", nil, 422, "parameter-invalid", nil},
		{"a query that cannot be read", "", "GET", "/api/v1/licenses?q=%zz", nil, 422, "parameter-invalid", nil},
		{"no such service in a search", "", "GET", "/api/v1/licenses?service=nope", nil, 422, "service-unknown", nil},
		{"no such licensor in a search", "", "GET", "/api/v1/licenses?licensor=nope", nil, 422, "licensor-unknown", nil},
		{"no such licensor in the table", "", "GET", "/api/v1/licenses.csv?licensor=nope", nil, 422, "licensor-unknown", nil},
		{"no such service in the figures", "", "GET", "/api/v1/deadlines?service=foo", nil, 422, "service-unknown", nil},
		{"no such licensor in the steps", "", "GET", "/api/v1/deadlines/steps?licensor=foo", nil, 422, "licensor-unknown", nil},
		{"no such service in a queue", "officer", "GET", "/api/v1/applications?service=foo", nil, 422, "service-unknown", nil},
		{"number with a mistake", "", "GET", "/api/v1/licenses?number=KZ46LIC00000001", nil, 422, "number-check-digits", nil},
		{"number that is none", "", "GET", "/api/v1/licenses/lottery", nil, 422, "number-form", nil},
		{"number with a mistake in the path", "", "GET", "/api/v1/licenses/KZ46LIC00000001/history", nil, 422, "number-check-digits", nil},
		{"number with a mistake in a command", "head", "POST", "/api/v1/licenses/2600001/resumption", v1.Resume{}, 422, "number-form", nil},
		{"words too many for one table", "", "GET", "/api/v1/licenses.csv?q=" + strings.Repeat("a", 201), nil, 422, "parameter-invalid", nil},
		{"the same name twice", "company", "POST", "/api/v1/applications", change(`"request":"issue"`, `"request":"issue","request":"issue"`), 400, "json-malformed", nil},
		{"the same name in another case", "company", "POST", "/api/v1/applications", change(`"request":"issue"`, `"request":"issue","REQUEST":"issue"`), 400, "json-malformed", nil},
		{"the same name twice inside", "company", "POST", "/api/v1/applications", change(`{"id"`, `{"id":"1","id"`), 400, "json-malformed", nil},
		{"approval with a ground", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Ground: "not-qualified"}, 422, "decision-contradictory", nil},
		{"approval with a text", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Text: "x"}, 422, "decision-contradictory", nil},
		{"refusal with an order", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "x", Order: "1"}, 422, "decision-contradictory", nil},
		{"refusal with a term", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "x", ValidUntil: "2027-01-01"}, 422, "decision-contradictory", nil},
		{"refusal with a holder", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "x", Holder: company}, 422, "decision-contradictory", nil},
		{"refusal without a ground", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Text: "x"}, 422, "ground-unknown", nil},
		{"refusal on an unknown ground", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "whim", Text: "x"}, 422, "form-invalid", nil},
		{"a refusal with a proof of payment", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified", PaymentProof: "shown"}, 422, "decision-contradictory", nil},
		{"holder with a mistake", "officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Holder: "120540001239"}, 422, "identifier-check-digit", nil},
		{"words without a letter", "", "GET", "/api/v1/licenses?q=%22%2A", nil, 422, "parameter-invalid", nil},
		{"as of no day", "", "GET", "/api/v1/licenses?as_of=2026-02-30", nil, 422, "day-invalid", nil},
		{"known at no day", "", "GET", "/api/v1/licenses/26000001?known_at=yesterday", nil, 422, "day-invalid", nil},
		{"csv with an unknown parameter", "", "GET", "/api/v1/licenses.csv?x=1", nil, 422, "parameter-invalid", nil},
		{"csv with an unknown status", "", "GET", "/api/v1/licenses.csv?status=x", nil, 422, "parameter-invalid", nil},
		{"deadlines from no day", "", "GET", "/api/v1/deadlines?from=x", nil, 422, "day-invalid", nil},
		{"deadlines to a day before the first", "", "GET", "/api/v1/deadlines?from=2026-11-24&to=2026-11-23", nil, 422, "parameter-invalid", nil},
		{"deadlines of another licensor", "officer", "GET", "/api/v1/deadlines/overdue?licensor=bailiff-committee", nil, 403, "forbidden", nil},
		{"figures by nothing known", "", "GET", "/api/v1/deadlines?by=year", nil, 422, "parameter-invalid", nil},
		{"figures by two periods", "", "GET", "/api/v1/deadlines/steps?by=day,month", nil, 422, "parameter-invalid", nil},
		{"figures by too much", "", "GET", "/api/v1/deadlines/steps.csv?by=day,licensor,month", nil, 422, "parameter-invalid", nil},
		{"figures as of no instant", "", "GET", "/api/v1/deadlines?as_of=soon", nil, 422, "moment-invalid", nil},
		{"figures as of no day", "", "GET", "/api/v1/deadlines.csv?as_of=2026-02-30", nil, 422, "moment-invalid", nil},
		{"figures as of an instant without its offset", "", "GET", "/api/v1/deadlines/steps?as_of=2026-11-20T12:00:00", nil, 422, "moment-invalid", nil},
		{"figures as of tomorrow", "", "GET", "/api/v1/deadlines/steps?as_of=2026-11-25", nil, 422, "moment-invalid", nil},
		{"figures as of a later hour", "", "GET", "/api/v1/deadlines?as_of=2026-11-24T07:00:00.000001Z", nil, 422, "moment-invalid", nil},
		{"an application's deadlines as of tomorrow", "company", "GET", at(a.ID, "/deadlines?as_of=2026-11-25"), nil, 422, "moment-invalid", nil},
		{"deadlines of no application", "auditor", "GET", at(uuid.NewString(), "/deadlines"), nil, 404, "not-found", nil},
		{"visits as of tomorrow", "auditor", "GET", "/api/v1/deadlines/visits?as_of=2026-11-25", nil, 422, "moment-invalid", nil},
		{"visits of a step that is no number", "auditor", "GET", "/api/v1/deadlines/visits?step=first", nil, 422, "parameter-invalid", nil},
		{"visits of a step below the first", "auditor", "GET", "/api/v1/deadlines/visits.csv?step=-1", nil, 422, "parameter-invalid", nil},
		{"visits of an unknown outcome", "auditor", "GET", "/api/v1/deadlines/visits?outcome=never", nil, 422, "parameter-invalid", nil},
		{"visits by licensor", "auditor", "GET", "/api/v1/deadlines/visits?by=licensor", nil, 422, "parameter-invalid", nil},
		{"visits of an unknown licensor", "auditor", "GET", "/api/v1/deadlines/visits?licensor=nope", nil, 422, "licensor-unknown", nil},
		{"visits at another licensor", "officer", "GET", "/api/v1/deadlines/visits?licensor=bailiff-committee", nil, 403, "forbidden", nil},
		{"a table of visits at another licensor", "head", "GET", "/api/v1/deadlines/visits.csv?licensor=bailiff-committee", nil, 403, "forbidden", nil},
		{"visits with a cursor that is none", "auditor", "GET", "/api/v1/deadlines/visits?cursor=AA", nil, 400, "cursor-invalid", nil},
		{"a table with a cursor", "auditor", "GET", "/api/v1/deadlines/visits.csv?cursor=AA", nil, 422, "parameter-invalid", nil},
		{"events after nothing", "auditor", "GET", "/api/v1/events?after=x", nil, 400, "sequence-invalid", nil},
		{"events after the end", "auditor", "GET", "/api/v1/events?after=999999.0", nil, 400, "sequence-invalid", nil},
		{"stream after the end", "auditor", "GET", "/api/v1/events?after=999999", nil, 400, "sequence-invalid", []string{"Accept", "text/event-stream"}},
		{"stream that goes on after the end", "auditor", "GET", "/api/v1/events", nil, 400, "sequence-invalid", []string{"Accept", "text/event-stream", "Last-Event-ID", "999999.3"}},
		{"stream with a limit", "auditor", "GET", "/api/v1/events?limit=5", nil, 422, "parameter-invalid", []string{"Accept", "text/event-stream"}},
		{"events limit", "auditor", "GET", "/api/v1/events?limit=0", nil, 422, "parameter-invalid", nil},
		{"events parameter", "auditor", "GET", "/api/v1/events?from=0", nil, 422, "parameter-invalid", nil},
		{"position that is none", "", "GET", "/api/v1/services", nil, 400, "position-invalid", []string{"Tizilim-Position", "-1"}},
		{"position beyond the log", "", "GET", "/api/v1/services", nil, 400, "position-invalid", []string{"Tizilim-Position", "999999"}},
		{"notice without a seal", "", "POST", "/api/v1/payments/callback", `{"Paid":true}`, 403, "payment-notice-invalid", nil},
		{"notice of nothing", "", "POST", "/api/v1/payments/callback", `{`, 400, "payment-notice-malformed", []string{"Seal", "genuine"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.call(tt.who, tt.method, tt.path, tt.body, tt.header...)
			r.t = t
			r.want(tt.status, tt.code)
			if tt.status == http.StatusMethodNotAllowed && r.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", r.header.Get("Allow"))
			}
		})
	}
	if after := must(w.store.Head(t.Context())); after != before {
		t.Errorf("refused requests moved the log from %d to %d", before, after)
	}
	if w.logged.String() != "" {
		t.Errorf("refusals were logged:\n%s", w.logged)
	}
}

func TestFieldsAtFaultAreNamed(t *testing.T) {
	w := newWorld(t)
	r := w.call("company", "POST", "/api/v1/applications", strings.Replace(opening, `{"id"`, `{"name":"x","id"`, 1)).want(422)
	p := decode[v1.Problem](r)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.applicant.name" {
		t.Errorf("errors %+v", p.Errors)
	}
}

func TestProblemsAreTranslated(t *testing.T) {
	w := newWorld(t)
	for language, want := range map[string][2]string{
		"":                        {"en", "The check digit does not fit the other digits. Compare the number with the document."},
		"ru-RU,ru;q=0.9,en;q=0.8": {"ru", "Контрольная цифра не соответствует остальным. Сверьте номер с документом."},
		"kk":                      {"kk", "Бақылау цифры қалған цифрларға сәйкес келмейді. Нөмірді құжатпен салыстырыңыз."},
	} {
		r := w.call("", "GET", "/api/v1/licenses?bin=120540001239", nil, "Accept-Language", language).want(422)
		if p := decode[v1.Problem](r); p.Detail != want[1] || r.header.Get("Content-Language") != want[0] {
			t.Errorf("%q: %q in %q", language, p.Detail, r.header.Get("Content-Language"))
		}
	}
	a := w.open("company", "commodity-broker-license", "portal", company)
	r := w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}, "Accept-Language", "kk").want(409)
	if p := decode[v1.Problem](r); !strings.Contains(p.Detail, "Сұрау салуды толтыру") {
		t.Errorf("the step is not named in Kazakh: %q", p.Detail)
	}
}

// TestUnavailable: a dead store is 503, acknowledges nothing, turns readiness off, and the same
// request succeeds later.
func TestUnavailable(t *testing.T) {
	w := newWorld(t)
	key := []string{"Idempotency-Key", "once"}
	down := errors.New("disk full")
	w.sick.Store(&down)
	w.store.BeforeAppend = func(domain.Commit) error { return errors.Join(domain.ErrUnavailable, down) }
	r := w.call("company", "POST", "/api/v1/applications", opening, key...).want(503, "unavailable")
	if r.header.Get("Retry-After") == "" || strings.Contains(r.body, "disk") {
		t.Errorf("answer %v %s", r.header, r.body)
	}
	if !strings.Contains(w.logged.String(), "disk full") {
		t.Errorf("the cause was not logged: %s", w.logged)
	}
	w.call("", "GET", "/livez", nil).want(200)
	if h := decode[v1.Health](w.call("", "GET", "/readyz", nil).want(503)); h.Status != "unavailable" || len(h.Reasons) != 1 {
		t.Errorf("readyz %+v", h)
	}
	w.sick.Store(nil)
	w.store.BeforeAppend = nil
	w.call("company", "POST", "/api/v1/applications", opening, key...).want(201)
	w.call("", "GET", "/readyz", nil).want(200)
}

// TestLicenseWithoutTheLog: while the log does not answer, a license is what the register has of it, and no change
// of it is taken.
func TestLicenseWithoutTheLog(t *testing.T) {
	away := &awayStore{}
	w := newWorld(t, func(c *api.Config) { away.EventStore, c.Store = c.Store, away })
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	want := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+number, nil).want(200))
	away.gone.Store(true)
	if diff := cmp.Diff(want, decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+number, nil).want(200))); diff != "" {
		t.Errorf("without the log:\n%s", diff)
	}
	w.call("officer", "POST", "/api/v1/licenses/"+number+"/suspension", v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "тексеру"}).want(503, "unavailable")
	w.call("", "GET", "/api/v1/licenses/26999999", nil).want(404)
}

// awayStore is a store that answers no reads once it is gone.
type awayStore struct {
	domain.EventStore
	gone atomic.Bool
}

func (s *awayStore) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	if !s.gone.Load() {
		return s.EventStore.Read(ctx, stream, from)
	}
	return func(yield func(domain.Record, error) bool) {
		yield(domain.Record{}, fmt.Errorf("no leader: %w", domain.ErrUnavailable))
	}
}

// TestInternal: an error nobody foresaw is a 500 that says nothing outside, and everything to the log
// but the address.
func TestInternal(t *testing.T) {
	w := newWorld(t)
	w.store.BeforeAppend = func(domain.Commit) error { return errors.New("a secret of ours") }
	r := w.call("company", "POST", "/api/v1/applications", opening).want(500, "internal")
	if strings.Contains(r.body, "secret") || !strings.Contains(w.logged.String(), "a secret of ours") {
		t.Errorf("answer %s, log %s", r.body, w.logged)
	}
	w.store.BeforeAppend = func(domain.Commit) error { panic("a bug of ours") }
	w.call("company", "POST", "/api/v1/applications", opening).want(500, "internal")
	if !strings.Contains(w.logged.String(), "a bug of ours") || strings.Contains(w.logged.String(), company) {
		t.Errorf("log %s", w.logged)
	}
}

// TestLostAcknowledgment: the events are stored and the answer is an error; the same request again is
// the first one's outcome.
func TestLostAcknowledgment(t *testing.T) {
	w := newWorld(t)
	w.store.AfterAppend = func(domain.Commit) error { return domain.ErrUnavailable }
	w.call("company", "POST", "/api/v1/applications", opening, "Idempotency-Key", "k").want(503, "unavailable")
	head := must(w.store.Head(t.Context()))
	w.store.AfterAppend = nil
	w.call("company", "POST", "/api/v1/applications", opening, "Idempotency-Key", "k").want(201)
	if again := must(w.store.Head(t.Context())); again != head {
		t.Errorf("the repetition moved the log from %d to %d", head, again)
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	first := w.call("company", "POST", "/api/v1/applications", opening, "Idempotency-Key", "k").want(201)
	again := w.call("company", "POST", "/api/v1/applications", opening, "Idempotency-Key", "k").want(201)
	if first.body != again.body || first.header.Get("Location") != again.header.Get("Location") {
		t.Errorf("repetition:\n%s\n%s", first.body, again.body)
	}
	other := strings.Replace(opening, "broker", "dealer", 1)
	w.call("company", "POST", "/api/v1/applications", other, "Idempotency-Key", "k").want(422, "idempotency-key-reused")
	id := app(first).ID
	w.call("company", "PUT", at(id, "/form"), form("Бір"), "Idempotency-Key", "k").want(200) // another resource, another command
	w.call("company", "PUT", at(id, "/form"), form("Бір"), "Idempotency-Key", "k").want(200)
	w.call("company", "PUT", at(id, "/form"), form("Екі"), "Idempotency-Key", "k").want(422, "idempotency-key-reused")
	w.call("company", "PUT", at(id, "/form"), form("Екі")).want(409, "step-out-of-order")
	if a := app(w.call("company", "GET", at(id, ""), nil).want(200)); a.Form.Name != "Бір" {
		t.Errorf("form %+v", a.Form)
	}
}

func TestVersionsAndPositions(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	r := w.call("company", "PUT", at(a.ID, "/form"), form("x"), "If-Match", `"1"`).want(200)
	version := app(r).Version
	if r.header.Get("ETag") != `"`+strconv.FormatUint(version, 10)+`"` {
		t.Errorf("ETag %s of version %d", r.header.Get("ETag"), version)
	}
	position := must(strconv.ParseUint(r.header.Get("Tizilim-Position"), 10, 64))
	w.call("company", "GET", "/api/v1/applications", nil, "Tizilim-Position", strconv.FormatUint(position, 10)).want(200)
	w.call("company", "POST", at(a.ID, "/withdrawal"), v1.Withdrawal{}, "If-Match", r.header.Get("ETag")).want(200)
	w.call("company", "POST", at(a.ID, "/withdrawal"), v1.Withdrawal{Reason: "x"}, "If-Match", "*").want(200)

	short := newWorld(t, func(c *api.Config) { c.Wait, c.Log = time.Millisecond, longer{c.Log} })
	short.call("", "GET", "/api/v1/licenses", nil, "Tizilim-Position", "999").want(503, "not-yet-visible")
	short.call("", "GET", "/api/v1/licenses", nil, "Tizilim-Position", "1001").want(400, "position-invalid")
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		short.call("", "GET", path, nil, "Tizilim-Position", "999").want(200)
	}
	if short.logged.String() != "" {
		t.Errorf("a reader who has to ask again was logged:\n%s", short.logged)
	}
}

// longer is a log that has more than the follower has heard of.
type longer struct{ domain.Log }

func (longer) Head(context.Context) (domain.Position, error) { return 1000, nil }

// TestBeingRecorded: a write that is durable and cannot be read in time is accepted, never refused.
func TestBeingRecorded(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Wait = time.Nanosecond })
	r := w.call("company", "POST", "/api/v1/applications", opening).want(202)
	a := app(r)
	if a.Status != "being-recorded" || a.ID == "" || a.Version != 1 || r.header.Get("Tizilim-Position") == "0" || r.header.Get("Location") == "" {
		t.Errorf("answer %+v %v", a, r.header)
	}
}
