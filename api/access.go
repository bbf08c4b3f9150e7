package api

import (
	"context"
	"fmt"

	"github.com/tizilim/tizilim/domain/access"
)

// subject is what personal data is of.
type subject struct {
	kind, id string // application A, license L, …
	person   string // IIN or BIN, "" where it is of nobody in particular
}

// accessed writes into the access log that the caller is about to be shown the things. Its error means
// that nothing may be shown. It is called before anything is, by everything that shows more than the public
// sees; what a request comes to twice is written once.
func (s *Server) accessed(ctx context.Context, things ...subject) error {
	v := visitOf(ctx)
	if v.logged == nil {
		v.logged = map[string]bool{}
	}
	var entries []access.Entry
	for _, t := range things {
		if name := t.kind + " " + t.id; !v.logged[name] {
			v.logged[name] = true
			entries = append(entries, s.entry(v, t))
		}
	}
	if err := s.cfg.Accounts.Record(ctx, entries...); err != nil {
		return fmt.Errorf("write the access log: %w", err)
	}
	return nil
}

func (s *Server) entry(v *visit, t subject) access.Entry {
	actor := v.caller.Actor
	return access.Entry{
		Account: actor.ID, Role: actor.Role, Organization: actor.Organization, Address: v.address,
		Action: string(actions[v.pattern]), Kind: t.kind, Thing: t.id, Person: t.person, Route: v.pattern,
	}
}
