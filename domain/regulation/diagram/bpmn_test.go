package diagram

import (
	"bytes"
	"encoding/xml"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain/regulation"
)

func bpmn(t testing.TB, p *regulation.Procedure, lang string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := BPMN(&b, p, lang); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree is an XML element as read back.
type tree struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []*tree    `xml:",any"`
}

func (e *tree) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *tree) walk(f func(e *tree)) {
	f(e)
	for _, child := range e.Children {
		child.walk(f)
	}
}

var ncname = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9._-]*$`)

// referring are the attributes and elements whose value is the id of an element.
var referring = []string{
	"processRef", "sourceRef", "targetRef", "messageRef", "errorRef", "attachedToRef", "dataObjectRef", "bpmnElement",
	"incoming", "outgoing", "flowNodeRef",
}

// inspectBPMN reports what is wrong with the procedure's BPMN: ids that are none or come twice,
// references to nothing, nodes without a shape or out of a lane, flows without an edge, edges that do
// not begin and end at the border of what they join, shapes outside their pool.
func inspectBPMN(t *testing.T, p *regulation.Procedure, lang string) {
	t.Helper()
	root := &tree{}
	if err := xml.NewDecoder(bytes.NewReader(bpmn(t, p, lang))).Decode(root); err != nil {
		t.Fatal(err)
	}
	b := &blueprint{t: t, byID: map[string]*tree{}, shapes: map[string]rect{}, edges: map[string]*tree{}, lanes: map[string]int{}}
	root.walk(b.index)
	root.walk(b.refer)
	root.walk(b.complete)
}

type blueprint struct {
	t      *testing.T
	byID   map[string]*tree
	shapes map[string]rect
	edges  map[string]*tree
	lanes  map[string]int
}

func (b *blueprint) index(e *tree) {
	if id := e.attr("id"); id != "" {
		if b.byID[id] != nil || !ncname.MatchString(id) {
			b.t.Errorf("id %q comes twice or is none", id)
		}
		b.byID[id] = e
	}
	switch e.XMLName.Local {
	case "BPMNShape":
		b.shapes[e.attr("bpmnElement")] = b.bounds(e.Children[0])
	case "BPMNEdge":
		b.edges[e.attr("bpmnElement")] = e
	case "Bounds":
		b.bounds(e)
	case "flowNodeRef":
		b.lanes[e.Text]++
	}
}

func (b *blueprint) bounds(e *tree) rect {
	r := rect{b.number(e, "x"), b.number(e, "y"), b.number(e, "width"), b.number(e, "height")}
	if r.x < 0 || r.y < 0 || r.w < 0 || r.h < 0 {
		b.t.Errorf("bounds %v", r)
	}
	return r
}

func (b *blueprint) number(e *tree, name string) int {
	f, err := strconv.ParseFloat(e.attr(name), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f != math.Trunc(f) {
		b.t.Errorf("%s: %s=%q", e.XMLName.Local, name, e.attr(name))
	}
	return int(f)
}

func (b *blueprint) refer(e *tree) {
	for _, a := range e.Attrs {
		if slices.Contains(referring, a.Name.Local) && b.byID[a.Value] == nil {
			b.t.Errorf("%s of %s refers to %q, which is not there", a.Name.Local, e.XMLName.Local, a.Value)
		}
	}
	if slices.Contains(referring, e.XMLName.Local) && b.byID[e.Text] == nil {
		b.t.Errorf("%s refers to %q, which is not there", e.XMLName.Local, e.Text)
	}
}

func (b *blueprint) complete(e *tree) {
	id := e.attr("id")
	switch e.XMLName.Local {
	case "startEvent", "endEvent", "userTask", "serviceTask", "exclusiveGateway", "boundaryEvent":
		if b.lanes[id] != 1 {
			b.t.Errorf("%s stands in %d lanes", id, b.lanes[id])
		}
		b.flows(e)
		fallthrough
	case "participant", "lane", "dataObjectReference":
		if _, ok := b.shapes[id]; !ok {
			b.t.Errorf("%s has no shape", id)
		}
	case "sequenceFlow", "messageFlow", "association":
		b.drawn(e)
	}
}

// flows checks that the flows of a node are those that name it, and that nothing is left hanging.
func (b *blueprint) flows(e *tree) {
	in, out := 0, 0
	for _, child := range e.Children {
		switch child.XMLName.Local {
		case "incoming":
			in++
			if b.byID[child.Text].attr("targetRef") != e.attr("id") {
				b.t.Errorf("%s comes not into %s", child.Text, e.attr("id"))
			}
		case "outgoing":
			out++
			if b.byID[child.Text].attr("sourceRef") != e.attr("id") {
				b.t.Errorf("%s goes not out of %s", child.Text, e.attr("id"))
			}
		}
	}
	start := e.XMLName.Local == "startEvent" || e.XMLName.Local == "boundaryEvent"
	end := e.XMLName.Local == "endEvent"
	if start == (in > 0) || end == (out > 0) || e.XMLName.Local == "exclusiveGateway" && out != 2 {
		b.t.Errorf("%s has %d flows in and %d out", e.attr("id"), in, out)
	}
}

func (b *blueprint) drawn(e *tree) {
	edge := b.edges[e.attr("id")]
	if edge == nil {
		b.t.Errorf("%s is not drawn", e.attr("id"))
		return
	}
	var way []point
	for _, w := range edge.Children {
		if w.XMLName.Local == "waypoint" {
			way = append(way, point{b.number(w, "x"), b.number(w, "y")})
		}
	}
	plane := rect{0, 0, 0, 0}
	for _, s := range b.shapes {
		plane.w, plane.h = max(plane.w, s.right()), max(plane.h, s.bottom())
	}
	for i, p := range way {
		if !contains(plane, rect{p.x, p.y, 0, 0}) {
			b.t.Errorf("%s leaves the plane at %v", e.attr("id"), p)
		}
		if i > 0 && (p.x == way[i-1].x) == (p.y == way[i-1].y) {
			b.t.Errorf("%s goes neither across nor down: %v", e.attr("id"), way)
		}
	}
	if len(way) < 2 || !onBorder(b.shapes[e.attr("sourceRef")], way[0]) || !onBorder(b.shapes[e.attr("targetRef")], way[len(way)-1]) {
		b.t.Errorf("%s is not attached: %v from %v to %v", e.attr("id"), way, b.shapes[e.attr("sourceRef")], b.shapes[e.attr("targetRef")])
	}
	if e.XMLName.Local == "messageFlow" {
		b.clear(e, way)
	}
}

// clear checks that a message flow, which the layout does not know, crosses no symbol.
func (b *blueprint) clear(e *tree, way []point) {
	for id, box := range b.shapes {
		switch b.byID[id].XMLName.Local {
		case "participant", "lane":
			continue
		}
		if id == e.attr("sourceRef") || id == e.attr("targetRef") || b.byID[id].attr("attachedToRef") == e.attr("sourceRef") {
			continue
		}
		for i := 1; i < len(way); i++ {
			if overlap(segment(way[i-1], way[i]), box) {
				b.t.Errorf("%s crosses %s", e.attr("id"), id)
			}
		}
	}
}

func onBorder(r rect, p point) bool {
	return contains(r, rect{p.x, p.y, 0, 0}) && (p.x == r.x || p.x == r.right() || p.y == r.y || p.y == r.bottom())
}

func TestBPMN(t *testing.T) {
	every(t, inspectBPMN)
}

// TestBPMNElements: each part of a procedure is what BPMN has for it.
func TestBPMNElements(t *testing.T) {
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		count := map[string]int{}
		root := &tree{}
		if err := xml.Unmarshal(bpmn(t, p, lang), root); err != nil {
			t.Fatal(err)
		}
		root.walk(func(e *tree) { count[e.XMLName.Local]++ })
		want := map[string]int{"startEvent": 1, "lane": len(map[regulation.Role]bool{}), "messageEventDefinition": 2, "dataObjectReference": 1}
		roles := map[regulation.Role]bool{}
		for _, s := range p.Steps {
			roles[s.Actor.Role] = true
			kind := "userTask"
			if s.Actor.Role == regulation.System {
				kind = "serviceTask"
			}
			want[kind]++
			if s.Deadline.Max != nil {
				want["boundaryEvent"]++
				want["timerEventDefinition"]++
			}
			if len(s.Next) > 1 || s.Action == regulation.IssueOrRefuse {
				want["exclusiveGateway"]++
				want["errorEventDefinition"]++
			}
		}
		want["lane"] = len(roles)
		for kind, n := range want {
			if count[kind] != n {
				t.Errorf("%d of %s, not %d", count[kind], kind, n)
			}
		}
		if count["messageFlow"] < 2 || count["participant"] < 2 {
			t.Errorf("%d message flows between %d participants", count["messageFlow"], count["participant"])
		}
	})
}

// TestModdle has bpmn-moddle, which bpmn.io, Camunda Modeler and others read BPMN with, parse every
// procedure in every language without a warning.
func TestModdle(t *testing.T) {
	node, modules := tools(t, "node")
	dir, files := export(t)
	script, err := os.ReadFile("testdata/moddle.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// Given as input, the script finds its modules from the working directory.
	command := exec.CommandContext(t.Context(), node, "--input-type=module", "-", dir)
	command.Dir, command.Stdin = modules, bytes.NewReader(script)
	out, err := command.CombinedOutput()
	if want := strconv.Itoa(len(files)) + " read"; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("bpmn-moddle says %q (%v), want %q", out, err, want)
	}
}

// TestSchema validates every procedure in every language against the schema of BPMN 2.0, which
// bpmn-moddle brings along.
func TestSchema(t *testing.T) {
	xmllint, modules := tools(t, "xmllint")
	_, files := export(t)
	schema := filepath.Join(modules, "node_modules", "bpmn-moddle", "resources", "bpmn", "xsd", "BPMN20.xsd")
	arguments := append([]string{"--noout", "--nonet", "--schema", schema}, files...)
	out, err := exec.CommandContext(t.Context(), xmllint, arguments...).CombinedOutput()
	if err != nil || strings.Count(string(out), " validates\n") != len(files) {
		t.Errorf("%v: %.4000s", err, out)
	}
}

// tools are the program and TIZILIM_BPMN_MODULES, the folder in which `npm install bpmn-moddle` was
// run.
func tools(t *testing.T, program string) (path, modules string) {
	t.Helper()
	path = tooltest.Program(t, "BPMN", "the BPMN by other programs", program)
	if modules = os.Getenv("TIZILIM_BPMN_MODULES"); modules == "" {
		tooltest.Missing(t, "BPMN", "the BPMN by other programs: TIZILIM_BPMN_MODULES is not set")
	}
	return path, modules
}

// export writes every procedure in every language into a folder.
func export(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		files = append(files, filepath.Join(dir, p.Service.Slug+"-"+string(p.Channel)+"-"+lang+".bpmn"))
		if err := os.WriteFile(files[len(files)-1], bpmn(t, p, lang), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	return dir, files
}
