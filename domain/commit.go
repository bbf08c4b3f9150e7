package domain

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// EncodeCommit makes the stored form of a commit, which every store keeps as one message and an
// export carries as one line (commit_form.go). The position is not in it; the store gives it. A
// commit that could not be read back unchanged is ErrInvalid, one beyond MaxCommitBytes ErrTooLarge.
func EncodeCommit(c Commit) ([]byte, error) {
	if err := checkCommit(c); err != nil {
		return nil, fmt.Errorf("commit to %s: %w: %w", c.Stream, ErrInvalid, err)
	}
	data, err := writeCommit(c)
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
	c, err := readCommit(data)
	if err == nil {
		err = checkCommit(c)
	}
	if err != nil {
		return Commit{}, fmt.Errorf("commit at position %d: %w: %w", position, ErrDamaged, err)
	}
	c.Position = position
	for i := range c.Records {
		c.Records[i].Position = position
	}
	return c, nil
}

// checkCommit finds what cannot be stored and read back unchanged.
func checkCommit(c Commit) error {
	if _, err := NewStream(c.Stream.Category, c.Stream.ID); err != nil {
		return err
	}
	if len(c.Records) == 0 {
		return fmt.Errorf("no events")
	}
	if first := c.Records[0].Version; first == 0 || first+uint64(len(c.Records)) < first {
		return fmt.Errorf("first version %d", first)
	}
	for i, r := range c.Records {
		if err := checkEvent(r.Event); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		if slices.ContainsFunc(c.Records[:i], func(before Record) bool { return before.ID == r.ID }) {
			return fmt.Errorf("event %d: id %s is repeated", i, r.ID)
		}
	}
	return nil
}

func checkEvent(e Event) error {
	switch {
	case e.ID == uuid.Nil:
		return fmt.Errorf("no id")
	case e.Type == "" || e.Schema < 1:
		return fmt.Errorf("type %q schema %d", e.Type, e.Schema)
	case e.Time.IsZero() || e.Time.Location() != time.UTC || e.Time.Nanosecond()%1000 != 0 || e.Time.Year() > 9999:
		return fmt.Errorf("time %s is not UTC in whole microseconds", e.Time)
	case len(e.Data) == 0:
		return fmt.Errorf("no data")
	}
	return nil
}
