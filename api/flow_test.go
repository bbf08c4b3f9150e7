package api_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/sample"
)

func TestServices(t *testing.T) {
	w := newWorld(t)
	services := decode[v1.Services](w.call("", "GET", "/api/v1/services", nil).want(200)).Items
	procedures := 0
	for _, s := range services {
		one := decode[v1.ServiceDetail](w.call("", "GET", "/api/v1/services/"+s.Slug, nil).want(200))
		if diff := cmp.Diff(s, one.Service); diff != "" {
			t.Errorf("%s alone differs:\n%s", s.Slug, diff)
		}
		if len(one.Provisions) < 14 || len(one.Units) < 2 || len(one.Conditions) < 4 || len(one.Viewing) < 2 || len(one.Systems) < 3 ||
			len(one.Phones) == 0 || len(one.Questionnaire.Questions) != 2 || len(one.Discrepancies) == 0 {
			t.Errorf("%s lacks what its regulation prints: %d provisions, %d units, %d conditions, %d lines on viewing, %d systems, phones %v",
				s.Slug, len(one.Provisions), len(one.Units), len(one.Conditions), len(one.Viewing), len(one.Systems), one.Phones)
		}
		for _, channel := range s.Channels {
			p := decode[v1.Procedure](w.call("", "GET", "/api/v1/services/"+s.Slug+"/procedures/"+channel, nil).want(200))
			if len(p.Steps) < 5 || len(p.Text) == 0 || p.Act != s.Act.ID {
				t.Errorf("%s through %s: %d steps, %d items, act %q", s.Slug, channel, len(p.Steps), len(p.Text), p.Act)
			}
			procedures++
		}
	}
	if len(services) != 14 || procedures != 29 {
		t.Errorf("%d services in %d procedures", len(services), procedures)
	}
}

// TestEveryProcedure leads an application through each of the 29 procedures to its license, over HTTP.
func TestEveryProcedure(t *testing.T) {
	entrants := map[regulation.Channel]string{regulation.Portal: "company", regulation.Office: "officer", regulation.Center: "operator"}
	for _, service := range sample.Rules().Catalog.Services() {
		for _, p := range service.Procedures {
			t.Run(service.Slug+"/"+string(p.Channel), func(t *testing.T) {
				applicant, who := company, entrants[p.Channel]
				if !slices.Contains(service.Applicants, "bin") {
					applicant = person
				}
				if p.Channel == regulation.Portal && applicant == person {
					who = "person"
				}
				v := newWorld(t)
				v.enroll(accountsOf(service.Licensor.Slug)...)
				v.lead(t, who, service.Slug, string(p.Channel), applicant)
			})
		}
	}
}

// accountsOf are the officer and the head as those of a licensor.
func accountsOf(licensor string) []someone {
	return []someone{{"officer", domain.RoleOfficer, licensor, clerk}, {"head", domain.RoleHead, licensor, ""}}
}

