package api_test

import (
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/sample"
)

// What a browser may do with pages, and what those that are signed need besides: two scripts of ours.
const (
	policy        = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	signingPolicy = policy + "; script-src 'self'; connect-src wss://127.0.0.1:13579 https://127.0.0.1:24680"
)

var scripts = regexp.MustCompile(`<script src="/static/ncalayer-client.js" defer></script>\s*<script src="/static/sign.js" type="module" [^>]*></script>`)

var source = regexp.MustCompile(`<a href="https?://[^"]*" rel="noreferrer">[^<]*</a>`)

// page reads a page in a language, as the public, and checks what every page must be.
func (w *world) page(path, lang string, status int) string {
	w.t.Helper()
	return w.pageAs("", path, lang, status)
}

func (w *world) pageAs(who, path, lang string, status int) string {
	w.t.Helper()
	r := w.call(who, "GET", path, nil, "Accept-Language", lang).want(status)
	policy, rest := policy, r.body
	if strings.Contains(r.body, "data-ncalayer-bytes=") {
		policy, rest = signingPolicy, scripts.ReplaceAllString(rest, "")
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Language": lang, "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": policy,
	} {
		if got := r.header.Get(name); got != want {
			w.t.Errorf("%s: %s is %q, want %q", path, name, got, want)
		}
	}
	for _, want := range []string{`<html lang="` + lang + `">`, `<a class="skip" href="#main">`, `<main id="main"`, "<h1>"} {
		if !strings.Contains(r.body, want) {
			w.t.Errorf("%s: no %s", path, want)
		}
	}
	rest = source.ReplaceAllString(rest, "") // where a fact was read: a link away, of which the other side learns nothing
	for _, bad := range []string{"<script", "style=\"", "http://", "https://", "{{", "ZgotmplZ", "<nil>"} {
		if strings.Contains(rest, bad) {
			w.t.Errorf("%s: has %s", path, bad)
		}
	}
	if key := regexp.MustCompile(`>\s*[a-z-]+\.[a-z-]+[a-z.-]*\s*<`).FindString(r.body); key != "" {
		w.t.Errorf("%s: shows a key: %s", path, key)
	}
	return r.body
}

