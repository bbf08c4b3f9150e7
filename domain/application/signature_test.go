package application_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

// received is a signature that cannot be judged yet.
func received(purpose signing.Purpose, cms string) application.ReceiveSignature {
	return application.ReceiveSignature{
		At: noon, Purpose: purpose, Signer: signing.Signer{IIN: head}, CMS: []byte(cms), Reason: signing.OCSPUnreachable, By: "a",
	}
}

// What speaks against the certificate refuses the request; what does not lets the applicant sign again. An
// operator always signs again.
func TestWhichReasonsRefuse(t *testing.T) {
	r := rules(t)
	for name, tt := range map[string]struct {
		channel regulation.Channel
		action  regulation.Action
		purpose signing.Purpose
		reason  signing.Reason
		want    string // code of the rejection, empty for a refusal of the application
	}{
		"revoked":               {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.Revoked, ""},
		"another's":             {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.BINMismatch, ""},
		"untrusted":             {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.RootUntrusted, ""},
		"other bytes":           {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.DigestMismatch, "signature-digest-mismatch"},
		"unknown algorithm":     {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.AlgorithmUnknown, "signature-algorithm-unknown"},
		"key for logging in":    {regulation.Portal, regulation.ChooseCertificate, signing.Request, signing.KeyUsage, "signature-key-usage"},
		"operator, revoked":     {regulation.Center, regulation.AttachAndSign, signing.Entry, signing.Revoked, "signature-revoked"},
		"operator, other bytes": {regulation.Center, regulation.AttachAndSign, signing.Entry, signing.ContentDiffers, "signature-content-differs"},
	} {
		t.Run(name, func(t *testing.T) {
			slug := map[regulation.Channel]string{regulation.Portal: "casino-license", regulation.Center: "trunk-pipeline-license"}[tt.channel]
			l := reach(t, r, procedure(t, r, slug, tt.channel), tt.action)
			err := l.when(application.RejectSignature{At: noon, Purpose: tt.purpose, Reason: tt.reason, Evidence: json.RawMessage(`{"e":1}`)})
			if code(err) != tt.want {
				t.Fatalf("got %v", err)
			}
			if f := l.state.Refusal; tt.want == "" && (f == nil || f.Reason != tt.reason || f.Evidence != nil) {
				t.Errorf("refusal %+v", f)
			}
			if tt.want != "" && (l.state.Refusal != nil || l.state.Action != tt.action) {
				t.Errorf("the application went on: %+v", l.state)
			}
		})
	}
}

// A signature that waits keeps the application where it is. Another takes its place, and what is found of
// the first then has no effect.
func TestWaitingSignature(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.ChooseCertificate)
	sign := l.step().(application.Sign)
	l.must(received(signing.Request, "one"))
	first := l.state.Pending.Version
	if s := l.state; s.Action != regulation.ChooseCertificate || !s.AwaitsRegistry() || !bytes.Equal(s.Claim().Signed, s.Content()) || s.Claim().Received != noon {
		t.Fatalf("while it waits: %+v", s)
	}
	l.must(received(signing.Request, "two"))
	stale := sign
	stale.Pending = first
	for _, c := range []application.Command{stale, application.RejectSignature{At: noon, Purpose: signing.Request, Reason: signing.Revoked, Pending: first}} {
		if events, err := r.Decide(l.state, c); err != nil || len(events) > 0 {
			t.Errorf("%T of a signature that was replaced: %v %v", c, events, err)
		}
	}
	l.must(application.RejectSignature{At: noon, Purpose: signing.Request, Reason: signing.TimestampUnsound, Pending: l.state.Pending.Version})
	if s := l.state; s.Pending != nil || s.AwaitsRegistry() || s.Discarded.Reason != signing.TimestampUnsound || s.Action != regulation.ChooseCertificate {
		t.Fatalf("after it was discarded: %+v", s)
	}
	l.must(received(signing.Request, "two"))
	sign.Pending = l.state.Pending.Version
	l.must(sign)
	if s := l.state; s.Pending != nil || s.Discarded != nil || s.Signature == nil {
		t.Errorf("after it was accepted: %+v", s)
	}
}

// What waits was over what was entered: entered anew, it is of the past.
func TestFormEndsTheWait(t *testing.T) {
	l := reach(t, rules(t), procedure(t, rules(t), "trunk-pipeline-license", regulation.Center), regulation.AttachAndSign)
	l.must(file)
	l.must(received(signing.Entry, "one"))
	other := file
	other.Form.Note = "n"
	l.must(other)
	if l.state.Pending != nil || l.state.AwaitsRegistry() {
		t.Errorf("it still waits: %+v", l.state.Pending)
	}
}

