package deadlines

import (
	"fmt"
	"math"
	"time"

	"github.com/tizilim/tizilim/domain/calendar"
)

// Period is a calendar period in calendar.Zone; weeks are those of ISO 8601, from Monday on.
type Period string

// The periods; the empty one is all of the time.
const (
	Day   Period = "day"
	Week  Period = "week"
	Month Period = "month"
)

// Span is one period: 2026-03-02, 2026-W10 or 2026-03, with its first and its last day. The zero Span
// is all of the time.
type Span struct {
	Name        string
	First, Last calendar.Day
}

// periods tells instants apart by period.
type periods struct {
	period Period
	spans  []Span
	of     []int32 // one more than the place among spans, by day since 1970; 0 where not known yet
	// The part of time in which the zone has one offset.
	from, before, offset int64
}

// find is the place of the instant's period among spans.
func (p *periods) find(at int64) int32 {
	if p.period == "" {
		if len(p.spans) == 0 {
			p.spans = []Span{{}}
		}
		return 0
	}
	if at < p.from || at >= p.before {
		p.zone(at)
	}
	day := int(max(at+p.offset, 0) / (24 * time.Hour).Microseconds())
	if day >= len(p.of) || p.of[day] == 0 {
		p.add(day)
	}
	return p.of[day] - 1
}

func (p *periods) zone(at int64) {
	t := time.UnixMicro(at).In(calendar.Zone)
	_, seconds := t.Zone()
	from, before := t.ZoneBounds()
	p.offset, p.from, p.before = int64(seconds)*1e6, math.MinInt64, micros(before)
	if !from.IsZero() {
		p.from = from.UnixMicro()
	}
}

// add makes the period that the day is in.
func (p *periods) add(day int) {
	at := time.Unix(int64(day)*24*3600, 0).UTC() // as if the zone were UTC: only the date matters
	name, first, days := at.Format(time.DateOnly), day, 1
	switch p.period {
	case Week:
		year, week := at.ISOWeek()
		name, first, days = fmt.Sprintf("%d-W%02d", year, week), day-int(at.Weekday()+6)%7, 7
	case Month:
		name, first = at.Format("2006-01"), day-at.Day()+1
		days = at.AddDate(0, 1, 1-at.Day()).AddDate(0, 0, -1).Day()
	}
	date := func(day int) calendar.Day {
		return calendar.Day(time.Unix(int64(day)*24*3600, 0).UTC().Format(time.DateOnly))
	}
	p.spans = append(p.spans, Span{name, date(first), date(first + days - 1)})
	if missing := first + days - len(p.of); missing > 0 {
		p.of = append(p.of, make([]int32, missing)...)
	}
	for i := max(first, 0); i < first+days; i++ {
		p.of[i] = int32(len(p.spans))
	}
}
