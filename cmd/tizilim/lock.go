package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/domain"
)

// errLocked: another process has the data folder open for writing.
var errLocked = errors.New("in use")

// folder is a data folder that this process alone may write to, until it is closed or the process
// ends, however it ends: the kernel holds the lock, so a killed process leaves none behind.
type folder struct {
	path      string
	sharedDir string // folder that other nodes have too, empty for none
	at        logAt  // where the log is
	// begins allows to begin a registry on the server of the store, which had none.
	begins bool
	// acceptLoss opens a log also where its end is lost: that is going to be declared.
	acceptLoss bool
	lock       *os.File
	// blobs are the files in documents, opened once by whoever serves.
	blobs *blobstore.Store
}

// lockFolder makes the folder where it does not exist and locks it. errLocked, with the process that has
// it, where another one was first.
func lockFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	taken, err := tryLock(f)
	if taken {
		owner, _ := os.ReadFile(f.Name()) // only for the message
		f.Close()
		return nil, fmt.Errorf("data folder %s is %w by process %s", path, errLocked, strings.TrimSpace(string(owner)))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock data folder %s: %w", path, err)
	}
	if err := errors.Join(f.Truncate(0), writeOwner(f)); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock data folder %s: %w", path, err)
	}
	return &folder{path: path, lock: f}, nil
}

// hasData is ErrNotFound where the folder holds no registry.
func hasData(path string) error {
	if _, err := os.Stat(filepath.Join(path, "log")); err != nil {
		return fmt.Errorf("%s holds no data of a registry (start one with: tizilim demo, or name it with --data): %w", path, domain.ErrNotFound)
	}
	return nil
}

func writeOwner(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}

// The parts of a data folder.
func (f *folder) log() string       { return filepath.Join(f.path, "log") }
func (f *folder) read() string      { return filepath.Join(f.path, "read") }
func (f *folder) acts() string      { return filepath.Join(f.common(), "acts") } // wordings that came into use
func (f *folder) documents() string { return filepath.Join(f.common(), "documents") }
func (f *folder) accounts() string  { return filepath.Join(f.common(), "accounts.sqlite") }
func (f *folder) demo() string      { return filepath.Join(f.path, "demo") }

// noticesPassword is the file with the password of the subscribers to notices.
func (f *folder) noticesPassword() string { return filepath.Join(f.path, "notices-password") }

func (f *folder) close() error { return f.lock.Close() }
