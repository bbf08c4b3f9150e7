package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/api/v1"
)

var source = regexp.MustCompile(`<a href="https?://[^"]*" rel="noreferrer">[^<]*</a>`)

// page reads a page in a language and checks what every page must be.
func (w *world) page(path, lang string, status int) string {
	w.t.Helper()
	r := w.call("", "GET", path, nil, "Accept-Language", lang).want(status)
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Language": lang, "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
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
	rest := source.ReplaceAllString(r.body, "") // where a fact was read: a link away, of which the other side learns nothing
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

	w.contains(w.page("/deadlines", "en", 200), "1 step is past its deadline now", `<th scope="row">`)
	w.contains(w.page("/deadlines?service=commodity-dealer-license&channel=portal", "ru", 200), "1 действие сейчас просрочено",
		"Авторизация", "10–15 секунд", "Заполнение запроса", "overdue")
	w.contains(w.page("/deadlines?service=none", "kk", 422), "Мұндай көрсетілетін қызмет жоқ", `<a href="/deadlines">`)
	w.contains(w.page("/deadlines?service=casino-license&channel=center", "kk", 200), "Әзірге іс-қимылдар болған жоқ.")
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
		return app(w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "№ 17-Д"}).want(200))
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
