package i18n

import (
	"strconv"
	"time"
)

// Day writes a day given as YYYY-MM-DD the way the language does; another text is given back as it is.
func (t *Texts) Day(lang, day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Text(lang, "date.form",
		"day", strconv.Itoa(d.Day()),
		"month", t.Text(lang, "month."+strconv.Itoa(int(d.Month()))),
		"year", strconv.Itoa(d.Year()))
}

// Moment writes a point in time with its minute, in the place's own time.
func (t *Texts) Moment(lang string, at time.Time, place *time.Location) string {
	at = at.In(place)
	return t.Text(lang, "date.at", "date", t.Day(lang, at.Format(time.DateOnly)), "time", at.Format("15:04"))
}

// Date writes a day given as YYYY-MM-DD in digits, for tables; another text is given back as it is.
func (t *Texts) Date(lang, day string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Text(lang, "date.digits", "day", d.Format("02"), "month", d.Format("01"), "year", d.Format("2006"))
}

// Second writes a point in time with its second in digits, in the place's own time.
func (t *Texts) Second(lang string, at time.Time, place *time.Location) string {
	at = at.In(place)
	return t.Date(lang, at.Format(time.DateOnly)) + " " + at.Format(time.TimeOnly)
}

// Share writes a part of a whole in percent, rounded down to tenths: all of it is 100 and nothing less is.
func (t *Texts) Share(lang string, part, whole int) string {
	return t.Text(lang, "percent", "n", Tenths(lang, part*1000/whole))
}

// Tenths writes so many tenths as a decimal number, a whole one without its point.
func Tenths(lang string, tenths int) string {
	text := Number(tenths / 10)
	if tenths%10 == 0 {
		return text
	}
	point := ","
	if lang == English {
		point = "."
	}
	return text + point + strconv.Itoa(tenths%10)
}

// Span writes a duration in its largest fitting unit, shortened and rounded to the nearest: whoever reads
// a table of deadlines compares seconds with seconds and days with days.
func (t *Texts) Span(lang string, d time.Duration) string {
	const day = 24 * time.Hour
	in := func(key string, unit time.Duration) string {
		return t.Text(lang, key, "n", Number(int(d.Round(unit)/unit)))
	}
	switch {
	case d < 2*time.Minute:
		return in("short.seconds", time.Second)
	case d < 2*time.Hour:
		return in("short.minutes", time.Minute)
	case d < 2*day:
		return in("short.hours", time.Hour)
	}
	return in("short.days", day)
}

// Size writes a number of bytes in whole KiB or MiB, rounded down: it is a limit that must not be passed.
func (t *Texts) Size(lang string, bytes int64) string {
	const kib, mib = 1 << 10, 1 << 20
	if bytes < mib {
		return t.Text(lang, "size.kib", "n", Number(int(bytes/kib)))
	}
	return t.Text(lang, "size.mib", "n", Number(int(bytes/mib)))
}
