package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// regulationsCmd shows the acts as data.
type regulationsCmd struct {
	List     regulationsList     `cmd:"" help:"One line for each service."`
	Show     regulationsShow     `cmd:"" help:"A service with its procedures: every step as printed and in effect, and the discrepancies."`
	Diagram  regulationsDiagram  `cmd:"" help:"The diagram of functional interaction of a procedure, as a drawing or as BPMN 2.0."`
	Diagrams regulationsDiagrams `cmd:"" help:"The diagrams of all procedures, each as a file."`
	Check    regulationsCheck    `cmd:"" help:"Prove of every procedure that each step is reached, each way ends, each branch has its condition and each deadline can be read."`
	Export   regulationsExport   `cmd:"" help:"Every act, service, procedure, step, deadline and discrepancy as one document."`
}

// regulationsFlag adds acts to the embedded ones.
type regulationsFlag struct {
	Regulations string `placeholder:"DIR" type:"existingdir" help:"Folder with further acts (*.yaml): one with a new id is added, one with a known id replaces it."`
}

// load reads and checks the acts. What is wrong with one is told with file, line and reason.
func (f regulationsFlag) load() (*regulation.Catalog, error) {
	var further []fs.FS
	if f.Regulations != "" {
		further = append(further, os.DirFS(f.Regulations))
	}
	catalog, err := regulation.Load(further...)
	if err != nil {
		return nil, fmt.Errorf("the acts are not sound: %w", err)
	}
	return catalog, nil
}

// service is a service in its wording in force.
func (f regulationsFlag) service(slug string) (*regulation.Service, error) {
	catalog, err := f.load()
	if err != nil {
		return nil, err
	}
	service, err := catalog.InForce(slug, time.Now())
	if errors.Is(err, domain.ErrNotFound) {
		return nil, fmt.Errorf("no service %q; there are %s", slug, strings.Join(slugs(catalog), ", "))
	}
	return service, err
}

type langFlag struct {
	Lang string `default:"en" enum:"en,ru,kk" env:"-" help:"Language of the headings, and of the texts where the act has them: en, ru or kk."`
}

type regulationsList struct {
	langFlag
	regulationsFlag
}

// Run prints the list.
func (c regulationsList) Run(out io.Writer) error {
	catalog, err := c.load()
	if err != nil {
		return err
	}
	return regulation.WriteList(out, catalog, c.Lang)
}

type regulationsShow struct {
	Service string             `arg:"" help:"Slug of the service, as in the list."`
	Channel regulation.Channel `arg:"" optional:"" help:"portal, office or center; all of them where left out."`
	langFlag
	regulationsFlag
}

// Run prints the service.
func (c regulationsShow) Run(out io.Writer) error {
	service, err := c.service(c.Service)
	if err != nil {
		return err
	}
	if err := regulation.WriteService(out, service, c.Channel, c.Lang); err != nil {
		return fmt.Errorf("%w; it has %s", err, strings.Join(channels(service), ", "))
	}
	return nil
}

func slugs(c *regulation.Catalog) []string {
	var all []string
	for _, s := range c.Services() {
		all = append(all, s.Slug)
	}
	return all
}

func channels(s *regulation.Service) []string {
	var all []string
	for _, p := range s.Procedures {
		all = append(all, string(p.Channel))
	}
	return all
}

type regulationsCheck struct {
	regulationsFlag
}

// Run prints the counts. What is wrong is told with file, line and reason, all of it at once.
func (c regulationsCheck) Run(out io.Writer) error {
	catalog, err := c.load()
	if err != nil {
		return err
	}
	return regulation.WriteSurveys(out, catalog)
}

type regulationsExport struct {
	Format string `enum:"json" default:"json" env:"-" help:"json."`
	regulationsFlag
}

// Run writes the document. It holds every language that the acts have.
func (c regulationsExport) Run(out io.Writer) error {
	catalog, err := c.load()
	if err != nil {
		return err
	}
	return regulation.ExportJSON(out, catalog)
}
