package diagram

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// shape is what a node is drawn as.
type shape int

const (
	begin    shape = iota // the start message
	task                  // a step
	gate                  // a condition
	failure               // the end in a refusal
	result                // the end message, with the result
	document              // the electronic document that it carries
)

// node is one symbol of the drawing.
type node struct {
	id    string
	shape shape
	lane  int
	row   int
	slot  slot
	box   rect

	// step is the one that a task draws, that a gate decides after, or that an end ends; nil at the start.
	step    *regulation.Step
	when    regulation.Outcome // of a failure without a step: the outcome that leads there
	item    *regulation.Item   // of a gate: the condition of the act's text, nil where it cannot be told
	refusal bool               // the task is that of a refusal

	lines []line // what stands in a task, from its top
	label string // what stands beside another symbol
	title string // what a reader gets by pointing at it

	visit *Visit // of a task on the path
	taken bool   // the path leads through
}

// edge is one flow from symbol to symbol.
type edge struct {
	id       string
	from, to *node
	when     regulation.Outcome
	message  bool // from lane to lane
	aside    bool // to a refusal

	points []point
	label  caption
	mark   *point // where the intermediate message stands
	taken  bool
}

// lane is the column of one role.
type lane struct {
	role     regulation.Role
	title    []string
	subtitle []string
	box      rect
	slots    [slots]int // widths of the columns of the lane
}

// chart is a drawing in the making.
type chart struct {
	o     Options
	lang  string
	p     *regulation.Procedure
	lanes []*lane
	nodes []*node
	edges []*edge

	title, subtitle []string
	channel         string
	pool            rect
	size            point
}

// refusals are the outcomes on which a procedure leaves the way to its result.
var refusals = []regulation.Outcome{
	regulation.Unauthorized, regulation.Absent, regulation.Unpaid, regulation.Invalid, regulation.Refused,
}

// newChart finds what is to be drawn: the way from the start to the result, and what leaves it. The
// checks of package regulation promise that there is one such way and that each refusal ends at once.
func newChart(p *regulation.Procedure, o Options) (*chart, error) {
	c := &chart{o: o, lang: language(o.Lang), p: p}
	if len(p.Steps) == 0 || p.Service == nil || p.Service.Act == nil {
		return nil, fmt.Errorf("a procedure without steps, service or act: %w", domain.ErrInvalid)
	}
	for _, s := range p.Steps {
		if c.lane(s.Actor.Role) < 0 {
			c.lanes = append(c.lanes, &lane{role: s.Actor.Role})
		}
	}
	last := c.add(&node{id: "start", shape: begin, lane: c.lane(p.Start().Actor.Role), label: c.word("start")})
	when := regulation.Always
	for s := p.Start(); s != nil; {
		if c.find(task, s) != nil {
			return nil, fmt.Errorf("step %d comes again: %w", s.Number, domain.ErrInvalid)
		}
		t := c.task(s, false)
		c.connect(last, t, when)
		on, aside, err := c.ways(s)
		if err != nil {
			return nil, err
		}
		last, when = t, on.When
		if aside != nil {
			last = c.gate(s)
			c.connect(t, last, regulation.Always)
			if err := c.refuse(last, *aside); err != nil {
				return nil, err
			}
		}
		if on.To == 0 {
			end := c.add(&node{id: "result", shape: result, lane: last.lane, step: s, label: c.word("end.result")})
			c.connect(last, end, when)
			break
		}
		s = p.Step(on.To)
	}
	c.numberConditions()
	c.deliver()
	for _, n := range c.nodes {
		n.title = c.describe(n)
	}
	return c, nil
}

// ways splits the ways on of a step into the one towards the result (To is 0 at the result itself)
// and the one aside, nil where the step does not branch. A step that forms the result or the refusal
// has two ways although the act prints none.
func (c *chart) ways(s *regulation.Step) (on regulation.Edge, aside *regulation.Edge, err error) {
	next := s.Next
	if s.Action == regulation.IssueOrRefuse && len(next) == 0 {
		next = []regulation.Edge{{When: regulation.Approved}, {When: regulation.Refused}}
	}
	found := 0
	for _, e := range next {
		switch {
		case slices.Contains(refusals, e.When):
			if aside != nil {
				return on, nil, fmt.Errorf("step %d has two refusals: %w", s.Number, domain.ErrInvalid)
			}
			aside = &e
		default:
			on = e
			found++
		}
	}
	switch {
	case found > 1:
		return on, nil, fmt.Errorf("step %d has %d ways to the result: %w", s.Number, found, domain.ErrInvalid)
	case found == 0 && aside != nil, on.To == 0 && !s.Action.Result():
		return on, nil, fmt.Errorf("step %d does not lead to the result: %w", s.Number, domain.ErrInvalid)
	case on.To != 0 && c.p.Step(on.To) == nil:
		return on, nil, fmt.Errorf("step %d leads to step %d, which does not exist: %w", s.Number, on.To, domain.ErrInvalid)
	}
	return on, aside, nil
}