// contains wants all texts on the page, in this order.
func (w *world) contains(body string, texts ...string) {
	w.t.Helper()
	rest := body
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			w.t.Errorf("no %q (after the ones before) in\n%s", text, body)
			return
		}
		rest = after
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	first := w.issued("person", "import-export-license", person, "officer").Result
	second := w.issued("company", "commodity-broker-license", company, "officer").Result
	w.call("officer", "POST", "/api/v1/licenses/"+second+"/suspension", v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "Тексеру <b>"}).want(200)
	w.open("company", "commodity-dealer-license", "portal", company)
	w.clock.pass(time.Hour)

	home := w.page("/", "kk", 200)
	w.contains(home, "Тізілім", "Барлығы 2 жазба", second, company, "қолданылуы тоқтатыла тұрған", first, "Жарық", "**********21", "2026 жылғы 24 қараша", "қолданыста")
	for _, q := range []string{company, "1205 4000 1238", second, "жарық", "ЖАР"} {
		if body := w.page("/?q="+strings.ReplaceAll(q, " ", "%20"), "ru", 200); !strings.Contains(body, "/licenses/"+second) {
			t.Errorf("%q does not find %s", q, second)
		}
	}
	w.contains(w.page("/?q=850312300129", "ru", 422), `role="alert"`, "Контрольная цифра", `value="850312300129"`, `aria-invalid="true"`)
	w.contains(w.page("/?q=---", "en", 422), "Check the number")
	w.contains(w.page("/?q=nobody&status=expired", "en", 200), `value="expired" selected`, "Nothing was found.")
	w.contains(w.page(`/?q=%22%3E%3Cscript%3E`, "en", 200), "&#34;&gt;&lt;script&gt;")

	license := w.page("/licenses/"+second, "ru", 200)
	w.contains(license, "Лицензия "+second, "действие приостановлено", company, "Дата выдачи", "24 ноября 2026 г.", "Срок действия", "не ограничен",
		"с 24 ноября 2026 г. по 24 декабря 2026 г. включительно", "Тексеру &lt;b&gt;", "История", "Время указано по Астане", "Приостановление действия", "сотрудник услугодателя, Комитет торговли", "Выдача",
		"уполномоченное лицо лицензиара, Комитет торговли", "записано: информационная система")
	natural := w.page("/licenses/"+first, "kk", 200)
	w.contains(natural, "ЖСН", "**********21")
	for _, secret := range []string{person, "Name of", "Мәңгілік ел"} {
		if strings.Contains(natural, secret) {
			t.Errorf("the public page tells %q", secret)
		}
	}
	if strings.Contains(license, "Name of") { // an officer suspended it
		t.Errorf("the public page names a person:\n%s", license)
	}
	w.contains(w.page("/licenses/"+second+"?as_of=2026-12-25&known_at=2026-11-24", "en", 200), "in force", "State on 25 December 2026", "As the register knew it on 24 November 2026")
	w.contains(w.page("/licenses/"+second+"?as_of=never", "en", 422), "A day is not valid")
	w.contains(w.page("/licenses/"+second+"?as_of=2026-11-23", "en", 404), "The license was not there yet", "24 November 2026", `<a href="/licenses/`+second+`">`, "Show the present state")
	w.contains(w.page("/licenses/"+second[:2]+"-"+second[2:], "en", 200), "License "+second)
	w.contains(w.page("/licenses/KZ46LIC00000001", "ru", 422), "В номере")
	w.contains(w.page("/?q=kz46lic00000001", "ru", 422), `role="alert"`)
	w.contains(w.page("/?status=good", "en", 422), "Unknown status")
	w.page("/?service=none", "en", 422)
	w.page("/deadlines?channel=fax", "en", 422)
	w.contains(w.page("/licenses/99999999", "kk", 404), "Табылмады")
	w.contains(w.page("/no/such/page", "ru", 404), "Не найдено")

	w.contains(w.page("/deadlines", "en", 200), "1 step overdue", `<th scope="rowgroup"`)
	w.contains(w.page("/deadlines?service=commodity-dealer-license&channel=portal", "ru", 200), "просрочено 1 действие",
		"Авторизация", "10–15 секунд", "Заполнение запроса", "mark-overdue")
	w.contains(w.page("/deadlines?service=none", "kk", 422), "Мұндай көрсетілетін қызмет жоқ", `<a href="/deadlines">`)
	w.contains(w.page("/deadlines?service=casino-license&channel=center", "kk", 200), "Әзірге іс-қимылдар болған жоқ.")
}

// TestServicePages reads the page of every service and every procedure in every language: each cell of
// the act is there, each discrepancy is led to from what it concerns, and every link within leads somewhere.
func TestServicePages(t *testing.T) {
	w := newWorld(t)
	list := w.page("/services", "kk", 200)
	for _, service := range sample.Rules().Catalog.Services() {
		path := "/services/" + service.Slug
		w.contains(list, `href="`+path+`"`, `href="`+path+`/`+string(service.Procedures[0].Channel)+`"`)
		for _, lang := range []string{"kk", "ru", "en"} {
			body := w.page(path, lang, 200)
			w.anchored(path, body)
			w.shows(path, lang, body, service.Title, service.Standard, service.Automation, service.Act.Body, service.Act.Title)
			for _, p := range service.Procedures {
				w.contains(body, `href="`+path+`/`+string(p.Channel)+`"`)
				w.procedurePage(path+"/"+string(p.Channel), lang, p)
			}
		}
	}
}

// procedurePage checks one page of a procedure.
func (w *world) procedurePage(path, lang string, p *regulation.Procedure) {
	w.t.Helper()
	body := w.page(path, lang, 200)
	w.anchored(path, body)
	drawing, text, _ := strings.Cut(body, `id="text"`)
	for _, item := range p.Text {
		w.shows(path, lang, text, item.Wording)
	}
	concern := slices.Clone(p.Discrepancies)
	for _, s := range p.Steps {
		for _, cell := range []regulation.Text{s.Wording, s.Actor.Printed, s.Completion, s.Deadline.Printed, s.NextPrinted} {
			w.shows(path, lang, text, regulation.Text{lang: p.Service.Act.Printed(cell, lang)})
		}
		w.contains(drawing, fmt.Sprintf(`<a href="#step-%d">`, s.Number))
		concern = append(concern, s.Discrepancies...)
	}
	table, _, _ := strings.Cut(text, `id="discrepancies"`)
	for _, d := range p.Service.Act.Discrepancies {
		if !slices.Contains(concern, d.ID) {
			continue
		}
		if !strings.Contains(table, `href="#`+d.ID+`"`) {
			w.t.Errorf("%s: nothing leads to %s", path, d.ID)
		}
		w.shows(path, lang, text, d.Place, d.Printed, d.Against, d.Effect, d.Reason)
	}
}

