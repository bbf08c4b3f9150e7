package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

const theCallback = "/api/v1/payments/callback"

// tell posts a notice of the gateway.
func (w *world) tell(n api.PaymentNotice) v1.Noticed {
	w.t.Helper()
	return decode[v1.Noticed](w.call("", "POST", theCallback, n, "Seal", "genuine").want(200))
}

// events are the types of the application's events.
func (w *world) events(id string) (types []string) {
	w.t.Helper()
	stream := must(domain.NewStream(domain.ApplicationCategory, id))
	for rec, err := range w.store.Read(context.Background(), stream, 1) {
		if err != nil {
			w.t.Fatal(err)
		}
		types = append(types, rec.Type)
	}
	return types
}

// What an order rests on can be read, by programs and by people.
func TestPaymentOrderSaysHowItCameAbout(t *testing.T) {
	w := newWorld(t)
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	p := decode[v1.Payment](w.call("company", "POST", at(a.ID, "/payment"), nil).want(200))
	want := &v1.Fee{Rate: 1000, MCI: 432_500, MCIFrom: "2026-01-01", On: "2026-11-24", Source: "law", Unverified: true, Version: "test"}
	if diff := cmp.Diff(want, p.Fee); diff != "" {
		t.Error(diff)
	}
	if p.Expires == nil || !p.Expires.Equal(noon.Add(72*time.Hour)) {
		t.Errorf("expires %v", p.Expires)
	}
	for lang, texts := range map[string][]string{
		"en": {"waiting for payment", "10 MCI × 4\u00a0325,00\u00a0KZT", "law (not verified against the law)"},
		"ru": {"ожидается оплата", "10 МРП × 4\u00a0325,00\u00a0KZT", "law (не сверено с законодательством)"},
		"kk": {"төлем күтілуде", "10 АЕК × 4\u00a0325,00\u00a0KZT", "law (заңнамамен салыстырылмаған)"},
	} {
		w.contains(w.pageAs("auditor", "/applications/"+a.ID, lang, 200), texts...)
	}
}

