package api_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/sample"
)

// busy is a world in which there is a visit of every outcome, at two licensors, and the instant in the
// middle of it when others of them were open.
func busy(t *testing.T) (w *world, middle time.Time) {
	t.Helper()
	w = newWorld(t)
	old := w.issued("company", "commodity-broker-license", company, "officer").Result
	late := w.examined("company", "commodity-broker-license", company)
	withdrawn := w.examined("company", "commodity-broker-license", company)
	w.open("company", "commodity-dealer-license", "portal", company) // overdue in a minute
	w.clock.pass(3 * 24 * time.Hour)
	w.call("company", "POST", at(withdrawn.ID, "/withdrawal"), v1.Withdrawal{}).want(200)
	middle = w.clock.now()
	w.clock.pass(24 * time.Hour)
	w.decide("officer", late.ID, v1.Decision{Decision: "approve"}).want(200)
	w.call("company", "POST", "/api/v1/applications", v1.Opening{
		Service: "commodity-broker-license", Channel: "portal", Request: "duplicate", Applicant: v1.Applicant{ID: company}, License: old,
	}).want(201)
	soon := w.examined("person", "private-bailiff-license", person)
	w.clock.set(soon.Step.Due.Add(-12 * time.Hour))
	w.examined("person", "private-bailiff-license", person)
	w.open("company", "commodity-broker-license", "portal", company)
	return w, middle
}

// counts are a figure's counts with their links, by the outcome that the link asks for.
func counts(visits int64, o v1.Outcomes) map[string]struct {
	n    int64
	link string
} {
	type count = struct {
		n    int64
		link string
	}
	return map[string]count{
		"": {visits, o.Links.Visits}, "on_time": {o.OnTime, o.Links.OnTime}, "late": {o.Late, o.Links.Late}, "abandoned": {o.Abandoned, o.Links.Abandoned},
		"untimed": {o.Untimed, o.Links.Untimed}, "open": {o.Open, o.Links.Open}, "due_soon": {o.DueSoon, o.Links.DueSoon}, "overdue": {o.Overdue, o.Links.Overdue},
	}
}

// TestEveryFigureOpensItsList follows the link of every figure, also ones of a past instant, and again
// when more has happened: as many visits are listed as were counted.
func TestEveryFigureOpensItsList(t *testing.T) {
	w, middle := busy(t)
	past := "&as_of=" + url.QueryEscape(middle.Format(time.RFC3339))
	type followed struct {
		link, outcome string
		n             int64
	}
	var all []followed
	seen := map[string]int{}
	for _, who := range []struct{ name, more string }{{"auditor", ""}, {"officer", "&licensor=trade-committee"}, {"other-head", "&licensor=bailiff-committee"}} {
		for _, query := range []string{
			"", past, "&as_of=2026-11-25", "&by=licensor", "&by=day" + past, "&by=week,licensor", "&by=month", "&from=2026-11-24&to=2026-11-26&by=month",
			"&request=issue&service=commodity-broker-license&channel=portal", "&to=2026-11-24",
		} {
			follow := func(visits int64, o v1.Outcomes) {
				t.Helper()
				for outcome, c := range counts(visits, o) {
					if (c.n == 0) != (c.link == "") {
						t.Errorf("%s: %d are %q, link %q", query, c.n, outcome, c.link)
					}
					if c.n > 0 {
						all = append(all, followed{who.name + " " + c.link, outcome, c.n})
						seen[outcome]++
					}
				}
			}
			for _, d := range decode[v1.Deadlines](w.call("", "GET", "/api/v1/deadlines?"+who.more+query, nil).want(200)).Items {
				follow(d.WholeService.Applications, d.WholeService.Outcomes)
				follow(d.Steps.Visits, d.Steps.Outcomes)
			}
			for _, d := range decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps?"+who.more+query, nil).want(200)).Items {
				follow(d.Visits, d.Outcomes)
			}
		}
	}
	for _, outcome := range []string{"", "on_time", "late", "abandoned", "untimed", "open", "due_soon", "overdue"} {
		if seen[outcome] == 0 {
			t.Errorf("no figure of %q", outcome)
		}
	}
	for _, turn := range []string{"at once", "later"} {
		for _, f := range all {
			who, link, _ := strings.Cut(f.link, " ")
			list := decode[v1.DeadlineVisits](w.call(who, "GET", link+"&limit=500", nil).want(200)).Items
			if int64(len(list)) != f.n {
				t.Fatalf("%s as %s: %d listed, %d counted: %s", turn, who, len(list), f.n, link)
			}
			for _, v := range list {
				if f.outcome != "" && v.Outcome != f.outcome && (f.outcome != "due_soon" || !v.DueSoon || v.Outcome != "open") {
					t.Errorf("%s has %+v", link, v)
				}
			}
		}
		w.clock.pass(2 * time.Hour)
		w.issued("company", "commodity-broker-license", company, "officer")
		w.clock.pass(40 * 24 * time.Hour)
	}
}

