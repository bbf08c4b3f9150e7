package eventstoredb

import (
	"errors"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"github.com/tizilim/tizilim/domain"
)

func FuzzConnectionString(f *testing.F) {
	for _, seed := range []string{"esdb://localhost", "esdb+discover://a:b@c:1,[::1]:2/?tls=false&keepAliveInterval=-1", "esdb://?", "esdb://a?tls=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parse(text)
		switch {
		case err == nil && (len(s.hosts) == 0 || s.deadline <= 0 || s.attempts < 1):
			t.Errorf("%q: %+v", text, s)
		case err != nil && !errors.Is(err, domain.ErrInvalid):
			t.Errorf("%q: %v", text, err)
		}
	})
}

// What a server sends is read back as the very event that was written, or not at all.
func FuzzDecode(f *testing.F) {
	f.Add("tizilim_license-1", "license-issued", `{"part":1,"of":1,"after":0,"schema":1,"time":"2026-03-14T09:26:53Z","actor":{"id":"system","role":"system"},`+
		`"correlation":"a0000000-0000-5000-0000-000000000001","causation":"a0000000-0000-5000-0000-000000000001"}`, `{"n":1}`)
	f.Add("tizilim_license-1", "x", `{"part":1,"of":2,"after":7,"id":"a0000000-0000-5000-0000-000000000001","schema":1}`, `null`)
	s := &Store{prefix: "tizilim_"}
	f.Fuzz(func(t *testing.T, name, token, meta, data string) {
		p, err := s.decode(&streams.ReadResp_ReadEvent_RecordedEvent{
			Id:               &shared.UUID{Value: &shared.UUID_String_{String_: "a0000000-0000-5000-0000-000000000009"}},
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(name)}, StreamRevision: 3, CommitPosition: 9,
			Metadata: map[string]string{"type": token}, CustomMetadata: []byte(meta), Data: []byte(data),
		})
		if err != nil {
			if !errors.Is(err, domain.ErrDamaged) {
				t.Errorf("%q %q: %v", meta, data, err)
			}
			return
		}
		rest, again, err := domain.SplitEvent(p.event)
		if err != nil || p.header.String()+string(rest[1:]) != meta || string(again) != data || s.streamName(p.stream) != name || p.event.Type != token {
			t.Errorf("%q %q is read as %+v: %v", meta, data, p, err)
		}
	})
}
