package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// VisitsPage is the list behind a figure.
type VisitsPage struct {
	Frame
	Facts       []Fact // what was asked
	Total       string
	Apart       bool // the visits are of several procedures
	Visits      []Visit
	First, Next string // addresses of pages
	Back        string // address of the figures
}

// Visit is one time that an application was in a step, or its way through the service as a whole.
type Visit struct {
	Application string // its number, or what stands for it
	URL         string // of its page
	Service     Wording
	Channel     string
	Step        string // with its number, or the service as a whole
	Entered     string
	Due         string // the last day, where the term is in days
	Reckoned    []Fact // how the due time came about; on the application's own page
	Left        string // empty while it is open
	Branch      string // the way taken out of the step
	By          string // who made the application leave the step
	Outcome     string // token
	Standing    string // the outcome in words
	Over        string // by how much the deadline was missed, or is by now
	Soon        string // that it is due within a day
}

// visitsSize is how many visits a page lists.
const visitsSize = 50

// outcomes are those that a list may be asked for.
var outcomes = []deadlines.Outcome{
	deadlines.OnTime, deadlines.Late, deadlines.Untimed, deadlines.Abandoned, deadlines.Waiting, deadlines.DueSoon, deadlines.Overdue,
}

func (s *Site) visits(w http.ResponseWriter, r *http.Request) error {
	f, in := s.frame(r, "deadline"), r.URL.Query()
	b, err := s.listed(f, in)
	if err == nil {
		err = f.Viewer.Note("visits")
	}
	if err != nil {
		return err
	}
	figures, err := s.Deadlines.Steps(r.Context(), b.filter, b.at)
	if err != nil {
		return err
	}
	list, err := s.Deadlines.List(r.Context(), b.filter, b.at, in.Get("cursor"), visitsSize)
	if errors.Is(err, domain.ErrInvalid) { // the cursor, which nobody types
		s.Error(w, r, http.StatusBadRequest, "cursor-invalid", "", "")
		return nil
	}
	if err != nil {
		return err
	}
	page := VisitsPage{
		Frame: f, Facts: s.question(b), Total: f.Count("count.visits", counted(figures, b.filter.Outcome)),
		Apart: b.filter.Service == "" || b.filter.Channel == "", Back: "/deadlines?" + query(
			"service", in.Get("service"), "channel", in.Get("channel"), "licensor", b.filter.Licensor,
			"from", in.Get("from"), "to", in.Get("to"), "as_of", b.day()),
	}
	page.Title = f.T("visits.title")
	for _, v := range list.Visits {
		page.Visits = append(page.Visits, s.visit(f, v))
	}
	if in.Has("cursor") {
		page.First = "/deadlines/visits?" + with(in, "cursor", "")
	}
	if list.Next != "" {
		page.Next = "/deadlines/visits?" + with(pinned(in, b.at), "cursor", list.Next)
	}
	return s.render(w, r, "visits", http.StatusOK, page)
}

// listed reads what a list is asked for by, and leaves of it what the viewer may see.
func (s *Site) listed(f Frame, in url.Values) (*board, error) {
	b, err := s.board(f, in)
	if err != nil {
		return nil, err
	}
	if own := f.Viewer.Licensor; own != "" && b.filter.Licensor == "" {
		b.filter.Licensor = own
	}
	if !f.Viewer.opens(b.filter.Licensor) {
		return nil, fmt.Errorf("visits at another licensor: %w", domain.ErrForbidden)
	}
	b.filter.ByLicensor, b.filter.ByPeriod, b.filter.AsOf = false, "", b.at // all pages are of one instant
	if b.filter.Outcome = deadlines.Outcome(in.Get("outcome")); b.filter.Outcome != "" && !slices.Contains(outcomes, b.filter.Outcome) {
		return nil, domain.Reject("outcome-unknown", "no such outcome")
	}
	if step := in.Get("step"); step != "" {
		if b.filter.Step, err = strconv.Atoi(step); err != nil || b.filter.Step < 0 {
			return nil, domain.Reject("step-unknown", "no such step")
		}
		b.filter.Whole = b.filter.Step == deadlines.Whole
	}
	return b, nil
}

// pinned is the address as of the instant, so that the pages of a list are of one.
func pinned(in url.Values, at time.Time) url.Values {
	out := maps.Clone(in)
	out.Set("as_of", at.Format(time.RFC3339Nano))
	return out
}

// day is the day that the figures are as of, empty for today.
func (b *board) day() string {
	if today := calendar.DayOf(b.site.Now()); calendar.DayOf(b.at) != today {
		return string(calendar.DayOf(b.at))
	}
	return ""
}

