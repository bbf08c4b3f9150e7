package regulation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t testing.TB) *regulation.Catalog {
	t.Helper()
	c, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestActs counts what the five acts regulate. A missing procedure is a missing service of the state.
func TestActs(t *testing.T) {
	c := load(t)
	got := map[string]string{}
	acts, services, procedures := map[string]bool{}, 0, 0
	for _, s := range c.Services() {
		acts[s.Act.ID] = true
		services++
		var channels []string
		for _, p := range s.Procedures {
			procedures++
			channels = append(channels, fmt.Sprintf("%s:%d", p.Channel, len(p.Steps)))
		}
		got[s.Slug] = strings.Join(channels, " ")
	}
	want := map[string]string{
		"import-export-license":             "portal:12 office:8",
		"investigated-goods-import-license": "portal:12 office:8",
		"import-permit":                     "portal:10 office:8",
		"commodity-dealer-license":          "portal:12 office:8",
		"commodity-broker-license":          "portal:12 office:8",
		"commodity-exchange-license":        "portal:12 office:8",
		"private-bailiff-license":           "portal:11 office:8",
		"casino-license":                    "portal:11 center:9",
		"slot-hall-license":                 "portal:11 center:9",
		"bookmaker-license":                 "portal:11 center:9",
		"totalizator-license":               "portal:11 center:9",
		"trunk-pipeline-license":            "portal:11 office:9 center:9",
		"electricity-purchase-license":      "portal:11 office:9",
		"scrap-metal-license":               "portal:11 office:9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(acts) != 5 || len(c.Acts) != 5 || services != 14 || procedures != 29 {
		t.Errorf("%d acts, %d services, %d procedures; want 5, 14, 29", len(c.Acts), services, procedures)
	}
}

// TestServices holds what differs between siblings and is easily levelled out.
func TestServices(t *testing.T) {
	c := load(t)
	all := []regulation.Request{regulation.Issue, regulation.Reissue, regulation.Duplicate}
	for _, s := range c.Services() {
		requests, applicants, result, paid := all, []string{"iin", "bin"}, "license", true
		switch s.Slug {
		case "import-permit":
			requests, result, paid = all[:1], "permit", false
		case "import-export-license":
			requests = all[:1]
		case "commodity-dealer-license", "commodity-broker-license", "commodity-exchange-license", "scrap-metal-license":
			applicants = []string{"bin"}
		case "private-bailiff-license":
			applicants = []string{"iin"}
		}
		if !slices.Equal(s.Requests, requests) || !slices.Equal(s.Applicants, applicants) || s.Result != result || s.Paid != paid {
			t.Errorf("%s: %v %v %s paid=%t", s.Slug, s.Requests, s.Applicants, s.Result, s.Paid)
		}
		for _, p := range s.Procedures {
			if want := paid && p.Channel == regulation.Portal; p.Has(regulation.Pay) != want {
				t.Errorf("%s through %s: payment %t, want %t", s.Slug, p.Channel, p.Has(regulation.Pay), want)
			}
		}
	}
}

// TestEveryWayEnds walks every procedure along every outcome, with nothing but what the state
// machine uses, and must come to an end each time, once at least by a result.
func TestEveryWayEnds(t *testing.T) {
	for _, s := range load(t).Services() {
		for _, p := range s.Procedures {
			results, ways := 0, 0
			var walk func(at *regulation.Step, length int)
			walk = func(at *regulation.Step, length int) {
				if length > len(p.Steps) {
					t.Fatalf("%s through %s: %d steps and no end", s.Slug, p.Channel, length)
				}
				outcomes := []regulation.Outcome{regulation.Always}
				if len(at.Next) > 0 {
					outcomes = nil
				}
				for _, e := range at.Next {
					outcomes = append(outcomes, e.When)
				}
				for _, outcome := range outcomes {
					next, end, ok := p.Follow(at, outcome)
					switch {
					case !ok || end == (next != nil):
						t.Fatalf("%s through %s: step %d is stuck on %q", s.Slug, p.Channel, at.Number, outcome)
					case end:
						ways++
						if at.Action.Result() {
							results++
						}
					default:
						walk(next, length+1)
					}
				}
				if next, end, ok := p.Follow(at, "no such outcome"); ok && next == nil && !end {
					t.Fatalf("%s through %s: step %d follows an unknown outcome into nothing", s.Slug, p.Channel, at.Number)
				}
			}
			walk(p.Start(), 1)
			if results == 0 || ways < 2 {
				t.Errorf("%s through %s: %d ways, %d with a result", s.Slug, p.Channel, ways, results)
			}
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestWriteService(t *testing.T) {
	s, err := load(t).Wording("kz-mert-2012-242", "", "import-permit")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		channel regulation.Channel
		lang    string
	}{
		{"import-permit.en.txt", "", "en"},
		{"import-permit-portal.ru.txt", regulation.Portal, "ru"},
		{"import-permit-office.kk.txt", regulation.Office, "kk"},
	} {
		var b bytes.Buffer
		if err := regulation.WriteService(&b, s, tt.channel, tt.lang); err != nil {
			t.Fatal(err)
		}
		golden(t, tt.name, b.Bytes())
	}
	if err := regulation.WriteService(&bytes.Buffer{}, s, regulation.Center, "en"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a channel that the service does not have: %v", err)
	}
}

func TestWriteList(t *testing.T) {
	c, err := regulation.LoadFS(file("act.yaml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{
		"en": "SERVICE       ACT        CHANNELS  STEPS  TITLE\ntest-license  xx-test-1  portal    6      Test license\n",
		"ru": "УСЛУГА        АКТ        КАНАЛЫ  ШАГИ  НАЗВАНИЕ\ntest-license  xx-test-1  portal  6     Лицензия на испытание\n",
		"kk": "ҚЫЗМЕТ        АКТІ       АРНАЛАР  ҚАДАМДАР  АТАУЫ\ntest-license  xx-test-1  portal   6         Сынақ лицензиясы\n",
	} {
		var b bytes.Buffer
		if err := regulation.WriteList(&b, c, lang); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
	}
}

// TestExportJSON holds the shape that users of the export read: every key is there, what the act
// does not have is null, and nothing is lost.
func TestExportJSON(t *testing.T) {
	c := load(t)
	var b bytes.Buffer
	if err := regulation.ExportJSON(&b, c); err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	var e struct{ Acts, Services, Discrepancies []object }
	if err := json.Unmarshal(b.Bytes(), &e); err != nil {
		t.Fatal(err)
	}
	keys := func(what string, o object, want string) {
		t.Helper()
		var got []string
		for k := range o {
			got = append(got, k)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %v, want %s", what, got, want)
		}
	}
	keys("act", e.Acts[0], "agreed amendments body country date effective_from id kind languages number provisions registration repeal signatories title wording")
	keys("discrepancy", e.Discrepancies[0], "act against cells effect id place printed reason")
	steps := 0
	for _, s := range e.Services {
		keys("service", s, "act activity applicants automation conditions discrepancies legend licensor paid phones procedures provisions questionnaire requests result screens slug standard systems title title_ours units viewing")
		for _, p := range s["procedures"].([]any) {
			p := p.(object)
			keys("procedure", p, "caption channel discrepancies heading item steps text")
			for _, item := range p["text"].([]any) {
				keys("item", item.(object), "kind number wording")
			}
			for _, step := range p["steps"].([]any) {
				steps++
				step := step.(object)
				keys("step", step, "action actor completion deadline discrepancies next next_printed number wording")
				keys("actor", step["actor"].(object), "printed role")
				keys("deadline", step["deadline"].(object), "by_request max min printed unit")
				for _, edge := range step["next"].([]any) {
					keys("edge", edge.(object), "to when")
				}
			}
		}
	}
	want, discrepancies := 0, 0
	for _, a := range c.Acts {
		discrepancies += len(a.Discrepancies)
		for _, s := range a.Services {
			for _, p := range s.Procedures {
				want += len(p.Steps)
			}
		}
	}
	if len(e.Acts) != 5 || len(e.Services) != 14 || steps != want || len(e.Discrepancies) != discrepancies {
		t.Errorf("%d acts, %d services, %d of %d steps, %d of %d discrepancies",
			len(e.Acts), len(e.Services), steps, want, len(e.Discrepancies), discrepancies)
	}
	i := slices.IndexFunc(e.Services, func(s object) bool { return s["slug"] == "import-permit" })
	answer := e.Services[i]["procedures"].([]any)[0].(object)["steps"].([]any)[4].(object)
	got, err := json.Marshal(object{"deadline": answer["deadline"], "next": answer["next"], "next_printed": answer["next_printed"]})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"deadline":{"by_request":null,"max":90,"min":90,"printed":{"ru":"1,5 мин"},"unit":"seconds"},`+
		`"next":[{"to":6,"when":"found"},{"to":null,"when":"absent"}],"next_printed":[{"ru":"–"}]}`, string(got)); diff != "" {
		t.Error(diff)
	}
}
