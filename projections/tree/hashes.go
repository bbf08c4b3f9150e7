package tree

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
)

// perRow is how many hashes a row has: so many that it fills a page of SQLite's. A row of its own for each
// hash would take ten times as long to write.
const perRow = 126

// stored reads hashes from the file; it implements tlog.HashReader.
type stored struct{ conn *sqlite.Conn }

// ReadHashes gives the hashes with the indexes. One that is not there is domain.ErrDamaged.
func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found := 0
		at := index%perRow*tlog.HashSize + 1 // SQLite counts from 1
		err := projections.Query(s.conn, "SELECT substr(data, ?, ?) FROM hashes WHERE row = ?", func(stmt *sqlite.Stmt) error {
			found = stmt.ColumnBytes(0, hashes[i][:])
			return nil
		}, at, tlog.HashSize, index/perRow)
		if err != nil {
			return nil, err
		}
		if found != tlog.HashSize {
			return nil, fmt.Errorf("hash %d is missing: %w", index, domain.ErrDamaged)
		}
	}
	return hashes, nil
}

// edge is the newest hash of each level: all that the next event needs, and the root. It implements
// tlog.HashReader for those.
type edge []tlog.Hash

// loadEdge reads the edge of a tree of n events.
func loadEdge(n int64, r tlog.HashReader) (edge, error) {
	var indexes []int64
	for level := 0; n>>level > 0; level++ {
		indexes = append(indexes, tlog.StoredHashIndex(level, n>>level-1))
	}
	return r.ReadHashes(indexes)
}

// ReadHashes implements tlog.HashReader.
func (e edge) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, _ := tlog.SplitStoredHashIndex(index)
		if level >= len(e) {
			return nil, fmt.Errorf("no hash of level %d: %w", level, domain.ErrDamaged)
		}
		hashes[i] = e[level]
	}
	return hashes, nil
}

// add puts the n-th event (from 0) on the edge and gives the hashes that are stored for it.
func (e *edge) add(n int64, event tlog.Hash) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashesForRecordHash(n, event, *e)
	if err != nil {
		return nil, err
	}
	for len(*e) < len(hashes) {
		*e = append(*e, tlog.Hash{})
	}
	copy(*e, hashes)
	return hashes, nil
}

// leaf makes the hash of an event, and gives the memory to use for the next one.
func leaf(buffer []byte, rec domain.Record) (tlog.Hash, []byte, error) {
	buffer, err := domain.AppendCanonical(buffer[:0], rec)
	if err != nil {
		return tlog.Hash{}, buffer, err
	}
	return tlog.RecordHash(buffer), buffer, nil
}
