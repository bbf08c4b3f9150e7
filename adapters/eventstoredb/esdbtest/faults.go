package esdbtest

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// faults are what the next requests meet.
type faults struct {
	before, after int // appends that fail before, and after, they are stored
	hang          bool
	answers       Answers
	busy          int           // requests that are refused
	cut           int           // events after which reads are cut
	cutting       int           // reads that are cut
	how           Cut           // how they end
	mute          int           // subscriptions that bring nothing
	end           int           // subscriptions that end at once
	short         int           // events after which the next subscription is dropped; 0 for none
	drop          chan struct{} // closed, and replaced, to drop subscriptions
	slow          time.Duration // before a checkpoint
	began         uint64        // where the last subscription began
	nowhere       bool          // repeated appends are answered without a position
}

// FailAppends lets the next n appends fail before anything is stored.
func (s *Server) FailAppends(n int) { s.fault(func(f *faults) { f.before = n }) }

// LoseAnswers lets the next n appends fail after they are stored.
func (s *Server) LoseAnswers(n int) { s.fault(func(f *faults) { f.after = n }) }

// RefuseRequests lets the next n requests of any kind be refused, as a server does that is too busy.
func (s *Server) RefuseRequests(n int) { s.fault(func(f *faults) { f.busy = n }) }

// Hang lets every request wait without an answer.
func (s *Server) Hang(on bool) { s.fault(func(f *faults) { f.hang = on }) }

// Answers are the ways to tell who appends that the stream is at another version.
type Answers int

const (
	BothAnswers   Answers = iota // in the fields of both generations, as servers do now
	OldAnswers                   // in the fields of the first, as servers before 20.6.1 did
	ThrownAnswers                // as an error with its details in the trailer, as the very first did
)

// Conflicts sets how conflicts are told.
func (s *Server) Conflicts(a Answers) { s.fault(func(f *faults) { f.answers = a }) }

// ForgetPlaces lets repeated appends be answered without a position, as a server does that cannot read the event.
func (s *Server) ForgetPlaces(on bool) { s.fault(func(f *faults) { f.nowhere = on }) }

// Cut is how a read breaks off.
type Cut int

const (
	Broken Cut = iota // with an error
	Clean             // as if that were all
	Stuck             // without a word: the call stays open
)

// CutReads lets the next n reads of streams break off after some events.
func (s *Server) CutReads(n, events int, how Cut) {
	s.fault(func(f *faults) { f.cutting, f.cut, f.how = n, events, how })
}

// MuteSubscriptions lets the next n subscriptions bring nothing, as of a node that the others have left behind.
func (s *Server) MuteSubscriptions(n int) { s.fault(func(f *faults) { f.mute = n }) }

// EndSubscriptions lets the next n subscriptions end without a word, as a proxy may end them.
func (s *Server) EndSubscriptions(n int) { s.fault(func(f *faults) { f.end = n }) }

// DropSubscriptions ends every subscription.
func (s *Server) DropSubscriptions() {
	s.fault(func(f *faults) {
		close(f.drop)
		f.drop = make(chan struct{})
	})
}

// CutSubscription drops the next subscription after so many events.
func (s *Server) CutSubscription(events int) { s.fault(func(f *faults) { f.short = events }) }

// SlowSubscriptions lets subscriptions take so long from one checkpoint to the next.
func (s *Server) SlowSubscriptions(d time.Duration) { s.fault(func(f *faults) { f.slow = d }) }

// Began is the position after which the last subscription began, 0 for the beginning of the log.
func (s *Server) Began() (after uint64) {
	s.fault(func(f *faults) { after = f.began })
	return after
}

func (s *Server) fault(set func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set(&s.faults)
}

// count takes one off a number of faults, and says whether there was one.
func (s *Server) count(of func(*faults) *int) (hit bool) {
	s.fault(func(f *faults) {
		if n := of(f); *n > 0 {
			*n--
			hit = true
		}
	})
	return hit
}

// Lose makes the event at a position unreadable. The index still knows of it.
func (s *Server) Lose(position uint64) { s.log.lose(position) }

// LoseOn is Lose on a node that has a log of its own.
func (s *Server) LoseOn(node int, position uint64) { s.nodes[node].log.lose(position) }

// Alter changes bytes of the event at a position, in its data or its metadata.
func (s *Server) Alter(position uint64, from, to string) { s.log.alter(position, from, to) }

// AlterOn is Alter on a node that has a log of its own.
func (s *Server) AlterOn(node int, position uint64, from, to string) {
	s.nodes[node].log.alter(position, from, to)
}

func (l *log) lose(position uint64) { l.change(position, func(r *record) { r.lost = true }) }

func (l *log) alter(position uint64, from, to string) {
	l.change(position, func(r *record) {
		r.data, r.meta = bytes.Replace(r.data, []byte(from), []byte(to), 1), bytes.Replace(r.meta, []byte(from), []byte(to), 1)
	})
}

func (l *log) change(position uint64, change func(*record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.records {
		if r.position != position {
			continue
		}
		changed := *r // readers may hold the old one
		change(&changed)
		l.records[i] = &changed
		for j, other := range l.streams[r.stream] {
			if other == r {
				l.streams[r.stream][j] = &changed
			}
		}
	}
}

// Own gives a node, which has to be stopped, a log of its own: what all have so far, and nothing that comes.
func (s *Server) Own(node int) { s.nodes[node].log = s.log.before(math.MaxUint64) }

// Share has a node, which has to be stopped, keep the log of all again, as one that the others have filled anew.
func (s *Server) Share(node int) { s.nodes[node].log = s.log }

// Behind gives a node, which has to be stopped, a log of its own that ends before the event at a position.
func (s *Server) Behind(node int, position uint64) { s.nodes[node].log = s.log.before(position) }

// Rewind puts an older copy of the log into the place of all nodes' log, as a backup that is restored: it ends
// before the event at a position, and what is written from now on comes to positions of its own.
func (s *Server) Rewind(position uint64) {
	older := s.log.before(position)
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.records, s.log.streams, s.log.end = older.records, older.streams, older.end
}

// Write appends an event of somebody else's to a stream, whatever its version.
func (s *Server) Write(stream, token, data, meta string) {
	s.log.append(stream, anyVersion, []event{{id: uuid.New(), token: token, json: true, data: []byte(data), meta: []byte(meta)}})
}

// Delete deletes a stream softly: it seems not to exist, and goes on where it ended.
func (s *Server) Delete(stream string) { s.Truncate(stream, deletedStream) }

// Truncate takes away what is before an event's number.
func (s *Server) Truncate(stream string, before int64) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.truncate(stream, before)
}

// Tombstone deletes a stream for good.
func (s *Server) Tombstone(stream string) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.tombstone(stream)
}

// Scavenge removes from the log what was truncated.
func (s *Server) Scavenge() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for i, r := range s.log.records {
		if !strings.HasPrefix(r.stream, "$") && r.number < s.log.truncation(r.stream) {
			gone := *r
			gone.lost = true
			s.log.records[i] = &gone
		}
	}
}

// Positions gives where the n events of a stream are of which the last is at a position.
func (s *Server) Positions(last uint64, n int) (positions []uint64) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	index, _ := slices.BinarySearchFunc(s.log.records, last, func(r *record, p uint64) int { return cmp.Compare(r.position, p) })
	stream := s.log.streams[s.log.records[index].stream]
	end := slices.Index(stream, s.log.records[index]) + 1
	for _, r := range stream[end-n : end] {
		positions = append(positions, r.position)
	}
	return positions
}
