package domain

import "fmt"

// AppendCanonical appends the canonical bytes of an event to b: the bytes that digests are made of. They
// are the stored form of a commit that holds the event alone (commit_form.go), so DecodeCommit reads them:
//
//	{"stream":{"category":"license","id":"26000001"},"version":8,"events":[{"id":…,…,"data":{…}}]}
//
// They say what happened and where in its stream, and nothing that a store adds: neither the position,
// which another store gives otherwise, nor which events were appended together. So an event has the same
// bytes in every store. ErrInvalid for an event that has no stored form.
func AppendCanonical(b []byte, r Record) ([]byte, error) {
	w := form{b: b}
	w.place(r.Stream, r.Version)
	w.event(r.Event)
	w.raw(`]}`)
	if w.err != nil {
		return b, fmt.Errorf("event %s of %s: %w: %w", r.ID, r.Stream, ErrInvalid, w.err)
	}
	return w.b, nil
}
