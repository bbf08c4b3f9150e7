// Package memstore is the reference event store: the contract of domain.EventStore and domain.Log
// in a page, in memory. Tests of everything above the store run on it, and its hooks stage the
// faults that a real store shows rarely.
package memstore

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/tizilim/tizilim/domain"
)

// Store keeps the log in memory. Make one with New; set the hooks before it is used.
type Store struct {
	// BeforeAppend, where set, may fail an append before anything is stored.
	BeforeAppend func(domain.Commit) error
	// AfterAppend, where set, may fail an append that is stored: a lost acknowledgement.
	AfterAppend func(domain.Commit) error

	mu sync.Mutex // protects all below
	// log holds the commits in order; the commit at position p is log[p-1]. A lost one has no records.
	log []domain.Commit
	// streams holds the positions of each stream's commits.
	streams map[domain.Stream][]domain.Position
	// grown is closed, and replaced, when the log grows.
	grown chan struct{}
}

// New makes an empty store.
func New() *Store {
	return &Store{streams: map[domain.Stream][]domain.Position{}, grown: make(chan struct{})}
}

// Append implements domain.EventStore.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("append to %s: %w: %w", stream, domain.ErrUnavailable, err)
	}
	// Through the stored form and back: what is read later is what a real store would give, and
	// shares no memory with the caller.
	data, err := domain.EncodeCommit(domain.NewCommit(stream, expected, 0, events))
	if err != nil {
		return 0, err
	}
	commit, err := domain.DecodeCommit(0, data)
	if err != nil {
		return 0, err
	}
	if s.BeforeAppend != nil {
		if err := s.BeforeAppend(commit); err != nil {
			return 0, err
		}
	}
	commit, err = s.append(commit)
	if err != nil {
		return 0, err
	}
	if s.AfterAppend != nil {
		if err := s.AfterAppend(commit); err != nil {
			return 0, err
		}
	}
	return commit.Position, nil
}

func (s *Store) append(c domain.Commit) (domain.Commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	expected := c.Records[0].Version - 1
	head := uint64(0)
	for _, p := range s.streams[c.Stream] {
		stored := s.log[p-1]
		if len(stored.Records) == 0 {
			return domain.Commit{}, fmt.Errorf("%s: position %d is missing: %w", c.Stream, p, domain.ErrDamaged)
		}
		if head == expected && sameEvents(stored, c) {
			return stored, nil
		}
		head += uint64(len(stored.Records))
	}
	if head != expected {
		return domain.Commit{}, fmt.Errorf("%s is at version %d, not %d: %w", c.Stream, head, expected, domain.ErrConflict)
	}
	c.Position = domain.Position(len(s.log) + 1)
	for i := range c.Records {
		c.Records[i].Position = c.Position
	}
	s.log = append(s.log, c)
	s.streams[c.Stream] = append(s.streams[c.Stream], c.Position)
	close(s.grown)
	s.grown = make(chan struct{})
	return c, nil
}

func sameEvents(a, b domain.Commit) bool {
	if len(a.Records) != len(b.Records) {
		return false
	}
	for i := range a.Records {
		if a.Records[i].ID != b.Records[i].ID {
			return false
		}
	}
	return true
}

// Read implements domain.EventStore.
func (s *Store) Read(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		if _, err := domain.NewStream(stream.Category, stream.ID); err != nil {
			yield(domain.Record{}, err)
			return
		}
		for _, c := range s.commits(stream) {
			if err := ctx.Err(); err != nil {
				yield(domain.Record{}, fmt.Errorf("read %s: %w: %w", stream, domain.ErrUnavailable, err))
				return
			}
			if len(c.Records) == 0 {
				yield(domain.Record{}, fmt.Errorf("read %s: position %d is missing: %w", stream, c.Position, domain.ErrDamaged))
				return
			}
			for _, r := range c.Records {
				if r.Version >= from && !yield(r, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) commits(stream domain.Stream) []domain.Commit {
	s.mu.Lock()
	defer s.mu.Unlock()
	commits := make([]domain.Commit, 0, len(s.streams[stream]))
	for _, p := range s.streams[stream] {
		commits = append(commits, s.log[p-1])
	}
	return commits
}

// Follow implements domain.Log.
func (s *Store) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		for at := after; ; {
			commits, grown, err := s.after(at)
			if err != nil {
				yield(domain.Commit{}, err)
				return
			}
			for _, c := range commits {
				if ctx.Err() != nil {
					return
				}
				if len(c.Records) == 0 {
					yield(domain.Commit{}, fmt.Errorf("follow: position %d is missing: %w", at+1, domain.ErrDamaged))
					return
				}
				if !yield(c, nil) {
					return
				}
				at = c.Position
			}
			select {
			case <-ctx.Done():
				return
			case <-grown:
			}
		}
	}
}

// after gives the commits after a position, and what tells that there are more.
func (s *Store) after(p domain.Position) ([]domain.Commit, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(p) > len(s.log) {
		return nil, nil, fmt.Errorf("follow after position %d: the log ends at %d: %w", p, len(s.log), domain.ErrDamaged)
	}
	return s.log[p:len(s.log):len(s.log)], s.grown, nil
}

// Head implements domain.Log.
func (s *Store) Head(ctx context.Context) (domain.Position, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("head of the log: %w: %w", domain.ErrUnavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return domain.Position(len(s.log)), nil
}

// Lose forgets the commit at a position, as a damaged disk would: readers must notice the gap.
func (s *Store) Lose(p domain.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append([]domain.Commit(nil), s.log...) // readers may hold the old one
	s.log[p-1] = domain.Commit{Position: p}
}
