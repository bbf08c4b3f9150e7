package disk

import (
	"fmt"
	"sync"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// MinFree is how many bytes a file system has to have left for anything more to be kept there. The rest is
// for what has to be written meanwhile: read models, accounts, the access log.
const MinFree = 256 << 20

// Space watches the free space of the file system of Dir, so that what is to be kept is refused before the
// disk is full. It may be used by many goroutines at once.
type Space struct {
	Dir string
	Min uint64 // bytes

	mu      sync.Mutex // protects all below
	checked time.Time
	err     error
}

// spaceEvery is how old a look at the file system may be.
const spaceEvery = 100 * time.Millisecond

// Check is domain.ErrUnavailable where less than Min is left.
func (s *Space) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.checked) > spaceEvery {
		s.checked = now
		free, err := Free(s.Dir)
		switch {
		case err != nil:
			s.err = fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
		case free < s.Min:
			s.err = fmt.Errorf("the disk has %d MiB left, %d MiB are the least: %w", free>>20, s.Min>>20, domain.ErrUnavailable)
		default:
			s.err = nil
		}
	}
	return s.err
}
