package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/adapters/stateregister/demo"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
)

// registers are the demonstration's state registers on a socket, asked by the real client behind a
// breaker. instead, where set, answers in their place.
type registers struct {
	url     string
	instead atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int64
	client  *stateregister.Client
	breaker *breaker.Breaker
	opened  chan struct{} // closed once the breaker has opened
}

func newRegisters(t *testing.T) *registers {
	r := &registers{opened: make(chan struct{})}
	once := sync.OnceFunc(func() { close(r.opened) })
	r.breaker = breaker.New(breaker.Config{
		Name: "registers", Failures: 5, Pause: 10 * time.Millisecond, OnChange: func(string, bool) { once() },
	})
	real := demo.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/outage") {
			real.ServeHTTP(w, req)
			return
		}
		r.asked.Add(1)
		if h := r.instead.Load(); h != nil {
			(*h)(w, req)
			return
		}
		real.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.url, r.client = server.URL, &stateregister.Client{URL: server.URL, HTTP: server.Client()}
	return r
}

// Find implements reactor.StateRegisters as cmd wires it.
func (r *registers) Find(ctx context.Context, id string) (p reactor.Person, err error) {
	err = r.breaker.Do(ctx, func(ctx context.Context) error {
		a, err := r.client.Find(ctx, id)
		p = reactor.Person{Found: a.Found, Name: a.Name, Address: a.Address, Source: a.Source, Reference: a.Reference, Text: a.Text}
		return err
	})
	return p, err
}

// askedInVain waits until they were asked several times and the breaker has opened.
func (r *registers) askedInVain(t *testing.T) {
	t.Helper()
	select {
	case <-r.opened:
	case <-time.After(10 * time.Second):
		t.Fatal("an answer that is none did not open the breaker")
	}
}

// outage begins or ends one at the service itself.
func (r *registers) outage(t *testing.T, method string) {
	req := must(http.NewRequest(method, r.url+"/outage", nil))
	resp := must(http.DefaultClient.Do(req))
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s /outage: %s", method, resp.Status)
	}
}

// garbage answers with what is no answer about the applicant, something else each time: all of it before
// the breaker opens.
func (r *registers) garbage(w http.ResponseWriter, req *http.Request) {
	id := req.URL.Path[strings.LastIndex(req.URL.Path, "/")+1:]
	answers := []string{
		"404 page not found", "<html>Welcome</html>", `{"id":"` + id + `","found":fal`,
		`{"id":"` + stranger + `","found":false,"source":"x"}`, `{"id":"` + id + `","found":false}`,
	}
	n := int(r.asked.Load()-1) % len(answers)
	if n == 0 {
		w.WriteHeader(http.StatusNotFound)
	}
	fmt.Fprint(w, answers[n])
}

// absent is an identifier of the kind that the registers have nobody of.
func absent(kind ident.Kind) string {
	prefix := map[ident.Kind]string{ident.IIN: "9001013%02d99", ident.BIN: "1205400%02d99"}[kind]
	for n := 0; ; n++ {
		if id, err := ident.Complete(fmt.Sprintf(prefix, n)); err == nil {
			return id.String()
		}
	}
}

// TestEveryAnswerOfTheRegisters takes an application through each channel that asks the state registers,
// with each answer they can give.
func TestEveryAnswerOfTheRegisters(t *testing.T) {
	channels := []struct {
		service string
		channel regulation.Channel
		who     string
		kind    ident.Kind
		next    regulation.Action // what it waits for once the applicant is found
	}{
		{"commodity-broker-license", regulation.Portal, "applicant", ident.BIN, regulation.Pay},
		{"commodity-broker-license", regulation.Office, "officer", ident.BIN, regulation.AttachDocuments},
		{"private-bailiff-license", regulation.Office, "officer", ident.IIN, regulation.AttachDocuments},
		{"casino-license", regulation.Center, "operator", ident.BIN, regulation.AttachAndSign},
	}
	answers := []struct {
		name   string
		before func(*testing.T, *registers) // before the application is opened
		after  func(*testing.T, *registers) // once it has been asked in vain
		found  bool
	}{
		{name: "found", found: true},
		{name: "absent"},
		{"unavailable, then found", begin, end, true},
		{"unavailable, then absent", begin, end, false},
		{"garbage, then found", spoil, mend, true},
		{"garbage, then absent", spoil, mend, false},
	}
	for _, c := range channels {
		for _, a := range answers {
			t.Run(c.service+"/"+string(c.channel)+"/"+a.name, func(t *testing.T) {
				applicant := map[ident.Kind]string{ident.IIN: person, ident.BIN: company}[c.kind]
				if !a.found {
					applicant = absent(c.kind)
				}
				r := newRegisters(t)
				if a.before != nil {
					a.before(t, r)
				}
				w := askingWorld(t, r, c.service, applicant)
				app := w.untilAsked(c.who, c.service, string(c.channel), applicant)
				if a.after != nil {
					r.askedInVain(t)
					w.stillWaits(app.ID)
					a.after(t, r)
				}
				w.answered(app.ID, c.next, a.found)
			})
		}
	}
}