// lead does whatever the application waits for, whoever has to.
func (w *world) lead(t *testing.T, who, service, channel, applicant string) v1.Application {
	t.Helper()
	w.t = t
	a := w.open(who, service, channel, applicant)
	for range 12 {
		if a.Status == "completed" {
			if l := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+a.Result, nil).want(200)); l.Status != "active" {
				t.Errorf("license %+v", l)
			}
			w.call(who, "POST", at(a.ID, "/delivery"), v1.Delivery{To: map[string]string{"portal": "cabinet", "office": "hand", "center": "center"}[channel]}).want(200)
			w.call(who, "POST", at(a.ID, "/rating"), v1.Rating{Quality: 3, Availability: 2}).want(200)
			return a
		}
		if a.Step == nil {
			t.Fatalf("stuck: %+v", a)
		}
		w.clock.pass(time.Second)
		switch action := regulation.Action(a.Step.Action); action {
		case regulation.FillForm, regulation.AttachDocuments:
			a = w.file(who, a.ID)
		case regulation.AttachAndSign:
			w.file(who, a.ID)
			a = app(w.sign(who, a.ID, operator).want(200))
		case regulation.Pay:
			p := decode[v1.Payment](w.call(who, "POST", at(a.ID, "/payment"), nil).want(200))
			if p.URL == "" || p.Amount == 0 || p.Paid {
				t.Errorf("payment %+v", p)
			}
			a = w.pay(a)
		case regulation.ChooseCertificate:
			a = app(w.sign(who, a.ID, applicant).want(200))
		case regulation.Send, regulation.Register:
			a = app(w.call("officer", "POST", at(a.ID, "/registration"), nil).want(200))
		case regulation.IssueResult, regulation.IssueOrRefuse:
			a = app(w.decide("head", a.ID, v1.Decision{Decision: "approve", Order: "5", PaymentProof: proofOf(a)}).want(200))
		default:
			t.Fatalf("waits for %s: %+v", action, a)
		}
	}
	t.Fatalf("too many steps: %+v", a)
	return a
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Text: "x"}).want(422, "ground-unknown")
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "refuse", Ground: "not-qualified"}).want(422, "reasons-required")
	a = app(w.decide("head", a.ID, v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "Талаптарға сай емес"}).want(200))
	if a.Status != "refused" || a.Refusal.Stage != "decision" || a.Refusal.Signatory != "Сынақ С." || a.Step != nil {
		t.Errorf("refused: %+v", a)
	}
	w.call("head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(409)

	b := w.file("unknown", w.open("unknown", "commodity-broker-license", "portal", unknown).ID)
	if b.Status != "refused" || b.Refusal.Ground != "not-in-registers" {
		t.Errorf("unknown applicant: %+v", b)
	}
	c := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	w.call("", "POST", "/api/v1/payments/callback", api.PaymentNotice{Application: c.ID, Order: c.Payment.Order, Text: "declined"}, "Seal", "genuine").want(200)
	if c = app(w.call("company", "GET", at(c.ID, ""), nil)); c.Status != "refused" || c.Refusal.Stage != "payment" {
		t.Errorf("unpaid: %+v", c)
	}
	d := w.open("company", "commodity-broker-license", "portal", company)
	if d = app(w.call("company", "POST", at(d.ID, "/withdrawal"), v1.Withdrawal{Reason: "ойландым"}).want(200)); d.Status != "withdrawn" {
		t.Errorf("withdrawn: %+v", d)
	}
}

// TestGatewaysDown: what waits for a gateway waits, and nobody can hurry it.
func TestGatewaysDown(t *testing.T) {
	w := newWorld(t)
	w.outside.down.Store(true)
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	if a.Step == nil || a.Step.Action != "query-registers" || a.Step.Role != "system" {
		t.Fatalf("waits for %+v", a.Step)
	}
	w.call("company", "POST", at(a.ID, "/payment"), nil).want(409, "payment-not-open")
}

func TestReissueAndDuplicate(t *testing.T) {
	w := newWorld(t)
	old := w.issued("company", "commodity-broker-license", company, "officer").Result
	w.clock.set(noon.AddDate(0, 0, 7))
	opening := v1.Opening{Service: "commodity-broker-license", Channel: "portal", Request: "reissue", Applicant: v1.Applicant{ID: company}, License: old}
	w.call("company", "POST", "/api/v1/applications", opening).want(422, "reason-required")
	opening.Reason = "name"
	again := opening
	again.Applicant.ID = stranger
	w.call("stranger", "POST", "/api/v1/applications", again).want(422, "license-unknown")
	a := app(w.call("company", "POST", "/api/v1/applications", opening).want(201))
	a = w.pay(w.file("company", a.ID))
	w.sign("company", a.ID, company).want(200)
	a = app(w.decide("head", a.ID, v1.Decision{Decision: "approve"}).want(200))
	before := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+old, nil).want(200))
	after := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+a.Result, nil).want(200))
	if before.Status != "reissued" || before.Successor != after.Number || after.Predecessor != old ||
		after.FirstIssuedOn != "2026-11-24" || after.IssuedOn != "2026-12-01" {
		t.Errorf("reissued:\n%+v\n%+v", before, after)
	}
	if then := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+old+"?as_of=2026-11-25&known_at=2026-11-25", nil).want(200)); then.Status != "active" {
		t.Errorf("as of the day after: %+v", then)
	}
	opening.License, opening.Request, opening.Reason = after.Number, "duplicate", ""
	b := app(w.call("company", "POST", "/api/v1/applications", opening).want(201))
	b = w.pay(w.file("company", b.ID))
	w.sign("company", b.ID, company).want(200)
	if b = app(w.decide("head", b.ID, v1.Decision{Decision: "approve"}).want(200)); b.Result != after.Number {
		t.Errorf("duplicate: %+v", b)
	}
	if l := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+after.Number, nil)); l.Copies != 1 {
		t.Errorf("copies: %+v", l)
	}
}

