package regulation

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/tizilim/tizilim/domain"
)

// Survey counts what there is in a procedure. Counting goes every way through it, with nothing but
// what the state machine uses.
type Survey struct {
	Service    string  `json:"service"`
	Channel    Channel `json:"channel"`
	Act        string  `json:"act"`
	Processes  int     `json:"processes"`  // items of the text
	Conditions int     `json:"conditions"` // items of the text
	Steps      int     `json:"steps"`
	Reached    int     `json:"reached"`  // of the steps, on some way
	Branches   int     `json:"branches"` // steps with several ways on
	Ways       int     `json:"ways"`     // from the first step to an end
	Results    int     `json:"results"`  // of the ways, those that end with a result
	Refusals   int     `json:"refusals"` // and those that end with a refusal
	Terms      int     `json:"terms"`    // steps with a deadline
	NoTerm     int     `json:"no_term"`  // steps to which the act gives none
	// Discrepancies are those of the service, the procedure and its steps, each once.
	Discrepancies int `json:"discrepancies"`
}

// Survey surveys the procedure. domain.ErrInvalid where a step is on no way, a way does not end in a
// result or a refusal, a branch has no condition, or a printed deadline cannot be read: none of which
// the checks let pass.
func (p *Procedure) Survey() (Survey, error) {
	v := Survey{Service: p.Service.Slug, Channel: p.Channel, Act: p.Service.Act.ID, Steps: len(p.Steps)}
	for _, item := range p.Text {
		switch item.Kind {
		case "process":
			v.Processes++
		case "condition":
			v.Conditions++
		}
	}
	named := slices.Concat(p.Service.Discrepancies, p.Discrepancies)
	for _, s := range p.Steps {
		named = append(named, s.Discrepancies...)
		if err := v.step(s); err != nil {
			return v, fmt.Errorf("%s through %s, step %d: %w: %w", v.Service, v.Channel, s.Number, domain.ErrInvalid, err)
		}
	}
	slices.Sort(named)
	v.Discrepancies = len(slices.Compact(named))
	reached := map[int]bool{}
	if err := v.follow(p, p.Start(), reached, 1); err != nil {
		return v, fmt.Errorf("%s through %s: %w: %w", v.Service, v.Channel, domain.ErrInvalid, err)
	}
	if v.Reached = len(reached); v.Reached != v.Steps || v.Results == 0 {
		return v, fmt.Errorf("%s through %s: %d of %d steps reached, %d ways to a result: %w", v.Service, v.Channel, v.Reached, v.Steps, v.Results, domain.ErrInvalid)
	}
	return v, nil
}

func (v *Survey) step(s *Step) error {
	if len(s.Next) > 1 {
		v.Branches++
		for _, e := range s.Next {
			if e.When == Always {
				return fmt.Errorf("the branch to step %d has no condition", e.To)
			}
		}
	}
	if s.Deadline.Max == nil {
		v.NoTerm++
	} else {
		v.Terms++
	}
	for _, printed := range s.Deadline.Printed {
		if _, err := ParseDeadline(printed); err != nil {
			return err
		}
	}
	return nil
}

// follow goes on from a step by every outcome to the end.
func (v *Survey) follow(p *Procedure, s *Step, reached map[int]bool, length int) error {
	if s == nil || length > len(p.Steps) {
		return fmt.Errorf("a way of %d steps has no end", length)
	}
	reached[s.Number] = true
	edges := s.Next
	if len(edges) == 0 {
		edges = []Edge{{}}
	}
	for _, e := range edges {
		next, end, ok := p.Follow(s, e.When)
		switch {
		case !ok:
			return fmt.Errorf("step %d has no way on when %s", s.Number, e.When)
		case end:
			v.end(s, e)
		default:
			if err := v.follow(p, next, reached, length+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Survey) end(s *Step, e Edge) {
	v.Ways++
	if s.Action.Result() && e.When != Refused {
		v.Results++
		return
	}
	v.Refusals++
}

// Surveys surveys every procedure in its newest wording.
func (c *Catalog) Surveys() ([]Survey, error) {
	var all []Survey
	for _, s := range c.Services() {
		for _, p := range s.Procedures {
			v, err := p.Survey()
			if err != nil {
				return nil, err
			}
			all = append(all, v)
		}
	}
	return all, nil
}

// WriteSurveys writes a line for each procedure, and what all of them come to.
func WriteSurveys(w io.Writer, c *Catalog) error {
	all, err := c.Surveys()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "SERVICE\tCHANNEL\tPROCESSES\tCONDITIONS\tSTEPS\tREACHED\tBRANCHES\tWAYS\tRESULTS\tREFUSALS\tTERMS\tNO TERM\tDISCREPANCIES")
	var sum Survey
	for _, v := range all {
		fmt.Fprintf(tab, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", v.Service, v.Channel, v.Processes, v.Conditions,
			v.Steps, v.Reached, v.Branches, v.Ways, v.Results, v.Refusals, v.Terms, v.NoTerm, v.Discrepancies)
		sum.add(v)
	}
	if err := tab.Flush(); err != nil {
		return fmt.Errorf("survey of procedures: %w", err)
	}
	discrepancies, provisions := 0, 0
	for _, a := range c.Acts {
		discrepancies += len(a.Discrepancies)
		provisions += len(a.Provisions)
		for _, s := range a.Services {
			provisions += len(s.Provisions)
		}
	}
	fmt.Fprintf(&b, `
%d acts, %d services, %d procedures: %d processes and %d conditions of the text, %d steps, %d further provisions, %d discrepancies.
Every step is reached. All %d ways end: %d with a result, %d with a refusal. All %d branches have their conditions.
Every printed deadline was read: %d steps have a term, to %d the act gives none.
`, len(c.Acts), len(c.Services()), len(all), sum.Processes, sum.Conditions, sum.Steps, provisions, discrepancies,
		sum.Ways, sum.Results, sum.Refusals, sum.Branches, sum.Terms, sum.NoTerm)
	return write(w, &b)
}

func (v *Survey) add(o Survey) {
	v.Processes, v.Conditions = v.Processes+o.Processes, v.Conditions+o.Conditions
	v.Steps, v.Branches, v.Ways = v.Steps+o.Steps, v.Branches+o.Branches, v.Ways+o.Ways
	v.Results, v.Refusals, v.Terms, v.NoTerm = v.Results+o.Results, v.Refusals+o.Refusals, v.Terms+o.Terms, v.NoTerm+o.NoTerm
}
