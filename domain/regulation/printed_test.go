package regulation_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/regulation"
)

// TestPrinted holds the four smaller acts to figures read by eye off the print: how long each
// procedure is, which term the result has by kind of request (issue, reissue, duplicate), and
// whether the registration has one of its own.
func TestPrinted(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	const days, seconds = regulation.WorkingDays, regulation.Seconds
	type figures struct {
		Items, Steps int
		Result       [3]int
		Unit         regulation.Unit
		Registration int // seconds, 0 for no term
	}
	for _, p := range []struct {
		slug    string
		channel regulation.Channel
		want    figures
	}{
		{"private-bailiff-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 15}},
		{"private-bailiff-license", "office", figures{10, 8, [3]int{15, 15, 15}, seconds, 15}},
		{"casino-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 15}},
		{"casino-license", "center", figures{11, 9, [3]int{15, 15, 15}, days, 15}},
		{"slot-hall-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 15}},
		{"slot-hall-license", "center", figures{11, 9, [3]int{15, 15, 15}, days, 15}},
		{"bookmaker-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 15}},
		{"bookmaker-license", "center", figures{11, 9, [3]int{15, 15, 15}, days, 15}},
		{"totalizator-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 15}},
		{"totalizator-license", "center", figures{11, 9, [3]int{15, 15, 15}, days, 15}},
		{"trunk-pipeline-license", "portal", figures{16, 11, [3]int{15, 10, 2}, days, 90}},
		{"trunk-pipeline-license", "office", figures{12, 9, [3]int{15, 10, 2}, days, 90}},
		{"trunk-pipeline-license", "center", figures{11, 9, [3]int{15, 10, 2}, days, 60}},
		{"electricity-purchase-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 0}},
		{"electricity-purchase-license", "office", figures{12, 9, [3]int{15, 15, 15}, days, 0}},
		{"scrap-metal-license", "portal", figures{16, 11, [3]int{15, 15, 15}, days, 0}},
		{"scrap-metal-license", "office", figures{12, 9, [3]int{15, 15, 15}, days, 0}},
	} {
		proc := mustProcedure(t, catalog, p.slug, p.channel)
		got := figures{Items: len(proc.Text), Steps: len(proc.Steps)}
		for _, s := range proc.Steps {
			switch s.Action {
			case regulation.IssueResult:
				for i, r := range []regulation.Request{regulation.Issue, regulation.Reissue, regulation.Duplicate} {
					got.Result[i], got.Unit, _ = s.Deadline.For(r)
				}
			case regulation.Register:
				got.Registration, _, _ = s.Deadline.For(regulation.Issue)
			}
		}
		if diff := cmp.Diff(p.want, got); diff != "" {
			t.Errorf("%s through %s (-printed +file):\n%s", p.slug, p.channel, diff)
		}
	}
}

// TestCutTable: the bookmaker's table lost the units and the actions of its first steps, and keeps
// its terms; the procedure runs as those of its siblings do.
func TestCutTable(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	cut := mustProcedure(t, catalog, "bookmaker-license", regulation.Portal)
	whole := mustProcedure(t, catalog, "casino-license", regulation.Portal)
	for i, s := range cut.Steps {
		w := whole.Steps[i]
		if len(s.Actor.Printed) != 0 || (i < 6) != (len(s.Wording) == 0) {
			t.Errorf("step %d: printed actor %q, wording %q", s.Number, s.Actor.Printed, s.Wording)
		}
		if s.Action != w.Action || s.Actor.Role != w.Actor.Role || !cmp.Equal(s.Next, w.Next) || !cmp.Equal(s.Deadline, w.Deadline) {
			t.Errorf("step %d runs otherwise than in casino-license", s.Number)
		}
	}
}

// TestTwoLanguages: the scrap metal act is printed in Kazakh and in Russian, item by item and cell by
// cell, but for the cells that one of the two tables leaves empty.
func TestTwoLanguages(t *testing.T) {
	s, err := load(t).Wording("kz-zhambyl-2013-62", "", "scrap-metal-license")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range slices.Concat(s.Act.Agreed, s.Act.Signatories, besideProcedures(s), inProcedures(s)) {
		if text["ru"] == "" || text["kk"] == "" {
			t.Errorf("%q is not there in both languages", text)
		}
	}
	want := map[string]string{
		"portal 2 next": "kk", "portal 5 next": "kk", "portal 10 next": "ru",
		"office 2 next": "kk", "office 6 next": "ru", "office 8 deadline": "ru", "office 9 deadline": "ru",
	}
	if diff := cmp.Diff(want, inOneLanguage(s)); diff != "" {
		t.Errorf("cells in one language (-printed +file):\n%s", diff)
	}
}

func besideProcedures(s *regulation.Service) []regulation.Text {
	texts := []regulation.Text{s.Questionnaire.Title}
	for _, provision := range slices.Concat(s.Act.Provisions, s.Provisions) {
		texts = append(texts, provision.Wording)
		for _, part := range provision.Parts {
			texts = append(texts, part.Wording)
		}
	}
	for _, question := range s.Questionnaire.Questions {
		texts = append(append(texts, question.Wording), question.Answers...)
	}
	for _, system := range s.Systems {
		texts = append(texts, system.Title)
	}
	return texts
}

func inProcedures(s *regulation.Service) []regulation.Text {
	var texts []regulation.Text
	for _, p := range s.Procedures {
		texts = append(texts, p.Heading, p.Caption)
		for _, item := range p.Text {
			texts = append(texts, item.Wording)
		}
		for _, step := range p.Steps {
			texts = append(texts, step.Actor.Printed, step.Wording, step.Completion)
		}
	}
	return texts
}

// inOneLanguage are the deadlines and next steps that one table alone prints, and its language.
func inOneLanguage(s *regulation.Service) map[string]string {
	alone := map[string]string{}
	for _, p := range s.Procedures {
		for _, step := range p.Steps {
			for cell, text := range map[string]regulation.Text{"deadline": step.Deadline.Printed, "next": step.NextPrinted} {
				for lang := range text {
					if len(text) == 1 {
						alone[fmt.Sprintf("%s %d %s", p.Channel, step.Number, cell)] = lang
					}
				}
			}
		}
	}
	return alone
}

// TestSameDeadlines: where both tables of the scrap metal act print a term, it is one and the same.
func TestSameDeadlines(t *testing.T) {
	s, err := load(t).Wording("kz-zhambyl-2013-62", "", "scrap-metal-license")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Procedures {
		for _, step := range p.Steps {
			printed := step.Deadline.Printed
			if len(printed) < 2 {
				continue
			}
			ru, errRu := regulation.ParseDeadline(printed["ru"])
			kk, errKk := regulation.ParseDeadline(printed["kk"])
			if diff := cmp.Diff(ru, kk); diff != "" || errRu != nil || errKk != nil {
				t.Errorf("%s, step %d: %q (-ru +kk):\n%s%v %v", p.Channel, step.Number, printed, diff, errRu, errKk)
			}
		}
	}
}

func mustProcedure(t *testing.T, c *regulation.Catalog, slug string, channel regulation.Channel) *regulation.Procedure {
	t.Helper()
	for _, s := range c.Services() {
		if s.Slug == slug {
			p, err := s.Procedure(channel)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no service %q", slug)
	return nil
}
