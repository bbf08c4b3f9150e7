package eventstoredb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// noPosition is how the server says that it does not know a position.
const noPosition = 1<<64 - 1

// streamName is a stream's name on the server.
func (s *Store) streamName(stream domain.Stream) string { return s.prefix + stream.String() }

// streamOf is the stream with that name on the server, false for one of somebody else.
func (s *Store) streamOf(name string) (domain.Stream, bool) {
	own, ok := strings.CutPrefix(name, s.prefix)
	if !ok {
		return domain.Stream{}, false
	}
	category, id, _ := strings.Cut(own, "-") // a category has no hyphen
	stream, err := domain.NewStream(category, id)
	return stream, err == nil
}

// header is what the metadata of an event say of its commit.
type header struct {
	Part  int        `json:"part"` // which event of the commit, from 1
	Of    int        `json:"of"`   // how many there are
	After uint64     `json:"after"`
	ID    *uuid.UUID `json:"id"` // nil where the server's is the event's
}

func (h header) String() string {
	id := ""
	if h.ID != nil {
		id = `"id":"` + h.ID.String() + `",`
	}
	return `{"part":` + strconv.Itoa(h.Part) + `,"of":` + strconv.Itoa(h.Of) + `,"after":` + strconv.FormatUint(h.After, 10) + `,` + id
}

// propose makes of the events of one commit what an append sends, after the commit at a position.
func propose(events []domain.Event, after domain.Position) ([]*streams.AppendReq_ProposedMessage, error) {
	proposed := make([]*streams.AppendReq_ProposedMessage, len(events))
	for i, e := range events {
		meta, data, err := domain.SplitEvent(e)
		if err != nil {
			return nil, err
		}
		h, id := header{Part: i + 1, Of: len(events), After: uint64(after)}, e.ID
		if i == 0 && len(events) > 1 {
			h.ID, id = &e.ID, firstID(events)
		}
		proposed[i] = &streams.AppendReq_ProposedMessage{
			Id:             &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}},
			Metadata:       map[string]string{"type": e.Type, "content-type": "application/json"},
			CustomMetadata: append([]byte(h.String()), meta[1:]...),
			Data:           data,
		}
	}
	return proposed, nil
}

// firstID is the server's id of the first event of a commit of several. It follows from the ids of all.
func firstID(events []domain.Event) uuid.UUID {
	rest := make([]byte, 0, len(events)*len(uuid.UUID{}))
	for _, e := range events[1:] {
		rest = append(rest, e.ID[:]...)
	}
	return uuid.NewSHA1(events[0].ID, rest)
}

// part is one event as the server gives it.
type part struct {
	header
	stream   domain.Stream
	version  uint64
	position domain.Position
	event    domain.Event
}

// decode reads an event of the server's. Anything but what propose made is ErrDamaged.
func (s *Store) decode(e *streams.ReadResp_ReadEvent_RecordedEvent) (part, error) {
	name := string(e.GetStreamIdentifier().GetStreamName())
	p := part{version: e.GetStreamRevision() + 1, position: domain.Position(e.GetCommitPosition())}
	fail := func(cause error) (part, error) {
		return part{}, fmt.Errorf("revision %d of %s at position %d: %w: %w", e.GetStreamRevision(), name, e.GetCommitPosition(), domain.ErrDamaged, cause)
	}
	token := e.GetMetadata()["type"]
	if token == "$streamDeleted" {
		return fail(errDeleted)
	}
	var ok bool
	if p.stream, ok = s.streamOf(name); !ok {
		return fail(fmt.Errorf("no stream of a registry has this name"))
	}
	if e.GetCommitPosition() == noPosition {
		return part{}, fmt.Errorf("%s: the server does not say where its events are; it has to be version 22.10 or later: %w", name, domain.ErrUnavailable)
	}
	id, err := eventID(e.GetId())
	if err != nil {
		return fail(err)
	}
	rest, err := p.header.read(e.GetCustomMetadata())
	if err != nil {
		return fail(err)
	}
	if p.ID != nil {
		id = *p.ID
	}
	if p.event, err = domain.JoinEvent(id, token, rest, e.GetData()); err != nil {
		return fail(err)
	}
	return p, nil
}

// read takes the header off the metadata, and gives the rest as an object of its own.
func (h *header) read(metadata []byte) ([]byte, error) {
	if err := json.Unmarshal(metadata, h); err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	rest, ok := bytes.CutPrefix(metadata, []byte(h.String()))
	if !ok || h.Part < 1 || h.Part > h.Of || (h.ID != nil) != (h.Part == 1 && h.Of > 1) {
		return nil, fmt.Errorf("metadata: not those of a commit")
	}
	return append([]byte{'{'}, rest...), nil
}

func eventID(id *shared.UUID) (uuid.UUID, error) {
	if s := id.GetStructured(); s != nil {
		var u uuid.UUID
		for i := range 8 {
			u[i] = byte(uint64(s.GetMostSignificantBits()) >> (56 - 8*i))
			u[8+i] = byte(uint64(s.GetLeastSignificantBits()) >> (56 - 8*i))
		}
		return u, nil
	}
	return uuid.Parse(id.GetString_())
}

// assembly puts the parts of commits together, in the order in which they come.
type assembly struct {
	parts []part
	// midway allows the first commit to begin within: a stream is read from any version.
	midway bool
}

// add takes the next part and gives the commit that it completes. after is of no use but for the chain.
func (a *assembly) add(p part) (c domain.Commit, after domain.Position, done bool, err error) {
	if n := len(a.parts); n == 0 {
		if p.Part != 1 && !a.midway {
			return c, 0, false, fmt.Errorf("%s: version %d is part %d of a commit whose beginning is missing: %w", p.stream, p.version, p.Part, domain.ErrDamaged)
		}
	} else if last := a.parts[n-1]; p.stream != last.stream || p.version != last.version+1 ||
		p.Part != last.Part+1 || p.Of != last.Of || p.After != last.After || p.position <= last.position {
		return c, 0, false, fmt.Errorf("%s: part %d of %d follows version %d: %w", p.stream, p.Part, p.Of, last.version, domain.ErrDamaged)
	}
	a.midway = false
	if a.parts = append(a.parts, p); p.Part < p.Of {
		return c, 0, false, nil
	}
	events := make([]domain.Event, len(a.parts))
	for i := range a.parts {
		events[i] = a.parts[i].event
	}
	first := a.parts[0]
	a.parts = a.parts[:0]
	// Nothing is before the first event of a stream, and something before every other one.
	if begins := first.version == uint64(first.Part); begins != (p.After == 0) || p.After >= uint64(p.position) {
		return c, 0, false, fmt.Errorf("%s: version %d names position %d as its predecessor's: %w", p.stream, first.version, p.After, domain.ErrDamaged)
	}
	return domain.NewCommit(first.stream, first.version-1, p.position, events), domain.Position(p.After), true, nil
}
