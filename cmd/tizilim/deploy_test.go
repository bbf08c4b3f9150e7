package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain/regulation"
)

// What is in deploy, as far as the tests look at it.
type (
	ruleFile struct {
		Groups []struct{ Rules []rule }
	}
	rule struct {
		Record, Alert, Expr string
		Labels, Annotations map[string]string
	}
	ruleTests struct {
		Tests []struct {
			InputSeries []struct{ Series string } `yaml:"input_series"`
			AlertTests  []struct {
				Name   string           `yaml:"alertname"`
				Alerts []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	board struct {
		UID, Title, Description string
		SchemaVersion           int
		Templating              struct{ List []variable }
		Panels                  []panel
	}
	variable struct {
		Name       string
		Definition string
	}
	panel struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ UID string }
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct{ Expr, LegendFormat string }
		FieldConfig              struct{ Defaults struct{ Unit string } }
	}
)

const (
	prometheusFolder = "../../deploy/prometheus/"
	rulesFile        = prometheusFolder + "tizilim.rules.yml"
	dashboardFile    = "../../deploy/grafana/dashboards/tizilim.json"
	runbookFile      = "../../docs/operating.md"
)

// read reads a file into the value and returns its text.
func read(t *testing.T, name string, decode func([]byte, any) error, into any) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

func readRules(t *testing.T) (list []rule) {
	t.Helper()
	var f ruleFile
	read(t, rulesFile, yaml.Unmarshal, &f)
	for _, g := range f.Groups {
		list = append(list, g.Rules...)
	}
	return list
}

func readRuleTests(t *testing.T) (files []string, tests ruleTests) {
	t.Helper()
	files, err := filepath.Glob(prometheusFolder + "*.test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("tests of the rules: %q, %v", files, err)
	}
	for _, name := range files {
		var f ruleTests
		read(t, name, yaml.Unmarshal, &f)
		tests.Tests = append(tests.Tests, f.Tests...)
	}
	return files, tests
}

func readBoard(t *testing.T) (text string, b board) {
	t.Helper()
	text = read(t, dashboardFile, json.Unmarshal, &b)
	return text, b
}

// promtool runs Prometheus' own tool.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path := tooltest.Program(t, "PROMTOOL", "the rules by Prometheus itself, of Debian's package prometheus", "promtool")
	if said, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, said)
	}
}

// TestRules has promtool check the rules and the configuration, and run their tests.
func TestRules(t *testing.T) {
	files, _ := readRuleTests(t)
	promtool(t, "check", "rules", rulesFile)
	promtool(t, "check", "config", prometheusFolder+"prometheus.yml")
	promtool(t, append([]string{"test", "rules"}, files...)...)
}

// TestAlerts: each says how bad it is and what to do, leads to its paragraph in the runbook, and is tested
// to be raised and not to be.
func TestAlerts(t *testing.T) {
	page, err := os.ReadFile(runbookFile)
	if err != nil {
		t.Fatal(err)
	}
	_, tests := readRuleTests(t)
	raised, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, a := range test.AlertTests {
			raised[a.Name] = raised[a.Name] || len(a.Alerts) > 0
			quiet[a.Name] = quiet[a.Name] || len(a.Alerts) == 0 || len(test.InputSeries) > len(a.Alerts)+1
		}
	}
	alerts := 0
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		alerts++
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: annotations %v", r.Alert, r.Annotations)
		}
		if link := "/docs/operating.md#" + strings.ToLower(r.Alert); !strings.HasSuffix(r.Annotations["runbook_url"], link) {
			t.Errorf("%s: runbook %q does not end with %s", r.Alert, r.Annotations["runbook_url"], link)
		}
		if !strings.Contains(string(page), "\n#### "+r.Alert+"\n") {
			t.Errorf("%s has no section %s", runbookFile, r.Alert)
		}
		if !raised[r.Alert] || !quiet[r.Alert] {
			t.Errorf("%s: tested to be raised: %v, not to be: %v", r.Alert, raised[r.Alert], quiet[r.Alert])
		}
	}
	if written := strings.Count(string(page), "\n#### Tizilim"); alerts != written {
		t.Errorf("%d alerts, %d in the runbook", alerts, written)
	}
}

// TestDecisionsAreInWorkingDays holds the acts to what the rules take for granted: that the steps with
// terms in working days are those of the action issue, but for the counter of private-bailiff-license.
func TestDecisionsAreInWorkingDays(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, service := range catalog.Services() {
		for _, p := range service.Procedures {
			for _, s := range p.Steps {
				decision := s.Action == regulation.IssueResult && !(service.Slug == "private-bailiff-license" && p.Channel == regulation.Office)
				if days := s.Deadline.Unit == regulation.WorkingDays; days != decision {
					t.Errorf("%s, %s: step %d (%s) has a term of %v in %s", service.Slug, p.Channel, s.Number, s.Action, s.Deadline.Printed, s.Deadline.Unit)
				}
				if decision {
					found++
				}
			}
		}
	}
	if found == 0 {
		t.Error("no decisions: the search is broken")
	}
}

// TestDashboard: it can be laid out, everything in it says what it is, and its variables are there.
func TestDashboard(t *testing.T) {
	text, b := readBoard(t)
	if b.UID == "" || b.Title == "" || b.Description == "" || b.SchemaVersion < 39 || len(b.Panels) < 10 {
		t.Errorf("dashboard %q %q, schema %d, %d panels", b.UID, b.Title, b.SchemaVersion, len(b.Panels))
	}
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range b.Panels {
		if other := ids[p.ID]; p.ID <= 0 || p.Title == "" || other != "" {
			t.Errorf("panel %q has the number %d of %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		place(t, p, cells)
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q: description %q, data source %q, %d targets", p.Title, p.Description, p.Datasource.UID, len(p.Targets))
		}
		if p.Type != "table" && p.FieldConfig.Defaults.Unit == "" && p.Type != "heatmap" {
			t.Errorf("panel %q has no unit", p.Title)
		}
	}
	defined := map[string]bool{"__data": true, "__range": true, "__interval": true, "__rate_interval": true, "__all": true}
	for _, v := range b.Templating.List {
		defined[v.Name] = true
		if !strings.Contains(text, "$"+v.Name) && !strings.Contains(text, "${"+v.Name) {
			t.Errorf("variable %s is not used", v.Name)
		}
	}
	for _, use := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(text, -1) {
		if !defined[use[1]] {
			t.Errorf("variable %s is not defined", use[1])
		}
	}
}

// place puts a panel on the grid of 24 columns.
func place(t *testing.T, p panel, cells map[[2]int]string) {
	g := p.GridPos
	if g.W <= 0 || g.H <= 0 || g.X < 0 || g.X+g.W > 24 || g.Y < 0 {
		t.Errorf("panel %q lies at %+v", p.Title, g)
	}
	for x := g.X; x < g.X+g.W; x++ {
		for y := g.Y; y < g.Y+g.H; y++ {
			if other, taken := cells[[2]int{x, y}]; taken {
				t.Errorf("panel %q lies on %q", p.Title, other)
				return
			}
			cells[[2]int{x, y}] = p.Title
		}
	}
}
