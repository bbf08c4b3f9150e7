//go:build linux || darwin || freebsd

package jetstream

import (
	"os"

	"golang.org/x/sys/unix"
)

// groupFlush says that the platform can flush files and directories as the group flush needs it.
const groupFlush = true

// lockFile takes the lock that a process holds until it ends, and fails where another has it.
func lockFile(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
