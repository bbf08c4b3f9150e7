package deadlines

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/projections"
)

// Figure is how one step of a procedure does, or the service as a Whole. The durations are of the visits
// that are over and not abandoned, and zero where there is none. Max is exact; each
// of the others is that of a visit (the nearest rank), rounded up by less than one percent.
type Figure struct {
	Service  string
	Channel  string
	Licensor string // empty unless asked for by licensor
	Step     int
	Action   string // empty for a step that is only ever passed through
	Span     Span   // in which the step was entered, where asked for by period

	Visits int
	OnTime int
	Late   int
	// Abandoned are the visits that a withdrawal cut short.
	Abandoned int
	// Untimed are the visits that are over and had no deadline to keep: they are no part of the share on
	// time. Steps that were only passed through are among them.
	Untimed int
	Open    int // not left and not overdue
	DueSoon int // those of the open ones that are due within a day
	Overdue int

	Median, P90, P99, Max time.Duration
}

// Share is the share of the visits on time among those on time or late; false where there is none.
func (f Figure) Share() (float64, bool) {
	over := f.OnTime + f.Late
	return float64(f.OnTime) / float64(max(over, 1)), over > 0
}

// Summary is how one service does through one channel: as a whole, and all of its steps taken together,
// whose durations mean little.
type Summary struct {
	Service      string
	Channel      string
	Licensor     string // empty unless asked for by licensor
	Span         Span   // in which the step was entered or the request registered, where asked for by period
	Whole, Steps Figure
}

// group is what a Figure is of, but for the period.
type group struct {
	service, channel, licensor string
	step                       int
}

func (g group) compare(h group) int {
	return cmp.Or(cmp.Compare(g.service, h.service), cmp.Compare(g.channel, h.channel),
		cmp.Compare(g.step, h.step), cmp.Compare(g.licensor, h.licensor))
}

// sum is a Figure on its way.
type sum struct {
	Figure
	took    durations
	longest int64 // of them, microseconds
}

// sums are the figures of one group by place of their period, nil where there is no visit.
type sums []*sum

// Steps are the figures of every service, channel and step (and licensor and period, where the filter
// says so) that was visited, in this order. The filter's Outcome means nothing here.
func (m *Model) Steps(ctx context.Context, f Filter, now time.Time) ([]Figure, error) {
	figures, err := m.figures(ctx, f, f.kinds(), now, func(k kind) int { return k.step })
	if err != nil {
		return nil, fmt.Errorf("step figures: %w", err)
	}
	return figures, nil
}

// together stands, instead of the number of a step, for all of them.
const together = 1

// Services are the summaries of every service and channel (and licensor and period, where the filter
// says so) with a visit, in this order. The filter's Step, Action, Whole and Outcome mean nothing here.
func (m *Model) Services(ctx context.Context, f Filter, now time.Time) ([]Summary, error) {
	most := f.Most
	f.Most *= 2 // a summary is of two figures
	figures, err := m.figures(ctx, f, f.procedures(), now, func(k kind) int { return min(k.step, together) })
	if err != nil {
		return nil, fmt.Errorf("service figures: %w", err)
	}
	type place struct {
		group
		Span
	}
	list, at := []Summary{}, map[place]int{}
	for _, f := range figures {
		p := place{group{service: f.Service, channel: f.Channel, licensor: f.Licensor}, f.Span}
		i, ok := at[p]
		if !ok {
			i, at[p] = len(list), len(list)
			list = append(list, Summary{Service: f.Service, Channel: f.Channel, Licensor: f.Licensor, Span: f.Span})
		}
		if f.Step == Whole {
			list[i].Whole = f
		} else {
			list[i].Steps = f
		}
	}
	if most > 0 && len(list) > most {
		return nil, fmt.Errorf("service figures: %w", ErrTooMany)
	}
	slices.SortFunc(list, Summary.compare)
	return list, nil
}

func (s Summary) compare(t Summary) int {
	return cmp.Or(cmp.Compare(s.Service, t.Service), cmp.Compare(s.Channel, t.Channel),
		cmp.Compare(s.Licensor, t.Licensor), cmp.Compare(s.Span.First, t.Span.First))
}

