package diagram

import (
	"slices"

	"github.com/tizilim/tizilim/domain/regulation"
)

// mark lays the path of an application over the drawing: which steps it visited, which flows it took
// and where it ended. A later visit of a step stands for the earlier ones.
func (c *chart) mark(path []Visit) error {
	way := way{visits: map[*regulation.Step]*Visit{}}
	for i := range path {
		v := &path[i]
		if err := v.check(c.p); err != nil {
			return err
		}
		way.visits[c.p.Step(v.Step)] = v
		way.refused = way.refused || v.Branch == regulation.Refused
	}
	if len(path) == 0 {
		return nil
	}
	for _, n := range c.nodes {
		if n.shape == task && !n.refusal {
			n.visit = way.visits[n.step]
			n.taken = n.visit != nil
		}
	}
	c.node("start").taken = true
	// Edges stand in the order of the procedure, so whatever leads to an edge was looked at before it.
	for _, e := range c.edges {
		if e.taken = e.from.taken && way.took(e); e.taken {
			e.to.taken = true
			if e.to.shape == task {
				e.to.visit = way.visits[e.to.step]
			}
		}
	}
	return nil
}

// way is the path of an application while it is laid over a drawing.
type way struct {
	visits map[*regulation.Step]*Visit
	// refused says that the licensor refused. The term of the examination runs on the step that forms
	// the result, so an application is there before it is decided, and leaves it when it is refused.
	refused bool
}

// took reports whether the path took the edge, given that it came to where the edge begins.
func (w way) took(e *edge) bool {
	switch {
	case e.when == regulation.Approved && w.refused:
		return false
	case e.to.shape == task && e.aside:
		branch := w.visits[e.from.step].Branch
		return w.visits[e.to.step] != nil && (branch == e.when || branch == regulation.Always || e.when == regulation.Refused)
	case e.to.shape == task:
		return w.visits[e.to.step] != nil
	case e.to.shape == document:
		return true
	}
	v := w.visits[e.from.step]
	if v == nil || v.Left.IsZero() || v.Outcome == Abandoned {
		return false
	}
	switch e.to.shape {
	case failure: // after the step of a refusal, or where the refusal has none
		return e.from.refusal || v.Branch == e.when || w.refused && e.when == regulation.Refused
	case result:
		return !slices.Contains(refusals, v.Branch)
	}
	return true
}

// undecided reports whether the path waits in the node.
func (n *node) undecided() bool { return n.visit != nil && n.visit.Left.IsZero() }
