package domain

import "fmt"

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

// NewStream checks a stream name, here once for every store: a category of lower-case letters, an
// id of up to 100 ASCII letters, digits, hyphens and underscores. Anything else is ErrInvalid.
func NewStream(category, id string) (Stream, error) {
	if !made(category, 32, lowerCase) || !made(id, 100, idByte) {
		return Stream{}, fmt.Errorf("stream %q %q: not a stream name: %w", category, id, ErrInvalid)
	}
	return Stream{category, id}, nil
}

func (s Stream) String() string { return s.Category + "-" + s.ID }

// made reports whether the text is one to limit of such bytes.
func made(text string, limit int, of func(byte) bool) bool {
	for i := range len(text) {
		if !of(text[i]) {
			return false
		}
	}
	return text != "" && len(text) <= limit
}

func lowerCase(c byte) bool { return 'a' <= c && c <= 'z' }

func idByte(c byte) bool {
	return lowerCase(c) || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
