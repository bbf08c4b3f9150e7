package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// A node has its own data folder. What cannot be made again from the log, the accounts, the documents and the
// kept acts, it may have in a folder that it shares with the other nodes of its machine: each of them is
// made for several processes, the accounts by SQLite's locks, which hold on one machine only.
//
// A node stays with its shared folder: without it, it would begin with no accounts, and put documents where
// no other node finds them. So the shared folder has an id, and the data folder knows it.

// common is the folder with what nodes can share: the data folder itself where they do not.
func (f *folder) common() string { return cmp.Or(f.sharedDir, f.path) }

func (f *folder) sharedWith() string { return filepath.Join(f.path, "shared") }

// folder is the data folder for those who only look into what nodes can share, or change it beside a server.
func (f dataFlag) folder() (*folder, error) {
	at := &folder{path: f.Data, sharedDir: f.Shared}
	if f.Shared != "" {
		return at, nil
	}
	return at, at.isAlone()
}

// isAlone is ErrConflict where the folder's node shares what nodes can share, and nobody said where.
func (f *folder) isAlone() error {
	if _, err := os.Stat(f.sharedWith()); err == nil {
		return fmt.Errorf("the accounts and documents of %s are in a shared folder; name it with --shared: %w", f.path, domain.ErrConflict)
	}
	return nil
}

// besideTheLog is, for people, what has to be copied beside the log.
func (f *folder) besideTheLog() string {
	if f.sharedDir == "" && f.isAlone() != nil {
		return "documents, acts and accounts.sqlite* of the shared folder"
	}
	return fmt.Sprintf("%s, %s and %s*", f.documents(), f.acts(), f.accounts())
}

// join makes sure that the folder and the shared one belong together, and that nothing which is to be shared
// lies in the folder.
func (f *folder) join() error {
	if f.sharedDir == "" {
		return f.isAlone()
	}
	id, err := sharedID(f.sharedDir)
	if err != nil {
		return fmt.Errorf("shared folder: %w", err)
	}
	known, err := os.ReadFile(f.sharedWith())
	switch {
	case err == nil && string(known) == id:
		return nil
	case err == nil:
		return fmt.Errorf("the accounts and documents of %s are in another shared folder than %s: %w", f.path, f.sharedDir, domain.ErrConflict)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("data folder: %w", err)
	}
	alone := folder{path: f.path}
	for _, own := range []string{alone.accounts(), alone.documents(), alone.acts()} {
		if _, err := os.Stat(own); err == nil {
			return fmt.Errorf("%s is there already; move it to %s first, where there is none: %w", own, f.sharedDir, domain.ErrConflict)
		}
	}
	return disk.WriteFile(f.sharedWith(), []byte(id))
}

// sharedID is the id of the shared folder. Of several nodes that start at once one gives it.
func sharedID(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "id")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		mine := filepath.Join(dir, "id-"+uuid.NewString())
		if err := disk.WriteFile(mine, []byte(uuid.NewString()+"\n")); err != nil {
			return "", err
		}
		err = os.Link(mine, file) // unlike a rename, it replaces nothing
		if err := os.Remove(mine); err != nil {
			return "", err
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		if err := disk.SyncDir(dir); err != nil {
			return "", err
		}
		text, err = os.ReadFile(file)
	}
	return string(text), err
}
