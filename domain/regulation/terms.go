package regulation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// SetTerm is a term that a licensor set for a step to which the act gives none, by an act of its own.
type SetTerm struct {
	Service string  `yaml:"service"`
	Channel Channel `yaml:"channel"`
	Step    int     `yaml:"step"`
	// Requests are the kinds of request that it is for; empty for all.
	Requests []Request `yaml:"requests"`
	Term     int       `yaml:"term"`
	Unit     Unit      `yaml:"unit"`
	From     Date      `yaml:"from"`  // first day on which a step entered has the term
	Basis    string    `yaml:"basis"` // the licensor's act

	line int
}

// UnmarshalYAML keeps the line.
func (t *SetTerm) UnmarshalYAML(node ast.Node) error {
	type plain SetTerm
	t.line = line(node)
	return yaml.NodeToValue(node, (*plain)(t), yaml.Strict())
}

// Terms are the terms that licensors set. Nil Terms are none.
type Terms []SetTerm

// For is the term set for a step that is entered on the day by a request of the kind: the latest one
// that has begun by then.
func (t Terms) For(p *Procedure, step *Step, r Request, on Date) (SetTerm, bool) {
	var found SetTerm
	for _, set := range t {
		if set.concerns(p, step.Number) && set.holds(r) && set.From <= on && (found.Term == 0 || set.From > found.From) {
			found = set
		}
	}
	return found, found.Term != 0
}

func (t SetTerm) concerns(p *Procedure, step int) bool {
	return t.Service == p.Service.Slug && t.Channel == p.Channel && t.Step == step
}

func (t SetTerm) holds(r Request) bool { return len(t.Requests) == 0 || slices.Contains(t.Requests, r) }

// ParseTerms reads a file of terms and checks it against the acts:
//
//	terms:
//	  - service: import-permit
//	    channel: portal
//	    step: 6
//	    requests: [issue]        # all kinds where left out
//	    term: 3
//	    unit: working_days       # or seconds
//	    from: 2026-01-01
//	    basis: Order of the licensor No 7 of 20 December 2025
//
// A term for a step that has one by the act, in any wording, is refused: the act decides. What is wrong
// is a *Problem with the line.
func ParseTerms(name string, text []byte, c *Catalog) (Terms, error) {
	root, err := document(name, "list of terms", text)
	if err != nil {
		return nil, err
	}
	var f struct {
		Terms Terms `yaml:"terms"`
	}
	if err := yaml.NodeToValue(root, &f, yaml.Strict()); err != nil {
		return nil, problem(name, err)
	}
	for i, t := range f.Terms {
		if reason := t.unsound(c); reason != "" {
			return nil, &Problem{File: name, Line: t.line, Reason: reason}
		}
		for _, other := range f.Terms[:i] {
			if t.meets(other) {
				return nil, &Problem{File: name, Line: t.line, Reason: fmt.Sprintf("the term at line %d is for the same step and request from the same day", other.line)}
			}
		}
	}
	return f.Terms, nil
}

// unsound is what is wrong with a term, empty for one that is sound.
func (t SetTerm) unsound(c *Catalog) string {
	_, err := time.Parse(time.DateOnly, string(t.From))
	switch {
	case err != nil:
		return fmt.Sprintf("from %q is no day YYYY-MM-DD", t.From)
	case t.Term < 1:
		return fmt.Sprintf("term %d is none", t.Term)
	case t.Unit != Seconds && t.Unit != WorkingDays:
		return fmt.Sprintf("unknown unit %q", t.Unit)
	case strings.TrimSpace(t.Basis) == "":
		return "a term needs its basis: the act by which it was set"
	}
	for _, r := range t.Requests {
		if !slices.Contains(byRequest, r) {
			return fmt.Sprintf("unknown request %q", r)
		}
	}
	found := false
	for _, a := range c.Acts {
		for _, s := range a.Services {
			for _, p := range s.Procedures {
				if step := p.Step(t.Step); step != nil && t.concerns(p, step.Number) {
					found = true
					if step.Deadline.Max != nil {
						return fmt.Sprintf("act %s gives step %d a term: %s", a.ID, t.Step, step.Deadline)
					}
				}
			}
		}
	}
	if !found {
		return fmt.Sprintf("no step %d of %s through %s", t.Step, t.Service, t.Channel)
	}
	return ""
}

// meets reports whether both would hold for the same step, request and first day.
func (t SetTerm) meets(o SetTerm) bool {
	if t.Service != o.Service || t.Channel != o.Channel || t.Step != o.Step || t.From != o.From {
		return false
	}
	return slices.ContainsFunc(byRequest, func(r Request) bool { return t.holds(r) && o.holds(r) })
}
