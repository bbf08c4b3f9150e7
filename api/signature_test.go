package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections/sample"
)

// paid brings an application to its signature.
func (w *world) paid() string {
	w.t.Helper()
	return w.pay(w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)).ID
}

// What says nothing against the certificate changes nothing, and the applicant signs again.
func TestSignatureThatMayBeGivenAgain(t *testing.T) {
	w := newWorld(t)
	id := w.paid()
	before := app(w.call("company", "GET", at(id, ""), nil)).Version
	w.call("company", "POST", at(id, "/signature"), v1.Signing{Signature: "%%%"}).want(422, "signature-malformed")
	w.call("company", "POST", at(id, "/signature"), v1.Signing{Signature: "bm8gZW52ZWxvcGU="}).want(422, "signature-malformed")
	w.call("company", "POST", at(id, "/signature"), v1.Signing{Signature: strings.Repeat("AAAA", 22<<10)}).want(422, "signature-too-large")
	for code, change := range map[string]func(*mark){
		"signature-digest-mismatch":   func(m *mark) { m.Over = signing.Digest([]byte("other bytes")) },
		"signature-key-usage":         func(m *mark) { m.Reason = signing.KeyUsage },
		"signature-several-signers":   func(m *mark) { m.Reason = signing.SeveralSigners },
		"signature-digest-weak":       func(m *mark) { m.Reason = signing.DigestWeak },
		"signature-algorithm-unknown": func(m *mark) { m.Unsupported = true },
	} {
		w.sign("company", id, company, change).want(422, code)
	}
	p := decode[v1.Problem](w.call("company", "POST", at(id, "/signature"), sent64(mark{}), "Accept-Language", "kk").want(422))
	if p.Title != "Қолтаңба қабылданбады: басқа байттарға қол қойылған" || p.Type != "urn:tizilim:problem:signature-digest-mismatch" {
		t.Errorf("problem %+v", p)
	}
	if a := app(w.call("company", "GET", at(id, ""), nil)); a.Version != before || a.Step.Action != "choose-certificate" {
		t.Fatalf("what is no valid signature changed the application: %+v", a)
	}
	if a := app(w.sign("company", id, company).want(200)); a.Status != "examined" || a.SignedBy != company {
		t.Errorf("signed: %+v", a)
	}
}

// What speaks against the certificate refuses the application, and says so in the reader's language.
func TestSignatureThatRefuses(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		by     string
		change func(*mark)
		reason string
	}{
		"revoked":   {company, func(m *mark) { m.Reason = signing.Revoked }, "revoked"},
		"expired":   {company, func(m *mark) { m.Reason = signing.Expired }, "expired"},
		"another's": {stranger, func(*mark) {}, "bin-mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			id := w.paid()
			a := app(w.sign("company", id, tt.by, tt.change).want(200))
			if a.Status != "refused" || a.Refusal.Stage != "signature" || a.Refusal.Reason != tt.reason || a.Refusal.ReasonText == "" {
				t.Errorf("it ended as %+v", a.Refusal)
			}
			if e := decode[v1.Evidence](w.call("company", "GET", at(id, "/evidence"), nil).want(200)); len(e.Items) != 1 || e.Items[0].Type != "application-refused" {
				t.Errorf("evidence %+v", e)
			}
		})
	}
}

// A signature that nobody can judge keeps the application waiting, to be seen by everybody whom it concerns,
// and goes on by itself.
func TestSignatureThatWaits(t *testing.T) {
	w := newWorld(t)
	id := w.paid()
	w.blind.Store(true)
	key := uuid.NewString()
	body := sent64(markOf(w.call("company", "GET", at(id, "/signature"), nil).body, company))
	a := app(w.call("company", "POST", at(id, "/signature"), body, "Idempotency-Key", key).want(202))
	if a.Status != "in-progress" || a.Step.Action != "choose-certificate" || a.Signature == nil || a.Signature.Status != "pending" || a.Signature.Reason != "ocsp-unreachable" {
		t.Fatalf("while it waits: %+v %+v", a, a.Signature)
	}
	again := app(w.call("company", "POST", at(id, "/signature"), body, "Idempotency-Key", key).want(202))
	if again.Version != a.Version {
		t.Errorf("the same signature again made version %d of %d", again.Version, a.Version)
	}
	for who, lang := range map[string]string{"company": "ru", "officer": "kk", "auditor": "en"} {
		list := decode[v1.Applications](w.call(who, "GET", "/api/v1/applications", nil, "Accept-Language", lang).want(200))
		if len(list.Items) != 1 || list.Items[0].Signature == nil || !strings.Contains(list.Items[0].Signature.Text, "OCSP") {
			t.Errorf("%s does not see that it waits: %+v", who, list)
		}
	}
	w.contains(w.pageAs("company", "/applications/"+id, "ru", 200), "Подпись ожидает проверки", "служба проверки отзыва сертификатов (OCSP) не отвечает")
	if h := w.call("auditor", "GET", at(id, "/history"), nil).body; !strings.Contains(h, "signature-received") || strings.Contains(h, `"cms"`) {
		t.Errorf("history %s", h)
	}
	w.blind.Store(false)
	w.until(id, "application-registered")
	if a := app(w.call("company", "GET", at(id, ""), nil)); a.Signature != nil || a.SignedBy != company {
		t.Errorf("after it was judged: %+v", a)
	}
}

