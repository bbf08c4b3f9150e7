package api

import (
	"cmp"
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/projections/deadlines"
)

// The texts over the columns of the tables of deadlines, in the order of their rows.
var (
	groupColumns    = []string{"deadlines.service", "deadlines.channel", "license.licensor", "csv.period"}
	outcomeColumns  = []string{"deadlines.on-time", "deadlines.late", "deadlines.abandoned", "deadlines.untimed", "deadlines.open", "csv.due-soon", "deadlines.overdue", "csv.share-on-time"}
	durationColumns = []string{"csv.median", "csv.p90", "csv.p99", "csv.max"}
	summaryColumns  = join(groupColumns, []string{"csv.applications"}, outcomeColumns, durationColumns, []string{
		"csv.steps", "csv.steps-on-time", "csv.steps-late", "csv.steps-abandoned", "csv.steps-untimed", "csv.steps-open", "csv.steps-due-soon", "csv.steps-overdue", "csv.steps-share-on-time"})
	stepColumns  = join(groupColumns, []string{"deadlines.step", "deadlines.action", "deadlines.visits"}, outcomeColumns, durationColumns)
	visitColumns = []string{
		"csv.application", "csv.number", "deadlines.service", "deadlines.channel", "license.licensor", "csv.request", "deadlines.step", "deadlines.action",
		"csv.entered", "csv.due", "csv.calendar", "csv.left", "csv.left-by", "csv.organization", "csv.branch", "csv.outcome", "csv.late-seconds", "csv.history",
	}
)

func join(parts ...[]string) (all []string) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

type figuresCSVInput struct {
	FiguresInput
	Lang string `query:"lang" enum:"kk,ru,en" doc:"Language of the table; that of Accept-Language where absent"`
}

// deadlinesCSV is listDeadlines as a table.
func (s *Server) deadlinesCSV(ctx context.Context, in *figuresCSVInput) (*huma.StreamResponse, error) {
	lang := speak(ctx, in.Lang)
	position := s.cfg.Deadlines.Position()
	reply, err := s.listDeadlines(ctx, &in.FiguresInput)
	if err != nil {
		return nil, err
	}
	return s.table("deadlines.csv", position, summaryColumns, rows(reply.Body.Items, func(d v1.DeadlineSummary) []string {
		return join(s.groupCells(lang, d.Service, d.Channel, d.DeadlineGroup), []string{strconv.FormatInt(d.WholeService.Applications, 10)},
			outcomeCells(lang, d.WholeService.Outcomes), durationCells(lang, d.WholeService.Durations),
			[]string{strconv.FormatInt(d.Steps.Visits, 10)}, outcomeCells(lang, d.Steps.Outcomes))
	})), nil
}

// deadlineStepsCSV is listDeadlineSteps as a table.
func (s *Server) deadlineStepsCSV(ctx context.Context, in *figuresCSVInput) (*huma.StreamResponse, error) {
	lang := speak(ctx, in.Lang)
	position := s.cfg.Deadlines.Position()
	reply, err := s.listDeadlineSteps(ctx, &in.FiguresInput)
	if err != nil {
		return nil, err
	}
	return s.table("deadline-steps.csv", position, stepColumns, rows(reply.Body.Items, func(d v1.DeadlineStep) []string {
		return join(s.groupCells(lang, d.Service, d.Channel, d.DeadlineGroup),
			[]string{strconv.Itoa(d.Step), s.word(lang, "action", d.Action), strconv.FormatInt(d.Visits, 10)},
			outcomeCells(lang, d.Outcomes), durationCells(lang, d.Durations))
	})), nil
}

type visitsCSVInput struct {
	ListInput
	Lang string `query:"lang" enum:"kk,ru,en" doc:"Language of the table; that of Accept-Language where absent"`
}

