package diagram

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain/regulation"
)

var languages = []string{"kk", "ru", "en"}

// embedded are the acts, read once; what changes them takes procedure.
var embedded = sync.OnceValues(func() (*regulation.Catalog, error) { return regulation.Load() })

// every calls f for every procedure of the embedded acts in every language.
func every(t *testing.T, f func(t *testing.T, p *regulation.Procedure, lang string)) {
	t.Helper()
	catalog, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range catalog.Services() {
		for _, p := range s.Procedures {
			for _, lang := range languages {
				n++
				t.Run(s.Slug+"/"+string(p.Channel)+"/"+lang, func(t *testing.T) { f(t, p, lang) })
			}
		}
	}
	if n != 29*len(languages) {
		t.Errorf("%d drawings, not 29 procedures in %d languages", n, len(languages))
	}
}

// procedure is one of the embedded acts, read anew.
func procedure(t testing.TB, slug string, channel regulation.Channel) *regulation.Procedure {
	t.Helper()
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range catalog.Services() {
		if s.Slug == slug {
			p, err := s.Procedure(channel)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no service %s", slug)
	return nil
}

var morning = time.Date(2026, 4, 27, 4, 0, 0, 0, time.UTC)

// through is a path that takes the way to the result, with every outcome in turn.
func through(p *regulation.Procedure) []Visit {
	outcomes := []Outcome{OnTime, Late}
	var path []Visit
	for s, at := p.Start(), morning; s != nil; at = at.Add(time.Minute) {
		v := Visit{Step: s.Number, Entered: at, Due: at.Add(30 * time.Second), Left: at.Add(time.Minute), Outcome: outcomes[len(path)%2]}
		var next *regulation.Step
		for _, e := range s.Next {
			if strings.Contains("authorized found paid valid approved", string(e.When)) {
				v.Branch, next = e.When, p.Step(e.To)
			}
		}
		path, s = append(path, v), next
	}
	last := &path[len(path)-1]
	last.Branch = regulation.Approved
	return path
}

func TestLayout(t *testing.T) {
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		for _, path := range [][]Visit{nil, through(p)} {
			c, err := draw(p, Options{Lang: lang, Path: path})
			if err != nil {
				t.Fatal(err)
			}
			inspect(t, c)
		}
	})
}

// inspect reports everything that a drawing must not do.
func inspect(t *testing.T, c *chart) {
	t.Helper()
	solid := solids(c)
	for i, a := range solid {
		if !contains(rect{0, 0, c.size.x, c.size.y}, a.box) {
			t.Errorf("%s leaves the drawing: %v", a.name, a.box)
		}
		for _, b := range solid[i+1:] {
			if overlap(a.box, b.box) {
				t.Errorf("%s %v overlaps %s %v", a.name, a.box, b.name, b.box)
			}
		}
	}
	for _, n := range c.nodes {
		l := c.lanes[n.lane]
		if !contains(l.box, n.box) {
			t.Errorf("%s leaves its lane", n.id)
		}
		inspectText(t, n)
	}
	for _, e := range c.edges {
		inspectEdge(t, c, e, solid)
	}
	inspectHeads(t, c)
}

type solid struct {
	name string
	box  rect
}

// solids is all that must not overlap: symbols, timers, intermediate messages, and text beside them.
func solids(c *chart) []solid {
	var all []solid
	for _, n := range c.nodes {
		box := n.box
		if n.timer() {
			box.h += 9
		}
		all = append(all, solid{n.id, box})
		w := plainFace.width(n.label)
		switch n.shape {
		case begin:
			all = append(all, solid{n.id + "'s label", rect{n.box.right() + 8, n.box.y + 8, w, 14}})
		case result:
			all = append(all, solid{n.id + "'s label", c.resultLabel(n)})
		case document:
			all = append(all, solid{n.id + "'s label", rect{n.box.center().x - w/2, n.box.bottom() + 2, w, 14}})
		}
	}
	for _, e := range c.edges {
		if e.mark != nil {
			all = append(all, solid{"message of " + e.id, rect{e.mark.x - 10, e.mark.y - 10, 20, 20}})
		}
		for i, text := range e.label.lines {
			w := flowFace.width(text)
			box := rect{e.label.at.x, e.label.at.y + i*flowFace.leading() - flowFace.size + 2, w, flowFace.size}
			if e.label.end {
				box.x -= w
			}
			all = append(all, solid{fmt.Sprintf("label %q of %s", text, e.id), box})
		}
	}
	return all
}

