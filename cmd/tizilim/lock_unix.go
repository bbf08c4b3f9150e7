//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock of the file, which the process holds until it closes the file or ends. taken
// says that another process holds it.
func tryLock(f *os.File) (taken bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
