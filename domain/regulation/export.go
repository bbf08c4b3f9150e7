package regulation

import (
	"encoding/json"
	"fmt"
	"io"
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
}

type exportedService struct {
	Slug          string              `json:"slug"`
	Act           string              `json:"act"`
	Title         Text                `json:"title"`
	Activity      Text                `json:"activity"`
	Licensor      Licensor            `json:"licensor"`
	Standard      Text                `json:"standard"`
	Automation    Text                `json:"automation"`
	Requests      []Request           `json:"requests"`
	Applicants    []string            `json:"applicants"`
	Result        string              `json:"result"`
	Paid          bool                `json:"paid"`
	Discrepancies []string            `json:"discrepancies"`
	Procedures    []exportedProcedure `json:"procedures"`
}

type exportedProcedure struct {
	Channel       Channel        `json:"channel"`
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
	NextPrinted   *string          `json:"next_printed"`
	Next          []exportedEdge   `json:"next"`
	Discrepancies []string         `json:"discrepancies"`
}

type exportedDeadline struct {
	Printed   *string         `json:"printed"`
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
	Place   string `json:"place"`
	Printed string `json:"printed"`
	Against string `json:"against"`
	Effect  string `json:"effect"`
	Reason  string `json:"reason"`
}

// ExportJSON writes the whole catalog as one indented JSON document
// {acts[], services[], discrepancies[]}.
func ExportJSON(w io.Writer, c *Catalog) error {
	e := exported{Acts: []exportedAct{}, Services: []exportedService{}, Discrepancies: []exportedDiscrepancy{}}
	for _, a := range c.Acts {
		e.Acts = append(e.Acts, exportedAct{
			ID: a.ID, Country: a.Country, Title: a.Title, Kind: a.Kind, Number: a.Number, Date: a.Date, Body: a.Body,
			Registration: a.Registration, Repeal: a.Repeal, Amendments: list(a.Amendments), EffectiveFrom: a.EffectiveFrom,
		})
		for _, s := range a.Services {
			e.Services = append(e.Services, exportService(s))
		}
		for _, d := range a.Discrepancies {
			e.Discrepancies = append(e.Discrepancies, exportedDiscrepancy{
				ID: d.ID, Act: a.ID, Place: d.Place, Printed: d.Printed, Against: d.Against, Effect: d.Effect, Reason: d.Reason,
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
		Slug: s.Slug, Act: s.Act.ID, Title: s.Title, Activity: s.Activity, Licensor: s.Licensor, Standard: s.Standard,
		Automation: s.Automation, Requests: s.Requests, Applicants: s.Applicants, Result: s.Result, Paid: s.Paid,
		Discrepancies: list(s.Discrepancies), Procedures: []exportedProcedure{},
	}
	for _, p := range s.Procedures {
		ep := exportedProcedure{
			Channel: p.Channel, Discrepancies: list(p.Discrepancies), Text: []exportedItem{}, Steps: []exportedStep{},
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
			Printed: null(s.Deadline.Printed), Min: s.Deadline.Min, Max: s.Deadline.Max, Unit: null(s.Deadline.Unit),
		},
		NextPrinted: null(s.NextPrinted), Next: []exportedEdge{}, Discrepancies: list(s.Discrepancies),
	}
	if len(s.Deadline.ByRequest) > 0 {
		e.Deadline.ByRequest = s.Deadline.ByRequest
	}
	for _, edge := range s.Next {
		e.Next = append(e.Next, exportedEdge{To: null(edge.To), When: null(edge.When)})
	}
	return e
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
