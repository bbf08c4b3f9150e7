// Package license is a license or permit and its lineage: one stream for each number.
//
// A license is born by license-issued, lives through suspension, resumption, duplicates and changes
// of its sites, and ends as reissued or terminated. A reissue makes a new license with a new number
// that keeps the date of first issue; the old one ends and both name each other. Nothing is
// overwritten. Numbers come from the series in number.go.
//
// The order of reading: event.go, command.go, state.go (events → state), decide.go (state and
// command → events or a refusal), number.go.
package license
