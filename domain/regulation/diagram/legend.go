package diagram

import "fmt"

// legend is the list of the symbols below the drawing, in the order of the acts.
type legend struct {
	c       *chart
	entries []entry
	columns int
	width   int // of a column
	room    int // for the text of an entry
}

type entry struct {
	lines []string
	draw  func(k *canvas, m point, l look)
}

const (
	legendHead   = 4  // below the title
	legendSymbol = 46 // from an entry's left side to its text
	legendColumn = 200
	legendRow    = 2  // between rows
	legendLeast  = 38 // height of a row
)

func newLegend(c *chart) *legend {
	g := &legend{c: c}
	g.columns = max(2, c.pool.w/legendColumn)
	g.width = c.pool.w / g.columns
	g.room = g.width - legendSymbol - 8
	add := func(key string, draw func(k *canvas, m point, l look)) {
		g.entries = append(g.entries, entry{legendFace.wrap(c.word(key), g.room), draw})
	}
	add("legend.start", (*canvas).start)
	add("legend.end", func(k *canvas, m point, l look) { k.end(m, c.tint(l, good, goodFill, true)) })
	add("legend.message", (*canvas).message)
	add("legend.error", func(k *canvas, m point, l look) { k.error(m, c.tint(l, wrong, wrongFill, true)) })
	add("legend.timer", (*canvas).clock)
	add("legend.system", func(k *canvas, m point, l look) { k.cylinder(m.x, m.y, 17, 20, l.line, systemFill) })
	add("legend.process", func(k *canvas, m point, l look) {
		k.leaf("rect", "x", m.x-17, "y", m.y-11, "width", 34, "height", 22, "rx", 5, "fill", white, "stroke", l.line, "stroke-width", l.width)
	})
	add("legend.condition", func(k *canvas, m point, l look) { k.diamond(m, 14, l) })
	add("legend.messages", func(k *canvas, m point, l look) { k.sample(m, l, true) })
	add("legend.flow", func(k *canvas, m point, l look) { k.sample(m, l, false) })
	add("legend.document", func(k *canvas, m point, l look) { k.document(m, c.tint(l, good, goodFill, true)) })
	if len(c.o.Path) > 0 {
		add("path", func(k *canvas, m point, l look) { k.sample(m, look{line: taken, width: "2.6"}, false) })
	}
	return g
}

// sample is a piece of flow.
func (k *canvas) sample(m point, l look, message bool) {
	a, b := point{m.x - 17, m.y}, point{m.x + 17, m.y}
	line := []any{"d", fmt.Sprintf("M%d %dH%d", a.x, a.y, b.x-7), "stroke", l.line, "stroke-width", l.width, "fill", "none"}
	if message {
		line = append(line, "stroke-dasharray", "6 4")
	}
	k.leaf("path", line...)
	k.arrow(a, b, l.line, message)
}

// rowHeight is the height of a row of entries.
func (g *legend) rowHeight(row int) int {
	h := legendLeast
	for i := row * g.columns; i < min((row+1)*g.columns, len(g.entries)); i++ {
		h = max(h, len(g.entries[i].lines)*legendFace.leading())
	}
	return h
}

func (g *legend) rows() int { return (len(g.entries) + g.columns - 1) / g.columns }

// height is that of the whole legend with the margin below it.
func (g *legend) height() int {
	h := legendTitle.leading() + legendHead
	for row := range g.rows() {
		h += g.rowHeight(row) + legendRow
	}
	return h + margin
}

// draw writes the legend from y downwards.
func (g *legend) draw(k *canvas, y int) {
	l := look{line: ink, text: ink, fill: white, width: "1.3"}
	k.open("g")
	k.text(g.c.pool.x, y+legendTitle.size, legendTitle, ink, g.c.word("legend"))
	y += legendTitle.leading() + legendHead
	for row := range g.rows() {
		h := g.rowHeight(row)
		for i := row * g.columns; i < min((row+1)*g.columns, len(g.entries)); i++ {
			e, x := g.entries[i], g.c.pool.x+(i%g.columns)*g.width
			e.draw(k, point{x + 20, y + h/2}, l)
			top := y + (h-len(e.lines)*legendFace.leading())/2
			for n, t := range e.lines {
				k.text(x+legendSymbol, top+n*legendFace.leading()+legendFace.size, legendFace, ink, t)
			}
		}
		y += h + legendRow
	}
	k.close("g")
}
