package diagram

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/domain/regulation"
)

// termLanguage names the language of a timer's expression where the term is no ISO 8601 duration:
// working days need a calendar. The expression is that of regulation.Deadline.String.
const termLanguage = "urn:tizilim:term"

// element is an XML element in the making.
type element struct {
	name       string
	attributes []string // name, value, name, value
	text       string
	children   []*element
}

// add appends a child and gives it back. An attribute with an empty value is left out.
func (e *element) add(name string, attributes ...string) *element {
	child := &element{name: name, attributes: attributes}
	e.children = append(e.children, child)
	return child
}

// say appends a child that holds text alone, nothing for an empty text.
func (e *element) say(name, text string, attributes ...string) {
	if text != "" {
		e.add(name, attributes...).text = text
	}
}

func (e *element) write(b *bytes.Buffer, depth int) {
	indent := strings.Repeat("  ", depth)
	b.WriteString(indent + "<" + e.name)
	for i := 0; i+1 < len(e.attributes); i += 2 {
		if e.attributes[i+1] != "" {
			b.WriteString(" " + e.attributes[i] + `="`)
			escape(b, e.attributes[i+1])
			b.WriteString(`"`)
		}
	}
	switch {
	case e.text != "":
		b.WriteString(">")
		escape(b, e.text)
		b.WriteString("</" + e.name + ">\n")
	case len(e.children) == 0:
		b.WriteString("/>\n")
	default:
		b.WriteString(">\n")
		for _, child := range e.children {
			child.write(b, depth+1)
		}
		b.WriteString(indent + "</" + e.name + ">\n")
	}
}

// model is a BPMN document in the making: its parts in the order of the schema.
type model struct {
	c             *chart
	root          *element
	collaboration *element
	process       *element
	plane         *element
	shift         point // from the chart's coordinates to the plane's
	outside       []*outsider
}

// bpmn writes the whole document.
func (c *chart) bpmn() ([]byte, error) {
	m := newModel(c)
	m.outsiders()
	m.lanes()
	for _, n := range c.nodes {
		m.node(n)
	}
	for _, e := range c.edges {
		m.edge(e)
	}
	m.messages()
	m.sortProcess()
	var b bytes.Buffer
	b.WriteString(xml.Header)
	m.root.write(&b, 0)
	return b.Bytes(), nil
}

func newModel(c *chart) *model {
	id := c.id()
	m := &model{c: c, shift: point{0, margin - c.pool.y}}
	m.root = &element{name: "bpmn:definitions", attributes: []string{
		"xmlns:bpmn", "http://www.omg.org/spec/BPMN/20100524/MODEL",
		"xmlns:bpmndi", "http://www.omg.org/spec/BPMN/20100524/DI",
		"xmlns:dc", "http://www.omg.org/spec/DD/20100524/DC",
		"xmlns:di", "http://www.omg.org/spec/DD/20100524/DI",
		"xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance",
		"id", "definitions-" + id, "name", c.p.Service.Title.In(c.lang),
		"targetNamespace", "urn:tizilim:regulation:" + c.p.Service.Act.ID, "exporter", "Tizilim",
	}}
	m.root.add("bpmn:message", "id", "message-start", "name", c.word("start"))
	m.root.add("bpmn:message", "id", "message-result", "name", c.word("result."+c.p.Service.Result))
	for _, n := range c.nodes {
		if n.shape == failure {
			m.root.add("bpmn:error", "id", "error-"+n.id, "name", c.errorName(n), "errorCode", string(c.cause(n)))
		}
	}
	m.collaboration = m.root.add("bpmn:collaboration", "id", "collaboration-"+id)
	m.collaboration.add("bpmn:participant", "id", "participant-"+id, "name", c.channel, "processRef", "process-"+id)
	m.process = m.root.add("bpmn:process", "id", "process-"+id, "name", c.p.Service.Title.In(c.lang)+". "+c.channel, "isExecutable", "false")
	m.process.say("bpmn:documentation", c.act(c.p.Service.Act))
	diagram := m.root.add("bpmndi:BPMNDiagram", "id", "diagram-"+id)
	m.plane = diagram.add("bpmndi:BPMNPlane", "id", "plane-"+id, "bpmnElement", "collaboration-"+id)
	if c.lane(regulation.Applicant) < 0 {
		m.shift.x = outsideGap + outsideWidth
	}
	m.place("participant-"+id, c.pool, "isHorizontal", "false")
	return m
}

