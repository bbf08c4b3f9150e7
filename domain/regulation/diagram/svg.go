package diagram

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/tizilim/tizilim/domain/regulation"
)

// The colors. Nothing is told by color alone: every state has its word, every kind its symbol.
const (
	white      = "#ffffff"
	ink        = "#16222e"
	quiet      = "#566573" // second text, and what the path does not touch
	faint      = "#9aa7b2" // lines of what the path does not touch
	ruling     = "#c3ccd4"
	headFill   = "#e8edf2"
	laneFill   = "#f8fafb"
	systemFill = "#eaf2fa"
	wayFill    = "#ffffff"
	wrong      = "#a32f24"
	wrongFill  = "#fdf0ee"
	good       = "#17683f"
	goodFill   = "#eaf6ef"
	taken      = "#0b57a4"
	openFill   = "#e9f2fc"
	amber      = "#8a5300"
	amberFill  = "#fdf4e3"
)

// canvas writes SVG elements. Coordinates are whole or half pixels.
type canvas struct {
	b bytes.Buffer
}

// open, leaf and close write an element; attributes are name, value, name, value.
func (k *canvas) open(name string, attributes ...any) { k.element(name, ">", attributes) }
func (k *canvas) leaf(name string, attributes ...any) { k.element(name, "/>", attributes) }
func (k *canvas) close(name string)                   { k.b.WriteString("</" + name + ">\n") }

func (k *canvas) element(name, end string, attributes []any) {
	k.b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(&k.b, ` %v="`, attributes[i])
		escape(&k.b, fmt.Sprint(attributes[i+1]))
		k.b.WriteString(`"`)
	}
	k.b.WriteString(end)
	if end == "/>" {
		k.b.WriteString("\n")
	}
}

// say writes an element that holds text alone.
func (k *canvas) say(name, text string, attributes ...any) {
	k.open(name, attributes...)
	escape(&k.b, text)
	k.close(name)
}

// text writes one line of text that begins at the point, on its baseline.
func (k *canvas) text(x, y int, f face, fill, text string, more ...any) {
	attributes := []any{"x", x, "y", y, "font-size", f.size}
	if f.bold {
		attributes = append(attributes, "font-weight", "bold")
	}
	k.say("text", text, append(append(attributes, "fill", fill), more...)...)
}

func escape(b *bytes.Buffer, text string) {
	// A bytes.Buffer takes every write.
	_ = xml.EscapeText(b, []byte(text))
}

// svg writes the whole document.
func (c *chart) svg() []byte {
	k := &canvas{}
	legend := newLegend(c)
	height := c.size.y + legend.height()
	id := "diagram-" + c.id()
	root := []any{"xmlns", "http://www.w3.org/2000/svg", "xml:lang", c.lang, "role", "img"}
	if c.o.Anchor == "" {
		k.b.WriteString(xml.Header)
	} else { // what is within an image would be no link to those who do not see it
		root = []any{"role", "group"}
	}
	k.open("svg", append(root, "width", c.size.x, "height", height, "viewBox", fmt.Sprintf("0 0 %d %d", c.size.x, height),
		"aria-labelledby", id+"-title "+id+"-desc", "lang", c.lang, "font-family", fonts)...)
	k.b.WriteString("\n")
	k.say("title", c.p.Service.Title.In(c.lang)+". "+c.channel, "id", id+"-title")
	k.say("desc", c.description(), "id", id+"-desc")
	k.leaf("rect", "width", c.size.x, "height", height, "fill", white)
	c.drawHead(k)
	c.drawLanes(k)
	for _, e := range c.edges {
		if !e.taken {
			c.drawEdge(k, e)
		}
	}
	for _, e := range c.edges {
		if e.taken {
			c.drawEdge(k, e)
		}
	}
	for _, n := range c.nodes {
		c.drawNode(k, n)
	}
	legend.draw(k, c.size.y)
	k.close("svg")
	return k.b.Bytes()
}

