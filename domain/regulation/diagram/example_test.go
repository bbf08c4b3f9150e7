package diagram_test

import (
	"bytes"
	"fmt"
	"log"
	"time"

	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/regulation/diagram"
)

// The drawing of a procedure, as a page or a command would write it.
func ExampleSVG() {
	catalog, err := regulation.Load()
	if err != nil {
		log.Fatal(err)
	}
	service, err := catalog.InForce("import-permit", time.Date(2026, 4, 27, 0, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	procedure, err := service.Procedure(regulation.Portal)
	if err != nil {
		log.Fatal(err)
	}
	// With Path it shows the way of one application; each row of the deadlines read model is a Visit.
	entered := time.Date(2026, 4, 27, 4, 0, 0, 0, time.UTC)
	options := diagram.Options{Lang: "en", Path: []diagram.Visit{{
		Step: 1, Entered: entered, Due: entered.Add(15 * time.Second), Left: entered.Add(9 * time.Second),
		Branch: regulation.Authorized, Outcome: diagram.OnTime,
	}}}
	var svg bytes.Buffer
	if err := diagram.SVG(&svg, procedure, options); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Contains(svg.Bytes(), []byte(`entered 2026-04-27 09:00:00</text>`)))
	// Output: true
}

// The same for a BPMN tool.
func ExampleBPMN() {
	catalog, err := regulation.Load()
	if err != nil {
		log.Fatal(err)
	}
	procedure, err := catalog.Services()[0].Procedure(regulation.Portal)
	if err != nil {
		log.Fatal(err)
	}
	var document bytes.Buffer
	if err := diagram.BPMN(&document, procedure, "kk"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Contains(document.Bytes(), []byte(`name="Өтініш беруші"`)))
	// Output: true
}
