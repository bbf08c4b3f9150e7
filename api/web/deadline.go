package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// DeadlinePage is how procedures keep to their deadlines: for each the service as a whole, then its steps.
type DeadlinePage struct {
	Frame
	Services, Channels, Licensors, Periods []Option
	From, To, AsOf, Today                  string // days, as typed
	Filtered                               bool   // there are filters to take away
	ByPeriod                               bool
	Now                                    string // the instant of the figures, with its time zone
	Summary                                []Sum
	Wanting                                []Wanting
	Groups                                 []Group
	StepsCSV, ServicesCSV                  string
	Login                                  string // address of the login, for whom may see more after it
}

// Sum is an entry of the summary: of the services as a whole, and of their steps.
type Sum struct {
	Name         string
	Whole, Steps Number
}

// Number is a number, or what stands in its place. URL leads to the list of what was counted. Mark says
// that it wants attention, and why: "overdue", "soon" or "late"; or that there is "none".
type Number struct{ Text, URL, Mark string }

// Wanting is a procedure in which something is overdue or soon will be.
type Wanting struct {
	ID      string // of its group
	Service Wording
	Channel string
	Sums    []Number
}

// Group are the figures of a service through a channel at a licensor.
type Group struct {
	ID       string // anchor
	URL      string // of the procedure, empty where the catalog has none
	Service  Wording
	Channel  string
	Licensor Wording
	Units    []Unit
}

// Unit is the service as a whole, whose Step is empty, or a step.
type Unit struct {
	Step   string
	Action string
	Terms  []string
	Spans  []Span // at least one
}

// Rows is how many rows of the table the unit takes.
func (u Unit) Rows() int { return len(u.Spans) }

// Span are the figures of a period, of all of the time where Period is empty.
type Span struct {
	Period string
	Counts []Number // in the order of the table's columns
	Times  []string // likewise
}

// mostFigures is how many figures a page has at most. Periods are many, and anybody may ask.
const mostFigures = 2000

// The keys of the counts and of the times, in the order of the table's columns.
var (
	countColumns = []string{"visits", "on-time", "late", "share", "untimed", "abandoned", "open", "due-soon", "overdue"}
	timeColumns  = []string{"median", "p90", "p99", "max"}
)

// CountColumns are the names over the counts.
func (p DeadlinePage) CountColumns() []string { return p.columns(countColumns) }

// TimeColumns are the names over the times.
func (p DeadlinePage) TimeColumns() []string { return p.columns(timeColumns) }

func (p DeadlinePage) columns(keys []string) (names []string) {
	for _, key := range keys {
		names = append(names, p.T("deadlines."+key))
	}
	return names
}

func (s *Site) deadlines(w http.ResponseWriter, r *http.Request) error {
	f, in := s.frame(r, "deadline"), r.URL.Query()
	if own := f.Viewer.Licensor; f.Viewer.Watches && !in.Has("licensor") && s.Catalog().HasLicensor(own) {
		in.Set("licensor", own) // what concerns the viewer comes first
	}
	b, err := s.board(f, in)
	if err != nil {
		return err
	}
	figures, err := s.figures(r, b)
	if err != nil {
		return err
	}
	page := DeadlinePage{
		Frame: f, Services: s.services(f, in.Get("service")), Channels: channels(f, in.Get("channel")),
		Licensors: s.licensors(f, f.T("deadlines.any-licensor"), in.Get("licensor")), Periods: periods(f, b.filter.ByPeriod),
		From: in.Get("from"), To: in.Get("to"), AsOf: in.Get("as_of"), Today: string(calendar.DayOf(s.Now())),
		Filtered: with(r.URL.Query(), "lang", "") != "", ByPeriod: b.filter.ByPeriod != "",
		Now:     f.T("deadlines.now", "moment", s.Texts.Moment(f.Lang, b.at, calendar.Zone)),
		Summary: b.summary(figures), Groups: s.groups(b, figures), Wanting: s.wanting(b, figures),
		StepsCSV: "/api/v1/deadlines/steps.csv?" + b.csv(), ServicesCSV: "/api/v1/deadlines.csv?" + b.csv(),
	}
	page.Title = f.T("deadlines.title")
	if f.Viewer.Name == "" {
		page.Login = "/login?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
	}
	return s.render(w, r, "deadline", http.StatusOK, page)
}

