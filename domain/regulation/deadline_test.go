package regulation_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/regulation"
)

func TestParseDeadline(t *testing.T) {
	between := func(low, high int, unit regulation.Unit) regulation.Deadline {
		return regulation.Deadline{Min: &low, Max: &high, Unit: unit}
	}
	three := between(2, 15, regulation.WorkingDays)
	three.ByRequest = map[regulation.Request]int{regulation.Issue: 15, regulation.Reissue: 10, regulation.Duplicate: 2}
	tests := map[string]regulation.Deadline{
		"":                   {},
		"-":                  {},
		"–":                  {},
		"20 сек":             between(20, 20, regulation.Seconds),
		"10–15 сек":          between(10, 15, regulation.Seconds),
		"10-15 сек":          between(10, 15, regulation.Seconds),
		"10–15сек":           between(10, 15, regulation.Seconds),
		"10–\u00a015 сек":    between(10, 15, regulation.Seconds),
		"1,5 мин":            between(90, 90, regulation.Seconds),
		"1 минута":           between(60, 60, regulation.Seconds),
		"5 минут":            between(300, 300, regulation.Seconds),
		"10–15 мин":          between(600, 900, regulation.Seconds),
		"10-15 минут":        between(600, 900, regulation.Seconds),
		"30 сек – 1 минута":  between(30, 60, regulation.Seconds),
		"30 сек - 5 мин":     between(30, 300, regulation.Seconds),
		"15 рабочих дней":    between(15, 15, regulation.WorkingDays),
		"10-15 рабочих дней": between(10, 15, regulation.WorkingDays),
		"1 рабочий день":     between(1, 1, regulation.WorkingDays),
		"15 жұмыс күні":      between(15, 15, regulation.WorkingDays),
		"10-15 жұмыс күні":   between(10, 15, regulation.WorkingDays),
		"10-15 мин":          between(600, 900, regulation.Seconds),
		"20 минут":           between(1200, 1200, regulation.Seconds),
		"15 рабочих дней, 10 рабочих дней, 2 рабочих дня": three,
	}
	for printed, want := range tests {
		got, err := regulation.ParseDeadline(printed)
		if err != nil {
			t.Errorf("%q: %v", printed, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", printed, diff)
		}
	}
}

func TestParseDeadlineRefuses(t *testing.T) {
	for _, printed := range []string{
		"15 раб.", "15 раб", "15", "сек", "15 дней", "15 календарных дней", "15 күн", "күнтізбелік он күн", "десять сек", "-5 сек", "0 сек", "15–10 сек",
		"10–15–20 сек", "1.5 мин", "0,01 сек", "1,5 рабочих дней", "10 сек – 2 рабочих дня", "10 сек, 20 сек",
		"10 сек, 20 сек, 1 рабочий день", "99999999 мин", "15 рабочих дней,", "5 мин или 10 мин", "— —",
	} {
		if d, err := regulation.ParseDeadline(printed); err == nil {
			t.Errorf("%q is read as %s", printed, d)
		}
	}
}

func FuzzParseDeadline(f *testing.F) {
	for _, printed := range []string{"", "-", "10–15 сек", "1,5 мин", "15 рабочих дней, 10 рабочих дней, 2 рабочих дня", "15 раб."} {
		f.Add(printed)
	}
	f.Fuzz(func(t *testing.T, printed string) {
		d, err := regulation.ParseDeadline(printed)
		if err != nil || d.Max == nil {
			return
		}
		if d.Min == nil || *d.Min < 0 || *d.Min > *d.Max || *d.Max == 0 || d.Unit == "" {
			t.Errorf("%q: %s, min %v", printed, d, d.Min)
		}
		for r, n := range d.ByRequest {
			if n < *d.Min || n > *d.Max {
				t.Errorf("%q: %s %d outside %s", printed, r, n, d)
			}
		}
	})
}

func TestMinutes(t *testing.T) {
	for seconds, want := range map[int]string{15: "s", 59: "s", 60: "1", 90: "1½", 100: "s", 600: "10"} {
		got := "s"
		if whole, half, ok := regulation.Minutes(seconds); ok {
			got = fmt.Sprint(whole)
			if half {
				got += "½"
			}
		}
		if got != want {
			t.Errorf("Minutes(%d) is %s, want %s", seconds, got, want)
		}
	}
}
