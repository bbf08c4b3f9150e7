package calendar

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tizilim/tizilim/domain"
)

// first is a sound first version, and second one that follows it. A line's number is counted in them.
const first = `version: kz-2026-01-01
recorded_at: 2026-01-01
first_year: 2026
last_year: 2026
acts:
  law: {kk: заң, ru: закон, en: a law}
  decree: {kk: қаулы, ru: постановление, en: a decree}
carried_over_by: law
names:
  spring: {kk: көктем, ru: весна, en: Spring}
  winter: {kk: қыс, ru: зима, en: Winter}
holidays:
  - {on: 03-08, name: spring, basis: law}
days_off:
  - {date: 2026-01-07, name: winter, basis: law}
moves:
  - {off: 2026-03-10, working: 2026-03-14, basis: decree}
`

const second = `version: kz-2026-02-01
follows: kz-2026-01-01
recorded_at: 2026-02-01
last_year: 2027
acts:
  repeal: {kk: күшін жою, ru: отмена, en: a repeal}
  another: {kk: тағы, ru: другая, en: another}
moves:
  - {off: 2027-03-10, working: 2027-03-13, basis: decree}
withdrawn:
  - {holiday: 03-08, after: 2026, basis: repeal}
  - {move: 2026-03-10, basis: repeal}
  - {day_off: 2026-01-07, basis: another}
`

