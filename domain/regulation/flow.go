package regulation

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// refusals are the outcomes that may end a procedure without a step of their own ("to: end").
var refusals = []Outcome{Unauthorized, Absent, Unpaid, Invalid, Refused}

// leads says which action an outcome must lead to, where it leads to a step.
var leads = map[Outcome]Action{
	Unauthorized: RejectAuthorization,
	Absent:       ReportAbsent,
	Unpaid:       RefuseUnpaid,
	Valid:        Sign,
	Invalid:      RefuseSignature,
	Approved:     IssueResult,
	Refused:      Refuse,
}

// filing are the actions that file the request.
var filing = []Action{FillForm, AttachDocuments, AttachAndSign}

var number = regexp.MustCompile(`\d+`)

// edges checks the ways on of one step: where they lead, on which outcomes, and that a difference
// from the printed cell is explained.
func (c *checker) edges(at place, p *Procedure, s *Step) {
	if !s.Action.Known() {
		c.refuse(at.at("action"), "unknown action %q", s.Action)
		return
	}
	var outcomes []Outcome
	effect := map[int]bool{}
	for i, e := range s.Next {
		outcomes = append(outcomes, e.When)
		here := at.at("next", i, "to")
		next := p.Step(e.To)
		switch {
		case e.To == 0 && !slices.Contains(refusals, e.When):
			c.refuse(here, "step %d ends the procedure on %q, which is no refusal", s.Number, e.When)
		case e.To == 0:
		case next == nil:
			c.refuse(here, "step %d leads to a step that does not exist", s.Number)
		case leads[e.When] != "" && next.Action != leads[e.When]:
			c.refuse(here, "step %d leads on %q to %q, where %q is due", s.Number, e.When, next.Action, leads[e.When])
		}
		if e.To != 0 {
			effect[e.To] = true
		}
	}
	slices.Sort(outcomes)
	if !slices.ContainsFunc(ways[s.Action], func(way []Outcome) bool { return slices.Equal(slices.Sorted(slices.Values(way)), outcomes) }) {
		c.refuse(at.at("next"), "step %d is %q and goes on by %q; allowed are %q", s.Number, s.Action, outcomes, ways[s.Action])
	}
	for _, lang := range languages {
		cell := s.NextPrinted[lang]
		if (cell != "" || len(s.NextPrinted) == 0) && !maps.Equal(numbers(cell), effect) && !c.act.Differs(s, NextCell) {
			c.refuse(at.at("next"), "step %d prints %q as next, which is not what is in effect, and no discrepancy of it about that cell says why",
				s.Number, cell)
			return
		}
	}
}

// numbers are the numbers of steps that a printed cell names.
func numbers(cell string) map[int]bool {
	named := map[int]bool{}
	for _, n := range number.FindAllString(cell, -1) {
		if n, err := strconv.Atoi(n); err == nil {
			named[n] = true
		}
	}
	return named
}

// flow walks the procedure from its first step along every branch. Since every outcome that is no
// refusal leads on one way alone, there is one way to the result, with one filing and one
// registration on it.
func (c *checker) flow(at place, p *Procedure) {
	if a := p.Start().Action; a != Authorize {
		c.refuse(at.at(0, "action"), "the first step is %q, not %q", a, Authorize)
		return
	}
	w := &walk{c: c, at: at, p: p, reached: map[int]bool{}}
	w.step(p.Start(), nil)
	if w.broken {
		return
	}
	for i, s := range p.Steps {
		if !w.reached[s.Number] {
			c.refuse(at.at(i, "number"), "step %d (%s) cannot be reached from the first", s.Number, s.Action)
		}
	}
	if !w.result {
		c.refuse(at, "no way leads to a step that forms the result")
	}
}

// walk is one pass over all ways through a procedure.
type walk struct {
	c       *checker
	at      place
	p       *Procedure
	reached map[int]bool
	result  bool // some way came to a result
	broken  bool // some way was refused; what it would have reached is unknown
}

// step enters s after the steps of way, and follows its edges.
func (w *walk) step(s *Step, way []*Step) {
	if w.broken {
		return
	}
	w.reached[s.Number] = true
	if slices.Contains(way, s) {
		w.refuse(s, "step %d can come again: step %d leads back to it", s.Number, way[len(way)-1].Number)
		return
	}
	if !w.due(s, way) {
		return
	}
	way = append(slices.Clone(way), s)
	if s.Action.Result() || s.Action == Refuse {
		w.result = w.result || s.Action.Result()
		w.decided(s, way)
	}
	for _, e := range s.Next {
		if e.To != 0 {
			w.step(w.p.Step(e.To), way)
		}
	}
}

// due refuses an action that may not stand where it stands: again, or before what it needs.
func (w *walk) due(s *Step, way []*Step) bool {
	last := Action("")
	if len(way) > 0 {
		last = way[len(way)-1].Action
	}
	count := func(actions ...Action) (n int) {
		for _, before := range way {
			if slices.Contains(actions, before.Action) {
				n++
			}
		}
		return n
	}
	switch {
	case count(s.Action) > 0:
		return w.refuse(s, "step %d is %q a second time", s.Number, s.Action)
	case slices.Contains(filing, s.Action) && count(filing...) > 0:
		return w.refuse(s, "step %d files the request a second time", s.Number)
	case s.Action == Sign && last != ChooseCertificate, s.Action == AnswerRegisters && last != QueryRegisters:
		return w.refuse(s, "step %d is %q and follows %q", s.Number, s.Action, last)
	case last == Send && s.Action != Register, last == QueryRegisters && way[len(way)-1].Next[0].When == Always && s.Action != AnswerRegisters:
		return w.refuse(s, "step %d is %q and follows %q", s.Number, s.Action, last)
	case s.Action == Register && count(filing...) == 0:
		return w.refuse(s, "step %d registers a request that was not filed", s.Number)
	case last == Register && !s.Action.Result() && s.Action != Refuse:
		return w.refuse(s, "step %d is %q between the registration and the result", s.Number, s.Action)
	}
	return true
}

// decided checks a whole way to the licensor's decision.
func (w *walk) decided(s *Step, way []*Step) {
	if !slices.ContainsFunc(way, func(b *Step) bool { return b.Action == Register }) {
		w.refuse(s, "step %d decides on a request that was not registered", s.Number)
	}
}

func (w *walk) refuse(s *Step, format string, args ...any) bool {
	w.broken = true
	w.c.refuse(w.at.at(s.Number-1, "action"), format, args...)
	return false
}
