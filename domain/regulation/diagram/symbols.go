package diagram

import "fmt"

// The symbols of the legend. Each is drawn around its middle.

// backwards is the point n pixels before b on the way from a.
func backwards(a, b point, n int) point {
	return point{b.x - n*sign(b.x-a.x), b.y - n*sign(b.y-a.y)}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// arrow is the head of a flow that comes from a and ends in b: filled where control flows, open where
// a message does.
func (k *canvas) arrow(a, b point, line string, open bool) {
	back, fill := backwards(a, b, 9), line
	if open {
		fill = white
	}
	dx, dy := 0, 5
	if a.x == b.x {
		dx, dy = 5, 0
	}
	k.leaf("path", "d", fmt.Sprintf("M%d %dL%d %dL%d %dZ", back.x-dx, back.y-dy, b.x, b.y, back.x+dx, back.y+dy),
		"fill", fill, "stroke", line, "stroke-width", 1)
}

func (k *canvas) circle(m point, r int, l look, width string) {
	k.leaf("circle", "cx", m.x, "cy", m.y, "r", r, "fill", l.fill, "stroke", l.line, "stroke-width", width)
}

// envelope is w wide: outlined for a message that comes, filled for one that is sent.
func (k *canvas) envelope(m point, w, h int, line, fill string) {
	x, y := m.x-w/2, m.y-h/2
	flap := line
	if fill == line {
		flap = white
	}
	k.leaf("rect", "x", x, "y", y, "width", w, "height", h, "fill", fill, "stroke", line, "stroke-width", 1)
	k.leaf("path", "d", fmt.Sprintf("M%d %dL%d %dL%d %d", x, y, m.x, m.y+1, x+w, y), "fill", "none", "stroke", flap, "stroke-width", 1)
}

func (k *canvas) start(m point, l look) {
	k.circle(m, circle/2, l, "1.3")
	k.envelope(m, 16, 11, l.line, white)
}

func (k *canvas) end(m point, l look) {
	k.circle(m, circle/2-1, l, "3")
	k.envelope(m, 16, 11, l.line, l.line)
}

func (k *canvas) message(m point, l look) {
	k.circle(m, 10, l, "1")
	k.circle(m, 8, l, "1")
	k.envelope(m, 10, 7, l.line, white)
}

func (k *canvas) error(m point, l look) {
	k.circle(m, circle/2-1, l, "3")
	k.leaf("path", "d", fmt.Sprintf("M%d %dl4 -11l5 6l4 -8l-4 13l-5 -6Z", m.x-7, m.y+7), "fill", l.line)
}

func (k *canvas) clock(m point, l look) {
	k.leaf("circle", "cx", m.x, "cy", m.y, "r", 9, "fill", white, "stroke", l.line, "stroke-width", "1.2")
	k.leaf("path", "d", fmt.Sprintf("M%d %dV%dl4 3M%d %dv2M%d %dv-2M%d %dh2M%d %dh-2",
		m.x, m.y-5, m.y, m.x, m.y-8, m.x, m.y+8, m.x-8, m.y, m.x+8, m.y),
		"fill", "none", "stroke", l.line, "stroke-width", "1.2")
}

// cylinder is the mark of an information system, w wide and h high.
func (k *canvas) cylinder(x, y, w, h int, line, fill string) {
	left, top := x-w/2, y-h/2
	k.leaf("path", "d", fmt.Sprintf("M%d %dv%da%s 2 0 0 0 %d 0v-%da%s 2 0 0 0 -%d 0a%s 2 0 0 0 %d 0",
		left, top+2, h-4, half(w), w, h-4, half(w), w, half(w), w), "fill", fill, "stroke", line, "stroke-width", 1)
}

// half is n/2 as SVG writes it.
func half(n int) string {
	if n%2 == 0 {
		return fmt.Sprint(n / 2)
	}
	return fmt.Sprintf("%d.5", n/2)
}

func (k *canvas) diamond(m point, r int, l look) {
	k.leaf("path", "d", fmt.Sprintf("M%d %dL%d %dL%d %dL%d %dZ", m.x-r, m.y, m.x, m.y-r, m.x+r, m.y, m.x, m.y+r),
		"fill", l.fill, "stroke", l.line, "stroke-width", l.width)
}

// document is a sheet with a turned corner.
func (k *canvas) document(m point, l look) {
	x, y := m.x-13, m.y-17
	k.leaf("path", "d", fmt.Sprintf("M%d %dh18l8 8v26h-26Z", x, y), "fill", l.fill, "stroke", l.line, "stroke-width", "1.5")
	k.leaf("path", "d", fmt.Sprintf("M%d %dv8h8M%d %dh16M%d %dh16M%d %dh10", x+18, y, x+5, y+15, x+5, y+20, x+5, y+25),
		"fill", "none", "stroke", l.line, "stroke-width", "1.2")
}
