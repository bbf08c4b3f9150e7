package diagram

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
)

var update = flag.Bool("update", false, "write the golden files")

// wellFormed reports what is no XML, what a strict content security policy would refuse, and ids
// that come twice. It gives back the texts.
func wellFormed(t *testing.T, document []byte) []string {
	t.Helper()
	ids := map[string]bool{}
	var texts, open []string
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("no XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			switch token.Name.Local {
			case "svg", "title", "desc", "g", "rect", "circle", "path", "text":
			default:
				t.Errorf("unexpected element %s", token.Name.Local)
			}
			for _, a := range token.Attr {
				name := a.Name.Local
				if name == "style" || name == "class" || name == "href" || strings.HasPrefix(name, "on") || strings.Contains(a.Value, "url(") {
					t.Errorf("%s has %s=%q", token.Name.Local, name, a.Value)
				}
				if name == "id" {
					if ids[a.Value] {
						t.Errorf("id %q comes twice", a.Value)
					}
					ids[a.Value] = true
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] == "text" {
				texts = append(texts, string(token))
			}
		}
	}
}

func svg(t testing.TB, p *regulation.Procedure, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := SVG(&b, p, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSVG: every step, deadline, condition and lane of every procedure is there as text, and again in
// the description for those who do not see it.
func TestSVG(t *testing.T) {
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		document := svg(t, p, Options{Lang: lang})
		if again := svg(t, p, Options{Lang: lang}); !bytes.Equal(document, again) {
			t.Error("the same procedure gives other bytes")
		}
		all := strings.Join(wellFormed(t, document), " ")
		c := &chart{lang: lang, p: p}
		for _, s := range p.Steps {
			want := []string{c.word("action." + string(s.Action)), c.word("role." + string(s.Actor.Role)), number(s)}
			for _, e := range s.Next {
				if e.When != regulation.Always {
					want = append(want, c.word("outcome."+string(e.When)))
				}
			}
			for _, w := range append(want, c.deadline(s.Deadline)...) {
				if !strings.Contains(all, w) {
					t.Errorf("step %d: %q is not shown", s.Number, w)
				}
				if !strings.Contains(string(document), escaped(w)) {
					t.Errorf("step %d: %q is not described", s.Number, w)
				}
			}
		}
		root := string(document[:bytes.Index(document, []byte("<title"))])
		for _, w := range []string{`role="img"`, `lang="` + lang + `"`, `viewBox="0 0 `, `aria-labelledby="`} {
			if !strings.Contains(root, w) {
				t.Errorf("the root has no %s", w)
			}
		}
	})
}

func escaped(text string) string {
	var b bytes.Buffer
	escape(&b, text)
	return b.String()
}

// TestNoWordIsDivided: the words beside flows are chosen so that they fit where they stand.
func TestNoWordIsDivided(t *testing.T) {
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		c, err := draw(p, Options{Lang: lang})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.edges {
			if got := strings.Join(e.label.lines, " "); e.when != regulation.Always && got != c.word("outcome."+string(e.when)) {
				t.Errorf("%s says %q", e.id, got)
			}
		}
	})
}

func TestGolden(t *testing.T) {
	portal := procedure(t, "import-permit", regulation.Portal)
	for name, document := range map[string][]byte{
		"import-permit-portal.ru.svg":           svg(t, portal, Options{Lang: "ru"}),
		"private-bailiff-office-refused.kk.svg": svg(t, procedure(t, "private-bailiff-license", regulation.Office), Options{Lang: "kk", Path: refused()}),
		"import-permit-portal.en.bpmn":          bpmn(t, portal, "en"),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, document, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(document)); diff != "" {
			t.Errorf("%s: run the test with -update if this is what it is to be (-want +got)\n%s", name, diff)
		}
	}
}

