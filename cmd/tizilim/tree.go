package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/tree"
)

// treeWindow is how long an event may wait until its hash is flushed: the flush must not take the disk's
// time from the log's own.
const treeWindow = 100 * time.Millisecond

// tree is the file of the Merkle tree.
func (f *folder) tree() string { return filepath.Join(f.path, "tree.sqlite") }

// treeMade is the file that tells that the folder has had a tree, so that one that is not there is lost. It is
// written once the tree is there: a crash between the two leaves a tree, and the next start writes it.
func (f *folder) treeMade() string { return filepath.Join(f.path, "tree-made") }

// hadTree reports whether the folder has ever had a tree. What cannot be looked at counts as one that had.
func (f *folder) hadTree() bool {
	_, err := os.Stat(f.treeMade())
	return !errors.Is(err, fs.ErrNotExist)
}

// openTree opens the Merkle tree of the folder and finds out whether the log is the one that the tree was
// made of. It has to be called before anything is written to the log. domain.ErrDamaged where the log is
// another one, and where the tree is lost.
func openTree(ctx context.Context, f *folder, log domain.Log) (*tree.Tree, error) {
	t, err := tree.Open(f.tree())
	if errors.Is(err, domain.ErrNotFound) {
		t, err = firstTree(ctx, f, log)
	}
	if err == nil {
		if err = t.Check(ctx, log); err == nil {
			err = noteTree(f)
		}
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}
	if errors.Is(err, domain.ErrDamaged) {
		return nil, fmt.Errorf("the event log is not what it was, or nothing tells that it is; no event was written (what to do: docs/operating.md, \"Damage\"): %w", err)
	}
	return t, err
}

// firstTree makes the tree of a folder that never had one: of a log that is empty, or one that the folder
// shares with other nodes, which the tree then catches up with like a read model. domain.ErrDamaged where
// there was a tree, or has to have been one: nothing tells whether such a log is whole, and a tree that was
// made anew would not either.
func firstTree(ctx context.Context, f *folder, log domain.Log) (*tree.Tree, error) {
	head, err := log.Head(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case f.hadTree():
		return nil, fmt.Errorf("%s is gone, and the log ends at position %d: %w", f.tree(), head, domain.ErrDamaged)
	case head > 0 && !f.shared():
		return nil, fmt.Errorf("%s is gone, or never was there, as in a folder of an older version, and the log ends at position %d: %w", f.tree(), head, domain.ErrDamaged)
	}
	return tree.Create(f.tree())
}

// noteTree writes down that the folder has a tree.
func noteTree(f *folder) error {
	if f.hadTree() {
		return nil
	}
	return disk.WriteFile(f.treeMade(), []byte("This folder has a tree.sqlite. Where it is gone, something is lost: see \"Damage\" in docs/operating.md.\n"))
}

// openTree opens the registry's tree.
func (r *registry) openTree(ctx context.Context, f *folder, world outside) (err error) {
	world.starting("comparing the event log with its Merkle tree")
	if r.tree, err = openTree(ctx, f, r.store); err != nil {
		return err
	}
	r.onClose(r.tree.Close)
	r.tree.Window = treeWindow
	if r.log = r.store; f.shared() {
		r.log = r.tree.Watch(r.store)
	}
	r.scrub = &scrub{
		tree: r.tree, log: r.store, copies: copiesOf(r.store), perSecond: world.rate(), rest: scrubRest,
		metrics: r.metrics, logger: r.logger, now: time.Now,
	}
	r.scrub.audit = func(ctx context.Context, log domain.Log, m projections.Model) error {
		if err := roomFor(f.read(), m.Name()); err != nil {
			return err
		}
		i := slices.Index(modelNames(kinds), m.Name())
		return projections.Audit(ctx, log, f.read(), r.logger, kinds[i], m)
	}
	return nil
}

// roomFor is domain.ErrUnavailable where a second copy of a read model might take the room that the event log needs.
func roomFor(dir, name string) error {
	files, err := filepath.Glob(filepath.Join(dir, name+"-*.sqlite*"))
	if err != nil {
		return err
	}
	need := uint64(1 << 30)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			need += 2 * uint64(info.Size())
		}
	}
	free, err := disk.Free(dir)
	if err == nil && free < need {
		err = fmt.Errorf("%d MiB are free, a second copy of %s may take %d: %w", free>>20, name, need>>20, domain.ErrUnavailable)
	}
	return err
}

// grow brings the tree up to the end of the log.
func grow(ctx context.Context, t *tree.Tree, log domain.Log) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	follower := projections.Start(ctx, log, logger, t)
	defer follower.Stop()
	if err := follower.CaughtUp(ctx); err != nil {
		return err
	}
	return t.Flush(ctx)
}

// root tells of a tree in a line: two logs with the same line hold the same events in the same order.
func root(t *tree.Tree) string {
	written, root := t.Written()
	return rootText(written.Events, root)
}

func rootText(events int64, root tlog.Hash) string {
	return fmt.Sprintf("Merkle tree of %d events, root %s", events, root)
}
