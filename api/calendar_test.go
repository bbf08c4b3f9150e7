package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api/v1"
)

// A term over HTTP says what the calendar says: which days count, which do not and why, by which version.
func TestExplainTerm(t *testing.T) {
	w := newWorld(t)
	term := decode[v1.Term](w.call("", "GET", "/api/v1/calendar/explanation?from=2013-04-26T17:45:00%2B06:00&days=15", nil).want(200))
	skipped := 0
	for _, d := range term.Counted {
		if !d.Working {
			skipped++
			if d.Number != 0 || d.Kind != "weekend" && d.Basis == nil {
				t.Errorf("skipped without a reason: %+v", d)
			}
		}
	}
	got := []any{term.Registered, term.LastDay, term.DueAt, len(term.Counted) - skipped, skipped, term.Receipt.Arrival, term.Receipt.UTCOffset, term.Receipt.Hours}
	want := []any{"2013-04-26", "2013-05-22", time.Date(2013, 5, 22, 18, 0, 0, 0, time.UTC), 15, 11, "in-hours", "+06:00", "09:00-18:30"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// What was published later does not change what was counted before: 30 August 2026 was still off.
	before := decode[v1.Term](w.call("", "GET", "/api/v1/calendar/explanation?from=2026-08-27&days=2&version=kz-2026-01-01", nil).want(200))
	after := decode[v1.Term](w.call("", "GET", "/api/v1/calendar/explanation?from=2026-08-27&days=2", nil).want(200))
	if before.LastDay != "2026-09-01" || after.LastDay != "2026-08-31" || before.Receipt != nil {
		t.Errorf("last days %s and %s", before.LastDay, after.LastDay)
	}
}

func TestCalendarYear(t *testing.T) {
	w := newWorld(t)
	y := decode[v1.Year](w.call("", "GET", "/api/v1/calendar/years/2026", nil).want(200))
	months := 0
	for _, m := range y.Months {
		months += m.Working
	}
	if y.Working != 247 || months != 247 || y.Days != 365 || len(y.Special) == 0 {
		t.Errorf("2026: %d working days, %d by month, of %d", y.Working, months, y.Days)
	}
}

// The page says the same, in words, and where the calendar ends it says that.
func TestCalendarPage(t *testing.T) {
	w := newWorld(t)
	w.contains(w.page("/calendar?from=2013-04-26T17:45&days=15&year=2013", "ru", 200),
		"22 мая 2013 года", "в рабочее время", "перенесён", "2013")
	w.contains(w.page("/calendar?from=2026-08-27&days=2&version=kz-2026-01-01", "en", 200), "Tue 1 September 2026", "carried over", "kz-2026-01-01")
	w.contains(w.page("/calendar?from=2027-12-30&days=15", "kk", 422), `role="alert"`, "2027")
	w.contains(w.page("/calendar?from=tomorrow&days=15", "en", 422), `role="alert"`, "2026-11-20T17:45")
	w.contains(w.page("/calendar?from=2026-11-20&days=-1", "en", 422), `role="alert"`, "1000")
	w.page("/calendar?year=2050", "en", 404)
	w.page("/calendar?version=kz-1", "ru", 422)
}
