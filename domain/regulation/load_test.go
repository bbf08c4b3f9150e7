package regulation_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// ids lists the acts of the catalog with the day each is effective from.
func ids(c *regulation.Catalog) []string {
	var out []string
	for _, a := range c.Acts {
		out = append(out, a.ID+" "+string(a.EffectiveFrom))
	}
	return out
}

func TestLoadAdds(t *testing.T) {
	embedded, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := regulation.Load(file("xx/act.yml", act(t)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append(ids(embedded), "xx-test-1 2012-01-04"), ids(c)); diff != "" {
		t.Error(diff)
	}
}

func TestLoadReplaces(t *testing.T) {
	old := file("act.yaml", act(t))
	again := file("other.yaml", act(t, "effective_from: 2012-01-04", "effective_from: 2013-01-01"))
	c, err := regulation.LoadFS(old, again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"xx-test-1 2013-01-01"}, ids(c)); diff != "" {
		t.Error(diff)
	}
	if c.Acts[0].File != "other.yaml" {
		t.Errorf("the act is from %s", c.Acts[0].File)
	}
}

// TestWordings: a later act words the same service anew; what was opened before stays on its wording.
func TestWordings(t *testing.T) {
	later := strings.NewReplacer("test-1", "test-91", "test-2", "test-92", "test-3", "test-93",
		"effective_from: 2012-01-04", "effective_from: 2013-01-01").Replace(act(t))
	c, err := regulation.LoadFS(fstest.MapFS{"a.yaml": {Data: []byte(act(t))}, "b.yaml": {Data: []byte(later)}})
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{
		"2011-01-01": "xx-test-1", // before any wording: the earliest
		"2012-12-31": "xx-test-1",
		"2013-01-01": "xx-test-91",
	} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.InForce("test-license", at)
		if err != nil {
			t.Fatal(err)
		}
		if s.Act.ID != want {
			t.Errorf("in force on %s: %s, want %s", day, s.Act.ID, want)
		}
	}
	if got := c.Services(); len(got) != 1 || got[0].Act.ID != "xx-test-91" {
		t.Errorf("services: %d, of act %s", len(got), got[0].Act.ID)
	}
	if s, err := c.Wording("xx-test-1", "", "test-license"); err != nil || s.Act.ID != "xx-test-1" {
		t.Errorf("wording: %v, %v", s, err)
	}
}

func TestLoadRefuses(t *testing.T) {
	second := strings.NewReplacer("id: xx-test-1", "id: xx-test-9", "test-1", "test-91", "test-2", "test-92", "test-3", "test-93").Replace
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no files":        {nil, "no .yaml file"},
		"other files":     {map[string]string{"act.json": "{}"}, "no .yaml file"},
		"empty file":      {map[string]string{"act.yaml": ""}, "act.yaml: 1 documents where one act is wanted"},
		"two documents":   {map[string]string{"act.yaml": act(t) + "---\n" + act(t)}, "act.yaml: 2 documents where one act is wanted"},
		"same act twice":  {map[string]string{"a.yaml": act(t), "b.yaml": act(t)}, `b.yaml:2: act "xx-test-1" is in a.yaml too`},
		"overlap":         {map[string]string{"a.yaml": act(t), "b.yaml": second(act(t))}, `b.yaml:20: service "test-license" is worded by act "xx-test-1" from 2012-01-04 too`},
		"same service":    {map[string]string{"a.yaml": twice(act(t))}, `two services "test-license"`},
		"one discrepancy": {map[string]string{"a.yaml": act(t), "b.yaml": strings.Replace(act(t), "id: xx-test-1", "id: xx-test-9", 1)}, `b.yaml:198: discrepancy "test-1" is in a.yaml too`},
		"all problems at once": {map[string]string{"a.yaml": act(t, "country: XX", "country: X", "role: officer", "role: judge")},
			"a.yaml:3: country \"X\" is no ISO 3166 alpha-2 code\na.yaml:178: unknown role \"judge\""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range tt.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			c, err := regulation.LoadFS(fsys)
			if c != nil || !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("catalog %v, error %v; want an ErrInvalid alone", c, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// twice is the act with its service a second time.
func twice(act string) string {
	from, to := strings.Index(act, "  - slug: test-license"), strings.Index(act, "discrepancies:\n  - id:")
	return act[:to] + act[from:to] + act[to:]
}

func TestProblem(t *testing.T) {
	_, err := regulation.LoadFS(file("act.yaml", act(t, "country: XX", "country: x")))
	var p *regulation.Problem
	if !errors.As(err, &p) {
		t.Fatalf("error %v, want a Problem", err)
	}
	if p.File != "act.yaml" || p.Line != 3 || p.Reason == "" {
		t.Errorf("problem %+v", p)
	}
}

// FuzzLoad: whatever the file holds, it is taken or refused as invalid; nothing panics.
func FuzzLoad(f *testing.F) {
	sound, err := os.ReadFile("testdata/act.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(sound))
	for _, text := range []string{"", "- 1", "services:\n  - *x\n", "services: [{procedures: [{steps: [null, {next: [{}]}]}]}]", "&a id: x\n<<: *a", "discrepancies:\n  -\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := regulation.LoadFS(file("act.yaml", text)); err != nil && (c != nil || !errors.Is(err, domain.ErrInvalid)) {
			t.Errorf("catalog %v, error %v", c, err)
		}
	})
}
