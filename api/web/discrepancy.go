package web

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tizilim/tizilim/domain/regulation"
)

// Mark leads from what is printed to a discrepancy that concerns it.
type Mark struct {
	ID    string // of the discrepancy, its anchor
	Text  string // its number in the act
	Label string // what the number alone does not say
}

// Conflict is a discrepancy: where the act contradicts itself; Facts say what is printed, what stands
// against it, what is in effect and why.
type Conflict struct {
	Mark
	Place Wording
	Facts []Fact
	Steps []Mark // the steps that it concerns
}

// mark makes the mark of the act's discrepancy with the index.
func mark(f Frame, a *regulation.Act, i int) Mark {
	number := strconv.Itoa(i + 1)
	return Mark{ID: a.Discrepancies[i].ID, Text: number, Label: f.T("discrepancy.number", "n", number)}
}

// marks are the marks of those discrepancies that concern what is asked for, in the order of the act.
func marks(f Frame, a *regulation.Act, ids []string, concerns func(regulation.Discrepancy) bool) []Mark {
	var list []Mark
	for i, d := range a.Discrepancies {
		if slices.Contains(ids, d.ID) && concerns(d) {
			list = append(list, mark(f, a, i))
		}
	}
	return list
}

// conflicts are the act's discrepancies that are wanted, in its order.
func conflicts(f Frame, a *regulation.Act, wanted func(regulation.Discrepancy) bool) []Conflict {
	var list []Conflict
	for i, d := range a.Discrepancies {
		if wanted(d) {
			list = append(list, Conflict{Mark: mark(f, a, i), Place: f.ours(d.Place), Facts: given(
				Fact{Name: f.T("discrepancy.printed"), Value: f.ours(d.Printed)},
				Fact{Name: f.T("discrepancy.against"), Value: f.ours(d.Against)},
				Fact{Name: f.T("discrepancy.effect"), Value: f.ours(d.Effect)},
				Fact{Name: f.T("discrepancy.reason"), Value: f.ours(d.Reason)},
			)})
		}
	}
	return list
}

// serviceConflicts are the discrepancies of a service as a whole, and those of the act itself.
func serviceConflicts(f Frame, s *regulation.Service) []Conflict {
	return conflicts(f, s.Act, func(d regulation.Discrepancy) bool {
		return slices.Contains(s.Discrepancies, d.ID) || strings.HasPrefix(d.Place["en"], "act")
	})
}

// procedureConflicts are the discrepancies of a procedure's text and of its steps.
func procedureConflicts(f Frame, p *regulation.Procedure) []Conflict {
	list := conflicts(f, p.Service.Act, func(d regulation.Discrepancy) bool { return slices.Contains(concerning(p), d.ID) })
	for i := range list {
		for _, step := range p.Steps {
			if slices.Contains(step.Discrepancies, list[i].ID) {
				n := strconv.Itoa(step.Number)
				list[i].Steps = append(list[i].Steps, Mark{ID: "step-" + n, Text: n, Label: f.T("procedure.step", "n", n)})
			}
		}
	}
	return list
}

// concerning are the ids of all discrepancies that a procedure or a step of it names.
func concerning(p *regulation.Procedure) []string {
	ids := slices.Clone(p.Discrepancies)
	for _, step := range p.Steps {
		ids = append(ids, step.Discrepancies...)
	}
	return ids
}

// cellWord finds in a place the cells of a step that it names.
var cellWord = regexp.MustCompile(`\b(actor|action|completion|deadline|next|wording)\b`)

// cellsOf are the cells of a step that a discrepancy is about: those that it says, and those that its
// place names. None means the step as a whole. A wording is that of the action, unless it is that of a
// cell that is named too.
func cellsOf(d regulation.Discrepancy) []string {
	named := cellWord.FindAllString(d.Place["en"], -1)
	for _, cell := range d.Cells {
		if cell != regulation.CutCell {
			named = append(named, string(cell))
		}
	}
	others := slices.DeleteFunc(slices.Clone(named), func(cell string) bool { return cell == "wording" })
	if len(others) == 0 && len(named) > 0 {
		return []string{"action"}
	}
	return others
}

// itemWord finds in a place the channels, and the items of the numbered text: "process 11",
// "processes 1 and 2". What comes after "against" is not the place itself.
var itemWord = regexp.MustCompile(`\b(?:(portal|office|center)|(process|condition)(?:es|s)?((?:(?:,| and)? \d+)+)|(against))\b`)

var digits = regexp.MustCompile(`\d+`)

// namesItem reports whether a place names the item of the channel's text: after the channel's name, or
// where it names no channel before.
func namesItem(place string, channel regulation.Channel, kind, number string) bool {
	var channels []string // the last ones named
	adding, against := false, false
	for _, m := range itemWord.FindAllStringSubmatch(place, -1) {
		switch {
		case m[1] != "":
			if !adding {
				channels = nil
			}
			channels, adding = append(channels, m[1]), true
		case m[4] != "":
			channels, adding, against = nil, false, true
		default:
			adding = false
			meant := slices.Contains(channels, string(channel)) || len(channels) == 0 && !against
			if meant && m[2] == kind && slices.Contains(digits.FindAllString(m[3], -1), number) {
				return true
			}
		}
	}
	return false
}

// ours is what we say of an act. It quotes the act, and a quotation that stands by itself is in the act's
// language whatever the rest is in.
func (f Frame) ours(t regulation.Text) Wording {
	w := f.wording(t)
	if w.Lang == "en" {
		w = f.tongue(w.Text)
	}
	return w
}

// tongue is a text that does not say its language, with the language of its first letter.
func (f Frame) tongue(text string) Wording {
	first := strings.IndexFunc(text, unicode.IsLetter)
	if first < 0 {
		return Wording{Text: text}
	}
	lang := "en"
	if letter, _ := utf8.DecodeRuneInString(text[first:]); unicode.Is(unicode.Cyrillic, letter) {
		lang = "ru"
		if strings.ContainsAny(strings.ToLower(text), "әғқңөұүһі") {
			lang = "kk"
		}
	}
	return Wording{Text: text, Lang: lang, Other: lang != f.Lang}
}
