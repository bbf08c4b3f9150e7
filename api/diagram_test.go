package api_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/sample"
)

// root reads an XML document to its end and gives back the name of its root.
func (r *reply) root() string {
	r.t.Helper()
	name := ""
	for in := xml.NewDecoder(strings.NewReader(r.body)); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return name
		}
		if err != nil {
			r.t.Fatalf("%s is no XML: %v", r.what, err)
		}
		if start, ok := token.(xml.StartElement); ok && name == "" {
			name = start.Name.Local
		}
	}
}

// TestProcedureDiagrams reads the drawing and the model of every procedure in every language, and once
// more when it is known already.
func TestProcedureDiagrams(t *testing.T) {
	w := newWorld(t)
	tags := map[string]string{} // to the address
	forms := map[string]struct{ media, root string }{"svg": {"image/svg+xml", "svg"}, "bpmn": {"application/xml", "definitions"}}
	for _, service := range sample.Rules().Catalog.Services() {
		for _, p := range service.Procedures {
			for extension, form := range forms {
				for _, lang := range []string{"kk", "ru", "en"} {
					name := service.Slug + "-" + string(p.Channel) + "." + lang + "." + extension
					path := "/api/v1/services/" + service.Slug + "/procedures/" + string(p.Channel) + "/diagram." + extension + "?lang=" + lang
					r := w.call("", "GET", path, nil, "Accept-Language", "kk").want(200)
					got := []string{r.root(), r.header.Get("Content-Type"), r.header.Get("Content-Language"), r.header.Get("Cache-Control"), r.header.Get("Content-Disposition")}
					want := []string{form.root, form.media, lang, "no-cache", `inline; filename="` + name + `"`}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s:\n%s", path, diff)
					}
					tag := r.header.Get("ETag")
					if other, taken := tags[tag]; taken || tag == "" {
						t.Errorf("%s has the tag %q of %s", path, tag, other)
					}
					tags[tag] = path
					if again := w.call("", "GET", path, nil, "If-None-Match", tag).want(304); again.body != "" || again.header.Get("ETag") != tag {
						t.Errorf("%s again: %q %v", path, again.body, again.header)
					}
				}
			}
		}
	}
	if len(tags) != 29*3*2 {
		t.Errorf("%d drawings", len(tags))
	}
}

// TestDiagramsSpeakTheLanguage asked for, or that of whoever asks.
func TestDiagramsSpeakTheLanguage(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/services/casino-license/procedures/portal/diagram.svg"
	for _, tt := range []struct{ query, accepts, want string }{
		{"", "ru", "Условные обозначения"}, {"", "", "Legend"}, {"?lang=kk", "ru", "Шартты белгілер"}, {"?act=kz-sport-2012-294", "en", "Legend"},
	} {
		if r := w.call("", "GET", path+tt.query, nil, "Accept-Language", tt.accepts).want(200); !strings.Contains(r.body, tt.want) || r.header.Get("Vary") != "Accept-Language" {
			t.Errorf("%q to %q does not say %q", tt.query, tt.accepts, tt.want)
		}
	}
	if r := w.call("", "HEAD", path, nil).want(200); r.body != "" || r.header.Get("ETag") == "" {
		t.Errorf("HEAD: %q %v", r.body, r.header)
	}
}

func TestUnknownDiagrams(t *testing.T) {
	w := newWorld(t)
	for _, extension := range []string{"svg", "bpmn"} {
		for path, want := range map[string]struct {
			status int
			code   string
		}{
			"none/procedures/portal/diagram.EXT?lang=ru":                                {404, "service-not-found"},
			"casino-license/procedures/office/diagram.EXT?lang=ru":                      {404, "procedure-not-found"},
			"casino-license/procedures/fax/diagram.EXT?lang=ru":                         {404, "procedure-not-found"},
			"casino-license/procedures/portal/diagram.EXT?lang=ru&act=none":             {404, "wording-not-found"},
			"casino-license/procedures/portal/diagram.EXT?lang=ru&act=kz-mert-2012-242": {404, "wording-not-found"},
			"casino-license/procedures/portal/diagram.EXT?lang=xx":                      {422, "parameter-invalid"},
			"casino-license/procedures/portal/diagram.EXT?lang=ru&zoom=2":               {422, "parameter-invalid"},
			"casino-license/procedures/portal/diagram.EXT?lang=ru&lang=kk":              {422, "parameter-invalid"},
		} {
			r := w.call("", "GET", "/api/v1/services/"+strings.Replace(path, "EXT", extension, 1), nil).want(want.status, want.code)
			if want.status == 404 && r.header.Get("Content-Language") != "ru" {
				t.Errorf("%s: in %q", path, r.header.Get("Content-Language"))
			}
		}
	}
	w.call("", "GET", "/api/v1/services/casino-license/procedures/portal/diagram.png", nil).want(404, "not-found")
	w.call("", "GET", "/api/v1/services/casino-license?act=none", nil).want(404, "wording-not-found")
	w.call("", "GET", "/api/v1/services/casino-license/procedures/portal?act=none", nil).want(404, "wording-not-found")
}

