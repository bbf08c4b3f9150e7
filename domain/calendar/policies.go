package calendar

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/tizilim/tizilim/domain"
)

// Policies are the policies of the licensors, each since a day, because hours change and a term that
// began under the old ones has to be explained by them. Nil Policies give everyone the usual one.
type Policies struct {
	name      string // of the file
	usual     []dated
	licensors map[string][]dated
}

// dated is a policy from a day on.
type dated struct {
	line int
	from Day
	Policy
}

// For is the policy of the licensor on the day: its own, else the one under "default", else the usual
// one, which is the zero Policy.
func (p *Policies) For(licensor string, on Day) Policy {
	if p == nil {
		return Policy{}
	}
	for _, list := range [][]dated{p.licensors[licensor], p.usual} {
		for _, d := range slices.Backward(list) {
			if d.from <= on {
				return d.Policy
			}
		}
	}
	return Policy{}
}

// Check wants every licensor that has a policy to be known; one that is not is a *Problem with the line:
// its policy would never hold, and nobody would know why.
func (p *Policies) Check(known func(licensor string) bool) error {
	if p == nil {
		return nil
	}
	for _, licensor := range slices.Sorted(maps.Keys(p.licensors)) {
		if list := p.licensors[licensor]; len(list) > 0 && !known(licensor) {
			return &Problem{File: p.name, Line: list[0].line, Reason: fmt.Sprintf("no act knows a licensor %q", licensor)}
		}
	}
	return nil
}

// ParsePolicies reads a file of policies:
//
//	default:
//	  - {hours: "09:00-18:30", basis: Standard of the service, item 10}
//	licensors:
//	  minjust:
//	    - {hours: "09:00-18:30"}
//	    - {from: 2014-01-01, hours: "09:00-18:00", after_hours: same-day, days_off: same-day, basis: Order No 7}
//
// default and licensors may be left out, and in an entry all but hours: from is the beginning of time
// then, and the rules are next-working-day. What is wrong is a *Problem with the line.
func ParsePolicies(name string, text []byte) (*Policies, error) {
	var f struct {
		Default   []policyEntry            `yaml:"default"`
		Licensors map[string][]policyEntry `yaml:"licensors"`
	}
	if _, err := decode(name, text, &f); err != nil {
		return nil, err
	}
	p := &Policies{name: name, licensors: map[string][]dated{}}
	var err error
	if p.usual, err = inOrder(name, f.Default); err != nil {
		return nil, err
	}
	for licensor, entries := range f.Licensors {
		if p.licensors[licensor], err = inOrder(name, entries); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type policyEntry struct {
	line       int
	From       Day    `yaml:"from"`
	Hours      string `yaml:"hours"`
	AfterHours Rule   `yaml:"after_hours"`
	DaysOff    Rule   `yaml:"days_off"`
	Basis      string `yaml:"basis"`
}

// UnmarshalYAML keeps the line.
func (e *policyEntry) UnmarshalYAML(node ast.Node) error {
	type plain policyEntry
	e.line = lineOf(node)
	return decodeNode(node, (*plain)(e))
}

// inOrder checks the entries of one licensor: sound, and in the order of the days they begin on.
func inOrder(name string, entries []policyEntry) ([]dated, error) {
	var list []dated
	for _, e := range entries {
		d, err := e.policy()
		if err != nil {
			return nil, &Problem{File: name, Line: e.line, Reason: err.Error()}
		}
		if n := len(list); n > 0 && list[n-1].from >= d.from {
			return nil, &Problem{File: name, Line: e.line, Reason: fmt.Sprintf("begins on %q, which is not after the policy at line %d", d.from, list[n-1].line)}
		}
		list = append(list, d)
	}
	return list, nil
}

func (e policyEntry) policy() (dated, error) {
	if e.From != "" {
		if _, err := number(e.From); err != nil {
			return dated{}, err
		}
	}
	hours, err := ParseHours(e.Hours)
	if err != nil {
		return dated{}, err
	}
	p := Policy{Hours: hours, AfterHours: e.AfterHours, DaysOff: e.DaysOff, Basis: e.Basis}.orDefault()
	if p != (Policy{}).orDefault() && p.Basis == "" {
		return dated{}, fmt.Errorf("a policy that is not the usual one needs a basis: %w", domain.ErrInvalid)
	}
	return dated{line: e.line, from: e.From, Policy: p}, p.check()
}
