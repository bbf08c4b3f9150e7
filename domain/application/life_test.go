package application_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// noon is a working Tuesday, 12:00 in Almaty.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

const (
	organization = "120540001238"
	person       = "850312300121"
	clerk        = "000229550014"
	head         = "990101450026"
)

func rules(t testing.TB) application.Rules {
	t.Helper()
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	days, err := calendar.Open()
	if err != nil {
		t.Fatal(err)
	}
	return application.Rules{Catalog: catalog, Calendars: days}
}

// life is an application in a test: its state and the tokens of everything that happened to it.
type life struct {
	t      testing.TB
	rules  application.Rules
	stream domain.Stream
	state  application.State
	tokens []string
	events []domain.Payload
	last   application.Command // that was accepted
	stored []domain.Record
	// digests are those that commands signed over, by the event that came of it.
	digests map[uuid.UUID]string
}

func newLife(t testing.TB, r application.Rules) *life {
	stream, err := domain.NewStream(domain.ApplicationCategory, "6f1f4c5e-64d2-4f0e-9c55-0a2f8e1d9a01")
	if err != nil {
		t.Fatal(err)
	}
	return &life{t: t, rules: r, stream: stream, digests: map[uuid.UUID]string{}}
}

// when decides a command and folds its events, through their stored form.
func (l *life) when(c application.Command) error {
	l.t.Helper()
	payloads, err := l.rules.Decide(l.state, c)
	if err != nil {
		return err
	}
	meta := domain.Meta{Command: uuid.New(), Time: noon, Actor: domain.Actor{ID: "a", Role: domain.RoleApplicant}}
	events, err := meta.Events(payloads)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, rec := range domain.NewCommit(l.stream, l.state.Version, 1, events).Records {
		if err := application.Fold(&l.state, rec); err != nil {
			l.t.Fatal(err)
		}
		l.tokens, l.stored = append(l.tokens, rec.Type), append(l.stored, rec)
		switch c := c.(type) {
		case application.Sign:
			l.digests[rec.ID] = c.Digest
		case application.SignDecision:
			l.digests[rec.ID] = c.Digest
		}
	}
	l.events, l.last = append(l.events, payloads...), c
	return nil
}

func (l *life) must(c application.Command) {
	l.t.Helper()
	if err := l.when(c); err != nil {
		l.t.Fatalf("%T in step %d (%s): %v", c, l.state.Step, l.state.Action, err)
	}
}

// step gives the command that the open step calls for.
func (l *life) step() application.Command {
	if l.state.Approval != nil {
		return application.Complete{At: noon, License: "26000001"}
	}
	switch s := l.state; s.Action {
	case regulation.FillForm, regulation.AttachDocuments:
		return file
	case regulation.AttachAndSign:
		if s.Form == nil {
			return file
		}
		return application.Sign{At: noon, Subject: "777777777777", Digest: s.ContentDigest(), Method: "test", Evidence: json.RawMessage(`{"e":1}`)}
	case regulation.QueryRegisters:
		return application.AnswerRegisters{At: noon, Found: true, Name: "ТОО «Жарық»", Source: "test"}
	case regulation.Pay:
		if s.Order == nil {
			return order
		}
		return paid
	case regulation.ChooseCertificate:
		return application.Sign{At: noon, Subject: s.Applicant.ID, Serial: "1", Digest: s.ContentDigest(), Method: "test", Evidence: json.RawMessage(`{"e":1}`)}
	case regulation.Send, regulation.Register:
		return application.Register{At: noon, Number: "KZ00APP00000001"}
	case regulation.IssueResult, regulation.IssueOrRefuse:
		if s.Draft == nil {
			return l.approve()
		}
		return signed(s)
	default:
		l.t.Fatalf("nothing to do in step %d (%s)", s.Step, s.Action)
		return nil
	}
}

// approve is an approval, with what the officer says of the payment where there was no step for it.
func (l *life) approve() application.Draft {
	c := approve
	service, err := l.rules.Catalog.Wording(l.state.Act, l.state.Wording, l.state.Service)
	if err != nil {
		l.t.Fatal(err)
	}
	if service.Paid && l.state.Payment == nil && !l.state.NothingDue {
		c.Decision.PaymentProof = application.ProofShown
	}
	return c
}

var (
	file    = application.File{At: noon, Form: application.Form{Name: "ТОО «Жарық»", Address: "Алматы"}}
	order   = application.RequestPayment{At: noon, Order: "o-1", Amount: 43_250_00, Currency: "KZT"}
	paid    = application.Pay{At: noon, Order: "o-1", Reference: "r-1", Amount: 43_250_00, Currency: "KZT"}
	approve = application.Draft{At: noon, Decision: application.Decision{Decision: application.Approve, Order: "12-П"}, Drafter: clerk}
	refuse  = application.Draft{At: noon, Decision: application.Decision{
		Decision: application.Refuse, Ground: application.NotQualified, Text: "Нет производственной базы",
	}, Drafter: clerk}
)

// signed signs the draft as the head does.
func signed(s application.State) application.SignDecision {
	c := application.SignDecision{
		At: noon, Subject: head, Signatory: "А. Серікова", Serial: "2", Method: "test", By: "head", Evidence: json.RawMessage(`{"e":1}`),
	}
	if s.Draft != nil {
		c.Digest = signing.Digest(s.Draft.Content)
	}
	return c
}

// decide drafts the decision and signs it.
func (l *life) decide(d application.Draft) error {
	if err := l.when(d); err != nil {
		return err
	}
	c := signed(l.state)
	c.Concerns = d.Concerns
	return l.when(c)
}

func open(p *regulation.Procedure) application.Open {
	id := organization
	if p.Service.Applicants[0] == "iin" {
		id = person
	}
	return application.Open{
		At: noon, Service: p.Service.Slug, Channel: p.Channel, Request: regulation.Issue,
		Applicant: application.Applicant{ID: id},
	}
}

// reach brings a new application of the procedure to the action, "" to its end.
func reach(t testing.TB, r application.Rules, p *regulation.Procedure, action regulation.Action) *life {
	t.Helper()
	l := newLife(t, r)
	l.must(open(p))
	for !l.state.Over() && (action == "" || l.state.Action != action) {
		l.must(l.step())
	}
	if l.state.Action != action {
		t.Fatalf("%s through %s: never waits for %s", p.Service.Slug, p.Channel, action)
	}
	return l
}

func procedures(r application.Rules) (all []*regulation.Procedure) {
	for _, s := range r.Catalog.Services() {
		all = append(all, s.Procedures...)
	}
	return all
}

func procedure(t testing.TB, r application.Rules, slug string, channel regulation.Channel) *regulation.Procedure {
	t.Helper()
	for _, p := range procedures(r) {
		if p.Service.Slug == slug && p.Channel == channel {
			return p
		}
	}
	t.Fatalf("no %s through %s", slug, channel)
	return nil
}
