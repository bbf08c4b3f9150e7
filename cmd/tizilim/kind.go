package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// kind says what a data folder is for. The sample world must never come into a real registry, whose log
// cannot forget it; and real applicants never into one whose payments and signatures anybody can make.
type kind string

const (
	demoKind     kind = "demo"
	registryKind kind = "registry"
)

// claim makes sure that the folder is of the kind, and writes the kind into it where it does not say so, which the
// next start then need not find out from the log:
// ErrConflict for a folder of the other kind, and for a demo on a log that no demo began.
func (f *folder) claim(ctx context.Context, want kind) error {
	is, err := f.kind(ctx)
	if err != nil {
		return err
	}
	switch {
	case is == "", is == want:
		content := []byte(want + "\n")
		if said, err := os.ReadFile(f.kindFile()); err == nil && bytes.Equal(said, content) {
			return nil
		}
		return disk.WriteFile(f.kindFile(), content)
	case want == demoKind:
		return fmt.Errorf("folder %s holds a registry that is not the demo's; name another one with --data: %w", f.path, domain.ErrConflict)
	}
	return fmt.Errorf("folder %s holds the demo's sample data; name another one with --data: %w", f.path, domain.ErrConflict)
}

func (f *folder) kindFile() string { return filepath.Join(f.path, "kind") }
func (f *folder) seed() string     { return filepath.Join(f.demo(), "seed.json") }

// kind is what the folder says that it is, "" where it says nothing and nothing is in it. Without the
// demo's own mark no log that has anything in it is the demo's, whatever the folder says: it may have
// been imported since. A folder that was moved with the demo's files is the demo's.
func (f *folder) kind(ctx context.Context) (kind, error) {
	text, err := os.ReadFile(f.kindFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("data folder: %w", err)
	}
	is := kind(strings.TrimSpace(string(text)))
	switch is {
	case registryKind:
		return is, nil
	case "", demoKind:
	default:
		return "", fmt.Errorf("%s says %q, neither %s nor %s: %w", f.kindFile(), is, demoKind, registryKind, domain.ErrDamaged)
	}
	if _, err := os.Stat(f.seed()); err == nil {
		return demoKind, nil
	}
	head, err := f.head(ctx)
	if head > 0 {
		is = registryKind
	}
	return is, err
}

// head is the last position of the folder's log, 0 where there is none. That of a cluster of nodes, which no
// demo is part of, is not looked at: this node would have to join it for that and leave it again.
func (f *folder) head(ctx context.Context) (head domain.Position, err error) {
	if !f.at.shared() && hasData(f.path) != nil || f.at.Cluster != nil {
		return 0, nil
	}
	store, err := openStore(ctx, f, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Head(ctx)
}
