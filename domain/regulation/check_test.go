package regulation_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// act is the sound act of testdata with the replacements made: pairs of an old text, which must
// occur exactly once, and a new one.
func act(t *testing.T, replacements ...string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/act.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(replacements); i += 2 {
		if n := strings.Count(text, replacements[i]); n != 1 {
			t.Fatalf("%q occurs %d times", replacements[i], n)
		}
		text = strings.Replace(text, replacements[i], replacements[i+1], 1)
	}
	return text
}

// lineOf is the number of the line that holds the text, which must occur exactly once; "text|n"
// is n lines further.
func lineOf(t *testing.T, text, mark string) int {
	t.Helper()
	mark, offset, _ := strings.Cut(mark, "|")
	n := 0
	if offset != "" {
		if _, err := fmt.Sscan(offset, &n); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(text, mark) != 1 {
		t.Fatalf("%q occurs %d times", mark, strings.Count(text, mark))
	}
	return 1 + n + strings.Count(text[:strings.Index(text, mark)], "\n")
}

// file is a file system of one file.
func file(name, text string) fstest.MapFS {
	return fstest.MapFS{name: {Data: []byte(text)}}
}

func TestSoundAct(t *testing.T) {
	c, err := regulation.LoadFS(file("act.yaml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Acts[0].Services[0]
	p, err := s.Procedure(regulation.Portal)
	if err != nil {
		t.Fatal(err)
	}
	if p.Service != s || s.Act != c.Acts[0] || c.Acts[0].File != "act.yaml" {
		t.Error("the ways up are not set")
	}
	if next, end, ok := p.Follow(p.Start(), regulation.Unauthorized); next != nil || !end || !ok {
		t.Errorf(`"to: end" leads to %v, %t, %t`, next, end, ok)
	}
	if n, unit, ok := p.Step(6).Deadline.For(regulation.Reissue); n != 10 || unit != regulation.WorkingDays || !ok {
		t.Errorf("term of a reissue: %d %s %t", n, unit, ok)
	}
	if _, _, ok := p.Step(5).Deadline.For(regulation.Issue); ok {
		t.Error("the registration has a term of its own")
	}
}

// TestRefusedActs has one row for each thing that makes an act unsound: the change that makes it
// so, the line of the problem (by a mark on it), and the reason.
func TestRefusedActs(t *testing.T) {
	const step2 = "            action: refuse-unpaid"
	tests := map[string]struct {
		change []string
		mark   string
		reason string
	}{
		"syntax": {
			[]string{"country: XX", "country: [XX"}, "ru: Об испытании|-1", "',' or ']' must be specified"},
		"unknown field": {
			[]string{"    result: license", "    result: license\n    color: red"}, "color: red", `unknown field "color"`},
		"unknown field of an edge": {
			[]string{"              - to: 6", "              - to: 6\n                then: 7"}, "then: 7", `unknown field "then"`},
		"field twice": {
			[]string{"country: XX", "country: XX\ncountry: YY"}, "country: YY", `mapping key "country" already defined at [3:1]`},
		"wrong type": {
			[]string{"              min: 10\n", "              min: ten\n"}, "min: ten", "cannot unmarshal string into Go struct field"},
		"act id": {
			[]string{"id: xx-test-1", "id: XX test"}, "id: XX test", `id "XX test" is no token of small letters, digits and hyphens`},
		"country": {
			[]string{"country: XX", "country: Xxx"}, "country: Xxx", `country "Xxx" is no ISO 3166 alpha-2 code`},
		"no date": {
			[]string{"date: 2012-01-02", "date: 2.1.2012"}, "date: 2.1.2012", `date "2.1.2012" is no day YYYY-MM-DD`},
		"no effective date": {
			[]string{"effective_from: 2012-01-04\n", ""}, "id: xx-test-1", `effective_from "" is no day YYYY-MM-DD`},
		"no act number": {
			[]string{`number: "1"`, `number: ""`}, `number: ""`, "number is missing"},
		"no act title": {
			[]string{"title:\n  ru: Об испытании", "title: {}"}, "title: {}", "title is missing"},
		"title in one language only": {
			[]string{"      kk: Сынақ лицензиясы\n", ""}, "ru: Лицензия на испытание|-1", `title is missing in "kk"`},
		"activity without English": {
			[]string{"      en: Testing\n", ""}, "    activity:", `activity is missing in "en"`},
		"licensor without Kazakh": {
			[]string{"        kk: Министрлік\n", ""}, "ru: Министерство|-1", `title is missing in "kk"`},
		"unknown language": {
			[]string{"      ru: Стандарт", "      de: Norm"}, "de: Norm", `standard in unknown language "de"`},
		"blank wording": {
			[]string{"ru: Авторизуется", `ru: " "`}, `ru: " "`, `wording in "ru" is blank: leave the language out`},
		"no wording and no cut table": {
			[]string{"wording:\n              ru: Авторизуется", "wording: {}"}, "wording: {}",
			"wording is missing, and no discrepancy of step 1 says that the table is cut"},
		"no completion": {
			[]string{"            completion:\n              ru: Лицензия\n", ""}, "          - number: 6",
			"step 6 does not give its completion; write it empty where the cell is empty"},
		"no printed next": {
			[]string{"            next_printed: {}\n", ""}, "          - number: 6",
			"step 6 does not give its next_printed; write it empty where the cell is empty"},
		"unknown request": {
			[]string{"      - duplicate\n    applicants", "      - copy\n    applicants"}, "- copy", `unknown request "copy"`},
		"request twice": {
			[]string{"      - duplicate\n    applicants", "      - issue\n    applicants"}, "    applicants:|-1", `two times request "issue"`},
		"no requests": {
			[]string{"requests:\n      - issue\n      - reissue\n      - duplicate", "requests: []"}, "requests: []", "no request"},
		"unknown identifier": {
			[]string{"      - iin\n", "      - passport\n"}, "- passport", `unknown identifier "passport"`},
		"unknown result": {
			[]string{"result: license", "result: diploma"}, "result: diploma", `result "diploma" is neither license nor permit`},
		"payment not told": {
			[]string{"    paid: true\n", ""}, "  - slug: test-license", `service "test-license" does not say whether it is paid`},
		"unpaid service with payment": {
			[]string{"paid: true", "paid: false"}, "            action: pay", `service "test-license" is not paid, and step 4 is "pay"`},
		"unknown channel": {
			[]string{"channel: portal", "channel: post"}, "channel: post", `unknown channel "post"`},
		"unknown kind": {
			[]string{"kind: condition", "kind: rule"}, "kind: rule", `kind "rule" is neither process nor condition`},
		"process without number": {
			[]string{"- kind: process\n            number: 1", "- kind: process\n            number: null"}, "kind: process|1", "a process without a number"},
		"item with number": {
			[]string{"number: null", "number: 4"}, "number: 4\n            wording", "an item that is neither process nor condition has no number"},
		"unknown role": {
			[]string{"role: officer", "role: judge"}, "role: judge", `unknown role "judge"`},
		"unknown action": {
			[]string{"action: register", "action: enroll"}, "action: enroll", `unknown action "enroll"`},
		"unknown outcome": {
			[]string{"when: paid", "when: settled"}, "to: 5|-1",
			`step 4 is "pay" and goes on by ["settled" "unpaid"]; allowed are [["paid" "unpaid"]]`},
		"half of the outcomes": {
			[]string{"              - to: 2\n                when: unpaid\n", ""}, "to: 5|-1",
			`step 4 is "pay" and goes on by ["paid"]; allowed are [["paid" "unpaid"]]`},
		"two steps of one number": {
			[]string{"- number: 6", "- number: 5"}, "action: issue-or-refuse|-5", "two steps 5"},
		"steps out of order": {
			[]string{"- number: 6", "- number: 7"}, "- number: 7", "step 7 where step 6 is due"},
		"next step that does not exist": {
			[]string{"- to: 6", "- to: 8"}, "- to: 8", "step 5 leads to a step that does not exist"},
		"next step that is no number": {
			[]string{"- to: 6", "- to: finish"}, "- to: finish", "step 5 leads to a step that does not exist"},
		"next step 0": {
			[]string{"- to: 6", "- to: 0"}, "- to: 0", "step 5 leads to a step that does not exist"},
		"end without refusal": {
			[]string{"- to: 6", "- to: end"}, "- to: end\n            discrepancies", `step 5 ends the procedure on "", which is no refusal`},
		"outcome that leads to the wrong action": {
			[]string{"- to: 2\n", "- to: 3\n"}, "when: unpaid|-1", `step 4 leads on "unpaid" to "fill-form", where "refuse-unpaid" is due`},
		"next that is not printed": {
			[]string{`next_printed: {ru: "4"}`, `next_printed: {ru: "6"}`}, "- to: 4|-1",
			`step 3 prints "6" as next, which is not what is in effect, and no discrepancy of it about that cell says why`},
		"step that cannot be reached": {
			[]string{"- to: 2\n", "- to: end\n"}, step2 + "|-5", "step 2 (refuse-unpaid) cannot be reached from the first"},
		"no authorization first": {
			[]string{"action: authorize", "action: enter-applicant", "- to: 3\n                when: authorized\n              - to: end\n                when: unauthorized", "- to: 3"},
			"action: enter-applicant", `the first step is "enter-applicant", not "authorize"`},
		"a way back": {
			[]string{`next_printed: {ru: "6"}`, `next_printed: {ru: "3"}`, "- to: 6", "- to: 3"}, "action: fill-form",
			"step 3 can come again: step 5 leads back to it"},
		"no result": {
			[]string{"action: register", "action: answer-registers", "- to: 6", "- to: end\n                when: found"}, "when: found|-1",
			`step 5 ends the procedure on "found", which is no refusal`},
		"refusals only": {
			[]string{"action: issue-or-refuse", "action: refuse"}, "        steps:", "no way leads to a step that forms the result"},
		"another step before the result": {
			[]string{"action: issue-or-refuse", "action: report-absent"}, "action: report-absent",
			`step 6 is "report-absent" between the registration and the result`},
		"action twice": {
			[]string{"action: register", "action: fill-form"}, "            role: system\n            action: fill-form|1", `step 5 is "fill-form" a second time`},
		"registration before filing": {
			[]string{"action: fill-form", "action: enter-applicant"}, "action: register", "step 5 registers a request that was not filed"},
		"no registration": {
			[]string{"action: register", "action: enter-applicant"}, "action: issue-or-refuse", "step 6 decides on a request that was not registered"},
		"filing twice": {
			[]string{"action: register", "action: attach-documents"}, "action: attach-documents", "step 5 files the request a second time"},
		"signature without certificate": {
			[]string{"action: register", "action: sign"}, "action: sign", `step 5 is "sign" and follows "pay"`},
		"answer without question": {
			[]string{"action: fill-form", "action: answer-registers", "- to: 4", "- to: 4\n                when: found\n              - to: end\n                when: absent"},
			"action: answer-registers", `step 3 is "answer-registers" and follows "authorize"`},
		"deadline that does not parse": {
			[]string{`printed: {ru: "1,5 мин"}`, `printed: {ru: "15 раб."}`}, "15 раб.", `deadline "15 раб.": "15 раб." is no term`},
		"deadline in an unknown unit": {
			[]string{`printed: {ru: "1,5 мин"}`, `printed: {ru: "15 дней"}`}, "15 дней", `deadline "15 дней": unknown unit "дней"`},
		"deadline that is not the printed one": {
			[]string{"max: 90", "max: 91"}, `printed: {ru: "1,5 мин"}|-1`,
			`deadline "1,5 мин" is in effect as 90-91 seconds, and no discrepancy of step 3 about that cell says why`},
		"deadline of a discrepancy of another cell": {
			[]string{"cells: [deadline]", "cells: [next]"}, `printed: {ru: "15 рабочих дней, 10 рабочих дней, 2 рабочих дня"}|-1`,
			`deadline "15 рабочих дней, 10 рабочих дней, 2 рабочих дня" is in effect as -, and no discrepancy of step 5 about that cell says why`},
		"deadline without unit": {
			[]string{"max: 90\n              unit: seconds", "max: 90"}, `printed: {ru: "1,5 мин"}|-1`, "min, max and unit of a deadline are given together or not at all"},
		"deadline upside down": {
			[]string{"min: 2\n", "min: 16\n"}, "min: 16|-2", "min 16 and max 15 are no term"},
		"unknown unit": {
			[]string{"unit: working_days", "unit: days"}, "unit: days", `unknown unit "days"`},
		"term outside its bounds": {
			[]string{"issue: 15", "issue: 16"}, "issue: 16", "the term of issue is outside min and max"},
		"term of an unknown request": {
			[]string{"duplicate: 2", "duplicate: 2\n                copy: 3"}, "duplicate: 2|-3", `unknown request "copy"`},
		"no term for an offered request": {
			[]string{"                duplicate: 2\n", ""}, "issue: 15|-1", `no term for request "duplicate", which the service offers`},
		"discrepancy that is not there": {
			[]string{"              - test-1", "              - test-9"}, "- test-9", `no discrepancy "test-9" in the act`},
		"discrepancy named twice": {
			[]string{"              - test-1", "              - test-1\n              - test-1"}, "- number: 5|-1", `discrepancy "test-1" is named twice`},
		"two discrepancies of one id": {
			[]string{"- id: test-2", "- id: test-1"}, "test license, portal, steps 5 and 6, deadline|-3", `two discrepancies "test-1"`},
		"discrepancy that nothing names": {
			[]string{"en: act, entry", "en: somewhere, entry"}, "- id: test-3",
			`discrepancy "test-3" is named by no step, procedure or service, and its place does not begin with "act"`},
		"discrepancy without reason": {
			[]string{"reason:\n      en: the text decides", "reason: {}"}, "reason: {}", "reason is missing"},
		"discrepancy without English": {
			[]string{"reason:\n      en: the text decides", "reason:\n      ru: решает текст"}, "ru: решает текст|-1", "reason is missing"},
		"discrepancy about an unknown cell": {
			[]string{"cells: [deadline]", "cells: [color]"}, "cells: [color]", `unknown cell "color"`},
		"discrepancy of nothing": {
			[]string{"printed:\n      en: after publication", "printed: {}", "against:\n      en: no day", "against: {}"}, "- id: test-3",
			`discrepancy "test-3" puts nothing against nothing`},
		"paid service without payment": {
			[]string{"action: pay\n", "action: query-registers\n", "- to: 5\n                when: paid\n              - to: 2\n                when: unpaid", "- to: 5"},
			"    paid: true", `service "test-license" is paid, and no procedure has a step "pay"`},
		"question without answer": {
			[]string{"action: pay\n", "action: query-registers\n", "- to: 5\n                when: paid\n              - to: 2\n                when: unpaid", "- to: 5"},
			"action: register", `step 5 is "register" and follows "query-registers"`},
		"sent and not registered": {
			[]string{"action: register\n", "action: send\n"}, "action: issue-or-refuse", `step 6 is "issue-or-refuse" and follows "send"`},
		"no steps": {
			[]string{act(t)[strings.Index(act(t), "        steps:"):strings.Index(act(t), "\ndiscrepancies:")], "        steps: []"}, "steps: []", "a procedure without steps"},
		"no procedures": {
			[]string{act(t)[strings.Index(act(t), "    procedures:"):strings.Index(act(t), "\ndiscrepancies:")], "    procedures: []"}, "procedures: []", `service "test-license" has no procedure`},
		"amendment without date": {
			[]string{"amendments: []", "amendments:\n  - by: an order\n    note: all"}, "- by: an order", `date "" is no day YYYY-MM-DD`},
		"service without content": {
			[]string{"\ndiscrepancies:\n  - id: test-1", "\n  -\ndiscrepancies:\n  - id: test-1"}, "\ndiscrepancies:", "a service without content"},
		"step without content": {
			[]string{"\ndiscrepancies:\n  - id: test-1", "\n          - null\ndiscrepancies:\n  - id: test-1"}, "          - null", "a step without content"},
		"no services": {
			[]string{act(t)[strings.Index(act(t), "services:"):strings.Index(act(t), "\ndiscrepancies:")], "services: []"}, "services: []", "an act without services"},
		"no language": {
			[]string{"languages: [ru]", "languages: []"}, "languages: []", "no language"},
		"language nobody speaks here": {
			[]string{"languages: [ru]", "languages: [ru, de]"}, "languages: [ru, de]", `unknown language "de"`},
		"printed in a language that the act is not in": {
			[]string{"ru: Авторизуется", "ru: Авторизуется\n              en: Logs in"}, "en: Logs in", `wording in "en", which the act is not printed in`},
		"unknown topic": {
			[]string{"topic: conditions", "topic: weather"}, "topic: weather", `unknown topic "weather"`},
		"provision without wording": {
			[]string{`        wording: {ru: "Техническое условие:"}`, "        wording: {}"}, "topic: conditions|1", "wording is missing"},
		"item of a provision without wording": {
			[]string{"wording: {ru: выход в Интернет}", "wording: {}"}, `- {number: "2", wording`, "wording is missing"},
		"phone that cannot be dialed": {
			[]string{`phones: ["1414"]`, `phones: ["14-14"]`}, "phones:", `phone "14-14" is not digits alone`},
		"unknown symbol": {
			[]string{"symbol: error", "symbol: skull"}, "symbol: skull", `unknown symbol "skull"`},
		"two systems of one id": {
			[]string{"        title: {ru: ПШЭП}", "        title: {ru: ПШЭП}\n      - id: payment-gateway\n        title: {ru: ШЭП}"},
			"title: {ru: ШЭП}|-1", `two systems "payment-gateway"`},
		"screen with a blank field": {
			[]string{"fields: [{ru: ИИН}]", "fields: [{}]"}, "fields: [{}]", "fields: an entry without a wording"},
		"questionnaire without questions": {
			[]string{"      questions:\n        - wording: {ru: Удовлетворены ли Вы?}\n          answers: [{ru: да}, {ru: нет}]", "      questions: []"},
			"questions: []", "a questionnaire without questions"},
		"question with one answer": {
			[]string{"answers: [{ru: да}, {ru: нет}]", "answers: [{ru: да}]"}, "answers: [{ru: да}]", "a question with 1 answers"},
		"not a mapping": {
			[]string{act(t), "- an act\n"}, "- an act", "not a mapping of an act's fields"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := act(t, tt.change...)
			_, err := regulation.LoadFS(file("act.yaml", text))
			if !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("error %v, want an ErrInvalid", err)
			}
			want := fmt.Sprintf("act.yaml:%d: %s", lineOf(t, text, tt.mark), tt.reason)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got\n%v\nwant\n%s", err, want)
			}
		})
	}
}