func TestWhatBefallsALicense(t *testing.T) {
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	path := "/api/v1/licenses/" + number
	suspend := v1.Suspend{From: "2026-11-25", Until: "2026-12-24", Reason: "тексеру", Order: "3"}
	w.call("head", "POST", path+"/suspension", v1.Suspend{From: "2026-11-25", Until: "2027-12-24", Reason: "x"}).want(422, "suspension-too-long")
	l := decode[v1.License](w.call("head", "POST", path+"/suspension", suspend, "If-Match", `"1"`).want(200))
	if l.Status != "active" || l.Version != 2 || l.Suspension == nil { // from tomorrow on
		t.Errorf("suspended from tomorrow: %+v", l)
	}
	w.clock.pass(24 * time.Hour)
	if l = decode[v1.License](w.call("", "GET", path, nil)); l.Status != "suspended" || l.Suspension == nil || l.Suspension.Until != "2026-12-24" {
		t.Errorf("suspended: %+v", l)
	}
	if l = decode[v1.License](w.call("officer", "POST", path+"/resumption", v1.Resume{Reason: "жойылды"}).want(200)); l.Status != "active" {
		t.Errorf("resumed: %+v", l)
	}
	key := []string{"Idempotency-Key", "site"}
	l = decode[v1.License](w.call("officer", "POST", path+"/sites", v1.NewSite{Kind: "branch", Name: "Филиал", Address: "Алматы"}, key...).want(200))
	again := decode[v1.License](w.call("officer", "POST", path+"/sites", v1.NewSite{Kind: "branch", Name: "Филиал", Address: "Алматы"}, key...).want(200))
	if len(l.Sites) != 1 || cmp.Diff(l, again) != "" {
		t.Fatalf("site: %+v", l.Sites)
	}
	if l = decode[v1.License](w.call("officer", "DELETE", path+"/sites/"+l.Sites[0].ID+"?reason=x", nil).want(200)); len(l.Sites) != 0 {
		t.Errorf("site removed: %+v", l.Sites)
	}
	w.call("officer", "DELETE", path+"/sites/none", nil).want(422, "site-unknown")
	if l = decode[v1.License](w.call("head", "POST", path+"/termination", v1.Terminate{Ground: "own-request", Order: "9"}).want(200)); l.Status != "terminated" || l.Termination.On != "2026-11-25" {
		t.Errorf("terminated: %+v", l)
	}
	suspend.Reason = "another"
	w.call("head", "POST", path+"/suspension", suspend).want(409, "license-not-active")
}

func TestWhoSeesWhatOfALicense(t *testing.T) {
	w := newWorld(t)
	number := w.issued("person", "import-export-license", person, "officer").Result
	for who, want := range map[string]string{
		"": "**********21", "stranger": "**********21", "other-officer": "**********21", "operator": "**********21",
		"person": person, "officer": person, "head": person, "auditor": person,
	} {
		one := decode[v1.License](w.call(who, "GET", "/api/v1/licenses/"+number, nil).want(200))
		list := decode[v1.Licenses](w.call(who, "GET", "/api/v1/licenses?iin="+person, nil).want(200))
		table := w.call(who, "GET", "/api/v1/licenses.csv?iin="+person, nil).want(200)
		if one.Licensee.ID != want || len(list.Items) != 1 || list.Items[0].Licensee.ID != want || strings.Contains(table.body, person) != (want == person) {
			t.Errorf("%q sees %q, want %q; list %+v", who, one.Licensee.ID, want, list.Items)
		}
		if (one.Application != "") != (want == person) || (one.Licensee.Address != "") != (want == person) {
			t.Errorf("%q sees application %q, address %q", who, one.Application, one.Licensee.Address)
		}
		history := w.call(who, "GET", "/api/v1/licenses/"+number+"/history", nil).want(200)
		if strings.Contains(history.body, person) != (want == person) {
			t.Errorf("%q sees the history %s", who, history.body)
		}
	}
}

