package jetstream_test

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// open opens a store and closes it with the test.
func open(t testing.TB, config jetstream.Config) *jetstream.Store {
	t.Helper()
	s, err := jetstream.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	if !open(t, jetstream.Config{Dir: t.TempDir()}).GroupFlush() {
		t.Error("the self-test found no group flush")
	}
	storetest.Run(t, func(t *testing.T) storetest.Subject { return subject(t, open) })
}

// subject makes a store in a directory of its own with all that the suite can do to it.
func subject(t *testing.T, open func(testing.TB, jetstream.Config) *jetstream.Store) storetest.Subject {
	var fail atomic.Pointer[string]
	config := jetstream.Config{Dir: t.TempDir()}.WithStep(func(name string) error {
		if at := fail.Load(); at != nil && *at == name && fail.CompareAndSwap(at, nil) {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	failAt := func(step string) func() { return func() { fail.Store(&step) } }
	s := open(t, config)
	return storetest.Subject{
		Store: s,
		Reopen: func(t *testing.T) storetest.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, config)
			return s
		},
		FailNext: failAt("send"),
		LoseNext: failAt("sent"),
		Damage: func(t *testing.T, p domain.Position) storetest.Store {
			var id []byte
			for c, err := range s.Follow(t.Context(), p-1) {
				if err != nil {
					t.Fatal(err)
				}
				id = []byte(c.Records[0].ID.String())
				break
			}
			s.Close()
			flipBit(t, jetstream.BlockDir(config.Dir), id)
			s = open(t, config)
			return s
		},
	}
}

// failingSelfTest makes the self-test of a store fail, and its log go to w.
func failingSelfTest(config jetstream.Config, w io.Writer) jetstream.Config {
	config.Logger = slog.New(slog.NewTextHandler(w, nil))
	return config.WithStep(func(name string) error {
		if name == "selftest" {
			return errStaged
		}
		return nil
	})
}

// flipBit changes one bit of the first block file that holds some bytes.
func flipBit(t *testing.T, dir string, at []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(data, at); i >= 0 {
			data[i] ^= 1
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no block file in %s holds %q", dir, at)
}
