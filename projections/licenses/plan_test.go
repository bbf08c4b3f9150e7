package licenses

import (
	"fmt"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections"
)

// Every pair of conditions is answered by the index of the one that fewer licenses meet, and nothing is
// sorted: no question takes longer because the register is large.
func TestEveryPairOfConditionsHasItsIndex(t *testing.T) {
	m, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	conditions := []struct {
		name  string
		set   func(*Query)
		index string // that is used, unless one before it in this list is given too
	}{
		{"number", func(q *Query) { q.Number = "x" }, "sqlite_autoindex_licenses_1"},
		{"holder", func(q *Query) { q.ID = "x" }, "licenses_holder"},
		{"text", func(q *Query) { q.Text = "x" }, "text VIRTUAL TABLE"},
		{"service", func(q *Query) { q.Service = "x" }, "licenses_service"},
		{"licensor", func(q *Query) { q.Licensor = "x" }, "licenses_licensor"},
		{"status", func(q *Query) { q.Status = license.StatusActive }, ""},
		{"cursor", nil, ""},
	}
	for _, newest := range []bool{false, true} {
		for i, a := range conditions {
			for _, b := range conditions[i:] {
				q := Query{Newest: newest}
				for _, c := range []func(*Query){a.set, b.set} {
					if c != nil {
						c(&q)
					}
				}
				s, err := newSearch(q, moment{day: "2026-03-01", known: always}, 20)
				if err != nil {
					t.Fatal(err)
				}
				if b.set == nil {
					s.where.Add(s.key()+s.after(), 7)
				}
				want := a.index
				if a.name == "service" && b.name == "licensor" {
					want = "licenses_both"
				}
				plan := planOf(t, m, s)
				if first, _, _ := strings.Cut(plan, "\n"); !strings.Contains(first, want) || strings.Contains(plan, "TEMP B-TREE") {
					t.Errorf("%s and %s, want %s:\n%s", a.name, b.name, want, plan)
				}
			}
		}
	}
}

func planOf(t *testing.T, m *Model, s *search) string {
	t.Helper()
	var plan strings.Builder
	if err := m.View(t.Context(), func(conn *sqlite.Conn) error {
		return projections.Query(conn, "EXPLAIN QUERY PLAN "+s.sql(), func(stmt *sqlite.Stmt) error {
			_, err := fmt.Fprintln(&plan, stmt.ColumnText(3))
			return err
		}, s.args()...)
	}); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
