package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncData makes the content of a file durable, with the size that is needed to read it.
func SyncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
