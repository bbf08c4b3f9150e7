package api_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// TestIdentifierTellsTheOfficer: what is odd about an identifier refuses nobody, and whoever examines the
// application is told.
func TestIdentifierTellsTheOfficer(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ id, organization, unit, warnings, page string }{
		{person, "", "", "", "ИИН"},
		{"850312700127", "", "", "iin-century", "Седьмая цифра ИИН"},
		{"850332300120", "", "", "iin-date", "Первые шесть цифр ИИН"},
		{company, "resident", "head", "", "юридическое лицо – резидент, головное подразделение"},
		{stranger, "resident", "branch", "", "юридическое лицо – резидент, филиал"},
		{"050752006781", "non-resident", "representative", "", "юридическое лицо – нерезидент, представительство"},
		{"180363000010", "joint", "farm", "", "индивидуальное предпринимательство в совместной форме, крестьянское"},
		{"120549001237", "resident", "", "bin-unit", "Шестая цифра БИН"},
	} {
		opened := w.open("officer", "import-export-license", "office", tt.id)
		a := app(w.call("officer", "GET", at(opened.ID, ""), nil).want(200))
		for _, p := range []*v1.Person{opened.Applicant, a.Applicant} {
			if p.Organization != tt.organization || p.Unit != tt.unit || strings.Join(p.Warnings, " ") != tt.warnings {
				t.Errorf("%s: %+v", tt.id, p)
			}
		}
		w.contains(w.pageAs("officer", "/applications/"+a.ID, "ru", 200), tt.page)
		w.pageAs("officer", "/applications/"+a.ID, "kk", 200)
	}
}

// people are the natural persons of the register below.
var people = []string{person, operator, clerk}

// peopled is a register of natural persons in every state: licensed, reissued, suspended, refused,
// unfinished.
func peopled(t *testing.T) (w *world, number string) {
	w = newWorld(t)
	w.level.Set(-100)
	number = w.issued("person", "import-export-license", person, "officer").Result
	w.call("head", "POST", "/api/v1/licenses/"+number+"/suspension", v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "x"}).want(200)
	old := w.issued("person", "private-bailiff-license", person, "other-officer").Result
	a := app(w.call("person", "POST", "/api/v1/applications", v1.Opening{
		Service: "private-bailiff-license", Channel: "portal", Request: "reissue", Reason: "name", License: old, Applicant: v1.Applicant{ID: person},
	}).want(201))
	if a = w.file("person", a.ID); a.Step.Action == "pay" {
		a = w.pay(a)
	}
	w.sign("person", a.ID, person).want(200)
	w.call("other-head", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve"}).want(200)
	w.open("officer", "import-export-license", "office", operator)
	w.open("officer", "import-export-license", "office", clerk)
	b := w.pay(w.file("person", w.open("person", "import-export-license", "portal", person).ID))
	w.sign("person", b.ID, operator).want(200) // a certificate of another: refused
	w.clock.pass(1)
	return w, number
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// address is an address of the route, such as the public asks for.
func (w *world) address(pattern, number string) string {
	path := strings.TrimPrefix(pattern, "GET ")
	for name, value := range map[string]string{
		"{$}": "", "{slug}": "import-export-license", "{channel}": "portal", "{number}": number, "{year}": "2026", "{file}": "style.css",
	} {
		path = strings.ReplaceAll(path, name, value)
	}
	return parameter.ReplaceAllString(path, "00000000-0000-0000-0000-000000000000")
}

// TestPublicSeesNoPersonsIdentifier asks for everything that is let through to the public, and to an
// applicant who is somebody else, and looks for the IIN of a natural person in the answers.
func TestPublicSeesNoPersonsIdentifier(t *testing.T) {
	w, number := peopled(t)
	seen, masked := 0, 0
	for _, who := range []string{"", "stranger"} {
		for _, pattern := range w.server.Routes() {
			if !strings.HasPrefix(pattern, "GET ") {
				continue
			}
			path := w.address(pattern, number)
			for _, query := range []string{"", "?limit=1", "?q=" + number, "?service=import-export-license&limit=1", "?from=2026-11-24&days=3", "?as_of=2026-11-24"} {
				r := w.call(who, "GET", path+query, nil)
				if r.status != 200 {
					continue
				}
				seen++
				masked += strings.Count(r.body, "**********21")
				w.discreet(r)
			}
		}
	}
	if seen < 100 || masked < 10 {
		t.Errorf("%d answers, %d of them with a masked IIN: the walk is broken", seen, masked)
	}
}

var cursor = regexp.MustCompile(`[A-Za-z0-9_=+/-]{12,}`)

// measured is the value of a figure in /metrics. Durations have any digits, by chance those of an IIN.
var measured = regexp.MustCompile(`(?m)^([a-z_]+(?:\{.*\})?) [0-9.e+-]+$`)

// discreet fails the test where the answer has an IIN in it, also in a cursor.
func (w *world) discreet(r *reply) {
	w.t.Helper()
	text := measured.ReplaceAllString(r.body, "$1") + fmt.Sprint(r.header)
	for _, token := range cursor.FindAllString(text, -1) {
		for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding, base64.RawStdEncoding} {
			if plain, err := e.DecodeString(token); err == nil {
				text += "\n" + string(plain)
			}
		}
	}
	for _, id := range people {
		if strings.Contains(text, id) || strings.Contains(text, id[:7]) {
			w.t.Errorf("%s: tells the IIN of a person", r.what)
		}
	}
}

// twelve is what may be an identifier.
var twelve = regexp.MustCompile(`(?:^|[^0-9a-f-])([0-9]{12})(?:[^0-9a-f-]|$)`)

// TestLogNamesNobody does what is logged, good and bad, and looks for identifiers and names in the log.
func TestLogNamesNobody(t *testing.T) {
	w, number := peopled(t)
	w.outside.down.Store(true)
	w.open("officer", "import-export-license", "office", person)
	for _, bad := range []string{"850312300129", "8503123001211", "８50312300121"} {
		w.call("officer", "POST", "/api/v1/applications", v1.Opening{
			Service: "import-export-license", Channel: "office", Request: "issue", Applicant: v1.Applicant{ID: bad},
		}).want(422)
		w.call("", "GET", "/api/v1/licenses?iin="+bad, nil)
		w.call("", "GET", "/?q="+bad, nil)
	}
	w.call("", "GET", "/api/v1/licenses?iin="+person, nil).want(200)
	w.call("", "GET", "/api/v1/licenses/"+person, nil)
	w.call("person", "GET", "/api/v1/applications/"+person, nil)
	w.call("person", "POST", "/api/v1/applications/"+person+"/withdrawal", v1.Withdrawal{})
	w.call("officer", "GET", "/api/v1/licenses/"+number+"/history?x="+person, nil)
	sick := fmt.Errorf("disk: %w", domain.ErrUnavailable)
	w.sick.Store(&sick)
	w.call("person", "GET", "/readyz?iin="+person, nil)
	w.cancel() // nothing more is logged by the reactor

	log := w.logged.String()
	if !strings.Contains(log, "has to wait") {
		t.Errorf("the outage is not in the log: the test is broken\n%s", log)
	}
	for _, found := range twelve.FindAllStringSubmatch(log, -1) {
		if _, err := ident.Parse(found[1]); err == nil || slices.Contains(people, found[1]) {
			t.Errorf("the log has an identifier:\n%s", log)
		}
	}
	for _, secret := range append(slices.Clone(people), "850312300129", "８50312300121", "Жарық", "Name of", "Абай") {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}
