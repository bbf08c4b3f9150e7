package application_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
)

// reason is the reason of the last event, which has to be a payment that pays nothing and moves nothing.
func (l *life) reason() application.Mismatch {
	l.t.Helper()
	e, ok := l.events[len(l.events)-1].(application.PaymentUnmatched)
	if !ok || application.Way(e).Moves() {
		l.t.Fatalf("the last event is %#v", l.events[len(l.events)-1])
	}
	return e.Reason
}

// Money that came is recorded once, whatever it is, and pays the application at most once.
func TestEveryPaymentHasItsEnd(t *testing.T) {
	r := rules(t)
	casino := procedure(t, r, "casino-license", regulation.Portal)
	pay := func(change func(*application.Pay)) application.Pay {
		c := paid
		change(&c)
		return c
	}
	other := pay(func(c *application.Pay) { c.Reference = "r-2" })
	withdraw, fail := application.Withdraw{At: noon}, application.FailPayment{At: noon, Order: "o-1"}
	none := application.Mismatch("")
	tests := map[string]struct {
		given []application.Command
		when  application.Pay
		want  application.Mismatch // none where it pays
	}{
		"exactly":            {[]application.Command{order}, paid, none},
		"a tenth more":       {[]application.Command{order}, pay(func(c *application.Pay) { c.Amount += c.Amount / 10 }), none},
		"more than a tenth":  {[]application.Command{order}, pay(func(c *application.Pay) { c.Amount += c.Amount/10 + 1 }), application.TooMuch},
		"one less":           {[]application.Command{order}, pay(func(c *application.Pay) { c.Amount-- }), application.TooLittle},
		"nothing":            {[]application.Command{order}, pay(func(c *application.Pay) { c.Amount = 0 }), application.TooLittle},
		"dollars":            {[]application.Command{order}, pay(func(c *application.Pay) { c.Currency = "USD" }), application.OtherCurrency},
		"twice":              {[]application.Command{order, paid}, other, application.PaidTwice},
		"rest after a part":  {[]application.Command{order, pay(func(c *application.Pay) { c.Amount, c.Reference = 1, "r-0" })}, paid, none},
		"another order":      {[]application.Command{order}, pay(func(c *application.Pay) { c.Order = "o-2" }), application.OtherOrder},
		"after a withdrawal": {[]application.Command{order, withdraw}, paid, application.TooLate},
		"after a failure":    {[]application.Command{order, fail}, paid, application.TooLate},
		"after the term":     {[]application.Command{order, application.ExpirePayment{At: noon, Order: "o-1"}}, paid, application.TooLate},
		"where nothing is due": {[]application.Command{application.WaivePayment{At: noon}}, paid,
			application.OtherOrder},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := reach(t, r, casino, regulation.Pay)
			for _, c := range tt.given {
				l.must(c)
			}
			before := l.state
			l.must(tt.when)
			if events, err := r.Decide(l.state, tt.when); err != nil || len(events) > 0 {
				t.Errorf("the same payment again: %v, %v", events, err)
			}
			if tt.want == none {
				if l.state.Payment == nil || l.state.Payment.Amount != tt.when.Amount || l.state.Action == regulation.Pay {
					t.Errorf("not paid: %+v", l.state)
				}
				return
			}
			if got := l.reason(); got != tt.want {
				t.Errorf("recorded as %s, want %s", got, tt.want)
			}
			u := l.state.Unmatched[len(l.state.Unmatched)-1]
			if u.Amount != tt.when.Amount || u.Currency != tt.when.Currency || u.Reference != tt.when.Reference || !u.At.Equal(noon) {
				t.Errorf("recorded %+v", u)
			}
			l.state.Unmatched, l.state.Version = before.Unmatched, before.Version
			if diff := cmp.Diff(before, l.state); diff != "" {
				t.Errorf("it changed the application\n%s", diff)
			}
		})
	}
}

// A payment that is faster than the record of its order comes again, and then pays.
func TestPaymentBeforeItsOrder(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Pay)
	if events, err := r.Decide(l.state, paid); !errors.Is(err, domain.ErrUnavailable) || len(events) > 0 {
		t.Errorf("before the order: %v, %v", events, err)
	}
	l.must(order)
	l.must(paid)
	if l.state.Payment == nil || l.state.Unmatched != nil {
		t.Errorf("not paid: %+v", l.state)
	}
}

