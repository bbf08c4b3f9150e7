package licenses_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/sample"
)

// happening is an event with the instant at which it was recorded.
type happening struct {
	at    time.Time
	event domain.Payload
}

// life is what the rules let befall a license, in the order of the commands.
func life(t *rapid.T, number string) (all []happening) {
	now := at("01-01").Add(time.Duration(rapid.IntRange(0, 23).Draw(t, "hour")) * time.Hour)
	today := func() string { return string(calendar.DayOf(now)) }
	after := func(day string, label string, days int) string {
		d, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return d.AddDate(0, 0, rapid.IntRange(0, days).Draw(t, label)).Format(time.DateOnly)
	}
	first := license.Issue{At: now, Issued: issued(number, "x", "01-01", func(p *license.Issued) {
		p.IssuedOn = today()
		p.Sites = []license.Site{{ID: "0", Kind: "point", Address: "a"}}
		if rapid.Bool().Draw(t, "ends") {
			p.ValidUntil = after(today(), "valid until", 60)
		}
	})}
	var s license.State
	for n, c := 0, license.Command(first); ; n++ {
		events, err := license.Decide(s, c)
		if rejection := (*domain.Rejection)(nil); err != nil && !errors.As(err, &rejection) {
			t.Fatal(err)
		}
		for _, e := range events {
			s.Evolve(e)
			all = append(all, happening{now, e})
		}
		if n == 8 {
			return all
		}
		now = now.Add(time.Duration(rapid.IntRange(1, 240).Draw(t, "hours")) * time.Hour)
		from := after(today(), "from", 12)
		site := fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "site"))
		c = rapid.SampledFrom([]license.Command{
			license.Suspend{At: now, From: from, Until: after(from, "until", 30), Reason: "r"},
			license.Suspend{At: now, From: from, Until: after(from, "until", 30), Reason: "again"},
			license.Resume{At: now, On: from}, license.Resume{At: now, On: from, Reason: "again"},
			license.Terminate{At: now, On: after(first.Issued.IssuedOn, "end", 60), Ground: license.Revoked},
			license.EndAsReissued{At: now, On: today(), Successor: "x"},
			license.Duplicate{At: now, Application: site},
			license.AddSite{At: now, Site: license.Site{ID: site, Kind: "point", Address: "a"}},
			license.RemoveSite{At: now, ID: site},
		}).Draw(t, "command")
	}
}

// told is what the events up to the instant say about the day: the fold of all of them, asked about the
// day, and the sites that were added and not removed by it.
func told(all []happening, day string, known time.Time) (status license.Status, sites []string, version uint64) {
	var s license.State
	for _, h := range all {
		if !known.IsZero() && h.at.After(known) {
			break
		}
		s.Evolve(h.event)
		version++
		by := day >= string(calendar.DayOf(h.at))
		switch e := h.event.(type) {
		case license.Issued:
			sites = append(sites, e.Sites[0].ID)
		case license.SiteAdded:
			if by {
				sites = append(sites, e.Site.ID)
			}
		case license.SiteRemoved:
			if by {
				sites = slices.DeleteFunc(sites, func(id string) bool { return id == e.ID })
			}
		}
	}
	if !s.Exists || day < s.IssuedOn {
		return "", nil, 0
	}
	return s.On(day), sites, version
}

// The register agrees with the fold of the events on both axes: one license, a search by status, and
// the counts.
func TestRegisterIsTheFoldOfItsEvents(t *testing.T) {
	m := model(t, &sample.Script{}, "12-01")
	s, lives := &sample.Script{}, [][]happening{}
	rapid.Check(t, func(rt *rapid.T) {
		number := fmt.Sprintf("26%06d", len(lives)+1)
		all := life(rt, number)
		lives = append(lives, all)
		applied := len(s.Commits)
		for _, h := range all {
			add(s, number, h.at, h.event)
		}
		if err := m.Apply(t.Context(), s.Commits[applied:]); err != nil {
			rt.Fatal(err)
		}
		for range 8 {
			on := at("01-01").AddDate(0, 0, rapid.IntRange(-1, 100).Draw(rt, "asked")).Format(time.DateOnly)
			var known time.Time
			if rapid.Bool().Draw(rt, "earlier") {
				known = at("01-01").Add(time.Duration(rapid.IntRange(-24, 80*24).Draw(rt, "known")) * time.Hour)
			}
			status, sites, version := told(all, on, known)
			l, err := m.AsOf(t.Context(), number, on, known)
			if errors.Is(err, domain.ErrNotFound) && status == "" {
				err = nil
			}
			var got []string
			for _, site := range l.Sites {
				got = append(got, site.ID)
			}
			if err != nil || l.Status != status || l.Version != version || !slices.Equal(got, sites) {
				rt.Fatalf("on %s known %s: %q %v version %d, %v; the events say %q %v %d", on, known, l.Status, got, l.Version, err, status, sites, version)
			}
			for _, asked := range statuses {
				p, err := m.Search(t.Context(), licenses.Query{Number: number, Status: asked, AsOf: on, KnownAt: known})
				if err != nil {
					rt.Fatal(err)
				}
				if found := len(p.Licenses) == 1; found != (asked == status) {
					rt.Fatalf("on %s known %s it is %q; searched as %q: %v", on, known, status, asked, found)
				}
			}
		}
	})
	for _, day := range []string{"2026-01-01", "2026-01-15", "2026-02-10", "2026-03-01"} {
		want := map[license.Status]int{}
		for _, all := range lives {
			if status, _, _ := told(all, day, time.Time{}); status != "" {
				want[status]++
			}
		}
		counts, err := m.CountByStatus(t.Context(), day)
		if err != nil {
			t.Fatal(err)
		}
		got := map[license.Status]int{}
		for _, c := range counts {
			got[c.Status] += c.N
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts on %s (-want +got):\n%s", day, diff)
		}
	}
}

var statuses = []license.Status{license.StatusActive, license.StatusSuspended, license.StatusReissued, license.StatusTerminated, license.StatusExpired}
