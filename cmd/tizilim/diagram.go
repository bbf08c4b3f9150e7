package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/regulation/diagram"
)

// diagramFlags say how procedures are drawn.
type diagramFlags struct {
	Format string `enum:"svg,bpmn" default:"svg" env:"-" help:"svg, a drawing, or bpmn, BPMN 2.0 XML with its layout."`
	langFlag
	regulationsFlag
}

// draw writes the procedure in the format and language asked for.
func (f diagramFlags) draw(w io.Writer, p *regulation.Procedure) error {
	if f.Format == "bpmn" {
		return diagram.BPMN(w, p, f.Lang)
	}
	return diagram.SVG(w, p, diagram.Options{Lang: f.Lang})
}

// drawFile writes the procedure to a file, which is left alone where the procedure cannot be drawn.
func (f diagramFlags) drawFile(name string, p *regulation.Procedure) error {
	var drawing bytes.Buffer
	if err := f.draw(&drawing, p); err != nil {
		return err
	}
	return os.WriteFile(name, drawing.Bytes(), 0o644)
}

type regulationsDiagram struct {
	Service string             `arg:"" help:"Slug of the service, as in the list."`
	Channel regulation.Channel `arg:"" help:"portal, office or center."`
	Out     string             `default:"-" placeholder:"FILE" env:"-" help:"Where to write it; - is the standard output."`
	diagramFlags
}

// Run draws one procedure.
func (c regulationsDiagram) Run(out io.Writer) error {
	service, err := c.service(c.Service)
	if err != nil {
		return err
	}
	procedure, err := service.Procedure(c.Channel)
	if err != nil {
		return fmt.Errorf("%w; it has %s", err, strings.Join(channels(service), ", "))
	}
	if c.Out == "-" {
		return c.draw(out, procedure)
	}
	return c.drawFile(c.Out, procedure)
}

type regulationsDiagrams struct {
	Out string `required:"" placeholder:"DIR" env:"-" help:"Folder to write them to; made where it is missing."`
	diagramFlags
}

// Run draws every procedure in its wording in force, and says where each is.
func (c regulationsDiagrams) Run(out io.Writer) error {
	catalog, err := c.load()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	now := time.Now()
	for _, slug := range slugs(catalog) {
		service, err := catalog.InForce(slug, now)
		if err != nil {
			return err
		}
		for _, p := range service.Procedures {
			name := filepath.Join(c.Out, fmt.Sprintf("%s-%s.%s.%s", slug, p.Channel, c.Lang, c.Format))
			if err := c.drawFile(name, p); err != nil {
				return err
			}
			fmt.Fprintln(out, name)
		}
	}
	return nil
}