func inspectText(t *testing.T, n *node) {
	t.Helper()
	bottom := 0
	for _, l := range n.lines {
		if l.x < inset || l.x+l.face.width(l.text) > n.box.w-6 {
			t.Errorf("%s: %q is too wide", n.id, l.text)
		}
		if l.y-l.face.size < bottom-2 || l.y > n.box.h-4 {
			t.Errorf("%s: %q stands on what is above or leaves the box", n.id, l.text)
		}
		if n.step.Actor.Role == regulation.System && l.x < badge-8 && l.y-l.face.size < markRoom {
			t.Errorf("%s: %q stands on the mark of the system", n.id, l.text)
		}
		bottom = l.y
	}
}

func inspectEdge(t *testing.T, c *chart, e *edge, solids []solid) {
	t.Helper()
	first, last := e.points[0], e.points[len(e.points)-1]
	if !port(e.from, first) || !port(e.to, last) {
		t.Errorf("%s is not attached: %v", e.id, e.points)
	}
	if e.when != regulation.Always && len(e.label.lines) == 0 {
		t.Errorf("%s has no label", e.id)
	}
	if e.message && e.to.shape != document && e.mark == nil {
		t.Errorf("%s passes from lane to lane without a message", e.id)
	}
	for i := 1; i < len(e.points); i++ {
		a, b := e.points[i-1], e.points[i]
		if (a.x == b.x) == (a.y == b.y) {
			t.Errorf("%s goes neither across nor down: %v", e.id, e.points)
		}
		for _, s := range solids {
			if s.name == e.from.id || s.name == e.to.id || s.name == "message of "+e.id {
				continue
			}
			if overlap(segment(a, b), s.box) {
				t.Errorf("%s crosses %s", e.id, s.name)
			}
		}
		for _, o := range c.edges {
			for j := 1; o != e && j < len(o.points); j++ {
				if overlap(segment(a, b), segment(o.points[j-1], o.points[j])) && o.from != e.from {
					t.Errorf("%s crosses %s", e.id, o.id)
				}
			}
		}
	}
}

func inspectHeads(t *testing.T, c *chart) {
	t.Helper()
	for _, l := range c.lanes {
		for _, text := range l.title {
			if headFace.width(text) > l.box.w-30 {
				t.Errorf("lane title %q is too wide", text)
			}
		}
		for _, text := range l.subtitle {
			if smallFace.width(text) > l.box.w-8 {
				t.Errorf("lane subtitle %q is too wide", text)
			}
		}
	}
	if titleFace.widest(c.title) > c.pool.w || plainFace.widest(c.subtitle) > c.pool.w || headFace.width(c.channel) > c.pool.w {
		t.Error("a heading is too wide")
	}
	g := newLegend(c)
	for _, e := range g.entries {
		if legendSymbol+legendFace.widest(e.lines) > g.width {
			t.Errorf("legend entry %q is too wide", e.lines)
		}
	}
}

// port reports whether the point is the middle of one of the node's sides, from which flows leave it.
func port(n *node, p point) bool {
	return p == n.top() || p == n.bottom() || p == n.left() || p == n.right()
}

// segment is a line as a thin rectangle, without its ends.
func segment(a, b point) rect {
	if a.x == b.x {
		return rect{a.x, min(a.y, b.y) + 1, 1, max(a.y, b.y) - min(a.y, b.y) - 2}
	}
	return rect{min(a.x, b.x) + 1, a.y, max(a.x, b.x) - min(a.x, b.x) - 2, 1}
}

func overlap(a, b rect) bool {
	return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

func contains(outer, inner rect) bool {
	return outer.x <= inner.x && outer.y <= inner.y && inner.right() <= outer.right() && inner.bottom() <= outer.bottom()
}
