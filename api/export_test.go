package api

import (
	"maps"
	"slices"
)

// Routes are all routes of the server, for the tests that walk them.
func (s *Server) Routes() []string { return slices.Sorted(slices.Values(s.patterns)) }

// Ruled are all routes that the gate knows.
func Ruled() []string { return slices.Sorted(maps.Keys(rules)) }

// WithoutRule is New with one rule taken from the gate.
func WithoutRule(pattern string, work func()) {
	kept := rules[pattern]
	delete(rules, pattern)
	defer func() { rules[pattern] = kept }()
	work()
}

// SafeCell is the guard of CSV cells.
var SafeCell = safeCell

// DigitsCell is how CSV cells keep identifiers.
var DigitsCell = digitsCell

// Statuses are the codes of problems by their status.
func Statuses() map[int][]string { return statuses }
