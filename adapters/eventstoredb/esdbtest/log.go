package esdbtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sync"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	deletedStream = math.MaxInt64 // the last event's number of a stream with a tombstone, and where a soft delete truncates
	noStream      = -1            // expected, or where a stream is that has no event
	anyVersion    = -2
	streamExists  = -4
)

// record is an event in the log.
type record struct {
	position uint64
	stream   string
	number   int64 // its revision
	event
	lost bool // in the index, and unreadable
}

// event is what an append proposes.
type event struct {
	id         uuid.UUID
	token      string
	json       bool
	data, meta []byte
}

func (e event) size() int { return len(e.data) + len(e.meta) + 2*len(e.token) }

// log is what all nodes share.
type log struct {
	mu      sync.Mutex // protects all below
	records []*record  // in order of position
	streams map[string][]*record
	end     uint64
	grown   chan struct{} // closed, and replaced, when the log grows
}

func newLog() *log {
	l := &log{streams: map[string][]*record{}, grown: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write("$scavenges", 0, []event{{id: uuid.New(), token: "$scavengeIndexInitialized", data: []byte(`{}`)}})
	return l
}

// before is a copy that ends before the record at a position.
func (l *log) before(position uint64) *log {
	l.mu.Lock()
	defer l.mu.Unlock()
	older := &log{streams: map[string][]*record{}, end: min(position, l.end), grown: make(chan struct{})}
	for _, r := range l.records {
		if r.position < position {
			older.records = append(older.records, r)
			older.streams[r.stream] = append(older.streams[r.stream], r)
		}
	}
	return older
}

// answer is what became of an append.
type answer struct {
	wrong    bool // expected another version
	deleted  bool
	current  int64 // the stream's last event
	last     int64 // of the append's events
	position uint64
	repeated bool // it was appended before
	nowhere  bool // the position is not known
}

// append appends the events, or finds that they were appended before.
func (l *log) append(stream string, expected int64, events []event) answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.last(stream)
	switch {
	case current == deletedStream:
		return answer{deleted: true}
	case expected >= noStream && expected < current:
		if r := l.repeated(stream, expected, events); r != nil {
			return answer{last: r.number, position: r.position, repeated: true, nowhere: r.lost || r.number < l.truncation(stream)}
		}
		if expected != noStream || l.truncation(stream) != deletedStream {
			return answer{wrong: true, current: current}
		}
	case expected > current, expected == streamExists && current == noStream:
		return answer{wrong: true, current: current}
	}
	undelete := l.truncation(stream) == deletedStream
	r := l.write(stream, current+1, events)
	if undelete { // what was there stays away
		l.truncate(stream, current+1)
	}
	return answer{last: r.number, position: r.position}
}

// repeated gives the last of the events where they are the ones that follow the expected version.
func (l *log) repeated(stream string, expected int64, events []event) *record {
	stored := l.streams[stream]
	for i, e := range events {
		at := int(expected) + 1 + i
		if at >= len(stored) || stored[at].id != e.id {
			return nil
		}
	}
	return stored[int(expected)+len(events)]
}

// write puts events into the log, and gives the last of them.
func (l *log) write(stream string, number int64, events []event) (last *record) {
	for i, e := range events {
		e.data, e.meta = bytes.Clone(e.data), bytes.Clone(e.meta)
		last = &record{position: l.end, stream: stream, number: number + int64(i), event: e}
		l.end += uint64(e.size() + len(stream) + 60) // what the file would need
		l.records = append(l.records, last)
		l.streams[stream] = append(l.streams[stream], last)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return last
}

// last is the number of the stream's last event as the index has it.
func (l *log) last(stream string) int64 {
	stored := l.streams[stream]
	if len(stored) == 0 {
		return noStream
	}
	return stored[len(stored)-1].number
}

// truncation is the number of the first event that may be read, by the stream's metadata.
func (l *log) truncation(stream string) int64 {
	stored := l.streams["$$"+stream]
	if len(stored) == 0 {
		return 0
	}
	var meta struct {
		Before int64 `json:"$tb"`
	}
	_ = json.Unmarshal(stored[len(stored)-1].data, &meta) // what is no metadata truncates nothing
	return meta.Before
}

func (l *log) truncate(stream string, before int64) (meta *record) {
	data, _ := json.Marshal(map[string]int64{"$tb": before}) // never fails
	return l.write("$$"+stream, l.last("$$"+stream)+1, []event{{id: uuid.New(), token: "$metadata", json: true, data: data}})
}

func (l *log) tombstone(stream string) (last *record) {
	return l.write(stream, deletedStream, []event{{id: uuid.New(), token: "$streamDeleted"}})
}

// stream gives the readable events of a stream between two numbers, and the last number.
func (l *log) stream(name string, from, to int64) (found []*record, last int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last = l.last(name); last == deletedStream {
		return nil, last
	}
	first := l.truncation(name)
	if first == deletedStream {
		return nil, noStream
	}
	for _, r := range l.streams[name] {
		if r.number >= max(from, first) && r.number <= to && !r.lost {
			found = append(found, r)
		}
	}
	return found, last
}

// after gives what is readable in the log from an index on, and what tells that there is more.
func (l *log) after(index int) ([]*record, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []*record
	for _, r := range l.records[min(index, len(l.records)):] {
		if !r.lost {
			found = append(found, r)
		}
	}
	return found, l.grown
}

// at is the index of the record at a position, and whether there is one: a position within a record is invalid.
func (l *log) at(position uint64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearchFunc(l.records, position, func(r *record, p uint64) int { return cmp.Compare(r.position, p) })
	if !found && position != l.end {
		return 0, status.Error(codes.Unknown, "Trying to read from an invalid position.")
	}
	return i, nil
}

// length is how many records there are.
func (l *log) length() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.records)
}

func (l *log) record(index int) *record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[index]
}
