package license_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/license"
)

// noon is 12:00 of 24 November 2026 in Almaty.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

var issued = license.Issued{
	Number: "26000001", Kind: "license", Service: "casino-license", IssuedOn: "2026-01-12", FirstIssuedOn: "2026-01-12",
	Licensee: license.Licensee{ID: "120540001238", Name: "ТОО «Жарық»"}, Application: "a-1",
	Sites: []license.Site{{ID: "1", Kind: "object", Address: "Алматы"}},
}

var (
	suspended  = license.Suspended{From: "2026-11-20", Until: "2027-01-31", Reason: "inspection"}
	again      = license.Suspended{From: "2027-03-01", Until: "2027-03-31", Reason: "inspection"}
	resumed    = license.Resumed{On: "2026-11-23"}
	reissued   = license.Reissued{Successor: "26000002", On: "2026-11-24", Reason: "name", Application: "a-2"}
	terminated = license.Terminated{On: "2026-11-01", Ground: license.OwnRequest}
	duplicated = license.Duplicated{Copy: 1, Application: "a-3"}
	ending     = license.Terminated{On: "2026-12-31", Ground: license.OwnRequest}
	successor  = license.Issued{Number: "26000002", IssuedOn: "2026-11-24", Application: "a-2"}
	limited    = func() license.Issued { i := issued; i.ValidUntil = "2026-06-30"; return i }()
)

func ptr(s license.State) *license.State { return &s }

func given(events ...domain.Payload) license.State {
	var s license.State
	for _, e := range events {
		s.Evolve(e)
	}
	return s
}

