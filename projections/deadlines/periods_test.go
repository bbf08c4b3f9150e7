package deadlines

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain/calendar"
)

func TestPeriodsAreThoseOfTheCalendar(t *testing.T) {
	for _, tt := range []struct {
		period Period
		at     string
		want   Span
	}{
		{"", "2026-03-02T04:00:00Z", Span{}},
		{Day, "2013-05-05T17:59:59.999999Z", Span{"2013-05-05", "2013-05-05", "2013-05-05"}}, // UTC+6
		{Day, "2013-05-05T18:00:00Z", Span{"2013-05-06", "2013-05-06", "2013-05-06"}},
		{Day, "2024-02-29T18:30:00Z", Span{"2024-02-29", "2024-02-29", "2024-02-29"}}, // its last hour came twice
		{Day, "2024-02-29T19:00:00Z", Span{"2024-03-01", "2024-03-01", "2024-03-01"}}, // UTC+5
		{Month, "2024-02-29T18:59:59Z", Span{"2024-02", "2024-02-01", "2024-02-29"}},
		{Month, "2026-12-31T19:00:00Z", Span{"2027-01", "2027-01-01", "2027-01-31"}},
		{Week, "2026-03-08T18:59:59Z", Span{"2026-W10", "2026-03-02", "2026-03-08"}}, // Sunday
		{Week, "2026-03-08T19:00:00Z", Span{"2026-W11", "2026-03-09", "2026-03-15"}},
		{Week, "2027-01-02T00:00:00Z", Span{"2026-W53", "2026-12-28", "2027-01-03"}},
		{Week, "2024-12-31T12:00:00Z", Span{"2025-W01", "2024-12-30", "2025-01-05"}},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		p := periods{period: tt.period}
		if diff := cmp.Diff(tt.want, spanOf(&p, at)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", tt.period, tt.at, diff)
		}
	}
}

func spanOf(p *periods, at time.Time) Span {
	i := p.find(at.UnixMicro())
	return p.spans[i]
}

// However one jumps about in time, an instant is in its period, and a period is made once.
func TestPeriodsInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	begin := time.Date(2012, 1, 1, 0, 0, 0, 0, calendar.Zone)
	for _, period := range []Period{Day, Week, Month} {
		p, names := periods{period: period}, map[string]bool{}
		for range 20_000 {
			at := begin.Add(time.Duration(random.IntN(16*365*24*3600)) * time.Second)
			span := spanOf(&p, at)
			if at.Before(span.First.Start()) || !at.Before(span.Last.End()) {
				t.Fatalf("%s is not in %+v", at, span)
			}
		}
		for _, s := range p.spans {
			if names[s.Name] {
				t.Errorf("%s was made twice", s.Name)
			}
			names[s.Name] = true
		}
		if len(names) < 16*12 {
			t.Errorf("%d periods", len(names))
		}
	}
}