// board is what figures are asked for by, and from which their links are made.
type board struct {
	Frame
	in     url.Values
	filter deadlines.Filter
	at     time.Time
}

// board reads an address. What no form of ours offers is refused.
func (s *Site) board(f Frame, in url.Values) (*board, error) {
	if err := s.known(in); err != nil {
		return nil, err
	}
	b := &board{Frame: f, in: in, at: s.Now().UTC().Truncate(time.Microsecond), filter: deadlines.Filter{
		Service: in.Get("service"), Channel: in.Get("channel"), Licensor: in.Get("licensor"),
		ByLicensor: true, ByPeriod: deadlines.Period(in.Get("by")),
	}}
	if by := b.filter.ByPeriod; by != "" && !slices.Contains(allPeriods, by) {
		return nil, domain.Reject("period-unknown", "no such period")
	}
	from, err := day(in.Get("from"))
	if err != nil {
		return nil, err
	}
	to, err := day(in.Get("to"))
	if err != nil {
		return nil, err
	}
	if to != "" && to < from { // days order as text
		return nil, domain.Reject("days-reversed", "the last day is before the first")
	}
	b.filter.From, b.filter.Before = from.Start(), to.End()
	b.filter.AsOf, err = deadlines.ParseAsOf(in.Get("as_of"), b.at)
	switch {
	case errors.Is(err, deadlines.ErrFuture):
		return nil, domain.Reject("day-future", "the day has not come yet")
	case err != nil:
		return nil, invalidDay()
	case !b.filter.AsOf.IsZero():
		b.at = b.filter.AsOf
	}
	return b, nil
}

// day reads a day of an address, which may be empty.
func day(text string) (calendar.Day, error) {
	if text == "" {
		return "", nil
	}
	d, err := calendar.ParseDay(text)
	if err != nil {
		return "", invalidDay()
	}
	return d, nil
}

var allPeriods = []deadlines.Period{deadlines.Month, deadlines.Week, deadlines.Day}

func periods(f Frame, chosen deadlines.Period) []Option {
	options := []Option{{Text: f.T("deadlines.by-none"), Selected: chosen == ""}}
	for _, p := range allPeriods {
		options = append(options, Option{string(p), f.T("deadlines.by-" + string(p)), p == chosen})
	}
	return options
}

// figures are those of the services as a whole and of their steps, each procedure's together.
func (s *Site) figures(r *http.Request, b *board) ([]deadlines.Figure, error) {
	whole, steps := b.filter, b.filter
	whole.Whole, whole.Most, steps.Most = true, mostFigures, mostFigures
	figures, err := s.Deadlines.Steps(r.Context(), whole, b.at)
	if err != nil {
		return nil, figuresFault(err)
	}
	rest, err := s.Deadlines.Steps(r.Context(), steps, b.at)
	if err != nil {
		return nil, figuresFault(err)
	}
	if figures = append(figures, rest...); len(figures) > mostFigures {
		return nil, figuresFault(deadlines.ErrTooMany)
	}
	slices.SortStableFunc(figures, func(a, b deadlines.Figure) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Licensor, b.Licensor), cmp.Compare(a.Step, b.Step))
	})
	return figures, nil
}

// figuresFault tells the viewer that there are too many figures.
func figuresFault(err error) error {
	if errors.Is(err, deadlines.ErrTooMany) {
		return domain.Reject("figures-too-many", "more figures than a page has")
	}
	return err
}

// groups puts each figure, in their order, into its group, unit and span.
func (s *Site) groups(b *board, figures []deadlines.Figure) (groups []Group) {
	var last deadlines.Figure
	for _, figure := range figures {
		if len(groups) == 0 || groupID(figure) != groupID(last) {
			groups = append(groups, Group{
				ID: groupID(figure), URL: b.ProcedurePath(figure.Service + "-" + figure.Channel), Service: s.serviceName(b.Frame, figure.Service),
				Channel: b.T("channel." + figure.Channel), Licensor: s.licensorName(b.Frame, figure.Licensor),
			})
			last = deadlines.Figure{Step: -1}
		}
		g := &groups[len(groups)-1]
		if figure.Step != last.Step {
			g.Units = append(g.Units, s.unit(b, figure))
		}
		u := &g.Units[len(g.Units)-1]
		u.Spans = append(u.Spans, Span{b.period(figure.Span), b.counts(figure), b.times(figure)})
		last = figure
	}
	return groups
}

