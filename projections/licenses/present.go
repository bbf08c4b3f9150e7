package licenses

import "github.com/tizilim/tizilim/domain/license"

// Stopped is the suspension that holds on the license's Day or lies ahead of it, nil where there is
// none or the license is over by then.
func (l License) Stopped() *license.Suspended {
	open := l.Status == license.StatusActive || l.Status == license.StatusSuspended
	if p := l.Suspension; p != nil && open && l.Day <= p.Until && (l.Resumption == nil || l.Day < l.Resumption.On) {
		return p
	}
	return nil
}
