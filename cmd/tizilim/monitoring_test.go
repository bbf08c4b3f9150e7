package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

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

// listen reads /metrics. Prometheus adds job and instance, up and ALERTS, and what the rules record. Of copies a
// registry tells whose log several servers keep (TestRegistryOnCluster).
func listen(t *testing.T, metrics string) *figures {
	copies := []string{"instance", "job", "server"}
	w := &figures{keys: map[string][]string{"up": {"instance", "job"}, "tizilim_copy_damaged": copies, "tizilim_copy_unread": copies}, values: map[string]map[string]bool{}, sums: map[string]float64{}, counts: map[string]bool{}}
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
		get(t, p.url+address, p.token("auditor"))
	}
}