// shows wants the texts on the page, each in the page's language or the one that it has instead.
func (w *world) shows(path, lang, body string, texts ...regulation.Text) {
	w.t.Helper()
	for _, text := range texts {
		if want := text.In(lang); !strings.Contains(body, template.HTMLEscapeString(want)) {
			w.t.Errorf("%s in %s does not show %q", path, lang, want)
		}
	}
}

var (
	anchor = regexp.MustCompile(` href="#([^"]+)"`)
	ids    = regexp.MustCompile(` id="([^"]+)"`)
)

// anchored wants every link within a page to lead to one place.
func (w *world) anchored(path, body string) {
	w.t.Helper()
	places := map[string]int{}
	for _, m := range ids.FindAllStringSubmatch(body, -1) {
		places[m[1]]++
	}
	for id, n := range places {
		if n > 1 {
			w.t.Errorf("%s has %d places %q", path, n, id)
		}
	}
	for _, m := range anchor.FindAllStringSubmatch(body, -1) {
		if places[m[1]] == 0 {
			w.t.Errorf("%s has no place %q", path, m[1])
		}
	}
}

// TestProcedurePage reads one page closely: what is printed, what is in effect, and what is absent.
func TestProcedurePage(t *testing.T) {
	w := newWorld(t)
	body := w.page("/services/casino-license/portal", "ru", 200)
	w.contains(body, "Выдача лицензии, переоформление, выдача дубликатов лицензии для занятия деятельностью казино", "через портал",
		"Приказ № 294 от 2 октября 2012 г.", `href="/services/casino-license/center"`, "<svg role=", `href="/api/v1/services/casino-license/procedures/portal/diagram.svg?lang=ru"`,
		"diagram.bpmn?lang=ru", "<b>Процесс 1.</b>", "<b>Условие 1.</b>",
		`id="step-1"`, "Потребитель", "заявитель", "Авторизация", "Прикрепляет в интернет-браузер", "ячейка пуста", "10–15 сек", "10–15 секунд",
		"если есть нарушения", "авторизован", `href="#step-3"`, "не авторизован", `href="#step-2"`,
		`id="step-10"`, "акт срока не устанавливает", "завершение процедуры", `id="step-11"`, "10–15 рабочих дней", `id="sport-294-03"`)
	w.contains(body, `href="#sport-294-27"`, `id="step-11"`) // the mark stands in the row of step 10
	w.contains(body, `<article class="conflict" id="sport-294-27">`, "<h3>27. все четыре услуги, портал: таблица 1, шаг 10, срок</h3>", "Напечатано", "Против этого", "Действует", "Основание", `<a href="#step-10">шаг 10</a>`)
	w.contains(w.page("/services/casino-license/portal", "en", 200), `<span lang="ru">Прикрепляет`, "the act gives no term", `<span lang="ru">`)
	w.contains(w.page("/services/scrap-metal-license/office", "kk", 200), "<b>1-үдеріс.</b>", "уәкілетті орган қызметкерінің", `id="step-9"`, "15 жұмыс күні")
	w.contains(w.page("/services/trunk-pipeline-license/center", "ru", 200), "15 рабочих дней, 10", "выдача: 15 рабочих дней", "переоформление: 10 рабочих дней", "дубликат: 2 рабочих дня")
	w.contains(w.page("/services/electricity-purchase-license/office", "ru", 200), `id="step-7"`, "15 рабочих дней", "собственного срока нет", `id="step-8"`, "акт срока не устанавливает",
		`id="step-9"`, "15 рабочих дней", `id="discrepancies"`)
	service := w.page("/services/electricity-purchase-license", "ru", 200)
	w.contains(service, "Агентство Республики Казахстан по регулированию естественных монополий", "выдача", "платно", "частично автоматизированная",
		"№ 7951, 28 сентября 2012 г.", "Изменен", "13 февраля 2013 года № 47-ОД", "Признан утратившим силу", "3 марта 2014 г.")
	for _, path := range []string{"/services/none", "/services/none/portal", "/services/casino-license/office", "/services/casino-license/fax",
		"/services/casino-license?act=none", "/services/casino-license/portal?act=kz-mert-2012-242"} {
		w.contains(w.page(path, "en", 404), "Not found", `<a href="/services">All services</a>`)
	}
}

