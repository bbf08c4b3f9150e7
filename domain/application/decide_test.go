package application_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// Every procedure leads from its opening to a license, and its events tell a whole way: each
// completed step was entered, nothing stays open, nothing is left twice.
func TestEveryProcedureReachesItsResult(t *testing.T) {
	r := rules(t)
	all := procedures(r)
	if len(all) != 29 {
		t.Fatalf("%d procedures, the acts regulate 29", len(all))
	}
	for _, p := range all {
		t.Run(p.Service.Slug+"/"+string(p.Channel), func(t *testing.T) {
			l := reach(t, r, p, "")
			if l.state.Status != application.StatusCompleted || l.state.Result != "26000001" {
				t.Fatalf("ended as %s with result %q after %v", l.state.Status, l.state.Result, l.tokens)
			}
			checkWay(t, p, l.events)
		})
	}
}

func TestTokens(t *testing.T) {
	r := rules(t)
	tests := map[string]struct {
		slug    string
		channel regulation.Channel
		want    []string
	}{
		"portal with payment": {"casino-license", regulation.Portal, []string{
			"application-opened", "application-filed", "payment-requested", "application-paid", "certificate-accepted",
			"application-signed", "application-registered", "decision-drafted", "application-approved", "application-completed",
		}},
		"portal with registers": {"commodity-broker-license", regulation.Portal, []string{
			"application-opened", "application-filed", "applicant-confirmed", "payment-requested", "application-paid",
			"certificate-accepted", "application-signed", "application-registered", "decision-drafted", "application-approved", "application-completed",
		}},
		"permit without payment": {"import-permit", regulation.Portal, []string{
			"application-opened", "application-filed", "applicant-confirmed", "certificate-accepted",
			"application-signed", "application-registered", "decision-drafted", "application-approved", "application-completed",
		}},
		"office": {"private-bailiff-license", regulation.Office, []string{
			"application-opened", "applicant-confirmed", "application-filed", "application-registered",
			"decision-drafted", "application-approved", "application-completed",
		}},
		"center": {"trunk-pipeline-license", regulation.Center, []string{
			"application-opened", "applicant-confirmed", "application-filed", "application-signed", "application-registered",
			"decision-drafted", "application-approved", "application-completed",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := reach(t, r, procedure(t, r, tt.slug, tt.channel), "")
			if diff := cmp.Diff(tt.want, l.tokens); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The refusals that the acts give steps of their own.
func TestRefusals(t *testing.T) {
	r := rules(t)
	tests := map[string]struct {
		slug    string
		channel regulation.Channel
		at      regulation.Action
		when    []application.Command
		stage   application.Stage
		steps   []int
	}{
		"unpaid": {
			"casino-license", regulation.Portal, regulation.Pay,
			[]application.Command{order, application.FailPayment{At: noon, Order: "o-1"}}, application.AtPayment, []int{4, 5},
		},
		"bad signature": {
			"casino-license", regulation.Portal, regulation.ChooseCertificate,
			[]application.Command{application.RejectSignature{At: noon, Purpose: signing.Request, Reason: signing.Revoked}}, application.AtSignature, []int{6, 7},
		},
		"absent in the registers": {
			"private-bailiff-license", regulation.Office, regulation.QueryRegisters,
			[]application.Command{application.AnswerRegisters{At: noon, Source: "test"}}, application.AtRegisters, []int{3, 4},
		},
		"absent, no step of its own": {
			"import-permit", regulation.Office, regulation.QueryRegisters,
			[]application.Command{application.AnswerRegisters{At: noon, Source: "test"}}, application.AtRegisters, []int{4, 5},
		},
		"licensor refuses": {
			"casino-license", regulation.Portal, regulation.IssueResult,
			[]application.Command{refuse}, application.AtDecision, []int{11, 10},
		},
		"licensor refuses in the result step": {
			"import-permit", regulation.Portal, regulation.IssueOrRefuse,
			[]application.Command{refuse}, application.AtDecision, []int{10},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := procedure(t, r, tt.slug, tt.channel)
			l := reach(t, r, p, tt.at)
			for _, c := range tt.when {
				if d, ok := c.(application.Draft); ok {
					l.must(d)
					c = signed(l.state)
				}
				l.must(c)
			}
			if l.state.Status != application.StatusRefused || l.state.Refusal.Stage != tt.stage || l.state.Step != 0 {
				t.Fatalf("state %s in step %d, refusal %+v", l.state.Status, l.state.Step, l.state.Refusal)
			}
			if diff := cmp.Diff(tt.steps, l.state.Refusal.Completes); diff != "" {
				t.Error(diff)
			}
			checkWay(t, p, l.events)
			if again, err := r.Decide(l.state, l.last); err != nil || len(again) != 0 {
				t.Errorf("the same command again: %v, %v", again, err)
			}
			for _, c := range []application.Command{file, order, approve, application.Register{At: noon, Number: "x"}} {
				if events, err := r.Decide(l.state, c); len(events) > 0 || err != nil && code(err) == "" {
					t.Errorf("%T after the end: %v, %v", c, events, err)
				}
			}
		})
	}
}

func TestSignatureOfAnotherIsRefused(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.ChooseCertificate)
	l.must(application.Sign{At: noon, Subject: "940140000385", Digest: l.state.ContentDigest()})
	if l.state.Refusal == nil || l.state.Refusal.Stage != application.AtSignature {
		t.Errorf("another's certificate was accepted: %+v", l.state)
	}
}

func TestSignatureOverOtherContent(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.ChooseCertificate)
	if err := l.when(application.Sign{At: noon, Subject: organization, Digest: "00"}); code(err) != "signed-other-content" {
		t.Errorf("got %v", err)
	}
}

// In no state does the machine accept a command that the open step does not call for, and a command
// repeated at once is done already.
func TestNoStepIsSkippedOrFiresTwice(t *testing.T) {
	r := rules(t)
	for _, p := range procedures(r) {
		t.Run(p.Service.Slug+"/"+string(p.Channel), func(t *testing.T) {
			l := newLife(t, r)
			l.must(open(p))
			for !l.state.Over() {
				due := l.step()
				for _, c := range all(l.state) {
					if sameKind(c, due) || allowedAnyTime(c, l.state) {
						continue
					}
					if events, err := r.Decide(l.state, c); err == nil && len(events) > 0 {
						t.Errorf("step %d (%s) let %T through", l.state.Step, l.state.Action, c)
					}
				}
				l.must(due)
				if events, err := r.Decide(l.state, due); err != nil || len(events) != 0 {
					t.Errorf("%T again: %v %v", due, events, err)
				}
			}
		})
	}
}

// all is one command of every kind but Open.
func all(s application.State) []application.Command {
	return []application.Command{
		file, application.AnswerRegisters{At: noon, Found: true}, order, paid,
		application.FailPayment{At: noon, Order: "o-1"}, application.ExpirePayment{At: noon, Order: "o-1"}, application.WaivePayment{At: noon},
		application.Sign{At: noon, Subject: s.Applicant.ID, Digest: s.ContentDigest()},
		application.RejectSignature{At: noon, Purpose: signing.Request, Reason: signing.Revoked}, application.Register{At: noon, Number: "n"}, approve,
		refuse, signed(s),
		application.ReceiveSignature{At: noon, Purpose: signing.Request, CMS: []byte("cms"), Reason: signing.OCSPUnreachable, By: "a"},
		application.ReceiveSignature{At: noon, Purpose: signing.Entry, CMS: []byte("cms"), Reason: signing.OCSPUnreachable, By: "a"},
		application.ReceiveSignature{At: noon, Purpose: signing.Decision, CMS: []byte("cms"), Reason: signing.OCSPUnreachable, By: "a"},
		application.Complete{At: noon, License: "l"}, application.Withdraw{At: noon},
		application.Deliver{At: noon, To: "cabinet"}, application.Rate{At: noon, Quality: 1, Availability: 1},
	}
}

// sameKind reports whether two commands answer the same wait, well or badly.
func sameKind(c, due application.Command) bool {
	group := func(c application.Command) string {
		switch c.(type) {
		case application.Pay, application.FailPayment, application.RequestPayment, application.ExpirePayment, application.WaivePayment:
			return "pay"
		case application.Sign, application.RejectSignature:
			return "sign"
		case application.Draft, application.SignDecision:
			return "decide"
		case application.Complete:
			return "complete"
		case application.File:
			return "file"
		case application.AnswerRegisters:
			return "answer"
		case application.Register:
			return "register"
		}
		return ""
	}
	return group(c) != "" && group(c) == group(due)
}

func allowedAnyTime(c application.Command, s application.State) bool {
	switch c.(type) {
	case application.Withdraw:
		return s.Approval == nil
	case application.ReceiveSignature: // where one is called for
		return s.Action == regulation.ChooseCertificate || s.Action == regulation.AttachAndSign || s.Draft != nil
	case application.Pay: // money that comes is recorded, wherever the application stands
		return true
	case application.File: // the operator may correct the form until it is signed
		return s.Action == regulation.AttachAndSign
	}
	return false
}

func TestOpenRefusals(t *testing.T) {
	r := rules(t)
	held := &license.State{
		Exists: true, Status: license.StatusActive,
		Issued: license.Issued{Number: "25000007", Service: "casino-license", IssuedOn: "2025-03-03", Licensee: license.Licensee{ID: organization}},
	}
	ended := *held
	ended.Status = license.StatusTerminated
	ended.End = &license.Terminated{On: "2026-01-01"}
	base := application.Open{At: noon, Service: "casino-license", Channel: regulation.Portal, Request: regulation.Issue, Applicant: application.Applicant{ID: organization}}
	again := func(change func(*application.Open)) application.Open {
		o := base
		o.Request, o.License, o.Reason, o.Concerns = regulation.Reissue, "25000007", application.NameChanged, held
		change(&o)
		return o
	}
	tests := map[string]struct {
		open application.Open
		want string
	}{
		"unknown service":      {application.Open{At: noon, Service: "fishing-license", Channel: regulation.Portal}, "service-unknown"},
		"unknown channel":      {application.Open{At: noon, Service: "casino-license", Channel: regulation.Office}, "channel-unknown"},
		"check digit":          {with(base, func(o *application.Open) { o.Applicant.ID = "120540001239" }), "identifier-check-digit"},
		"bailiff with a BIN":   {with(base, func(o *application.Open) { o.Service = "private-bailiff-license" }), "applicant-kind"},
		"broker with an IIN":   {with(base, func(o *application.Open) { o.Service, o.Applicant.ID = "commodity-broker-license", person }), "applicant-kind"},
		"permit reissued":      {again(func(o *application.Open) { o.Service = "import-permit" }), "request-not-offered"},
		"no license named":     {again(func(o *application.Open) { o.License = "" }), "license-required"},
		"no reason":            {again(func(o *application.Open) { o.Reason = "" }), "reason-required"},
		"no such license":      {again(func(o *application.Open) { o.Concerns = nil }), "license-unknown"},
		"another's license":    {again(func(o *application.Open) { o.Applicant.ID = "940140000385" }), "license-unknown"},
		"of another service":   {again(func(o *application.Open) { o.Service = "bookmaker-license" }), "license-of-other-service"},
		"ended license":        {again(func(o *application.Open) { o.Concerns = &ended }), "license-not-active"},
		"duplicate, a reason":  {again(func(o *application.Open) { o.Request = regulation.Duplicate }), "reason-not-expected"},
		"new, names a license": {again(func(o *application.Open) { o.Request = regulation.Issue }), "license-not-expected"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := r.Decide(application.State{}, tt.open); code(err) != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := r.Decide(application.State{}, again(func(*application.Open) {})); err != nil {
		t.Errorf("a proper reissue: %v", err)
	}
}

// The licensor's term runs from the day of registration, by the working-day calendar.
func TestTermOfTheDecision(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	// Registered on Tuesday 24 November 2026; 15 working days, 16 December is a holiday: until the end of 15 December.
	want := time.Date(2026, 12, 15, 19, 0, 0, 0, time.UTC)
	if l.state.Due == nil || !l.state.Due.Equal(want) {
		t.Errorf("due %v, want %v", l.state.Due, want)
	}
	if l.state.RegisteredOn != "2026-11-24" {
		t.Errorf("registered on %s", l.state.RegisteredOn)
	}
}

func with(o application.Open, change func(*application.Open)) application.Open {
	change(&o)
	return o
}

func code(err error) string {
	var r *domain.Rejection
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// checkWay folds the progress of the events: a step is completed only when it was entered, or in
// passing; entered only from outside of an open one; and nothing stays open at the end.
func checkWay(t *testing.T, p *regulation.Procedure, events []domain.Payload) {
	t.Helper()
	open := 0
	ended := false
	for i, e := range events {
		progress := application.Way(e)
		if ended && (len(progress.Completes) > 0 || progress.Enters != nil) {
			t.Errorf("event %d %T moves a procedure that is over", i, e)
		}
		for _, n := range progress.Completes {
			if p.Step(n) == nil {
				t.Errorf("event %d %T completes step %d, which the procedure does not have", i, e, n)
			}
			if open != 0 && n != open {
				t.Errorf("event %d %T completes step %d while %d is open", i, e, n, open)
			}
			open = 0
		}
		if progress.Enters != nil {
			if open != 0 {
				t.Errorf("event %d %T enters %d while %d is open", i, e, progress.Enters.Step, open)
			}
			open = progress.Enters.Step
		}
		ended = ended || progress.Ends
	}
	if open != 0 || !ended {
		t.Errorf("step %d is open, ended %v", open, ended)
	}
}

// A license that another holds is reissued only with a document, and with its holder confirmed.
func TestReorganization(t *testing.T) {
	r := rules(t)
	const holder = "940140000385"
	held := &license.State{
		Exists: true, Status: license.StatusActive,
		Issued: license.Issued{Number: "25000007", Service: "commodity-broker-license", IssuedOn: "2025-03-03", Licensee: license.Licensee{ID: holder}},
	}
	p := procedure(t, r, "commodity-broker-license", regulation.Portal)
	o := open(p)
	o.Request, o.License, o.Concerns, o.Reason = regulation.Reissue, held.Number, held, application.Reorganized
	l := newLife(t, r)
	l.must(o)
	if l.state.Holder != holder {
		t.Fatalf("holder %q", l.state.Holder)
	}
	if err := l.when(file); code(err) != "document-required" {
		t.Errorf("filed without a document: %v", err)
	}
	documented := file
	documented.Documents = []application.Document{{Name: "акт.pdf", MediaType: "application/pdf", Size: 1, SHA256: "00"}}
	l.must(documented)
	for l.state.Action != regulation.IssueOrRefuse {
		l.must(l.step())
	}
	decision := approve
	decision.Concerns = held
	if err := l.when(decision); code(err) != "holder-unconfirmed" {
		t.Errorf("approved without confirming the holder: %v", err)
	}
	decision.Decision.Holder = holder
	decision.Decision.ValidUntil = "2030-01-01"
	if err := l.when(decision); code(err) != "valid-until-not-expected" {
		t.Errorf("a reissue changed the term: %v", err)
	}
	decision.Decision.ValidUntil = ""
	if err := l.decide(decision); err != nil {
		t.Fatal(err)
	}
}

// The same form said in another way is the same form.
func TestFileRepeatedInOtherWords(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "private-bailiff-license", regulation.Office), regulation.AttachDocuments)
	short := application.File{At: noon, Form: application.Form{Subactivities: []string{}, Sites: []application.Site{}}}
	l.must(short)
	if l.state.Form.Name != "ТОО «Жарық»" {
		t.Fatalf("name %q", l.state.Form.Name)
	}
	if events, err := r.Decide(l.state, short); err != nil || len(events) > 0 {
		t.Errorf("again: %v %v", events, err)
	}
	l = reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.FillForm)
	if err := l.when(application.File{At: noon, Form: application.Form{Name: "  "}}); code(err) != "name-required" {
		t.Errorf("a blank name: %v", err)
	}
	bad := application.File{At: noon, Form: application.Form{Name: "x", Sites: []application.Site{{Kind: "castle"}}}}
	l = reach(t, r, procedure(t, r, "private-bailiff-license", regulation.Office), regulation.AttachDocuments)
	if err := l.when(bad); code(err) != "site-invalid" {
		t.Errorf("got %v", err)
	}
}

func TestRefusalIsDelivered(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	if err := l.decide(refuse); err != nil {
		t.Fatal(err)
	}
	l.must(application.Deliver{At: noon, To: "cabinet"})
}
