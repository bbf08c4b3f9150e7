package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// CalendarPage counts a term day by day, and shows a year's working days.
type CalendarPage struct {
	Frame
	// What the term was asked for, as typed, and what is wrong with it.
	From, Days, Version string
	Licensors           []Option
	Mistake             string
	Term                *calendar.Told

	Balance  *calendar.Told // of the year; its days are the special ones
	Months   []MonthRow
	Total    MonthRow
	Previous string // addresses of the years beside it
	Next     string
}

// MonthRow is a month's balance, or a year's.
type MonthRow struct{ Name, Working, Off, Days string }

// MaxTerm is the longest term that is counted day by day for a page.
const MaxTerm = 1000

func (s *Site) calendar(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	f := s.frame(r, "calendar")
	page := CalendarPage{Frame: f, From: tidy(in.Get("from")), Days: tidy(in.Get("days")), Version: tidy(in.Get("version"))}
	page.Title = f.T("calendar.title")
	page.Licensors = s.licensors(f, f.T("calendar.any-licensor"), in.Get("licensor"))
	if err := s.known(in); err != nil {
		return err
	}
	days, err := s.version(page.Version)
	if err != nil {
		return err
	}
	if page.From != "" || page.Days != "" {
		s.term(&page, days, in.Get("licensor"))
	}
	if err := s.year(&page, days, in); err != nil {
		return err
	}
	status := http.StatusOK
	if page.Mistake != "" {
		status = http.StatusUnprocessableEntity
	}
	return s.render(w, r, "calendar", status, page)
}

// version is the calendar of the version, the newest one where none is named.
func (s *Site) version(version string) (*calendar.Calendar, error) {
	known := s.Rules().Calendars
	if version == "" {
		return known.Newest(), nil
	}
	days, err := known.Version(version)
	if err != nil {
		return nil, domain.Reject("calendar-unknown", "no such version of the calendar")
	}
	return days, nil
}

// term counts the term that was asked for, or says what is wrong with it.
func (s *Site) term(page *CalendarPage, days *calendar.Calendar, licensor string) {
	n, err := strconv.Atoi(page.Days)
	if err != nil || n < 0 || n > MaxTerm {
		page.Mistake = page.T("calendar.days-wrong", "most", strconv.Itoa(MaxTerm))
		return
	}
	e, err := s.explain(days, page.From, licensor, n)
	if err == nil {
		page.Term, err = e.Tell(page.Lang)
	}
	_, last := days.Years()
	switch {
	case errors.Is(err, calendar.ErrMissingYear):
		page.Mistake = page.T("calendar.ends", "year", strconv.Itoa(last))
	case err != nil:
		page.Mistake = page.T("calendar.from-wrong")
	}
}

// explain counts from a day of registration, or from the minute at which something came in.
func (s *Site) explain(days *calendar.Calendar, from, licensor string, n int) (*calendar.Explanation, error) {
	if day, err := calendar.ParseDay(from); err == nil {
		return days.ExplainFrom(day, n)
	}
	at, err := calendar.ParseMoment(from)
	if err != nil {
		return nil, err
	}
	return days.Explain(at, s.Rules().Policies.For(licensor, calendar.DayOf(at)), n)
}

// year shows the year that was asked for, the present one otherwise.
func (s *Site) year(page *CalendarPage, days *calendar.Calendar, in url.Values) error {
	first, last := days.Years()
	year, err := strconv.Atoi(in.Get("year"))
	if in.Get("year") == "" {
		year, err = min(max(s.Now().In(calendar.Zone).Year(), first), last), nil
	}
	if err != nil || year < first || year > last {
		return fmt.Errorf("year %.10q: %w", in.Get("year"), domain.ErrNotFound)
	}
	balance, err := days.Balance(year)
	if err != nil {
		return err
	}
	if page.Balance, err = balance.Tell(page.Lang); err != nil {
		return err
	}
	for _, m := range balance.Months {
		page.Months = append(page.Months, monthRow(page.T("month.name."+strconv.Itoa(int(m.Month))), m.Working, m.Days))
	}
	page.Total = monthRow(page.T("calendar.total"), balance.Working, balance.Days)
	if year > first {
		page.Previous = "?" + with(in, "year", strconv.Itoa(year-1))
	}
	if year < last {
		page.Next = "?" + with(in, "year", strconv.Itoa(year+1))
	}
	return nil
}

func monthRow(name string, working, days int) MonthRow {
	return MonthRow{Name: name, Working: strconv.Itoa(working), Off: strconv.Itoa(days - working), Days: strconv.Itoa(days)}
}
