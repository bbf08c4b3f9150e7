// Package projections is what every read model of the registry is made of: the Follower that reads
// the log once and feeds all of them, the SQLite File that keeps rows and cursor in one transaction,
// and Rebuild, which makes a read model anew beside the old one.
//
// A projection is a named cursor. Its rows follow from the log alone, so every node has its own and
// losing one loses nothing: rebuild is starting the cursor again. A projection that cannot apply an
// event stops, says which event and why, and never skips.
//
// Reading order: this file (the contract), file.go and rows.go (what the models share), follower.go and feed.go
// (how the log reaches them), rebuild.go. The models are the folders: streams (what commands load),
// numbers, licenses (the register), applications (cabinets and queues), deadlines, history.
package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Projection is something that is built from the log.
type Projection interface {
	// Name is a short token, unique among the projections of a node.
	Name() string
	// Position is the position up to which everything is applied. It may be called at any time.
	Position() domain.Position
	// Apply puts commits, in the order of the log, into the projection: all of them with the new
	// position, or none. Commits at or before Position are skipped. It is never called twice at
	// the same time.
	//
	// An error that is domain.ErrUnavailable is retried with the same commits; any other one stops
	// the projection for good.
	Apply(ctx context.Context, commits []domain.Commit) error
}

// Failure is why a projection stopped, and at which event. It names no person.
type Failure struct {
	Projection string
	Position   domain.Position
	Stream     domain.Stream
	Version    uint64
	Type       string
	Err        error
}

func (f *Failure) Error() string {
	return fmt.Sprintf("projection %s stopped at position %d, %s version %d (%s): %v",
		f.Projection, f.Position, f.Stream, f.Version, f.Type, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }

// failure says at which record the projection failed, unless err says so already.
func failure(name string, rec domain.Record, err error) error {
	if f := (*Failure)(nil); errors.As(err, &f) {
		return err
	}
	return &Failure{Projection: name, Position: rec.Position, Stream: rec.Stream, Version: rec.Version, Type: rec.Type, Err: err}
}
