package history_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/sample"
	"github.com/tizilim/tizilim/projections/streams"
)

func open(t *testing.T, commits []domain.Commit) *history.Model {
	t.Helper()
	m, err := history.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	events, err := streams.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := events.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(m.Apply(t.Context(), commits), events.Apply(t.Context(), commits)); err != nil {
		t.Fatal(err)
	}
	m.Events = events
	return m
}

func TestHistoryTellsEveryEventAndItsSteps(t *testing.T) {
	s := &sample.Script{}
	progress := application.Progress{Completes: []int{1}, Outcome: regulation.Authorized, Enters: &application.Entered{Step: 2, Action: regulation.FillForm, Role: regulation.Applicant}}
	a := s.Add(domain.ApplicationCategory, "a", sample.Begin, domain.System, application.Opened{Progress: progress, Service: "x"},
		application.Withdrawn{Progress: application.Progress{Ends: true}})
	other := s.Add("anything", "b", sample.Begin, domain.System, license.SiteRemoved{ID: "s"})
	m := open(t, s.Commits)
	got, err := m.Of(t.Context(), a.Stream)
	if err != nil {
		t.Fatal(err)
	}
	want := []history.Entry{{Record: a.Records[0], Progress: progress}, {Record: a.Records[1], Progress: application.Progress{Ends: true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := m.Of(t.Context(), other.Stream); err != nil || len(got) != 1 {
		t.Errorf("a category that nobody knows: %v, %v", got, err)
	}
	if _, err := m.Of(t.Context(), domain.Stream{Category: "license", ID: "a"}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("what never was: %v", err)
	}
}

func TestLineage(t *testing.T) {
	s := &sample.Script{}
	add := func(number string, p ...domain.Payload) {
		s.Add(domain.LicenseCategory, number, sample.Begin, domain.System, p...)
	}
	add("26000001", license.Issued{Number: "26000001", IssuedOn: "2026-03-01", Application: "a1"})
	add("26000001", license.Duplicated{Copy: 1, Application: "a2"})
	add("26000002", license.Issued{Number: "26000002", IssuedOn: "2026-04-01", Application: "a3", Predecessor: "26000001", Reason: "name"})
	add("26000001", license.Reissued{Successor: "26000002", Reason: "name", Application: "a3"})
	add("26000003", license.Issued{Number: "26000003", IssuedOn: "2026-05-01", Application: "a4", Predecessor: "26000002", Reason: "address"})
	add("26000002", license.Reissued{Successor: "26000003", Reason: "address", Application: "a4"})
	add("26000009", license.Issued{Number: "26000009", IssuedOn: "2026-05-01", Application: "a9", Predecessor: "old-paper"})
	add("26000010", license.Issued{Number: "26000010", Predecessor: "26000011"}) // a circle, however it came about
	add("26000011", license.Issued{Number: "26000011", Predecessor: "26000010"})
	m := open(t, s.Commits)
	want := []history.Generation{
		{Number: "26000001", IssuedOn: "2026-03-01", Successor: "26000002", Application: "a1", Duplicates: []string{"a2"}},
		{Number: "26000002", IssuedOn: "2026-04-01", Predecessor: "26000001", Successor: "26000003", Reason: "name", Application: "a3"},
		{Number: "26000003", IssuedOn: "2026-05-01", Predecessor: "26000002", Reason: "address", Application: "a4"},
	}
	for _, number := range []string{"26000001", "26000002", "26000003"} {
		got, err := m.Lineage(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of %s (-want +got):\n%s", number, diff)
		}
	}
	if got, err := m.Lineage(t.Context(), "26000009"); err != nil || len(got) != 1 || got[0].Predecessor != "old-paper" {
		t.Errorf("a predecessor outside of the register: %v, %v", got, err)
	}
	if got, err := m.Lineage(t.Context(), "26000010"); err != nil || len(got) != 2 {
		t.Errorf("a circle: %v, %v", got, err)
	}
	if _, err := m.Lineage(t.Context(), "26000099"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("no such license: %v", err)
	}
}
