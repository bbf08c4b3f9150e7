package api_test

import (
	"context"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"testing/fstest"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/sample"
)

var (
	listed   = regexp.MustCompile(`<a[^>]* href="(/deadlines/visits\?[^"]*)">(?:\D*?)([0-9\x{a0}]+)`)
	listRow  = regexp.MustCompile(`<tr>\s*<th scope="row"><a href="/applications/([^"]+)">`)
	listNext = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	total    = regexp.MustCompile(`<h2 id="list">(\d+) in all</h2>`)
)

// figuresOn are the figures of a page by the address of the list behind each.
func figuresOn(t *testing.T, body string) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, m := range listed.FindAllStringSubmatch(body, -1) {
		link, n := html.UnescapeString(m[1]), must(strconv.Atoi(strings.ReplaceAll(m[2], "\u00a0", "")))
		if before, ok := all[link]; ok && before != n {
			t.Errorf("%s is %d and %d", link, before, n)
		}
		all[link] = n
	}
	return all
}

// rows are the applications of a list on all of its pages, and how many it says there are.
func (w *world) rows(who, link string) (ids []string, said int) {
	w.t.Helper()
	for link != "" {
		body := w.pageAs(who, link, "en", 200)
		for _, m := range listRow.FindAllStringSubmatch(body, -1) {
			ids = append(ids, m[1])
		}
		said = must(strconv.Atoi(total.FindStringSubmatch(body)[1]))
		next := listNext.FindStringSubmatch(body)
		link = ""
		if next != nil {
			link = html.UnescapeString(next[1])
		}
	}
	return ids, said
}

// TestEveryFigureOnAPageOpensItsList follows every figure of the page, for whoever may, at once and again
// when more has happened; and the figures are those that the API tells.
func TestEveryFigureOnAPageOpensItsList(t *testing.T) {
	w, middle := busy(t)
	day := middle.Add(5 * time.Hour).Format(time.DateOnly) // in Almaty
	all := map[string]map[string]int{"auditor": {}, "head": {}, "other-head": {}}
	for _, query := range []string{
		"", "&as_of=" + day, "&as_of=2026-11-25", "&by=day", "&by=week&as_of=" + day, "&by=month", "&from=2026-11-24&to=2026-12-05&by=month",
		"&service=commodity-broker-license&channel=portal", "&to=2026-11-24", "&licensor=bailiff-committee",
	} {
		figures := figuresOn(t, w.pageAs("auditor", "/deadlines?"+query, "en", 200))
		for link, n := range w.told(strings.Replace(query, "&by=", "&by=licensor,", 1)) {
			if figures[link] != n {
				t.Errorf("%s: %s is %d on the page, %d in the API", query, link, figures[link], n)
			}
		}
		for who, followed := range all {
			if who != "auditor" && strings.Contains(query, "licensor=") {
				continue
			}
			for link, n := range figuresOn(t, w.pageAs(who, "/deadlines?"+query, "en", 200)) {
				followed[link] = n
			}
		}
	}
	for range 2 {
		for who, followed := range all {
			if len(followed) < 20 {
				t.Errorf("%s has only %d figures to follow", who, len(followed))
			}
			for link, n := range followed {
				if ids, said := w.rows(who, link); len(ids) != n || said != n {
					t.Errorf("%s: %d listed, %d said, %d counted: %s", who, len(ids), said, n, link)
				}
			}
		}
		w.clock.pass(2 * time.Hour)
		w.issued("company", "commodity-broker-license", company, "officer")
		w.clock.pass(40 * 24 * time.Hour)
	}
}

// told are the figures of the API by the address that their lists have on the pages.
func (w *world) told(query string) map[string]int {
	w.t.Helper()
	if !strings.Contains(query, "&by=") {
		query += "&by=licensor"
	}
	all := map[string]int{}
	add := func(visits int64, o v1.Outcomes) {
		for _, c := range counts(visits, o) {
			if c.n > 0 {
				all[strings.TrimPrefix(c.link, "/api/v1")] = int(c.n)
			}
		}
	}
	for _, d := range decode[v1.Deadlines](w.call("", "GET", "/api/v1/deadlines?"+strings.TrimPrefix(query, "&"), nil).want(200)).Items {
		add(d.WholeService.Applications, d.WholeService.Outcomes)
	}
	for _, d := range decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps?"+strings.TrimPrefix(query, "&"), nil).want(200)).Items {
		add(d.Visits, d.Outcomes)
	}
	return all
}

