package yardstick

import (
	"context"
	"os"
	"sync"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// File is a bare file with group commit: all that wait while the disk is busy share one write and one
// flush. It checks no versions, so it is what the disk gives to any store of this kind. A caller alone
// writes and flushes by itself, one commit after the other.
type File struct {
	file *os.File
	disk sync.Mutex // held by who writes and flushes

	mu   sync.Mutex // protects next
	next *batch     // gathers what comes while the disk is busy; nil for nothing
}

// batch is what shares one flush.
type batch struct {
	data []byte
	done chan struct{} // closed once err stands
	err  error
}

// NewFile makes the file.
func NewFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &File{file: f}, nil
}

// Append writes the commit and returns when it is durable; the position is always 0.
func (f *File) Append(_ context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	data, err := encode(stream, expected, events)
	if err != nil {
		return 0, err
	}
	b, first := f.join(data)
	if !first {
		<-b.done
		return 0, b.err
	}
	f.disk.Lock()
	b.err = f.write(b)
	f.disk.Unlock()
	close(b.done)
	return 0, b.err
}

// join puts the commit into the batch that gathers. Who is first in it writes it.
func (f *File) join(data []byte) (b *batch, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next, first = &batch{done: make(chan struct{})}, true
	}
	f.next.data = append(append(f.next.data, data...), '\n')
	return f.next, first
}

func (f *File) write(b *batch) error {
	f.mu.Lock()
	f.next = nil // who comes from now on waits for the next flush
	f.mu.Unlock()
	if _, err := f.file.Write(b.data); err != nil {
		return err
	}
	return disk.SyncData(f.file)
}

// Close closes the file, which stays where it is.
func (f *File) Close() error { return f.file.Close() }
