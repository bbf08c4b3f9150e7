package domain

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Event is a fact as a command made it, before it has a place in the log.
type Event struct {
	// ID derives from the idempotency key of the command and the place of the event in it,
	// so a repeated command makes the same ids.
	ID uuid.UUID `json:"id"`
	// Type is the constant wire token, such as "license-issued".
	Type string `json:"type"`
	// Schema numbers the shape of Data for this type, from 1.
	Schema int `json:"schema"`
	// Time is when the fact happened: UTC, whole microseconds.
	Time time.Time `json:"time"`
	// Actor is who made it happen.
	Actor Actor `json:"actor"`
	// Correlation is shared by everything that one request set in motion; Causation is the id of
	// the command or event that directly led to this event.
	Correlation uuid.UUID `json:"correlation"`
	Causation   uuid.UUID `json:"causation"`
	// Fingerprint is a digest of the request that made the event, so that an idempotency key used
	// again for something else is noticed. Empty where no request stood behind the event.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Regulation names the wording of the act that the event was decided under.
	Regulation string `json:"regulation,omitempty"`
	// Data is the payload, as the payload's own JSON.
	Data json.RawMessage `json:"data"`
}

// Role is what somebody may be in the registry.
type Role string

// The roles. RoleSystem is the registry itself: registers asked, payments confirmed, licenses formed.
const (
	RoleApplicant Role = "applicant"
	RoleOfficer   Role = "officer"
	RoleHead      Role = "head"
	RoleOperator  Role = "operator"
	RoleAuditor   Role = "auditor"
	RoleAdmin     Role = "admin"
	RoleSystem    Role = "system"
)

// Actor is who did something: the account, the role it acted in, and for whom.
type Actor struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Role Role   `json:"role"`
	// Organization is the licensor's or service center's slug; empty for applicants.
	Organization string `json:"organization,omitempty"`
	// Channel is the way the actor came: portal, office or center; empty for the system.
	Channel string `json:"channel,omitempty"`
}

// System is the registry acting by itself.
var System = Actor{ID: "system", Role: RoleSystem}

// Record is an event in its place: stream, version and position.
type Record struct {
	Event
	Stream Stream `json:"stream"`
	// Version numbers the events of the stream from 1.
	Version uint64 `json:"version"`
	// Position is the position of the commit that holds the event; the events of one commit share it.
	Position Position `json:"position"`
	// Payload is Data decoded, where many read one record: whoever gave it out did it once for all of them,
	// and nobody may change what is in it. No store fills it.
	Payload Payload `json:"-"`
}

// Position orders the commits of the whole log. It grows, starts above 0, and is opaque otherwise:
// some stores leave gaps. Zero is the beginning, before the first commit.
type Position uint64

// Commit is what one command appended to one stream: one or more events that are stored together
// or not at all.
type Commit struct {
	Position Position
	Stream   Stream
	Records  []Record // in order of version, never empty
}

// Version is the stream's version after the commit.
func (c Commit) Version() uint64 { return c.Records[len(c.Records)-1].Version }

// NewCommit puts events, the first of which follows version expected, into their place.
func NewCommit(stream Stream, expected uint64, position Position, events []Event) Commit {
	c := Commit{Position: position, Stream: stream, Records: make([]Record, len(events))}
	for i, e := range events {
		c.Records[i] = Record{Event: e, Stream: stream, Version: expected + uint64(i) + 1, Position: position}
	}
	return c
}

// Payload is the data of an event: a past-tense struct with a constant wire token and schema.
type Payload interface {
	EventType() (token string, schema int)
}

// Meta is what a command knows besides its own content; it is stored with every event it makes.
type Meta struct {
	// Command identifies the command: the same id again is the same command again.
	Command     uuid.UUID
	Fingerprint string
	Time        time.Time
	Actor       Actor
	Correlation uuid.UUID
	Causation   uuid.UUID
	Regulation  string
	// IfVersion, where set, is the only stream version the caller wants to act on.
	IfVersion *uint64
}

// EventID is the id of the i-th event (from 0) of the command.
func (m Meta) EventID(i int) uuid.UUID {
	return uuid.NewSHA1(m.Command, []byte{byte(i >> 8), byte(i)})
}

// Events makes the events of a command from what it decided.
func (m Meta) Events(payloads []Payload) ([]Event, error) {
	if m.Command == uuid.Nil || m.Time.IsZero() || m.Actor.Role == "" {
		return nil, fmt.Errorf("command metadata without id, time or actor: %w", ErrInvalid)
	}
	correlation := m.Correlation
	if correlation == uuid.Nil {
		correlation = m.Command
	}
	causation := m.Causation
	if causation == uuid.Nil {
		causation = m.Command
	}
	events := make([]Event, len(payloads))
	for i, p := range payloads {
		data, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", p, err)
		}
		token, schema := p.EventType()
		events[i] = Event{
			ID: m.EventID(i), Type: token, Schema: schema,
			Time:  m.Time.UTC().Truncate(time.Microsecond),
			Actor: m.Actor, Correlation: correlation, Causation: causation,
			Fingerprint: m.Fingerprint, Regulation: m.Regulation, Data: data,
		}
	}
	return events, nil
}

// Decode reads an event's data as payload P. A schema other than P's, or data that is not P's JSON,
// is ErrDamaged.
func Decode[P Payload](e Event) (Payload, error) {
	var p P
	if _, schema := p.EventType(); schema != e.Schema {
		return nil, fmt.Errorf("%s schema %d: %w", e.Type, e.Schema, ErrDamaged)
	}
	if err := json.Unmarshal(e.Data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", e.Type, ErrDamaged, err)
	}
	return p, nil
}
