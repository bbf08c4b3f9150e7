package sample_test

import (
	"testing"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
)

// What comes commit by commit is a log: positions without gaps, versions without gaps, in order of time, and
// a number before its license.
func TestAllIsALog(t *testing.T) {
	versions := map[domain.Stream]uint64{}
	var last domain.Commit
	for c := range sample.All(400, 3) {
		first := c.Records[0]
		if c.Position != last.Position+1 || first.Version != versions[c.Stream]+1 {
			t.Fatalf("position %d after %d, %s version %d after %d", c.Position, last.Position, c.Stream, first.Version, versions[c.Stream])
		}
		if last.Position > 0 && first.Time.Before(last.Records[0].Time) {
			t.Fatalf("position %d is older than the one before", c.Position)
		}
		if _, err := domain.EncodeCommit(c); err != nil {
			t.Fatal(err)
		}
		versions[c.Stream], last = c.Version(), c
	}
	if len(versions) < 500 || last.Position < 3000 {
		t.Errorf("%d streams, %d commits", len(versions), last.Position)
	}
}