func TestSignatureTooLarge(t *testing.T) {
	l := reach(t, rules(t), procedure(t, rules(t), "casino-license", regulation.Portal), regulation.ChooseCertificate)
	c := received(signing.Request, "")
	c.CMS = make([]byte, signing.MaxCMS+1)
	if err := l.when(c); code(err) != "signature-too-large" {
		t.Errorf("got %v", err)
	}
}

// A decision is what its draft says, over the bytes of the draft, and nothing before it is signed.
func TestDecisionIsSigned(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	if err := l.when(signed(l.state)); code(err) != "draft-required" {
		t.Errorf("signed without a draft: %v", err)
	}
	l.must(refuse)
	over := signed(l.state)
	until := approve
	until.Decision.ValidUntil = "2030-01-01"
	l.must(until)
	if l.state.Status != application.StatusExamined || l.state.Step == 0 {
		t.Fatalf("the draft decided: %+v", l.state)
	}
	if err := l.when(over); code(err) != "signed-other-content" {
		t.Errorf("a signature over an earlier draft: %v", err)
	}
	var content struct {
		Application, Number, Decision, Order string
		License                              struct {
			ValidUntil string `json:"valid_until"`
			Licensee   struct{ ID string }
		}
	}
	if err := json.Unmarshal(l.state.Draft.Content, &content); err != nil {
		t.Fatal(err)
	}
	if content.Application != l.state.ID || content.Number != l.state.Number || content.Decision != "approve" || content.Order != "12-П" ||
		content.License.ValidUntil != "2030-01-01" || content.License.Licensee.ID != l.state.Applicant.ID {
		t.Errorf("content %s", l.state.Draft.Content)
	}
	l.must(signed(l.state))
	if a := l.state.Approval; a.ValidUntil != "2030-01-01" || a.Signatory != "А. Серікова" || a.Signature.Subject != head || a.Signature.Evidence != nil || l.state.Draft != nil {
		t.Errorf("approved as %+v", a)
	}
}

// Where the licensor wants four eyes, nobody signs their own draft, be it from another account.
func TestFourEyes(t *testing.T) {
	r := rules(t)
	p := procedure(t, r, "casino-license", regulation.Portal)
	r.Signing = map[string]application.Signing{p.Service.Licensor.Slug: {FourEyes: true}}
	l := reach(t, r, p, regulation.IssueResult)
	own := approve
	own.Drafter = head
	l.must(own)
	if err := l.when(signed(l.state)); code(err) != "four-eyes" {
		t.Errorf("the same person: %v", err)
	}
	l.must(approve) // by the account "a"
	same := signed(l.state)
	same.By = "a"
	if err := l.when(same); code(err) != "four-eyes" {
		t.Errorf("the same account: %v", err)
	}
	if err := l.when(received(signing.Decision, "x")); code(err) != "four-eyes" {
		t.Errorf("a signature that has to wait: %v", err)
	}
	l.must(signed(l.state))
}

// Whoever applied, or signed for the organization that did, neither drafts the decision nor signs it.
func TestNobodyDecidesTheirOwn(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.ChooseCertificate)
	sign := l.step().(application.Sign)
	sign.Person = head
	l.must(sign)
	for l.state.Action != regulation.IssueResult {
		l.must(l.step())
	}
	own := approve
	own.Drafter = head
	if err := l.when(own); code(err) != "own-application" {
		t.Errorf("a draft: %v", err)
	}
	l.must(approve)
	if err := l.when(signed(l.state)); code(err) != "own-application" {
		t.Errorf("a signature: %v", err)
	}
	if err := l.when(received(signing.Decision, "x")); code(err) != "own-application" {
		t.Errorf("a signature that has to wait: %v", err)
	}
	other := signed(l.state)
	other.Subject = clerk
	l.must(other)

	l = reach(t, r, procedure(t, r, "private-bailiff-license", regulation.Portal), regulation.IssueResult)
	own.Drafter = l.state.Applicant.ID
	if err := l.when(own); code(err) != "own-application" {
		t.Errorf("the applicant's draft: %v", err)
	}
}

// A decision that cannot be made any more when its signature is judged is not made.
func TestDecisionIsCheckedAgainWhenSigned(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.IssueResult)
	until := approve
	until.Decision.ValidUntil = "2026-11-24"
	l.must(until)
	late := signed(l.state)
	late.At = noon.AddDate(0, 0, 1)
	if err := l.when(late); code(err) != "valid-until-invalid" {
		t.Errorf("got %v", err)
	}
}