// While one waits, another may take its place.
func TestSignatureIsReplacedWhileItWaits(t *testing.T) {
	w := newWorld(t)
	id := w.paid()
	w.blind.Store(true)
	w.sign("company", id, company).want(202)
	w.sign("company", id, company, func(m *mark) { m.Name = "another key" }).want(202)
	if a := app(w.sign("company", id, company, func(m *mark) { m.Reason = signing.Revoked }).want(200)); a.Status != "refused" || a.Signature != nil {
		t.Errorf("after a revoked one: %+v", a)
	}
}

// In a service center the operator signs, with a certificate of their own, again where it is not accepted.
func TestOperatorSigns(t *testing.T) {
	w := newWorld(t)
	w.enroll(someone{"nameless-operator", domain.RoleOperator, "center-2", ""})
	a := w.file("operator", w.open("operator", "slot-hall-license", "center", stranger).ID)
	w.sign("operator", a.ID, person).want(422, "signature-iin-mismatch")
	w.sign("operator", a.ID, operator, func(m *mark) { m.Reason = signing.Revoked }).want(422, "signature-revoked")
	if a = app(w.sign("operator", a.ID, operator).want(200)); a.SignedBy != operator || a.Number == "" {
		t.Errorf("signed: %+v", a)
	}
	mine := w.call("stranger", "GET", at(a.ID, ""), nil).want(200)
	evidence := w.call("stranger", "GET", at(a.ID, "/evidence"), nil).want(200)
	if app(mine).SignedBy != "" || strings.Contains(evidence.body, operator) || len(decode[v1.Evidence](evidence).Items) != 0 {
		t.Errorf("the applicant learns who the operator is: %s %s", mine.body, evidence.body)
	}
	if e := decode[v1.Evidence](w.call("operator", "GET", at(a.ID, "/evidence"), nil).want(200)); len(e.Items) != 1 {
		t.Errorf("the operator sees %+v", e)
	}
	b := w.file("nameless-operator", w.open("nameless-operator", "slot-hall-license", "center", stranger).ID)
	w.sign("nameless-operator", b.ID, operator).want(403, "account-names-nobody")
}

// An officer drafts, the head signs exactly what was drafted, and only that decides.
func TestDecisionIsSigned(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	w.call("head", "GET", at(a.ID, "/decision/signature"), nil).want(409, "draft-required")
	w.call("head", "POST", at(a.ID, "/decision/signature"), sent64(mark{})).want(409, "draft-required")
	a = app(w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "жоқ"}).want(200))
	if a.Status != "examined" || a.Draft == nil || a.Draft.Decision.Decision != "refuse" || a.Draft.By != "officer" {
		t.Fatalf("drafted: %+v", a)
	}
	if mine := app(w.call("company", "GET", at(a.ID, ""), nil)); mine.Draft != nil {
		t.Errorf("the applicant sees the draft: %+v", mine.Draft)
	}
	if h := w.call("company", "GET", at(a.ID, "/history"), nil).body; strings.Contains(h, "not-qualified") {
		t.Errorf("the applicant sees the draft: %s", h)
	}
	earlier := w.call("officer", "GET", at(a.ID, "/decision/signature"), nil).want(200).body
	w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "17-л", ValidUntil: "2030-01-01"}).want(200)
	content := w.call("head", "GET", at(a.ID, "/decision/signature"), nil).want(200).body
	for _, said := range []string{a.Number, company, `"approve"`, "17-л", "2030-01-01", `"license":{`, "commodity-broker-license"} {
		if !strings.Contains(content, said) {
			t.Errorf("what is signed does not say %s: %s", said, content)
		}
	}
	w.call("head", "POST", at(a.ID, "/decision/signature"), sent64(markOf(earlier, boss))).want(422, "signature-digest-mismatch")
	w.call("officer", "POST", at(a.ID, "/decision/signature"), sent64(markOf(content, boss))).want(403, "forbidden")
	w.signAt("head", at(a.ID, "/decision/signature"), person).want(422, "signature-iin-mismatch")
	w.signAt("head", at(a.ID, "/decision/signature"), boss, func(m *mark) { m.Reason = signing.Expired }).want(422, "signature-expired")
	a = app(w.signAt("head", at(a.ID, "/decision/signature"), boss).want(200))
	if a.Status != "completed" || a.Approval.Signatory != "Сынақ С." || a.Draft != nil {
		t.Errorf("approved: %+v", a)
	}
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(409, "decided-already")
}