// TestSetTermsOnPages: a term that the act does not give and its licensor does is shown with its basis.
func TestSetTermsOnPages(t *testing.T) {
	r := sample.Rules()
	var err error
	r.Terms, err = regulation.ParseTerms("terms.yaml", []byte(`terms:
  - {service: casino-license, channel: portal, step: 10, requests: [reissue], term: 2, unit: working_days, from: 2026-11-24, basis: Приказ № 9}
`), r.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *api.Config) { c.Rules = func() application.Rules { return r } })
	const set = "установлен лицензиаром — переоформление: 2 рабочих дня (Приказ № 9)"
	body := w.page("/services/casino-license/portal", "ru", 200)
	w.contains(body, "акт срока не устанавливает", set)
	w.clock.pass(-48 * time.Hour)
	if before := w.page("/services/casino-license/portal", "ru", 200); strings.Contains(before, set) || strings.Count(body, set) != 1 {
		t.Error("the term is shown before it holds, or twice")
	}
}

// TestPagesLeadToProcedures: whoever sees a license, a figure or nothing yet finds the procedure.
func TestPagesLeadToProcedures(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	w.contains(w.page("/", "ru", 200), `<a href="/services">Услуги</a>`, `<a href="/services">Какие бывают лицензии`)
	w.contains(w.page("/services", "ru", 200), `<a href="/services" aria-current="page">Услуги</a>`)
	w.contains(w.page("/licenses/"+number, "ru", 200), `<a href="/services/commodity-broker-license">Выдача лицензии`)
	w.contains(w.page("/deadlines", "ru", 200), `<h2 id="commodity-broker-license-portal-trade-committee"><a href="/services/commodity-broker-license/portal">Выдача лицензии`)
}

// TestWordingsOnPages: a page shows the wording in force, or says that it does not.
func TestWordingsOnPages(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Rules = later(t) })
	w.clock.set(time.Date(2026, 12, 2, 6, 0, 0, 0, time.UTC))
	const old = "?act=kz-sport-2012-294"
	now := w.page("/services/casino-license", "en", 200)
	w.contains(now, "license for running a casino", `href="/services/casino-license/portal"`, "All wordings", "applied from 1 December 2026", `href="/services/casino-license`+old+`"`)
	before := w.page("/services/casino-license"+old, "en", 200)
	w.contains(before, "license for operating a casino", "Another wording is in force", `<a href="/services/casino-license">`, `href="/services/casino-license/portal`+old+`"`)
	procedure := w.page("/services/casino-license/portal"+old, "en", 200)
	w.contains(procedure, `href="/services/casino-license`+old+`"`, "license for operating a casino", "Another wording is in force", `<a href="/services/casino-license/portal">`,
		`href="/services/casino-license/center`+old+`"`, `diagram.svg?lang=en&amp;act=kz-sport-2012-294"`)
	if strings.Contains(procedure, "license for running") || strings.Contains(now, "Another wording") {
		t.Error("the wordings are mixed")
	}
	w.contains(w.page("/services", "en", 200), "Order No. 243-ОД", "license for running a casino")
}

// TestLanguageSwitch: ?lang= chooses and is remembered.
func TestLanguageSwitch(t *testing.T) {
	w := newWorld(t)
	r := w.call("", "GET", "/deadlines?channel=portal&lang=kk", nil, "Accept-Language", "ru").want(200)
	cookie := r.header.Get("Set-Cookie")
	if !strings.Contains(r.body, `<html lang="kk">`) || !strings.HasPrefix(cookie, "lang=kk;") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie %q", cookie)
	}
	if !strings.Contains(r.body, `href="/deadlines?channel=portal&amp;lang=ru"`) {
		t.Errorf("no way to Russian that keeps the filter:\n%s", r.body)
	}
	if r = w.call("", "GET", "/", nil, "Accept-Language", "ru", "Cookie", "lang=en"); !strings.Contains(r.body, `<html lang="en">`) || r.header.Get("Set-Cookie") != "" {
		t.Error("the remembered language is not kept")
	}
	if r = w.call("", "GET", "/?lang=xx", nil, "Accept-Language", "kk"); !strings.Contains(r.body, `<html lang="kk">`) || r.header.Get("Set-Cookie") != "" {
		t.Error("an unknown language counts")
	}
}

