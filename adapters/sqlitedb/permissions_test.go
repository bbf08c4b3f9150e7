//go:build unix

package sqlitedb_test

import (
	"os"
	"path/filepath"
	"testing"
)

// Nobody but the owner may read the file, nor what SQLite keeps beside it. Windows has no such permissions.
func TestFileIsOursAlone(t *testing.T) {
	path := file(t)
	db := open(t, path)
	if err := db.Write(t.Context(), record("a", `1`, 0)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", filepath.Base(name), info.Mode(), err)
		}
	}
}