// TestApplicationDiagram follows an application on its drawing: where it is, since when, and what became
// of its terms.
func TestApplicationDiagram(t *testing.T) {
	w := newWorld(t)
	w.enroll(accountsOf("sport-agency")...)
	a := w.open("company", "bookmaker-license", "portal", company)
	draw := func(id string) *reply {
		t.Helper()
		r := w.call("company", "GET", at(id, "/diagram.svg?lang=en"), nil).want(200)
		for name, want := range map[string]string{"Content-Type": "image/svg+xml", "Content-Language": "en", "Cache-Control": "no-store", "ETag": ""} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if r.root() != "svg" || r.header.Get("Tizilim-Position") == "" {
			t.Errorf("no drawing: %s %v", r.body, r.header)
		}
		return r
	}
	w.contains(draw(a.ID).body, ">Path of the application<") // of the legend, which is drawn last
	w.contains(draw(a.ID).body, ">entered 2026-11-24 12:00:00<", ">left 2026-11-24 12:00:00<", ">entered 2026-11-24 12:00:00<", ">due 2026-11-24 12:01:30<", ">open<")
	w.clock.pass(time.Hour)
	w.contains(draw(a.ID).body, ">overdue<")
	withdrawn := w.open("company", "bookmaker-license", "portal", company)
	w.call("company", "POST", at(withdrawn.ID, "/withdrawal"), v1.Withdrawal{}).want(200)
	w.contains(draw(withdrawn.ID).body, ">withdrawn<")

	a = w.examined("company", "bookmaker-license", company)
	w.contains(draw(a.ID).body, ">due by the end of 2026-12-", ">open<")
	refused := w.examined("company", "bookmaker-license", company)
	w.decide("head", a.ID, v1.Decision{Decision: "approve"}).want(200)
	w.decide("head", refused.ID, v1.Decision{Decision: "refuse", Ground: "not-qualified", Text: "жоқ"}).want(200)
	if draw(a.ID).body == draw(refused.ID).body {
		t.Error("an approval looks like a refusal")
	}
}

// TestForeignApplicationsDiagram: who may not see an application is told nothing of it, in the same
// words as where there is none.
func TestForeignApplicationsDiagram(t *testing.T) {
	w := newWorld(t)
	a := w.open("company", "commodity-broker-license", "portal", company)
	for who, id := range map[string]string{"stranger": a.ID, "other-head": a.ID, "operator": a.ID, "": a.ID, "company": "00000000-0000-4000-8000-000000000000", "head": "nonsense"} {
		read := w.call(who, "GET", at(id, ""), nil)
		drawn := w.call(who, "GET", at(id, "/diagram.svg"), nil)
		if read.status == 200 || drawn.status != read.status || drawn.body != read.body {
			t.Errorf("%q reads %d %s and draws %d %s", who, read.status, read.body, drawn.status, drawn.body)
		}
	}
	w.call("company", "GET", at(a.ID, "/diagram.svg?lang=de"), nil).want(422, "parameter-invalid")
}

// later is the rules with a wording of the sport act that comes into force on 1 December 2026.
func later(t *testing.T) func() application.Rules {
	t.Helper()
	act, err := os.ReadFile("../domain/regulation/acts/kz-sport-2012-294.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("kz-sport-2012-294", "kz-sport-2026-1", "effective_from: 2012-11-17", "effective_from: 2026-12-01",
		"sport-294-", "sport-2026-", "license for operating a casino", "license for running a casino").Replace(string(act))
	catalog, err := regulation.Load(fstest.MapFS{"later.yaml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	r := sample.Rules()
	r.Catalog = catalog
	return func() application.Rules { return r }
}

// TestWordings: an application stays on the wording that it was opened under, and so does its drawing;
// everything else goes by the wording in force, unless it is asked for another one.
func TestWordings(t *testing.T) {
	w := newWorld(t, func(c *api.Config) { c.Rules = later(t) })
	a := w.open("operator", "casino-license", "center", company)
	const old, new = "license for operating a casino", "license for running a casino"
	const service, procedure = "/api/v1/services/casino-license", "/api/v1/services/casino-license/procedures/center"
	says := func(who, path, want string) {
		t.Helper()
		body := w.call(who, "GET", path, nil).want(200).body
		body = strings.Join(strings.Fields(strings.NewReplacer("</text>", "", "\n", " ").Replace(body)), " ")
		if other := slices.DeleteFunc([]string{old, new}, func(s string) bool { return s == want })[0]; !strings.Contains(body, want) || strings.Contains(body, other) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
	says("", service, old)
	says("", procedure+"/diagram.svg", old)
	w.clock.set(time.Date(2026, 12, 2, 6, 0, 0, 0, time.UTC))
	says("", service, new)
	says("", service+"?act=kz-sport-2012-294", old)
	says("", procedure+"/diagram.svg", new)
	says("", procedure+"/diagram.bpmn", new)
	says("", procedure+"/diagram.svg?act=kz-sport-2012-294", old)
	says("", procedure+"/diagram.bpmn?act=kz-sport-2012-294", old)
	says("operator", at(a.ID, "/diagram.svg"), old)
	if p := decode[v1.Procedure](w.call("", "GET", procedure+"?act=kz-sport-2012-294", nil).want(200)); p.Act != "kz-sport-2012-294" {
		t.Errorf("the wording is that of %s", p.Act)
	}
	if p := decode[v1.Procedure](w.call("", "GET", procedure, nil).want(200)); p.Act != "kz-sport-2026-1" {
		t.Errorf("the wording in force is that of %s", p.Act)
	}
}
