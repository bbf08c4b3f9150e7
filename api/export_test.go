package api

import (
	"maps"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain/access"
)

// Routes are all routes of the server, for the tests that walk them.
func (s *Server) Routes() []string { return slices.Sorted(slices.Values(s.patterns)) }

// Ruled are all routes that the gate knows.
func Ruled() []string { return slices.Sorted(maps.Keys(actions)) }

// ActionOf is which action the route is.
func ActionOf(pattern string) access.Action { return actions[pattern] }

// WithoutAction does something while a route is none.
func WithoutAction(pattern string, work func()) {
	kept := actions[pattern]
	delete(actions, pattern)
	defer func() { actions[pattern] = kept }()
	work()
}

// Hurry makes feeds look up who reads them so often.
func Hurry(every time.Duration) (undo func()) {
	before := heartbeat
	heartbeat = every
	return func() { heartbeat = before }
}

// FewFeeds allows so many feeds at a time.
func FewFeeds(n int32) (undo func()) {
	before := maxFeeds
	maxFeeds = n
	return func() { maxFeeds = before }
}

// Feeds is how many are open.
func (s *Server) Feeds() int32 { return s.feeds.Load() }

// SafeCell is the guard of CSV cells.
var SafeCell = safeCell

// DigitsCell is how CSV cells keep identifiers.
var DigitsCell = digitsCell

// Statuses are the codes of problems by their status.
func Statuses() map[int][]string { return statuses }
