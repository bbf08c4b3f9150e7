package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

// verifyLog compares the log of a server that is stopped with its tree.
type verifyLog struct {
	storeFlag
}

// Help says what is compared.
func (verifyLog) Help() string {
	return `Every event of the log is read and compared with the Merkle tree that was made when the events were written, and
every hash of the tree with what the events give. It prints how many events there are and the root over them,
or the first event at which the two differ. Nothing is changed. The server has to be stopped; while it runs it does
the same in the background.`
}

// Run compares and prints.
func (c verifyLog) Run(ctx context.Context, out io.Writer) (err error) {
	log, err := openStopped(ctx, c.lockExisting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	t, err := tree.Open(log.tree())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	begin := time.Now()
	same, err := t.Compare(ctx, log.store, nil)
	if err != nil {
		return err
	}
	head, err := log.store.Head(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: the log is what was written, up to position %d (%s)\n%s\n", log.where(), same.Position, time.Since(begin).Round(time.Millisecond), root(t))
	if head > same.Position {
		fmt.Fprintf(out, "The log goes on to position %d; the tree takes that in when the server starts.\n", head)
	}
	return nil
}

// verifyReadModels compares the read models of a server that is stopped with its log.
type verifyReadModels struct {
	storeFlag
}

// Help says what is compared.
func (verifyReadModels) Help() string {
	return `Each read model is built a second time from the log, beside it, and compared row by row. That takes as long as tizilim
rebuild and as much room as the largest of them. Nothing is changed; what is found to be damaged can be made anew with tizilim rebuild NAME.
The server has to be stopped; while it runs it does the same in the background once a day.`
}

// Run compares and prints.
func (c verifyReadModels) Run(ctx context.Context, out io.Writer) (err error) {
	log, err := openStopped(ctx, c.lockExisting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	var errs []error
	for _, k := range kinds {
		switch err := audit(ctx, log.folder, log.store, k); {
		case err == nil:
			fmt.Fprintf(out, "%s: holds what follows from the log\n", k.Name())
		case errors.Is(err, domain.ErrNotFound):
			fmt.Fprintf(out, "%s: is not there; the next start builds it\n", k.Name())
		case errors.Is(err, domain.ErrDamaged):
			errs = append(errs, err)
		default:
			return errors.Join(append(errs, err)...)
		}
	}
	return errors.Join(errs...)
}

// audit compares the read model in its file, domain.ErrNotFound where there is none.
func audit(ctx context.Context, f *folder, log domain.Log, k projections.Kind) (err error) {
	m, err := k.Open(f.read(), projections.ReadOnly())
	if err == nil {
		if err = m.Close(); err == nil {
			m, err = k.Open(f.read())
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return projections.Audit(ctx, log, f.read(), logger, k, m)
}
