package domain

import (
	"context"
	"errors"
	"fmt"
)

// Result is what a command came to.
type Result struct {
	// Version and Position are the stream's version after the command and the position at which
	// its effect can be seen.
	Version  uint64
	Position Position
	// Repeated says that the command had been carried out before and nothing was written now.
	Repeated bool
}

// maxAttempts bounds how often Execute decides anew when other writers keep being first. Every lost
// attempt is another writer's progress.
const maxAttempts = 100

// Execute carries out one command on one stream: it folds the stream into a state, decides, and
// appends, and does it again when another writer was first. A command whose id is already in the
// stream is answered with its first outcome; one that decides on no events is already done, and leaves
// nothing behind: its id is not remembered.
//
// fold puts one record into the state; it fails only where the record cannot be decoded. decide is
// pure. Errors: what decide refuses, ErrVersion, ErrKeyReused, and the store's.
func Execute[S any](ctx context.Context, store EventStore, stream Stream, meta Meta,
	fold func(*S, Record) error, decide func(S) ([]Payload, error),
) (Result, error) {
	for range maxAttempts {
		result, err := attempt(ctx, store, stream, meta, fold, decide)
		if !errors.Is(err, ErrConflict) {
			return result, err
		}
	}
	return Result{}, fmt.Errorf("%s: other writers were first %d times: %w", stream, maxAttempts, ErrUnavailable)
}

func attempt[S any](ctx context.Context, store EventStore, stream Stream, meta Meta,
	fold func(*S, Record) error, decide func(S) ([]Payload, error),
) (Result, error) {
	var state S
	var last Record
	var earlier []Record // what the same command made before
	for rec, err := range store.Read(ctx, stream, 1) {
		if err == nil {
			err = fold(&state, rec)
		}
		if err != nil {
			return Result{}, fmt.Errorf("load %s: %w", stream, err)
		}
		if rec.ID == meta.EventID(len(earlier)) {
			earlier = append(earlier, rec)
		}
		last = rec
	}
	if len(earlier) > 0 {
		return repeated(earlier, meta)
	}
	if meta.IfVersion != nil && *meta.IfVersion != last.Version {
		return Result{}, fmt.Errorf("%s is at version %d, not %d: %w", stream, last.Version, *meta.IfVersion, ErrVersion)
	}
	payloads, err := decide(state)
	if err != nil {
		return Result{}, err
	}
	if len(payloads) == 0 {
		return Result{Version: last.Version, Position: last.Position, Repeated: true}, nil
	}
	events, err := meta.Events(payloads)
	if err != nil {
		return Result{}, err
	}
	position, err := store.Append(ctx, stream, last.Version, events)
	if err != nil {
		return Result{}, err
	}
	return Result{Version: last.Version + uint64(len(events)), Position: position}, nil
}

// repeated answers a command whose events are already stored.
func repeated(earlier []Record, meta Meta) (Result, error) {
	last := earlier[len(earlier)-1]
	if last.Fingerprint != meta.Fingerprint {
		return Result{}, fmt.Errorf("%s: %w", last.Stream, ErrKeyReused)
	}
	return Result{Version: last.Version, Position: last.Position, Repeated: true}, nil
}

// Load folds a stream into its state, ErrNotFound where it has no events.
func Load[S any](ctx context.Context, store EventStore, stream Stream, fold func(*S, Record) error) (S, error) {
	var state S
	found := false
	for rec, err := range store.Read(ctx, stream, 1) {
		if err == nil {
			err = fold(&state, rec)
		}
		if err != nil {
			return state, fmt.Errorf("load %s: %w", stream, err)
		}
		found = true
	}
	if !found {
		return state, fmt.Errorf("%s: %w", stream, ErrNotFound)
	}
	return state, nil
}