func TestDecide(t *testing.T) {
	second := license.Site{ID: "2", Kind: "point", Address: "Астана"}
	tests := map[string]struct {
		given []domain.Payload
		when  license.Command
		then  []domain.Payload
		code  string
	}{
		"issue":                                 {nil, license.Issue{At: noon, Issued: issued}, []domain.Payload{issued}, ""},
		"issue again":                           {[]domain.Payload{issued}, license.Issue{At: noon, Issued: issued}, nil, ""},
		"number taken":                          {[]domain.Payload{issued}, license.Issue{At: noon, Issued: license.Issued{Application: "a-9"}}, nil, "number-taken"},
		"end as reissued":                       {[]domain.Payload{issued}, license.EndAsReissued{At: noon, On: "2026-11-24", Successor: "26000002", Reason: "name", Application: "a-2"}, []domain.Payload{reissued}, ""},
		"end twice":                             {[]domain.Payload{issued, reissued}, license.EndAsReissued{At: noon, Successor: "26000003"}, nil, ""},
		"first copy":                            {[]domain.Payload{issued}, license.Duplicate{At: noon, Application: "a-3"}, []domain.Payload{duplicated}, ""},
		"same copy again":                       {[]domain.Payload{issued, duplicated}, license.Duplicate{At: noon, Application: "a-3"}, nil, ""},
		"second copy":                           {[]domain.Payload{issued, duplicated}, license.Duplicate{At: noon, Application: "a-4"}, []domain.Payload{license.Duplicated{Copy: 2, Application: "a-4"}}, ""},
		"suspend":                               {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-24", Until: "2027-05-24", Reason: "r"}, []domain.Payload{license.Suspended{From: "2026-11-24", Until: "2027-05-24", Reason: "r"}}, ""},
		"suspend too long":                      {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-24", Until: "2027-05-25", Reason: "r"}, nil, "suspension-too-long"},
		"suspend backwards":                     {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-25", Until: "2026-11-24", Reason: "r"}, nil, "suspension-days-invalid"},
		"suspend in the past":                   {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-23", Until: "2026-11-30", Reason: "r"}, nil, "suspension-days-invalid"},
		"suspend, no day":                       {[]domain.Payload{issued}, license.Suspend{At: noon, From: "tomorrow", Until: "2026-11-30", Reason: "r"}, nil, "suspension-days-invalid"},
		"suspend, no reason":                    {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30"}, nil, "suspension-reason-required"},
		"suspend, blank reason":                 {[]domain.Payload{issued}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: " "}, nil, "suspension-reason-required"},
		"terminate, other words":                {[]domain.Payload{issued, terminated}, license.Terminate{At: noon, On: "2026-11-01", Ground: license.OwnRequest, Text: "t"}, nil, "license-not-active"},
		"site, blank address":                   {[]domain.Payload{issued}, license.AddSite{At: noon, Site: license.Site{ID: "3", Kind: "branch", Address: " "}}, nil, "site-invalid"},
		"suspend twice":                         {[]domain.Payload{issued, suspended}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, nil, "suspended-already"},
		"suspend repeated":                      {[]domain.Payload{issued, suspended}, license.Suspend{At: noon, From: "2026-11-20", Until: "2027-01-31", Reason: "inspection"}, nil, ""},
		"suspend again after":                   {[]domain.Payload{issued, suspended, resumed}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, []domain.Payload{license.Suspended{From: "2026-11-24", Until: "2026-11-30", Reason: "r"}}, ""},
		"suspend, expired":                      {[]domain.Payload{limited}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, nil, "license-not-active"},
		"suspend, ended":                        {[]domain.Payload{issued, reissued}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, nil, "license-not-active"},
		"resume":                                {[]domain.Payload{issued, suspended}, license.Resume{At: noon, On: "2026-11-24"}, []domain.Payload{license.Resumed{On: "2026-11-24"}}, ""},
		"resume in the past":                    {[]domain.Payload{issued, suspended}, license.Resume{At: noon, On: "2026-11-21"}, nil, "resumption-day-invalid"},
		"resume active":                         {[]domain.Payload{issued}, license.Resume{At: noon, On: "2026-11-24"}, nil, "not-suspended"},
		"resume repeated":                       {[]domain.Payload{issued, suspended, resumed}, license.Resume{At: noon, On: "2026-11-23"}, nil, ""},
		"terminate":                             {[]domain.Payload{issued}, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Revoked, Order: "5"}, []domain.Payload{license.Terminated{On: "2026-11-24", Ground: license.Revoked, Order: "5"}}, ""},
		"terminate expired":                     {[]domain.Payload{limited}, license.Terminate{At: noon, On: "2026-07-01", Ground: license.Expired}, []domain.Payload{license.Terminated{On: "2026-07-01", Ground: license.Expired}}, ""},
		"terminate repeated":                    {[]domain.Payload{issued, terminated}, license.Terminate{At: noon, On: "2026-11-01", Ground: license.OwnRequest}, nil, ""},
		"terminate twice":                       {[]domain.Payload{issued, terminated}, license.Terminate{At: noon, On: "2026-11-02", Ground: license.Revoked}, nil, "license-not-active"},
		"terminate too early":                   {[]domain.Payload{issued}, license.Terminate{At: noon, On: "2025-11-24", Ground: license.Revoked}, nil, "termination-day-invalid"},
		"terminate, whim":                       {[]domain.Payload{issued}, license.Terminate{At: noon, On: "2026-11-24", Ground: "whim"}, nil, "ground-unknown"},
		"terminate, not yet expired":            {[]domain.Payload{issued}, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Expired}, nil, "not-expired"},
		"revoke before the end set":             {[]domain.Payload{issued, ending}, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Revoked}, []domain.Payload{license.Terminated{On: "2026-11-24", Ground: license.Revoked}}, ""},
		"put the end off":                       {[]domain.Payload{issued, ending}, license.Terminate{At: noon, On: "2027-03-01", Ground: license.Revoked}, nil, "termination-day-invalid"},
		"suspend before the end set":            {[]domain.Payload{issued, ending}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, []domain.Payload{license.Suspended{From: "2026-11-24", Until: "2026-11-30", Reason: "r"}}, ""},
		"suspend as before, after a resumption": {[]domain.Payload{issued, license.Suspended{From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, license.Resumed{On: "2026-11-24"}}, license.Suspend{At: noon, From: "2026-11-24", Until: "2026-11-30", Reason: "r"}, []domain.Payload{license.Suspended{From: "2026-11-24", Until: "2026-11-30", Reason: "r"}}, ""},
		"resume after the suspension":           {[]domain.Payload{issued, suspended}, license.Resume{At: noon, On: "2027-02-01"}, nil, "resumption-day-invalid"},
		"resume later than said":                {[]domain.Payload{issued, suspended, license.Resumed{On: "2026-12-01"}}, license.Resume{At: noon, On: "2026-12-02"}, nil, "resumption-day-invalid"},
		"resume earlier than said":              {[]domain.Payload{issued, suspended, license.Resumed{On: "2026-12-01"}}, license.Resume{At: noon, On: "2026-11-24"}, []domain.Payload{license.Resumed{On: "2026-11-24"}}, ""},
		"issue in place of an encumbered one":   {nil, license.Issue{At: noon, Issued: successor, Predecessor: ptr(given(issued, suspended, ending))}, []domain.Payload{successor, suspended, ending}, ""},
		"issue in place of one resumed":         {nil, license.Issue{At: noon, Issued: successor, Predecessor: ptr(given(issued, suspended, resumed))}, []domain.Payload{successor}, ""},
		"end a terminated one":                  {[]domain.Payload{issued, terminated}, license.EndAsReissued{At: noon, On: "2026-11-24", Successor: "26000002", Reason: "name", Application: "a-2"}, []domain.Payload{reissued}, ""},
		"site of an expired one":                {[]domain.Payload{limited}, license.AddSite{At: noon, Site: second}, nil, "license-not-active"},
		"add a site":                            {[]domain.Payload{issued}, license.AddSite{At: noon, Site: second}, []domain.Payload{license.SiteAdded{Site: second}}, ""},
		"add it again":                          {[]domain.Payload{issued, license.SiteAdded{Site: second}}, license.AddSite{At: noon, Site: second}, nil, ""},
		"another, same id":                      {[]domain.Payload{issued, license.SiteAdded{Site: second}}, license.AddSite{At: noon, Site: license.Site{ID: "2", Kind: "branch", Address: "x"}}, nil, "site-exists"},
		"site, no address":                      {[]domain.Payload{issued}, license.AddSite{At: noon, Site: license.Site{ID: "3", Kind: "branch"}}, nil, "site-invalid"},
		"remove a site":                         {[]domain.Payload{issued}, license.RemoveSite{At: noon, ID: "1"}, []domain.Payload{license.SiteRemoved{ID: "1"}}, ""},
		"remove it again":                       {[]domain.Payload{issued, license.SiteRemoved{ID: "1"}}, license.RemoveSite{At: noon, ID: "1"}, nil, ""},
		"remove unknown":                        {[]domain.Payload{issued}, license.RemoveSite{At: noon, ID: "7"}, nil, "site-unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := license.Decide(given(tt.given...), tt.when)
			if c := code(err); c != tt.code || err != nil && c == "" {
				t.Fatalf("got %v, want code %q", err, tt.code)
			}
			if diff := cmp.Diff(tt.then, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := license.Decide(license.State{}, license.Resume{}); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a license that does not exist: %v", err)
	}
}

func TestStatusOnADay(t *testing.T) {
	tests := map[string]struct {
		given []domain.Payload
		days  map[string]license.Status
	}{
		"limited": {[]domain.Payload{limited}, map[string]license.Status{
			"2026-06-30": license.StatusActive, "2026-07-01": license.StatusExpired,
		}},
		"suspended until the end": {[]domain.Payload{issued, suspended}, map[string]license.Status{
			"2026-11-19": license.StatusActive, "2026-11-20": license.StatusSuspended,
			"2027-01-31": license.StatusSuspended, "2027-02-01": license.StatusActive,
		}},
		"resumed early": {[]domain.Payload{issued, suspended, resumed}, map[string]license.Status{
			"2026-11-20": license.StatusSuspended, "2026-11-22": license.StatusSuspended, "2026-11-23": license.StatusActive,
		}},
		"suspended twice": {[]domain.Payload{issued, suspended, resumed, again}, map[string]license.Status{
			"2026-11-20": license.StatusSuspended, "2026-11-23": license.StatusActive,
			"2027-03-01": license.StatusSuspended, "2027-04-01": license.StatusActive,
		}},
		"terminated": {[]domain.Payload{issued, terminated}, map[string]license.Status{
			"2026-10-31": license.StatusActive, "2026-11-01": license.StatusTerminated,
		}},
		"reissued": {[]domain.Payload{issued, reissued}, map[string]license.Status{
			"2026-11-23": license.StatusActive, "2026-11-24": license.StatusReissued,
		}},
	}
	for name, tt := range tests {
		for day, want := range tt.days {
			if got := given(tt.given...).On(day); got != want {
				t.Errorf("%s on %s: %s, want %s", name, day, got, want)
			}
		}
	}
}

// Whatever is asked in whatever order: a license that ended never changes again, copies count up by
// one, sites are unique, and a command given twice in a row has one effect.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := given(issued)
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			c := command(t)
			events, err := license.Decide(s, c)
			if err != nil {
				if code(err) == "" {
					t.Fatalf("%T: %v is no rejection", c, err)
				}
				continue
			}
			before := s
			for _, e := range events {
				s.Evolve(e)
			}
			_, copied := c.(license.Duplicate) // a decision taken before the end is still carried out
			_, ended := c.(license.EndAsReissued)
			if st := before.On(today); (st == license.StatusReissued || st == license.StatusTerminated) && len(events) > 0 && !copied && !ended {
				t.Fatalf("%T changed a license that is %s", c, st)
			}
			if got := s.On(today); len(events) == 0 && !holds(c, s) {
				t.Fatalf("%+v is said to be done, and the license is %s", c, got)
			}
			if s.Copies != before.Copies && s.Copies != before.Copies+1 {
				t.Fatalf("copies went from %d to %d", before.Copies, s.Copies)
			}
			seen := map[string]bool{}
			for _, site := range s.Sites {
				if seen[site.ID] {
					t.Fatalf("site %s twice", site.ID)
				}
				seen[site.ID] = true
			}
			if again, err := license.Decide(s, c); err != nil || len(again) > 0 {
				t.Fatalf("%T again: %v %v", c, again, err)
			}
		}
	})
}

