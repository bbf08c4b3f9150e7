package diagram

import (
	"fmt"
	"strings"

	"github.com/tizilim/tizilim/domain/regulation"
)

// describe is what a reader gets by pointing at a node: the act's own words.
func (c *chart) describe(n *node) string {
	switch n.shape {
	case task:
		s := n.step
		parts := []string{c.word("step", "n", number(s)) + ". " + sentence(s.Wording.In(c.lang))}
		if printed := s.Actor.Printed.In(c.lang); printed != "" {
			parts = append(parts, sentence(c.word("printed")+": "+printed))
		}
		return strings.Join(append(parts, sentence(c.word("deadline")+": "+c.longDeadline(s))), " ")
	case gate:
		name := c.condition(n)
		if n.item != nil {
			name += ". " + n.item.Wording.In(c.lang)
		}
		return name
	case failure:
		if n.when != regulation.Always {
			return n.label + ": " + c.word("outcome."+string(n.when))
		}
		return n.label + ": " + c.word("action."+string(n.step.Action))
	}
	return n.label
}

// condition names a gate.
func (c *chart) condition(n *node) string {
	if n.item == nil || n.item.Number == nil {
		return c.word("decision")
	}
	return c.word("condition", "n", fmt.Sprint(*n.item.Number))
}

func (c *chart) longDeadline(s *regulation.Step) string {
	if d := c.deadline(s.Deadline); d != nil {
		return strings.Join(d, ", ")
	}
	return c.word("deadline.none")
}

// description tells the whole drawing in words, for those who do not see it.
func (c *chart) description() string {
	var b strings.Builder
	b.WriteString(sentence(c.channel))
	for _, n := range c.nodes {
		if n.shape != task {
			continue
		}
		s := n.step
		fmt.Fprintf(&b, " %s, %s: %s, %s: %s", c.word("step", "n", number(s)), c.word("role."+string(s.Actor.Role)),
			c.word("action."+string(s.Action)), c.word("deadline"), c.longDeadline(s))
		if v := n.visit; v != nil {
			b.WriteString("; " + strings.Join(c.times(v), ", "))
			if standing := c.standing(v); standing != "" {
				b.WriteString(" (" + standing + ")")
			}
		}
		if ways := c.waysInWords(n); len(ways) > 0 {
			fmt.Fprintf(&b, "; %s: %s", c.word("next"), strings.Join(ways, ", "))
		}
		b.WriteString(".")
	}
	return b.String()
}

// waysInWords are the ways on of a task, past its gate where it has one.
func (c *chart) waysInWords(n *node) []string {
	var ways []string
	for _, e := range c.edges {
		switch {
		case e.from != n:
		case e.to.shape == gate:
			ways = append(ways, c.waysInWords(e.to)...)
		default:
			way := e.to.label
			if e.to.shape == task {
				way = c.word("step", "n", number(e.to.step))
			}
			if e.when != regulation.Always {
				way += " (" + c.word("outcome."+string(e.when)) + ")"
			}
			ways = append(ways, way)
		}
	}
	return ways
}

// sentence ends with a full stop.
func sentence(text string) string { return strings.TrimRight(text, ".; ") + "." }
