package licenses

import (
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
)

// KnownAt reads the instant by which the register must have known: an instant of RFC 3339, or a day,
// which is its end, for what was recorded on a day was known by then. Empty is the zero time; anything
// else is domain.ErrInvalid.
func KnownAt(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := calendar.ParseDay(text); err == nil {
		return day.End().Add(-time.Microsecond), nil
	}
	known, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("known at %.40q: neither a day nor an instant: %w", text, domain.ErrInvalid)
	}
	return known, nil
}

// Stopped is the suspension that holds on the license's Day or lies ahead of it, nil where there is
// none or the license is over by then.
func (l License) Stopped() *license.Suspended {
	open := l.Status == license.StatusActive || l.Status == license.StatusSuspended
	if p := l.Suspension; p != nil && open && l.Day <= p.Until && (l.Resumption == nil || l.Day < l.Resumption.On) {
		return p
	}
	return nil
}