// A decision that cannot be judged goes on by itself too, and until then is nobody's but the licensor's.
func TestDecisionThatWaits(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "1"}).want(200)
	w.blind.Store(true)
	if a = app(w.signAt("head", at(a.ID, "/decision/signature"), boss).want(202)); a.Signature == nil || a.Signature.Purpose != "decision" {
		t.Fatalf("while it waits: %+v", a)
	}
	if mine := app(w.call("company", "GET", at(a.ID, ""), nil)); mine.Signature != nil {
		t.Errorf("the applicant sees that a decision waits: %+v", mine.Signature)
	}
	w.blind.Store(false)
	w.until(a.ID, "application-completed")
}

// Where the licensor wants four eyes, the head does not sign their own draft; and where its BIN is known,
// the certificate has to name it.
func TestPolicyOfTheLicensor(t *testing.T) {
	strict := sample.Rules()
	strict.Signing = map[string]application.Signing{"trade-committee": {BIN: stranger, FourEyes: true}}
	w := newWorld(t, func(c *api.Config) { c.Rules = func() application.Rules { return strict } })
	a := w.examined("company", "commodity-broker-license", company)
	of := func(bin string) func(*mark) { return func(m *mark) { m.BIN = bin } }
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "1"}).want(200)
	w.signAt("head", at(a.ID, "/decision/signature"), boss, of(stranger)).want(403, "four-eyes")
	w.call("officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "1"}).want(200)
	w.signAt("head", at(a.ID, "/decision/signature"), boss, of(company)).want(422, "signature-bin-mismatch")
	w.signAt("head", at(a.ID, "/decision/signature"), boss, of(stranger)).want(200)
}

// What the verdicts rest on is there for whoever sees the application, with the lists, and what was signed.
func TestEvidence(t *testing.T) {
	w := newWorld(t)
	a := w.issued("company", "commodity-broker-license", company, "officer")
	signed := w.call("company", "GET", at(a.ID, "/signature"), nil).body
	for _, who := range []string{"company", "officer", "auditor"} {
		e := decode[v1.Evidence](w.call(who, "GET", at(a.ID, "/evidence"), nil).want(200))
		got := map[string]string{}
		for _, item := range e.Items {
			got[item.Type] = item.Purpose
		}
		if diff := cmp.Diff(map[string]string{"application-signed": "request", "application-approved": "decision"}, got); diff != "" {
			t.Fatalf("%s: %s", who, diff)
		}
		if string(e.Items[0].Signed) != signed {
			t.Errorf("signed %s", e.Items[0].Signed)
		}
		var document struct{ Answer struct{ SHA256 string } }
		if err := json.Unmarshal(must(json.Marshal(e.Items[0].Evidence)), &document); err != nil {
			t.Fatal(err)
		}
		r := w.call(who, "GET", at(a.ID, "/evidence/"+document.Answer.SHA256), nil).want(200)
		if r.body != "list" || r.header.Get("Content-Type") != "application/pkix-crl" {
			t.Errorf("list %q of type %s", r.body, r.header.Get("Content-Type"))
		}
	}
	other, _, err := w.blobs.Put(t.Context(), strings.NewReader("somebody's document"), 100)
	if err != nil {
		t.Fatal(err)
	}
	w.call("auditor", "GET", at(a.ID, "/evidence/"+other), nil).want(404, "not-found")
	w.call("auditor", "GET", at(a.ID, "/evidence/x"), nil).want(404, "not-found")
	if h := w.call("auditor", "GET", at(a.ID, "/history"), nil).body; strings.Contains(h, `"evidence"`) {
		t.Errorf("the history has it too: %s", h)
	}
}