// deadlineVisitsCSV is listVisits, all pages in one table.
func (s *Server) deadlineVisitsCSV(ctx context.Context, in *visitsCSVInput) (*huma.StreamResponse, error) {
	lang := speak(ctx, in.Lang)
	filter, at, err := s.list(ctx, in.ListInput)
	if err != nil {
		return nil, err
	}
	filter.AsOf = at // so that all pages are of one instant
	position := s.cfg.Deadlines.Position()
	page, err := s.cfg.Deadlines.List(ctx, filter, at, "", deadlines.MaxLimit)
	if err != nil {
		return nil, err
	}
	return s.table("deadline-visits.csv", position, visitColumns, func(yield func([]string, error) bool) {
		for {
			for _, v := range page.Visits {
				if !yield(s.visitCells(lang, v), nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			var err error
			if page, err = s.cfg.Deadlines.List(ctx, filter, at, page.Next, deadlines.MaxLimit); err != nil {
				yield(nil, err)
				return
			}
		}
	}), nil
}

// speak makes the language the request's, where it is given.
func speak(ctx context.Context, lang string) string {
	v := visitOf(ctx)
	v.lang = cmp.Or(lang, v.lang)
	return v.lang
}

func rows[T any](items []T, row func(T) []string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for _, item := range items {
			if !yield(row(item), nil) {
				return
			}
		}
	}
}

func (s *Server) groupCells(lang, service, channel string, g v1.DeadlineGroup) []string {
	return []string{s.serviceTitle(lang, service), s.word(lang, "channel", channel), s.licensorTitle(lang, g.Licensor), digitsCell(g.Period)}
}

func outcomeCells(lang string, o v1.Outcomes) []string {
	cells := []string{}
	for _, n := range []int64{o.OnTime, o.Late, o.Abandoned, o.Untimed, o.Open, o.DueSoon, o.Overdue} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return append(cells, decimal(lang, o.ShareOnTime))
}

func durationCells(lang string, d v1.Durations) []string {
	return []string{decimal(lang, d.Median), decimal(lang, d.P90), decimal(lang, d.P99), decimal(lang, d.Max)}
}

func (s *Server) visitCells(lang string, v deadlines.Visit) []string {
	w := s.wireVisit(v)
	step, outcome, by := strconv.Itoa(w.Step), strings.ReplaceAll(w.Outcome, "_", "-"), v1.LeftBy{}
	if w.Step == deadlines.Whole {
		step = s.texts.Text(lang, "csv.whole-service")
	}
	if w.DueSoon {
		outcome = "due-soon"
	}
	if w.LeftBy != nil {
		by = *w.LeftBy
	}
	due := moment(v.Due)
	if v.Calendar != "" { // counted in days: to the end of the last one
		due = w.DueDay
	}
	late := ""
	if w.LateSeconds > 0 {
		late = decimal(lang, &w.LateSeconds)
	}
	return []string{
		w.Application, digitsCell(safeCell(w.Number)), s.serviceTitle(lang, w.Service), s.word(lang, "channel", w.Channel), s.licensorTitle(lang, w.Licensor),
		s.word(lang, "request", w.Request), step, s.word(lang, "action", w.Action),
		moment(v.Entered), due, digitsCell(safeCell(w.Calendar)), moment(v.Left),
		s.word(lang, "role", by.Role), safeCell(s.licensorTitle(lang, by.Organization)), s.word(lang, "branch", w.Branch), s.word(lang, "outcome", outcome), late, w.History,
	}
}

// word is the text of a token of ours, empty for none.
func (s *Server) word(lang, kind, token string) string {
	if token == "" {
		return ""
	}
	return s.texts.Text(lang, kind+"."+token)
}

// serviceTitle is the service's title in the wording in force; where there is none its slug has to do.
func (s *Server) serviceTitle(lang, slug string) string {
	if found, err := s.cfg.Rules().Catalog.InForce(slug, s.cfg.Now()); err == nil {
		return safeCell(found.Title.In(lang))
	}
	return slug
}

// licensorTitle is what the acts call the licensor; another organization keeps its slug.
func (s *Server) licensorTitle(lang, slug string) string {
	for _, service := range s.cfg.Rules().Catalog.Services() {
		if service.Licensor.Slug == slug {
			return safeCell(service.Licensor.Title.In(lang))
		}
	}
	return slug
}

// moment writes an instant in the licensors' time, as spreadsheets read it; empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(calendar.Zone).Format(time.DateTime)
}

// decimal writes a number to thousandths, with the comma where the language's spreadsheets want it; empty
// for none.
func decimal(lang string, n *float64) string {
	if n == nil {
		return ""
	}
	text := strconv.FormatFloat(*n, 'f', 3, 64)
	if lang != i18n.English {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}
