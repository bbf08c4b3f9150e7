package jetstream

import "path/filepath"

// WithStep gives a configuration with a hook at each step of the committer.
func (c Config) WithStep(step func(name string) error) Config {
	c.step = step
	return c
}

// BlockDir is where a store in dir keeps the block files of its log.
func BlockDir(dir string) string { return blockDir(filepath.Join(dir, natsName), streamName) }

// GroupFlush says whether the store flushes groups, or has the server sync each message.
func (s *Store) GroupFlush() bool { return s.blocks != nil }

// MarkFile is the name of the file that holds a durable position.
const MarkFile = markName

// Datasync is the flush of one file that the store uses.
var Datasync = datasync
