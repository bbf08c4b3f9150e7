package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tizilim/tizilim/adapters/archive"
)

// exportCmd writes the whole log, each event compared with the Merkle tree on its way.
type exportCmd struct {
	Out string `placeholder:"FILE" default:"-" env:"-" help:"File to write, - for the standard output."`
	storeFlag
}

// Run writes to a file beside the one that is asked for, and renames it when it is whole.
func (c exportCmd) Run(ctx context.Context, out io.Writer) (err error) {
	log, err := openStopped(ctx, c.lockExisting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	t, err := openTree(ctx, log.folder, log.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if err := grow(ctx, t, log.store); err != nil {
		return err
	}
	write := func(w io.Writer) (archive.Summary, error) { return archive.Write(ctx, t.Guard(log.store), w) }
	if c.Out == "-" {
		if _, err := write(out); err != nil {
			return err
		}
		_, err = fmt.Fprintln(os.Stderr, root(t))
		return err
	}
	sum, err := toFile(c.Out, write)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d commits with %d events, SHA-256 %s\n%s\nThe files attached to applications, the lists that verdicts on signatures rest on, the wordings of acts and the accounts are not in it: copy %s too.\n",
		c.Out, sum.Commits, sum.Events, sum.SHA256, root(t), log.besideTheLog())
	return err
}

// toFile writes the file whole or not at all.
func toFile(path string, write func(io.Writer) (archive.Summary, error)) (archive.Summary, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-")
	if err != nil {
		return archive.Summary{}, err
	}
	defer os.Remove(temp.Name()) // gone already where all went well
	sum, err := write(temp)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	return sum, err
}

// importCmd reads such a file into an empty log.
type importCmd struct {
	File string `arg:"" help:"What tizilim export wrote."`
	storeFlag
}

// Help says what is checked.
func (importCmd) Help() string {
	return `The whole file is checked before anything is written: its digest, the order of its positions, that no
version of a stream is missing, that no event is there twice, that every event is one this version knows.
The root of the Merkle tree that it prints is that of the log the file was written from, whatever store that was in.
The files attached to applications, the lists that verdicts on signatures rest on, the wordings of acts and
the accounts are not in it: copy documents, acts and accounts.sqlite* of the data folder too.
The data folder has to be empty, or to hold exactly the beginning of the file, as it does after an
import that was broken off.`
}

// Run imports the file and says what it did.
func (c importCmd) Run(ctx context.Context, out io.Writer) (err error) {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := archive.Check(file); err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	log, err := openStopped(ctx, c.lock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	t, err := openTree(ctx, log.folder, log.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	sum, added, err := archive.Import(ctx, log.store, file)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := grow(ctx, t, log.store); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s: %d commits with %d events, %d of them new, are in %s\n%s\n", c.File, sum.Commits, sum.Events, added, log.where(), root(t))
	return err
}

// stopFirst adds to a locked folder's error what to do.
func stopFirst(err error) error {
	if errors.Is(err, errLocked) {
		return fmt.Errorf("%w: stop it first", err)
	}
	return err
}
