package signature

import (
	"fmt"
	"slices"
)

// lists are the blobs that may be kept elsewhere: lists of revoked certificates are large, and the same for
// many signatures.
func (e *Evidence) lists() []*Blob {
	var all []*Blob
	for i := range e.Statuses {
		if s := &e.Statuses[i]; s.Source == CRL {
			all = append(all, &s.Answer)
			if s.Delta != nil {
				all = append(all, &s.Delta.Answer)
			}
		}
	}
	return all
}

// Detach takes the lists out, to be kept by their digests.
func (e Evidence) Detach() (without Evidence, lists map[string][]byte) {
	lists = map[string][]byte{}
	without = e.copied()
	for _, b := range without.lists() {
		lists[b.SHA256], b.Raw = b.Raw, nil
	}
	return without, lists
}

// Attach puts the lists back. get gives the bytes of a digest.
func (e Evidence) Attach(get func(sha256 string) ([]byte, error)) (Evidence, error) {
	with := e.copied()
	for _, b := range with.lists() {
		if b.Raw != nil {
			continue
		}
		raw, err := get(b.SHA256)
		if err != nil {
			return Evidence{}, fmt.Errorf("attach list %s: %w", b.SHA256, err)
		}
		b.Raw = raw
	}
	return with, nil
}

// copied shares no status with the original.
func (e Evidence) copied() Evidence {
	e.Statuses = slices.Clone(e.Statuses)
	for i, s := range e.Statuses {
		if s.Delta != nil {
			delta := *s.Delta
			e.Statuses[i].Delta = &delta
		}
	}
	return e
}
