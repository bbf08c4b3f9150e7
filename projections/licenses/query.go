package licenses

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// statusOn is license.State.On in SQL: the status on day :day by the columns standing.
const statusOn = `CASE
	WHEN status = 'reissued' THEN 'reissued'
	WHEN ended_on <> '' AND :day >= ended_on THEN 'terminated'
	WHEN valid_until <> '' AND :day > valid_until THEN 'expired'
	WHEN suspended_from <> '' AND :day BETWEEN suspended_from AND suspended_until
		AND (resumed_on = '' OR :day < resumed_on) THEN 'suspended'
	ELSE 'active' END`

// stateOn selects from the state that was in effect on :day for all that was recorded by :known: of
// those the last one. There is none before the issue.
const stateOn = ` FROM states WHERE key BETWEEN licenses.row << 20 AND (licenses.row + 1 << 20) - 1
	AND effective <= :day AND recorded <= :known ORDER BY key DESC LIMIT 1`

// statusAsOf is the status of a row of licenses on :day as known at :known, NULL before its issue. The
// row itself knows unless something was recorded, or is in effect, only later.
const statusAsOf = `CASE WHEN effective <= :day AND recorded <= :known THEN ` + statusOn + `
	ELSE (SELECT ` + statusOn + stateOn + `) END`

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
// instant. An empty day is today; a zero instant is now. domain.ErrNotFound where there was none.
func (m *Model) AsOf(ctx context.Context, number, day string, known time.Time) (License, error) {
	at, err := m.moment(day, known)
	if err != nil {
		return License{}, err
	}
	var l License
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		var row int64
		err := projections.Query(conn, "SELECT row FROM licenses WHERE number = ?", func(stmt *sqlite.Stmt) error {
			row = stmt.ColumnInt64(0)
			return nil
		}, number)
		if err != nil || row == 0 {
			return err
		}
		l, err = load(conn, row, at)
		return err
	})
	if err == nil && !l.Exists {
		err = fmt.Errorf("license %q: %w", number, domain.ErrNotFound)
	}
	if err != nil {
		return License{}, err
	}
	return l, nil
}

// load reads the license in the row at the moment.
func load(conn *sqlite.Conn, row int64, at moment) (l License, err error) {
	err = projections.Query(conn, `SELECT state, recorded, position FROM states WHERE key BETWEEN ? AND ?
		AND effective <= ? AND recorded <= ? ORDER BY key DESC LIMIT 1`, func(stmt *sqlite.Stmt) error {
		l.RecordedAt, l.Position = projections.Time(stmt, 1), domain.Position(stmt.ColumnInt64(2))
		return unmarshal(stmt, 0, &l.State)
	}, row<<versionBits, (row+1)<<versionBits-1, at.day, at.known)
	l.Status, l.Day = l.State.On(at.day), at.day
	return l, err
}

// Versions are all states of a license that are in the register, the first one first; each with its
// status on the day it came into effect.
func (m *Model) Versions(ctx context.Context, number string) (all []License, err error) {
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, `SELECT s.state, s.recorded, s.position, s.effective FROM licenses l
			JOIN states s ON s.key BETWEEN l.row << 20 AND (l.row + 1 << 20) - 1 WHERE l.number = ? ORDER BY s.key`,
			func(stmt *sqlite.Stmt) error {
				l := License{RecordedAt: projections.Time(stmt, 1), Position: domain.Position(stmt.ColumnInt64(2)), Day: stmt.ColumnText(3)}
				err := unmarshal(stmt, 0, &l.State)
				l.Status = l.State.On(l.Day)
				all = append(all, l)
				return err
			}, number)
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("license %q: %w", number, domain.ErrNotFound)
	}
	return all, err
}

// countByStatus groups as the index licenses_standing is ordered, so that nothing large is sorted; the
// few licenses of which something is in effect only later are looked at one by one.
const countByStatus = `
	SELECT service, licensor, standing, sum(n) FROM (
		SELECT service, licensor, ` + statusOn + ` AS standing, count(*) AS n FROM licenses WHERE effective <= :day
			GROUP BY service, licensor, status, valid_until, suspended_from, suspended_until, resumed_on, ended_on
		UNION ALL
		SELECT service, licensor, ` + statusAsOf + `, 1 FROM licenses WHERE effective > :day)
	WHERE standing IS NOT NULL GROUP BY service, licensor, standing ORDER BY service, licensor, standing`

// Count is how many licenses of a service and licensor have a status.
type Count struct {
	Service  string
	Licensor string
	Status   license.Status
	N        int
}

// CountByStatus counts all licenses by their status on the day, YYYY-MM-DD; empty is today.
func (m *Model) CountByStatus(ctx context.Context, today string) (counts []Count, err error) {
	at, err := m.moment(today, time.Time{})
	if err != nil {
		return nil, err
	}
	err = m.View(ctx, func(conn *sqlite.Conn) error {
		return projections.Query(conn, countByStatus,
			func(stmt *sqlite.Stmt) error {
				counts = append(counts, Count{stmt.ColumnText(0), stmt.ColumnText(1), license.Status(stmt.ColumnText(2)), stmt.ColumnInt(3)})
				return nil
			}, at.day, at.known)
	})
	if err != nil {
		return nil, fmt.Errorf("count licenses: %w", err)
	}
	return counts, nil
}