// A license's signature that cannot be judged waits, is seen to wait by the licensor alone, and goes on by itself.
func TestLicenseSignatureThatWaits(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	path := "/api/v1/licenses/" + number
	w.blind.Store(true)
	l := decode[v1.License](w.signAt("head", path+"/signature", boss).want(202))
	if l.Signature != nil || l.Waiting == nil || l.Waiting.Status != "pending" || l.Waiting.Text == "" {
		t.Fatalf("while it waits: %+v", l.Waiting)
	}
	for _, who := range []string{"", "company"} {
		if seen := decode[v1.License](w.call(who, "GET", path, nil).want(200)); seen.Waiting != nil {
			t.Errorf("%q sees %+v", who, seen.Waiting)
		}
	}
	for who, sees := range map[string]bool{"company": false, "head": true} {
		h := w.call(who, "GET", path+"/history", nil).want(200).body
		if !strings.Contains(h, "license-signature-received") || strings.Contains(h, "ocsp-unreachable") != sees {
			t.Errorf("%s learns from the history: %s", who, h)
		}
	}
	w.contains(w.pageAs("head", "/licenses/"+number, "en", 200), "waits to be verified")
	w.contains(w.pageAs("head", "/licenses/"+number+"/signature", "en", 200), "is being verified")
	w.blind.Store(false)
	w.until(number, "license-signed")
	if l := decode[v1.License](w.call("head", "GET", path, nil).want(200)); l.Signature == nil || l.Waiting != nil {
		t.Errorf("afterwards: %+v", l)
	}
}

// The head signs the license itself; who did is the licensor's, the licensee's and supervision's to know.
func TestLicenseIsSigned(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	path := "/api/v1/licenses/" + number
	if l := decode[v1.License](w.call("", "GET", path, nil)); l.Signature != nil {
		t.Fatalf("signed by whom? %+v", l.Signature)
	}
	w.call("other-head", "GET", path+"/signature", nil).want(404, "not-found")
	w.signAt("head", path+"/signature", boss, func(m *mark) { m.Over = "x" }).want(422, "signature-digest-mismatch")
	w.signAt("head", path+"/signature", boss, func(m *mark) { m.Reason = signing.Expired }).want(422, "signature-expired")
	if l := decode[v1.License](w.signAt("head", path+"/signature", boss).want(200)); l.Signature == nil || l.Signature.Signatory != "Сынақ С." || l.Signature.On != "2026-11-24" {
		t.Errorf("signed: %+v", l.Signature)
	}
	if l := decode[v1.License](w.call("", "GET", path, nil)); l.Signature == nil || l.Signature.Signatory != "" {
		t.Errorf("the public sees %+v", l.Signature)
	}
	w.contains(w.pageAs("company", "/licenses/"+number, "kk", 200), "ЭЦҚ қойылған", "уәкілетті тұлға")
	e := decode[v1.Evidence](w.call("company", "GET", path+"/evidence", nil).want(200))
	if len(e.Items) != 1 || e.Items[0].Type != "license-signed" || !strings.Contains(string(e.Items[0].Signed), number) {
		t.Errorf("evidence %+v", e)
	}
	w.call("stranger", "GET", path+"/evidence", nil).want(404, "not-found")
}

// Applicants learn who signed by name; whose certificate it was is for those who work for the licensor.
func TestHistoryHidesWhoseCertificate(t *testing.T) {
	w := newWorld(t)
	a := w.issued("company", "commodity-broker-license", company, "head")
	for who, told := range map[string]bool{"company": false, "officer": true, "auditor": true} {
		history := w.call(who, "GET", at(a.ID, "/history"), nil).want(200).body
		if strings.Contains(history, boss) != told {
			t.Errorf("%s is told the IIN of the head: %v, want %v", who, !told, told)
		}
		if !strings.Contains(history, `"subject":"`+company+`"`) {
			t.Errorf("%s is not told whose signature the request has", who)
		}
	}
}
