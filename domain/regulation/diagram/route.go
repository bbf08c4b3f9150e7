package diagram

import "github.com/tizilim/tizilim/domain/regulation"

// caption is the text beside an edge: the first begins at the point, on its baseline.
type caption struct {
	lines []string
	at    point
	end   bool // the lines end at the point instead
}

// The ports of a node.
func (n *node) top() point    { return point{n.box.center().x, n.box.y} }
func (n *node) bottom() point { return point{n.box.center().x, n.box.bottom()} }
func (n *node) left() point   { return point{n.box.x, n.box.center().y} }
func (n *node) right() point  { return point{n.box.right(), n.box.center().y} }

// towards is the port of n on the side where the other node stands, and that of the other opposite to it.
func (n *node) towards(other *node) (from, to point) {
	if other.box.center().x < n.box.center().x {
		return n.left(), other.right()
	}
	return n.right(), other.left()
}

// route draws the edges: straight where it can, else with one or two corners. A row holds either
// steps of the way to the result or one gate with its refusal, so what lies between the ends of an
// edge is free.
func (c *chart) route() {
	for _, e := range c.edges {
		e.points = c.path(e)
		if e.message && e.to.shape != document {
			e.mark = c.crossing(e)
		}
		if e.when != regulation.Always {
			c.say(e)
		}
	}
}

func (c *chart) path(e *edge) []point {
	from, to := e.from, e.to
	a, b := from.towards(to)
	switch {
	case from.row == to.row:
		return []point{a, b}
	case from.lane == to.lane:
		return []point{from.bottom(), to.top()}
	case from.shape == gate && (c.asideX(from) < from.box.center().x) != (b.x < from.box.center().x):
		return []point{a, {to.top().x, a.y}, to.top()} // the side that the refusal does not take
	case from.shape == gate && !c.beside(to, b.x > to.box.center().x):
		return []point{from.bottom(), {from.bottom().x, b.y}, b}
	}
	y := from.rowBottom(c) + gap/2
	return []point{from.bottom(), {from.bottom().x, y}, {to.top().x, y}, to.top()}
}

// beside reports whether something stands in the node's row on its right or left.
func (c *chart) beside(n *node, right bool) bool {
	for _, o := range c.nodes {
		if o.row == n.row && o != n && (o.box.x > n.box.x) == right {
			return true
		}
	}
	return false
}

// rowBottom is where the highest node of the row ends.
func (n *node) rowBottom(c *chart) int {
	y := 0
	for _, o := range c.nodes {
		if o.row == n.row {
			y = max(y, o.box.bottom())
		}
	}
	return y
}

// asideX is where the refusal of a gate stands.
func (c *chart) asideX(g *node) int {
	for _, e := range c.edges {
		if e.from == g && e.aside {
			return e.to.box.center().x
		}
	}
	return g.box.center().x
}

// crossing is where the edge enters the lane of its end.
func (c *chart) crossing(e *edge) *point {
	l := c.lanes[e.to.lane].box
	for i := 1; i < len(e.points); i++ {
		a, b := e.points[i-1], e.points[i]
		for _, x := range []int{l.x, l.right()} {
			if min(a.x, b.x) < x && x < max(a.x, b.x) && (x == l.x) == (a.x < b.x) {
				return &point{x, a.y}
			}
		}
	}
	return nil
}

// say sets the outcome beside the beginning of an edge that leaves a gate.
func (c *chart) say(e *edge) {
	a, b := e.points[0], e.points[1]
	text := c.word("outcome." + string(e.when))
	if a.x == b.x {
		room := c.lanes[e.from.lane].box.right() - a.x - 12
		e.label = caption{lines: flowFace.wrap(text, room), at: point{a.x + 7, a.y + flowFace.size + 3}}
		return
	}
	stop := b.x
	if e.mark != nil && e.mark.y == a.y {
		stop = e.mark.x
	}
	room := max(stop-a.x, a.x-stop) - 18
	lines := flowFace.wrap(text, room)
	at := point{a.x + 4, a.y - 6 - (len(lines)-1)*flowFace.leading()}
	if b.x < a.x {
		at.x = a.x - 4
	}
	e.label = caption{lines: lines, at: at, end: b.x < a.x}
}
