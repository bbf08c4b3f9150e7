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

// Figure is how one step of a procedure does. The durations are of the visits that are over; each is
// one that occurred (the nearest rank), and all are zero where none is over.
type Figure struct {
	Service  string
	Channel  string
	Licensor string // empty unless asked for by licensor
	Step     int
	Action   string // empty for a step that is only ever passed through

	Visits  int
	OnTime  int
	Late    int
	Open    int // not left and not overdue
	Overdue int

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
	took []int64 // microseconds, of the visits that are over
}

// Steps are the figures of every service, channel and step (and licensor, where the filter says so)
// that was visited, in this order. The filter's Outcome means nothing here.
func (m *Model) Steps(ctx context.Context, f Filter, now time.Time) ([]Figure, error) {
	sums := map[group]*sum{}
	err := m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, f)
		if err != nil {
			return err
		}
		for id, k := range kinds {
			g := group{service: k.service, channel: k.channel, step: k.step}
			if f.ByLicensor {
				g.licensor = k.licensor
			}
			s, ok := sums[g]
			if !ok {
				s = &sum{Figure: Figure{Service: g.service, Channel: g.channel, Licensor: g.licensor, Step: g.step}}
				sums[g] = s
			}
			s.Action = max(s.Action, k.action)
			if err := s.count(conn, id, f, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("step figures: %w", err)
	}
	return figures(sums), nil
}

func kindsOf(conn *sqlite.Conn, f Filter) (map[int64]kind, error) {
	kinds := map[int64]kind{}
	w := f.kinds()
	err := projections.Query(conn, "SELECT kind, service, channel, licensor, step, action FROM kinds k"+w.SQL(), func(s *sqlite.Stmt) error {
		kinds[s.ColumnInt64(0)] = kind{service: s.ColumnText(1), channel: s.ColumnText(2), licensor: s.ColumnText(3), step: s.ColumnInt(4), action: s.ColumnText(5)}
		return nil
	}, w.Args()...)
	return kinds, err
}

// count adds the visits of a kind; the index visits_kind has all that it reads.
func (s *sum) count(conn *sqlite.Conn, id int64, f Filter, now time.Time) error {
	from, before, at := int64(-1<<63), int64(1<<63-1), now.UnixMicro()
	if !f.From.IsZero() {
		from = f.From.UnixMicro()
	}
	if !f.Before.IsZero() {
		before = f.Before.UnixMicro()
	}
	return projections.Query(conn, "SELECT entered, left, ifnull(due, 9223372036854775807) FROM visits WHERE kind = ? AND entered >= ? AND entered < ?",
		func(stmt *sqlite.Stmt) error {
			s.Visits++
			due := stmt.ColumnInt64(2)
			if stmt.ColumnIsNull(1) {
				if at > due {
					s.Overdue++
				} else {
					s.Open++
				}
				return nil
			}
			left := stmt.ColumnInt64(1)
			if left > due {
				s.Late++
			} else {
				s.OnTime++
			}
			s.took = append(s.took, left-stmt.ColumnInt64(0))
			return nil
		}, id, from, before)
}

func figures(sums map[group]*sum) []Figure {
	list := []Figure{}
	for _, s := range sums {
		if s.Visits == 0 {
			continue
		}
		slices.Sort(s.took)
		s.Median, s.P90, s.P99, s.Max = rank(s.took, 50), rank(s.took, 90), rank(s.took, 99), rank(s.took, 100)
		list = append(list, s.Figure)
	}
	slices.SortFunc(list, func(a, b Figure) int {
		return group{a.Service, a.Channel, a.Licensor, a.Step}.compare(group{b.Service, b.Channel, b.Licensor, b.Step})
	})
	return list
}

// rank is the smallest value that percent of the sorted values do not exceed.
func rank(sorted []int64, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	n := (len(sorted)*percent + 99) / 100
	return time.Duration(sorted[n-1]) * time.Microsecond
}

// Tally is what metrics are made of: counts of visits of one step, since the first event.
type Tally struct {
	Service  string
	Channel  string
	Licensor string
	Step     int
	Action   string

	OnTime, Late  int64 // over
	Open, Overdue int64 // now
	// Total is the sum of the durations of visits that are over; AtMost[i] counts those that took
	// Buckets[i] or less.
	Total  time.Duration
	AtMost []int64
}

// Tallies are the tallies of every service, channel, licensor and step. They cost the same however
// many visits are over.
func (m *Model) Tallies(ctx context.Context, now time.Time) ([]Tally, error) {
	tallies := map[kind]*Tally{}
	err := m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, Filter{})
		if err != nil {
			return err
		}
		of := func(id int64) *Tally {
			k := kinds[id]
			t, ok := tallies[k]
			if !ok {
				t = &Tally{Service: k.service, Channel: k.channel, Licensor: k.licensor, Step: k.step, Action: k.action, AtMost: make([]int64, len(Buckets))}
				tallies[k] = t
			}
			return t
		}
		if err := closed(conn, of); err != nil {
			return err
		}
		return open(conn, now, of)
	})
	if err != nil {
		return nil, fmt.Errorf("step tallies: %w", err)
	}
	list := make([]Tally, 0, len(tallies))
	for _, t := range tallies {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Tally) int {
		return cmp.Or(group{a.Service, a.Channel, a.Licensor, a.Step}.compare(group{b.Service, b.Channel, b.Licensor, b.Step}), cmp.Compare(a.Action, b.Action))
	})
	return list, nil
}

func closed(conn *sqlite.Conn, of func(int64) *Tally) error {
	return projections.Query(conn, "SELECT * FROM tallies", func(s *sqlite.Stmt) error {
		t := of(s.ColumnInt64(0))
		t.OnTime += s.ColumnInt64(1)
		t.Late += s.ColumnInt64(2)
		t.Total += time.Duration(s.ColumnInt64(3)) * time.Microsecond
		n := int64(0)
		for i := range Buckets {
			n += s.ColumnInt64(4 + i)
			t.AtMost[i] += n
		}
		return nil
	})
}

func open(conn *sqlite.Conn, now time.Time, of func(int64) *Tally) error {
	return projections.Query(conn, "SELECT kind, count(*), ifnull(sum(due < ?), 0) FROM visits INDEXED BY visits_open WHERE left IS NULL GROUP BY kind", func(s *sqlite.Stmt) error {
		t, overdue := of(s.ColumnInt64(0)), s.ColumnInt64(2)
		t.Open += s.ColumnInt64(1) - overdue
		t.Overdue += overdue
		return nil
	}, now)
}
