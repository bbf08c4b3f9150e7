package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/yardstick"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/streams"
)

// benchStore measures the event store beside other ways to keep the same events durable.
type benchStore struct {
	Callers  []int         `default:"1,64,256" env:"-" help:"How many callers append at once; each number is measured."`
	For      time.Duration `default:"2s" env:"-" help:"How long each turn is."`
	Rounds   int           `default:"3" env:"-" help:"How many turns each one has."`
	Postgres string        `placeholder:"URL" env:"-" help:"Postgres to measure beside: postgres://user@host/database. The password comes from PGPASSWORD or a password file. Left out of the comparison where left out."`
	scratchFlag
}

// Help says how to read what it prints.
func (benchStore) Help() string {
	return `Each caller appends one event after the other, to streams of its own, and waits until each is durable. All take the same events in
the same stored form. They have their turns one behind the other, each with a fresh folder, round after round, because disks are
noisy: the figures are the medians of the rounds, and the ratios are medians of what a round gave. In Postgres, events are rows of
one table with a unique stream and version, each inserted by a transaction of its own over at most 64 connections; the table is dropped afterwards.`
}

// rival is one way to keep events durable.
type rival struct {
	name string
	open func(ctx context.Context, dir string, callers int) (closingAppender, error)
}

type closingAppender interface {
	appender
	io.Closer
}

// The rivals that the others are compared with.
const (
	fileRival     = "bare file, group commit"
	postgresRival = "Postgres, a transaction each"
)

// maxConnections is how many connections Postgres gets: it has a hundred to give as it comes.
const maxConnections = 64

func (c benchStore) rivals() []rival {
	all := []rival{
		{"event store", openAlone},
		{"event store, index following", openIndexed},
		{fileRival, func(_ context.Context, dir string, _ int) (closingAppender, error) {
			return yardstick.NewFile(filepath.Join(dir, "events"))
		}},
		{"JetStream, each one flushed", func(ctx context.Context, dir string, _ int) (closingAppender, error) {
			return yardstick.OpenRaw(ctx, dir, true)
		}},
		{"JetStream, NOT DURABLE", func(ctx context.Context, dir string, _ int) (closingAppender, error) {
			return yardstick.OpenRaw(ctx, dir, false)
		}},
	}
	if c.Postgres != "" {
		all = append(all, rival{postgresRival, func(ctx context.Context, _ string, callers int) (closingAppender, error) {
			return yardstick.OpenPostgres(ctx, c.Postgres, min(callers, maxConnections))
		}})
	}
	return all
}

// alone is the event store by itself: who appends keeps the versions of streams that an index would know.
type alone struct {
	*jetstream.Store
	index *versions
}

func openAlone(ctx context.Context, dir string, _ int) (closingAppender, error) {
	store, err := openEmbedded(ctx, &folder{path: dir}, nil)
	if err != nil {
		return nil, err
	}
	a := alone{store, &versions{known: map[domain.Stream]uint64{}}}
	store.UseIndex(a.index)
	return a, nil
}

func (a alone) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	p, err := a.Store.Append(ctx, stream, expected, events)
	if err == nil {
		a.index.appended(p, stream, expected+uint64(len(events)))
	}
	return p, err
}

// versions implements jetstream.Index for a store of which nothing is read.
type versions struct {
	mu       sync.Mutex // protects all below
	position domain.Position
	known    map[domain.Stream]uint64
}

func (v *versions) appended(p domain.Position, stream domain.Stream, version uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.position, v.known[stream] = max(v.position, p), version
}

func (v *versions) Position() domain.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.position
}

func (v *versions) Version(_ context.Context, stream domain.Stream) (uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.known[stream], nil
}

func (v *versions) Read(context.Context, domain.Stream, uint64) iter.Seq2[domain.Record, error] {
	return func(yield func(domain.Record, error) bool) {
		yield(domain.Record{}, fmt.Errorf("a store that is measured holds no records to read: %w", domain.ErrUnavailable))
	}
}

// indexed is the event store with the streams read model following it, as in a running server.
type indexed struct {
	*jetstream.Store
	index    *streams.Model
	follower *projections.Follower
}

func openIndexed(ctx context.Context, dir string, _ int) (closingAppender, error) {
	store, err := openEmbedded(ctx, &folder{path: dir}, nil)
	if err != nil {
		return nil, err
	}
	index, err := streams.Open(filepath.Join(dir, "read"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	store.UseIndex(index)
	return indexed{store, index, projections.Start(ctx, store, nil, index)}, nil
}

func (i indexed) Close() error {
	i.follower.Stop()
	return errors.Join(i.index.Close(), i.Store.Close())
}

// Run measures and prints.
func (c benchStore) Run(ctx context.Context, out io.Writer) error {
	if c.For <= 0 || c.Rounds < 1 || len(c.Callers) == 0 || slices.Min(c.Callers) < 1 {
		return fmt.Errorf("at least one caller, one round and some time are needed: %w", domain.ErrInvalid)
	}
	rivals := c.rivals()
	fmt.Fprintf(out, "%d processors; %d rounds, each one in turn for %s; medians\n", runtime.GOMAXPROCS(0), c.Rounds, c.For)
	if c.Postgres == "" {
		fmt.Fprintln(out, "Postgres is left out: name one with --postgres")
	}
	for _, callers := range c.Callers {
		turns := make([][]measured, len(rivals)) // by rival, then by round
		for range c.Rounds {
			for i, r := range rivals {
				m, err := c.turn(ctx, r, callers)
				if err != nil {
					return fmt.Errorf("%s: %w", r.name, err)
				}
				turns[i] = append(turns[i], m)
			}
		}
		if err := printTurns(out, rivals, turns, callers); err != nil {
			return err
		}
	}
	return nil
}

// turn measures one rival once, in a folder of its own.
func (c benchStore) turn(ctx context.Context, r rival, callers int) (m measured, err error) {
	dir, remove, err := c.scratch()
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	store, err := r.open(ctx, dir, callers)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	runtime.GC() // what the one before has left is not this one's
	m, err = measure(ctx, store, callers, c.For)
	if err == nil {
		err = ctx.Err() // a turn that was cut short is none
	}
	return m, err
}

func printTurns(out io.Writer, rivals []rival, turns [][]measured, callers int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%d callers\tevents/s\tp50 ms\tp99 ms\tlongest ms\t× the file\t× Postgres\t\n", callers)
	for i, r := range rivals {
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t%s\t%s\t\n", r.name, middle(turns[i], measured.rate),
			millis(turns[i], func(m measured) time.Duration { return m.median }),
			millis(turns[i], func(m measured) time.Duration { return m.p99 }),
			millis(turns[i], func(m measured) time.Duration { return m.longest }),
			against(fileRival, rivals, turns, i), against(postgresRival, rivals, turns, i))
	}
	return w.Flush()
}

// against is how many times the rate of the other the i-th has, "" where the other has no turns.
func against(other string, rivals []rival, turns [][]measured, i int) string {
	j := slices.IndexFunc(rivals, func(r rival) bool { return r.name == other })
	if j < 0 {
		return ""
	}
	ratios := make([]float64, len(turns[i]))
	for round := range ratios {
		ratios[round] = turns[i][round].rate() / turns[j][round].rate()
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

func millis(turns []measured, of func(measured) time.Duration) string {
	return fmt.Sprintf("%.2f", middle(turns, func(m measured) float64 { return of(m).Seconds() * 1000 }))
}

// middle is the median of something of the rounds.
func middle(turns []measured, of func(measured) float64) float64 {
	values := make([]float64, len(turns))
	for i, m := range turns {
		values[i] = of(m)
	}
	return median(values)
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