func (m *Model) figures(ctx context.Context, f Filter, w *projections.Where, now time.Time, step func(kind) int) (list []Figure, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, w)
		if err != nil {
			return err
		}
		c := counting{question: m.ask(f, now, kinds), periods: periods{period: f.ByPeriod}, most: f.Most, of: map[int64]*sums{}}
		groups := map[group]*sums{}
		for id, k := range kinds {
			g := group{service: k.service, channel: k.channel, step: step(k)}
			if f.ByLicensor {
				g.licensor = k.licensor
			}
			if groups[g] == nil {
				groups[g] = &sums{}
			}
			c.of[id] = groups[g]
		}
		if err := c.open(conn, c.count); err != nil {
			return err
		}
		if err := c.over(conn, func(*pack) bool { return true }, c.count); err != nil {
			return err
		}
		list = c.figures(groups)
		return nil
	})
	return list, err
}

func kindsOf(conn *sqlite.Conn, w *projections.Where) (map[int64]kind, error) {
	kinds := map[int64]kind{}
	err := projections.Query(conn, "SELECT kind, service, channel, licensor, step, action FROM kinds k"+w.SQL(), func(s *sqlite.Stmt) error {
		kinds[s.ColumnInt64(0)] = kind{service: s.ColumnText(1), channel: s.ColumnText(2), licensor: s.ColumnText(3), step: s.ColumnInt(4), action: s.ColumnText(5)}
		return nil
	}, w.Args()...)
	return kinds, err
}

// counting is a question that is being counted.
type counting struct {
	question
	periods periods
	of      map[int64]*sums // by number of the kind
	made    int             // sums
	most    int             // of them; any number where zero

	// What of and kinds have of the kind counted last: the next visit is most often of the same.
	last   int64
	list   *sums
	action string
}

func (c *counting) count(kind int64, s *stay) error {
	if kind != c.last {
		c.last, c.list, c.action = kind, c.of[kind], c.kinds[kind].action
	}
	at := int(c.periods.find(s.entered))
	for at >= len(*c.list) {
		*c.list = append(*c.list, nil)
	}
	g := (*c.list)[at]
	if g == nil {
		if c.made++; c.most > 0 && c.made > c.most {
			return ErrTooMany
		}
		g = &sum{}
		(*c.list)[at] = g
	}
	if g.Action != c.action {
		g.Action = max(g.Action, c.action)
	}
	g.add(s, c.at)
	return nil
}

func (g *sum) add(s *stay, at int64) {
	switch s.outcome(at) {
	case Overdue:
		g.Overdue++
	case Waiting:
		g.Open++
		if s.dueSoon(at) {
			g.DueSoon++
		}
	case Abandoned:
		g.Abandoned++
	case Untimed:
		g.Untimed++
		g.took = append(g.took, slot(s.left-s.entered))
		g.longest = max(g.longest, s.left-s.entered)
	case Late:
		g.Late++
		g.took = append(g.took, slot(s.left-s.entered))
		g.longest = max(g.longest, s.left-s.entered)
	default:
		g.OnTime++
		g.took = append(g.took, slot(s.left-s.entered))
		g.longest = max(g.longest, s.left-s.entered)
	}
}

// figures are in order: of the group, and of the period within it.
func (c *counting) figures(groups map[group]*sums) []Figure {
	spans := make([]int, len(c.periods.spans))
	for i := range spans {
		spans[i] = i
	}
	slices.SortFunc(spans, func(a, b int) int { return cmp.Compare(c.periods.spans[a].First, c.periods.spans[b].First) })
	list := []Figure{}
	for _, g := range slices.SortedFunc(maps.Keys(groups), group.compare) {
		for _, at := range spans {
			if sums := *groups[g]; at < len(sums) && sums[at] != nil {
				list = append(list, sums[at].figure(g, c.periods.spans[at]))
			}
		}
	}
	return list
}

func (s *sum) figure(g group, span Span) Figure {
	f := s.Figure
	f.Service, f.Channel, f.Licensor, f.Step, f.Span = g.service, g.channel, g.licensor, g.step, span
	f.Visits = f.OnTime + f.Late + f.Abandoned + f.Untimed + f.Open + f.Overdue
	f.Max = time.Duration(s.longest) * time.Microsecond
	f.Median, f.P90, f.P99 = s.took.ranks()
	f.Median, f.P90, f.P99 = min(f.Median, f.Max), min(f.P90, f.Max), min(f.P99, f.Max)
	return f
}
