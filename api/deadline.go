package api

import (
	"context"
	"fmt"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// VisitsInput says which visits of steps are meant.
type VisitsInput struct {
	Service  string `query:"service" maxLength:"100"`
	Channel  string `query:"channel" enum:"portal,office,center"`
	Licensor string `query:"licensor" maxLength:"100"`
	Request  string `query:"request" enum:"issue,reissue,duplicate"`
	From     string `query:"from" maxLength:"10" doc:"First day on which the step was entered"`
	To       string `query:"to" maxLength:"10" doc:"Last day on which the step was entered"`
}

func (s *Server) visits(in VisitsInput) (deadlines.Filter, error) {
	f := deadlines.Filter{Service: in.Service, Channel: in.Channel, Licensor: in.Licensor, Request: in.Request}
	if err := s.known(in.Service, in.Licensor); err != nil {
		return f, err
	}
	if in.From != "" {
		day, err := queryDay("from", in.From)
		if err != nil {
			return f, err
		}
		f.From = day.Start()
	}
	if in.To != "" {
		day, err := queryDay("to", in.To)
		if err != nil {
			return f, err
		}
		f.Before = day.End()
	}
	return f, nil
}

type deadlinesReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Deadlines
}

// listDeadlines sums the steps' figures up by service and channel.
func (s *Server) listDeadlines(ctx context.Context, in *VisitsInput) (*deadlinesReply, error) {
	figures, position, now, err := s.figures(ctx, *in)
	if err != nil {
		return nil, err
	}
	out := &deadlinesReply{Position: positionText(position), Body: v1.Deadlines{Now: now, Items: []v1.DeadlineSummary{}}}
	for _, f := range figures { // in the order of service and channel
		items := out.Body.Items
		if n := len(items); n == 0 || items[n-1].Service != f.Service || items[n-1].Channel != f.Channel {
			items = append(items, v1.DeadlineSummary{Service: f.Service, Channel: f.Channel})
		}
		last := &items[len(items)-1]
		last.Visits += int64(f.Visits)
		last.OnTime += int64(f.OnTime)
		last.Late += int64(f.Late)
		last.Abandoned += int64(f.Abandoned)
		last.Open += int64(f.Open)
		last.Overdue += int64(f.Overdue)
		out.Body.Items = items
	}
	return out, nil
}

type deadlineStepsReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.DeadlineSteps
}

func (s *Server) listDeadlineSteps(ctx context.Context, in *VisitsInput) (*deadlineStepsReply, error) {
	figures, position, now, err := s.figures(ctx, *in)
	if err != nil {
		return nil, err
	}
	out := &deadlineStepsReply{Position: positionText(position), Body: v1.DeadlineSteps{Now: now, Items: []v1.DeadlineStep{}}}
	for _, f := range figures {
		out.Body.Items = append(out.Body.Items, v1.DeadlineStep{
			Service: f.Service, Channel: f.Channel, Step: f.Step, Action: s.action(f),
			Counts: v1.Counts{Visits: int64(f.Visits), OnTime: int64(f.OnTime), Late: int64(f.Late), Abandoned: int64(f.Abandoned), Open: int64(f.Open), Overdue: int64(f.Overdue)},
			Median: f.Median.Seconds(), P90: f.P90.Seconds(), P99: f.P99.Seconds(), Max: f.Max.Seconds(),
		})
	}
	return out, nil
}

func (s *Server) figures(ctx context.Context, in VisitsInput) ([]deadlines.Figure, domain.Position, time.Time, error) {
	now := s.cfg.Now().UTC()
	filter, err := s.visits(in)
	if err != nil {
		return nil, 0, now, err
	}
	position := s.cfg.Deadlines.Position()
	figures, err := s.cfg.Deadlines.Steps(ctx, filter, now)
	return figures, position, now, err
}

// action is the step's action; one that was only passed through has it from the regulation.
func (s *Server) action(f deadlines.Figure) string {
	if f.Action != "" {
		return f.Action
	}
	service, err := s.cfg.Rules().Catalog.InForce(f.Service, s.cfg.Now())
	if err != nil {
		return ""
	}
	procedure, err := service.Procedure(regulation.Channel(f.Channel))
	if err != nil {
		return ""
	}
	if step := procedure.Step(f.Step); step != nil {
		return string(step.Action)
	}
	return ""
}

type overdueInput struct {
	VisitsInput
	Cursor string `query:"cursor" maxLength:"200"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type overdueReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.Overdue
}

// listOverdue lists the applications behind their deadline, of the caller's licensor.
func (s *Server) listOverdue(ctx context.Context, in *overdueInput) (*overdueReply, error) {
	filter, err := s.visits(in.VisitsInput)
	if err != nil {
		return nil, err
	}
	if c := visitOf(ctx).caller; c.reach == licensor {
		if filter.Licensor != "" && filter.Licensor != c.Actor.Organization {
			return nil, fmt.Errorf("overdue of another licensor: %w", domain.ErrForbidden)
		}
		filter.Licensor = c.Actor.Organization
	}
	now, position := s.cfg.Now().UTC(), s.cfg.Deadlines.Position()
	page, err := s.cfg.Deadlines.Overdue(ctx, filter, now, in.Cursor, in.Limit)
	if err != nil {
		return nil, cursorFault(in.Cursor, err)
	}
	out := &overdueReply{Position: positionText(position), Body: v1.Overdue{Now: now, Items: []v1.OverdueVisit{}, Next: page.Next}}
	for _, v := range page.Visits {
		out.Body.Items = append(out.Body.Items, v1.OverdueVisit{
			Application: v.Application, Service: v.Service, Channel: v.Channel, Licensor: v.Licensor, Request: v.Request,
			Step: v.Step, Action: v.Action, EnteredAt: v.Entered, DueAt: v.Due, DueDay: dueDay(v.Due),
		})
	}
	return out, nil
}
