package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// paymentFacts are the lines about the payment that the application has something for.
func (s *Site) paymentFacts(f Frame, a application.State) (list []Fact) {
	switch o := a.Order; {
	case a.NothingDue:
		list = append(list, fact(f, "payment.state", f.T("payment.not-required")))
	case o == nil:
	case a.Payment != nil:
		list = append(list, fact(f, "payment.state", f.T("payment.paid", "amount", money(a.Payment.Amount, a.Payment.Currency))))
	case a.Action == regulation.Pay:
		list = append(list, fact(f, "payment.state", f.T("payment.open", "amount", money(o.Amount, o.Currency))), s.until(f, o.Expires))
	default:
		list = append(list, fact(f, "payment.state", f.T("payment.unpaid", "amount", money(o.Amount, o.Currency))))
	}
	if len(a.Unmatched) > 0 {
		sums := make([]string, len(a.Unmatched))
		for i, u := range a.Unmatched {
			sums[i] = money(u.Amount, u.Currency) + " (" + f.T("mismatch."+string(u.Reason)) + ")"
		}
		list = append(list, fact(f, "payment.to-return", strings.Join(sums, "; ")))
	}
	return list
}

// until is by when an order is to be paid.
func (s *Site) until(f Frame, expires *time.Time) Fact {
	if expires == nil {
		return Fact{}
	}
	return fact(f, "payment.expires", s.Texts.Moment(f.Lang, *expires, calendar.Zone))
}

// toldOfPayment is what an event of the payment says besides.
func (s *Site) toldOfPayment(f Frame, p domain.Payload) []Fact {
	switch e := p.(type) {
	case application.PaymentRequested:
		list := []Fact{fact(f, "payment.amount", money(e.Amount, e.Currency)), s.until(f, e.Expires)}
		if e.Fee != nil {
			list = append(list, reckoning(f, *e.Fee, e.Currency)...)
		}
		return given(list...)
	case application.PaymentNotRequired:
		return given(fact(f, "payment.source", feeSource(f, e.Fee)))
	case application.Paid:
		return given(fact(f, "payment.amount", money(e.Amount, e.Currency)), fact(f, "payment.reference", e.Reference))
	case application.PaymentUnmatched:
		return given(fact(f, "payment.amount", money(e.Amount, e.Currency)), fact(f, "payment.reference", e.Reference),
			fact(f, "payment.reason", f.T("mismatch."+string(e.Reason))))
	}
	return nil
}

// reckoning says how a fee came about.
func reckoning(f Frame, fee application.Fee, currency string) []Fact {
	rate := strings.Replace(strconv.FormatFloat(float64(fee.Rate)/100, 'f', -1, 64), ".", ",", 1)
	return []Fact{
		fact(f, "payment.fee", f.T("payment.reckoning", "rate", rate, "mci", money(fee.MCI, currency), "day", f.Day(fee.MCIFrom))),
		fact(f, "payment.source", feeSource(f, fee)),
	}
}

func feeSource(f Frame, fee application.Fee) string {
	switch {
	case fee.Unverified && fee.Source != "":
		return f.T("payment.unverified", "source", fee.Source)
	case fee.Unverified:
		return f.T("payment.unverified-alone")
	}
	return fee.Source
}

// refusalText is the wording of a refusal. One of the registry's own is a token.
func refusalText(f Frame, text string) string {
	if text == application.PaymentExpired {
		return f.T("refusal." + text)
	}
	return text
}

// proof says by what an officer saw the payment, empty where nobody had to.
func proof(f Frame, p string) string {
	switch p {
	case "":
		return ""
	case application.ProofShown, application.FeeNotDue:
		return f.T("proof." + p)
	}
	return f.T("proof.document")
}

// money is an amount of hundredths with spaces between thousands, such as "43 250,00 KZT".
func money(hundredths int64, currency string) string {
	whole := strconv.FormatInt(hundredths/100, 10)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u00a0" + whole[i:]
	}
	return fmt.Sprintf("%s,%02d\u00a0%s", whole, hundredths%100, currency)
}