// counted is how many visits of the outcome the figures have.
func counted(figures []deadlines.Figure, outcome deadlines.Outcome) (n int) {
	for _, f := range figures {
		n += map[deadlines.Outcome]int{
			"": f.Visits, deadlines.OnTime: f.OnTime, deadlines.Late: f.Late, deadlines.Abandoned: f.Abandoned,
			deadlines.Untimed: f.Untimed, deadlines.Waiting: f.Open, deadlines.DueSoon: f.DueSoon, deadlines.Overdue: f.Overdue,
		}[outcome]
	}
	return n
}

// question says what a list was asked for by.
func (s *Site) question(b *board) []Fact {
	list := []Fact{}
	if b.filter.Outcome != "" {
		list = append(list, fact(b.Frame, "csv.outcome", b.outcome(b.filter.Outcome)))
	}
	if b.filter.Service != "" {
		list = append(list, Fact{Name: b.T("deadlines.service"), Value: s.serviceName(b.Frame, b.filter.Service),
			URL: b.ProcedurePath(b.filter.Service + "-" + b.filter.Channel)})
	}
	if b.filter.Channel != "" {
		list = append(list, fact(b.Frame, "deadlines.channel", b.T("channel."+b.filter.Channel)))
	}
	if b.filter.Licensor != "" {
		list = append(list, Fact{Name: b.T("license.licensor"), Value: s.licensorName(b.Frame, b.filter.Licensor)})
	}
	if b.filter.Whole || b.filter.Step != 0 {
		v := deadlines.Visit{Service: b.filter.Service, Channel: b.filter.Channel, Step: b.filter.Step}
		list = append(list, fact(b.Frame, "visits.step", s.stepName(b.Frame, v)))
	}
	if from, to := b.in.Get("from"), b.in.Get("to"); from != "" || to != "" {
		list = append(list, given(fact(b.Frame, "deadlines.from", b.Day(from)), fact(b.Frame, "deadlines.to", b.Day(to)))...)
	}
	return append(list, fact(b.Frame, "visits.as-of", s.Texts.Second(b.Lang, b.at, calendar.Zone)))
}

// outcome is an outcome in words.
func (f Frame) outcome(o deadlines.Outcome) string {
	return f.T("outcome." + strings.ReplaceAll(string(o), "_", "-"))
}

// visit writes a visit.
func (s *Site) visit(f Frame, v deadlines.Visit) Visit {
	out := Visit{
		Application: number(f, v.Application, v.Number), URL: "/applications/" + v.Application, Service: s.serviceName(f, v.Service),
		Channel: f.T("channel." + v.Channel), Step: s.stepName(f, v), Entered: s.Texts.Second(f.Lang, v.Entered, calendar.Zone),
		Due: s.due(f, v.Due), Outcome: string(v.Outcome), Standing: f.outcome(v.Outcome),
	}
	if !v.Left.IsZero() {
		out.Left = s.Texts.Second(f.Lang, v.Left, calendar.Zone)
		out.By = s.who(f, domain.Actor{Role: domain.Role(v.Role), Organization: v.Organization})
	}
	if v.Branch != "" {
		out.Branch = f.T("branch." + v.Branch)
	}
	if v.Over > 0 {
		out.Over = f.T("visits.over", "span", s.Texts.Span(f.Lang, max(v.Over, time.Second)))
	}
	if v.DueSoon {
		out.Outcome, out.Soon = string(deadlines.DueSoon), f.outcome(deadlines.DueSoon)
	}
	return out
}

// number is the application's registration number, or what stands for it before there is one.
func number(f Frame, id, number string) string {
	if number != "" {
		return number
	}
	return f.T("application.unnumbered", "id", id[:min(8, len(id))])
}

// stepName is the step with its number. A step that was only passed through has its action from the act.
func (s *Site) stepName(f Frame, v deadlines.Visit) string {
	if v.Step == deadlines.Whole {
		return f.T("deadlines.whole")
	}
	action := v.Action
	if _, step := s.regulated(deadlines.Figure{Service: v.Service, Channel: v.Channel, Step: v.Step}); action == "" && step != nil {
		action = string(step.Action)
	}
	if action == "" {
		return strconv.Itoa(v.Step)
	}
	return strconv.Itoa(v.Step) + ". " + f.T("action."+action)
}

// due is when something is due: the last day, where it is due by the end of a day. A step that was only
// passed through has no due time, whatever its term.
func (s *Site) due(f Frame, due time.Time) string {
	if due.IsZero() {
		return "–"
	}
	if day, ok := calendar.LastDay(due); ok {
		return s.Texts.Date(f.Lang, string(day))
	}
	return s.Texts.Second(f.Lang, due, calendar.Zone)
}
