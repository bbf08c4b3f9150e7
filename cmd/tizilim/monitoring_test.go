package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

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

// promtool runs Prometheus' own tool. Where there is none the test is left out, loudly; with
// TIZILIM_REQUIRE_PROMTOOL=1 it fails.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const message = "NO PROMTOOL: the rules were not evaluated by Prometheus; install Debian's prometheus"
		if os.Getenv("TIZILIM_REQUIRE_PROMTOOL") == "1" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
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

// figures are what a registry tells: the labels of each metric, the values of each label, and the sum of each
// metric; and which metrics count.
type figures struct {
	lines  []string
	keys   map[string][]string
	values map[string]map[string]bool
	sums   map[string]float64
	counts map[string]bool
}

// TestMonitoring holds the rules, their tests and the dashboard to what a registry with sample data
// really tells.
func TestMonitoring(t *testing.T) {
	data := t.TempDir()
	p := startDemo(t, data).greeted(data)
	get(t, p.url+"/", "")
	w := listen(t, get(t, p.url+"/metrics", ""))
	t.Run("names", w.testNames)
	t.Run("input of tests", w.testInput)
	t.Run("dashboard", w.testDashboardNames)
	t.Run("evaluation", w.testEvaluation)
	t.Run("links", func(t *testing.T) { testLinks(t, p) })
}

// get returns what is at the address.
func get(t *testing.T, url, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return string(send(t, r, http.StatusOK))
}

// listen reads /metrics. Prometheus adds job and instance, up and ALERTS, and what the rules record.
func listen(t *testing.T, metrics string) *figures {
	w := &figures{keys: map[string][]string{"up": {"instance", "job"}}, values: map[string]map[string]bool{}, sums: map[string]float64{}, counts: map[string]bool{}}
	kind := ""
	for line := range strings.Lines(metrics) {
		line = strings.TrimSpace(line)
		if line[0] == '#' {
			kind = line[strings.LastIndex(line, " ")+1:]
			continue
		}
		w.add(t, line, kind != "gauge")
	}
	for _, r := range readRules(t) {
		if r.Record != "" {
			level, _, _ := strings.Cut(r.Record, ":")
			w.keys[r.Record] = strings.Split(level, "_")
			continue
		}
		w.keys["ALERTS"] = append(w.keys["ALERTS"], "alertname", "alertstate", "severity")
		for _, s := range namesIn(r.Expr).selectors {
			w.keys["ALERTS"] = append(w.keys["ALERTS"], w.keys[s.name]...)
		}
	}
	return w
}

func (w *figures) add(t *testing.T, line string, counts bool) {
	i := strings.LastIndex(line, " ")
	value, err := strconv.ParseFloat(line[i+1:], 64)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	s := namesIn(line[:i]).selectors[0]
	for key, value := range s.labels {
		if w.values[key] == nil {
			w.values[key] = map[string]bool{}
		}
		w.values[key][value] = true
	}
	if s.labels["le"] == "" || s.labels["licensor"] == "" || s.labels["licensor"] == "sport-agency" { // promtool takes 10,000 samples a query
		w.lines, w.sums[s.name] = append(w.lines, line), w.sums[s.name]+value
	}
	s.labels["job"], s.labels["instance"] = "", ""
	w.keys[s.name], w.counts[s.name] = s.keys(), counts
}

// closed are labels whose values are all in the sample data.
var closed = []string{"service", "channel", "licensor", "step", "action", "outcome", "standing", "projection", "status"}

// check tells of metrics and labels in an expression that there are not, and of wanted labels, such as
// those of its legend, that none of its metrics has.
func (w *figures) check(t *testing.T, where, expr string, wanted ...string) {
	t.Helper()
	n := namesIn(expr)
	if len(n.selectors) == 0 {
		t.Errorf("%s names no metric", where)
	}
	var keys []string
	for _, s := range n.selectors {
		if w.keys[s.name] == nil {
			t.Errorf("%s: there is no metric %s", where, s.name)
			continue
		}
		keys = append(keys, w.keys[s.name]...)
		for _, key := range s.keys() {
			if !slices.Contains(w.keys[s.name], key) {
				t.Errorf("%s: %s has no label %s", where, s.name, key)
			}
			for value := range strings.SplitSeq(s.labels[key], "|") {
				if slices.Contains(closed, key) && value != "" && !strings.Contains(value, ".") && !w.values[key][value] {
					t.Errorf("%s: nothing has %s %s", where, key, value)
				}
			}
		}
	}
	for _, key := range append(wanted, n.grouping...) {
		if !slices.Contains(keys, key) && key != "outcome" {
			t.Errorf("%s: nothing has the label %s", where, key)
		}
	}
}

var alertLabel = regexp.MustCompile(`\$labels\.(\w+)`)

func (w *figures) testNames(t *testing.T) {
	for _, r := range readRules(t) {
		var wanted []string
		for _, text := range r.Annotations {
			for _, label := range alertLabel.FindAllStringSubmatch(text, -1) {
				wanted = append(wanted, label[1])
			}
		}
		w.check(t, r.Record+r.Alert, r.Expr, wanted...)
	}
}

