package regulation

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// The exported form: the acts without their services, every wording of every service, and every
// discrepancy, side by side. What an act does not have is null.
type exported struct {
	Acts          []exportedAct         `json:"acts"`
	Services      []exportedService     `json:"services"`
	Discrepancies []exportedDiscrepancy `json:"discrepancies"`
}

type exportedAct struct {
	ID            string       `json:"id"`
	Country       string       `json:"country"`
	Title         Text         `json:"title"`
	Kind          Text         `json:"kind"`
	Number        string       `json:"number"`
	Date          Date         `json:"date"`
	Body          Text         `json:"body"`
	Registration  Registration `json:"registration"`
	Repeal        *Repeal      `json:"repeal"`
	Amendments    []Amendment  `json:"amendments"`
	EffectiveFrom Date         `json:"effective_from"`
	Languages     []string     `json:"languages"` // of the print; wordings in others are ours
	Wording       string       `json:"wording"`   // the name of this content
	Provisions    []Provision  `json:"provisions"`
	Agreed        []Text       `json:"agreed"`
	Signatories   []Text       `json:"signatories"`
}

// exportedService has what people look for by name (units, conditions, viewing, phones) under that name;
// provisions has every item of the regulation in its order, these among them.
type exportedService struct {
	Slug          string              `json:"slug"`
	Act           string              `json:"act"`
	Title         Text                `json:"title"`
	TitleOurs     []string            `json:"title_ours"` // the languages in which the title is ours
	Activity      Text                `json:"activity"`
	Licensor      Licensor            `json:"licensor"`
	Standard      Text                `json:"standard"`
	Automation    Text                `json:"automation"`
	Requests      []Request           `json:"requests"`
	Applicants    []string            `json:"applicants"`
	Result        string              `json:"result"`
	Paid          bool                `json:"paid"`
	Systems       []ExternalSystem    `json:"systems"`
	Units         []Text              `json:"units"`
	Conditions    []Text              `json:"conditions"`
	Phones        []string            `json:"phones"`
	Viewing       []Text              `json:"viewing"`
	Screens       []Screen            `json:"screens"`
	Questionnaire *Questionnaire      `json:"questionnaire"`
	Legend        []LegendEntry       `json:"legend"`
	Provisions    []Provision         `json:"provisions"`
	Discrepancies []string            `json:"discrepancies"`
	Procedures    []exportedProcedure `json:"procedures"`
}

type exportedProcedure struct {
	Channel       Channel        `json:"channel"`
	Item          *string        `json:"item"`
	Heading       Text           `json:"heading"`
	Caption       Text           `json:"caption"`
	Discrepancies []string       `json:"discrepancies"`
	Text          []exportedItem `json:"text"`
	Steps         []exportedStep `json:"steps"`
}

type exportedItem struct {
	Kind    *string `json:"kind"`
	Number  *int    `json:"number"`
	Wording Text    `json:"wording"`
}

type exportedStep struct {
	Number        int              `json:"number"`
	Actor         Actor            `json:"actor"`
	Action        Action           `json:"action"`
	Wording       Text             `json:"wording"`
	Completion    Text             `json:"completion"`
	Deadline      exportedDeadline `json:"deadline"`
	NextPrinted   []Text           `json:"next_printed"`
	Next          []exportedEdge   `json:"next"`
	Discrepancies []string         `json:"discrepancies"`
}

type exportedDeadline struct {
	Printed   Text            `json:"printed"`
	Min       *int            `json:"min"`
	Max       *int            `json:"max"`
	Unit      *Unit           `json:"unit"`
	ByRequest map[Request]int `json:"by_request"`
}

// exportedEdge has no To where the procedure ends in a refusal without a step of its own, and no
// When where the step has one way on.
type exportedEdge struct {
	To   *int     `json:"to"`
	When *Outcome `json:"when"`
}

type exportedDiscrepancy struct {
	ID      string `json:"id"`
	Act     string `json:"act"`
	Cells   []Cell `json:"cells"`
	Place   Text   `json:"place"`
	Printed Text   `json:"printed"`
	Against Text   `json:"against"`
	Effect  Text   `json:"effect"`
	Reason  Text   `json:"reason"`
}