// TestWhoSeesTheLists: the public has the figures alone, and a head the lists of their own licensor.
func TestWhoSeesTheLists(t *testing.T) {
	w, _ := busy(t)
	body := w.page("/deadlines?by=month", "ru", 200)
	if figures := figuresOn(t, body); len(figures) > 0 {
		t.Errorf("the public has %v", figures)
	}
	w.contains(body, "просрочен", `<a href="/login?next=%2Fdeadlines%3Fby%3Dmonth">`, "сотрудники видят", `class="mark-overdue"`)
	if figures := figuresOn(t, w.pageAs("company", "/deadlines", "en", 200)); len(figures) > 0 {
		t.Errorf("an applicant has %v", figures)
	}
	w.contains(w.pageAs("head", "/deadlines", "en", 200), `value="trade-committee" selected`)
	everybody := w.pageAs("head", "/deadlines?licensor=", "en", 200)
	w.contains(everybody, "private-bailiff-license-portal-bailiff-committee")
	figures := figuresOn(t, everybody)
	for link := range figures {
		if !strings.Contains(link, "licensor=trade-committee") {
			t.Errorf("a head has %s", link)
		}
	}
	if len(figures) < 20 {
		t.Errorf("a head has only %d figures", len(figures))
	}

	r := w.call("", "GET", "/deadlines/visits?outcome=late", nil).want(303)
	if to := r.header.Get("Location"); to != "/login?next=%2Fdeadlines%2Fvisits%3Foutcome%3Dlate" {
		t.Errorf("the public is led to %q", to)
	}
	w.pageAs("company", "/deadlines/visits", "en", 403)
	w.pageAs("head", "/deadlines/visits?licensor=bailiff-committee", "en", 403)
	own, _ := w.rows("head", "/deadlines/visits?")
	both, _ := w.rows("auditor", "/deadlines/visits?")
	if len(own) == 0 || len(own) >= len(both) {
		t.Errorf("a head has %d visits, an auditor %d", len(own), len(both))
	}
}

// TestVisitsPage: what was asked stands above, and each line says what the figure counted.
func TestVisitsPage(t *testing.T) {
	w, _ := busy(t)
	body := w.pageAs("auditor", "/deadlines/visits?service=private-bailiff-license&channel=portal&licensor=bailiff-committee&step=0&outcome=due_soon&from=2026-11-24", "ru", 200)
	w.contains(body, "Заявления за показателем", "истекает в течение 24 часов", `<a href="/services/private-bailiff-license/portal">`, "портал", "Услуга в целом", "24 ноября 2026 г.", "Состояние на",
		"Всего: 1", `<a href="/applications/`, "APP", "Услуга в целом", "–", "mark-due_soon", "истекает в течение 24 часов")
	w.contains(w.pageAs("head", "/deadlines/visits?outcome=late", "kk", 200), "кешіккен", "Сауда комитеті", "Барлығы: 1", "Нәтижені", "оң шешім", "басшы, ", "Сауда комитеті", "mark-late", "кешігу: ")
	w.contains(w.pageAs("head", "/deadlines/visits?outcome=overdue", "en", 200), "without number (", "3. Filling in the request", `class="mark-overdue"`, "by ")
	for _, path := range []string{
		"/deadlines/visits?outcome=good", "/deadlines/visits?step=x", "/deadlines/visits?step=-1", "/deadlines/visits?service=none", "/deadlines/visits?licensor=none",
		"/deadlines/visits?from=x", "/deadlines/visits?as_of=2026-02-30", "/deadlines/visits?as_of=2099-01-01", "/deadlines?licensor=none", "/deadlines?by=year", "/deadlines?as_of=2099-01-01", "/deadlines?to=x", "/deadlines?from=2026-11-24&to=2026-11-23",
	} {
		for _, lang := range []string{"kk", "ru", "en"} {
			w.contains(w.pageAs("auditor", path, lang, 422), `<a href="/deadlines">`)
		}
	}
	w.contains(w.pageAs("auditor", "/deadlines/visits?outcome=late&cursor=nonsense", "en", 400), `<a href="/deadlines/visits?outcome=late">To the first page</a>`)
}

// TestVisitsPaging: the pages of a list are of one instant, whatever happens between them.
func TestVisitsPaging(t *testing.T) {
	w := newWorld(t)
	for range 26 {
		w.open("company", "commodity-dealer-license", "portal", company)
	}
	body := w.pageAs("head", "/deadlines/visits?service=commodity-dealer-license", "en", 200)
	w.contains(body, "52 in all", `rel="next"`)
	w.clock.pass(time.Hour)
	w.open("company", "commodity-dealer-license", "portal", company)
	next := html.UnescapeString(listNext.FindStringSubmatch(body)[1])
	last := w.pageAs("head", next, "en", 200)
	w.contains(last, "52 in all", "To the first page")
	if n := len(listRow.FindAllString(body, -1)) + len(listRow.FindAllString(last, -1)); n != 52 {
		t.Errorf("%d on both pages", n)
	}
}

