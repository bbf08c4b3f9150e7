// Package calendar counts terms in working days of Kazakhstan, and explains each count day by day.
//
// The days are data: versions/*.yaml, embedded, one file for each day on which something became known,
// each fact with its legal basis. The Government moves days at short notice, and more than once a day
// off was taken back after the year's calendar was out (17 June 2024, 30 August 2026), so a due time is
// stored with the version it was counted with, and every version stays loadable for ever:
//
//	Load            the newest version: what a process counts with from its start on
//	LoadVersion     the one that a stored due time names
//	LoadAt          the one that was the newest at an instant: for figures as of a past day
//	Open            the same with further files of the operator's
//
// The rules: a term in working days begins on the working day after the day of registration and ends
// with the end of its last working day (Civil Code, art. 173; the day of acceptance is not part of the
// term). What comes in after office hours or on a day off is registered on the next working day, unless
// the licensor's Policy says otherwise.
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
	unverified  Text
	first, last int      // the years it covers
	origin      int      // number of 1 January of the first year
	days        []uint16 // for each day, the place of its reason
	reasons     []Reason // plain days first: workday, then weekend
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

// plain reports whether the week alone makes the kind.
func (k Kind) plain() bool { return k == Workday || k == Weekend }

// Text is one text by language: kk, ru, en.
type Text map[string]string

// In is the text in the language, in English where the language has none.
func (t Text) In(lang string) string {
	if s := t[lang]; s != "" {
		return s
	}
	return t["en"]
}

// Act is the legal basis of a fact. It is shared and must not be changed.
type Act struct {
	ID   string `json:"id"` // a name of ours
	Text Text   `json:"text"`
	// Source is where the act, or the news of it, was read.
	Source string `json:"source,omitempty"`
}

// Reason says why a day is worked or not. Only what differs from the plain week has a basis.
type Reason struct {
	Kind Kind `json:"kind"`
	// Name of the holiday, also of the one carried over.
	Name Text `json:"name,omitempty"`
	// Of is the other day concerned: the holiday that was carried over, the day worked or off instead.
	Of Day `json:"of,omitempty"`
	// Basis is the legal act, nil for a plain day; RecordedAt the day on which the fact became known.
	Basis      *Act `json:"basis,omitempty"`
	RecordedAt Day  `json:"recorded_at,omitempty"`
	// Estimate says that the day was announced as expected, or by nobody yet.
	Estimate bool `json:"estimate,omitempty"`
	// Unverified is what of this was not confirmed, nil where all was.
	Unverified Text `json:"unverified,omitempty"`
	// Withdrawn is what the day was until it was taken back, nil for all other days.
	Withdrawn *Withdrawal `json:"withdrawn,omitempty"`
}

// Withdrawal is what a day was going to be, and what took that back.
type Withdrawal struct {
	Kind  Kind `json:"kind"`
	Name  Text `json:"name,omitempty"`
	Of    Day  `json:"of,omitempty"`
	Basis *Act `json:"basis"`
	On    Day  `json:"on"` // the day on which it became known
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

// Unwrap makes it an ErrMissingYear, which is an ErrInvalid.
func (e *MissingYear) Unwrap() error { return ErrMissingYear }

// ErrMissingYear is what every *MissingYear is.
var ErrMissingYear = fmt.Errorf("no calendar of the year: %w", domain.ErrInvalid)

// Version is the token that is stored with every due time counted with this calendar.
func (c *Calendar) Version() string { return c.version }

// RecordedAt is the day as of which the version holds what was known.
func (c *Calendar) RecordedAt() Day { return c.recorded }

// Unverified is why RecordedAt could not be confirmed, nil where it was. It is then the last day
// that is possible.
func (c *Calendar) Unverified() Text { return c.unverified }

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
	if err != nil {
		return false, Reason{}, err
	}
	return r.Kind.Working(), *r, nil
}

// Registered is the day on which something that came in at t is registered by an office with the
// hours and the usual rule: the same day, the next working day when the office had closed or does not
// work that day. Coming before it opens is the same day.
func (c *Calendar) Registered(t time.Time, h Hours) (Day, error) {
	return c.RegisteredUnder(t, Policy{Hours: h})
}

// Due is when a term of n working days ends that began with registration: the end of the n-th working
// day after the day of registration, as the first instant of the day that follows, in UTC. Leaving a
// step at exactly that instant is in time. For n of 0 it is the end of the day itself.
//
// ErrInvalid for a negative n, *MissingYear where the calendar ends before the term.
func (c *Calendar) Due(registered Day, n int) (time.Time, error) {
	at, err := c.start(registered, n)
	if err != nil {
		return time.Time{}, err
	}
	for range n {
		if at, err = c.next(at + 1); err != nil {
			return time.Time{}, err
		}
	}
	return endOf(at), nil
}

// start is the number of the day of registration, where a term of n days may start there.
func (c *Calendar) start(registered Day, n int) (int, error) {
	at, err := number(registered)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("term of %d working days: %w", n, domain.ErrInvalid)
	}
	_, err = c.reason(at)
	return at, err
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

// reason is shared: it must not be changed.
func (c *Calendar) reason(n int) (*Reason, error) {
	if i := n - c.origin; i >= 0 && i < len(c.days) {
		return &c.reasons[c.days[i]], nil
	}
	return nil, &MissingYear{Year: date(n).Year(), Version: c.version}
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

// endOf is the first instant after the day, in UTC.
func endOf(n int) time.Time {
	year, month, day := date(n + 1).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, Zone).UTC()
}

// weekday of the day: 1 January 1970 was a Thursday.
func weekday(n int) time.Weekday { return time.Weekday((n%7 + 7 + int(time.Thursday)) % 7) }
