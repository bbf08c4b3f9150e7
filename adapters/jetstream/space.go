package jetstream

import (
	"fmt"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// space watches the free space of a file system, so that appends are refused before the server
// meets a full disk, after which it takes nothing until it is started anew.
type space struct {
	dir string
	min uint64

	mu      sync.Mutex // protects all below
	checked time.Time
	err     error
}

// spaceEvery is how old a look at the file system may be.
const spaceEvery = 100 * time.Millisecond

func (s *space) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.checked) > spaceEvery {
		s.checked = now
		free, err := disk.Free(s.dir)
		switch {
		case err != nil:
			s.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		case free < s.min:
			s.err = fmt.Errorf("the disk of the event store has %d MiB left, %d MiB are the least: %w", free>>20, s.min>>20, domain.ErrUnavailable)
		default:
			s.err = nil
		}
	}
	return s.err
}