// TestApplicationPage: what the application is, its way with the terms that can be counted again, and its
// events; for whoever may see it, and nobody's name or number of a person.
func TestApplicationPage(t *testing.T) {
	w := newWorld(t)
	a := w.examined("person", "private-bailiff-license", person)
	path := "/applications/" + a.ID
	body := w.pageAs("other-head", path, "ru", 200)
	w.anchored(path, body)
	w.contains(body, "<h1>Заявление "+a.Number, "на рассмотрении", `<a href="/services/private-bailiff-license/portal">`, "ИИН", "**********21", "День регистрации",
		"Услуга в целом", "15 рабочих дней, считая от регистрации 24 ноября 2026 г.", "Авторизация", "История", "Заявление открыто", "заявитель", "Заявление зарегистрировано", a.Number,
		"<svg role=", `<a href="/services/private-bailiff-license/portal#step-1">`, "начато 24.11.2026 12:00:00")
	counted := regexp.MustCompile(`href="(/calendar\?days=15[^"]*)"`).FindStringSubmatch(body)
	if counted == nil {
		t.Fatalf("no way to count the term:\n%s", body)
	}
	due := a.Step.DueDay
	w.contains(w.page(html.UnescapeString(counted[1]), "en", 200), `value="2026-11-24"`, `value="15"`, "Last day", strings.TrimLeft(due[8:], "0")+" December 2026")

	license := app(w.decide("other-officer", a.ID, v1.Decision{Decision: "approve", Order: "17-л"}).want(200)).Result
	for who, sees := range map[string]bool{"person": true, "other-officer": true, "auditor": true, "stranger": false, "head": false, "operator": false} {
		if !sees {
			w.contains(w.pageAs(who, path, "en", 404), "Not found", `<a href="/deadlines">`)
			continue
		}
		for _, lang := range []string{"kk", "ru", "en"} {
			_, body, _ := strings.Cut(w.pageAs(who, path, lang, 200), "<main")
			w.contains(body, `<a href="/licenses/`+license+`">`)
			for _, secret := range []string{person, clerk, "Name of", "Сынақ", "Мәңгілік ел"} {
				if strings.Contains(body, secret) {
					t.Errorf("the page tells %s %q", who, secret)
				}
			}
		}
	}
	w.contains(w.pageAs("auditor", path, "en", 200), "completed", "Decision drafted", "officer, ", "Application approved", "head, ", "Basis of the decision: 17-л", "Step completed: ", "Result formed", "the registry", "What follows: end of the procedure")
	for _, none := range []string{"/applications/none", "/applications/" + uuid.NewString(), "/applications/a%2Fb"} {
		w.pageAs("auditor", none, "en", 404)
	}
	if to := w.call("", "GET", path, nil).want(303).header.Get("Location"); to != "/login?next="+url.QueryEscape(path) {
		t.Errorf("the public is led to %q", to)
	}
	broker := w.examined("company", "commodity-broker-license", company)
	w.contains(w.pageAs("head", "/applications/"+broker.ID, "en", 200), company, "Term: ", " min")
}

// TestApplicationOfBefore: events of before the registry noted its terms lead to no calendar, and all else
// is there.
func TestApplicationOfBefore(t *testing.T) {
	w := newWorld(t)
	a := w.examined("person", "private-bailiff-license", person)
	old := domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewString()}
	var events []domain.Event
	for r, err := range w.store.Read(context.Background(), domain.Stream{Category: domain.ApplicationCategory, ID: a.ID}, 1) {
		if err != nil {
			t.Fatal(err)
		}
		var data map[string]any
		if err := json.Unmarshal(r.Data, &data); err != nil {
			t.Fatal(err)
		}
		if enters, ok := data["enters"].(map[string]any); ok {
			for _, later := range []string{"term", "unit", "from"} {
				delete(enters, later)
			}
		}
		delete(data, "wording")
		e := r.Event
		e.ID, e.Schema, e.Data = uuid.New(), 1, must(json.Marshal(data))
		events = append(events, e)
	}
	position := must(w.store.Append(context.Background(), old, 0, events))
	r := w.call("auditor", "GET", "/applications/"+old.ID, nil, "Accept-Language", "en", "Tizilim-Position", strconv.FormatUint(uint64(position), 10)).want(200)
	w.contains(r.body, "The service as a whole", "Due", "Application registered", "<svg role=")
	if strings.Contains(r.body, `href="/calendar?`) || strings.Contains(r.body, "Term: ") {
		t.Error("a term that is not known is counted")
	}
}

