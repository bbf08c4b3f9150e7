package calendar_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// A released version is never edited: due times were counted with it. A new version is added to the
// list with the line that this test prints; a line that is there never changes.
func TestVersionsDoNotChange(t *testing.T) {
	f, err := os.Open("testdata/versions.sum")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		v, sum, ok := strings.Cut(s.Text(), " ")
		if !ok || want[v] != "" {
			t.Fatalf("line %q", s.Text())
		}
		want[v] = sum
	}
	known, err := calendar.Versions()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range known {
		if got := digest(t, version(t, v)); got != want[v] {
			t.Errorf("days of %s are not what they were; they are\n%s %s", v, v, got)
		}
		delete(want, v)
	}
	for v := range want {
		t.Errorf("%s is gone", v)
	}
}

// digest is of every day of the version: whether it is worked and why.
func digest(t *testing.T, c *calendar.Calendar) string {
	sum := sha256.New()
	first, last := c.Years()
	for year := first; year <= last; year++ {
		for d := range days(year) {
			_, r, err := c.Working(d)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(sum, d, r.Kind, r.Of, r.Name.In("en"), r.RecordedAt)
		}
	}
	return fmt.Sprintf("%x", sum.Sum(nil)[:16])
}

func TestLoadAt(t *testing.T) {
	tests := []struct{ at, want string }{
		{"2012-01-01T00:00:00+06:00", "kz-2012-01-01"},
		{"2013-04-22T23:59:59+06:00", "kz-2013-01-01"},
		{"2013-04-23T00:00:00+06:00", "kz-2013-04-23"}, // from the beginning of the day on which it became known
		{"2013-04-22T18:00:00Z", "kz-2013-04-23"},
		{"2026-03-17T12:00:00+05:00", "kz-2026-01-01"},
		{"2026-03-18T12:00:00+05:00", "kz-2026-03-18"},
		{"2026-11-22T12:00:00+05:00", "kz-2026-11-22"},
		{"2040-01-01T00:00:00+05:00", "kz-2026-11-22"},
	}
	for _, tt := range tests {
		c, err := calendar.LoadAt(instant(t, tt.at))
		if err != nil || c.Version() != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.at, c, err, tt.want)
		}
	}
	if _, err := calendar.LoadAt(instant(t, "2011-12-31T12:00:00+06:00")); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("before the first one: %v", err)
	}
}

// A term of 45 working days never leaves the years of the version that was known when it began.
func TestEveryVersionCoversTheNextYear(t *testing.T) {
	for at := time.Date(2012, 1, 2, 12, 0, 0, 0, time.UTC); at.Year() < 2027; at = at.AddDate(0, 0, 1) {
		c, err := calendar.LoadAt(at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Explain(at, calendar.Policy{}, 45); err != nil {
			t.Fatalf("%s: %v", at.Format(time.DateOnly), err)
		}
	}
}

// What the newest version says of a day that became known only later, an earlier one does not: due
// times that were given stay what they were.
func TestAChangeDoesNotRewriteEarlierVersions(t *testing.T) {
	tests := []struct {
		before, after string
		registered    calendar.Day
		want          [2]calendar.Day // last day of a term of 2 days
	}{
		{"kz-2026-01-01", "kz-2026-03-18", "2026-08-28", [2]calendar.Day{"2026-09-02", "2026-09-01"}},
		{"kz-2024-04-18", "kz-2024-06-07", "2024-06-14", [2]calendar.Day{"2024-06-19", "2024-06-18"}},
		{"kz-2022-09-29", "kz-2022-10-21", "2022-10-21", [2]calendar.Day{"2022-10-26", "2022-10-26"}},
		{"kz-2022-01-01", "kz-2022-09-29", "2022-10-21", [2]calendar.Day{"2022-10-25", "2022-10-26"}},
		{"kz-2013-01-01", "kz-2013-04-23", "2013-05-03", [2]calendar.Day{"2013-05-08", "2013-05-06"}},
		{"kz-2012-04-17", "kz-2012-10-19", "2013-05-06", [2]calendar.Day{"2013-05-08", "2013-05-10"}},
	}
	for _, tt := range tests {
		for i, v := range []string{tt.before, tt.after} {
			e, err := version(t, v).ExplainFrom(tt.registered, 2)
			if err != nil || e.LastDay != tt.want[i] || e.Calendar != v {
				t.Errorf("%s by %s: %+v, %v; want %s", tt.registered, v, e, err, tt.want[i])
			}
		}
	}
}

func TestVersionTexts(t *testing.T) {
	h, err := calendar.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range calendar.Languages() {
		var text bytes.Buffer
		if err := h.WriteText(&text, lang); err != nil {
			t.Fatal(err)
		}
		golden(t, "versions-"+lang+".txt", text.Bytes())
	}
}

// The balance that the Ministry of Labor published for 2024, before a day off was moved within May and
// Kurban Ait turned out to fall on a Sunday, and what became of it.
// https://help.inbuh.kz/6801/
func TestBalanceOf2024(t *testing.T) {
	months := func(v string) []int {
		y, err := version(t, v).Balance(2024)
		if err != nil {
			t.Fatal(err)
		}
		all := []int{y.Working}
		for _, m := range y.Months {
			all = append(all, m.Working)
		}
		return all
	}
	published := []int{248, 21, 21, 17, 22, 20, 19, 22, 21, 21, 22, 21, 21}
	if diff := cmp.Diff(published, months("kz-2024-01-01")); diff != "" {
		t.Errorf("as published (-want +got)\n%s", diff)
	}
	published[0], published[6] = 249, 20
	if diff := cmp.Diff(published, months("kz-2024-06-07")); diff != "" {
		t.Errorf("as it came (-want +got)\n%s", diff)
	}
}

func TestBalance(t *testing.T) {
	// What was published for 2026 in December 2025; 30 August was taken back after that.
	for v, want := range map[string]int{"kz-2026-01-01": 246, "kz-2026-03-18": 247} {
		y, err := version(t, v).Balance(2026)
		if err != nil || y.Working != want || y.Days != 365 || y.Months[0].Working != 19 || y.Calendar != v {
			t.Errorf("%s: %+v, %v; want %d working days", v, y, err, want)
		}
	}
	y, err := load(t).Balance(2026)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range calendar.Languages() {
		var text bytes.Buffer
		if err := y.WriteText(&text, lang); err != nil {
			t.Fatal(err)
		}
		golden(t, "year-2026-"+lang+".txt", text.Bytes())
	}
	var missing *calendar.MissingYear
	if _, err := load(t).Balance(2028); !errors.As(err, &missing) || missing.Year != 2028 {
		t.Errorf("2028: %v", err)
	}
	if _, err := version(t, "kz-2012-01-01").Balance(2014); !errors.As(err, &missing) || missing.Version != "kz-2012-01-01" {
		t.Errorf("2014 as seen in 2012: %v", err)
	}
}
