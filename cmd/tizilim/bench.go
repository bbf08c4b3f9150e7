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
	Store  benchStore  `cmd:"" help:"Durable appends beside what else keeps events durable: a bare file, JetStream as it comes, Postgres."`
}

// scratchFlag is where a bench puts what it measures.
type scratchFlag struct {
	Dir string `placeholder:"DIR" env:"-" type:"existingdir" help:"Folder on the disk to measure; a new one is made in it and removed. The system's folder for temporary files where left out."`
}

// scratch makes a folder, which remove removes with all that is in it.
func (f scratchFlag) scratch() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(f.Dir, "tizilim-bench-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// benchAppend appends to a store of its own and removes it.
type benchAppend struct {
	Callers int           `default:"64" env:"-" help:"How many callers append at once, each to streams of its own."`
	For     time.Duration `default:"5s" env:"-" help:"How long."`
	scratchFlag
}

// Run measures and prints.
func (c benchAppend) Run(ctx context.Context, out io.Writer) (err error) {
	if c.Callers < 1 || c.For <= 0 {
		return fmt.Errorf("at least one caller and some time are needed: %w", domain.ErrInvalid)
	}
	dir, remove, err := c.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	store, err := openAlone(ctx, dir, c.Callers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	m, err := measure(ctx, store, c.Callers, c.For)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d callers, %s: %d durable events, %.0f a second; a caller waits %s (median), %s (p99), %s (longest)\n",
		c.Callers, m.took.Round(time.Millisecond), m.events, m.rate(), m.median, m.p99, m.longest)
	return err
}

// appender is what is measured: the one method of a store that writes.
type appender interface {
	Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error)
}

// measured is what callers met who appended one event after the other.
type measured struct {
	events               int
	took                 time.Duration
	median, p99, longest time.Duration // of what one append took
}

func (m measured) rate() float64 { return float64(m.events) / m.took.Seconds() }

// measure lets the callers append for some time.
func measure(ctx context.Context, store appender, callers int, long time.Duration) (measured, error) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	var running sync.WaitGroup
	waits, errs := make([][]time.Duration, callers), make([]error, callers)
	start := time.Now()
	for i := range callers {
		running.Go(func() { waits[i], errs[i] = appendUntil(ctx, store) })
	}
	running.Wait()
	m := measured{took: time.Since(start)}
	all := slices.Concat(waits...)
	if err := errors.Join(errs...); err != nil {
		return m, err
	}
	if len(all) == 0 {
		return m, fmt.Errorf("nothing was appended: %w", domain.ErrUnavailable)
	}
	slices.Sort(all)
	m.events, m.median, m.p99, m.longest = len(all), at(all, 0.5), at(all, 0.99), at(all, 1)
	return m, nil
}

// at is the q-th part of what is sorted.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))].Round(time.Microsecond)
}

// perStream is how many events a caller appends to a stream before it begins another: about as many
// as an application has.
const perStream = 12

func appendUntil(ctx context.Context, store appender) (waits []time.Duration, err error) {
	var stream domain.Stream
	for n := uint64(0); ctx.Err() == nil; n++ {
		if n%perStream == 0 {
			stream = domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewString()}
		}
		events, err := benchEvents()
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

// benchEvents is one event as large as an application's usually are, some 800 bytes as it is stored.
func benchEvents() ([]domain.Event, error) {
	meta := domain.Meta{Command: uuid.New(), Time: time.Now(), Actor: domain.System}
	return meta.Events([]domain.Payload{application.Filed{Form: application.Form{
		Name: "Bench", Address: "Алматы", Note: "as large as an event of an application usually is, which is some five or six hundred bytes",
	}}})
}
