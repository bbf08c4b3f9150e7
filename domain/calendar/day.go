package calendar

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// almaty is the tz database's Asia/Almaty. It is our own copy, because which day an instant falls on
// must not depend on the machine: a system without the change of 1 March 2024 (UTC+6 to UTC+5) would
// count an hour wrong.
//
//go:embed almaty.tzif
var almaty []byte

// Zone is the time of the licensors, Asia/Almaty, on every machine the same.
var Zone = mustZone()

func mustZone() *time.Location {
	loc, err := time.LoadLocationFromTZData("Asia/Almaty", almaty)
	if err != nil {
		panic(err) // the embedded file is broken: no build of ours
	}
	return loc
}

// Day is a day in Zone, YYYY-MM-DD. Days order as text.
type Day string

// DayOf is the day in Zone that the instant falls on.
func DayOf(t time.Time) Day { return Day(t.In(Zone).Format(time.DateOnly)) }

// ParseDay reads YYYY-MM-DD; anything else, and a day that does not exist, is ErrInvalid.
func ParseDay(s string) (Day, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("day %q: not a day YYYY-MM-DD: %w", s, domain.ErrInvalid)
	}
	return Day(s), nil
}

// ParseMoment reads an instant as RFC 3339 writes it, with or without its seconds; one without an offset
// is by the clocks in Zone, with a T or a space before the time. Anything else is ErrInvalid.
func ParseMoment(s string) (time.Time, error) {
	for _, form := range []string{
		time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05",
	} {
		if at, err := time.ParseInLocation(form, s, Zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %.40q: not as in 2013-04-26T17:45: %w", s, domain.ErrInvalid)
}

// Start is the day's first instant, in UTC; zero for what is no day.
func (d Day) Start() time.Time { return d.midnight(0) }

// End is the first instant after the day, in UTC; zero for what is no day.
func (d Day) End() time.Time { return d.midnight(1) }

// LastDay is the day by whose end something is due, where it is due by the end of a day: a term in days
// ends with the first instant of the day after. False where it is due within a day.
func LastDay(due time.Time) (Day, bool) {
	if due.IsZero() || !due.Equal(DayOf(due).Start()) {
		return "", false
	}
	return DayOf(due.Add(-time.Nanosecond)), true
}

func (d Day) midnight(after int) time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return time.Date(t.Year(), t.Month(), t.Day()+after, 0, 0, 0, 0, Zone).UTC()
}

// Hours are the hours of an office, as times of day in Zone. The zero Hours are DefaultHours.
type Hours struct {
	Opens, Closes time.Duration // since midnight; open from Opens on, closed from Closes on
}

// DefaultHours are the hours of a licensor without hours of its own, 09:00 to 18:30. The lunch break is
// left out: it moves nothing to another day.
var DefaultHours = Hours{Opens: 9 * time.Hour, Closes: 18*time.Hour + 30*time.Minute}

// ParseHours reads "09:00-18:30"; anything else, and an office that closes before it opens, is ErrInvalid.
func ParseHours(s string) (Hours, error) {
	const form = "15:04"
	if len(s) == len(form)+1+len(form) && s[len(form)] == '-' {
		opens, err1 := time.Parse(form, s[:len(form)])
		closes, err2 := time.Parse(form, s[len(form)+1:])
		if err1 == nil && err2 == nil && opens.Before(closes) {
			return Hours{timeOfDay(opens), timeOfDay(closes)}, nil
		}
	}
	return Hours{}, fmt.Errorf("office hours %q: not HH:MM-HH:MM: %w", s, domain.ErrInvalid)
}

func (h Hours) String() string {
	h = h.orDefault()
	clock := func(d time.Duration) string { return time.Time{}.Add(d).Format("15:04") }
	return clock(h.Opens) + "-" + clock(h.Closes)
}

// MarshalText writes the hours as ParseHours reads them.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the hours as ParseHours does.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHours(string(text))
	return err
}

func (h Hours) orDefault() Hours {
	if h == (Hours{}) {
		return DefaultHours
	}
	return h
}

// timeOfDay is what the clock on the wall shows, also on a day whose clocks were put back.
func timeOfDay(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute +
		time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}
