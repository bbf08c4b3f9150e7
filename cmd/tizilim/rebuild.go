package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/streams"
)

// kinds are the read models.
var kinds = []projections.Kind{streams.Kind, numbers.Kind, reactor.Kind, licenses.Kind, applications.Kind, deadlines.Kind, history.Kind, notices.Kind, payments.Kind}

// rebuildCmd builds read models anew.
type rebuildCmd struct {
	Names []string `arg:"" optional:"" name:"name" help:"Read models: streams, numbers, reactor, licenses, applications, deadlines, history, notices, payments. All of them where none is named."`
	storeFlag
}

// Help says when one needs it.
func (rebuildCmd) Help() string {
	return `Read models follow from the event log and are kept up to date by themselves; nobody has to rebuild them but
after damage to a file. The server has to be stopped, so the register cannot be searched meanwhile. Each model
is built beside the old one, checked, and put in its place by one rename; an interrupted rebuild changes nothing.`
}

// Run rebuilds and says how long it took.
func (c rebuildCmd) Run(ctx context.Context, out io.Writer) (err error) {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	log, err := openStopped(ctx, c.lockExisting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	head, err := log.store.Head(ctx)
	if err != nil {
		return err
	}
	boundMemory()
	begin := time.Now()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := projections.Rebuild(ctx, log.store, log.read(), logger, chosen...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "rebuilt %s up to position %d in %s\n", strings.Join(modelNames(chosen), ", "), head, time.Since(begin).Round(time.Millisecond))
	return err
}

// boundMemory lets a rebuild make more garbage before it is collected, because it makes much and keeps little,
// within what it may take: SQLite's caches come on top. An environment that says otherwise is heeded.
func boundMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(900 << 20)
	}
}

func (c rebuildCmd) chosen() ([]projections.Kind, error) {
	if len(c.Names) == 0 {
		return kinds, nil
	}
	var chosen []projections.Kind
	for _, name := range c.Names {
		i := slices.Index(modelNames(kinds), name)
		if i < 0 {
			return nil, fmt.Errorf("no read model %q; there are %s: %w", name, strings.Join(modelNames(kinds), ", "), domain.ErrInvalid)
		}
		if !slices.ContainsFunc(chosen, func(k projections.Kind) bool { return k.Name() == name }) {
			chosen = append(chosen, kinds[i])
		}
	}
	return chosen, nil
}

func modelNames(kinds []projections.Kind) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name()
	}
	return names
}
