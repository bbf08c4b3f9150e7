package projections_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/sample"
)

// What goes wrong with the second copy says nothing of the model, what the log says of itself does.
func TestAuditThatCannotBeMade(t *testing.T) {
	commits := sample.Commits(10, 3)
	dir := t.TempDir()
	m := open(t, numbers.Kind, dir)
	apply(t, m, commits)
	broken := projections.NewKind(projections.Schema{Name: "numbers", Number: 1}, func(string, ...projections.Option) (*numbers.Model, error) {
		return nil, fmt.Errorf("database disk image is malformed: %w", domain.ErrDamaged)
	})
	err := projections.Audit(t.Context(), sample.NewLog(commits), dir, nil, broken, m)
	if !errors.Is(err, domain.ErrUnavailable) || errors.Is(err, domain.ErrDamaged) {
		t.Errorf("the copy cannot be made: %v", err)
	}
	hole := sample.NewLog(commits)
	hole.Fault = func(_ context.Context, c domain.Commit) error { return damagedAt(c, 5) }
	if err := projections.Audit(t.Context(), hole, dir, nil, numbers.Kind, m); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("the log has a hole: %v", err)
	}
	if err := projections.Audit(t.Context(), sample.NewLog(commits[:9]), dir, nil, numbers.Kind, m); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "the log ends at 9") {
		t.Errorf("the log ends before the model: %v", err)
	}
}

// A model that was fed as it comes holds what one that is built anew holds; where rows are gone, from
// whatever table, that is found.
func TestAudit(t *testing.T) {
	commits := sample.Commits(40, 3)
	log := sample.NewLog(commits)
	for _, k := range kinds {
		t.Run(k.Name(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			m := open(t, k, dir)
			audit := func() error { return projections.Audit(t.Context(), log, dir, nil, k, m) }
			if err := audit(); err != nil {
				t.Fatalf("of an empty model: %v", err)
			}
			for i := 0; i < len(commits)-7; i += 7 {
				apply(t, m, commits[i:i+7])
			}
			if err := audit(); err != nil {
				t.Fatalf("of a sound model: %v", err)
			}
			file, err := filepath.Glob(filepath.Join(dir, "*.sqlite"))
			if err != nil || len(file) != 1 {
				t.Fatalf("files %v, %v", file, err)
			}
			conn, err := sqlite.OpenConn(file[0], sqlite.OpenReadWrite)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			emptied := 0
			for line := range strings.Lines(dump(t, m)) {
				table, ok := strings.CutPrefix(strings.TrimSpace(line), "table ")
				if !ok || table == "cursor" {
					continue
				}
				if err := sqlitex.ExecuteScript(conn, fmt.Sprintf("CREATE TEMP TABLE kept AS SELECT * FROM %[1]s; DELETE FROM %[1]s;", table), nil); err != nil {
					t.Fatal(err)
				}
				rows := conn.Changes()
				emptied += min(rows, 1)
				if err := audit(); rows > 0 && (!errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "tizilim rebuild")) {
					t.Errorf("table %s is empty: %v", table, err)
				}
				if err := sqlitex.ExecuteScript(conn, fmt.Sprintf("INSERT INTO %[1]s SELECT * FROM kept; DROP TABLE kept;", table), nil); err != nil {
					t.Fatal(err)
				}
			}
			if emptied == 0 && !keepsWaiting(k) {
				t.Error("no table had rows")
			}
			if _, err := os.Stat(filepath.Join(dir, "audit")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the audit left something: %v", err)
			}
			if err := audit(); err != nil {
				t.Errorf("with all rows back: %v", err)
			}
		})
	}
}