func TestHistoryNamesNobodyToApplicants(t *testing.T) {
	w := newWorld(t)
	a := w.issued("company", "commodity-broker-license", company, "officer")
	names := func(who string) (own, others bool) {
		for _, e := range decode[v1.History](w.call(who, "GET", at(a.ID, "/history"), nil).want(200)).Items {
			own = own || e.Actor.Name == "Name of company"
			others = others || e.Actor.Name == "Name of officer"
		}
		return own, others
	}
	if own, others := names("company"); !own || others {
		t.Errorf("the applicant reads own %t, others %t", own, others)
	}
	if own, others := names("auditor"); !own || !others {
		t.Errorf("the auditor reads own %t, others %t", own, others)
	}
}

func TestDocuments(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	post := func(content string, header ...string) *reply { return w.upload("company", a.ID, content, header...) }
	if r := post(strings.Repeat("x", 10<<20+1)).want(413, "too-large"); !strings.Contains(r.body, "10\u00a0MiB") {
		t.Errorf("the limit in people's words: %s", r.body)
	}
	post("").want(422, "file-empty")
	post("<script>", "Content-Type", "text/html").want(415, "file-type-unsupported")
	post("x", "Content-Type", "").want(415, "file-type-unsupported")
	post("x", "Content-Disposition", "").want(400, "file-name-invalid")
	post("x", "Content-Disposition", `attachment; filename="../x"`).want(400, "file-name-invalid")
	post("x", "Idempotency-Key", "").want(400, "idempotency-key-required")
	full := decode[v1.Uploaded](post(strings.Repeat("x", 10<<20)).want(201))
	if full.Size != 10<<20 {
		t.Errorf("size %d", full.Size)
	}
	up := decode[v1.Uploaded](post("%PDF-1.7 жарғы").want(201))
	if up.Name != "жарғы.pdf" || up.MediaType != "application/pdf" {
		t.Errorf("uploaded %+v", up)
	}
	multipart := "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7 жарғы\r\n--b--\r\n"
	if same := decode[v1.Uploaded](post(multipart, "Content-Type", "multipart/form-data; boundary=b").want(201)); same.SHA256 != up.SHA256 {
		t.Errorf("multipart %+v", same)
	}
	post("--b\r\n", "Content-Type", "multipart/form-data; boundary=b").want(400)
	w.call("company", "GET", at(a.ID, "/documents/"+up.SHA256), nil).want(404, "not-found") // not the application's before the form names it
	filing := form("x")
	filing.Documents = []v1.Attached{{Name: "жарғы.pdf", SHA256: up.SHA256, Paper: true}}
	a = app(w.call("company", "PUT", at(a.ID, "/form"), filing).want(200))
	if diff := cmp.Diff([]v1.Document{{Name: "жарғы.pdf", MediaType: "application/pdf", Size: int64(len("%PDF-1.7 жарғы")), SHA256: up.SHA256, Paper: true}}, a.Documents); diff != "" {
		t.Error(diff)
	}
	got := w.call("officer", "GET", at(a.ID, "/documents/"+up.SHA256), nil).want(200)
	if got.body != "%PDF-1.7 жарғы" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("download %q %v", got.body, got.header)
	}
	w.call("stranger", "GET", at(a.ID, "/documents/"+up.SHA256), nil).want(404, "not-found")
}

