//go:build !linux

package disk

import "os"

// SyncData makes the content of a file durable, with the size that is needed to read it.
func SyncData(f *os.File) error { return f.Sync() }
