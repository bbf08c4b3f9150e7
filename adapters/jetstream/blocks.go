package jetstream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tizilim/tizilim/adapters/disk"
)

// blocks makes durable what the server has written to the block files of the stream. It relies on
// three things that the self-test checks at every start: the server has handed a message to the
// operating system before it acknowledges it, blocks are msgs/<n>.blk with n growing by one, and a
// block is only ever appended to.
type blocks struct {
	dir string
	// current is the newest block that was synced, number 0 while there is none. It stays open, so
	// that an error of the disk between two flushes is reported to the next one.
	number  int
	current *os.File
	// size is how far the current block reached at the last flush, grown what all blocks have grown
	// by since they were opened.
	size, grown int64
}

// openBlocks looks for the newest block in dir.
func openBlocks(dir string) (*blocks, error) {
	newest, err := newestBlock(dir)
	if err != nil {
		return nil, err
	}
	b := &blocks{dir: dir, number: newest}
	if b.number > 0 {
		if b.current, err = os.OpenFile(b.path(b.number), os.O_RDWR, 0); err != nil {
			return nil, err
		}
		if b.size, err = size(b.current); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

// newestBlock is the number of the newest block in dir, 0 where there is none.
func newestBlock(dir string) (newest int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("block files of the log: %w", err)
	}
	for _, e := range entries {
		var n int
		if strings.HasSuffix(e.Name(), ".blk") {
			if _, err := fmt.Sscanf(e.Name(), "%d.blk", &n); err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest, nil
}

func (b *blocks) path(n int) string { return blockFile(b.dir, n) }

func blockFile(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("%d.blk", n)) }

// sync makes every block durable up to what is written now. atLeast is how many bytes the server
// has acknowledged since the blocks were opened: files that grew by less are not where the log is.
func (b *blocks) sync(atLeast int64) error {
	added := false
	for {
		next, err := os.OpenFile(b.path(b.number+1), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return fmt.Errorf("next block of the log: %w", err)
		}
		if err := b.leave(next); err != nil {
			return err
		}
		added = true
	}
	if b.current == nil {
		return fmt.Errorf("no block file in %s", b.dir)
	}
	if err := b.syncCurrent(); err != nil {
		return err
	}
	if added {
		if err := disk.SyncDir(b.dir); err != nil {
			return err
		}
	}
	if b.grown < atLeast {
		return fmt.Errorf("block %d: the log grew by %d bytes of %d", b.number, b.grown, atLeast)
	}
	return nil
}

// leave makes the current block durable for the last time and goes on to the next one.
func (b *blocks) leave(next *os.File) error {
	if b.current != nil {
		if err := b.syncCurrent(); err != nil {
			next.Close()
			return err
		}
		b.current.Close()
	}
	b.number, b.current, b.size = b.number+1, next, 0
	return nil
}

func (b *blocks) syncCurrent() error {
	size, err := size(b.current)
	if err == nil {
		err = disk.SyncData(b.current)
	}
	if err != nil {
		return fmt.Errorf("sync block %d of the log: %w", b.number, err)
	}
	b.grown += size - b.size
	b.size = size
	return nil
}

func size(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b *blocks) close() {
	if b.current != nil {
		b.current.Close()
	}
}
