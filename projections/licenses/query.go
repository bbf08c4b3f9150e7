package licenses

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// standingAt is the standing of a row of licenses as known at ?1, NULL where it was not known at all.
// The row itself knows unless something was recorded only later.
const standingAt = `CASE WHEN licenses.recorded <= ?1 THEN licenses.standing
	ELSE (SELECT s.standing FROM states s WHERE s.key BETWEEN licenses.row << 20 AND (licenses.row + 1 << 20) - 1
		AND s.recorded <= ?1 ORDER BY s.key DESC LIMIT 1) END`

// moment is a day to ask about, and the instant by which the register must have known.
type moment struct {
	day   string
	known int64
}

const always = 1<<63 - 1

func (m *Model) moment(day string, known time.Time) (moment, error) {
	at := moment{day: day, known: always}
	if !known.IsZero() {
		at.known = known.UnixMicro()
	}
	if day == "" {
		at.day = m.today()
	} else if _, err := calendar.ParseDay(day); err != nil {
		return moment{}, err
	}
	return at, nil
}

func (m *Model) today() string { return string(calendar.DayOf(m.Now())) }

// ByNumber is the license as it stands today, domain.ErrNotFound where there is none.
func (m *Model) ByNumber(ctx context.Context, number string) (License, error) {
	return m.AsOf(ctx, number, "", time.Time{})
}

// AsOf is the license as it was on the day, YYYY-MM-DD, for all that the register knew at the
// instant. An empty day is today; a zero instant is now. domain.ErrNotFound where there was none; where
// there is one now, the error is a *domain.Rejection as well, which says since when.
func (m *Model) AsOf(ctx context.Context, number, day string, known time.Time) (License, error) {
	at, err := m.moment(day, known)
	if err != nil {
		return License{}, err
	}
	var l License
	var issued string
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		var row int64
		err := projections.Query(conn, "SELECT row, issued_on FROM licenses WHERE number = ?", func(stmt *sqlite.Stmt) error {
			row, issued = stmt.ColumnInt64(0), stmt.ColumnText(1)
			return nil
		}, number)
		if err != nil || row == 0 {
			return err
		}
		l, err = load(conn, row, at)
		return err
	})
	switch {
	case err != nil:
	case issued != "" && !l.Exists:
		err = fmt.Errorf("license %q: %w: %w", number, domain.ErrNotFound,
			domain.Reject("license-not-yet", "the register did not have the license at that moment", "issued", issued))
	case !l.Exists:
		err = fmt.Errorf("license %q: %w", number, domain.ErrNotFound)
	}
	if err != nil {
		return License{}, err
	}
	return l, nil
}

// load reads the license in the row at the moment.
func load(conn *sqlite.Conn, row int64, at moment) (l License, err error) {
	err = projections.Query(conn, `SELECT state, recorded, position FROM states
		WHERE key BETWEEN ? AND ? AND recorded <= ? ORDER BY key DESC LIMIT 1`, func(stmt *sqlite.Stmt) error {
		var s stored
		err := unmarshal(stmt, 0, &s)
		l = s.on(at.day)
		l.RecordedAt, l.Position = projections.Time(stmt, 1), domain.Position(stmt.ColumnInt64(2))
		return err
	}, row<<versionBits, (row+1)<<versionBits-1, at.known)
	return l, err
}

// Count is how many licenses of a service and licensor have a status.
type Count struct {
	Service  string
	Licensor string
	Status   license.Status
	N        int
}

// countStandings groups as the index licenses_standing is ordered, so that nothing is sorted.
const countStandings = `SELECT service, licensor, standing, count(*) FROM licenses
	WHERE issued_on <= ? GROUP BY service, licensor, standing`

// CountByStatus counts all licenses by their status on the day, YYYY-MM-DD; empty is today.
func (m *Model) CountByStatus(ctx context.Context, today string) ([]Count, error) {
	at, err := m.moment(today, time.Time{})
	if err != nil {
		return nil, err
	}
	sums := map[Count]int{} // by all but N
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, countStandings, func(stmt *sqlite.Stmt) error {
			status := statusOn(stmt.ColumnText(2), at.day)
			sums[Count{Service: stmt.ColumnText(0), Licensor: stmt.ColumnText(1), Status: status}] += stmt.ColumnInt(3)
			return nil
		}, at.day)
	})
	if err != nil {
		return nil, fmt.Errorf("count licenses: %w", err)
	}
	var counts []Count
	for c, n := range sums {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Licensor, b.Licensor), cmp.Compare(a.Status, b.Status))
	})
	return counts, nil
}
