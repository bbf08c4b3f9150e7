package domain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The stored form of a commit is JSON, with these fields in this order and no white space:
//
//	{"stream":{"category":"license","id":"26000001"},"version":1,"events":[{"id":…,…,"data":{…}},…]}
//
// version is the version of the first event; the others follow it. An event has the fields of Event
// in their order; name, organization, channel, fingerprint and regulation are left out where empty.
//
// It is written and read by hand, not by encoding/json, for two reasons. The form is for ever, while
// a library may change how it spells a string (encoding/json has). And a commit has one spelling
// only, so that damage cannot hide in what a decoder forgives: fields that are unknown, repeated,
// misspelt or in another order. Reading takes a fifth of the time, too.

func writeCommit(c Commit) ([]byte, error) {
	size := 128
	for _, r := range c.Records {
		size += 512 + len(r.Data)
	}
	w := form{b: make([]byte, 0, size)}
	w.place(c.Stream, c.Records[0].Version)
	for i, r := range c.Records {
		if i > 0 {
			w.raw(`,`)
		}
		w.event(r.Event)
	}
	w.raw(`]}`)
	return w.b, w.err
}

// form appends to b, until the first error.
type form struct {
	b   []byte
	err error
}

// place writes what comes before the events.
func (w *form) place(s Stream, version uint64) {
	w.text(`{"stream":{"category":`, s.Category)
	w.text(`,"id":`, s.ID)
	w.number(`},"version":`, version)
	w.raw(`,"events":[`)
}

func (w *form) event(e Event) {
	w.text(`{"id":`, e.ID.String())
	w.text(`,"type":`, e.Type)
	w.raw(`,`)
	w.circumstances(e)
	w.raw(`,"data":`)
	w.data(e.Data)
	w.raw(`}`)
}

// circumstances writes what is between an event's type and its data.
func (w *form) circumstances(e Event) {
	w.number(`"schema":`, uint64(e.Schema))
	w.text(`,"time":`, e.Time.Format(time.RFC3339Nano))
	w.text(`,"actor":{"id":`, e.Actor.ID)
	w.optional(`,"name":`, e.Actor.Name)
	w.text(`,"role":`, string(e.Actor.Role))
	w.optional(`,"organization":`, e.Actor.Organization)
	w.optional(`,"channel":`, e.Actor.Channel)
	w.text(`},"correlation":`, e.Correlation.String())
	w.text(`,"causation":`, e.Causation.String())
	w.optional(`,"fingerprint":`, e.Fingerprint)
	w.optional(`,"regulation":`, e.Regulation)
}

func (w *form) raw(s string) { w.b = append(w.b, s...) }

func (w *form) number(key string, n uint64) {
	w.raw(key)
	w.b = strconv.AppendUint(w.b, n, 10)
}

func (w *form) optional(key, s string) {
	if s != "" {
		w.text(key, s)
	}
}

// text writes a string: only the quote, the backslash and control characters are escaped.
func (w *form) text(key, s string) {
	w.raw(key)
	if !utf8.ValidString(s) && w.err == nil {
		w.err = fmt.Errorf("%q is not UTF-8", s)
	}
	w.b = append(w.b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.b = append(w.b, '\\', c)
		case c < ' ':
			w.b = fmt.Appendf(w.b, `\u%04x`, c)
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

// data writes a payload's own JSON as it is, but for white space.
func (w *form) data(data json.RawMessage) {
	b := bytes.NewBuffer(w.b)
	if err := json.Compact(b, data); err != nil && w.err == nil {
		w.err = fmt.Errorf("data: %w", err)
	}
	w.b = b.Bytes()
}

// readCommit reads what writeCommit wrote. What it returns shares no memory with data.
func readCommit(data []byte) (Commit, error) {
	r := reading{b: data}
	c := Commit{}
	c.Stream.Category = r.text(`{"stream":{"category":`)
	c.Stream.ID = r.text(`,"id":`)
	version := r.number(`},"version":`)
	r.raw(`,"events":[`)
	for more := true; more && r.err == nil; more = r.has(`,`) {
		c.Records = append(c.Records, Record{Event: r.event(), Stream: c.Stream, Version: version})
		version++
	}
	r.raw(`]}`)
	if r.err == nil && r.at < len(data) {
		r.fail("nothing more")
	}
	return c, r.err
}

// reading is at a place in b, until the first error.
type reading struct {
	b   []byte
	at  int
	err error
}

func (r *reading) event() (e Event) {
	e.ID = r.uuid(`{"id":`)
	e.Type = r.text(`,"type":`)
	r.raw(`,`)
	r.circumstances(&e)
	r.raw(`,"data":`)
	e.Data = r.data()
	r.raw(`}`)
	return e
}

func (r *reading) circumstances(e *Event) {
	e.Schema = int(r.number(`"schema":`))
	e.Time = r.time(`,"time":`)
	e.Actor.ID = r.text(`,"actor":{"id":`)
	e.Actor.Name = r.optional(`,"name":`)
	e.Actor.Role = Role(r.text(`,"role":`))
	e.Actor.Organization = r.optional(`,"organization":`)
	e.Actor.Channel = r.optional(`,"channel":`)
	e.Correlation = r.uuid(`},"correlation":`)
	e.Causation = r.uuid(`,"causation":`)
	e.Fingerprint = r.optional(`,"fingerprint":`)
	e.Regulation = r.optional(`,"regulation":`)
}

func (r *reading) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: want %s", r.at, want)
	}
}

