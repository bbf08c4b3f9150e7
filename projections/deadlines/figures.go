package deadlines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/projections"
)

// Figure is how one step of a procedure does. The durations are of the visits that are over and not
// abandoned, and zero where there is none. Each is that of a visit (the nearest rank), rounded up by
// less than one percent.
type Figure struct {
	Service  string
	Channel  string
	Licensor string // empty unless asked for by licensor
	Step     int
	Action   string // empty for a step that is only ever passed through

	Visits int
	OnTime int
	Late   int
	// Abandoned are the visits that a withdrawal cut short.
	Abandoned int
	Open      int // not left and not overdue
	Overdue   int

	Median, P90, P99, Max time.Duration
}

// group is what a Figure is of.
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
	took histogram
}

// Steps are the figures of every service, channel and step (and licensor, where the filter says so)
// that was visited, in this order. The filter's Outcome means nothing here.
func (m *Model) Steps(ctx context.Context, f Filter, now time.Time) ([]Figure, error) {
	sums := map[group]*sum{}
	err := m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, f.kinds())
		if err != nil {
			return err
		}
		of := map[int64]*sum{} // by number of the kind
		for id, k := range kinds {
			g := group{service: k.service, channel: k.channel, step: k.step}
			if f.ByLicensor {
				g.licensor = k.licensor
			}
			s, ok := sums[g]
			if !ok {
				s = &sum{took: histogram{}, Figure: Figure{Service: g.service, Channel: g.channel, Licensor: g.licensor, Step: g.step}}
				sums[g] = s
			}
			s.Action = max(s.Action, k.action)
			of[id] = s
		}
		if f.From.IsZero() && f.Before.IsZero() {
			return counted(conn, of, now)
		}
		return count(conn, of, f, now)
	})
	if err != nil {
		return nil, fmt.Errorf("step figures: %w", err)
	}
	return figures(sums), nil
}

func kindsOf(conn *sqlite.Conn, w *projections.Where) (map[int64]kind, error) {
	kinds := map[int64]kind{}
	err := projections.Query(conn, "SELECT kind, service, channel, licensor, step, action FROM kinds k"+w.SQL(), func(s *sqlite.Stmt) error {
		kinds[s.ColumnInt64(0)] = kind{service: s.ColumnText(1), channel: s.ColumnText(2), licensor: s.ColumnText(3), step: s.ColumnInt(4), action: s.ColumnText(5)}
		return nil
	}, w.Args()...)
	return kinds, err
}

// counted takes the visits that are over from where they are counted already.
func counted(conn *sqlite.Conn, of map[int64]*sum, now time.Time) error {
	if err := projections.Query(conn, "SELECT kind, on_time, late, abandoned FROM tallies", func(stmt *sqlite.Stmt) error {
		if s, ok := of[stmt.ColumnInt64(0)]; ok {
			s.OnTime += stmt.ColumnInt(1)
			s.Late += stmt.ColumnInt(2)
			s.Abandoned += stmt.ColumnInt(3)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := projections.Query(conn, "SELECT kind, slot, visits FROM durations", func(stmt *sqlite.Stmt) error {
		if s, ok := of[stmt.ColumnInt64(0)]; ok {
			s.took[stmt.ColumnInt64(1)] += stmt.ColumnInt64(2)
		}
		return nil
	}); err != nil {
		return err
	}
	return open(conn, now, func(kind int64, n standing) {
		if s, ok := of[kind]; ok {
			s.Open += int(n.open)
			s.Overdue += int(n.overdue)
		}
	})
}

// count looks at every visit that was entered in the span; the index visits_kind has all that it reads.
func count(conn *sqlite.Conn, of map[int64]*sum, f Filter, now time.Time) error {
	from, before := int64(-1<<63), int64(1<<63-1)
	if !f.From.IsZero() {
		from = f.From.UnixMicro()
	}
	if !f.Before.IsZero() {
		before = f.Before.UnixMicro()
	}
	withdrawn := map[int64]bool{}
	if err := projections.Query(conn, "SELECT exit FROM exits WHERE branch = ?", func(stmt *sqlite.Stmt) error {
		withdrawn[stmt.ColumnInt64(0)] = true
		return nil
	}, Withdrawn); err != nil {
		return err
	}
	for kind, s := range of {
		err := projections.Query(conn, "SELECT entered, left, ifnull(due, 9223372036854775807), exit FROM visits WHERE kind = ? AND entered >= ? AND entered < ?",
			func(stmt *sqlite.Stmt) error {
				s.count(stmt, now.UnixMicro(), withdrawn[stmt.ColumnInt64(3)])
				return nil
			}, kind, from, before)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sum) count(stmt *sqlite.Stmt, now int64, withdrawn bool) {
	due, left := stmt.ColumnInt64(2), stmt.ColumnInt64(1)
	switch open := stmt.ColumnIsNull(1); {
	case open && now > due:
		s.Overdue++
	case open:
		s.Open++
	case withdrawn:
		s.Abandoned++
	case left > due:
		s.Late++
		s.took.add(left - stmt.ColumnInt64(0))
	default:
		s.OnTime++
		s.took.add(left - stmt.ColumnInt64(0))
	}
}

func figures(sums map[group]*sum) []Figure {
	list := []Figure{}
	for _, s := range sums {
		s.Visits = s.OnTime + s.Late + s.Abandoned + s.Open + s.Overdue
		if s.Visits == 0 {
			continue
		}
		ranks := s.took.ranks(50, 90, 99, 100)
		s.Median, s.P90, s.P99, s.Max = ranks[0], ranks[1], ranks[2], ranks[3]
		list = append(list, s.Figure)
	}
	slices.SortFunc(list, func(a, b Figure) int {
		return group{a.Service, a.Channel, a.Licensor, a.Step}.compare(group{b.Service, b.Channel, b.Licensor, b.Step})
	})
	return list
}
