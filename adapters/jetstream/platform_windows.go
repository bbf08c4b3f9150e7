package jetstream

import (
	"os"

	"golang.org/x/sys/windows"
)

// groupFlush: names in directories cannot be flushed here, so the server syncs every message.
const groupFlush = false

// lockFile takes the lock that a process holds until it ends, and fails where another has it.
func lockFile(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
}