// Whatever money comes, it is answered with success and recorded where people find it; the application
// is paid once.
func TestMoneyThatDoesNotPay(t *testing.T) {
	w := newWorld(t)
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	due := api.PaymentNotice{Application: a.ID, Order: a.Payment.Order, Reference: "r", Amount: a.Payment.Amount, Currency: "KZT", Paid: true}
	with := func(reference string, change func(*api.PaymentNotice)) api.PaymentNotice {
		n := due
		n.Reference = reference
		change(&n)
		return n
	}
	notices := []api.PaymentNotice{
		with("short", func(n *api.PaymentNotice) { n.Amount-- }),
		with("over", func(n *api.PaymentNotice) { n.Amount *= 2 }),
		with("currency", func(n *api.PaymentNotice) { n.Currency = "RUB" }),
		with("other-order", func(n *api.PaymentNotice) { n.Order = "x" }),
		due,
		with("paid-twice", func(*api.PaymentNotice) {}),
	}
	for _, n := range append(notices, notices...) { // each comes twice, the second time out of order
		if got := w.tell(n); got.Status != "recorded" {
			t.Errorf("%s: %+v", n.Reference, got)
		}
	}
	if got := w.tell(api.PaymentNotice{Application: a.ID, Order: a.Payment.Order, Text: "declined"}); got.Status != "not-applied" {
		t.Errorf("failed after paid: %+v", got)
	}
	a = app(w.call("company", "GET", at(a.ID, ""), nil).want(200))
	if !a.Payment.Paid || a.Step.Action != "choose-certificate" {
		t.Errorf("paid %v, waits for %s", a.Payment.Paid, a.Step.Action)
	}
	var reasons []string
	for _, u := range a.Unmatched {
		if u.Reason != u.Reference || u.At.IsZero() || u.Amount == 0 {
			t.Errorf("%+v", u)
		}
		reasons = append(reasons, u.Reason)
	}
	if want := []string{"short", "over", "currency", "other-order", "paid-twice"}; !cmp.Equal(want, reasons) {
		t.Errorf("to be returned: %v", reasons)
	}

	w.call("company", "POST", at(a.ID, "/withdrawal"), v1.Withdrawal{}).want(200)
	w.tell(with("late", func(*api.PaymentNotice) {}))
	b := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	w.tell(api.PaymentNotice{Application: b.ID, Order: b.Payment.Order, Text: "declined"})
	w.tell(api.PaymentNotice{Application: b.ID, Order: b.Payment.Order, Reference: "r", Amount: b.Payment.Amount, Currency: "KZT", Paid: true})
	if b = app(w.call("company", "GET", at(b.ID, ""), nil).want(200)); b.Status != "refused" || len(b.Unmatched) != 1 || b.Unmatched[0].Reason != "late" {
		t.Errorf("paid after failed: %+v", b)
	}

	figures := w.call("", "GET", "/metrics", nil).want(200).body
	for reason, n := range map[string]string{"short": "1", "late": "1", "paid-twice": "2"} { // the withdrawn one was paid
		if line := `tizilim_payments_unmatched{reason="` + reason + `"} ` + n; !strings.Contains(figures, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	for lang, text := range map[string]string{"en": "less than the sum of the order", "ru": "меньше суммы счета", "kk": "шоттың сомасынан аз"} {
		w.contains(w.pageAs("auditor", "/applications/"+a.ID, lang, 200), text)
	}
}

// Money for nobody is told to people without anything personal, and the gateway stops repeating it.
func TestMoneyForNobody(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"0b7c1ab6-4a36-4f0e-9c55-0a2f8e1d9a99", "../x", company} {
		if got := w.tell(api.PaymentNotice{Application: id, Order: "o", Reference: "r", Amount: 1, Currency: "KZT", Paid: true}); got.Status != "unknown-order" {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if log := w.logged.String(); strings.Count(log, "the money is to be returned") != 3 || strings.Contains(log, company) {
		t.Errorf("the log says\n%s", log)
	}
	if figures := w.call("", "GET", "/metrics", nil).body; !strings.Contains(figures, `tizilim_payment_notices_total{status="unknown-order"} 3`) {
		t.Errorf("no figure: %s", figures)
	}
}

// A hundred repetitions at once over real HTTP, under real seals, have one effect; forged ones none.
func TestHundredReplaysOneEffect(t *testing.T) {
	w := &world{}
	secret := []byte("secret of this test")
	gateway := &payment.Client{Secret: secret, Now: func() time.Time { return w.clock.now() }}
	w = newWorld(t, func(c *api.Config) {
		c.PaymentNotice = func(_ context.Context, h http.Header, body []byte) (api.PaymentNotice, error) {
			n, err := gateway.Verify(h, body)
			return api.PaymentNotice{
				Application: n.Application, Order: n.Order, Reference: n.Reference, Amount: n.Amount, Currency: n.Currency,
				Paid: n.Status == payment.Paid, Text: n.Reason,
			}, err
		}
	})
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	body, err := json.Marshal(payment.Notice{
		Order: a.Payment.Order, Application: a.ID, Status: payment.Paid, Reference: "r", Amount: a.Payment.Amount, Currency: "KZT", At: noon,
	})
	if err != nil {
		t.Fatal(err)
	}
	post := func(key []byte, sealed time.Time, purpose string, sent []byte) int {
		req, err := http.NewRequest(http.MethodPost, w.url+theCallback, bytes.NewReader(sent))
		if err != nil {
			t.Error(err)
			return 0
		}
		seal.Put(req.Header, key, sealed, purpose, body)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	more := bytes.Replace(body, []byte(`"amount":4325000`), []byte(`"amount":4325001`), 1)
	for name, status := range map[string]int{
		"another key":        post([]byte("guessed"), noon, payment.NoticePurpose, body),
		"no key":             post(nil, noon, payment.NoticePurpose, body),
		"an old seal":        post(secret, noon.Add(-seal.Tolerance-time.Second), payment.NoticePurpose, body),
		"a seal to come":     post(secret, noon.Add(seal.Tolerance+time.Second), payment.NoticePurpose, body),
		"for something else": post(secret, noon, "POST /orders", body),
		"another amount":     post(secret, noon, payment.NoticePurpose, more),
	} {
		if status != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, status)
		}
	}
	if got := w.events(a.ID); got[len(got)-1] != "payment-requested" {
		t.Fatalf("a forged notice had an effect: %v", got)
	}
	before := must(w.store.Head(t.Context()))
	var posting sync.WaitGroup
	for range 100 {
		posting.Go(func() {
			if status := post(secret, noon, payment.NoticePurpose, body); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
	posting.Wait()
	if after := must(w.store.Head(t.Context())); after != before+1 {
		t.Errorf("the log moved from %d to %d", before, after)
	}
	if got := w.events(a.ID); got[len(got)-1] != "application-paid" {
		t.Errorf("%v", got)
	}
}

// An applicant whose fee nobody entered is told so, and so is whoever looks at the figures.
func TestFeeUnknown(t *testing.T) {
	var known atomic.Bool
	w := newWorld(t, func(c *api.Config) { c.FeeKnown = func(string, string) bool { return known.Load() } })
	w.outside.feeless.Store(true)
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	if a.Step.Action != "pay" || a.Payment != nil {
		t.Fatalf("waits for %+v", a.Step)
	}
	w.call("company", "POST", at(a.ID, "/payment"), nil).want(409, "fee-unknown")
	if figures := w.call("", "GET", "/metrics", nil).body; !strings.Contains(figures, "\ntizilim_fees_unknown 37\n") {
		t.Errorf("no figure of what waits for a fee: %s", figures)
	}
	known.Store(true)
	w.outside.feeless.Store(false)
	for deadline := time.Now().Add(20 * time.Second); ; { // the registry tries again by itself
		if r := w.call("company", "POST", at(a.ID, "/payment"), nil); r.status == http.StatusOK {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("with a fee: %d %s", r.status, r.body)
		}
	}
}

// Without a step of paying the head says by what the payment was seen.
func TestProofOfPaymentIsAskedFor(t *testing.T) {
	w := newWorld(t)
	a := w.open("officer", "commodity-broker-license", "office", company)
	for range 4 {
		if a.Step.Action == "register" {
			break
		}
		a = w.file("officer", a.ID)
	}
	a = app(w.call("officer", "POST", at(a.ID, "/registration"), nil).want(200))
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(422, "payment-proof-required")
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", PaymentProof: "receipt"}).want(422, "payment-proof-unknown")
	a = app(w.decide("head", a.ID, v1.Decision{Decision: "approve", PaymentProof: "not-due"}).want(200))
	if a.Approval.PaymentProof != application.FeeNotDue {
		t.Errorf("%+v", a.Approval)
	}
	w.contains(w.pageAs("auditor", "/applications/"+a.ID, "ru", 200), "Чем подтверждена оплата: оплата не требуется")
}