// refused is the path of an application that the licensor refused: its term ran on step 8, which
// forms the result, and which it left for the refusal of step 7.
func refused() []Visit {
	at := func(minutes int) time.Time { return morning.Add(time.Duration(minutes) * time.Minute) }
	return []Visit{
		{Step: 1, Entered: at(0), Due: at(1), Left: at(1), Outcome: OnTime},
		{Step: 2, Entered: at(1), Due: at(2), Left: at(3), Outcome: Late},
		{Step: 3, Entered: at(3), Due: at(5), Left: at(4), Outcome: OnTime, Branch: regulation.Found},
		{Step: 5, Entered: at(4), Due: at(6), Left: at(5), Outcome: OnTime},
		{Step: 6, Entered: at(5), Due: at(6), Left: at(6), Outcome: OnTime, Branch: regulation.Approved},
		{Step: 8, Entered: at(6), Due: at(7), Left: at(900), Outcome: Late, Branch: regulation.Refused},
		{Step: 7, Entered: at(900), Left: at(900), Outcome: OnTime},
	}
}

// TestPath: which flows and ends a path takes.
func TestPath(t *testing.T) {
	portal := procedure(t, "import-permit", regulation.Portal)
	visit := func(step int, o Outcome, branch regulation.Outcome) Visit {
		v := Visit{Step: step, Entered: morning, Outcome: o, Branch: branch}
		if o == OnTime || o == Late || o == Abandoned {
			v.Left = morning.Add(time.Minute)
		}
		return v
	}
	in := visit(1, OnTime, regulation.Authorized)
	filled, asked := visit(3, OnTime, ""), visit(4, OnTime, "")
	decided := []Visit{in, filled, asked, visit(5, OnTime, "found"), visit(6, OnTime, "valid"), visit(8, OnTime, ""), visit(9, Late, "")}
	tests := []struct {
		name string
		p    *regulation.Procedure
		path []Visit
		want string // the nodes taken
	}{
		{"let in", portal, []Visit{in}, "start step-1 condition-1"},
		{"in the first step", portal, []Visit{visit(1, Open, "")}, "start step-1"},
		{"not let in", portal, []Visit{visit(1, OnTime, "unauthorized"), visit(2, OnTime, "")}, "start step-1 condition-1 step-2 failure-1"},
		{"absent", portal, []Visit{in, filled, asked, visit(5, OnTime, "absent")}, "start step-1 condition-1 step-3 step-4 step-5 condition-5 failure-5"},
		{"withdrawn", portal, []Visit{in, visit(3, Abandoned, "")}, "start step-1 condition-1 step-3"},
		{"examined", portal, append(decided, visit(10, Overdue, "")),
			"start step-1 condition-1 step-3 step-4 step-5 condition-5 step-6 condition-6 step-8 step-9 step-10"},
		{"issued", portal, append(decided, visit(10, Late, "approved")),
			"start step-1 condition-1 step-3 step-4 step-5 condition-5 step-6 condition-6 step-8 step-9 step-10 condition-10 result document"},
		{"refused in the step that issues", portal, append(decided, visit(10, Late, "refused")),
			"start step-1 condition-1 step-3 step-4 step-5 condition-5 step-6 condition-6 step-8 step-9 step-10 condition-10 failure-10"},
		{"refused in a step of its own", procedure(t, "private-bailiff-license", regulation.Office), refused(),
			"start step-1 step-2 step-3 condition-3 step-5 step-6 condition-6 step-7 failure-6 step-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := draw(tt.p, Options{Path: tt.path})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range c.nodes {
				if n.taken {
					got = append(got, n.id)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			inspect(t, c)
		})
	}
}

