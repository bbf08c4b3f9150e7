package domain

import (
	"fmt"

	"github.com/google/uuid"
)

// SplitEvent makes the stored form of one event for a store that keeps each event by itself, with an id
// and a type of its own: meta is a JSON object with the fields between type and data, as they are spelt
// in the stored form of a commit, and data is the payload. JoinEvent puts them together again.
func SplitEvent(e Event) (meta, data []byte, err error) {
	if err := checkEvent(e); err != nil {
		return nil, nil, fmt.Errorf("event %s: %w: %w", e.ID, ErrInvalid, err)
	}
	var m, d form
	m.raw(`{`)
	m.circumstances(e)
	m.raw(`}`)
	d.data(e.Data)
	for _, err := range []error{m.err, d.err} {
		if err != nil {
			return nil, nil, fmt.Errorf("event %s: %w: %w", e.ID, ErrInvalid, err)
		}
	}
	return m.b, d.b, nil
}

// JoinEvent makes an event of what SplitEvent gave. Anything but the very bytes is ErrDamaged. What it
// returns shares no memory with meta and data.
func JoinEvent(id uuid.UUID, token string, meta, data []byte) (Event, error) {
	e := Event{ID: id, Type: token}
	m := reading{b: meta}
	m.raw(`{`)
	m.circumstances(&e)
	m.raw(`}`)
	if m.err == nil && m.at < len(meta) {
		m.fail("nothing more")
	}
	// The payload ends where what it is in would end.
	d := reading{b: append(append(make([]byte, 0, len(data)+1), data...), '}')}
	e.Data = d.data()
	d.raw(`}`)
	if d.err == nil && d.at < len(d.b) {
		d.fail("nothing more")
	}
	for _, err := range []error{m.err, d.err, checkEvent(e)} {
		if err != nil {
			return Event{}, fmt.Errorf("event %s: %w: %w", id, ErrDamaged, err)
		}
	}
	return e, nil
}