// Of small sums a hundred more is taken.
func TestOverpaymentOfASmallSum(t *testing.T) {
	r := rules(t)
	for due, most := range map[int64]int64{100_00: 200_00, 1_000_00: 1_100_00, 1_000_01: 1_100_01} {
		l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Pay)
		l.must(application.RequestPayment{At: noon, Order: "o", Amount: due, Currency: "KZT"})
		l.must(application.Pay{At: noon, Order: "o", Reference: "more", Amount: most + 1, Currency: "KZT"})
		if l.state.Payment != nil || l.reason() != application.TooMuch {
			t.Errorf("%d: %d was taken", due, most+1)
		}
		l.must(application.Pay{At: noon, Order: "o", Reference: "most", Amount: most, Currency: "KZT"})
		if l.state.Payment == nil {
			t.Errorf("%d: %d was not taken", due, most)
		}
	}
}

// An order ends unpaid when its term does, not before, and the application is refused as the acts say.
func TestOrderExpires(t *testing.T) {
	r := rules(t)
	end := noon.Add(72 * time.Hour)
	timed := order
	timed.Expires = end
	for _, p := range procedures(r) {
		if p.Channel != regulation.Portal || !p.Service.Paid {
			continue
		}
		l := reach(t, r, p, regulation.Pay)
		l.must(timed)
		if e := l.state.Order.Expires; e == nil || !e.Equal(end) {
			t.Fatalf("expires %v", e)
		}
		for _, c := range []application.ExpirePayment{{At: end.Add(-time.Second), Order: "o-1"}, {At: end, Order: "o-2"}} {
			want := "payment-term-runs"
			if c.Order != "o-1" {
				want = "payment-order-unknown"
			}
			if err := l.when(c); code(err) != want {
				t.Errorf("%+v: %v, want %s", c, err, want)
			}
		}
		l.must(application.ExpirePayment{At: end, Order: "o-1"})
		f := l.state.Refusal
		if f == nil || f.Stage != application.AtPayment || f.Ground != application.NoPayment || f.Text != application.PaymentExpired || !f.Ends {
			t.Fatalf("%s: refusal %+v", p.Service.Slug, f)
		}
		if last := p.Step(f.Completes[len(f.Completes)-1]); last.Action != regulation.RefuseUnpaid {
			t.Errorf("%s: ends in step %d (%s)", p.Service.Slug, last.Number, last.Action)
		}
	}
}

// A failure that is told after the payment changes nothing.
func TestFailedAfterPaid(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Pay)
	l.must(order)
	l.must(paid)
	for _, c := range []application.Command{application.FailPayment{At: noon, Order: "o-1"}, application.ExpirePayment{At: noon, Order: "o-1"}} {
		if err := l.when(c); code(err) != "step-out-of-order" {
			t.Errorf("%T: %v", c, err)
		}
	}
}

// Where nothing is due the application goes on as a paid one does.
func TestNothingDue(t *testing.T) {
	r := rules(t)
	l := reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Pay)
	l.must(application.WaivePayment{At: noon, Fee: application.Fee{Version: "v"}})
	if !l.state.NothingDue || l.state.Action != regulation.ChooseCertificate {
		t.Errorf("%+v", l.state)
	}
	l = reach(t, r, procedure(t, r, "casino-license", regulation.Portal), regulation.Pay)
	l.must(order)
	if err := l.when(application.WaivePayment{At: noon}); code(err) != "payment-requested-already" {
		t.Errorf("with an order open: %v", err)
	}
}

// Without a step of paying the officer says by what document the payment was seen.
func TestProofOfPayment(t *testing.T) {
	r := rules(t)
	document := application.Document{Name: "чек.pdf", MediaType: "application/pdf", Size: 1, SHA256: "0123"}
	for _, p := range procedures(r) {
		result := regulation.IssueResult
		if !p.Has(result) {
			result = regulation.IssueOrRefuse
		}
		l := reach(t, r, p, result)
		l.state.Documents = []application.Document{document}
		decide := func(proof string) error {
			c := approve
			c.Decision.PaymentProof = proof
			_, err := r.Decide(l.state, c)
			return err
		}
		name := p.Service.Slug + " through " + string(p.Channel)
		if l.state.Payment != nil || !p.Service.Paid {
			if err := decide(application.ProofShown); code(err) != "payment-proof-not-expected" {
				t.Errorf("%s: a proof beside the payment: %v", name, err)
			}
			if err := decide(""); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err := decide(""); code(err) != "payment-proof-required" {
			t.Errorf("%s: approved unpaid: %v", name, err)
		}
		if err := decide("4567"); code(err) != "payment-proof-unknown" {
			t.Errorf("%s: approved on a document that is not there: %v", name, err)
		}
		for _, proof := range []string{document.SHA256, application.ProofShown, application.FeeNotDue} {
			if err := decide(proof); err != nil {
				t.Errorf("%s: %s: %v", name, proof, err)
			}
		}
		l.must(l.approve())
		l.must(signed(l.state))
		if l.state.Approval.PaymentProof != application.ProofShown {
			t.Errorf("%s: kept as %q", name, l.state.Approval.PaymentProof)
		}
	}
}