// TestAsOf: figures and lists of a past instant are what they were then.
func TestAsOf(t *testing.T) {
	w, _ := busy(t)
	asked := []string{
		"/api/v1/deadlines?", "/api/v1/deadlines?by=licensor,month", "/api/v1/deadlines/steps?", "/api/v1/deadlines/steps?by=week&service=commodity-broker-license",
		"/api/v1/deadlines/visits?limit=500", "/api/v1/deadlines/visits?outcome=overdue", "/api/v1/deadlines/visits?step=0&outcome=due_soon", "/api/v1/deadlines/overdue?",
		"/api/v1/deadlines.csv?lang=ru", "/api/v1/deadlines/steps.csv?lang=kk", "/api/v1/deadlines/visits.csv?",
	}
	list := decode[v1.DeadlineVisits](w.call("auditor", "GET", "/api/v1/deadlines/visits?step=0", nil).want(200)).Items
	for _, v := range list {
		asked = append(asked, at(v.Application, "/deadlines?"))
	}
	then := w.clock.now()
	told := map[string]string{}
	for _, path := range asked {
		told[path] = w.call("auditor", "GET", path, nil).want(200).body
	}
	w.clock.pass(time.Hour)
	w.decide("other-officer", list[0].Application, v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "x"}).want(200)
	w.issued("company", "commodity-broker-license", company, "officer")
	w.clock.pass(400 * 24 * time.Hour)
	for _, path := range asked {
		got := w.call("auditor", "GET", path+"&as_of="+url.QueryEscape(then.Format(time.RFC3339Nano)), nil).want(200).body
		if diff := cmp.Diff(told[path], got); diff != "" {
			t.Errorf("%s (-told then +told now):\n%s", path, diff)
		}
		if now := w.call("auditor", "GET", path, nil).want(200).body; now == got {
			t.Errorf("%s is the same now as it was then", path)
		}
	}
	// A day is its end, and today is now.
	end := decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps?as_of=2026-11-24", nil).want(200)).AsOf
	today := decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps?as_of="+w.clock.now().Format(time.DateOnly), nil).want(200)).AsOf
	if want := time.Date(2026, 11, 24, 18, 59, 59, 999_999_000, time.UTC); !end.Equal(want) || !today.Equal(w.clock.now()) {
		t.Errorf("as of the end of a day: %s; as of today: %s", end, today)
	}
}