func (c *chart) drawHead(k *canvas) {
	y := margin
	for _, t := range c.title {
		k.text(margin, y+titleFace.size, titleFace, ink, t)
		y += titleFace.leading()
	}
	y += 4
	for _, t := range c.subtitle {
		k.text(margin, y+plainFace.size, plainFace, quiet, t)
		y += plainFace.leading()
	}
}

func (c *chart) drawLanes(k *canvas) {
	k.leaf("rect", "x", c.pool.x, "y", c.pool.y, "width", c.pool.w, "height", bandHeight, "fill", headFill)
	for i, l := range c.lanes {
		fill := white
		if i%2 == 1 {
			fill = laneFill
		}
		head := c.laneHead()
		k.leaf("rect", "x", l.box.x, "y", l.box.y, "width", l.box.w, "height", l.box.h, "fill", fill)
		k.leaf("rect", "x", l.box.x, "y", l.box.y, "width", l.box.w, "height", head, "fill", headFill)
		if i > 0 {
			k.leaf("path", "d", fmt.Sprintf("M%d %dV%d", l.box.x, l.box.y, l.box.bottom()), "stroke", ruling, "fill", "none")
		}
		c.drawLaneHead(k, l)
	}
	first := c.lanes[0].box
	for _, y := range []int{first.y, first.y + c.laneHead()} {
		k.leaf("path", "d", fmt.Sprintf("M%d %dH%d", c.pool.x, y, c.pool.right()), "stroke", ruling, "fill", "none")
	}
	k.leaf("rect", "x", c.pool.x, "y", c.pool.y, "width", c.pool.w, "height", c.pool.h, "fill", "none", "stroke", quiet)
	k.text(c.pool.center().x, c.pool.y+20, headFace, ink, c.channel, "text-anchor", "middle")
}

func (c *chart) drawLaneHead(k *canvas, l *lane) {
	x, y := l.box.center().x, l.box.y+6
	for i, t := range l.title {
		if l.role == regulation.System && i == 0 {
			k.cylinder(l.box.x+20, y+9, 13, 15, ink, white)
		}
		k.text(x, y+headFace.size, headFace, ink, t, "text-anchor", "middle")
		y += headFace.leading()
	}
	for _, t := range l.subtitle {
		k.text(x, y+smallFace.size, smallFace, quiet, t, "text-anchor", "middle")
		y += smallFace.leading()
	}
}

// look is how an element is drawn: on the path, off it, or without one.
type look struct {
	line, text, fill string
	width            string
}

func (c *chart) look(on bool) look {
	switch {
	case len(c.o.Path) == 0:
		return look{line: ink, text: ink, fill: white, width: "1.3"}
	case on:
		return look{line: taken, text: ink, fill: white, width: "2.6"}
	}
	return look{line: faint, text: quiet, fill: white, width: "1.2"}
}

func (c *chart) drawEdge(k *canvas, e *edge) {
	l := c.look(e.taken)
	var d strings.Builder
	last := len(e.points) - 1
	for i, p := range e.points {
		if i == last {
			p = backwards(e.points[last-1], p, 7)
		}
		fmt.Fprintf(&d, "%c%d %d", "ML"[min(i, 1)], p.x, p.y)
	}
	line := []any{"d", d.String(), "fill", "none", "stroke", l.line, "stroke-width", l.width}
	if e.message {
		line = append(line, "stroke-dasharray", "6 4")
	}
	k.leaf("path", line...)
	k.arrow(e.points[last-1], e.points[last], l.line, e.message)
	if e.mark != nil {
		k.message(*e.mark, l)
	}
	for i, t := range e.label.lines {
		anchor := "start"
		if e.label.end {
			anchor = "end"
		}
		fill := l.text
		if e.taken && e.when == regulation.Approved && e.to.undecided() {
			fill = quiet
		}
		k.text(e.label.at.x, e.label.at.y+i*flowFace.leading(), flowFace, fill, t, "text-anchor", anchor)
	}
}

