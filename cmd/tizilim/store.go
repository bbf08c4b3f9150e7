package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/domain"
)

// storeFlag is where a command finds the registry: its data folder, and its log where that is elsewhere.
type storeFlag struct {
	dataFlag
	logAt
}

// logAt say where the log is; it is in the data folder where they say nothing.
type logAt struct {
	natsFlags
	clusterFlags
	Store string `placeholder:"URL" xor:"store" help:"EventStoreDB that keeps the event log, such as esdb+discover://user:password@host:2113, for several nodes to share; the data folder keeps it where left out."`
}

// shared reports whether other nodes have the log too.
func (l logAt) shared() bool { return l.Store != "" || l.NATS != "" || l.Cluster != nil }

// lock locks the data folder, and makes it, and the registry on its server, where they do not exist.
func (c storeFlag) lock() (*folder, error) {
	f, err := lockFolder(c.Data)
	if err == nil {
		f.at, f.sharedDir, f.begins = c.logAt, c.Shared, true
	}
	return f, err
}

// lockExisting is lock for a registry that has to be there already: ErrNotFound otherwise.
func (c storeFlag) lockExisting() (*folder, error) {
	_, err := os.Stat((&folder{path: c.Data}).elsewhere())
	if !c.shared() && err != nil {
		if err := hasData(c.Data); err != nil {
			return nil, err
		}
	}
	f, err := c.lock()
	if err == nil {
		f.begins = false
	}
	return f, err
}

// eventStore is the event store as the registry needs it, whichever it is.
type eventStore interface {
	domain.EventStore
	domain.Log
	// Healthy says whether appends can succeed: nil, or why not.
	Healthy(context.Context) error
	Close() error
}

// openStore opens the event store of the folder, in it or elsewhere. Where it belongs to a registry, that
// one is told of every append. ErrConflict for a folder whose log is not where the command says.
func openStore(ctx context.Context, f *folder, r *registry) (eventStore, error) {
	switch {
	case f.at.Store != "":
		return openElsewhere(ctx, f, r)
	case f.at.NATS != "" || f.at.Cluster != nil:
		return openCluster(ctx, f, r)
	}
	switch log, err := f.foreign(); {
	case err != nil:
		return nil, err
	case log != uuid.Nil:
		return nil, fmt.Errorf("folder %s belongs to a log in EventStoreDB; say where with --store: %w", f.path, domain.ErrConflict)
	}
	store, err := openEmbedded(ctx, f, r)
	if err != nil { // a nil *jetstream.Store is no nil eventStore
		return nil, err
	}
	return store, nil
}

// stoppedLog is the log of a registry that no server uses, with its data folder.
type stoppedLog struct {
	*folder
	store eventStore
}

// openStopped opens the log of the folder that lock locks.
func openStopped(ctx context.Context, lock func() (*folder, error)) (*stoppedLog, error) {
	f, err := lock()
	if err != nil {
		return nil, stopFirst(err)
	}
	store, err := openStore(ctx, f, nil)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return &stoppedLog{f, store}, nil
}

func (l *stoppedLog) close() error { return errors.Join(l.store.Close(), l.folder.close()) }

// openElsewhere opens the event store of a server.
func openElsewhere(ctx context.Context, f *folder, r *registry) (_ eventStore, err error) {
	config := eventstoredb.Config{URL: f.at.Store}
	if r != nil {
		config.Logger, config.OnAppend = r.logger, r.metrics.ObserveAppend
	}
	store, err := eventstoredb.Open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, store.Close())
		}
	}()
	log, err := f.identify(ctx, store)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	return store, f.belong(log)
}

// identify finds out which log the server has. Where it has none a new folder may begin one; one that follows a
// log has lost it, or is at the wrong server.
func (f *folder) identify(ctx context.Context, store *eventstoredb.Store) (uuid.UUID, error) {
	if err := f.ownLog(); err != nil {
		return uuid.Nil, err
	}
	is, err := f.foreign()
	if err != nil {
		return uuid.Nil, err
	}
	log, err := store.Identity(ctx)
	switch {
	case err != nil || log != uuid.Nil:
		return log, err
	case is != uuid.Nil || f.hadTree():
		return uuid.Nil, fmt.Errorf("the server has no registry, and folder %s follows one: it is another server, or one that lost everything; nothing was written: %w", f.path, domain.ErrDamaged)
	case !f.begins:
		return uuid.Nil, fmt.Errorf("the server has no registry (start one with: tizilim serve): %w", domain.ErrNotFound)
	}
	return store.Begin(ctx)
}

// ownLog is ErrConflict for a folder that has a log in it.
func (f *folder) ownLog() error {
	if hasData(f.path) == nil {
		return fmt.Errorf("folder %s has a log of its own; name another one with --data, and move the events with export and import: %w", f.path, domain.ErrConflict)
	}
	return nil
}

// shared reports whether the log is not in the folder, and other nodes write to it too.
func (f *folder) shared() bool { return f.at.shared() }

// elsewhere is the file that names the log which is not in the folder.
func (f *folder) elsewhere() string { return filepath.Join(f.path, "eventstoredb.json") }

// foreign is the log elsewhere that the folder belongs to, Nil for none.
func (f *folder) foreign() (uuid.UUID, error) {
	text, err := os.ReadFile(f.elsewhere())
	if errors.Is(err, fs.ErrNotExist) {
		return uuid.Nil, nil
	}
	var is struct{ Log uuid.UUID }
	if err == nil {
		err = json.Unmarshal(text, &is)
	}
	if err == nil && is.Log == uuid.Nil {
		err = fmt.Errorf("%s names no log: %w", f.elsewhere(), domain.ErrDamaged)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("data folder: %w", err)
	}
	return is.Log, nil
}

// belong makes sure that what is in the folder follows from the log and from no other, and writes that
// down where nothing was written.
func (f *folder) belong(log uuid.UUID) error {
	is, err := f.foreign()
	switch {
	case err != nil || is == log:
		return err
	case is != uuid.Nil:
		return fmt.Errorf("folder %s belongs to another log in EventStoreDB, %s and not %s; name another one with --data: %w", f.path, is, log, domain.ErrConflict)
	}
	return disk.WriteFile(f.elsewhere(), fmt.Appendf(nil, "{\"log\":%q}\n", log))
}

// where is the log, for people.
func (f *folder) where() string {
	switch {
	case f.at.Store != "":
		return "EventStoreDB"
	case f.at.NATS != "":
		return "the NATS cluster"
	case f.at.Cluster != nil:
		return "the cluster of the nodes"
	}
	return f.path
}
