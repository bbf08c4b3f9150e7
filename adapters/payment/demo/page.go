package demo

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/domain"
)

//go:embed page.tmpl
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// view is what the page shows. The payer is not on it: whoever has the link may see the page.
type view struct {
	Lang   string
	Langs  []string
	Text   map[string]string
	Order  *order
	Amount string
	Came   []string // the payments, each with its reference
}

// text is the page's wording. Every language has every key; a test holds that.
var text = map[string]map[string]string{
	"kk": {
		"title": "Төлем (көрсетілім)", "notice": "Бұл көрсетілім төлем шлюзі. Ақша аударылмайды.",
		"order": "Тапсырыс", "application": "Өтінім", "amount": "Сома", "status": "Күйі",
		"open": "төлем күтілуде", "paid": "төленді", "failed": "төлем өтпеді",
		"pay": "Төлеу", "fail": "Төлемнен бас тарту", "came": "Түскен төлемдер", "less": "Жартысын төлеу", "twice": "Екі рет төлеу", "again": "Тағы бір рет төлеу",
		"odd": "Тізілімнің қате төлемді қалай қабылдайтынын көру үшін:", "nothing": "Ештеңе істемеуге де болады: бетті жабыңыз, тапсырыс ашық қалады.",
		"back": "Тізілімге оралу", "missing": "Мұндай тапсырыс жоқ.",
	},
	"ru": {
		"title": "Оплата (демонстрация)", "notice": "Это демонстрационный платёжный шлюз. Деньги не переводятся.",
		"order": "Заказ", "application": "Заявление", "amount": "Сумма", "status": "Состояние",
		"open": "ожидает оплаты", "paid": "оплачен", "failed": "оплата не прошла",
		"pay": "Оплатить", "fail": "Отклонить оплату", "came": "Поступившие платежи", "less": "Оплатить половину", "twice": "Оплатить дважды", "again": "Оплатить ещё раз",
		"odd": "Чтобы увидеть, что реестр делает с неверным платежом:", "nothing": "Можно и ничего не делать: закройте страницу, заказ останется открытым.",
		"back": "Вернуться в реестр", "missing": "Такого заказа нет.",
	},
	"en": {
		"title": "Payment (demonstration)", "notice": "This is a demonstration payment gateway. No money moves.",
		"order": "Order", "application": "Application", "amount": "Amount", "status": "Status",
		"open": "waiting for payment", "paid": "paid", "failed": "payment failed",
		"pay": "Pay", "fail": "Decline the payment", "came": "Payments received", "less": "Pay half", "twice": "Pay twice", "again": "Pay once more",
		"odd": "To see what the registry makes of a wrong payment:", "nothing": "You may also do nothing: close the page and the order stays open.",
		"back": "Back to the registry", "missing": "There is no such order.",
	},
}

var languages = []string{"kk", "ru", "en"}

// language is the one asked for, or the first of the browser's that the page has, or Kazakh.
func language(r *http.Request) string {
	if l := r.FormValue("lang"); text[l] != nil {
		return l
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(tag, "-")
		if text[strings.ToLower(tag)] != nil {
			return strings.ToLower(tag)
		}
	}
	return languages[0]
}

func (g *Gateway) page(w http.ResponseWriter, r *http.Request) {
	v := view{Lang: language(r), Langs: languages}
	v.Text = text[v.Lang]
	status := http.StatusNotFound
	if o, ok := g.find(r.PathValue("id")); ok {
		v.Order, v.Amount, status = o, money(o.Amount, o.Currency), http.StatusOK
		for _, p := range o.Payments {
			v.Came = append(v.Came, money(p.Amount, p.Currency)+" ("+p.Reference+")")
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.Lang)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if err := pageTemplate.Execute(w, v); err != nil {
		g.config.Logger.Debug("demo payment gateway: page", "error", err) // a client that went away
	}
}

var outcomes = []string{outcomePaid, outcomeFailed, outcomeLess, outcomeTwice}

// pay takes the page's or a script's decision. A browser is led back to the page, a script that
// accepts JSON gets the receipt. An order decided before stays as it was: 409 for the other outcome.
func (g *Gateway) pay(w http.ResponseWriter, r *http.Request) {
	outcome := r.FormValue("outcome")
	if !slices.Contains(outcomes, outcome) {
		fail(w, http.StatusBadRequest, "outcome")
		return
	}
	browser := strings.Contains(r.Header.Get("Accept"), "text/html")
	switch o, err := g.decide(r.PathValue("id"), outcome); {
	case errors.Is(err, domain.ErrNotFound):
		fail(w, http.StatusNotFound, payment.CodeUnknownOrder)
	case err != nil:
		g.broken(w, err)
	case browser:
		http.Redirect(w, r, "/pay/"+o.ID+"?lang="+language(r), http.StatusSeeOther)
	case o.Status == payment.Failed && outcome != outcomeFailed, o.Status == payment.Paid && (outcome == outcomeFailed || outcome == outcomeLess):
		reply(w, http.StatusConflict, g.receipt(o))
	default:
		reply(w, http.StatusOK, g.receipt(o))
	}
}

// money is an amount of hundredths with spaces between thousands, such as "43 250,00 KZT".
func money(hundredths int64, currency string) string {
	whole := fmt.Sprint(hundredths / 100)
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u00a0" + whole[i:]
	}
	return fmt.Sprintf("%s,%02d\u00a0%s", whole, hundredths%100, currency)
}
