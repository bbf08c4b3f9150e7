package numbers_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/sample"
)

func TestLookupSeesOneMoment(t *testing.T) {
	s := &sample.Script{}
	for n := 1; n <= 3; n++ {
		s.Add(domain.NumbersCategory, "license-26", sample.Begin, domain.System, license.Assigned{For: fmt.Sprint("a", n), Number: fmt.Sprintf("26%06d", n)})
	}
	s.Add(domain.NumbersCategory, "license-27", sample.Begin, domain.System, license.Assigned{For: "a1", Number: "27000001"})
	m, err := numbers.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Apply(t.Context(), s.Commits); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		series, whose string
		want          *numbers.Number
		head          uint64
	}{
		{"license-26", "a2", &numbers.Number{Series: "license-26", N: 2, For: "a2", Number: "26000002"}, 3},
		{"license-26", "a4", nil, 3},
		{"license-27", "a1", &numbers.Number{Series: "license-27", N: 1, For: "a1", Number: "27000001"}, 1},
		{"permit", "a1", nil, 0},
	} {
		got, head, err := m.Lookup(t.Context(), tt.series, tt.whose)
		if err != nil || head != tt.head {
			t.Errorf("%s %s: head %d, %v", tt.series, tt.whose, head, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.series, tt.whose, diff)
		}
		number, n, ok, err := m.Assigned(t.Context(), tt.series, tt.whose)
		if err != nil || ok != (tt.want != nil) || ok && (number != tt.want.Number || n != tt.want.N) {
			t.Errorf("assigned: %s %d %v %v", number, n, ok, err)
		}
		if h, err := m.Head(t.Context(), tt.series); err != nil || h != tt.head {
			t.Errorf("head: %d, %v", h, err)
		}
	}
}

func TestNumbersOfASampleHaveNoGaps(t *testing.T) {
	m, err := numbers.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	commits := sample.Commits(100, 51)
	if err := m.Apply(t.Context(), commits); err != nil {
		t.Fatal(err)
	}
	for _, c := range commits {
		if c.Stream.Category != domain.LicenseCategory || c.Records[0].Version != 1 {
			continue
		}
		p, err := license.Decode(c.Records[0].Event)
		if err != nil {
			t.Fatal(err)
		}
		number, _, ok, err := m.Assigned(t.Context(), "license-26", p.(license.Issued).Application)
		if err != nil || !ok || number != c.Stream.ID {
			t.Errorf("license %s was assigned %s: %v", c.Stream.ID, number, err)
		}
	}
}

func TestUnknownEventStopsTheNumbers(t *testing.T) {
	m, err := numbers.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := &sample.Script{}
	s.Add(domain.NumbersCategory, "license-26", sample.Begin, domain.System, license.Duplicated{})
	if err := m.Apply(t.Context(), s.Commits); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("%v", err)
	}
}
