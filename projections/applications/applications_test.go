package applications_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/sample"
)

// open opens a model with the commits applied in batches, and folds the same commits by hand.
func open(t *testing.T, commits []domain.Commit) (*applications.Model, []applications.Application) {
	t.Helper()
	m, err := applications.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	for i := 0; i < len(commits); i += 50 {
		if err := m.Apply(t.Context(), commits[i:min(i+50, len(commits))]); err != nil {
			t.Fatal(err)
		}
	}
	var want []applications.Application
	at := map[string]int{}
	for _, c := range commits {
		if c.Stream.Category != domain.ApplicationCategory {
			continue
		}
		i, ok := at[c.Stream.ID]
		if !ok {
			i, want = len(want), append(want, applications.Application{})
			at[c.Stream.ID] = i
		}
		for _, r := range c.Records {
			if err := application.Fold(&want[i].State, r); err != nil {
				t.Fatal(err)
			}
			want[i].UpdatedAt, want[i].Position = r.Time, r.Position
		}
	}
	return m, want
}

func TestApplicationsAreWhatTheirEventsSay(t *testing.T) {
	m, want := open(t, sample.Commits(80, 31))
	for _, w := range want {
		got, err := m.ByID(t.Context(), w.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", w.ID, diff)
		}
		if w.Number == "" {
			continue
		}
		if got, err := m.ByNumber(t.Context(), w.Number); err != nil || got.ID != w.ID {
			t.Errorf("by number %s: %s, %v", w.Number, got.ID, err)
		}
	}
	for _, err := range []error{second(m.ByID(t.Context(), "x")), second(m.ByNumber(t.Context(), ""))} {
		if !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	}
}

func second(_ applications.Application, err error) error { return err }

func TestListIsWhatTheFilterSays(t *testing.T) {
	m, all := open(t, sample.Commits(120, 32))
	now := sample.Begin.AddDate(0, 4, 0)
	any := all[len(all)/2]
	for name, tt := range map[string]struct {
		filter applications.Filter
		match  func(a applications.Application) bool
	}{
		"all":       {applications.Filter{}, func(applications.Application) bool { return true }},
		"opened by": {applications.Filter{OpenedBy: any.OpenedBy}, func(a applications.Application) bool { return a.OpenedBy == any.OpenedBy }},
		"applicant": {applications.Filter{ApplicantID: any.Applicant.ID}, func(a applications.Application) bool { return a.Applicant.ID == any.Applicant.ID }},
		"queue": {applications.Filter{Licensor: "akimat", Statuses: []application.Status{application.StatusExamined}},
			func(a applications.Application) bool {
				return a.Licensor == "akimat" && a.Status == application.StatusExamined
			}},
		"ended": {applications.Filter{Statuses: []application.Status{application.StatusRefused, application.StatusWithdrawn, application.StatusRefused}},
			func(a applications.Application) bool {
				return a.Status == application.StatusRefused || a.Status == application.StatusWithdrawn
			}},
		"center":  {applications.Filter{Center: "center-almaty"}, func(a applications.Application) bool { return a.OpenedFor == "center-almaty" }},
		"service": {applications.Filter{Service: "casino-license", Channel: "portal"}, func(a applications.Application) bool { return a.Service == "casino-license" && a.Channel == "portal" }},
		"step":    {applications.Filter{Step: 14, Action: "issue"}, func(a applications.Application) bool { return a.Step == 14 }},
		"request": {applications.Filter{Request: "reissue"}, func(a applications.Application) bool { return a.Request == "reissue" }},
		"role":    {applications.Filter{Role: "system"}, func(a applications.Application) bool { return a.Role == "system" }},
		"overdue": {applications.Filter{OverdueAt: now}, func(a applications.Application) bool { return a.Due != nil && a.Due.Before(now) }},
		"nobody":  {applications.Filter{OpenedBy: "nobody"}, func(applications.Application) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []string
			for i := len(all) - 1; i >= 0; i-- {
				if tt.match(all[i]) {
					want = append(want, all[i].ID)
				}
			}
			filter := tt.filter
			for filter.Limit = 7; ; {
				p, err := m.List(t.Context(), filter)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range p.Applications {
					got = append(got, a.ID)
				}
				if filter.Cursor = p.Next; p.Next == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			counts, err := m.Counts(t.Context(), tt.filter)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, c := range counts {
				n += c.N
			}
			if n != len(want) {
				t.Errorf("counted %d, listed %d", n, len(want))
			}
			if len(want) == 0 && name != "nobody" {
				t.Error("the sample has none: nothing is tested")
			}
		})
	}
	for _, f := range []applications.Filter{{Limit: -1}, {Limit: applications.MaxLimit + 1}, {Cursor: "no"}} {
		if _, err := m.List(t.Context(), f); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// An application that is opened while somebody turns pages comes first, and moves nothing.
func TestPagesStandStillWhileApplicationsCome(t *testing.T) {
	commits := sample.Commits(20, 33)
	m, all := open(t, commits)
	first, err := m.List(t.Context(), applications.Filter{Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	s := &sample.Script{}
	late := s.Add(domain.ApplicationCategory, "new", time.Now(), domain.System, application.Opened{Service: "x"})
	late.Position = domain.Position(len(commits) + 1)
	late.Records[0].Position = late.Position
	if err := m.Apply(t.Context(), []domain.Commit{late}); err != nil {
		t.Fatal(err)
	}
	next, err := m.List(t.Context(), applications.Filter{Limit: 5, Cursor: first.Next})
	if err != nil || next.Applications[0].ID != all[len(all)-6].ID {
		t.Errorf("the second page begins with %s: %v", next.Applications[0].ID, err)
	}
}