func groupID(f deadlines.Figure) string { return f.Service + "-" + f.Channel + "-" + f.Licensor }

func (s *Site) unit(b *board, figure deadlines.Figure) Unit {
	u := Unit{Action: b.T("deadlines.whole")}
	if figure.Step != deadlines.Whole {
		u.Step, u.Action = strconv.Itoa(figure.Step), ""
	}
	if p, step := s.regulated(figure); step != nil {
		if figure.Step != deadlines.Whole {
			u.Action = b.T("action." + string(step.Action))
		}
		u.Terms = append(b.terms(step.Deadline), s.setTerms(b.Frame, p, step)...)
	}
	if len(u.Terms) == 0 {
		u.Terms = []string{b.T("deadlines.no-term")}
	}
	return u
}

// regulated is the step in the wording in force of its service, nil where that has none. The term of the
// service as a whole is that of the step that forms the result.
func (s *Site) regulated(figure deadlines.Figure) (*regulation.Procedure, *regulation.Step) {
	service, err := s.Catalog().InForce(figure.Service, s.Now())
	if err != nil {
		return nil, nil
	}
	p, err := service.Procedure(regulation.Channel(figure.Channel))
	if err != nil {
		return nil, nil
	}
	if figure.Step != deadlines.Whole {
		return p, p.Step(figure.Step)
	}
	for _, step := range p.Steps {
		if step.Action.Result() {
			return p, step
		}
	}
	return p, nil
}

// period names a span in words.
func (b *board) period(span deadlines.Span) string {
	switch b.filter.ByPeriod {
	case deadlines.Month:
		first := span.First.Start().In(calendar.Zone)
		return b.T("month.name."+strconv.Itoa(int(first.Month()))) + " " + strconv.Itoa(first.Year())
	case deadlines.Week:
		return b.site.Texts.Date(b.Lang, string(span.First)) + " – " + b.site.Texts.Date(b.Lang, string(span.Last))
	case deadlines.Day:
		return b.site.Texts.Date(b.Lang, string(span.First))
	}
	return ""
}

// counts are the counts of a figure, each with the list behind it for whoever may see that.
func (b *board) counts(f deadlines.Figure) []Number {
	return []Number{
		b.count(f, f.Visits, ""), b.count(f, f.OnTime, deadlines.OnTime), b.count(f, f.Late, deadlines.Late), {Text: b.share(f)},
		b.count(f, f.Untimed, deadlines.Untimed), b.count(f, f.Abandoned, deadlines.Abandoned), b.count(f, f.Open, deadlines.Waiting),
		b.count(f, f.DueSoon, deadlines.DueSoon), b.count(f, f.Overdue, deadlines.Overdue),
	}
}

// attention are the outcomes that want it.
var attention = map[deadlines.Outcome]string{deadlines.Overdue: "overdue", deadlines.DueSoon: "soon", deadlines.Late: "late"}

func (b *board) count(f deadlines.Figure, n int, outcome deadlines.Outcome) Number {
	return b.number(i18n.Number(n), n, f, strconv.Itoa(f.Step), outcome)
}

// number is the text of n, with the list of what was counted.
func (b *board) number(text string, n int, f deadlines.Figure, step string, outcome deadlines.Outcome) Number {
	if n == 0 {
		return Number{Text: text, Mark: "none"}
	}
	return Number{text, b.list(f, step, outcome), attention[outcome]}
}

// share is the share on time among what is over and had a deadline.
func (b *board) share(f deadlines.Figure) string {
	if f.OnTime+f.Late == 0 {
		return "–"
	}
	return b.site.Texts.Share(b.Lang, f.OnTime, f.OnTime+f.Late)
}

// list is the address of the list of what was counted, as of the same instant; empty for whoever may not
// see that.
func (b *board) list(f deadlines.Figure, step string, outcome deadlines.Outcome) string {
	if !b.Viewer.opens(f.Licensor) {
		return ""
	}
	from, to := b.in.Get("from"), b.in.Get("to")
	if f.Span != (deadlines.Span{}) { // days order as text
		from, to = max(from, string(f.Span.First)), min(cmp.Or(to, string(f.Span.Last)), string(f.Span.Last))
	}
	return "/deadlines/visits?" + query(
		"service", f.Service, "channel", f.Channel, "licensor", f.Licensor, "step", step, "outcome", string(outcome),
		"from", from, "to", to, "as_of", b.at.Format(time.RFC3339Nano))
}

