package disk_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tizilim/tizilim/adapters/disk"
)

func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "secret")
	for _, content := range []string{"the first", "2nd"} {
		if err := disk.WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v; want %q", got, err, content)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}

	// What cannot be put in its place leaves nothing behind.
	if err := disk.WriteFile(dir, []byte("a file where there is a folder")); err == nil {
		t.Error("a folder was written over")
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
			t.Errorf("%s holds %v, %v", folder, left, err)
		}
	}
}

// BenchmarkSyncData is what the disk gives: one write of a kibibyte and one flush after the other.
func BenchmarkSyncData(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	record := make([]byte, 1024)
	for b.Loop() {
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := disk.SyncData(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}
