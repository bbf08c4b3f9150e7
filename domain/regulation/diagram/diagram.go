// Package diagram draws the procedures of an act: the diagrams of functional interaction that every
// act prints and whose pictures are lost. SVG writes one for people, BPMN the same one as BPMN 2.0
// with its layout for tools.
//
// What is drawn is what is in effect. Every role has a lane, in the order in which the roles first
// act. The way to the result runs downwards, and to the right as long as it passes on to a lane on
// the right; each refusal leaves it sideways. Within a lane control flows, from lane to lane a
// message does. The symbols are those of the acts' legend, which stands below the drawing.
//
// Reading order: this file (what goes in), graph.go (what is drawn), layout.go (where), route.go
// (the lines), then svg.go with symbols.go and legend.go, or bpmn.go. Text is measured with the table
// in widths.txt, so that the same procedure gives the same bytes on every machine.
package diagram

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Options say how a procedure is drawn. The zero value draws it in English without a path.
type Options struct {
	// Lang is "kk", "ru" or "en"; another one is English. What the act words in other languages only
	// stays in one of those.
	Lang string
	// Path is the way of one application, in the order of its visits: where it went is highlighted with
	// its times, the rest stands back. Empty for the procedure alone.
	Path []Visit
	// Zone is where the path's times are shown, calendar.Zone where it is nil.
	Zone *time.Location
	// Anchor is for an SVG that stands within an HTML page: it is written as an element and no document of
	// its own, and every step is a link to Anchor with the step's number behind it, such as "#step-3".
	Anchor string
}

// Visit is one stay of an application in a step.
type Visit struct {
	Step    int // the step's number
	Entered time.Time
	// Due is zero for none. A term in days ends with the first instant of the day after its last one;
	// such a due time is shown as that last day.
	Due  time.Time
	Left time.Time // zero while the application is there
	// Outcome is how the visit stands to its deadline at the time of the drawing.
	Outcome Outcome
	// Branch is the way taken out of the step where it has several.
	Branch regulation.Outcome
}

// Outcome is how a visit stands to its deadline. The tokens are those of the deadlines read model.
type Outcome string

// The outcomes. A visit of a step without a deadline is on time.
const (
	OnTime    Outcome = "on_time"   // left in time
	Late      Outcome = "late"      // left after it was due
	Abandoned Outcome = "abandoned" // left because the application was withdrawn
	Open      Outcome = "open"      // not left, and not yet due
	Overdue   Outcome = "overdue"   // not left, and due before now
)

// SVG writes the procedure as one SVG document. It needs no style sheet, script or other resource:
// presentation attributes say everything, so it shows under a strict content security policy, by
// itself or within a page. Text is text. The size in pixels is that of its width and height
// attributes; it may be scaled.
//
// domain.ErrInvalid for a path that leads through a step the procedure does not have or has an
// unknown outcome, and for a procedure that the package's checks would not have let pass.
func SVG(w io.Writer, p *regulation.Procedure, o Options) error {
	c, err := draw(p, o)
	if err != nil {
		return err
	}
	return write(w, p, c.svg())
}

// BPMN writes the procedure as BPMN 2.0 XML with its layout, which is that of SVG: a pool with a lane
// for each role, the steps as user and service tasks, the conditions as exclusive gateways, refusals
// as error end events, deadlines as timer boundary events. Sequence flows cannot leave a pool and
// message flows cannot stay in one, so control flows throughout the pool here, and messages pass
// between it and what stands outside: the state databases, the payment gateway, and the applicant
// where the applicant does not act.
//
// Errors are those of SVG.
func BPMN(w io.Writer, p *regulation.Procedure, lang string) error {
	c, err := draw(p, Options{Lang: lang})
	if err != nil {
		return err
	}
	document, err := c.bpmn()
	if err != nil {
		return fmt.Errorf("%s: %w", name(p), err)
	}
	return write(w, p, document)
}

// draw decides everything about the drawing but its form.
func draw(p *regulation.Procedure, o Options) (*chart, error) {
	c, err := newChart(p, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name(p), err)
	}
	if err := c.mark(o.Path); err != nil {
		return nil, fmt.Errorf("%s: %w", name(p), err)
	}
	c.layout()
	c.route()
	return c, nil
}

func write(w io.Writer, p *regulation.Procedure, document []byte) error {
	if _, err := bytes.NewReader(document).WriteTo(w); err != nil {
		return fmt.Errorf("write %s: %w", name(p), err)
	}
	return nil
}

// name is the procedure in an error.
func name(p *regulation.Procedure) string {
	if p.Service == nil {
		return fmt.Sprintf("diagram of %s", p.Channel)
	}
	return fmt.Sprintf("diagram of %s through %s", p.Service.Slug, p.Channel)
}

// zone is where times are shown.
func (o Options) zone() *time.Location {
	if o.Zone != nil {
		return o.Zone
	}
	return calendar.Zone
}

// check refuses a visit that cannot be drawn.
func (v Visit) check(p *regulation.Procedure) error {
	if p.Step(v.Step) == nil {
		return fmt.Errorf("the path visits step %d, which the procedure does not have: %w", v.Step, domain.ErrInvalid)
	}
	switch v.Outcome {
	case OnTime, Late, Abandoned, Open, Overdue:
		return nil
	}
	return fmt.Errorf("the visit of step %d has the outcome %q: %w", v.Step, v.Outcome, domain.ErrInvalid)
}
