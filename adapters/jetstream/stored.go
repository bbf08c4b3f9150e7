package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"

	"github.com/minio/highwayhash"

	"github.com/tizilim/tizilim/domain"
)

// Through the server a commit takes some 8 µs of processor time more than from the file that it is in, and of each
// block that the server reads it makes an index of subjects, which it keeps for minutes. So whoever is far behind
// reads the block files: what is durable in them never changes. That ends at the first thing that is not just as
// the server writes it; the server is asked from there on, and it alone says what is damaged.

// farBehind is how many commits make it worthwhile to read block files.
const farBehind = 10_000

// A record of a block is its length, with one bit for whether it has a header, its sequence, its time and the
// length of its subject; the subject; the length of the header and the header, if there is one; the message;
// and a hash of all but the lengths, whose key is the name of the stream and the number of the block.
const (
	recordFixed = 4 + 8 + 8 + 2
	recordHash  = 8
	hasHeader   = 1 << 31
)

// record is one message in a block. It shares the block's memory.
type record struct {
	length   int
	sequence uint64
	subject  []byte
	message  []byte
}

// readRecord reads the record that b begins with, false where it is not just as the server would have written it.
func readRecord(b []byte, hash *highwayhash.Digest64) (r record, ok bool) {
	if len(b) < recordFixed+recordHash {
		return r, false
	}
	length, subject := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint16(b[20:]))
	headed := length&hasHeader != 0
	r.length, r.sequence = int(length&^hasHeader), binary.LittleEndian.Uint64(b[4:])
	end := r.length - recordHash
	if r.length > len(b) || end < recordFixed+subject {
		return r, false
	}
	r.subject, r.message = b[recordFixed:recordFixed+subject], b[recordFixed+subject:end]
	header := 0
	if headed {
		if len(r.message) < 4 {
			return r, false
		}
		header, r.message = int(binary.LittleEndian.Uint32(r.message)), r.message[4:]
	}
	if header > len(r.message) {
		return r, false
	}
	hash.Reset()
	for _, part := range [...][]byte{b[4:20], r.subject, r.message} {
		_, _ = hash.Write(part)
	}
	r.message = r.message[header:]
	var sum [recordHash]byte
	return r, bytes.Equal(hash.Sum(sum[:0]), b[end:r.length])
}

// farBehind reports whether there are block files, which are as they should be, and many commits in them after the position.
func (s *Store) farBehind(after domain.Position) bool {
	return s.blocks != nil && after+domain.Position(s.config.farBehind) <= s.durable.position()
}

// readBlocks passes on the commits after the position from the block files, until yield has had enough, ctx ends,
// or it comes to the present end or to anything that it does not understand. It returns the position to go on from.
func (s *Store) readBlocks(ctx context.Context, after domain.Position, yield func(domain.Commit) bool) domain.Position {
	end := s.durable.position()
	ctx, cancel := context.WithCancel(ctx)
	b := reading{ctx: ctx, dir: s.blocks.dir, at: after, end: end, pieces: make(chan []domain.Commit, piecesAhead)}
	var ahead sync.WaitGroup
	ahead.Go(b.read)
	defer ahead.Wait()
	defer cancel()
	for piece := range b.pieces {
		for _, c := range piece {
			if ctx.Err() != nil || !yield(c) {
				return after
			}
			after = c.Position
		}
	}
	return after
}

// Commits are decoded while those before them are taken, a piece at a time: so many, or the end of a block.
const (
	pieceCommits = 128
	piecesAhead  = 3
)

// reading is on its way through the block files.
type reading struct {
	ctx    context.Context
	dir    string
	at     domain.Position // of the last commit decoded
	end    domain.Position
	bytes  []byte // of the present block
	piece  []domain.Commit
	pieces chan []domain.Commit
}

// read decodes commits until one is not understood, and closes pieces.
func (b *reading) read() {
	defer close(b.pieces)
	for n := b.first(); b.block(n); n++ {
	}
	b.pass()
}

// pass hands over what is decoded.
func (b *reading) pass() {
	select {
	case b.pieces <- b.piece:
	case <-b.ctx.Done():
	}
	b.piece = nil
}

// first is the number of the block with the next commit, 0 where none can be found.
func (b *reading) first() int {
	newest, err := newestBlock(b.dir)
	if err != nil {
		return 0
	}
	return sort.Search(newest, func(i int) bool {
		sequence, err := firstSequence(blockFile(b.dir, i+1))
		return err != nil || sequence > uint64(b.at)+1
	})
}

// firstSequence is that of the first record in a block.
func firstSequence(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var fixed [recordFixed]byte
	_, err = io.ReadFull(f, fixed[:])
	return binary.LittleEndian.Uint64(fixed[4:]), err
}

// block decodes what a block has, false where that is not the whole of it.
func (b *reading) block(n int) bool {
	if b.load(n) != nil {
		return false
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", streamName, n))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return false
	}
	for rest := b.bytes; len(rest) > 0; {
		if b.ctx.Err() != nil || b.at >= b.end {
			return false
		}
		r, ok := readRecord(rest, hash)
		if !ok || r.sequence > uint64(b.at)+1 {
			return false
		}
		rest = rest[r.length:]
		if r.sequence <= uint64(b.at) {
			continue
		}
		commit, err := decode(r.sequence, string(r.subject), r.message)
		if err != nil {
			return false
		}
		b.at++
		if b.piece = append(b.piece, commit); len(b.piece) == pieceCommits {
			b.pass()
		}
	}
	b.pass()
	return true
}

// load reads a whole block.
func (b *reading) load(n int) error {
	f, err := os.Open(blockFile(b.dir, n))
	if err != nil {
		return err
	}
	defer f.Close()
	length, err := size(f)
	if err != nil {
		return err
	}
	if int64(cap(b.bytes)) < length {
		b.bytes = make([]byte, length)
	}
	b.bytes = b.bytes[:length]
	_, err = io.ReadFull(f, b.bytes)
	return err
}
