package jetstream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// closedName is a file that says that the store was closed in order. It is there between a Close and the
// next Open and decides nothing: after an end by force under load the server finds its own index of the log
// to be older than the log and reads all of it, and whoever waits for that wants to know why.
const closedName = "closed"

// openingEvery is how often a long opening says that it goes on. Tests change it.
var openingEvery = 5 * time.Second

// sayOpening tells the log what the opening is at; what it returns is told how that ended.
func (s *Store) sayOpening() (over func(error)) {
	dir := blockDir(filepath.Join(s.config.Dir, natsName), streamName)
	blocks, bytes := blockSizes(dir)
	err := os.Remove(filepath.Join(s.config.Dir, closedName))
	how := "the last process closed it: its index is read"
	if errors.Is(err, fs.ErrNotExist) && blocks > 0 {
		how = "the last process was ended by force: if it had written, every commit is read and its checksum compared"
	}
	size := fmt.Sprintf("%d MiB in %d blocks", bytes>>20, blocks)
	s.logger.Info("event store: opening the log", "size", size, "state", how)
	begin, done := time.Now(), make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		tick := time.NewTicker(openingEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.logger.Warn("event store: still opening the log", "for", time.Since(begin).Round(time.Second), "size", size, "state", how)
			case <-done:
				return
			}
		}
	})
	return func(err error) {
		close(done)
		saying.Wait()
		if err != nil {
			return
		}
		s.logger.Info("event store: the log is open", "position", s.end, "after", time.Since(begin).Round(time.Millisecond))
	}
}

// blockSizes is how many block files there are, and their size; what cannot be read is the server's to complain of.
func blockSizes(dir string) (blocks int, bytes int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".blk") {
			blocks, bytes = blocks+1, bytes+info.Size()
		}
	}
	return blocks, bytes
}

// markClosed says that the store was closed in order.
func (s *Store) markClosed() error {
	return os.WriteFile(filepath.Join(s.config.Dir, closedName), nil, 0o600)
}
