package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// DeadlinePage is the table of steps and how they keep to their deadlines.
type DeadlinePage struct {
	Frame
	Services []Option
	Channels []Option
	Summary  []Sum
	Groups   []Group
	Now      string // the instant of the figures, with its time zone
}

// Sum is a line of the summary; Kind is the outcome's token.
type Sum struct{ Kind, Text string }

// Group is the steps of one service through one channel.
type Group struct {
	ID      string // anchor
	Service Wording
	Channel string
	Steps   []Step
}

// Step is one line of the table.
type Step struct {
	Number   int
	Action   string
	Deadline string
	Visits   string
	OnTime   string
	Late     string
	Gone     string // abandoned
	Open     string
	Overdue  string
	// IsLate and IsOverdue mark the figures that want attention.
	IsLate, IsOverdue bool
	IsLong            bool // the deadline differs by kind of request
	Median, P90, Max  string
}

func (s *Site) deadlines(w http.ResponseWriter, r *http.Request) error {
	in := r.URL.Query()
	if err := s.known(in); err != nil {
		return err
	}
	f := s.frame(r, "deadline")
	page := DeadlinePage{Frame: f, Services: s.services(f, in.Get("service")), Channels: channels(f, in.Get("channel"))}
	page.Title = f.T("deadlines.title")
	now := s.Now()
	figures, err := s.Deadlines.Steps(r.Context(), deadlines.Filter{Service: in.Get("service"), Channel: in.Get("channel")}, now)
	if err != nil {
		return err
	}
	page.Now = f.T("deadlines.now", "moment", s.Texts.Moment(f.Lang, now, calendar.Zone))
	var onTime, late, abandoned, open, overdue int
	for _, figure := range figures {
		onTime, late, open, overdue = onTime+figure.OnTime, late+figure.Late, open+figure.Open, overdue+figure.Overdue
		abandoned += figure.Abandoned
		s.add(f, &page, figure)
	}
	page.Summary = []Sum{
		{"overdue", f.Count("count.overdue", overdue)}, {"late", f.Count("count.late", late)},
		{"open", f.Count("count.open", open)}, {"on-time", f.Count("count.on-time", onTime)},
		{"abandoned", f.Count("count.abandoned", abandoned)},
	}
	return s.render(w, r, "deadline", http.StatusOK, page)
}

// add puts a figure into its group; figures come in the order of service and channel.
func (s *Site) add(f Frame, page *DeadlinePage, figure deadlines.Figure) {
	id := figure.Service + "-" + figure.Channel
	if n := len(page.Groups); n == 0 || page.Groups[n-1].ID != id {
		g := Group{ID: id, Service: Wording{Text: figure.Service}, Channel: f.T("channel." + figure.Channel)}
		if service, err := s.Catalog().InForce(figure.Service, s.Now()); err == nil {
			g.Service = f.wording(service.Title)
		}
		page.Groups = append(page.Groups, g)
	}
	g := &page.Groups[len(page.Groups)-1]
	g.Steps = append(g.Steps, s.step(f, figure))
}

func (s *Site) step(f Frame, figure deadlines.Figure) Step {
	out := Step{
		Number: figure.Step, Visits: strconv.Itoa(figure.Visits), OnTime: strconv.Itoa(figure.OnTime), Late: strconv.Itoa(figure.Late),
		Gone: strconv.Itoa(figure.Abandoned), Open: strconv.Itoa(figure.Open), Overdue: strconv.Itoa(figure.Overdue), IsLate: figure.Late > 0, IsOverdue: figure.Overdue > 0,
		Median: "–", P90: "–", Max: "–",
	}
	if figure.OnTime+figure.Late > 0 {
		span := func(d time.Duration) string { return s.Texts.Span(f.Lang, d) }
		out.Median, out.P90, out.Max = span(figure.Median), span(figure.P90), span(figure.Max)
	}
	if step := s.regulated(figure); step != nil {
		out.Action, out.Deadline = f.T("action."+string(step.Action)), term(f, step.Deadline)
		out.IsLong = len(step.Deadline.ByRequest) > 0
	}
	return out
}

// regulated is the step in the newest wording of its service, nil where that has none.
func (s *Site) regulated(figure deadlines.Figure) *regulation.Step {
	service, err := s.Catalog().InForce(figure.Service, s.Now())
	if err != nil {
		return nil
	}
	procedure, err := service.Procedure(regulation.Channel(figure.Channel))
	if err != nil {
		return nil
	}
	return procedure.Step(figure.Step)
}

// term writes a deadline: one for all requests, or by kind of request where the act differs.
func term(f Frame, d regulation.Deadline) string {
	if d.Max == nil && len(d.ByRequest) == 0 {
		return f.T("deadlines.no-term")
	}
	key := "count.seconds"
	if d.Unit == regulation.WorkingDays {
		key = "count.working-days"
	}
	text := ""
	if d.Max != nil {
		text = f.Count(key, *d.Max)
		if d.Min != nil && *d.Min != *d.Max {
			text = strconv.Itoa(*d.Min) + "–" + text
		}
	}
	for _, request := range []regulation.Request{regulation.Issue, regulation.Reissue, regulation.Duplicate} {
		if n, ok := d.ByRequest[request]; ok {
			if text != "" {
				text += "; "
			}
			text += f.T("request."+string(request)) + ": " + f.Count(key, n)
		}
	}
	return text
}
