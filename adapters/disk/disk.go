// Package disk writes files so that a crash or a power cut leaves the old content or the new one, never
// a part of it, and tells how much room there is.
package disk

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// WriteFile writes a file that only its owner may read, whole or not at all, and durable when it
// returns. The folder is made where it is missing.
func WriteFile(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already where all went well
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a folder durable: a new one has to survive a power cut too. Windows cannot
// flush a folder; NTFS journals its entries.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
