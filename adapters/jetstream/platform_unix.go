//go:build linux || darwin || freebsd

package jetstream

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// groupFlush says that the platform can flush files and directories as the group flush needs it.
const groupFlush = true

// lockFile takes the lock that a process holds until it ends, and fails where another has it.
func lockFile(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// freeBytes is what the file system of dir has left for this process.
func freeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil
}
