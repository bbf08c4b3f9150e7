package calendar_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain/calendar"
)

// termCase is a line of testdata/cases.txt.
type termCase struct {
	line             int
	received         time.Time
	term             int
	version          string
	registered, last calendar.Day
	due              time.Time
	sourced          bool
}

func cases(t *testing.T) []termCase {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []termCase
	for i, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "|")
		if len(f) < 6 {
			t.Fatalf("line %d: %d fields", i+1, len(f))
		}
		for j := range f {
			f[j] = strings.TrimSpace(f[j])
		}
		c := termCase{
			line: i + 1, version: f[2], registered: calendar.Day(f[3]), last: calendar.Day(f[4]),
			sourced: len(f) == 8 && strings.HasPrefix(f[7], "http"),
		}
		var err1, err2, err3 error
		c.received, err1 = time.ParseInLocation("2006-01-02T15:04", f[0], calendar.Zone)
		c.term, err2 = strconv.Atoi(f[1])
		c.due, err3 = time.Parse("2006-01-02T15:04Z", f[5])
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatalf("line %d: %v, %v, %v", i+1, err1, err2, err3)
		}
		all = append(all, c)
	}
	return all
}

func TestCases(t *testing.T) {
	all := cases(t)
	years, sourced := map[int]bool{}, 0
	for _, tt := range all {
		c := load(t)
		if tt.version != "" {
			c = version(t, tt.version)
		}
		e, err := c.Explain(tt.received, calendar.Policy{}, tt.term)
		if err != nil {
			t.Errorf("cases.txt:%d: %v", tt.line, err)
			continue
		}
		if e.Registered != tt.registered || e.LastDay != tt.last || !e.Due.UTC.Equal(tt.due) {
			t.Errorf("cases.txt:%d: registered %s, last day %s, due %s; want %s, %s, %s",
				tt.line, e.Registered, e.LastDay, e.Due.UTC, tt.registered, tt.last, tt.due)
		}
		due, err := c.Due(tt.registered, tt.term)
		if err != nil || !due.Equal(tt.due) {
			t.Errorf("cases.txt:%d: Due %v, %v; want %v", tt.line, due, err, tt.due)
		}
		years[tt.received.Year()] = true
		if tt.sourced {
			sourced++
		}
	}
	if len(all) < 100 || len(years) < 16 || sourced < 50 {
		t.Errorf("%d cases in %d years, %d with a source: some are lost", len(all), len(years), sourced)
	}
}

func version(t testing.TB, v string) *calendar.Calendar {
	t.Helper()
	c, err := calendar.LoadVersion(v)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
