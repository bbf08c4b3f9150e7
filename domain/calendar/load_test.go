package calendar

import (
	"errors"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain"
)

const sound = `
version: test
recorded_at: 2026-01-01
first_year: 2026
last_year: 2026
holidays:
  - {on: 03-08, name: {en: Spring}, basis: a law}
days_off:
  - {date: 2026-01-07, name: {en: Winter}, basis: a law, recorded_at: 2025-12-01}
moves:
  - {off: 2026-03-10, working: 2026-03-14, basis: a decree}
`

func TestParse(t *testing.T) {
	c, err := parse([]byte(sound))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[Day]Kind{
		"2026-03-08": Holiday, "2026-03-09": CarriedOver, "2026-03-10": MovedOff, "2026-03-14": MovedOn, "2026-01-07": DayOff,
	} {
		if _, r, err := c.Working(day); err != nil || r.Kind != want {
			t.Errorf("%s: %q, %v; want %q", day, r.Kind, err, want)
		}
	}
	if _, r, _ := c.Working("2026-01-07"); r.RecordedAt != "2025-12-01" {
		t.Errorf("a fact's own recorded_at became %s", r.RecordedAt)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ why, old, new string }{
		{"not YAML", "version: test", "version: ["},
		{"an unknown field", "basis: a law}", "basis: a law, bases: x}"},
		{"no version", "version: test", "version: ''"},
		{"no day of recording", "recorded_at: 2026-01-01", "recorded_at: soon"},
		{"years the wrong way round", "last_year: 2026", "last_year: 2025"},
		{"a fact without a basis", "basis: a law}", "basis: ''}"},
		{"a fact without a name", "name: {en: Spring}, ", ""},
		{"a fact without a day", "on: 03-08, ", ""},
		{"a fact with two days", "on: 03-08", "on: 03-08, date: 2026-03-08"},
		{"a day that does not exist", "on: 03-08", "on: 02-30"},
		{"a day of another year", "date: 2026-01-07", "date: 2025-01-07"},
		{"two facts on one day", "date: 2026-01-07", "date: 2026-03-08"},
		{"a move without a basis", "basis: a decree", "basis: ''"},
		{"a move of a day that is off anyway", "off: 2026-03-10", "off: 2026-03-09"},
		{"a move to a day that is worked anyway", "working: 2026-03-14", "working: 2026-03-12"},
		{"a move out of the years", "working: 2026-03-14", "working: 2027-03-13"},
		{"a move of no day", "off: 2026-03-10", "off: tomorrow"},
	}
	for _, tt := range tests {
		text := strings.Replace(sound, tt.old, tt.new, 1)
		if text == sound {
			t.Fatalf("%s: nothing was replaced", tt.why)
		}
		if _, err := parse([]byte(text)); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", tt.why, err)
		}
	}
}
