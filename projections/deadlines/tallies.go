package deadlines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/projections"
)

// Tally is what metrics are made of: counts of visits of one step, or of the service as a Whole, since
// the first event.
type Tally struct {
	Service  string
	Channel  string
	Licensor string
	Step     int
	Action   string

	OnTime, Late, Abandoned, Untimed int64 // over
	Open, DueSoon, Overdue           int64 // now; those due soon are among the open ones
	// Total is the sum of the durations of visits that are over and not abandoned; AtMost[i] counts
	// those that took Buckets[i] or less.
	Total  time.Duration
	AtMost []int64
}

// Tallies are the tallies of every service, channel, licensor and step, the service as a whole before
// its steps. They cost the same however many visits are over.
func (m *Model) Tallies(ctx context.Context, now time.Time) ([]Tally, error) {
	tallies := map[kind]*Tally{}
	err := m.View(ctx, func(conn *sqlite.Conn) error {
		kinds, err := kindsOf(conn, &projections.Where{})
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
		return open(conn, now, func(id int64, n standing) {
			t := of(id)
			t.Open += n.open
			t.DueSoon += n.dueSoon
			t.Overdue += n.overdue
		})
	})
	if err != nil {
		return nil, fmt.Errorf("step tallies: %w", err)
	}
	list := make([]Tally, 0, len(tallies))
	for _, t := range tallies {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Step, b.Step),
			cmp.Compare(a.Licensor, b.Licensor), cmp.Compare(a.Action, b.Action))
	})
	return list, nil
}

func closed(conn *sqlite.Conn, of func(int64) *Tally) error {
	return projections.Query(conn, "SELECT * FROM tallies", func(s *sqlite.Stmt) error {
		t := of(s.ColumnInt64(0))
		t.OnTime += s.ColumnInt64(1)
		t.Late += s.ColumnInt64(2)
		t.Abandoned += s.ColumnInt64(3)
		t.Untimed += s.ColumnInt64(4)
		t.Total += time.Duration(s.ColumnInt64(5)) * time.Microsecond
		n := int64(0)
		for i := range Buckets {
			n += s.ColumnInt64(6 + i)
			t.AtMost[i] += n
		}
		return nil
	})
}

// standing counts open visits: those not overdue, those of them that are due soon, and the overdue ones.
type standing struct{ open, dueSoon, overdue int64 }

// open counts the visits of every kind that are open now.
func open(conn *sqlite.Conn, now time.Time, count func(kind int64, n standing)) error {
	return projections.Query(conn, `SELECT kind, count(*), ifnull(sum(due BETWEEN ? AND ?), 0), ifnull(sum(due < ?), 0)
		FROM visits INDEXED BY visits_open WHERE left IS NULL GROUP BY kind`, func(s *sqlite.Stmt) error {
		overdue := s.ColumnInt64(3)
		count(s.ColumnInt64(0), standing{s.ColumnInt64(1) - overdue, s.ColumnInt64(2), overdue})
		return nil
	}, now, now.Add(soon), now)
}

// tally counts visits of one kind that are over.
type tally struct {
	onTime, late, abandoned, untimed int64
	total                            int64               // microseconds of those not abandoned, as are the following
	buckets                          [len(Buckets)]int64 // each alone, not with the smaller ones
}

func (t *tally) add(s stay) {
	switch s.outcome(s.left) {
	case Abandoned:
		t.abandoned++
		return
	case Late:
		t.late++
	case Untimed:
		t.untimed++
	default:
		t.onTime++
	}
	took := s.left - s.entered
	t.total += took
	if i, _ := slices.BinarySearch(Buckets[:], time.Duration(took)*time.Microsecond); i < len(Buckets) {
		t.buckets[i]++
	}
}

func (t *tally) store(conn *sqlite.Conn, kind int64) error {
	values := []any{kind, t.onTime, t.late, t.abandoned, t.untimed, t.total}
	for _, n := range t.buckets {
		values = append(values, n)
	}
	return projections.Exec(conn, upsertTally, values...)
}

var upsertTally = func() string {
	columns := []string{"on_time", "late", "abandoned", "untimed", "total"}
	for i := range Buckets {
		columns = append(columns, "b"+strconv.Itoa(i))
	}
	sums := make([]string, len(columns))
	for i, c := range columns {
		sums[i] = c + " = " + c + " + excluded." + c
	}
	return "INSERT INTO tallies VALUES (?" + strings.Repeat(", ?", len(columns)) + ") ON CONFLICT DO UPDATE SET " + strings.Join(sums, ", ")
}()