// testInput: a rule that is tested with series that nobody tells is not tested.
func (w *figures) testInput(t *testing.T) {
	_, tests := readRuleTests(t)
	for _, test := range tests.Tests {
		for _, in := range test.InputSeries {
			s := namesIn(in.Series).selectors[0]
			if diff := cmp.Diff(w.keys[s.name], s.keys()); diff != "" {
				t.Errorf("%s (-as told +here)\n%s", in.Series, diff)
			}
			for _, key := range closed {
				if value, ok := s.labels[key]; ok && !w.values[key][value] {
					t.Errorf("%s: nothing has %s %s", in.Series, key, value)
				}
			}
		}
	}
}

var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

func (w *figures) testDashboardNames(t *testing.T) {
	_, b := readBoard(t)
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			var wanted []string
			for _, label := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				wanted = append(wanted, label[1])
			}
			w.check(t, p.Title, concrete(target.Expr), wanted...)
		}
	}
	asks := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	for _, v := range b.Templating.List {
		if v.Definition == "" {
			continue
		}
		if m := asks.FindStringSubmatch(concrete(v.Definition)); m == nil {
			t.Errorf("variable %s asks %s", v.Name, v.Definition)
		} else {
			w.check(t, v.Name, m[1], m[2])
		}
	}
}

// concrete puts values in place of Grafana's variables.
func concrete(expr string) string {
	return strings.NewReplacer("$__range", "1h", "$__interval", "1h", "$__rate_interval", "5m",
		"$licensor", ".+", "$service", ".+", "$channel", ".+", "$action", "issue|issue-or-refuse").Replace(expr)
}

// testEvaluation has Prometheus evaluate every query of the dashboard and every recording rule over the
// real figures, told by two nodes. No panel stays empty for a wrong label or value, no rule records
// other labels than its name says, and nothing counts twice because there are two nodes.
func (w *figures) testEvaluation(t *testing.T) {
	rules, err := filepath.Abs(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{
		"rule_files": []string{rules}, "evaluation_interval": "1m",
		"tests": []any{map[string]any{"interval": "1m", "input_series": w.input(), "promql_expr_test": w.asked(t)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "evaluation.test.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", file)
}

// input is what two nodes tell for half an hour. What is counted is counted in its last minutes.
func (w *figures) input() (series []map[string]string) {
	series = append(series, map[string]string{"series": `up{job="tizilim",instance="tizilim-3:8080"}`, "values": "0x30"}) // for an alert
	for _, node := range []string{"tizilim-1:8080", "tizilim-2:8080"} {
		of := fmt.Sprintf("{job=%q,instance=%q", "tizilim", node)
		series = append(series, map[string]string{"series": "up" + of + "}", "values": "1x30"})
		for _, line := range w.lines {
			i := strings.LastIndex(line, " ")
			name, labels, _ := strings.Cut(line[:i], "{")
			if labels = strings.TrimSuffix(labels, "}"); labels != "" {
				labels = "," + labels
			}
			values := line[i+1:] + "x30"
			if w.counts[name] {
				values = "0x27 " + line[i+1:] + "x2"
			}
			series = append(series, map[string]string{"series": name + of + labels + "}", "values": values})
		}
	}
	return series
}

// standing: which of them steps of the sample data are in depends on the day.
var standing = regexp.MustCompile(`standing="\w+"`)

// asked are the expressions, each with what it has to give.
func (w *figures) asked(t *testing.T) (list []map[string]any) {
	ask := func(expr string, values ...float64) {
		samples := []map[string]any{}
		for _, v := range values {
			samples = append(samples, map[string]any{"labels": "{}", "value": v})
		}
		list = append(list, map[string]any{"expr": expr, "eval_time": "30m", "exp_samples": samples})
	}
	some := func(expr string) { ask("count(("+expr+") > -Inf) > bool 0", 1) } // and not only NaN
	_, b := readBoard(t)
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			some(standing.ReplaceAllString(concrete(target.Expr), `standing=~".+"`))
		}
	}
	for _, r := range readRules(t) {
		if r.Record == "" || strings.Contains(r.Expr, "offset") { // of days before
			continue
		}
		some(r.Record)
		part := strings.Split(r.Record, ":")
		labels := strings.Split(part[0], "_")
		ask(fmt.Sprintf("count(%s) - count(count by (%s) (%s))", r.Record, strings.Join(labels, ","), r.Record), 0)
		for _, label := range labels {
			ask(fmt.Sprintf("%s{%s=\"\"}", r.Record, label))
		}
		if part[2] == "max" {
			ask("sum("+r.Record+")", w.sums[part[1]])
		}
	}
	return list
}

var linked = regexp.MustCompile(`"url": "\$\{registry\}([^"]+)"`)

// testLinks follows the dashboard's links into the registry, as from a row of its tables.
func testLinks(t *testing.T, p *process) {
	text, _ := readBoard(t)
	row := strings.NewReplacer("${__data.fields.service}", "casino-license", "${__data.fields.channel}", "center", "${__data.fields.step}", "9")
	links := linked.FindAllStringSubmatch(text, -1)
	if len(links) < 3 {
		t.Errorf("only %d links: the search is broken", len(links))
	}
	for _, l := range links {
		address := row.Replace(l[1])
		if strings.Contains(address, "$") {
			t.Errorf("link %s was not filled in", address)
		}
		get(t, p.url+address, p.tokens["auditor"])
	}
}
