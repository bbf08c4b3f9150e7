package projections

import (
	"testing"

	"github.com/tizilim/tizilim/domain"
)

// What was read and let go again, for somebody who is too far behind, counts too.
func TestLagCountsWhatIsNotKept(t *testing.T) {
	held := func(after, last domain.Position) *feed {
		d := newFeed(nil, nil, after)
		for p := after + 1; p <= last; p++ {
			d.commits, d.last = append(d.commits, domain.Commit{Position: p}), p
		}
		return d
	}
	common := held(100, 110)
	for _, tt := range []struct {
		at    domain.Position
		feeds []*feed
		want  int
	}{
		{110, []*feed{nil, common}, 0},
		{104, []*feed{nil, common}, 6},
		{100, []*feed{nil, common}, 10},
		{7, []*feed{nil, common}, feedCommits + 10},
		{7, []*feed{held(5, 20), common}, 13 + feedCommits + 10},
		{90, []*feed{held(88, 105), common}, 15 + 5},
	} {
		if got := lag(tt.at, tt.feeds...); got != tt.want {
			t.Errorf("at %d: %d, want %d", tt.at, got, tt.want)
		}
	}
}
