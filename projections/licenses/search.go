package licenses

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// Query says which licenses; empty fields say nothing, all others must hold.
type Query struct {
	Number   string
	ID       string // IIN or BIN of the holder
	Text     string // words of the name or activity, the last one may be a beginning
	Service  string
	Licensor string
	Status   license.Status // on the day
	AsOf     string         // the day, YYYY-MM-DD; empty is Today
	KnownAt  time.Time      // as the register knew it then; zero is now
	Today    string         // YYYY-MM-DD; empty is the model's own clock

	// Newest is for the latest issued first; else the order is that of issue.
	Newest bool
	Cursor string // of the page before, of the same query
	Limit  int    // 1 to MaxLimit, 0 is DefaultLimit
}

// Limits of a page. One page looks at no more than candidates licenses for its words or status, so
// that no question can occupy the register: it may then be short, and still have a next one.
const (
	DefaultLimit = 20
	MaxLimit     = 1000
	candidates   = 50_000
)

// Page is a part of the answer. Next is the cursor of the following page, empty
// at the end.
type Page struct {
	Licenses []License
	Next     string
}

// Search finds licenses. A wrong day, cursor or limit, and a text without a word in it or with too many,
// are domain.ErrInvalid.
func (m *Model) Search(ctx context.Context, q Query) (Page, error) {
	limit, err := projections.Limit(q.Limit, DefaultLimit, MaxLimit)
	if err != nil {
		return Page{}, err
	}
	day := q.AsOf
	if day == "" {
		day = q.Today
	}
	at, err := m.moment(day, q.KnownAt)
	if err != nil {
		return Page{}, err
	}
	s, err := newSearch(q, at, limit)
	if err != nil {
		return Page{}, err
	}
	err = m.View(ctx, s.run)
	if err != nil {
		return Page{}, fmt.Errorf("search the register: %w", err)
	}
	return s.page, nil
}

// text says all that is asked but the page and the clock.
func (q Query) text() string {
	q.Cursor, q.Limit, q.Today = "", 0, ""
	q.KnownAt = q.KnownAt.UTC()
	return projections.QueryText("licenses", q)
}

// search is one page on its way.
type search struct {
	at     moment
	limit  int
	status license.Status
	newest bool
	where  *projections.Where
	from   string
	query  string // for the cursor
	page   Page
}

func newSearch(q Query, at moment, limit int) (*search, error) {
	s := &search{at: at, limit: limit, status: q.Status, newest: q.Newest, where: &projections.Where{}, from: "licenses", query: q.text(), page: Page{Licenses: []License{}}}
	s.where.Is("number", q.Number)
	// A unary plus keeps SQLite from the index of a column: with the number or the holder given, which
	// few licenses share, that index is the one to use, and otherwise the words are.
	few := q.Number != "" || q.ID != ""
	s.where.Is(unless(q.Number != "", "holder"), q.ID)
	s.where.Is(unless(few || q.Text != "", "service"), q.Service).Is(unless(few || q.Text != "", "licensor"), q.Licensor)
	if q.Text != "" {
		words, err := match(q.Text)
		if err != nil {
			return nil, err
		}
		s.from = "text CROSS JOIN licenses ON licenses.row = text.rowid" // in this order
		if few {
			s.from = "licenses CROSS JOIN text ON text.rowid = licenses.row"
		}
		s.where.Add("text MATCH ?", words)
	}
	if q.Cursor != "" {
		row, err := projections.ParseCursor(s.query, q.Cursor)
		if err != nil {
			return nil, err
		}
		s.where.Add(s.key()+s.after(), row)
	}
	return s, nil
}

// unless is the column for an index to find, or, with the condition, for a mere look at the row.
func unless(condition bool, column string) string {
	if condition {
		return "+licenses." + column
	}
	return "licenses." + column
}

// key is the column that orders the candidates: the full-text table yields its rows in this order.
func (s *search) key() string {
	if strings.HasPrefix(s.from, "text") {
		return "text.rowid"
	}
	return "licenses.row"
}

func (s *search) sql() string {
	sql := "SELECT " + s.key() + ", issued_on, " + standingAt + " FROM " + s.from + s.where.SQL() + " ORDER BY " + s.key()
	if s.newest {
		sql += " DESC"
	}
	return sql
}

// after compares the key with the cursor's.
func (s *search) after() string {
	if s.newest {
		return " < ?"
	}
	return " > ?"
}

func (s *search) args() []any { return append([]any{s.at.known}, s.where.Args()...) }

// run goes through the candidates in order, and loads those whose status is right.
func (s *search) run(conn *sqlite.Conn) error {
	var rows []int64
	var last int64
	seen, more := 0, false
	statuses := statuses{day: s.at.day, of: map[string]license.Status{}}
	err := projections.Query(conn, s.sql(), func(stmt *sqlite.Stmt) error {
		if len(rows) == s.limit || seen == candidates {
			more = true
			return errEnough
		}
		seen++
		last = stmt.ColumnInt64(0)
		if stmt.ColumnIsNull(2) || stmt.ColumnText(1) > s.at.day { // not known, or not issued
			return nil
		}
		if s.status == "" || s.status == statuses.on(stmt.ColumnText(2)) {
			rows = append(rows, last)
		}
		return nil
	}, s.args()...)
	if err != nil && !more {
		return err
	}
	if more {
		s.page.Next = projections.Cursor(s.query, last)
	}
	for _, row := range rows {
		l, err := load(conn, row, s.at)
		if err != nil {
			return err
		}
		s.page.Licenses = append(s.page.Licenses, l)
	}
	return nil
}

// errEnough ends a query early.
var errEnough = fmt.Errorf("enough")