func open(texts ...string) (*History, error) {
	files := fstest.MapFS{}
	for i, text := range texts {
		if text != "" {
			files[[]string{"kz-2026-01-01.yaml", "kz-2026-02-01.yaml", "kz-2026-03-01.yaml"}[i]] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return openFS(files)
}

func TestOpen(t *testing.T) {
	h, err := open(first, second)
	if err != nil {
		t.Fatal(err)
	}
	old, newest := h.calendars[0], h.Newest()
	for day, want := range map[Day][2]Kind{
		"2026-03-08": {Holiday, Holiday},
		"2026-03-09": {CarriedOver, CarriedOver},
		"2026-03-10": {MovedOff, Workday},
		"2026-03-14": {MovedOn, Weekend},
		"2026-01-07": {DayOff, Workday},
		"2027-03-08": {"", Workday},
		"2027-03-10": {"", MovedOff},
	} {
		for i, c := range []*Calendar{old, newest} {
			if _, r, _ := c.Working(day); r.Kind != want[i] {
				t.Errorf("%s in %s: %q, want %q", day, c.Version(), r.Kind, want[i])
			}
		}
	}
	_, r, err := newest.Working("2026-01-07")
	if err != nil || r.Withdrawn == nil || r.Withdrawn.Kind != DayOff || r.Withdrawn.On != "2026-02-01" || r.Withdrawn.Basis.ID != "another" {
		t.Errorf("what was taken back says %+v, %v", r.Withdrawn, err)
	}
	for day, want := range map[Day]string{"2026-03-10": "repeal", "2026-03-14": "repeal", "2027-03-08": ""} {
		if _, r, _ := newest.Working(day); (r.Withdrawn == nil) != (want == "") || want != "" && r.Withdrawn.Basis.ID != want {
			t.Errorf("%s was taken back: %+v, want by %q", day, r.Withdrawn, want)
		}
	}
	if _, r, _ := old.Working("2026-01-07"); r.RecordedAt != "2026-01-01" || r.Basis.Text["en"] != "a law" {
		t.Errorf("%+v", r)
	}
}

func TestOpenTellsFileLineAndReason(t *testing.T) {
	tests := []struct{ why, in, old, new, want string }{
		{"not YAML", "1", "version: kz-2026-01-01", "version: [", "kz-2026-01-01.yaml:"},
		{"an unknown field", "1", "basis: law}", "basis: law, bases: x}", `kz-2026-01-01.yaml:13: unknown field "bases"`},
		{"an unknown field at the top", "1", "last_year: 2026", "last_year: 2026\nlast_yaer: 2027", `kz-2026-01-01.yaml:5: unknown field "last_yaer"`},
		{"a list", "1", first, "- a\n- b\n", "kz-2026-01-01.yaml:1: not a mapping of fields"},
		{"nothing", "1", first, "# nothing\n", "kz-2026-01-01.yaml: "},
		{"two documents", "1", "carried_over_by: law", "carried_over_by: law\n---\nversion: x", "kz-2026-01-01.yaml: 2 documents"},
		{"a file of another name", "1", "version: kz-2026-01-01", "version: kz-2026-01-02", `kz-2026-01-01.yaml:1: holds version "kz-2026-01-02"`},
		{"no day of recording", "1", "recorded_at: 2026-01-01", "recorded_at: soon", `kz-2026-01-01.yaml:2: recorded_at "soon"`},
		{"a day of recording that the version does not name", "1", "recorded_at: 2026-01-01", "recorded_at: 2026-01-02", `kz-2026-01-01.yaml:1: version "kz-2026-01-01" does not end`},
		{"years the wrong way round", "1", "last_year: 2026", "last_year: 2025", "kz-2026-01-01.yaml:3: the first version covers the years 2026 to 2025"},
		{"more years than anyone needs", "1", "last_year: 2026", "last_year: 2076", "kz-2026-01-01.yaml:4: covers the years 2026 to 2076: 50 at most"},
		{"an act without Russian", "1", "ru: закон, ", "", `kz-2026-01-01.yaml:5: acts: "law" has no text in ru`},
		{"a name without Kazakh", "1", "kk: көктем, ", "", `kz-2026-01-01.yaml:9: names: "spring" has no text in kk`},
		{"no rule of carry-over", "1", "carried_over_by: law\n", "", `kz-2026-01-01.yaml: carried_over_by: no act ""`},
		{"a fact without a basis", "1", "spring, basis: law", "spring", `kz-2026-01-01.yaml:13: no act ""`},
		{"a fact by no act of the file", "1", "spring, basis: law", "spring, basis: lore", `kz-2026-01-01.yaml:13: no act "lore"`},
		{"a fact without a name", "1", "name: spring, ", "", `kz-2026-01-01.yaml:13: no name ""`},
		{"a fact without a day", "1", "on: 03-08, ", "", "kz-2026-01-01.yaml:13: either on or date"},
		{"a fact with two days", "1", "on: 03-08", "on: 03-08, date: 2026-03-08", "kz-2026-01-01.yaml:13: either on or date"},
		{"a date with years", "1", "date: 2026-01-07", "date: 2026-01-07, from: 2026", "kz-2026-01-01.yaml:15: from and until"},
		{"a day that does not exist", "1", "on: 03-08", "on: 02-30", `kz-2026-01-01.yaml:13: "02-30" is no day of every year`},
		{"a day that some years do not have", "1", "on: 03-08", "on: 02-29", `kz-2026-01-01.yaml:13: "02-29" is no day of every year`},
		{"a date of another year", "1", "date: 2026-01-07", "date: 2025-01-07", `kz-2026-01-01.yaml:15: "2025-01-07" is no day of the years 2026 to 2026`},
		{"years from and until the wrong way round", "1", "on: 03-08", "on: 03-08, from: 2027, until: 2026", "kz-2026-01-01.yaml:13: from 2027 until 2026"},
		{"two facts on one day", "1", "date: 2026-01-07", "date: 2026-03-08", "kz-2026-01-01.yaml:15: 2026-03-08 is a day-off here and a holiday by kz-2026-01-01.yaml:13"},
		{"one holiday twice", "1", "days_off:", "  - {on: 03-08, from: 2030, name: spring, basis: law}\ndays_off:", "kz-2026-01-01.yaml:14: 03-08 is a holiday of the same years by kz-2026-01-01.yaml:13"},
		{"one holiday twice in one year", "1", "03-08, name: spring, basis: law}", "03-08, until: 2030, name: spring, basis: law}\n  - {on: 03-08, from: 2030, name: spring, basis: law}", "kz-2026-01-01.yaml:14: 03-08 is a holiday of the same years by kz-2026-01-01.yaml:13"},
		{"a move without a basis", "1", ", basis: decree", "", `kz-2026-01-01.yaml:17: no act ""`},
		{"a move of a day that is off anyway", "1", "off: 2026-03-10", "off: 2026-03-09", "kz-2026-01-01.yaml:17: 2026-03-09 cannot be moved off: it is a carried-over already by kz-2026-01-01.yaml:13"},
		{"a move of a Sunday", "1", "off: 2026-03-10", "off: 2026-03-15", "kz-2026-01-01.yaml:17: 2026-03-15 cannot be moved off: it is a weekend already\n"},
		{"a move to a day that is worked anyway", "1", "working: 2026-03-14", "working: 2026-03-12", "kz-2026-01-01.yaml:17: 2026-03-12 cannot be worked instead: it is a workday already\n"},
		{"a move out of the years", "1", "working: 2026-03-14", "working: 2027-03-13", `kz-2026-01-01.yaml:17: working: "2027-03-13" is no day of the years 2026 to 2026`},
		{"a move of no day", "1", "off: 2026-03-10", "off: tomorrow", `kz-2026-01-01.yaml:17: off: "tomorrow" is no day`},
		{"what the same version says is taken back", "1", "moves:", "withdrawn:\n  - {holiday: 03-08, after: 2026, basis: law}\nmoves:", "kz-2026-01-01.yaml:17: 03-08: no earlier version has that"},

		{"a version that follows none", "2", "follows: kz-2026-01-01", "follows: kz-2025-01-01", `kz-2026-02-01.yaml:2: follows "kz-2025-01-01", which is not there`},
		{"two first versions", "2", "follows: kz-2026-01-01\n", "", `kz-2026-02-01.yaml: follows "", and so does kz-2026-01-01.yaml`},
		{"a version that follows itself", "2", "follows: kz-2026-01-01", "follows: kz-2026-02-01", `kz-2026-02-01.yaml:2: follows "kz-2026-02-01", which is not there`},
		{"first_year again", "2", "last_year: 2027", "first_year: 2025", "kz-2026-02-01.yaml:4: first_year stands in the first version alone"},
		{"a year left out", "2", "last_year: 2027", "last_year: 2028", "kz-2026-02-01.yaml:4: opens 2028 where kz-2026-01-01 ends with 2026: the next year is 2027"},
		{"a year that is there", "2", "last_year: 2027", "last_year: 2026", "kz-2026-02-01.yaml:4: opens 2026 where"},
		{"an act that is there", "2", "  repeal: ", "  law: {kk: а, ru: б, en: c}\n  repeal: ", `kz-2026-02-01.yaml:5: acts: "law" is there already`},
		{"a name that is there", "2", "moves:", "names:\n  spring: {kk: а, ru: б, en: c}\nmoves:", `kz-2026-02-01.yaml:8: names: "spring" is there already`},
		{"a day that an earlier version has otherwise", "2", "moves:", "days_off:\n  - {date: 2026-03-08, name: winter, basis: law}\nmoves:", "kz-2026-02-01.yaml:9: 2026-03-08 is a day-off here and a holiday by kz-2026-01-01.yaml:13"},
		{"a holiday that an earlier version has", "2", "moves:", "holidays:\n  - {on: 03-08, name: winter, basis: law}\nmoves:", "kz-2026-02-01.yaml:9: 03-08 is a holiday of the same years by kz-2026-01-01.yaml:13"},
		{"one day moved twice", "2", "withdrawn:", "  - {off: 2027-03-10, working: 2027-03-14, basis: decree}\nwithdrawn:", "kz-2026-02-01.yaml:10: 2027-03-10 cannot be moved off: it is a moved-off already by kz-2026-02-01.yaml:9"},
		{"two days moved to one", "2", "withdrawn:", "  - {off: 2027-03-11, working: 2027-03-13, basis: decree}\nwithdrawn:", "kz-2026-02-01.yaml:10: 2027-03-13 cannot be worked instead: it is a moved-on already by kz-2026-02-01.yaml:9"},
		{"taking back what is not there", "2", "day_off: 2026-01-07", "day_off: 2026-01-08", "kz-2026-02-01.yaml:13: 2026-01-08: no earlier version has that"},
		{"taking back a holiday from no year on", "2", ", after: 2026", "", "kz-2026-02-01.yaml:11: one of holiday with after"},
		{"taking back two things", "2", "{move: 2026-03-10", "{move: 2026-03-10, day_off: 2026-01-07", "kz-2026-02-01.yaml:12: one of holiday with after"},
		{"taking back by nothing", "2", "2026-01-07, basis: another", "2026-01-07", `kz-2026-02-01.yaml:13: no act ""`},
		{"a reason for no confirmation in one language", "2", "last_year: 2027", "unverified: {en: why}", `kz-2026-02-01.yaml:4: unverified: "unverified" has no text in kk`},
	}
	for _, tt := range tests {
		a, b := first, second
		if tt.in == "1" {
			a, b = strings.Replace(a, tt.old, tt.new, 1), ""
		} else {
			b = strings.Replace(b, tt.old, tt.new, 1)
		}
		if a == first && b == second {
			t.Fatalf("%s: nothing was replaced", tt.why)
		}
		_, err := open(a, b)
		if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error()+"\n", tt.want) {
			t.Errorf("%s: %v\nwant ErrInvalid with %s", tt.why, err, tt.want)
		}
	}
}

func TestOpenRefusesAForkAndAReplacement(t *testing.T) {
	third := strings.NewReplacer("version: kz-2026-02-01", "version: kz-2026-03-01", "recorded_at: 2026-02-01", "recorded_at: 2026-03-01").Replace(second)
	if _, err := open(first, second, third); err == nil || !strings.Contains(err.Error(), `kz-2026-03-01.yaml:2: follows "kz-2026-01-01", and so does kz-2026-02-01.yaml`) {
		t.Errorf("a fork: %v", err)
	}
	again := fstest.MapFS{"kz-2026-01-01.yaml": &fstest.MapFile{Data: []byte(first)}}
	if _, err := openFS(again, again); err == nil || !strings.Contains(err.Error(), "kz-2026-01-01.yaml:1: version \"kz-2026-01-01\" is there already") {
		t.Errorf("a replacement: %v", err)
	}
	nameless := strings.Replace(first, "version: kz-2026-01-01", "version: ''", 1)
	if _, err := openFS(fstest.MapFS{".yaml": &fstest.MapFile{Data: []byte(nameless)}}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a version without a name: %v", err)
	}
	if _, err := openFS(fstest.MapFS{}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no files: %v", err)
	}
	earlier := strings.NewReplacer("version: kz-2026-02-01", "version: kz-2026-01-01", "recorded_at: 2026-02-01", "recorded_at: 2026-01-01", "follows: kz-2026-01-01", "follows: kz-2026-02-01").Replace(second)
	late := strings.NewReplacer("kz-2026-01-01", "kz-2026-02-01", "2026-01-01", "2026-02-01").Replace(first)
	if _, err := openFS(fstest.MapFS{
		"kz-2026-02-01.yaml": &fstest.MapFile{Data: []byte(late)}, "kz-2026-01-01.yaml": &fstest.MapFile{Data: []byte(earlier)},
	}); err == nil || !strings.Contains(err.Error(), "kz-2026-01-01.yaml:3: recorded_at 2026-01-01 is not after that of kz-2026-02-01") {
		t.Errorf("a version of before: %v", err)
	}
}

// An operator brings a moved day and a new year in a file of its own.
func TestOpenWithFurtherFiles(t *testing.T) {
	embedded, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	newest := embedded.Newest()
	text := "version: kz-2027-01-12\nfollows: " + newest.Version() + `
recorded_at: 2027-01-12
last_year: 2028
acts:
  order-1-2027: {kk: бұйрық, ru: приказ, en: an order}
moves:
  - {off: 2027-03-09, working: 2027-03-06, basis: order-1-2027}
`
	h, err := Open(fstest.MapFS{"kz-2027-01-12.yaml": &fstest.MapFile{Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, r, err := h.Newest().Working("2027-03-09"); err != nil || r.Kind != MovedOff {
		t.Errorf("%+v, %v", r, err)
	}
	if _, last := h.Newest().Years(); last != 2028 {
		t.Errorf("it covers %d", last)
	}
	same, err := h.Version(newest.Version())
	if err != nil || len(Changes(same, newest)) != 0 {
		t.Errorf("the version before changed: %v, %v", Changes(same, newest), err)
	}
	bad := strings.Replace(text, "off: 2027-03-09", "off: 2027-03-08", 1)
	if _, err := Open(fstest.MapFS{"kz-2027-01-12.yaml": &fstest.MapFile{Data: []byte(bad)}}); err == nil || !strings.Contains(err.Error(), "kz-2027-01-12.yaml:8: 2027-03-08 cannot be moved off: it is a holiday already by kz-2012-01-01.yaml:") {
		t.Errorf("%v", err)
	}
}

// Whatever stands in a file, it is taken or refused with its place, and nothing breaks.
func FuzzOpen(f *testing.F) {
	f.Add(first, second)
	f.Add(strings.Replace(first, "03-08", "2026-03-08", 1), strings.Replace(second, "withdrawn", "holidays", 1))
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 4096 || len(b) > 4096 {
			return // longer than any calendar file: such inputs only slow the search
		}
		h, err := open(a, b)
		if err != nil {
			if !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, c := range h.calendars {
			if _, err := c.Balance(c.first); err != nil {
				t.Fatal(err)
			}
		}
	})
}
