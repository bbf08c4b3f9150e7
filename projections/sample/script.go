package sample

import (
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// Script is a log written by hand: each Add is the next commit. The zero Script is empty.
type Script struct {
	Commits  []domain.Commit
	versions map[domain.Stream]uint64
}

// Add writes a commit of the category's stream with the id.
func (s *Script) Add(category, id string, at time.Time, actor domain.Actor, payloads ...domain.Payload) domain.Commit {
	if s.versions == nil {
		s.versions = map[domain.Stream]uint64{}
	}
	stream, position := domain.Stream{Category: category, ID: id}, domain.Position(len(s.Commits)+1)
	meta := domain.Meta{Command: uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(position >> 8), byte(position)}), Time: at, Actor: actor}
	events, err := meta.Events(payloads)
	if err != nil {
		panic(err) // the script itself is wrong
	}
	c := domain.NewCommit(stream, s.versions[stream], position, events)
	s.versions[stream] += uint64(len(events))
	s.Commits = append(s.Commits, c)
	return c
}
