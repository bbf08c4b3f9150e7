// Package blobstore keeps the files attached to applications, and lists of revoked certificates that verdicts
// on signatures rest on, each under the SHA-256 of its content.
//
// A file is written under tmp/, flushed, renamed to its digest and the folder flushed: a crash leaves
// either the whole file or a leftover in tmp/, which an Open removes once it has lain there untouched. The
// same content is the same file, so putting it again changes nothing, and an event that names a digest names
// exactly those bytes for ever. Several processes may use a folder at once.
package blobstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// Store is a folder of files by digest. Its methods may be called by many goroutines at once.
type Store struct {
	dir  string
	free *disk.Space // nil for who only gets
}

// untouched is how long nobody has written to what a crash left. A Put that is slower than that between two
// reads fails, and nothing is lost by it.
const untouched = time.Hour

// Open opens the folder, making it where it does not exist, and removes what a crash left of
// unfinished files. What another process may be writing stays.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir, free: &disk.Space{Dir: dir, Min: disk.MinFree}}
	if err := os.MkdirAll(s.tmp(), 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	if err := s.removeLeftovers(time.Now().Add(-untouched)); err != nil {
		return nil, fmt.Errorf("open blobs: remove leftovers: %w", err)
	}
	return s, nil
}

// removeLeftovers removes the unfinished files that were last written before the time. Another process may
// finish or remove one meanwhile.
func (s *Store) removeLeftovers(before time.Time) error {
	entries, err := os.ReadDir(s.tmp())
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.ModTime().Before(before) {
			err = os.Remove(filepath.Join(s.tmp(), e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// View is the folder for those who only get, while another process may put: nothing in it is touched.
func View(dir string) *Store { return &Store{dir: dir} }

func (s *Store) tmp() string { return filepath.Join(s.dir, "tmp") }

// path is where the content of the digest is: two digits of it name a folder.
func (s *Store) path(digest string) string { return filepath.Join(s.dir, digest[:2], digest) }

// Put keeps what r yields, up to limit bytes, and returns its SHA-256 in hexadecimal and its size. When
// it returns without an error the file survives a power cut.
//
// ErrTooLarge for more than limit bytes, r's own error where reading fails, ErrUnavailable where
// writing does, or too little would be left of the disk. In each case nothing is kept.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (digest string, size int64, err error) {
	if err := s.free.Check(); err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	f, err := os.CreateTemp(s.tmp(), "put-")
	if err != nil {
		return "", 0, unavailable("create file", err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	digest, size, err = write(ctx, f, r, limit)
	if closing := f.Close(); err == nil && closing != nil {
		err = unavailable("close file", closing)
	}
	if err == nil {
		err = s.keep(f.Name(), digest)
	}
	if err != nil {
		return "", 0, fmt.Errorf("put blob: %w", err)
	}
	return digest, size, nil
}

// write copies r to f and flushes it.
func write(ctx context.Context, f *os.File, r io.Reader, limit int64) (digest string, size int64, err error) {
	sum := sha256.New()
	in := &source{ctx: ctx, r: io.LimitReader(r, min(limit, math.MaxInt64-1)+1)}
	size, err = io.Copy(io.MultiWriter(f, sum), in)
	switch {
	case in.err != nil:
		return "", 0, fmt.Errorf("read content: %w", in.err)
	case err != nil:
		return "", 0, unavailable("write file", err)
	case size > limit:
		return "", 0, fmt.Errorf("more than %d bytes: %w", limit, domain.ErrTooLarge)
	}
	if err := f.Sync(); err != nil {
		return "", 0, unavailable("flush file", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}

// source reads until ctx ends and remembers a failure, to tell it from a failure to write.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err = s.ctx.Err(); s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// keep gives the flushed file its name. It renames over a file that is there already: the content is
// the same, and one that the disk damaged becomes whole again. The folders are flushed in any case,
// because whoever made the entry may not have come to it yet.
func (s *Store) keep(tmp, digest string) error {
	target := s.path(digest)
	folder := filepath.Dir(target)
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return unavailable("make folder", err)
	}
	if err := os.Rename(tmp, target); err != nil {
		return unavailable("name file", err)
	}
	for _, d := range []string{folder, s.dir} {
		if err := disk.SyncDir(d); err != nil {
			return unavailable("flush folder", err)
		}
	}
	return nil
}

// Get opens the content of the digest. The reader yields ErrDamaged in place of the end where the
// bytes are not those that were put; until its end nothing it yielded is certain. The caller closes it.
//
// ErrInvalid for what is no digest, ErrNotFound where there is no such content.
func (s *Store) Get(ctx context.Context, digest string) (content io.ReadCloser, size int64, err error) {
	want, err := hex.DecodeString(digest)
	if err != nil || len(want) != sha256.Size || hex.EncodeToString(want) != digest {
		return nil, 0, fmt.Errorf("get blob %q: not a digest: %w", digest, domain.ErrInvalid)
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, fmt.Errorf("get blob: %w", err)
	}
	f, err := os.Open(s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("get blob %s: %w", digest, domain.ErrNotFound)
	}
	if err != nil {
		return nil, 0, unavailable("get blob", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(unavailable("get blob", err), f.Close())
	}
	return &checked{ctx: ctx, f: f, sum: sha256.New(), want: digest}, info.Size(), nil
}

// checked reads a file and compares its digest when it ends.
type checked struct {
	ctx  context.Context
	f    *os.File
	sum  hash.Hash
	want string
}

func (c *checked) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("read blob: %w", err)
	}
	n, err := c.f.Read(p)
	c.sum.Write(p[:n])
	switch {
	case err == io.EOF && hex.EncodeToString(c.sum.Sum(nil)) != c.want:
		return n, fmt.Errorf("blob %s: its bytes have another digest: %w", c.want, domain.ErrDamaged)
	case err != nil && err != io.EOF:
		return n, fmt.Errorf("blob %s: %w: %w", c.want, domain.ErrDamaged, err)
	}
	return n, err
}

func (c *checked) Close() error { return c.f.Close() }

func unavailable(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, domain.ErrUnavailable, err)
}