// query is an address's query of the pairs of name and value that have a value.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q.Encode()
}

func (b *board) times(f deadlines.Figure) (times []string) {
	for _, d := range []time.Duration{f.Median, f.P90, f.P99, f.Max} {
		text := "–"
		if f.OnTime+f.Late+f.Untimed > 0 {
			text = b.site.Texts.Span(b.Lang, d)
		}
		times = append(times, text)
	}
	return times
}

// csv asks the API for the same figures as a table.
func (b *board) csv() string {
	by := "licensor"
	if b.filter.ByPeriod != "" {
		by += "," + string(b.filter.ByPeriod)
	}
	return query("service", b.filter.Service, "channel", b.filter.Channel, "licensor", b.filter.Licensor,
		"from", b.in.Get("from"), "to", b.in.Get("to"), "as_of", b.at.Format(time.RFC3339Nano), "by", by, "lang", b.Lang)
}

// summary is what wants to be known first, of all figures together.
func (b *board) summary(figures []deadlines.Figure) []Sum {
	all := deadlines.Figure{Service: b.filter.Service, Channel: b.filter.Channel, Licensor: b.filter.Licensor}
	whole, steps := all, all
	for _, f := range figures {
		if f.Step == deadlines.Whole {
			add(&whole, f)
		} else {
			add(&steps, f)
		}
	}
	sum := func(name string, outcome deadlines.Outcome, n func(deadlines.Figure) int) Sum {
		return Sum{b.T(name),
			b.number(b.Count("count.applications", n(whole)), n(whole), whole, strconv.Itoa(deadlines.Whole), outcome),
			b.number(b.Count("count.steps", n(steps)), n(steps), steps, "", outcome)}
	}
	return []Sum{
		sum("deadlines.overdue-now", deadlines.Overdue, func(f deadlines.Figure) int { return f.Overdue }),
		sum("deadlines.due-soon-now", deadlines.DueSoon, func(f deadlines.Figure) int { return f.DueSoon }),
		sum("deadlines.late-all", deadlines.Late, func(f deadlines.Figure) int { return f.Late }),
		{b.T("deadlines.share-all"), Number{Text: b.T("deadlines.share-applications", "share", b.share(whole))},
			Number{Text: b.T("deadlines.share-steps", "share", b.share(steps))}},
	}
}

// add adds the counts of f.
func add(sum *deadlines.Figure, f deadlines.Figure) {
	sum.OnTime, sum.Late, sum.DueSoon, sum.Overdue = sum.OnTime+f.OnTime, sum.Late+f.Late, sum.DueSoon+f.DueSoon, sum.Overdue+f.Overdue
}

// wanting are the procedures with open steps that are overdue or due soon, the most overdue first.
func (s *Site) wanting(b *board, figures []deadlines.Figure) (list []Wanting) {
	var sums []deadlines.Figure
	for _, f := range figures {
		if f.Step == deadlines.Whole {
			continue
		}
		if n := len(sums); n == 0 || groupID(sums[n-1]) != groupID(f) {
			sums = append(sums, deadlines.Figure{Service: f.Service, Channel: f.Channel, Licensor: f.Licensor})
		}
		add(&sums[len(sums)-1], f)
	}
	slices.SortStableFunc(sums, func(a, b deadlines.Figure) int {
		return cmp.Or(cmp.Compare(b.Overdue, a.Overdue), cmp.Compare(b.DueSoon, a.DueSoon))
	})
	for _, f := range sums {
		w := Wanting{ID: groupID(f), Service: s.serviceName(b.Frame, f.Service), Channel: b.T("channel." + f.Channel)}
		if f.Overdue > 0 {
			w.Sums = append(w.Sums, b.number(b.Count("count.overdue", f.Overdue), f.Overdue, f, "", deadlines.Overdue))
		}
		if f.DueSoon > 0 {
			w.Sums = append(w.Sums, b.number(b.Count("count.due-soon", f.DueSoon), f.DueSoon, f, "", deadlines.DueSoon))
		}
		if len(w.Sums) > 0 {
			list = append(list, w)
		}
	}
	return list
}