// Where the license concerned has changed since the draft, what was signed would not be what comes of it: the
// decision is drafted anew, in the same words.
func TestOutdatedDraft(t *testing.T) {
	r := rules(t)
	o := open(procedure(t, r, "casino-license", regulation.Portal))
	held := &license.State{
		Exists: true, Status: license.StatusActive,
		Issued: license.Issued{Number: "25000007", Service: o.Service, IssuedOn: "2025-03-03", Licensee: license.Licensee{ID: o.Applicant.ID}},
	}
	o.Request, o.License, o.Concerns, o.Reason = regulation.Reissue, held.Number, held, application.NameChanged
	l := newLife(t, r)
	l.must(o)
	for l.state.Action != regulation.IssueResult {
		l.must(l.step())
	}
	draft := approve
	draft.Concerns = held
	l.must(draft)
	changed := *held
	changed.Sites = append(slices.Clone(changed.Sites), license.Site{ID: "9", Kind: "branch", Address: "Шымкент"})
	decide := signed(l.state)
	decide.Concerns = &changed
	if err := l.when(decide); code(err) != "draft-outdated" {
		t.Fatalf("signed over the old sites: %v", err)
	}
	before := string(l.state.Draft.Content)
	draft.Concerns = &changed
	l.must(draft)
	if !strings.Contains(string(l.state.Draft.Content), "Шымкент") || string(l.state.Draft.Content) == before {
		t.Errorf("drafted anew: %s", l.state.Draft.Content)
	}
	decide = signed(l.state)
	decide.Concerns = &changed
	l.must(decide)
	if l.state.Approval == nil {
		t.Error("not approved")
	}
}

// What was signed is found for every signature, from the events alone.
func TestEvidenceOf(t *testing.T) {
	r := rules(t)
	for name, tt := range map[string]struct {
		slug    string
		channel regulation.Channel
		want    []signing.Purpose
	}{
		"portal": {"commodity-broker-license", regulation.Portal, []signing.Purpose{signing.Request, signing.Decision}},
		"center": {"trunk-pipeline-license", regulation.Center, []signing.Purpose{signing.Entry, signing.Decision}},
	} {
		t.Run(name, func(t *testing.T) {
			l := reach(t, r, procedure(t, r, tt.slug, tt.channel), "")
			found, err := application.EvidenceOf(l.records())
			if err != nil {
				t.Fatal(err)
			}
			var got []signing.Purpose
			for _, e := range found {
				got = append(got, e.Purpose)
				if string(e.Document) != `{"e":1}` || len(e.Signed) == 0 {
					t.Errorf("evidence %+v", e)
				}
				if want := l.digests[e.Event]; signing.Digest(e.Signed) != want {
					t.Errorf("%s was signed over %s, not %s", e.Type, want, e.Signed)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// records are the events of the life as they are stored.
func (l *life) records() func(func(domain.Record, error) bool) {
	return func(yield func(domain.Record, error) bool) {
		for _, rec := range l.stored {
			if !yield(rec, nil) {
				return
			}
		}
	}
}

// What is signed is the same bytes for ever, whenever they are made from the events.
func TestContentIsForEver(t *testing.T) {
	s := application.State{
		ID: "a", Service: "s", Act: "act", Request: regulation.Reissue, Applicant: application.Applicant{ID: "120540001238", Name: "not signed"},
		License: "25000001", Reason: application.NameChanged,
		Form: &application.Form{
			Name: "ТОО «Жарық» & <K>", Address: "Алматы", Subactivities: []string{"экспорт"},
			Sites: []application.Site{{Kind: "branch", Name: "Филиал", Address: "Астана"}}, Phone: "+7", Email: "a@example.kz", Note: "n",
		},
		Documents: []application.Document{{Name: "устав.pdf", MediaType: "application/pdf", Size: 1024, SHA256: "ab", Paper: true}},
	}
	const want = `{"application":"a","service":"s","act":"act","request":"reissue","applicant":"120540001238","license":"25000001","reason":"name",` +
		`"form":{"name":"ТОО «Жарық» \u0026 \u003cK\u003e","address":"Алматы","subactivities":["экспорт"],"sites":[{"kind":"branch","name":"Филиал","address":"Астана"}],` +
		`"phone":"+7","email":"a@example.kz","note":"n"},"documents":[{"name":"устав.pdf","media_type":"application/pdf","size":1024,"sha256":"ab","paper":true}]}`
	if diff := cmp.Diff(want, string(s.Content())); diff != "" {
		t.Error(diff)
	}
}
