package domain

import (
	"fmt"
	"regexp"
)

// Stream names one event stream: everything that befell one application, license or series.
type Stream struct {
	Category string `json:"category"`
	ID       string `json:"id"`
}

// The categories of streams.
const (
	ApplicationCategory = "application" // one application; the id is a UUID
	LicenseCategory     = "license"     // one license or permit; the id is its number
	NumbersCategory     = "numbers"     // one series of numbers; the id names the series
	RegistryCategory    = "registry"    // the registry itself; the id names the part of it
)

var (
	categoryForm = regexp.MustCompile(`^[a-z]{1,32}$`)
	streamIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
)

// NewStream checks a stream name, here once for every store: a category of lower-case letters, an
// id of up to 100 ASCII letters, digits, hyphens and underscores. Anything else is ErrInvalid.
func NewStream(category, id string) (Stream, error) {
	if !categoryForm.MatchString(category) || !streamIDForm.MatchString(id) {
		return Stream{}, fmt.Errorf("stream %q %q: not a stream name: %w", category, id, ErrInvalid)
	}
	return Stream{category, id}, nil
}

func (s Stream) String() string { return s.Category + "-" + s.ID }
