// Package calendar counts terms in working days of Kazakhstan.
//
// The days are data: versions/*.yaml, embedded, one file a version, each fact with its legal basis and
// the day it became known. The Government moves days at short notice, and once took a holiday back
// after the year's calendar was out, so a due time is stored with the version it was counted with, and
// every version stays loadable. Load gives the newest.
//
// The rules: a term in working days begins on the working day after the day of registration and ends
// with the end of its last working day (Civil Code, art. 173; the day of acceptance is not part of the
// term). What comes in after office hours or on a day off is registered on the next working day.
package calendar

import (
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Calendar is one version of the calendar. It does not change once loaded and may be used by many
// goroutines at once.
type Calendar struct {
	version     string
	recorded    Day
	first, last int // the years it covers
	origin      int // number of 1 January of the first year
	days        []Reason
}

// Kind is why a day is worked or not.
type Kind string

// The kinds of day.
const (
	Workday     Kind = "workday"      // Monday to Friday and nothing special
	Weekend     Kind = "weekend"      // Saturday or Sunday
	Holiday     Kind = "holiday"      // a national or state holiday
	DayOff      Kind = "day-off"      // off by law, and not carried over: a religious holiday
	CarriedOver Kind = "carried-over" // off for a holiday that fell on a day off
	MovedOff    Kind = "moved-off"    // off, and another day is worked instead
	MovedOn     Kind = "moved-on"     // worked instead of another day
)

// Working reports whether days of the kind are worked.
func (k Kind) Working() bool { return k == Workday || k == MovedOn }

// Reason says why a day is worked or not. Only what differs from the plain week has a basis.
type Reason struct {
	Kind Kind
	// Name of the holiday by language (kk, ru, en), also of the one carried over.
	Name map[string]string
	// Of is the other day concerned: the holiday that was carried over, the day worked or off instead.
	Of Day
	// Basis is the legal act; RecordedAt the day it became known; Estimate, that nobody has announced
	// the day yet.
	Basis      string
	RecordedAt Day
	Estimate   bool
}

// MissingYear is the error for a day of a year that the version has no data for. It is an
// ErrInvalid: the day lies outside of what the calendar can speak about, and will until the
// registry is given a newer calendar, so a later repetition does not help and nothing is guessed.
type MissingYear struct {
	Year    int
	Version string
}

func (e *MissingYear) Error() string {
	return fmt.Sprintf("calendar %s has no working days of %d", e.Version, e.Year)
}

// Unwrap makes it an ErrInvalid.
func (e *MissingYear) Unwrap() error { return domain.ErrInvalid }

// Version is the token that is stored with every due time counted with this calendar.
func (c *Calendar) Version() string { return c.version }

// RecordedAt is the day as of which the version holds what was known.
func (c *Calendar) RecordedAt() Day { return c.recorded }

// Years are the first and the last year the calendar covers. Whoever operates the registry has to
// bring a new version before the last one ends.
func (c *Calendar) Years() (first, last int) { return c.first, c.last }

// Working reports whether the day is worked, and why. A day outside of the data is *MissingYear.
func (c *Calendar) Working(d Day) (bool, Reason, error) {
	n, err := number(d)
	if err != nil {
		return false, Reason{}, err
	}
	r, err := c.reason(n)
	return r.Kind.Working(), r, err
}

// Registered is the day on which something that came in at t is registered by an office with the
// hours: the same day, the next working day when the office had closed or does not work that day.
// Coming before it opens is the same day.
func (c *Calendar) Registered(t time.Time, h Hours) (Day, error) {
	local := t.In(Zone)
	n := numberOf(local)
	if timeOfDay(local) >= h.orDefault().Closes {
		n++
	}
	n, err := c.next(n)
	if err != nil {
		return "", err
	}
	return dayOf(n), nil
}

// Due is when a term of n working days ends that began with registration: the end of the n-th working
// day after the day of registration, as the first instant of the day that follows, in UTC. Leaving a
// step at exactly that instant is in time. For n of 0 it is the end of the day itself.
//
// ErrInvalid for a negative n, *MissingYear where the calendar ends before the term.
func (c *Calendar) Due(registered Day, n int) (time.Time, error) {
	at, err := number(registered)
	if err != nil {
		return time.Time{}, err
	}
	if n < 0 {
		return time.Time{}, fmt.Errorf("term of %d working days: %w", n, domain.ErrInvalid)
	}
	if _, err := c.reason(at); err != nil {
		return time.Time{}, err
	}
	for range n {
		if at, err = c.next(at + 1); err != nil {
			return time.Time{}, err
		}
	}
	return dayOf(at).End(), nil
}

// next is the first working day that is not before n.
func (c *Calendar) next(n int) (int, error) {
	for ; ; n++ {
		r, err := c.reason(n)
		if err != nil || r.Kind.Working() {
			return n, err
		}
	}
}

func (c *Calendar) reason(n int) (Reason, error) {
	if i := n - c.origin; i >= 0 && i < len(c.days) {
		return c.days[i], nil
	}
	return Reason{}, &MissingYear{Year: date(n).Year(), Version: c.version}
}

// Inside, a day is its number: days since 1970-01-01.

const secondsPerDay = 24 * 60 * 60

func number(d Day) (int, error) {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return 0, fmt.Errorf("day %q: not a day YYYY-MM-DD: %w", string(d), domain.ErrInvalid)
	}
	return numberOf(t), nil
}

// numberOf is the number of the date that t shows where it is.
func numberOf(t time.Time) int {
	year, month, day := t.Date()
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

func date(n int) time.Time { return time.Unix(int64(n)*secondsPerDay, 0).UTC() }

func dayOf(n int) Day { return Day(date(n).Format(time.DateOnly)) }
