package api

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// VisitsInput says which visits of steps are meant, and as of when.
type VisitsInput struct {
	Service  string `query:"service" maxLength:"100"`
	Channel  string `query:"channel" enum:"portal,office,center"`
	Licensor string `query:"licensor" maxLength:"100"`
	Request  string `query:"request" enum:"issue,reissue,duplicate"`
	From     string `query:"from" maxLength:"10" doc:"First day on which the step was entered"`
	To       string `query:"to" maxLength:"10" doc:"Last day on which the step was entered"`
	AsOf     string `query:"as_of" maxLength:"40" doc:"As it stood then: an instant, or a day, which is its end; now where absent"`
}

// FiguresInput says which figures are meant.
type FiguresInput struct {
	VisitsInput
	By []string `query:"by" enum:"licensor,day,week,month" maxItems:"2" doc:"Apart by licensor, and by the day, week or month of Asia/Almaty in which the step was entered"`
}

// filter reads the input. Its AsOf is zero, and the instant is now, where nothing else is asked.
func (s *Server) filter(in VisitsInput) (f deadlines.Filter, at time.Time, err error) {
	f = deadlines.Filter{Service: in.Service, Channel: in.Channel, Licensor: in.Licensor, Request: in.Request}
	if err := s.known(in.Service, in.Licensor); err != nil {
		return f, at, err
	}
	if in.From != "" {
		day, err := queryDay("from", in.From)
		if err != nil {
			return f, at, err
		}
		f.From = day.Start()
	}
	if in.To != "" {
		day, err := queryDay("to", in.To)
		if err != nil {
			return f, at, err
		}
		f.Before = day.End()
		if in.From != "" && !f.From.Before(f.Before) {
			return f, at, unfit("parameter-invalid", field{location: "query.to", key: "field.before-from"})
		}
	}
	now := s.cfg.Now().UTC().Truncate(time.Microsecond)
	f.AsOf, err = asOf(in.AsOf, now)
	if at = f.AsOf; at.IsZero() {
		at = now
	}
	return f, at, err
}

func asOf(text string, now time.Time) (time.Time, error) {
	t, err := deadlines.ParseAsOf(text, now)
	switch {
	case errors.Is(err, deadlines.ErrFuture):
		return t, unfit("moment-invalid", field{location: "query.as_of", key: "field.future"})
	case err != nil:
		return t, at("query.as_of", fail("moment-invalid", err))
	}
	return t, nil
}

// figures reads the input of figures.
func (s *Server) figures(in FiguresInput) (deadlines.Filter, time.Time, error) {
	f, at, err := s.filter(in.VisitsInput)
	f.Most = mostFigures
	for _, by := range in.By {
		switch p := deadlines.Period(by); {
		case by == "licensor":
			f.ByLicensor = true
		case f.ByPeriod != "" && f.ByPeriod != p:
			return f, at, unfit("parameter-invalid", field{location: "query.by", key: "field.one-period"})
		default:
			f.ByPeriod = p
		}
	}
	return f, at, err
}

// mostFigures is how many figures an answer has at most. Periods are many, and anybody may ask.
const mostFigures = 10_000

// figuresFault blames the parameter where there are too many figures.
func figuresFault(err error) error {
	if errors.Is(err, deadlines.ErrTooMany) {
		return unfit("parameter-invalid", field{"query.by", "field.too-many-figures", []string{"value", strconv.Itoa(mostFigures)}})
	}
	return err
}

type deadlinesReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Deadlines
}

// listDeadlines sums the figures up by service and channel.
func (s *Server) listDeadlines(ctx context.Context, in *FiguresInput) (*deadlinesReply, error) {
	f, at, err := s.figures(*in)
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	summaries, err := s.cfg.Deadlines.Services(ctx, f, at)
	if err != nil {
		return nil, figuresFault(err)
	}
	out := &deadlinesReply{Position: positionText(position), Body: v1.Deadlines{AsOf: at, Items: []v1.DeadlineSummary{}}}
	for _, sum := range summaries {
		b := in.behind(at, sum.Service, sum.Channel, sum.Licensor, sum.Span)
		out.Body.Items = append(out.Body.Items, v1.DeadlineSummary{
			Service: sum.Service, Channel: sum.Channel, DeadlineGroup: b.group(sum.Licensor, sum.Span),
			WholeService: v1.WholeService{
				Applications: int64(sum.Whole.Visits), Outcomes: b.outcomes(sum.Whole, strconv.Itoa(deadlines.Whole)), Durations: durations(sum.Whole),
			},
			Steps: v1.Counts{Visits: int64(sum.Steps.Visits), Outcomes: b.outcomes(sum.Steps, "")},
		})
	}
	return out, nil
}

type deadlineStepsReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.DeadlineSteps
}

func (s *Server) listDeadlineSteps(ctx context.Context, in *FiguresInput) (*deadlineStepsReply, error) {
	filter, at, err := s.figures(*in)
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	figures, err := s.cfg.Deadlines.Steps(ctx, filter, at)
	if err != nil {
		return nil, figuresFault(err)
	}
	out := &deadlineStepsReply{Position: positionText(position), Body: v1.DeadlineSteps{AsOf: at, Items: []v1.DeadlineStep{}}}
	for _, f := range figures {
		b := in.behind(at, f.Service, f.Channel, f.Licensor, f.Span)
		out.Body.Items = append(out.Body.Items, v1.DeadlineStep{
			Service: f.Service, Channel: f.Channel, Step: f.Step, Action: s.action(f.Service, f.Channel, f.Step, f.Action),
			DeadlineGroup: b.group(f.Licensor, f.Span),
			Counts:        v1.Counts{Visits: int64(f.Visits), Outcomes: b.outcomes(f, strconv.Itoa(f.Step))},
			Durations:     durations(f),
		})
	}
	return out, nil
}

// behind is what the visits behind a figure are asked for by, but for step and outcome.
type behind VisitsInput

func (in FiguresInput) behind(at time.Time, service, channel, licensor string, span deadlines.Span) behind {
	b := behind(in.VisitsInput)
	b.Service, b.Channel, b.Licensor, b.AsOf = service, channel, cmp.Or(licensor, in.Licensor), at.Format(time.RFC3339Nano)
	if span != (deadlines.Span{}) { // days order as text
		b.From = max(b.From, string(span.First))
		b.To = min(cmp.Or(b.To, string(span.Last)), string(span.Last))
	}
	return b
}

func (b behind) group(licensor string, span deadlines.Span) v1.DeadlineGroup {
	g := v1.DeadlineGroup{Licensor: licensor, Period: span.Name}
	if span != (deadlines.Span{}) {
		g.From, g.To = b.From, b.To
	}
	return g
}

// link is the path of the list, empty where nothing is on it.
func (b behind) link(n int, step string, outcome deadlines.Outcome) string {
	if n == 0 {
		return ""
	}
	q := url.Values{}
	for name, value := range map[string]string{
		"service": b.Service, "channel": b.Channel, "licensor": b.Licensor, "request": b.Request, "step": step,
		"outcome": string(outcome), "from": b.From, "to": b.To, "as_of": b.AsOf,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/api/v1/deadlines/visits?" + q.Encode()
}

func (b behind) outcomes(f deadlines.Figure, step string) v1.Outcomes {
	out := v1.Outcomes{
		OnTime: int64(f.OnTime), Late: int64(f.Late), Abandoned: int64(f.Abandoned), Untimed: int64(f.Untimed),
		Open: int64(f.Open), DueSoon: int64(f.DueSoon), Overdue: int64(f.Overdue),
		Links: v1.OutcomeLinks{
			Visits: b.link(f.Visits, step, ""), OnTime: b.link(f.OnTime, step, deadlines.OnTime), Late: b.link(f.Late, step, deadlines.Late),
			Abandoned: b.link(f.Abandoned, step, deadlines.Abandoned), Untimed: b.link(f.Untimed, step, deadlines.Untimed), Open: b.link(f.Open, step, deadlines.Waiting),
			DueSoon: b.link(f.DueSoon, step, deadlines.DueSoon), Overdue: b.link(f.Overdue, step, deadlines.Overdue),
		},
	}
	if share, any := f.Share(); any {
		out.ShareOnTime = &share
	}
	return out
}

func durations(f deadlines.Figure) v1.Durations {
	if f.OnTime+f.Late+f.Untimed == 0 {
		return v1.Durations{}
	}
	seconds := func(d time.Duration) *float64 { n := d.Seconds(); return &n }
	return v1.Durations{Median: seconds(f.Median), P90: seconds(f.P90), P99: seconds(f.P99), Max: seconds(f.Max)}
}

// action is the step's action; one that was only passed through has it from the regulation.
func (s *Server) action(service, channel string, step int, known string) string {
	if known != "" || step == deadlines.Whole {
		return known
	}
	found, err := s.cfg.Rules().Catalog.InForce(service, s.cfg.Now())
	if err != nil {
		return ""
	}
	procedure, err := found.Procedure(regulation.Channel(channel))
	if err != nil {
		return ""
	}
	if step := procedure.Step(step); step != nil {
		return string(step.Action)
	}
	return ""
}
