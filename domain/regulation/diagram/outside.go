package diagram

import "github.com/tizilim/tizilim/domain/regulation"

// outsider is a participant of the BPMN collaboration that stands outside the procedure's pool: what
// goes on within it is not the procedure's.
type outsider struct {
	id, name string
	box      rect
}

const (
	outsideWidth  = 110
	outsideHeight = 60
	outsideGap    = 50
)

// outsiders adds the participants outside the pool. The pool's own element stands first.
func (m *model) outsiders() {
	c := m.c
	if c.lane(regulation.Applicant) < 0 {
		m.outsider("applicant", c.word("role.applicant"), rect{c.pool.x - outsideGap - outsideWidth, c.pool.y, outsideWidth, c.pool.h}, "false")
	}
	m.attend("registers", regulation.QueryRegisters, regulation.AnswerRegisters)
	m.attend("payment-gateway", regulation.Pay)
}

func (m *model) outsider(id, name string, box rect, horizontal string) {
	m.outside = append(m.outside, &outsider{id, name, box})
	m.collaboration.add("bpmn:participant", "id", id, "name", name)
	m.place(id, box, "isHorizontal", horizontal)
}

// attend adds an outsider on the right, where the steps are that speak with it.
func (m *model) attend(id string, actions ...regulation.Action) {
	first, last := m.c.speakers(actions)
	if first == nil {
		return
	}
	y, z := m.c.corridor(first), m.c.corridor(last)
	top, bottom := min(y, z)-outsideHeight/2, max(y, z)+outsideHeight/2
	m.outsider(id, m.c.word(id), rect{m.c.pool.right() + outsideGap, top, outsideWidth, bottom - top}, "true")
}

// speakers are the first and the last step with one of the actions, nil where there is none.
func (c *chart) speakers(actions []regulation.Action) (first, last *node) {
	for _, a := range actions {
		for _, n := range c.nodes {
			if n.shape == task && n.step.Action == a {
				if first == nil {
					first = n
				}
				last = n
			}
		}
	}
	return first, last
}

// corridor is the height at which a message can leave the pool on the right: that of the step, or
// where another stands in its way the gap below its row.
func (c *chart) corridor(n *node) int {
	if !c.beside(n, true) {
		return n.box.center().y
	}
	return n.rowBottom(c) + gap/2
}

// messages adds the message flows between the pool and what stands outside.
func (m *model) messages() {
	c := m.c
	for _, o := range m.outside {
		switch o.id {
		case "applicant":
			start, end := c.node("start"), c.node("result")
			m.message(o.id, start.id, []point{{o.box.right(), start.left().y}, start.left()})
			m.message(end.id, o.id, []point{end.left(), {o.box.right(), end.left().y}})
		case "registers":
			ask, answer := c.speakers([]regulation.Action{regulation.QueryRegisters, regulation.AnswerRegisters})
			m.talk(o, ask, answer)
		case "payment-gateway":
			ask, answer := c.speakers([]regulation.Action{regulation.Pay})
			m.talk(o, ask, answer)
		}
	}
}

// talk adds a request from one step to an outsider and the answer to another or the same.
func (m *model) talk(o *outsider, ask, answer *node) {
	up, down := 0, 0
	if m.c.corridor(ask) == m.c.corridor(answer) {
		up, down = -5, 5
	}
	m.message(ask.id, o.id, m.c.outwards(ask, o, up))
	back := m.c.outwards(answer, o, down)
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	m.message(o.id, answer.id, back)
}

// outwards is the way from a step to an outsider on the right, aside by some pixels from the middle.
func (c *chart) outwards(n *node, o *outsider, aside int) []point {
	y := c.corridor(n) + aside
	if !c.beside(n, true) {
		return []point{{n.box.right(), y}, {o.box.x, y}}
	}
	x := n.box.right() - 24 + aside
	return []point{{x, n.box.bottom()}, {x, y}, {o.box.x, y}}
}

func (m *model) message(from, to string, points []point) {
	id := "message-" + from + "-to-" + to
	m.collaboration.add("bpmn:messageFlow", "id", id, "sourceRef", from, "targetRef", to)
	m.line(id, points)
}
