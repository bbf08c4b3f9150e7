package sample_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/sample"
)

func TestSampleIsALogOfWholeLives(t *testing.T) {
	commits := sample.Commits(300, 1)
	types := map[string]int{}
	versions := map[domain.Stream]uint64{}
	for i, c := range commits {
		if c.Position != domain.Position(i+1) {
			t.Fatalf("commit %d has position %d", i, c.Position)
		}
		for _, r := range c.Records {
			types[r.Type]++
			if versions[r.Stream]++; r.Version != versions[r.Stream] {
				t.Fatalf("%s: version %d after %d", r.Stream, r.Version, versions[r.Stream]-1)
			}
			var err error
			switch r.Stream.Category {
			case domain.ApplicationCategory:
				_, err = application.Decode(r.Event)
			case domain.LicenseCategory:
				_, err = license.Decode(r.Event)
			case domain.NumbersCategory:
				_, err = license.DecodeAssigned(r.Event)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(types) < 23 {
		t.Errorf("only %d types of event occur: %v", len(types), types)
	}
	if diff := cmp.Diff(commits[:50], sample.Commits(300, 1)[:50]); diff != "" {
		t.Errorf("the same seed made another log:\n%s", diff)
	}
}
