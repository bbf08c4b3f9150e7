package diagram

import (
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// point and rect are in pixels, from the top left corner.
type point struct{ x, y int }

type rect struct{ x, y, w, h int }

func (r rect) right() int    { return r.x + r.w }
func (r rect) bottom() int   { return r.y + r.h }
func (r rect) center() point { return point{r.x + r.w/2, r.y + r.h/2} }

// slot is a column within a lane. The way to the result runs through the main column of each lane;
// the refusal of a gate of the same lane stands in the side column, and ends beside the boxes.
type slot int

const (
	endLeft slot = iota
	main
	endRight
	side
	endSide
	slots
)

// The measures of the drawing.
const (
	margin     = 16 // around everything
	pad        = 22 // between a lane's border and what is in it
	boxWidth   = 216
	endWidth   = 60 // of the columns of the ends
	sideGap    = 40 // before the side column
	circle     = 30 // diameter of ends
	diamond    = 44 // diagonal of gates
	badge      = 38 // from a box's left side to its text; the number stands there
	inset      = 12 // from a box's left side to its times
	timerRoom  = 34 // from a box's left side to its deadline; the timer stands there
	markRoom   = 46 // from a box's top to its times; the mark of an information system stands there
	gap        = 30 // between rows
	bandHeight = 30 // of the pool's head

	leastHeight = 58 // of a box
	bottomRoom  = 5  // below the last line in a box
)

// line is one line of text in a task.
type line struct {
	text string
	face face
	role lineRole
	x, y int // from the box's top left corner to where the text begins on its baseline
}

type lineRole int

const (
	actionLine lineRole = iota
	systemLine
	timeLine
	visitLine // how the visit stands to its deadline
	deadlineLine
	noDeadlineLine
)

// layout gives everything but the edges its place.
func (c *chart) layout() {
	c.arrange()
	for _, n := range c.nodes {
		n.box.w, n.box.h = n.extent(c)
	}
	x := margin
	for i, l := range c.lanes {
		c.measure(i)
		l.box.x, l.box.w = x, 2*pad
		for _, w := range l.slots {
			l.box.w += w
		}
		x += l.box.w
	}
	c.pool = rect{margin, 0, x - margin, 0}
	c.head()
	y := c.lanes[0].box.y + c.laneHead() + gap/2
	y = c.rows(y) + gap/2
	c.pool.h = y - c.pool.y
	for _, l := range c.lanes {
		l.box.h = y - l.box.y
	}
	c.size = point{x + margin, y + margin}
}

// arrange gives every node its row and column.
func (c *chart) arrange() {
	row := 0
	var last *node // on the way to the result
	for _, n := range c.nodes {
		n.slot = main
		switch {
		case n.shape == begin:
		case n.shape == document:
			if row = last.row; n.lane == last.lane {
				row++
			}
		case n.shape == task && n.refusal:
			if n.lane == last.lane {
				n.slot = side
			}
		case n.shape == failure:
			n.slot = c.endSlot(n)
		case n.shape == task && last.shape == task && n.lane > last.lane:
		default:
			row++
		}
		n.row = row
		if n.onWay() {
			last = n
		}
	}
}

// onWay reports whether the node is on the way to the result.
func (n *node) onWay() bool {
	return n.shape != failure && n.shape != document && !n.refusal
}

// endSlot is the column of the end of a refusal: behind its step, or where it has none, on the side
// of the gate that the way to the result does not take.
func (c *chart) endSlot(n *node) slot {
	from, on := c.into(n).from, (*node)(nil)
	if from.shape == task {
		g := c.into(from).from
		switch {
		case from.slot == side:
			return endSide
		case from.lane < g.lane:
			return endLeft
		}
		return endRight
	}
	for _, s := range c.p.Steps {
		for _, e := range from.step.Next {
			if e.To == s.Number && e.When != n.when {
				on = &node{lane: c.lane(s.Actor.Role)}
			}
		}
	}
	if on != nil && on.lane > n.lane {
		return endLeft
	}
	return endRight
}

// into is the edge that leads to the node.
func (c *chart) into(n *node) *edge {
	for _, e := range c.edges {
		if e.to == n {
			return e
		}
	}
	return nil
}

// measure gives a lane's columns their widths: none for those that nothing stands in.
func (c *chart) measure(i int) {
	l := c.lanes[i]
	l.slots[main] = boxWidth
	for _, n := range c.nodes {
		switch {
		case n.lane != i:
		case n.slot == side:
			l.slots[side] = sideGap + boxWidth
		case n.slot != main:
			l.slots[n.slot] = endWidth
		}
	}
}

// head places what stands above the lanes' bodies: title, act, the pool's head and the lanes' heads.
func (c *chart) head() {
	s := c.p.Service
	c.title = titleFace.wrap(s.Title.In(c.lang), c.pool.w)
	c.subtitle = plainFace.wrap(c.word("diagram")+". "+c.act(s.Act), c.pool.w)
	c.channel = c.word("channel." + string(c.p.Channel))
	c.pool.y = margin + len(c.title)*titleFace.leading() + 4 + len(c.subtitle)*plainFace.leading() + 10
	for _, l := range c.lanes {
		l.box.y = c.pool.y + bandHeight
		l.title = headFace.wrap(c.word("role."+string(l.role)), l.box.w-2*inset-20)
		l.subtitle = smallFace.wrap(c.whoActs(l), l.box.w-2*inset)
	}
}

// laneHead is the height of the lanes' heads.
func (c *chart) laneHead() int {
	h := 0
	for _, l := range c.lanes {
		h = max(h, 14+len(l.title)*headFace.leading()+len(l.subtitle)*smallFace.leading())
	}
	return h
}

// whoActs is what the act says of a lane's role: the licensor by name, others as printed.
func (c *chart) whoActs(l *lane) string {
	switch l.role {
	case regulation.Officer:
		return c.p.Service.Licensor.Title.In(c.lang)
	case regulation.System:
		return ""
	}
	for _, s := range c.p.Steps {
		if printed := s.Actor.Printed[c.lang]; s.Actor.Role == l.role && printed != "" && c.printedActor(s) != "" {
			if printed == l.title[0] {
				return ""
			}
			return c.word("printed") + ": " + printed
		}
	}
	return ""
}

// act names the act in one sentence.
func (c *chart) act(a *regulation.Act) string {
	date := string(a.Date)
	if c.lang != "en" && !a.Date.Time().IsZero() {
		date = a.Date.Time().Format("02.01.2006")
	}
	return c.word("act", "kind", a.Kind.In(c.lang), "number", a.Number, "date", date, "body", a.Body.In(c.lang))
}

// rows places the nodes from y downwards and gives back where they end.
func (c *chart) rows(y int) int {
	last := c.nodes[len(c.nodes)-1].row
	for row := 0; row <= last; row++ {
		h := 0
		for _, n := range c.nodes {
			if n.row == row {
				h = max(h, n.box.h)
			}
		}
		for _, n := range c.nodes {
			if n.row == row {
				n.box.x = c.middle(n) - n.box.w/2
				n.box.y = y + (h-n.box.h)/2
			}
		}
		y += h + gap
	}
	d := c.node("document")
	return max(y-gap, d.box.bottom()+plainFace.leading())
}

// middle is the x of the middle of a node's column.
func (c *chart) middle(n *node) int {
	l := c.lanes[n.lane]
	left := l.box.x + pad + l.slots[endLeft] // of the main boxes
	switch n.slot {
	case endLeft:
		return left - pad - circle/2
	case endRight:
		return left + boxWidth + pad + circle/2
	case side:
		return left + boxWidth + l.slots[endRight] + sideGap + boxWidth/2
	case endSide:
		return left + boxWidth + l.slots[endRight] + l.slots[side] + pad + circle/2
	}
	return left + boxWidth/2
}

// resultLabel is where the words beside the end message stand: on the side that leads away from the
// document.
func (c *chart) resultLabel(n *node) rect {
	w := plainFace.width(n.label)
	if c.node("document").box.center().x > n.box.center().x {
		return rect{n.box.x - 8 - w, n.box.y + 8, w, 14}
	}
	return rect{n.box.right() + 8, n.box.y + 8, w, 14}
}

// extent is the size of a node; that of a task follows from its text.
func (n *node) extent(c *chart) (w, h int) {
	switch n.shape {
	case gate:
		return diamond, diamond
	case document:
		return 30, 36
	case task:
		return boxWidth, c.fill(n)
	}
	return circle, circle
}

// fill sets the lines of a task and gives back its height.
func (c *chart) fill(n *node) int {
	n.lines = nil
	y := 8
	put := func(role lineRole, f face, x int, text string) {
		for _, t := range f.wrap(text, boxWidth-x-8) {
			y += f.leading()
			n.lines = append(n.lines, line{text: t, face: f, role: role, x: x, y: y - f.leading() + f.size})
		}
	}
	put(actionLine, stepFace, badge, c.word("action."+string(n.step.Action)))
	if n.step.Actor.Role == regulation.System {
		put(systemLine, smallFace, badge, c.printedActor(n.step))
	}
	if n.visit != nil {
		y += 4
		if n.step.Actor.Role == regulation.System {
			y = max(y, markRoom)
		}
		for _, t := range c.times(n.visit) {
			put(timeLine, smallFace, inset, t)
		}
		if standing := c.standing(n.visit); standing != "" {
			y += 5
			put(visitLine, strongFace, inset+6, standing)
			y += 5
		}
	}
	y += 5
	if rest := leastHeight - bottomRoom - plainFace.leading() - y; rest > 0 {
		y += rest
	}
	terms := c.deadline(n.step.Deadline)
	for _, t := range terms {
		put(deadlineLine, plainFace, timerRoom, t)
	}
	if terms == nil {
		put(noDeadlineLine, smallFace, timerRoom, c.word("deadline.none"))
	}
	return max((y+bottomRoom+1)/2*2, leastHeight) // even, so that the middles of a row are on one line
}

// times are the instants of a visit. When it was due matters where it was not left in time.
func (c *chart) times(v *Visit) []string {
	day, clock := "02.01.2006", " 15:04:05"
	if c.lang == "en" {
		day = "2006-01-02"
	}
	zone := c.o.zone()
	all := []string{c.word("visit.entered") + " " + v.Entered.In(zone).Format(day+clock)}
	if !v.Left.IsZero() {
		all = append(all, c.word("visit.left")+" "+v.Left.In(zone).Format(day+clock))
	}
	if v.Due.IsZero() || v.Outcome == OnTime {
		return all
	}
	if last, ok := calendar.LastDay(v.Due); ok {
		return append(all, c.word("visit.last-day", "day", last.Start().In(calendar.Zone).Format(day)))
	}
	return append(all, c.word("visit.due")+" "+v.Due.In(zone).Format(day+clock))
}

// standing is how a visit stands to its deadline, in words; a visit that is over and had none needs no
// word.
func (c *chart) standing(v *Visit) string {
	switch {
	case v.Outcome == OnTime && v.Due.IsZero():
		return ""
	}
	return c.word("visit." + string(v.Outcome))
}