// cause is the outcome that ended the procedure in a refusal.
func (c *chart) cause(n *node) regulation.Outcome {
	e := c.into(n)
	if e.from.refusal {
		e = c.into(e.from)
	}
	return e.when
}

func (c *chart) errorName(n *node) string { return c.word("outcome." + string(c.cause(n))) }

// lanes adds a lane for each role with what stands in it.
func (m *model) lanes() {
	set := m.process.add("bpmn:laneSet", "id", "lanes")
	for i, l := range m.c.lanes {
		id := "lane-" + identifier(string(l.role))
		lane := set.add("bpmn:lane", "id", id, "name", m.c.word("role."+string(l.role)))
		for _, n := range m.c.nodes {
			if n.lane != i {
				continue
			}
			lane.say("bpmn:flowNodeRef", n.flowNode())
			if n.timer() {
				lane.say("bpmn:flowNodeRef", "timer-"+n.id)
				lane.say("bpmn:flowNodeRef", "missed-"+n.id)
			}
		}
		m.place(id, l.box, "isHorizontal", "false")
	}
}

// flowNode is the id of a node that control flows through, "" for the document.
func (n *node) flowNode() string {
	if n.shape == document {
		return ""
	}
	return n.id
}

// timer reports whether the node is a step with a deadline.
func (n *node) timer() bool { return n.shape == task && n.step.Deadline.Max != nil }

// node adds the flow element of a node and its shape.
func (m *model) node(n *node) {
	c := m.c
	switch n.shape {
	case begin:
		e := m.flowElement(n, "bpmn:startEvent", n.label)
		e.add("bpmn:messageEventDefinition", "id", "event-"+n.id, "messageRef", "message-start")
		m.place(n.id, n.box).label(m.move(rect{n.box.right() + 6, n.box.y + 8, plainFace.width(n.label), 14}))
	case task:
		name := "bpmn:userTask"
		if n.step.Actor.Role == regulation.System {
			name = "bpmn:serviceTask"
		}
		m.flowElement(n, name, number(n.step)+". "+c.word("action."+string(n.step.Action)))
		m.place(n.id, n.box)
		if n.timer() {
			m.timer(n)
		}
	case gate:
		m.flowElement(n, "bpmn:exclusiveGateway", c.condition(n))
		w := flowFace.width(c.condition(n))
		m.place(n.id, n.box, "isMarkerVisible", "true").label(m.move(rect{n.box.center().x - 10 - w, n.box.y - 13, w, 14}))
	case failure:
		e := m.flowElement(n, "bpmn:endEvent", c.errorName(n))
		e.add("bpmn:errorEventDefinition", "id", "event-"+n.id, "errorRef", "error-"+n.id)
		m.place(n.id, n.box).label(m.move(m.below(n, c.errorName(n))))
	case result:
		e := m.flowElement(n, "bpmn:endEvent", n.label)
		e.add("bpmn:messageEventDefinition", "id", "event-"+n.id, "messageRef", "message-result")
		m.place(n.id, n.box).label(m.move(c.resultLabel(n)))
	case document:
		m.process.add("bpmn:dataObject", "id", "data-"+n.id)
		m.process.add("bpmn:dataObjectReference", "id", n.id, "name", n.label, "dataObjectRef", "data-"+n.id)
		w := plainFace.width(n.label)
		m.place(n.id, n.box).label(m.move(rect{n.box.center().x - w/2, n.box.bottom() + 2, w, 14}))
	}
}

// flowElement adds a node of the process with its flows.
func (m *model) flowElement(n *node, name, label string) *element {
	e := m.process.add(name, "id", n.id, "name", label)
	if n.shape == task || n.shape == gate {
		e.say("bpmn:documentation", n.title)
	}
	for _, f := range m.c.edges {
		if f.to == n {
			e.say("bpmn:incoming", f.id)
		}
	}
	for _, f := range m.c.edges {
		if f.from == n && f.to.shape != document {
			e.say("bpmn:outgoing", f.id)
		}
	}
	return e
}

