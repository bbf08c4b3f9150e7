package blobstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/domain"
)

const limit = 1 << 20

func open(t testing.TB, dir string) *blobstore.Store {
	t.Helper()
	s, err := blobstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// files are the files below the folder, without folders.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPutAndGet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b") // made by Open
	s := open(t, dir)
	for _, content := range []string{"", "a", "Құрметті", strings.Repeat("x", limit)} {
		digest, size, err := s.Put(t.Context(), strings.NewReader(content), math.MaxInt64)
		if err != nil || digest != digestOf(content) || size != int64(len(content)) {
			t.Fatalf("put %d bytes: %s, %d, %v", len(content), digest, size, err)
		}
		s = open(t, dir) // it survives a restart
		r, size, err := s.Get(t.Context(), digest)
		if err != nil || size != int64(len(content)) {
			t.Fatalf("get %d bytes: %d, %v", len(content), size, err)
		}
		if err := iotest.TestReader(r, []byte(content)); err != nil {
			t.Errorf("%d bytes: %v", len(content), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTooLargeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, content := range []string{"four", strings.Repeat("x", limit)} {
		_, _, err := s.Put(t.Context(), strings.NewReader(content), 3)
		if !errors.Is(err, domain.ErrTooLarge) {
			t.Errorf("%d bytes: %v, want ErrTooLarge", len(content), err)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestFailedReadLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cut := errors.New("connection cut")
	_, _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cut)), limit)
	if !errors.Is(err, cut) || errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("%v, want the reader's own error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Put(ctx, strings.NewReader("x"), limit); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestGetRefuses(t *testing.T) {
	s := open(t, t.TempDir())
	if _, _, err := s.Get(t.Context(), digestOf("never put")); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
	for _, bad := range []string{"", "..", "../../etc/passwd", "ab", strings.ToUpper(digestOf("a")), digestOf("a") + "00", strings.Repeat("z", 64)} {
		if _, _, err := s.Get(t.Context(), bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
}

func TestDamageIsNoticedAndHealed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	content := strings.Repeat("content", 10_000)
	digest, _, err := s.Put(t.Context(), strings.NewReader(content), limit)
	if err != nil {
		t.Fatal(err)
	}
	path := files(t, dir)[0]
	damages := map[string]func() error{
		"flipped": func() error { return os.WriteFile(path, append([]byte("C"), content[1:]...), 0o600) },
		"cut":     func() error { return os.Truncate(path, 100) },
		"emptied": func() error { return os.Truncate(path, 0) },
		"grown":   func() error { return os.WriteFile(path, []byte(content+"x"), 0o600) },
	}
	for name, damage := range damages {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		r, _, err := s.Get(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
		r.Close()
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader(content), limit); err != nil {
		t.Fatal(err)
	}
	check(t, s, digest, content)
}

func check(t *testing.T, s *blobstore.Store, digest, content string) {
	t.Helper()
	r, _, err := s.Get(t.Context(), digest)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != content {
		t.Errorf("%s: %d bytes, %v; want %d", digest, len(got), err, len(content))
	}
}

func TestConcurrentPutsOfTheSameContent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			content := fmt.Sprint("content ", i%4)
			digest, _, err := s.Put(t.Context(), strings.NewReader(content), limit)
			if err != nil || digest != digestOf(content) {
				t.Errorf("%s, %v", digest, err)
				return
			}
			check(t, s, digest, content)
		})
	}
	wg.Wait()
	if kept := files(t, dir); len(kept) != 4 {
		t.Errorf("%d files, want 4: %v", len(kept), kept)
	}
}

func TestOpenRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	digest, _, err := s.Put(t.Context(), strings.NewReader("kept"), limit)
	if err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(dir, "tmp", "put-1")
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(leftover, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(t, open(t, dir), digest, "kept")
	if kept := files(t, dir); len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// Another process may start while one is putting.
func TestOpenBesideAPut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	opening := readerFunc(func([]byte) (int, error) {
		check(t, open(t, dir), put(t, open(t, dir), "from the other"), "from the other")
		return 0, io.EOF
	})
	digest, _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("begun "), opening, strings.NewReader("and ended")), limit)
	if err != nil {
		t.Fatal(err)
	}
	check(t, open(t, dir), digest, "begun and ended")
	if kept := files(t, dir); len(kept) != 2 {
		t.Errorf("kept %v", kept)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func put(t *testing.T, s *blobstore.Store, content string) string {
	t.Helper()
	digest, _, err := s.Put(t.Context(), strings.NewReader(content), limit)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// A folder that cannot be written is ErrUnavailable: nothing was acknowledged.
func TestFailedWriteIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.RemoveAll(filepath.Join(dir, "tmp")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x"), limit); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	// A file stands where the folder of the digest has to be.
	s = open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, digestOf("x")[:2]), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Put(t.Context(), strings.NewReader("x"), limit); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func BenchmarkPut(b *testing.B) {
	s := open(b, b.TempDir())
	content := bytes.Repeat([]byte("x"), 100<<10)
	i := 0
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		i++
		copy(content, fmt.Sprint(i))
		if _, _, err := s.Put(b.Context(), bytes.NewReader(content), limit); err != nil {
			b.Fatal(err)
		}
	}
}