const today = "2026-11-24"

// holds reports whether the state is what the command wants.
func holds(c license.Command, s license.State) bool {
	switch c := c.(type) {
	case license.Suspend:
		return s.Suspension != nil && s.Resumption == nil && s.Suspension.From == c.From && s.Suspension.Until == c.Until
	case license.Resume:
		return s.Resumption != nil && s.Resumption.On == c.On
	case license.Terminate:
		return s.End != nil && s.End.On == c.On
	}
	return true
}

func command(t *rapid.T) license.Command {
	day := rapid.SampledFrom([]string{"2026-11-24", "2026-11-25", "2026-12-31", "2027-05-24"})
	id := rapid.SampledFrom([]string{"1", "2", "3"})
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return license.Duplicate{At: noon, Application: "a-" + id.Draw(t, "application")}
	case 1:
		return license.Suspend{At: noon, From: day.Draw(t, "from"), Until: day.Draw(t, "until"), Reason: "r"}
	case 2:
		return license.Resume{At: noon, On: day.Draw(t, "on"), Reason: id.Draw(t, "reason")}
	case 3:
		return license.AddSite{At: noon, Site: license.Site{ID: id.Draw(t, "site"), Kind: "point", Address: "a"}}
	case 4:
		return license.RemoveSite{At: noon, ID: id.Draw(t, "site")}
	case 5:
		return license.EndAsReissued{At: noon, On: "2026-11-24", Successor: "26000002", Application: "a-5"}
	default:
		return license.Terminate{At: noon, On: day.Draw(t, "on"), Ground: license.OwnRequest}
	}
}

func code(err error) string {
	var r *domain.Rejection
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}
