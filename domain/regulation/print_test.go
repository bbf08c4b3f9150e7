package regulation_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/regulation"
)

// TestPrint lays every act beside its print (testdata/print): each wording stands there, and what is
// printed stands in the file, but for headings and the like that are listed.
func TestPrint(t *testing.T) {
	for _, a := range load(t).Acts {
		p := openPrint(t, a, "act")
		p.act(a)
		p.close()
		for _, s := range a.Services {
			p := openPrint(t, a, s.Slug)
			p.service(s)
			p.close()
		}
	}
}

// print is a printed text, and what of it was found in the file so far.
type print struct {
	t       *testing.T
	file    string // without its ending
	text    []rune // as printed
	letters string // its letters and digits
	at      []int  // of each byte of letters, the place in text
	covered []bool // of text
	cells   map[string]string
	langs   []string // that it is in
}

func openPrint(t *testing.T, act *regulation.Act, name string) *print {
	t.Helper()
	file := filepath.Join("testdata", "print", act.ID, name)
	text, err := os.ReadFile(file + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	p := &print{t: t, file: file, text: []rune(string(text)), cells: map[string]string{}, langs: act.Languages}
	p.covered = make([]bool, len(p.text))
	var letters strings.Builder
	for i, r := range p.text {
		if counts(r) {
			n, _ := letters.WriteRune(r)
			for range n {
				p.at = append(p.at, i)
			}
		}
	}
	p.letters = letters.String()
	cells, err := os.ReadFile(file + ".cells.txt")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(cells), "\n") {
		p.cells[essence(line)] = line
	}
	return p
}

// counts reports whether a change of the character would change the wording.
func counts(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func essence(s string) string {
	return strings.Map(func(r rune) rune {
		if counts(r) {
			return r
		}
		return -1
	}, s)
}

// says wants the texts to stand in the print. Wordings of ours are in languages that it does not have.
func (p *print) says(what string, texts ...regulation.Text) {
	p.t.Helper()
	for _, text := range texts {
		for lang, wording := range text {
			if !slices.Contains(p.langs, lang) || p.find(essence(wording)) {
				continue
			}
			cell, ok := p.cells[essence(wording)]
			for _, piece := range strings.Split(cell, "|") {
				ok = ok && p.find(essence(piece))
			}
			if !ok {
				p.t.Errorf("%s: %s is not in the print: %q", p.file, what, wording)
			}
		}
	}
}

// short is how many letters and digits are too few to say anything.
const short = 2

// find marks where the letters stand.
func (p *print) find(letters string) bool {
	from, found := 0, false
	for {
		i := strings.Index(p.letters[from:], letters)
		if i < 0 || letters == "" {
			return found || letters == ""
		}
		found = true
		if len([]rune(letters)) < short {
			return true
		}
		for j := range letters {
			p.covered[p.at[from+i+j]] = true
		}
		from += i + len(letters)
	}
}

func (p *print) act(a *regulation.Act) {
	p.says("title", a.Title)
	p.provisions(a.Provisions)
	p.says("agreement", a.Agreed...)
	p.says("signatory", a.Signatories...)
}

func (p *print) service(s *regulation.Service) {
	p.says("title", s.Title)
	p.provisions(s.Provisions)
	for _, system := range s.Systems {
		p.says("system", system.Title)
	}
	for _, phone := range s.Phones {
		p.says("phone", regulation.Text{"ru": phone})
	}
	for _, entry := range s.Legend {
		p.says("legend", entry.Wording)
	}
	for _, screen := range s.Screens {
		p.says("screen", screen.Title)
		p.says("field", screen.Fields...)
	}
	if q := s.Questionnaire; q != nil {
		p.says("questionnaire", q.Title)
		for _, question := range q.Questions {
			p.says("question", question.Wording)
			p.says("answer", question.Answers...)
		}
	}
	for _, procedure := range s.Procedures {
		p.procedure(procedure)
	}
}

func (p *print) provisions(provisions []regulation.Provision) {
	for _, provision := range provisions {
		p.says("provision "+provision.Number, provision.Wording)
		for _, part := range provision.Parts {
			p.says("provision "+provision.Number+", item "+part.Number, part.Wording)
		}
	}
}

func (p *print) procedure(procedure *regulation.Procedure) {
	p.says("heading", procedure.Heading)
	p.says("caption", procedure.Caption)
	for _, item := range procedure.Text {
		p.says("text", item.Wording)
	}
	for _, step := range procedure.Steps {
		p.says("actor", step.Actor.Printed)
		p.says("action", step.Wording)
		p.says("completion", step.Completion)
		p.says("deadline", step.Deadline.Printed)
		p.says("next", step.NextPrinted)
	}
}

// close compares what is left of the print with the list of it.
func (p *print) close() {
	p.t.Helper()
	file := p.file + ".rest.txt"
	got := p.rest()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		p.t.Errorf("%s: the print has more than the file, or less (-listed +left):\n%s", file, diff)
	}
}

// rest are the stretches of the print that were not found, one a line. A stretch goes on over signs and
// spaces; one without a word of three letters is none.
func (p *print) rest() string {
	var rest strings.Builder
	var stretch []rune
	end := func() {
		if text := strings.Join(strings.Fields(string(stretch)), " "); wordy(text) {
			rest.WriteString(text + "\n")
		}
		stretch = stretch[:0]
	}
	for i, r := range p.text {
		if p.covered[i] {
			end()
			continue
		}
		stretch = append(stretch, r)
	}
	end()
	return rest.String()
}

func wordy(text string) bool {
	letters := 0
	for _, r := range text {
		letters++
		if !unicode.IsLetter(r) {
			letters = 0
		}
		if letters == 3 {
			return true
		}
	}
	return false
}
