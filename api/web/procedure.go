package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/regulation/diagram"
)

// ProcedurePage is a procedure as a lawyer lays it beside the printed act: the diagram, the numbered text,
// the step table with what is printed and what is in effect, and the discrepancies between them.
type ProcedurePage struct {
	Frame
	Service    Wording
	ServiceURL string
	Through    string
	Notice     string // that another wording is in force
	InForce    string // address of that
	Facts      []Fact
	Drawing    template.HTML
	SVG, BPMN  string // addresses
	Heading    Wording
	Marks      []Mark // of the text as a whole
	Items      []Item
	Caption    Wording
	Steps      []StepCells
	Conflicts  []Conflict
}

// Item is an item of the numbered text; ID and Name are empty where it has no number.
type Item struct {
	ID      string // anchor
	Name    string
	Wording Wording
	Marks   []Mark
}

// Cell is a printed cell. Gap says why there is nothing.
type Cell struct {
	Print Wording
	Gap   string
	Marks []Mark
}

// StepCells is a step: the printed cells, and what is in effect.
type StepCells struct {
	Number                                    int
	Name                                      string // of the action
	Marks                                     []Mark // of the step as a whole
	Action, Actor, Completion, Deadline, Next Cell
	Role                                      string
	Terms                                     []string // the deadline, by kind of request where the act differs
	NoTerm                                    bool     // none is in effect
	SetTerms                                  []string // by the licensor, where the act gives none
	Ways                                      []Way
}

// Way is what follows a step: another one, or with 0 the end.
type Way struct {
	When string
	To   int
	Text string
}

func (s *Site) procedure(w http.ResponseWriter, r *http.Request) error {
	service, act, err := s.worded(r)
	if err != nil {
		return err
	}
	p, err := service.Procedure(regulation.Channel(r.PathValue("channel")))
	if err != nil {
		return err
	}
	f := s.frame(r, "service")
	page := ProcedurePage{
		Frame: f, Service: f.wording(service.Title), ServiceURL: serviceURL(service.Slug, act),
		Through: f.T("procedure.through." + string(p.Channel)), Notice: notice(f, service, act), InForce: procedureURL(p, ""),
		Facts: procedureFacts(f, p, act), Heading: f.wording(p.Heading), Caption: f.wording(p.Caption), Conflicts: procedureConflicts(f, p),
	}
	page.Title = page.Service.Text + " — " + page.Through
	if page.Drawing, err = drawing(f, p); err != nil {
		return err
	}
	page.SVG, page.BPMN = drawingURL(f, p, act, "svg"), drawingURL(f, p, act, "bpmn")
	page.Items, page.Marks = items(f, p)
	for _, step := range p.Steps {
		cells := stepCells(f, p, step)
		cells.SetTerms = s.setTerms(f, p, step)
		page.Steps = append(page.Steps, cells)
	}
	return s.render(w, r, "procedure", http.StatusOK, page)
}

// procedureFacts are the lines about the procedure, with the ways to the others of its service.
func procedureFacts(f Frame, p *regulation.Procedure, act string) []Fact {
	list := []Fact{
		{Name: f.T("license.licensor"), Value: f.wording(p.Service.Licensor.Title)},
		fact(f, "act.act", actName(f, p.Service.Act)),
		fact(f, "act.registration", f.T("act.entry", "number", p.Service.Act.Registration.Number, "date", f.Day(string(p.Service.Act.Registration.Date)))),
		fact(f, "service.requests", words(f, "request.", p.Service.Requests)),
	}
	for _, other := range p.Service.Procedures {
		if other != p {
			through := Wording{Text: f.T("procedure.through." + string(other.Channel))}
			list = append(list, Fact{Name: f.T("procedure.other"), Value: through, URL: procedureURL(other, act)})
		}
	}
	return list
}

// drawing is the diagram as an element of the page, its steps links to their rows of the table. It is
// made of the act's texts by code that escapes them, so it needs no escaping again.
func drawing(f Frame, p *regulation.Procedure) (template.HTML, error) {
	var svg bytes.Buffer
	if err := diagram.SVG(&svg, p, diagram.Options{Lang: f.Lang, Anchor: "#step-"}); err != nil {
		return "", fmt.Errorf("%w: %w", domain.ErrDamaged, err) // no address could do better
	}
	return template.HTML(svg.String()), nil
}

