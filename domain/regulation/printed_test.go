package regulation_test

import (
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

// TestTwoLanguages: the scrap metal act is printed in Kazakh and in Russian, cell by cell.
func TestTwoLanguages(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, channel := range []regulation.Channel{regulation.Portal, regulation.Office} {
		p := mustProcedure(t, catalog, "scrap-metal-license", channel)
		var texts []regulation.Text
		for _, item := range p.Text {
			texts = append(texts, item.Wording)
		}
		for _, s := range p.Steps {
			texts = append(texts, s.Actor.Printed, s.Wording, s.Completion)
		}
		for _, text := range texts {
			if text["ru"] == "" || text["kk"] == "" {
				t.Errorf("%s: %q is not there in both languages", channel, text)
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
