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
	step, failAt := failing()
	config := jetstream.Config{Dir: t.TempDir()}.WithStep(step)
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
			id := eventAt(t, s, p)
			s.Close()
			flipBit(t, jetstream.BlockDir(config.Dir), id)
			s = open(t, config)
			return s
		},
	}
}

// failing is a hook that fails at a step, once, when failAt has chosen it.
func failing() (step func(name string) error, failAt func(name string) func()) {
	var fail atomic.Pointer[string]
	step = func(name string) error {
		if at := fail.Load(); at != nil && *at == name && fail.CompareAndSwap(at, nil) {
			return os.ErrDeadlineExceeded
		}
		return nil
	}
	return step, func(name string) func() { return func() { fail.Store(&name) } }
}

// eventAt is the id of the first event at a position, as it is stored.
func eventAt(t *testing.T, log domain.Log, p domain.Position) []byte {
	t.Helper()
	for c, err := range log.Follow(t.Context(), p-1) {
		if err != nil {
			t.Fatal(err)
		}
		return []byte(c.Records[0].ID.String())
	}
	t.Fatalf("nothing is at position %d", p)
	return nil
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
