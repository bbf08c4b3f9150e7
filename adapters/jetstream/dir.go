package jetstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// The files of a store's directory. Everything of NATS is in one folder below it; the marker and the
// mark stand outside, where a server that repairs or loses its own files does not touch them.
const (
	lockName   = "lock"
	markerName = "store.json"
	markName   = "mark.json"
	natsName   = "nats"
)

// marker says what made the directory. A store opened in another mode would delete or misread it.
type marker struct {
	Mode   string `json:"mode"`
	Format int    `json:"format"`
	Node   string `json:"node,omitempty"` // of a cluster, whose server's files are here
}

func (m marker) String() string {
	text := fmt.Sprintf("mode %q, format %d", m.Mode, m.Format)
	if m.Node != "" {
		text += ", node " + m.Node
	}
	return text
}

var (
	embedded  = marker{Mode: "embedded", Format: 1}
	clustered = marker{Mode: "cluster", Format: 1} // the log is elsewhere, and only what is known of it here
)

// mark is a position that was durable when it was written: a log that ends before it has lost
// acknowledged events.
type mark struct {
	Position domain.Position `json:"position"`
}

// lockDir makes the directory and locks it for this process; closing the file unlocks it.
func lockDir(dir string) (*os.File, error) {
	if err := makeDirs(dir); err != nil {
		return nil, fmt.Errorf("directory of the event store: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the event store: %w", err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("another process has the event store in %s open: %w: %w", dir, domain.ErrUnavailable, err)
	}
	return f, nil
}

// makeDirs is os.MkdirAll with the new names made durable.
func makeDirs(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	} else if err == nil {
		return fmt.Errorf("%s is a file: %w", dir, domain.ErrInvalid)
	}
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.SyncDir(filepath.Dir(dir))
}

// checkMarker reads the marker, or writes it where the directory is new.
func checkMarker(dir string, want marker) error {
	var m marker
	found, err := readJSON(filepath.Join(dir, markerName), &m)
	if err != nil {
		return err
	}
	if found && m != want {
		return fmt.Errorf("%s holds an event store of %s; this is %s: %w", dir, m, want, domain.ErrInvalid)
	}
	if found {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, natsName)); err == nil {
		return fmt.Errorf("%s holds NATS files and no %s: %w", dir, markerName, domain.ErrDamaged)
	}
	return writeJSON(filepath.Join(dir, markerName), want)
}

func readMark(dir string) (domain.Position, error) {
	var m mark
	_, err := readJSON(filepath.Join(dir, markName), &m)
	return m.Position, err
}

func writeMark(dir string, p domain.Position) error {
	return writeJSON(filepath.Join(dir, markName), mark{p})
}

func readJSON(path string, v any) (found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return true, fmt.Errorf("%s: %w: %w", path, domain.ErrDamaged, err)
	}
	return true, nil
}

// writeJSON replaces a file, durably: after a crash the old or the new content is there.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(path))
}

// syncStream makes a stream durable with every file it has, and the way to it from the store's
// directory. What the server removes meanwhile needs no flush.
func syncStream(dir, account, name string) error {
	stream := streamDir(filepath.Join(dir, natsName), account, name)
	err := filepath.WalkDir(stream, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = disk.SyncDir(path)
		} else if err == nil && d.Type().IsRegular() {
			err = syncFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	for at := stream; err == nil && at != dir; {
		at = filepath.Dir(at)
		err = disk.SyncDir(at)
	}
	if err != nil {
		return fmt.Errorf("flush stream %s: %w", name, err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
