package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/regulation"
)

func TestCellsOf(t *testing.T) {
	for place, want := range map[string]string{
		"portal: table 1, step 4, actor":                                                 "actor",
		"office: table 2, actor of steps 1, 3 and 6":                                     "actor",
		"portal: table 1, steps 1 to 6, completion form":                                 "completion",
		"portal: table 1, step 11, deadline: terms of reissue and duplicate":             "deadline",
		"portal: table 1, steps 9 to 11, next: cut by the end of a page":                 "next",
		"five license services, portal: table 1, step 7, wording":                        "action",
		"all six services, office: table 2, step 1, next, wording of the condition":      "next",
		"portal: table 1, step 2, action and deadline":                                   "action deadline",
		"portal: table 1, steps 7 to 11: rows without their headings":                    "",
		"act, regulation, point 4: a transactional service, by interaction, is the next": "next",
	} {
		if got := strings.Join(cellsOf(regulation.Discrepancy{Place: regulation.Text{"en": place}}), " "); got != want {
			t.Errorf("%q names %q, want %q", place, got, want)
		}
	}
}

// TestCellsSaid: what a discrepancy says of its cells counts, though its place does not name them.
func TestCellsSaid(t *testing.T) {
	d := regulation.Discrepancy{Cells: []regulation.Cell{regulation.NextCell, regulation.CutCell}, Place: regulation.Text{"en": "portal: table 1, step 9, action"}}
	if diff := cmp.Diff([]string{"action", "next"}, cellsOf(d)); diff != "" {
		t.Error(diff)
	}
}

func TestNamesItem(t *testing.T) {
	for place, want := range map[string]string{ // the items of the portal's text
		"both services, portal, condition 3":                                           "condition-3",
		"both services, portal, process 11, against office, process 9":                 "process-11",
		"all four services, office, condition 4, against portal, condition 2":          "condition-2",
		"portal: regulation, point 6, process 11, against point 7, process 8":          "process-11",
		"portal: regulation, condition 4; office: condition 3":                         "condition-4",
		"office: regulation, process 7":                                                "",
		"all four services, point 7, process 1: no refusal":                            "process-1",
		"portal and office: identifiers, conditions 1 and 3 and point 16.2":            "condition-1 condition-3",
		"all six services, portal and office: table, step 2 and process 2 of the text": "process-2",
		"both services, portal, processes 1, 2 and 11":                                 "process-1 process-2 process-11",
		"portal: table 1, step 8, next":                                                "",
		"all six services, portal: process 1 against condition 1, means":               "process-1",
	} {
		var got []string
		for _, kind := range []string{"condition", "process"} {
			for _, number := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11") {
				if namesItem(place, regulation.Portal, kind, number) {
					got = append(got, kind+"-"+number)
				}
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q:\n%s", place, diff)
		}
	}
}

// TestOurs: what we say is in the page's language where we say it in that, and a quotation in its own.
func TestOurs(t *testing.T) {
	f := Frame{Lang: "kk"}
	for _, tt := range []struct {
		text regulation.Text
		want Wording
	}{
		{regulation.Text{"en": "step 3", "kk": "3-іс-қимыл"}, Wording{Text: "3-іс-қимыл", Lang: "kk"}},
		{regulation.Text{"en": "step 3"}, Wording{Text: "step 3", Lang: "en", Other: true}},
		{regulation.Text{"en": "15 рабочих дней"}, Wording{Text: "15 рабочих дней", Lang: "ru", Other: true}},
		{regulation.Text{"en": "15 жұмыс күні"}, Wording{Text: "15 жұмыс күні", Lang: "kk"}},
	} {
		if diff := cmp.Diff(tt.want, f.ours(tt.text)); diff != "" {
			t.Errorf("%v:\n%s", tt.text, diff)
		}
	}
}

func TestTongue(t *testing.T) {
	f := Frame{Lang: "ru"}
	for text, want := range map[string]Wording{
		"":                {},
		"-":               {Text: "-"},
		"15 рабочих дней": {Text: "15 рабочих дней", Lang: "ru"},
		"«жеке сәйкестендіру нөмірі»": {Text: "«жеке сәйкестендіру нөмірі»", Lang: "kk", Other: true},
		`point 2: "получатель"`:       {Text: `point 2: "получатель"`, Lang: "en", Other: true},
		"step 3; печатается иначе":    {Text: "step 3; печатается иначе", Lang: "en", Other: true},
	} {
		if diff := cmp.Diff(want, f.tongue(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}