// TestPathTimes: times stand in the zone asked for, with the word for how each visit stands.
func TestPathTimes(t *testing.T) {
	p := procedure(t, "import-permit", regulation.Portal)
	path := []Visit{{Step: 1, Entered: morning, Due: morning.Add(15 * time.Second), Left: morning.Add(time.Minute), Outcome: Late}}
	for _, tt := range []struct {
		lang string
		zone *time.Location
		want []string
	}{
		{"ru", nil, []string{"начато 27.04.2026 09:00:00", "завершено 27.04.2026 09:01:00", "срок до 27.04.2026 09:00:15", "с опозданием"}},
		{"kk", nil, []string{"басталды 27.04.2026 09:00:00", "кешігіп"}},
		{"en", time.UTC, []string{"entered 2026-04-27 04:00:00", "late"}},
		{"de", time.UTC, []string{"entered 2026-04-27 04:00:00", "late"}},
	} {
		got := wellFormed(t, svg(t, p, Options{Lang: tt.lang, Zone: tt.zone, Path: path}))
		for _, want := range tt.want {
			if !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("%s: %q is not shown", tt.lang, want)
			}
		}
	}
}

// TestLastDay: a term in days ends with the first instant of the day after, and people are told its last
// day.
func TestLastDay(t *testing.T) {
	p := procedure(t, "import-permit", regulation.Portal)
	midnight := time.Date(2026, 5, 18, 0, 0, 0, 0, calendar.Zone)
	for lang, want := range map[string]string{"ru": "срок по 17.05.2026 включительно", "kk": "мерзімі 17.05.2026 қоса алғанда", "en": "due by the end of 2026-05-17"} {
		path := []Visit{{Step: 1, Entered: morning, Due: midnight.UTC(), Outcome: Open}}
		if got := strings.Join(wellFormed(t, svg(t, p, Options{Lang: lang, Path: path})), " "); !strings.Contains(got, want) {
			t.Errorf("%s: %q is not shown: %s", lang, want, got)
		}
	}
}

// TestAnchor: within a page the drawing is an element of it, every step is a link to its place, and
// nothing else is one.
func TestAnchor(t *testing.T) {
	p := procedure(t, "import-permit", regulation.Portal)
	document := string(svg(t, p, Options{Lang: "en", Anchor: "#step-"}))
	if strings.Count(document, "<a ") != len(p.Steps) || !strings.HasPrefix(document, `<svg role="group" `) || strings.Contains(document, "xml") {
		t.Errorf("links are not what was asked for:\n%s", document)
	}
	for _, s := range p.Steps {
		_, link, ok := strings.Cut(document, `<a href="#step-`+number(s)+`">`)
		inside, _, closed := strings.Cut(link, "</a>")
		if !ok || !closed || !strings.Contains(inside, ">"+number(s)+"</text>") {
			t.Errorf("step %d is no link to it", s.Number)
		}
	}
	if plain := string(svg(t, p, Options{Lang: "en"})); strings.Contains(plain, "<a") || !strings.Contains(plain, `role="img"`) {
		t.Error("a drawing by itself has links")
	}
}

// TestHostileText: a regulation file is given by others; its text stays text.
func TestHostileText(t *testing.T) {
	p := procedure(t, "import-permit", regulation.Portal)
	evil := `"></title><script>alert(1)</script><image href="http://x"/>` + "\x00\x1b " + strings.Repeat("ы", 500)
	p.Service.Title = regulation.Text{"ru": evil}
	p.Service.Licensor.Title = regulation.Text{"ru": evil}
	p.Service.Act.Body = regulation.Text{"ru": evil}
	p.Service.Slug = `"><script>`
	for _, s := range p.Steps {
		s.Wording, s.Actor.Printed = regulation.Text{"ru": evil}, regulation.Text{"ru": evil}
	}
	wellFormed(t, svg(t, p, Options{Lang: "ru"}))
	inspectBPMN(t, p, "ru")
	c, err := draw(p, Options{Lang: "ru"})
	if err != nil {
		t.Fatal(err)
	}
	inspect(t, c)
}

func BenchmarkSVG(b *testing.B) {
	p := procedure(b, "import-permit", regulation.Portal)
	for b.Loop() {
		if err := SVG(io.Discard, p, Options{Lang: "ru"}); err != nil {
			b.Fatal(err)
		}
	}
}