// refuse draws the way aside from a gate: the step of the refusal, where it has one, and its end. A
// refusal that several gates lead to is drawn at each.
func (c *chart) refuse(g *node, e regulation.Edge) error {
	last, when := g, e.When
	end := &node{id: "failure-" + number(g.step), shape: failure, lane: g.lane, step: g.step, when: e.When, label: c.word("end.failure")}
	if e.To != 0 {
		s := c.p.Step(e.To)
		if s == nil || len(s.Next) > 0 {
			return fmt.Errorf("step %d leads on %q to step %d, which does not end the procedure: %w", g.step.Number, e.When, e.To, domain.ErrInvalid)
		}
		t := c.task(s, true)
		c.connect(g, t, e.When).aside = true
		last, when = t, regulation.Always
		end.lane, end.step, end.when = t.lane, s, regulation.Always
	}
	c.add(end)
	c.connect(last, end, when).aside = true
	return nil
}

func (c *chart) add(n *node) *node {
	c.nodes = append(c.nodes, n)
	return n
}

func (c *chart) task(s *regulation.Step, refusal bool) *node {
	n := &node{id: "step-" + number(s), shape: task, lane: c.lane(s.Actor.Role), step: s, refusal: refusal}
	for c.node(n.id) != nil {
		n.id += "-again"
	}
	return c.add(n)
}

func (c *chart) gate(s *regulation.Step) *node {
	return c.add(&node{id: "condition-" + number(s), shape: gate, lane: c.lane(s.Actor.Role), step: s})
}

func (c *chart) connect(from, to *node, when regulation.Outcome) *edge {
	e := &edge{id: from.id + "-to-" + to.id, from: from, to: to, when: when, message: from.lane != to.lane}
	c.edges = append(c.edges, e)
	return e
}

// deliver adds the electronic document that the end message carries: to the applicant where the
// applicant acts, else beside the end.
func (c *chart) deliver() {
	end := c.nodes[slices.IndexFunc(c.nodes, func(n *node) bool { return n.shape == result })]
	d := &node{id: "document", shape: document, lane: end.lane, step: end.step, label: c.word("result." + c.p.Service.Result)}
	if i := c.lane(regulation.Applicant); i >= 0 {
		d.lane = i
	}
	c.add(d)
	c.connect(end, d, regulation.Always).message = true
}

// numberConditions finds the condition of the act's text for each gate: they come in the same order.
// Where the text has another number of conditions than the steps have branches, nothing is guessed.
func (c *chart) numberConditions() {
	var items []*regulation.Item
	for i := range c.p.Text {
		if c.p.Text[i].Kind == "condition" {
			items = append(items, &c.p.Text[i])
		}
	}
	var gates []*node
	for _, n := range c.nodes {
		if n.shape == gate && len(n.step.Next) > 0 {
			gates = append(gates, n)
		}
	}
	if len(items) != len(gates) {
		return
	}
	for i, g := range gates {
		g.item = items[i]
	}
}

// lane is the index of the role's lane, -1 where it has none.
func (c *chart) lane(r regulation.Role) int {
	return slices.IndexFunc(c.lanes, func(l *lane) bool { return l.role == r })
}

func (c *chart) node(id string) *node {
	for _, n := range c.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// find is the first node of the shape and step.
func (c *chart) find(as shape, s *regulation.Step) *node {
	for _, n := range c.nodes {
		if n.shape == as && n.step == s {
			return n
		}
	}
	return nil
}

// printedActor is the actor as the act prints it, "" where the act contradicts itself there: then
// only the role in effect is sure.
func (c *chart) printedActor(s *regulation.Step) string {
	if c.p.Service.Act.Differs(s, regulation.ActorCell) {
		return ""
	}
	return c.system(s.Actor.Printed)
}

func number(s *regulation.Step) string { return fmt.Sprint(s.Number) }

// id is the procedure in ids.
func (c *chart) id() string { return identifier(c.p.Service.Slug + "-" + string(c.p.Channel)) }

// identifier is a token with only what may stand within an XML id.
func identifier(token string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '-'
	}, token)
}
