package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/history"
)

type historyReply struct {
	Position string `header:"Tizilim-Position"`
	Body     v1.History
}

// detail is how much of an event somebody sees.
type detail int

const (
	outline detail = iota // what happened, when, in which role: the public
	content               // the data too, and no names but their own: whom it concerns
	full                  // everything: staff
)

// detail is how much the caller sees of a history that they may see.
func (c caller) detail(knows bool) detail {
	switch {
	case !knows:
		return outline
	case c.reach == own:
		return content
	}
	return full
}

// inside reports whether the caller works for the licensor, or supervises it.
func (c caller) inside() bool { return c.reach == licensor || c.reach == all }

func (s *Server) applicationHistory(ctx context.Context, in *ByID) (*historyReply, error) {
	state, err := s.load(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.history(ctx, domain.Stream{Category: domain.ApplicationCategory, ID: state.ID}, true)
}

func (s *Server) licenseHistory(ctx context.Context, in *ByNumber) (*historyReply, error) {
	number, err := in.number()
	if err != nil {
		return nil, err
	}
	l, err := s.present(ctx, number)
	if err != nil {
		return nil, err
	}
	if err := s.accessedLicenses(ctx, l); err != nil {
		return nil, err
	}
	knows := visitOf(ctx).caller.knows(l.Licensor, l.Licensee.ID)
	return s.history(ctx, domain.Stream{Category: domain.LicenseCategory, ID: number}, knows)
}

func (s *Server) history(ctx context.Context, stream domain.Stream, knows bool) (*historyReply, error) {
	position := s.cfg.History.Position()
	entries, err := s.cfg.History.Of(ctx, stream)
	if err != nil {
		return nil, err
	}
	c := visitOf(ctx).caller
	out := &historyReply{Position: positionText(position), Body: v1.History{Items: []v1.HistoryEntry{}}}
	for _, e := range entries {
		entry, err := wireEntry(e, c.detail(knows), c)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, entry)
	}
	return out, nil
}

func wireEntry(e history.Entry, d detail, c caller) (v1.HistoryEntry, error) {
	out := v1.HistoryEntry{
		Event: e.ID.String(), Type: e.Type, Stream: e.Stream.String(), Version: e.Version, Position: uint64(e.Position),
		Time: e.Time, Completes: e.Progress.Completes,
		Actor: v1.Actor{Role: string(e.Actor.Role), Organization: e.Actor.Organization, Channel: e.Actor.Channel},
	}
	if e.Progress.Enters != nil {
		out.Enters = &e.Progress.Enters.Step
	}
	if d == full || d == content && e.Actor.ID == c.Actor.ID {
		out.Actor.ID, out.Actor.Name = e.Actor.ID, e.Actor.Name
	}
	if d != outline {
		var data map[string]any
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return out, fmt.Errorf("%s version %d: %w: %w", e.Stream, e.Version, domain.ErrDamaged, err)
		}
		out.Data = bare(e.Type, data, c.inside(), c.Identifier)
	}
	return out, nil
}