// timer adds the deadline of a step: an event on its border that does not interrupt it, since a step
// that is late goes on. What follows from a missed deadline the acts do not say; the simple end event
// of their legend closes that way.
func (m *model) timer(n *node) {
	id, d := "timer-"+n.id, n.step.Deadline
	text := strings.Join(m.c.deadline(d), ", ")
	e := m.process.add("bpmn:boundaryEvent", "id", id, "name", text, "attachedToRef", n.id, "cancelActivity", "false")
	flow, missed := id+"-to-missed", "missed-"+n.id
	e.say("bpmn:outgoing", flow)
	definition := e.add("bpmn:timerEventDefinition", "id", "event-"+id)
	term := []string{"xsi:type", "bpmn:tFormalExpression", "language", termLanguage}
	expression := d.String()
	if d.Unit == regulation.Seconds && len(d.ByRequest) == 0 {
		term, expression = term[:2], "PT"+strconv.Itoa(*d.Max)+"S"
	}
	definition.say("bpmn:timeDuration", expression, term...)
	box := rect{n.box.x + 20 - 9, n.box.bottom() - 9, 18, 18}
	lines := smallFace.wrap(text, boxWidth-timerRoom-8)
	h := len(lines) * smallFace.leading()
	m.place(id, box).label(m.move(rect{n.box.x + timerRoom, n.box.bottom() - h - 3, smallFace.widest(lines), h}))

	m.process.add("bpmn:endEvent", "id", missed).say("bpmn:incoming", flow)
	m.process.add("bpmn:sequenceFlow", "id", flow, "sourceRef", id, "targetRef", missed)
	end := rect{n.box.x - 19, n.box.bottom() - 7, 14, 14}
	m.place(missed, end)
	m.line(flow, []point{{box.x, n.box.bottom()}, {end.right(), n.box.bottom()}})
}

// edge adds a flow of the process, or the association with the document.
func (m *model) edge(e *edge) {
	if e.to.shape == document {
		m.process.add("bpmn:association", "id", e.id, "associationDirection", "One", "sourceRef", e.from.id, "targetRef", e.to.id)
		m.line(e.id, e.points)
		return
	}
	name := ""
	if e.when != regulation.Always {
		name = m.c.word("outcome." + string(e.when))
	}
	m.process.add("bpmn:sequenceFlow", "id", e.id, "name", name, "sourceRef", e.from.id, "targetRef", e.to.id)
	di := m.line(e.id, e.points)
	if len(e.label.lines) > 0 {
		w := flowFace.widest(e.label.lines)
		at := rect{e.label.at.x, e.label.at.y - flowFace.size, w, len(e.label.lines) * flowFace.leading()}
		if e.label.end {
			at.x -= w
		}
		di.label(m.move(at))
	}
}

// place adds the shape of an element.
func (m *model) place(id string, box rect, attributes ...string) *element {
	shape := m.plane.add("bpmndi:BPMNShape", append([]string{"id", "shape-" + id, "bpmnElement", id}, attributes...)...)
	shape.bounds(m.move(box))
	return shape
}

// line adds the edge of a flow.
func (m *model) line(id string, points []point) *element {
	e := m.plane.add("bpmndi:BPMNEdge", "id", "edge-"+id, "bpmnElement", id)
	for _, p := range points {
		e.add("di:waypoint", "x", fmt.Sprint(p.x+m.shift.x), "y", fmt.Sprint(p.y+m.shift.y))
	}
	return e
}

func (e *element) bounds(r rect) {
	e.add("dc:Bounds", "x", fmt.Sprint(r.x), "y", fmt.Sprint(r.y), "width", fmt.Sprint(r.w), "height", fmt.Sprint(r.h))
}

func (e *element) label(r rect) { e.add("bpmndi:BPMNLabel").bounds(r) }

func (m *model) move(r rect) rect { return rect{r.x + m.shift.x, r.y + m.shift.y, r.w, r.h} }

// sortProcess puts artifacts last: the schema wants the associations of a process behind its flow elements.
func (m *model) sortProcess() {
	rank := func(e *element) int {
		if e.name == "bpmn:association" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(m.process.children, func(a, b *element) int { return rank(a) - rank(b) })
}

// below is the place of an end's label.
func (m *model) below(n *node, text string) rect {
	lines := flowFace.wrap(text, 2*(endWidth-circle/2))
	w := flowFace.widest(lines)
	return rect{n.box.center().x - w/2, n.box.bottom() + 2, w, len(lines) * flowFace.leading()}
}