func TestApplicationDeadlines(t *testing.T) {
	w := newWorld(t)
	a := w.examined("person", "private-bailiff-license", person)
	due := a.Step.Due.UTC()
	before := w.clock.now()
	w.clock.set(due.Add(90 * time.Second))
	w.decide("other-officer", a.ID, v1.Decision{Decision: "approve"}).want(200)
	d := decode[v1.ApplicationDeadlines](w.call("person", "GET", at(a.Number, "/deadlines"), nil).want(200)) // by its number too
	w.call("stranger", "GET", at(a.Number, "/deadlines"), nil).want(404, "not-found")
	w.call("auditor", "GET", at("KZ95APP99999999", ""), nil).want(404, "not-found")
	// The due time opens the count of its days, which ends at the same instant.
	if d.WholeService.Term == nil || d.WholeService.Term.Days != 15 {
		t.Fatalf("how the term came about: %+v", d.WholeService.Term)
	}
	counted := decode[v1.Term](w.call("", "GET", d.WholeService.Term.Explanation, nil).want(200))
	if !counted.DueAt.Equal(due) || counted.Registered != d.WholeService.Term.From || counted.Days != 15 {
		t.Errorf("counted from %s until %s, due at %s", counted.Registered, counted.DueAt, due)
	}
	whole := v1.DeadlineVisit{
		Term:        d.WholeService.Term,
		Application: a.ID, Number: a.Number, Service: "private-bailiff-license", Channel: "portal", Licensor: "bailiff-committee", Request: "issue",
		EnteredAt: before, DueAt: &due, DueDay: a.Step.DueDay, Calendar: sample.Rules().Calendars.Newest().Version(), LeftAt: d.WholeService.LeftAt,
		LeftBy: &v1.LeftBy{Role: "system"}, Branch: "approved", Outcome: "late", LateSeconds: 90, History: at(a.ID, "/history"),
	}
	if diff := cmp.Diff(&whole, d.WholeService); diff != "" {
		t.Errorf("the whole service (-want +got):\n%s", diff)
	}
	last := d.Steps[len(d.Steps)-1]
	decided := whole
	decided.Step, decided.Action, decided.Visit, decided.LeftBy = a.Step.Number, "issue", 1, &v1.LeftBy{Role: "head", Organization: "bailiff-committee"}
	if diff := cmp.Diff(decided, last); diff != "" {
		t.Errorf("the last step (-want +got):\n%s", diff)
	}
	if first := d.Steps[0]; first.Step != 1 || first.Action != "authorize" || first.Outcome != "untimed" || first.DueAt != nil {
		t.Errorf("the first step %+v", first)
	}
	if d := decode[v1.ApplicationDeadlines](w.call("person", "GET", at(a.ID, "/deadlines?as_of="+before.Format(time.RFC3339)), nil).want(200)); d.WholeService.LeftAt != nil || d.WholeService.Outcome != "open" {
		t.Errorf("as of before the decision: %+v", d.WholeService)
	}
	w.call("person", "GET", at(a.ID, "/deadlines?as_of=2026-11-23"), nil).want(404, "not-found")
}

// What is recorded and not yet in the read model is asked for again, and not taken for missing. Before the
// application there was nothing to wait for.
func TestVisitsNotYetVisible(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	w.follow.Stop() // the read models stay behind
	w.clock.pass(time.Hour)
	late := domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewString()}
	for r, err := range w.store.Read(t.Context(), domain.Stream{Category: domain.ApplicationCategory, ID: a.ID}, 1) {
		if err != nil {
			t.Fatal(err)
		}
		e := r.Event
		e.ID, e.Time = uuid.New(), w.clock.now()
		must(w.store.Append(t.Context(), late, r.Version-1, []domain.Event{e}))
	}
	opened := w.clock.now().Format(time.RFC3339)
	w.clock.pass(time.Hour)
	for _, path := range []string{"/deadlines", "/deadlines?as_of=" + opened, "/diagram.svg"} {
		w.call("company", "GET", at(late.ID, path), nil).want(503, "not-yet-visible")
	}
	w.call("company", "GET", at(late.ID, "/deadlines?as_of="+noon.Format(time.RFC3339)), nil).want(404, "not-found")
}