// ExportJSON writes the whole catalog as one indented JSON document
// {acts[], services[], discrepancies[]}.
func ExportJSON(w io.Writer, c *Catalog) error {
	e := exported{Acts: []exportedAct{}, Services: []exportedService{}, Discrepancies: []exportedDiscrepancy{}}
	for _, a := range c.Acts {
		e.Acts = append(e.Acts, exportedAct{
			ID: a.ID, Country: a.Country, Title: a.Title, Kind: a.Kind, Number: a.Number, Date: a.Date, Body: a.Body,
			Registration: a.Registration, Repeal: a.Repeal, Amendments: list(a.Amendments), EffectiveFrom: a.EffectiveFrom,
			Languages: a.Languages, Wording: a.Wording, Provisions: a.Provisions, Agreed: a.Agreed, Signatories: a.Signatories,
		})
		for _, s := range a.Services {
			e.Services = append(e.Services, exportService(s))
		}
		for _, d := range a.Discrepancies {
			e.Discrepancies = append(e.Discrepancies, exportedDiscrepancy{
				ID: d.ID, Act: a.ID, Cells: list(d.Cells), Place: d.Place, Printed: given(d.Printed), Against: given(d.Against), Effect: d.Effect, Reason: d.Reason,
			})
		}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(e); err != nil {
		return fmt.Errorf("export regulations: %w", err)
	}
	return nil
}

func exportService(s *Service) exportedService {
	e := exportedService{
		Slug: s.Slug, Act: s.Act.ID, Title: s.Title, TitleOurs: s.ours(), Activity: s.Activity, Licensor: s.Licensor, Standard: s.Standard,
		Automation: s.Automation, Requests: s.Requests, Applicants: s.Applicants, Result: s.Result, Paid: s.Paid,
		Systems: s.Systems, Units: s.Parts(Units), Conditions: s.Parts(Conditions), Phones: s.Phones, Viewing: s.Parts(Viewing),
		Screens: s.Screens, Questionnaire: s.Questionnaire, Legend: s.Legend, Provisions: s.Provisions,
		Discrepancies: list(s.Discrepancies), Procedures: []exportedProcedure{},
	}
	for _, p := range s.Procedures {
		ep := exportedProcedure{
			Channel: p.Channel, Item: null(p.Item), Heading: given(p.Heading), Caption: given(p.Caption),
			Discrepancies: list(p.Discrepancies), Text: []exportedItem{}, Steps: []exportedStep{},
		}
		for _, item := range p.Text {
			ep.Text = append(ep.Text, exportedItem{Kind: null(item.Kind), Number: item.Number, Wording: item.Wording})
		}
		for _, step := range p.Steps {
			ep.Steps = append(ep.Steps, exportStep(step))
		}
		e.Procedures = append(e.Procedures, ep)
	}
	return e
}

func exportStep(s *Step) exportedStep {
	e := exportedStep{
		Number: s.Number, Actor: Actor{Printed: given(s.Actor.Printed), Role: s.Actor.Role}, Action: s.Action,
		Wording: given(s.Wording), Completion: given(s.Completion),
		Deadline: exportedDeadline{
			Printed: given(s.Deadline.Printed), Min: s.Deadline.Min, Max: s.Deadline.Max, Unit: null(s.Deadline.Unit),
		},
		NextPrinted: s.alternatives(), Next: []exportedEdge{}, Discrepancies: list(s.Discrepancies),
	}
	if len(s.Deadline.ByRequest) > 0 {
		e.Deadline.ByRequest = s.Deadline.ByRequest
	}
	for _, edge := range s.Next {
		e.Next = append(e.Next, exportedEdge{To: null(edge.To), When: null(edge.When)})
	}
	return e
}

// ours are the languages of the title that the act is not printed in.
func (s *Service) ours() []string {
	ours := []string{}
	for _, lang := range languages {
		if s.Title[lang] != "" && !slices.Contains(s.Act.Languages, lang) {
			ours = append(ours, lang)
		}
	}
	return ours
}

// alternative is the beginning of a further alternative in a printed cell: "2 – if so; 3 – if not".
var alternative = regexp.MustCompile(`[;,]\s+\d+\s*[-–—]`)

// alternatives are what the printed cell names as next, one by one; none for an empty cell, nil for one
// that a cut table lost.
func (s *Step) alternatives() []Text {
	if s.NextPrinted == nil {
		return nil
	}
	list := []Text{}
	for lang, cell := range s.NextPrinted {
		from := 0
		for i, at := range append(alternative.FindAllStringIndex(cell, -1), []int{len(cell), 0}) {
			if i == len(list) {
				list = append(list, Text{})
			}
			list[i][lang] = strings.TrimRight(cell[from:at[0]], " ;,")
			from = min(at[0]+2, len(cell))
		}
	}
	return list
}

// given is the text without blank wordings, nil where nothing is left: a cell that is empty or cut.
func given(t Text) Text {
	var out Text
	for lang, wording := range t {
		if wording == "" {
			continue
		}
		if out == nil {
			out = Text{}
		}
		out[lang] = wording
	}
	return out
}

// null is nil for a zero value: what the act does not have.
func null[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// list is never nil, so that an empty list is [] in JSON.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}