func begin(t *testing.T, r *registers) { r.outage(t, http.MethodPost) }
func end(t *testing.T, r *registers)   { r.outage(t, http.MethodDelete) }

func spoil(_ *testing.T, r *registers) {
	h := http.HandlerFunc(r.garbage)
	r.instead.Store(&h)
}
func mend(_ *testing.T, r *registers) { r.instead.Store(nil) }

// askingWorld is a registry that asks those registers, with an account of the applicant.
func askingWorld(t *testing.T, r *registers, service, applicant string) *world {
	slug := ""
	for _, s := range sample.Rules().Catalog.Services() {
		if s.Slug == service {
			slug = s.Licensor.Slug
		}
	}
	w := newWorld(t)
	for _, a := range accounts { // one applicant has one account
		if a.role == domain.RoleApplicant && a.identifier == applicant {
			if err := w.accounts.Remove(t.Context(), "test", a.id); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.enroll(append(accountsOf(slug), someone{"applicant", domain.RoleApplicant, "", applicant})...)
	w.outside.registers = r
	w.level.Set(-100)
	return w
}

// untilAsked opens an application and does what is to be done before the registers are asked.
func (w *world) untilAsked(who, service, channel, applicant string) v1.Application {
	w.t.Helper()
	a := w.open(who, service, channel, applicant)
	if a.Step != nil && a.Step.Action == string(regulation.FillForm) && channel == "portal" {
		a = w.file(who, a.ID)
	}
	return a
}

// stillWaits: the registers were asked in vain, and the application is where it was.
func (w *world) stillWaits(id string) {
	w.t.Helper()
	a := app(w.call("auditor", "GET", at(id, ""), nil).want(200))
	if a.Status == "refused" || a.Step == nil || a.Step.Action != string(regulation.QueryRegisters) {
		w.t.Fatalf("no answer moved it: %s, %+v", a.Status, a.Step)
	}
	if !strings.Contains(w.logged.String(), id) {
		w.t.Errorf("nobody learns that it waits:\n%s", w.logged)
	}
}

// answered waits for the registers' answer and compares what came of it.
func (w *world) answered(id string, next regulation.Action, found bool) {
	w.t.Helper()
	event := map[bool]string{true: "applicant-confirmed", false: "applicant-not-found"}[found]
	entry := w.until(id, event)
	a := app(w.call("auditor", "GET", at(id, ""), nil).want(200))
	switch {
	case found && (a.Step == nil || a.Step.Action != string(next) || a.Applicant.Name == "" || a.Refusal != nil):
		w.t.Errorf("found: %s, step %+v, %+v", a.Status, a.Step, a.Refusal)
	case !found && (a.Status != "refused" || a.Refusal.Stage != string(application.AtRegisters) || a.Refusal.Ground != string(application.NotInRegisters)):
		w.t.Errorf("absent: %s, %+v", a.Status, a.Refusal)
	}
	w.checkEvidence(entry, a.Applicant.ID, found)
	for _, secret := range []string{a.Applicant.ID, a.Applicant.Name, "Name of", "ұлы"} {
		if secret != "" && strings.Contains(w.logged.String(), secret) {
			w.t.Errorf("the log names somebody:\n%s", w.logged)
		}
	}
}

// until waits for an event of the application or license, commit by commit.
func (w *world) until(id, event string) v1.HistoryEntry {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for c, err := range w.store.Follow(ctx, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range c.Records {
			if r.Stream.ID == id && r.Type == event {
				must(0, w.follow.Wait(ctx, c.Position))
				h := decode[v1.History](w.call("auditor", "GET", "/api/v1/"+r.Stream.Category+"s/"+id+"/history", nil).want(200))
				return h.Items[r.Version-1]
			}
		}
	}
	w.t.Fatalf("no %s of %s", event, id)
	return v1.HistoryEntry{}
}

// checkEvidence: the event has the answer byte for byte, with its number and time.
func (w *world) checkEvidence(e v1.HistoryEntry, id string, found bool) {
	w.t.Helper()
	data, _ := e.Data.(map[string]any)
	answer, _ := data["answer"].(map[string]any)
	text, _ := answer["text"].(string)
	var said stateregister.Answer
	if err := json.Unmarshal([]byte(text), &said); err != nil || said.ID != id || said.Found != found || said.Source != data["source"] {
		w.t.Errorf("kept %q: %v", text, err)
	}
	if _, err := uuid.Parse(fmt.Sprint(answer["reference"])); err != nil || answer["reference"] != said.Reference || answer["at"] != noon.Format(time.RFC3339) {
		w.t.Errorf("kept %v", answer)
	}
	page := w.pageAs("auditor", "/applications/"+strings.TrimPrefix(e.Stream, "application-"), "en", 200)
	w.contains(page, "State register", said.Source, "Answered: 2026-11-24 12:00:00", said.Reference)
}