// TestDeadlineTables: the tables say what the JSON says, in people's words.
func TestDeadlineTables(t *testing.T) {
	w, _ := busy(t)
	table := func(who, path, lang string) [][]string {
		t.Helper()
		r := w.call(who, "GET", path+"lang="+lang, nil, "Accept-Language", "en").want(200)
		if !strings.HasPrefix(r.body, "\ufeff") || r.header.Get("Content-Type") != "text/csv; charset=utf-8" || r.header.Get("Content-Language") != lang {
			t.Errorf("%s begins %q, %v", path, r.body[:3], r.header)
		}
		in := csv.NewReader(strings.NewReader(strings.TrimPrefix(r.body, "\ufeff")))
		if in.Comma = ';'; lang == "en" {
			in.Comma = ','
		}
		rows := must(in.ReadAll())
		for _, row := range rows {
			if i := slices.IndexFunc(row, func(cell string) bool {
				return strings.Contains(cell, "-license") || strings.Contains(cell, "-committee") || strings.Contains(cell, "csv.") || strings.Contains(cell, "_")
			}); i >= 0 {
				t.Errorf("%s shows a token: %q", path, row[i])
			}
		}
		return rows
	}
	sums := decode[v1.Deadlines](w.call("", "GET", "/api/v1/deadlines?by=licensor,month", nil).want(200)).Items
	rows := table("", "/api/v1/deadlines.csv?by=licensor,month&", "en")
	if len(rows) != len(sums)+1 || rows[0][4] != "Applications registered" || rows[0][17] != "Steps: all" {
		t.Fatalf("%d rows of %d sums: %q", len(rows), len(sums), rows[0])
	}
	for i, d := range sums {
		row := rows[i+1]
		want := []string{fmt.Sprintf("=%q", d.Period), fmt.Sprint(d.WholeService.Applications), fmt.Sprint(d.WholeService.OnTime), fmt.Sprint(d.Steps.Visits), fmt.Sprint(d.Steps.Overdue)}
		if got := []string{row[3], row[4], row[5], row[17], row[24]}; !cmp.Equal(got, want) {
			t.Errorf("row %q, want %q", got, want)
		}
	}
	steps := decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps", nil).want(200)).Items
	rows = table("", "/api/v1/deadlines/steps.csv?", "ru")
	i := slices.IndexFunc(steps, func(d v1.DeadlineStep) bool { return d.OnTime > 0 && d.Late > 0 })
	if len(rows) != len(steps)+1 || i < 0 {
		t.Fatalf("%d rows of %d steps", len(rows), len(steps))
	}
	share := strings.Replace(fmt.Sprintf("%.3f", *steps[i].ShareOnTime), ".", ",", 1)
	if row := rows[i+1]; row[5] != "Формирование результата или мотивированного отказа" || row[14] != share || row[18] != strings.Replace(fmt.Sprintf("%.3f", *steps[i].Max), ".", ",", 1) {
		t.Errorf("row %q of %+v, share %s", row, steps[i], share)
	}
	for who, licensor := range map[string]string{"auditor": "", "head": "trade-committee"} {
		var want []string
		for _, v := range decode[v1.DeadlineVisits](w.call(who, "GET", "/api/v1/deadlines/visits?limit=500", nil).want(200)).Items {
			if licensor != "" && v.Licensor != licensor {
				t.Errorf("%s sees %+v", who, v)
			}
			want = append(want, v.Application+" "+v.History)
		}
		var got []string
		for _, row := range table(who, "/api/v1/deadlines/visits.csv?", "kk")[1:] {
			got = append(got, row[0]+" "+row[17])
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 20 {
			t.Errorf("%s: visits (-JSON +table):\n%s", who, diff)
		}
	}
	late := table("auditor", "/api/v1/deadlines/visits.csv?step=0&outcome=late&", "en")
	if want := []string{"the whole service", "2026-11-24 12:00:00", "approved", "late", "345300.000"}; len(late) != 2 || !reflect.DeepEqual([]string{late[1][6], late[1][8], late[1][14], late[1][15], late[1][16]}, want) {
		t.Errorf("late %q, want %q", late, want)
	}
}

// Anybody may ask for figures of every licensor and day: what is too many for an answer is refused.
func TestTooManyFigures(t *testing.T) {
	var model *deadlines.Model
	w, s := newWorld(t, func(c *api.Config) { model = c.Deadlines }), &sample.Script{}
	operator := domain.Actor{ID: "op", Role: domain.RoleOperator, Organization: "center-1", Channel: "center"}
	grow := func(applications int) { // each at a licensor of its own, with a figure of each of two steps
		t.Helper()
		had := len(s.Commits)
		for i := had; i < applications; i++ {
			s.Add(domain.ApplicationCategory, fmt.Sprint("a", i), noon, operator, application.Opened{
				Service: "casino-license", Channel: regulation.Center, Request: regulation.Issue, Licensor: fmt.Sprint("committee-", i),
				Progress: application.Progress{Completes: []int{1}, Enters: &application.Entered{Step: 2, Action: regulation.FillForm}}})
		}
		if err := model.Apply(t.Context(), s.Commits[had:]); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		most       int // applications
		path, code string
	}{
		{1000, "/deadlines?", ""}, // a page speaks in words
		{5000, "/api/v1/deadlines/steps?by=licensor", "parameter-invalid"},
		{10_000, "/api/v1/deadlines?by=licensor", "parameter-invalid"},
	} {
		grow(tt.most)
		w.call("", "GET", tt.path, nil).want(200)
		grow(tt.most + 1)
		r := w.call("", "GET", tt.path, nil, "Accept-Language", "en")
		if tt.code == "" {
			w.contains(r.want(422).body, "These are too many figures for one page")
			continue
		}
		w.contains(r.want(422, tt.code).body, `"location":"query.by"`, "more than 10000 figures")
	}
	w.call("", "GET", "/api/v1/deadlines.csv?by=licensor", nil).want(422, "parameter-invalid")
	w.call("", "GET", "/api/v1/deadlines/steps.csv?by=licensor,day", nil).want(422, "parameter-invalid")
}