func drawingURL(f Frame, p *regulation.Procedure, act, extension string) string {
	query := "?lang=" + f.Lang
	if act != "" {
		query += "&act=" + act
	}
	return "/api/v1/services/" + p.Service.Slug + "/procedures/" + string(p.Channel) + "/diagram." + extension + query
}

// items are the items of the text with the marks of what concerns each, and the marks of what concerns
// the text and none of its items.
func items(f Frame, p *regulation.Procedure) (list []Item, whole []Mark) {
	placed := map[string]bool{}
	for _, printed := range p.Text {
		item := Item{Wording: f.wording(printed.Wording)}
		if printed.Number != nil {
			n := strconv.Itoa(*printed.Number)
			item.ID, item.Name = printed.Kind+"-"+n, f.T("procedure."+printed.Kind, "n", n)
			item.Marks = marks(f, p.Service.Act, concerning(p), func(d regulation.Discrepancy) bool {
				return namesItem(d.Place["en"], p.Channel, printed.Kind, n)
			})
		}
		for _, m := range item.Marks {
			placed[m.ID] = true
		}
		list = append(list, item)
	}
	for _, m := range marks(f, p.Service.Act, p.Discrepancies, func(regulation.Discrepancy) bool { return true }) {
		if !placed[m.ID] {
			whole = append(whole, m)
		}
	}
	return list, whole
}

func stepCells(f Frame, p *regulation.Procedure, s *regulation.Step) StepCells {
	of := func(cell string) []Mark {
		return marks(f, p.Service.Act, s.Discrepancies, func(d regulation.Discrepancy) bool {
			cells := cellsOf(d)
			return len(cells) == 0 && cell == "" || slices.Contains(cells, cell)
		})
	}
	cell := func(name string, printed regulation.Text) Cell {
		return Cell{Print: f.cell(p.Service.Act, printed), Gap: gap(f, p.Service.Act, printed), Marks: of(name)}
	}
	return StepCells{
		Number: s.Number, Name: f.T("action." + string(s.Action)), Marks: of(""),
		Action: cell("action", s.Wording), Actor: cell("actor", s.Actor.Printed), Completion: cell("completion", s.Completion),
		Deadline: cell("deadline", s.Deadline.Printed), Next: cell("next", s.NextPrinted),
		Role: f.T("actor." + string(s.Actor.Role)), Terms: inEffect(f, p.Service.Act, s.Deadline), NoTerm: s.Deadline.Max == nil,
		Ways: ways(f, s),
	}
}

// cell is a printed cell in the page's language where the act is printed in that, else in the act's first.
// One that is empty there is empty, whatever the act prints in another language.
func (f Frame) cell(a *regulation.Act, printed regulation.Text) Wording {
	w := Wording{Text: a.Printed(printed, f.Lang), Lang: f.Lang}
	if !slices.Contains(a.Languages, f.Lang) {
		w.Lang, w.Other = a.Languages[0], true
	}
	return w
}

// gap says why a cell shows nothing: it is empty, or lost with a part of the table.
func gap(f Frame, a *regulation.Act, printed regulation.Text) string {
	switch {
	case printed == nil:
		return f.T("procedure.cell-lost")
	case a.Printed(printed, f.Lang) == "":
		return f.T("procedure.cell-empty")
	}
	return ""
}

// inEffect are the terms in effect. What the act does not give is said to be absent; what it prints here may
// be in effect on another step.
func inEffect(f Frame, a *regulation.Act, d regulation.Deadline) []string {
	printed, err := regulation.ParseDeadline(a.Printed(d.Printed, f.Lang))
	switch {
	case d.Max == nil && err == nil && printed.Max != nil:
		return []string{f.T("procedure.no-own-term")}
	case d.Max == nil:
		return []string{f.T("procedure.no-term")}
	}
	return f.terms(d)
}

// ways are what follows a step in effect.
func ways(f Frame, s *regulation.Step) []Way {
	if len(s.Next) == 0 {
		return []Way{{Text: f.T("procedure.end")}}
	}
	var list []Way
	for _, e := range s.Next {
		way := Way{To: e.To, Text: f.T("procedure.end")}
		if e.To != 0 {
			way.Text = f.T("procedure.step", "n", strconv.Itoa(e.To))
		}
		if e.When != regulation.Always {
			way.When = f.T("branch." + string(e.When))
		}
		list = append(list, way)
	}
	return list
}