func TestPaging(t *testing.T) {
	w := newWorld(t)
	for range 21 {
		w.issued("company", "commodity-broker-license", company, "officer")
	}
	body := w.page("/?q=жарық", "en", 200)
	w.contains(body, "20 entries on this page", `rel="next"`)
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(body)
	last := w.page(strings.ReplaceAll(next[1], "&amp;", "&"), "en", 200)
	w.contains(last, "1 entry on this page", "26000001", `href="/?q=%D0%B6%D0%B0%D1%80%D1%8B%D2%9B"`, "To the first page")
	w.contains(w.page("/", "ru", 200), "Всего 21 запись · 20 записей на этой странице", "26000021", "lang=ru", "Скачать таблицу")
	w.contains(w.page("/?service=commodity-broker-license&status=active", "en", 200), "21 entries in all · 20 entries on this page")
	w.contains(w.page("/?cursor=nonsense&q=x", "ru", 400), "Такой страницы списка нет", `href="/?q=x"`, "К первой странице", "Вернуться к поиску")
}

// TestPagesSpeakToPeople: what programs are told about requests is not what a person can use.
func TestPagesSpeakToPeople(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	for _, lang := range []string{"kk", "ru", "en"} {
		for _, page := range []string{
			w.page("/?cursor=nonsense", lang, 400), w.page("/licenses/"+number+"?as_of=2026-02-30", lang, 422),
			w.page("/no-such-page", lang, 404), w.call("", "POST", "/", nil, "Accept-Language", lang).want(405).body,
		} {
			main := page[strings.Index(page, "<main"):strings.Index(page, "</main>")]
			for _, jargon := range []string{"openapi", "Allow", "GET", "JSON", "ГГГГ", "YYYY", "ЖЖЖЖ", "«next»"} {
				if strings.Contains(main, jargon) {
					t.Errorf("a page in %s says %s: %s", lang, jargon, main)
				}
			}
			w.contains(main, `<a href="/">`)
		}
	}
	w.contains(w.page("/licenses/"+number+"?as_of=2026-02-30", "en", 422), `<a href="/licenses/`+number+`">`, "Show the present state")
}

// TestHistoryNamesTheDecision: the registry records what the licensor decided, by which order, and which
// copy it is; nobody's name is told.
func TestHistoryNamesTheDecision(t *testing.T) {
	w := newWorld(t)
	approve := func(a v1.Application) v1.Application {
		return app(w.decide("head", a.ID, v1.Decision{Decision: "approve", Order: "№ 17-Д"}).want(200))
	}
	number := approve(w.examined("company", "commodity-broker-license", company)).Result
	copied := app(w.call("company", "POST", "/api/v1/applications", v1.Opening{
		Service: "commodity-broker-license", Channel: "portal", Request: "duplicate", License: number, Applicant: v1.Applicant{ID: company},
	}).want(201))
	if copied = w.file("company", copied.ID); copied.Step != nil && copied.Step.Action == "pay" {
		copied = w.pay(copied)
	}
	approve(app(w.sign("company", copied.ID, company).want(200)))
	body := w.page("/licenses/"+number, "ru", 200)
	w.contains(body, "Выдача дубликата", "уполномоченное лицо лицензиара, Комитет торговли", "Дубликат: №\u00a01", "Основание решения: № 17-Д",
		"Выдача", "уполномоченное лицо лицензиара, Комитет торговли", "Основание решения: № 17-Д")
	if strings.Contains(body, "Name of") {
		t.Errorf("the public page names a person:\n%s", body)
	}
}

func TestStatic(t *testing.T) {
	w := newWorld(t)
	r := w.call("", "GET", "/static/style.css", nil).want(200)
	if r.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("type %q", r.header.Get("Content-Type"))
	}
	w.call("", "GET", "/static/style.css", nil, "If-None-Match", r.header.Get("ETag")).want(304)
	for _, name := range []string{"sign.js", "ncalayer-client.js"} {
		if got := w.call("", "GET", "/static/"+name, nil).want(200).header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
			t.Errorf("%s is %s", name, got)
		}
	}
	w.call("", "GET", "/static/..%2fweb.go", nil).want(404)
	for _, path := range []string{"/", "/api/v1/services", "/metrics"} {
		if r := w.call("", http.MethodHead, path, nil); r.status != 200 || r.body != "" {
			t.Errorf("HEAD %s: %d %q", path, r.status, r.body)
		}
	}
	if r := w.call("", "POST", "/", nil); r.status != 405 || r.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST /: %d %v", r.status, r.header)
	}
}
