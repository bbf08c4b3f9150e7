package api

import (
	"context"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/calendar"
)

// CalendarInput names a version of the calendar.
type CalendarInput struct {
	Version string `query:"version" maxLength:"40" doc:"Version of the calendar, as a due time names it; the newest where left out"`
}

func (s *Server) calendar(in CalendarInput) (*calendar.Calendar, error) {
	known := s.cfg.Rules().Calendars
	if in.Version == "" {
		return known.Newest(), nil
	}
	days, err := known.Version(in.Version)
	if err != nil {
		return nil, at("query.version", fail("calendar-unknown", err))
	}
	return days, nil
}

type yearInput struct {
	CalendarInput
	Year int `path:"year" minimum:"1900" maximum:"2200"`
}

type yearReply struct{ Body v1.Year }

func (s *Server) calendarYear(_ context.Context, in *yearInput) (*yearReply, error) {
	days, err := s.calendar(in.CalendarInput)
	if err != nil {
		return nil, err
	}
	y, err := days.Balance(in.Year)
	if err != nil {
		return nil, err
	}
	out := &yearReply{v1.Year{
		Calendar: y.Calendar, RecordedAt: string(y.RecordedAt), Year: y.Year, Days: y.Days, Working: y.Working,
		Months: []v1.Month{}, Special: wireDays(y.Special),
	}}
	for _, m := range y.Months {
		out.Body.Months = append(out.Body.Months, v1.Month{Month: int(m.Month), Days: m.Days, Working: m.Working})
	}
	return out, nil
}

type termInput struct {
	CalendarInput
	From     string `query:"from" required:"true" maxLength:"40" doc:"The day of registration, YYYY-MM-DD, or when it came in, as in RFC 3339, by the clocks in Almaty without an offset"`
	Days     int    `query:"days" required:"true" minimum:"0" maximum:"1000" doc:"The term in working days"`
	Licensor string `query:"licensor" maxLength:"100" doc:"Whose office hours and rules hold for what came in at an instant"`
}

type termReply struct{ Body v1.Term }

// explainTerm counts a term day by day.
func (s *Server) explainTerm(_ context.Context, in *termInput) (*termReply, error) {
	days, err := s.calendar(in.CalendarInput)
	if err != nil {
		return nil, err
	}
	if err := s.known("", in.Licensor); err != nil {
		return nil, err
	}
	e, err := s.explanation(days, in)
	if err != nil {
		return nil, err
	}
	return &termReply{wireTerm(e)}, nil
}

func (s *Server) explanation(days *calendar.Calendar, in *termInput) (*calendar.Explanation, error) {
	received, err := calendar.ParseMoment(in.From)
	if err == nil {
		policy := s.cfg.Rules().Policies.For(in.Licensor, calendar.DayOf(received))
		return days.Explain(received, policy, in.Days)
	}
	registered, err := calendar.ParseDay(in.From)
	if err != nil {
		return nil, at("query.from", fail("moment-invalid", err))
	}
	return days.ExplainFrom(registered, in.Days)
}

func wireTerm(e *calendar.Explanation) v1.Term {
	out := v1.Term{
		Calendar: e.Calendar, RecordedAt: string(e.RecordedAt), Registered: string(e.Registered), Days: e.Term,
		Counted: wireDays(e.Days), LastDay: string(e.LastDay), DueAt: e.Due.UTC,
	}
	if r := e.Receipt; r != nil {
		out.Receipt = &v1.Receipt{
			At: r.At.UTC, UTCOffset: r.At.Offset, Arrival: string(r.Arrival), Hours: r.Policy.Hours.String(),
			AfterHours: string(r.Policy.AfterHours), DaysOff: string(r.Policy.DaysOff), Basis: r.Policy.Basis,
			Day: wireDay(r.Day), Skipped: wireDays(r.Skipped),
		}
	}
	return out
}

func wireDays(days []calendar.ExplainedDay) []v1.CalendarDay {
	out := []v1.CalendarDay{}
	for _, d := range days {
		out = append(out, wireDay(d))
	}
	return out
}

func wireDay(d calendar.ExplainedDay) v1.CalendarDay {
	out := v1.CalendarDay{
		Day: string(d.Day), Weekday: d.Weekday, Working: d.Kind.Working(), Number: d.Counted, Kind: string(d.Kind),
		Name: v1.Text(d.Name), Of: string(d.Of), Estimate: d.Estimate,
	}
	if d.Basis != nil {
		out.Basis = &v1.Basis{Text: v1.Text(d.Basis.Text), Source: d.Basis.Source, RecordedAt: string(d.RecordedAt)}
	}
	if w := d.Withdrawn; w != nil {
		out.Withdrawn = &v1.Withdrawn{Kind: string(w.Kind), Name: v1.Text(w.Name), On: string(w.On)}
		if w.Basis != nil {
			out.Withdrawn.Basis = v1.Text(w.Basis.Text)
		}
	}
	return out
}
