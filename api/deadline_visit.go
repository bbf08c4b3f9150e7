package api

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// Optional is a parameter that is another one where it is left out than where it is zero.
type Optional[T any] struct {
	Value T
	Given bool
}

// Schema implements huma.SchemaProvider.
func (Optional[T]) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[T]())
}

// Receiver implements huma.ParamWrapper.
func (o *Optional[T]) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet implements huma.ParamReactor.
func (o *Optional[T]) OnParamSet(given bool, _ any) { o.Given = given }

// ListInput says which visits are listed.
type ListInput struct {
	VisitsInput
	Step    Optional[int] `query:"step" minimum:"0" maximum:"10000" doc:"0 for the service as a whole; every step where absent"`
	Outcome string        `query:"outcome" enum:"on_time,late,abandoned,untimed,open,due_soon,overdue"`
}

type visitsInput struct {
	ListInput
	Cursor string `query:"cursor" maxLength:"200"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type overdueInput struct {
	VisitsInput
	Cursor string `query:"cursor" maxLength:"200"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

type visitsReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.DeadlineVisits
}

// listVisits lists the visits behind a figure, of the caller's licensor.
func (s *Server) listVisits(ctx context.Context, in *visitsInput) (*visitsReply, error) {
	filter, at, err := s.list(ctx, in.ListInput)
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	page, err := s.cfg.Deadlines.List(ctx, filter, at, in.Cursor, in.Limit)
	return s.visitsReply(page, position, at, cursorFault(in.Cursor, err))
}

// listOverdue lists the applications behind their deadline, of the caller's licensor.
func (s *Server) listOverdue(ctx context.Context, in *overdueInput) (*visitsReply, error) {
	filter, at, err := s.list(ctx, ListInput{VisitsInput: in.VisitsInput})
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	page, err := s.cfg.Deadlines.Overdue(ctx, filter, at, in.Cursor, in.Limit)
	return s.visitsReply(page, position, at, cursorFault(in.Cursor, err))
}

// list reads the input of a list, and leaves of it what the caller may see.
func (s *Server) list(ctx context.Context, in ListInput) (deadlines.Filter, time.Time, error) {
	f, at, err := s.filter(in.VisitsInput)
	if err != nil {
		return f, at, err
	}
	f.Step, f.Whole, f.Outcome = in.Step.Value, in.Step.Given && in.Step.Value == deadlines.Whole, deadlines.Outcome(in.Outcome)
	c := visitOf(ctx).caller
	if c.reach != licensor {
		return f, at, s.accessed(ctx, subject{kind: "visits", id: f.Licensor})
	}
	if own := c.Actor.Organization; own == "" || f.Licensor != "" && f.Licensor != own {
		return f, at, fmt.Errorf("visits at another licensor: %w", domain.ErrForbidden)
	}
	f.Licensor = c.Actor.Organization
	return f, at, s.accessed(ctx, subject{kind: "visits", id: f.Licensor})
}

func (s *Server) visitsReply(page deadlines.Page, position domain.Position, at time.Time, err error) (*visitsReply, error) {
	if err != nil {
		return nil, err
	}
	out := &visitsReply{Position: positionText(position), Body: v1.DeadlineVisits{AsOf: at, Items: []v1.DeadlineVisit{}, Next: page.Next}}
	for _, v := range page.Visits {
		out.Body.Items = append(out.Body.Items, s.wireVisit(v))
	}
	return out, nil
}

func (s *Server) wireVisit(v deadlines.Visit) v1.DeadlineVisit {
	out := v1.DeadlineVisit{
		Application: v.Application, Number: v.Number, Service: v.Service, Channel: v.Channel, Licensor: v.Licensor, Request: v.Request,
		Step: v.Step, Action: s.action(v.Service, v.Channel, v.Step, v.Action), Visit: v.Nth, EnteredAt: v.Entered, Calendar: v.Calendar,
		Branch: v.Branch, Outcome: string(v.Outcome), DueSoon: v.DueSoon, LateSeconds: v.Over.Seconds(),
		History: "/api/v1/applications/" + v.Application + "/history",
	}
	if !v.Due.IsZero() {
		out.DueAt, out.DueDay = &v.Due, dueDay(v.Due)
	}
	if !v.Left.IsZero() {
		out.LeftAt, out.LeftBy = &v.Left, &v1.LeftBy{Role: v.Role, Organization: v.Organization}
	}
	return out
}

type applicationDeadlinesInput struct {
	ByID
	AsOf string `query:"as_of" maxLength:"40" doc:"As it stood then: an instant, or a day, which is its end; now where absent"`
}

type applicationDeadlinesReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.ApplicationDeadlines
}

// applicationDeadlines are the visits of one application, for whoever may see it.
func (s *Server) applicationDeadlines(ctx context.Context, in *applicationDeadlinesInput) (*applicationDeadlinesReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	f, at, err := s.filter(VisitsInput{AsOf: in.AsOf})
	if err != nil {
		return nil, err
	}
	position := s.cfg.Deadlines.Position()
	visits, err := s.visits(ctx, state.ID, at, f.AsOf.IsZero() || !f.AsOf.Before(state.OpenedAt))
	if err != nil {
		return nil, err
	}
	set, err := s.termsSet(ctx, state.ID)
	if err != nil {
		return nil, err
	}
	out := &applicationDeadlinesReply{Position: positionText(position), Body: v1.ApplicationDeadlines{AsOf: at, Steps: []v1.DeadlineVisit{}}}
	for _, v := range visits {
		wire := s.wireVisit(v)
		wire.Term = set.of(v)
		if v.Step == deadlines.Whole {
			wire.Visit = 0
			out.Body.WholeService = &wire
		} else {
			out.Body.Steps = append(out.Body.Steps, wire)
		}
	}
	return out, nil
}

// visits are those of an application at the instant. Where the application was there by then and the
// read model has nothing of it, that has nothing yet.
func (s *Server) visits(ctx context.Context, id string, at time.Time, there bool) ([]deadlines.Visit, error) {
	visits, err := s.cfg.Deadlines.Visits(ctx, id, at)
	if there && isNotFound(err) {
		return nil, fail("not-yet-visible", fmt.Errorf("%w: %w", domain.ErrUnavailable, err))
	}
	return visits, err
}

// terms are the steps that an application entered with a term in working days.
type terms []application.Entered

// termsSet are those of the application.
func (s *Server) termsSet(ctx context.Context, id string) (terms, error) {
	stream, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		return nil, err
	}
	entries, err := s.cfg.History.Of(ctx, stream)
	if err != nil {
		return nil, err
	}
	var set terms
	for _, entry := range entries {
		if e := entry.Progress.Enters; e != nil && e.Due != nil && e.From != "" {
			set = append(set, *e)
		}
	}
	return set, nil
}

// of is the term of a visit, nil where it has none in working days. The service as a whole has the term
// of the step that forms its result.
func (set terms) of(v deadlines.Visit) *v1.TermSet {
	for _, e := range set {
		if (v.Step == e.Step || v.Step == deadlines.Whole) && v.Due.Equal(*e.Due) {
			query := url.Values{"from": {e.From}, "days": {strconv.Itoa(e.Term)}, "version": {e.Calendar}}
			return &v1.TermSet{Days: e.Term, From: e.From, Basis: e.Basis, Explanation: "/api/v1/calendar/explanation?" + query.Encode()}
		}
	}
	return nil
}
