package regulation_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Step 2 of the test act has no deadline.
const terms = `terms:
  - service: test-license
    channel: portal
    step: 2
    term: 3
    unit: working_days
    from: 2026-01-01
    basis: Order No 7
  - {service: test-license, channel: portal, step: 2, requests: [reissue], term: 60, unit: seconds, from: 2026-07-01, basis: Order No 8}
`

func TestTerms(t *testing.T) {
	c, err := regulation.LoadFS(file("act.yaml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	set, err := regulation.ParseTerms("terms.yaml", []byte(terms), c)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Acts[0].Services[0].Procedures[0]
	for _, tt := range []struct {
		step    int
		request regulation.Request
		on      regulation.Date
		want    int // 0 for none
	}{
		{2, regulation.Issue, "2025-12-31", 0},
		{2, regulation.Issue, "2026-01-01", 3},
		{2, regulation.Reissue, "2026-06-30", 3},
		{2, regulation.Reissue, "2026-07-01", 60},
		{2, regulation.Issue, "2026-07-01", 3},
		{3, regulation.Issue, "2026-07-01", 0},
	} {
		got, ok := set.For(p, p.Step(tt.step), tt.request, tt.on)
		if got.Term != tt.want || ok != (tt.want != 0) {
			t.Errorf("step %d, %s, %s: %d %t, want %d", tt.step, tt.request, tt.on, got.Term, ok, tt.want)
		}
	}
	if _, ok := regulation.Terms(nil).For(p, p.Step(2), regulation.Issue, "2026-07-01"); ok {
		t.Error("a term out of nothing")
	}
}

func TestRefusedTerms(t *testing.T) {
	c, err := regulation.LoadFS(file("act.yaml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"unknown field":     {"    basis: Order No 7", "    basis: Order No 7\n    color: red", `terms.yaml:9: unknown field "color"`},
		"syntax":            {"terms:", "terms: [", "terms.yaml:"},
		"step with a term":  {"    step: 2", "    step: 3", "terms.yaml:2: act xx-test-1 gives step 3 a term: 90 seconds"},
		"step that is none": {"    step: 2", "    step: 9", "terms.yaml:2: no step 9 of test-license through portal"},
		"unknown service":   {"  - service: test-license", "  - service: nothing", "terms.yaml:2: no step 2 of nothing through portal"},
		"no term":           {"    term: 3", "    term: 0", "terms.yaml:2: term 0 is none"},
		"unknown unit":      {"    unit: working_days", "    unit: days", `terms.yaml:2: unknown unit "days"`},
		"no day":            {"    from: 2026-01-01", "    from: soon", `terms.yaml:2: from "soon" is no day YYYY-MM-DD`},
		"no basis":          {"    basis: Order No 7", `    basis: ""`, "terms.yaml:2: a term needs its basis"},
		"unknown request":   {"requests: [reissue]", "requests: [copy]", `terms.yaml:9: unknown request "copy"`},
		"twice":             {"from: 2026-07-01", "from: 2026-01-01", "terms.yaml:9: the term at line 2 is for the same step and request from the same day"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(terms, tt.old, tt.new, 1)
			if text == terms {
				t.Fatalf("%q is not there", tt.old)
			}
			_, err := regulation.ParseTerms("terms.yaml", []byte(text), c)
			if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}