// has goes on past s where it stands here.
func (r *reading) has(s string) bool {
	if r.err != nil || len(r.b)-r.at < len(s) || string(r.b[r.at:r.at+len(s)]) != s {
		return false
	}
	r.at += len(s)
	return true
}

func (r *reading) raw(s string) {
	if !r.has(s) {
		r.fail(s)
	}
}

func (r *reading) number(key string) uint64 {
	r.raw(key)
	start := r.at
	for r.at < len(r.b) && '0' <= r.b[r.at] && r.b[r.at] <= '9' {
		r.at++
	}
	digits := string(r.b[start:r.at])
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		r.fail("a number")
	}
	return n
}

// optional reads a string that is left out where it is empty.
func (r *reading) optional(key string) string {
	if !r.has(key) {
		return ""
	}
	s := r.text("")
	if s == "" {
		r.fail("no " + key)
	}
	return s
}

func (r *reading) text(key string) string {
	r.raw(key)
	r.raw(`"`)
	start := r.at
	for escaped := false; r.err == nil; r.at++ {
		switch {
		case r.at >= len(r.b) || r.b[r.at] < ' ':
			r.fail("a string")
		case r.b[r.at] == '\\':
			r.at++
			escaped = true
		case r.b[r.at] == '"':
			s := r.b[start:r.at]
			r.at++
			if escaped {
				return r.unescape(s)
			}
			if !utf8.Valid(s) {
				r.fail("UTF-8")
			}
			return string(s)
		}
	}
	return ""
}

// unescape reads a string with escapes, and only the ones that text of form writes.
func (r *reading) unescape(quoted []byte) (s string) {
	again := form{}
	quoted = append(append([]byte{'"'}, quoted...), '"')
	if err := json.Unmarshal(quoted, &s); err != nil {
		r.fail("a string")
	} else if again.text("", s); !bytes.Equal(again.b, quoted) {
		r.fail("another spelling of " + s)
	}
	return s
}

func (r *reading) uuid(key string) (id uuid.UUID) {
	r.raw(key)
	if r.raw(`"`); r.err != nil {
		return id
	}
	text := r.b[r.at:min(r.at+36, len(r.b))]
	id, err := uuid.ParseBytes(text) // of this length it has one form, in either case
	if err != nil || len(text) != 36 || bytes.ContainsAny(text, "ABCDEF") {
		r.fail("a UUID")
	}
	r.at += len(text)
	r.raw(`"`)
	return id
}

func (r *reading) time(key string) time.Time {
	s := r.text(key)
	t, err := time.Parse(time.RFC3339Nano, s)
	var again [40]byte
	if err != nil || string(t.AppendFormat(again[:0], time.RFC3339Nano)) != s {
		r.fail("a time")
	}
	return t
}

// data reads one JSON value without white space between its tokens.
func (r *reading) data() json.RawMessage {
	end := -1
	if r.err == nil {
		end = skipJSON(r.b, r.at, 1)
	}
	if end < 0 {
		r.fail("data that is JSON, without white space")
		return nil
	}
	value := r.b[r.at:end]
	r.at = end
	return bytes.Clone(value)
}