func TestSearchAndCSV(t *testing.T) {
	w := newWorld(t)
	var numbers []string
	for range 3 {
		numbers = append(numbers, w.issued("company", "commodity-broker-license", company, "officer").Result)
	}
	var got []string
	for next := ""; ; {
		page := decode[v1.Licenses](w.call("", "GET", "/api/v1/licenses?limit=2&bin="+company+"&cursor="+next, nil).want(200))
		for _, l := range page.Items {
			got = append(got, l.Number)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if diff := cmp.Diff(numbers, got); diff != "" {
		t.Errorf("pages:\n%s", diff)
	}
	for query, want := range map[string]int{
		"number=" + numbers[1]: 1, "q=%D0%B6%D0%B0%D1%80%D1%8B%D2%9B": 3, "q=nothing": 0, "status=active&service=commodity-broker-license": 3,
		"status=expired": 0, "licensor=trade-committee": 3, "as_of=2026-11-23": 0, "known_at=2026-11-24T06:59:59Z": 0, "bin=1205-4000%201238": 3,
	} {
		if page := decode[v1.Licenses](w.call("", "GET", "/api/v1/licenses?"+query, nil).want(200)); len(page.Items) != want {
			t.Errorf("%s finds %d, want %d", query, len(page.Items), want)
		}
	}
	table := func(query, accept string, comma rune) [][]string {
		t.Helper()
		r := w.call("", "GET", "/api/v1/licenses.csv?bin="+company+query, nil, "Accept-Language", accept).want(200)
		if !strings.HasPrefix(r.body, "\ufeff") || r.header.Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Errorf("csv begins %q, type %q", r.body[:3], r.header.Get("Content-Type"))
		}
		in := csv.NewReader(strings.NewReader(strings.TrimPrefix(r.body, "\ufeff")))
		in.Comma = comma
		return must(in.ReadAll())
	}
	digits := func(s string) string { return `="` + s + `"` }
	rows := table("", "en", ',')
	if len(rows) != 4 || rows[1][0] != digits(numbers[0]) || rows[1][5] != digits(company) || rows[0][2] != "Status" || rows[1][2] != "in force" {
		t.Errorf("csv in English %q", rows)
	}
	for lang, want := range map[string][]string{
		"kk": {"Мәртебесі", "қолданыста", "Лицензия", "Сауда комитеті"},
		"ru": {"Статус", "действует", "Лицензия", "Комитет торговли"},
	} {
		rows := table("&lang="+lang, "en", ';')
		if got := []string{rows[0][2], rows[1][2], rows[1][1]}; !cmp.Equal(got, want[:3]) || !strings.Contains(rows[1][8], want[3]) {
			t.Errorf("csv in %s: %q, want %q", lang, rows[:2], want)
		}
		for _, row := range rows {
			if i := slices.IndexFunc(row, func(cell string) bool {
				return strings.Contains(cell, "-license") || strings.Contains(cell, "-committee")
			}); i >= 0 {
				t.Errorf("csv in %s shows a token: %q", lang, row[i])
			}
		}
	}
	w.call("", "GET", "/api/v1/licenses.csv?lang=xx", nil).want(422, "parameter-invalid")
}

func TestDigitsCell(t *testing.T) {
	for cell, want := range map[string]string{
		"050752006781": `="050752006781"`, "": "", "**********21": "**********21", "KZ45LIC00000001": "KZ45LIC00000001",
		"2026.1": `="2026.1"`, "2026-03": `="2026-03"`, "2026-W10": "2026-W10",
		`1"&A1&"`: `1"&A1&"`, "１２": "１２",
	} {
		if got := api.DigitsCell(cell); got != want {
			t.Errorf("DigitsCell(%q) = %q, want %q", cell, got, want)
		}
	}
}

// TestDueDay: a term in working days ends with its last day, whose name is not the one of the instant after.
func TestDueDay(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "bookmaker-license", company)
	want := string(calendar.DayOf(a.Step.Due.Add(-time.Nanosecond)))
	if a.Step.DueDay != want || a.Step.DueDay == string(calendar.DayOf(*a.Step.Due)) {
		t.Errorf("due %s on %s, want %s", a.Step.Due, a.Step.DueDay, want)
	}
	if b := w.open("company", "commodity-broker-license", "portal", company); b.Step.Due == nil || b.Step.DueDay != "" {
		t.Errorf("a term of seconds has the day %q", b.Step.DueDay)
	}
}

func TestSafeCell(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "ТОО": "ТОО", "26000001": "26000001", "=1+1": "'=1+1", "+7 701": "'+7 701", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "  =1": "'  =1", "\r=1": "'\r=1", "a=b": "a=b",
	} {
		if got := api.SafeCell(cell); got != want {
			t.Errorf("SafeCell(%q) = %q, want %q", cell, got, want)
		}
	}
}

// TestConcurrentApprovals: many decisions at once make numbers without gaps or repeats.
func TestConcurrentApprovals(t *testing.T) {
	w := newWorld(t)
	const n = 8
	ids := make([]string, n)
	for i := range ids {
		ids[i] = w.examined("company", "commodity-broker-license", company).ID
	}
	results := make([]string, n)
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			results[i] = app(w.decide("head", id, v1.Decision{Decision: "approve"}).want(200)).Result
		})
	}
	all.Wait()
	slices.Sort(results)
	for i, number := range results {
		if want := "2600000" + string(rune('1'+i)); number != want {
			t.Errorf("number %s, want %s", number, want)
		}
	}
}