func (c *chart) drawNode(k *canvas, n *node) {
	l := c.look(n.taken)
	if n.shape == task && c.o.Anchor != "" {
		k.open("a", "href", c.o.Anchor+number(n.step))
		defer k.close("a")
	}
	k.open("g")
	k.say("title", n.title)
	m := n.box.center()
	switch n.shape {
	case begin:
		k.start(m, l)
		k.text(n.box.right()+8, m.y+4, plainFace, l.text, n.label)
	case task:
		c.drawTask(k, n)
	case gate:
		k.diamond(m, diamond/2, l)
		if n.item != nil && n.item.Number != nil {
			k.text(m.x, m.y+4, headFace, l.text, fmt.Sprint(*n.item.Number), "text-anchor", "middle")
		}
	case failure:
		k.error(m, c.tint(l, wrong, wrongFill, n.taken))
	case result:
		k.end(m, c.tint(l, good, goodFill, n.taken))
		if at := c.resultLabel(n); at.x > n.box.x {
			k.text(at.x, m.y+4, plainFace, l.text, n.label)
		} else {
			k.text(at.right(), m.y+4, plainFace, l.text, n.label, "text-anchor", "end")
		}
	case document:
		k.document(m, c.tint(l, good, goodFill, n.taken))
		k.text(m.x, n.box.bottom()+plainFace.size+1, plainFace, l.text, n.label, "text-anchor", "middle")
	}
	k.close("g")
}

// tint gives a look the colors of an end, unless the path goes elsewhere.
func (c *chart) tint(l look, line, fill string, on bool) look {
	if on || len(c.o.Path) == 0 {
		l.line, l.fill = line, fill
	}
	return l
}

// taskLook is that of a step: by its kind, and on the path by how the visit stands.
func (c *chart) taskLook(n *node) look {
	l := c.look(n.taken)
	if len(c.o.Path) == 0 {
		switch {
		case n.refusal:
			l.line, l.fill = wrong, wrongFill
		case n.step.Actor.Role == regulation.System:
			l.fill = systemFill
		}
		return l
	}
	if n.visit != nil {
		switch n.visit.Outcome {
		case OnTime:
			l.line, l.fill = good, goodFill
		case Late:
			l.line, l.fill = amber, amberFill
		case Overdue:
			l.line, l.fill = wrong, wrongFill
		case Abandoned:
			l.line, l.fill = quiet, headFill
		default:
			l.line, l.fill = taken, openFill
		}
	}
	return l
}

func (c *chart) drawTask(k *canvas, n *node) {
	l, b := c.taskLook(n), n.box
	k.leaf("rect", "x", b.x, "y", b.y, "width", b.w, "height", b.h, "rx", 8, "fill", l.fill, "stroke", l.line, "stroke-width", l.width)
	plate := l.line
	if plate == faint { // too faint for the number on it
		plate = quiet
	}
	k.leaf("rect", "x", b.x+8, "y", b.y+9, "width", 24, "height", 17, "rx", 4, "fill", plate)
	k.text(b.x+20, b.y+21, numberFace, white, number(n.step), "text-anchor", "middle")
	system := n.step.Actor.Role == regulation.System
	for _, t := range n.lines {
		x, y := b.x+t.x, b.y+t.y
		fill := l.text
		switch t.role {
		case systemLine:
			fill = quiet
		case visitLine:
			w := t.face.width(t.text)
			k.leaf("rect", "x", x-6, "y", y-t.face.size-1, "width", w+12, "height", t.face.size+6, "rx", 3, "fill", l.line)
			k.text(x+w/2, y, t.face, white, t.text, "text-anchor", "middle")
			continue
		case noDeadlineLine:
			fill = quiet
		}
		k.text(x, y, t.face, fill, t.text)
	}
	if system {
		k.cylinder(b.x+20, b.y+38, 11, 13, l.line, white)
	}
	if n.step.Deadline.Max != nil {
		k.clock(point{b.x + 20, b.bottom()}, l)
	}
}
