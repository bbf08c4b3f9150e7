package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain/calendar"
)

// onCalendar runs one command and wants it to end with the code.
func onCalendar(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := run(append([]string{"calendar"}, args...), &out, &errs); got != code {
		t.Errorf("%s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, errs.String())
	}
	return out.String(), errs.String()
}

func TestCalendarExplain(t *testing.T) {
	tests := []struct {
		args string
		want []string
	}{
		{"--from 2013-04-26T17:45 --days 15", []string{
			"17:45:00 UTC+06:00, within office hours", "15  Wed 22 May 2013", "day off moved here: Sat 4 May 2013 is worked instead",
			"Government decree No 345 of 2013", "2013-05-22T18:00:00Z",
		}},
		{"--from 2013-04-26T17:45 --days 15 --lang ru", []string{"Срок, рабочих дней: 15", "постановление Правительства Республики Казахстан 2013 года № 345"}},
		{"--from 2013-04-26T17:45 --days 15 --lang kk", []string{"Мерзім, жұмыс күні: 15", "Үкіметінің 2013 жылғы № 345 қаулысы"}},
		{"--from 2013-04-26T11:45:00Z --days 0", []string{"17:45:00 UTC+06:00", "Last day  Fri 26 April 2013"}},
		{"--from 2013-04-26T17:45 --days 1 --hours 09:00-17:30", []string{"after office hours, 09:00 to 17:30: registered on the next working day", "Registered  Mon 29 April 2013"}},
		{"--from 2026-08-28 --days 1", []string{"Mon 31 August 2026  working day; taken back on Wed 18 March 2026"}},
		{"--from 2026-08-28 --days 1 --version kz-2026-01-01", []string{"Last day  Tue 1 September 2026"}},
		{"--from 2026-08-28 --days 1 --as-of 2026-03-17", []string{"Calendar kz-2026-01-01", "Last day  Tue 1 September 2026"}},
		{"--from 2026-08-28 --days 1 --as-of 2026-03-18", []string{"Calendar kz-2026-03-18", "Last day  Mon 31 August 2026"}},
	}
	for _, tt := range tests {
		out, _ := onCalendar(t, 0, append([]string{"explain"}, strings.Fields(tt.args)...)...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", tt.args, want, out)
			}
		}
	}
}

func TestCalendarExplainJSON(t *testing.T) {
	out, _ := onCalendar(t, 0, "explain", "--from", "2013-04-26T17:45", "--days", "15", "--format", "json")
	var got calendar.Explanation
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.LastDay != "2013-05-22" || len(got.Days) != 26 || got.Receipt.Arrival != calendar.InHours || got.Due.Offset != "+06:00" {
		t.Errorf("%+v", got)
	}
}

func TestCalendarRefusals(t *testing.T) {
	tests := []struct {
		args string
		code int
		want string
	}{
		{"explain --from 2027-12-30T10:00 --days 15", 1, "has no working days of 2028"},
		{"explain --from 2011-12-30T10:00 --days 15", 1, "has no working days of 2011"},
		{"explain --from tomorrow --days 15", 1, `time "tomorrow"`},
		{"explain --from 2026-02-30 --days 15", 1, `time "2026-02-30"`},
		{"explain --from 2026-02-20 --days=-1", 1, "term of -1 working days"},
		{"explain --from 2026-02-20 --days 1 --version kz-1", 1, `calendar "kz-1": not found`},
		{"explain --from 2026-02-20 --days 1 --as-of 2011-01-01", 1, "not found"},
		{"explain --from 2026-02-20 --days 1 --version kz-2026-01-01 --as-of 2026-02-01", 2, "can't be used together"},
		{"explain --from 2026-02-20T10:00 --days 1 --hours 18-9", 1, `office hours "18-9"`},
		{"explain --days 1", 2, "missing flags: --from=TIME"},
		{"year 2028", 1, "has no working days of 2028"},
	}
	for _, tt := range tests {
		out, errs := onCalendar(t, tt.code, strings.Fields(tt.args)...)
		if !strings.Contains(errs, tt.want) || out != "" {
			t.Errorf("%s: %q, %q; want %q", tt.args, out, errs, tt.want)
		}
	}
}

func TestCalendarYearAndVersions(t *testing.T) {
	out, _ := onCalendar(t, 0, "year", "2026")
	if !strings.Contains(out, "Year     247      118  365") {
		t.Errorf("2026:\n%s", out)
	}
	out, _ = onCalendar(t, 0, "year", "2026", "--version", "kz-2026-01-01", "--format", "json")
	if !strings.Contains(out, `"working": 246`) {
		t.Errorf("2026 as published:\n%s", out)
	}
	out, _ = onCalendar(t, 0, "versions", "--lang", "ru")
	if !strings.Contains(out, "kz-2012-01-01") || !strings.Contains(out, "kz-2026-11-22") {
		t.Errorf("versions:\n%s", out)
	}
}

// An operator's own files: further versions of the calendar, and the licensors' office hours.
func TestCalendarFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	policies := write("policies.yml", "licensors:\n  minjust:\n    - {hours: \"09:00-17:00\", basis: Order No 7}\n")
	out, _ := onCalendar(t, 0, "explain", "--from", "2026-11-20T17:30", "--days", "1", "--policies", policies, "--licensor", "minjust")
	if !strings.Contains(out, "after office hours, 09:00 to 17:00: registered on the next working day, by Order No 7") {
		t.Errorf("a policy:\n%s", out)
	}
	bad := write("bad.yml", "licensors:\n  minjust:\n    - {hours: \"17:00-09:00\"}\n")
	if _, errs := onCalendar(t, 1, "explain", "--from", "2026-11-20T17:30", "--days", "1", "--policies", bad); !strings.Contains(errs, `bad.yml:3: office hours "17:00-09:00"`) {
		t.Errorf("a bad policy: %s", errs)
	}
	further := `version: kz-2026-11-23
follows: kz-2026-11-22
recorded_at: 2026-11-23
acts:
  order-1: {kk: бұйрық, ru: приказ, en: an order}
moves:
  - {off: 2026-12-15, working: 2026-12-12, basis: order-1}
`
	write("kz-2026-11-23.yaml", further)
	if out, _ := onCalendar(t, 0, "explain", "--from", "2026-12-14", "--days", "1", "--calendars", dir); !strings.Contains(out, "Last day  Thu 17 December 2026") {
		t.Errorf("a further version:\n%s", out)
	}
	write("kz-2026-11-23.yaml", strings.Replace(further, "2026-12-15", "2026-12-16", 1))
	if _, errs := onCalendar(t, 1, "versions", "--calendars", dir); !strings.Contains(errs, "kz-2026-11-23.yaml:7: 2026-12-16 cannot be moved off: it is a holiday already by kz-2012-01-01.yaml:") {
		t.Errorf("a contradiction: %s", errs)
	}
}
