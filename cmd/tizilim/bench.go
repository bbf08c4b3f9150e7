package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// benchCmd measures on this machine.
type benchCmd struct {
	Append benchAppend `cmd:"" help:"Durable appends by many callers: events a second and how long a caller waits."`
}

// benchAppend appends to a store of its own and removes it.
type benchAppend struct {
	Callers int           `default:"64" env:"-" help:"How many callers append at once, each to streams of its own."`
	For     time.Duration `default:"5s" env:"-" help:"How long."`
	Dir     string        `placeholder:"DIR" env:"-" type:"existingdir" help:"Folder on the disk to measure; a new one is made in it and removed. The system's folder for temporary files where left out."`
}

// Run measures and prints.
func (c benchAppend) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Callers < 1 || c.For <= 0 {
		return fmt.Errorf("at least one caller and some time are needed: %w", domain.ErrInvalid)
	}
	dir, err := os.MkdirTemp(c.Dir, "tizilim-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := openStore(ctx, &folder{path: dir}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	ctx, cancel := context.WithTimeout(ctx, c.For)
	defer cancel()
	start := time.Now()
	waits, err := c.append(ctx, store)
	if err != nil {
		return err
	}
	took := time.Since(start)
	slices.Sort(waits)
	at := func(q float64) time.Duration { return waits[int(q*float64(len(waits)-1))].Round(time.Microsecond) }
	_, err = fmt.Fprintf(out, "%d callers, %s: %d durable events, %.0f a second; a caller waits %s (median), %s (p99), %s (longest)\n",
		c.Callers, took.Round(time.Millisecond), len(waits), float64(len(waits))/took.Seconds(), at(0.5), at(0.99), at(1))
	return err
}

// append lets the callers append until ctx ends, and returns how long each append took.
func (c benchAppend) append(ctx context.Context, store domain.EventStore) ([]time.Duration, error) {
	var callers sync.WaitGroup
	waits, errs := make([][]time.Duration, c.Callers), make([]error, c.Callers)
	for i := range c.Callers {
		callers.Go(func() { waits[i], errs[i] = appendUntil(ctx, store) })
	}
	callers.Wait()
	all := slices.Concat(waits...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing was appended: %w", domain.ErrUnavailable)
	}
	return all, nil
}

// perStream is how many events a caller appends to a stream before it begins another: about as many
// as an application has.
const perStream = 12

func appendUntil(ctx context.Context, store domain.EventStore) (waits []time.Duration, err error) {
	payload := application.Filed{Form: application.Form{Name: "Bench", Address: "Алматы", Note: "as large as an event of an application usually is, which is some five or six hundred bytes"}}
	var stream domain.Stream
	for n := uint64(0); ctx.Err() == nil; n++ {
		if n%perStream == 0 {
			stream = domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewString()}
		}
		meta := domain.Meta{Command: uuid.New(), Time: time.Now(), Actor: domain.System}
		events, err := meta.Events([]domain.Payload{payload})
		if err != nil {
			return waits, err
		}
		begin := time.Now()
		// The last append of each caller is waited for: what is counted is durable.
		if _, err := store.Append(context.WithoutCancel(ctx), stream, n%perStream, events); err != nil {
			return waits, err
		}
		waits = append(waits, time.Since(begin))
	}
	return waits, nil
}