// TestWaysOn: from a figure to its list, from there to an application, and on to its procedure and license.
func TestWaysOn(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	for link := range figuresOn(t, w.pageAs("head", "/deadlines", "en", 200)) {
		ids, _ := w.rows("head", link)
		for _, id := range ids {
			w.contains(w.pageAs("head", "/applications/"+id, "en", 200), `href="/services/commodity-broker-license/portal"`, `<a href="/licenses/`+number+`">`)
		}
		w.contains(w.pageAs("head", link, "en", 200), `<p class="up"><a href="/deadlines?`)
	}
	w.contains(w.page("/licenses/"+number, "en", 200), number)
}

// TestTermsOnPages: a term is written in the unit that its act prints, and that of a service by kind of request.
func TestTermsOnPages(t *testing.T) {
	w := newWorld(t)
	w.open("company", "scrap-metal-license", "portal", company)
	w.examined("company", "trunk-pipeline-license", company)
	body := w.page("/deadlines", "ru", 200)
	w.contains(body, `id="scrap-metal-license-portal-`, "10–15\u00a0мин", `id="trunk-pipeline-license-portal-`, "Услуга в целом", "выдача: 15 рабочих дней<br>переоформление: 10 рабочих дней<br>дубликат: 2 рабочих дня")
	w.contains(w.page("/services/scrap-metal-license/portal", "ru", 200), "10–15\u00a0мин")
	if strings.Contains(body, "900") {
		t.Error("minutes are written in seconds")
	}
}

// TestFilters: the form keeps what was asked, and so do the tables.
func TestFilters(t *testing.T) {
	w, _ := busy(t)
	body := w.page("/deadlines?service=commodity-broker-license&channel=portal&licensor=trade-committee&from=2026-11-24&to=2026-12-24&as_of=2026-11-30&by=week", "en", 200)
	w.contains(body, `value="commodity-broker-license" selected`, `value="portal" selected`, `value="trade-committee" selected`, `value="2026-11-24"`, `value="2026-12-24"`, `value="2026-11-30"`,
		`value="week" selected`, "State on 30 November 2026, 23:59", "2026-11-23 – 2026-11-29")
	regions := regexp.MustCompile(`role="region" tabindex="0" aria-labelledby="([^"]+)"`).FindAllStringSubmatch(w.page("/deadlines", "en", 200), -1)
	names := map[string]bool{}
	for _, m := range regions {
		names[m[1]] = true
	}
	if len(regions) < 3 || len(names) != len(regions) {
		t.Errorf("regions %v", regions)
	}
	csv := html.UnescapeString(regexp.MustCompile(`href="(/api/v1/deadlines/steps\.csv[^"]*)"`).FindStringSubmatch(body)[1])
	table := strings.Count(w.call("", "GET", csv, nil).want(200).body, "\n") - 1
	steps := 0
	for _, d := range decode[v1.DeadlineSteps](w.call("", "GET", strings.Replace(strings.Replace(csv, "steps.csv", "steps", 1), "lang=en&", "", 1), nil).want(200)).Items {
		if d.Service != "commodity-broker-license" || !strings.HasPrefix(d.Period, "2026-W") {
			t.Errorf("the table has %+v", d)
		}
		steps++
	}
	if diff := cmp.Diff(table, steps); diff != "" || steps == 0 {
		t.Errorf("lines of the table: %s", diff)
	}
}

// The file of an act is changed under its id. The page of an application that is on the earlier content
// leads to just that.
func TestApplicationOnAnEarlierContent(t *testing.T) {
	now := sample.Rules()
	w := newWorld(t, func(c *api.Config) { c.Rules = func() application.Rules { return now } })
	a := w.open("operator", "casino-license", "center", company)
	service := must(now.Catalog.InForce("casino-license", w.clock.now()))
	was := service.Act
	text := strings.ReplaceAll(string(was.Source), "license for operating a casino", "license for running a casino")
	catalog := must(regulation.Load(fstest.MapFS{"act.yaml": {Data: []byte(text)}}))
	if err := catalog.Remember(fstest.MapFS{was.KeptName(): {Data: was.Source}}); err != nil {
		t.Fatal(err)
	}
	now.Catalog = catalog
	link := "/services/casino-license/center?act=" + was.Name()
	w.contains(w.pageAs("operator", "/applications/"+a.ID, "en", 200), `href="`+link+`"`)
	w.contains(w.page(link, "en", 200), "license for operating a casino", "Another wording is in force")
	w.contains(w.page("/services/casino-license/center", "en", 200), "license for running a casino")
	w.call("", "GET", "/services/casino-license/center?act="+was.ID+".000000000000", nil).want(404)
}
