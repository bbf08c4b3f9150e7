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

// Span writes a duration in its largest fitting unit, rounded to the nearest: whoever reads a table of
// deadlines compares seconds with seconds and days with days.
func (t *Texts) Span(lang string, d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return t.Count(lang, "count.seconds", int(d.Round(time.Second)/time.Second))
	case d < 2*time.Hour:
		return t.Count(lang, "count.minutes", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		return t.Count(lang, "count.hours", int(d.Round(time.Hour)/time.Hour))
	}
	const day = 24 * time.Hour
	return t.Count(lang, "count.days", int(d.Round(day)/day))
}
