package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// storedCommit is the one JSON form of a commit: what every store keeps as one message and what an
// export carries. The position is not in it; the store gives it.
type storedCommit struct {
	Stream Stream `json:"stream"`
	// Version is the version of the first event; the others follow it.
	Version uint64  `json:"version"`
	Events  []Event `json:"events"`
}

// EncodeCommit makes the stored form of a commit: JSON without white space, the same bytes for the
// same commit for ever. A commit that could not be read back is refused as ErrInvalid, one beyond
// MaxCommitBytes as ErrTooLarge.
func EncodeCommit(c Commit) ([]byte, error) {
	s := storedCommit{Stream: c.Stream, Events: make([]Event, len(c.Records))}
	for i, r := range c.Records {
		s.Events[i] = r.Event
	}
	if len(c.Records) > 0 {
		s.Version = c.Records[0].Version
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("commit to %s: %w: %w", c.Stream, ErrInvalid, err)
	}
	data, err := s.encode()
	if err != nil {
		return nil, fmt.Errorf("commit to %s: %w: %w", c.Stream, ErrInvalid, err)
	}
	if len(data) > MaxCommitBytes {
		return nil, fmt.Errorf("commit to %s is %d bytes, the limit is %d: %w", c.Stream, len(data), MaxCommitBytes, ErrTooLarge)
	}
	return data, nil
}

// DecodeCommit reads a commit back from its stored form. Anything but the very bytes EncodeCommit
// makes is ErrDamaged: another spelling of the same JSON was not written by this registry.
func DecodeCommit(position Position, data []byte) (Commit, error) {
	var s storedCommit
	err := json.Unmarshal(data, &s)
	if err == nil {
		err = s.check()
	}
	if err == nil {
		err = s.same(data)
	}
	if err != nil {
		return Commit{}, fmt.Errorf("commit at position %d: %w: %w", position, ErrDamaged, err)
	}
	return NewCommit(s.Stream, s.Version-1, position, s.Events), nil
}

// check finds what cannot be stored and read back unchanged.
func (s storedCommit) check() error {
	if _, err := NewStream(s.Stream.Category, s.Stream.ID); err != nil {
		return err
	}
	if len(s.Events) == 0 {
		return fmt.Errorf("no events")
	}
	if s.Version == 0 || s.Version+uint64(len(s.Events)) < s.Version {
		return fmt.Errorf("first version %d", s.Version)
	}
	seen := make(map[uuid.UUID]bool, len(s.Events))
	for i, e := range s.Events {
		switch {
		case e.ID == uuid.Nil || seen[e.ID]:
			return fmt.Errorf("event %d: id %s is empty or repeated", i, e.ID)
		case e.Type == "" || e.Schema < 1:
			return fmt.Errorf("event %d: type %q schema %d", i, e.Type, e.Schema)
		case e.Time.IsZero() || e.Time.Location() != time.UTC || e.Time.Nanosecond()%1000 != 0:
			return fmt.Errorf("event %d: time %s is not UTC in whole microseconds", i, e.Time)
		case len(e.Data) == 0:
			return fmt.Errorf("event %d: no data", i)
		}
		seen[e.ID] = true
	}
	return nil
}

func (s storedCommit) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // data keeps the bytes its payload was encoded to
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// same compares with the bytes that were read, which also finds unknown and repeated fields, other
// letter case and white space: all that a JSON decoder forgives.
func (s storedCommit) same(data []byte) error {
	want, err := s.encode()
	if err != nil {
		return err
	}
	if !bytes.Equal(want, data) {
		return fmt.Errorf("not the form this registry writes")
	}
	return nil
}
