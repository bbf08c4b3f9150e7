package jetstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// fill fills a new store with a few commits and closes it.
func fill(t *testing.T, dir string, commits int) []domain.Commit {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		s.Close()
		// The server removes the stream of the self-test in the background.
		streams := filepath.Dir(filepath.Dir(jetstream.BlockDir(dir)))
		waitFor(t, func() bool {
			entries, err := os.ReadDir(streams)
			return err == nil && len(entries) == 1
		})
	}()
	var all []domain.Commit
	for i := range commits {
		stream, events := storetest.Stream(fmt.Sprint("s", i%3)), storetest.Events(1)
		p, err := s.Append(t.Context(), stream, uint64(i/3), events)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, domain.NewCommit(stream, uint64(i/3), p, events))
	}
	return all
}

// forgetIndex removes the server's own index of the log, as a crash does: the server then reads the
// blocks, and cuts one off where it is damaged.
func forgetIndex(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(jetstream.BlockDir(dir), "index.db")); err != nil {
		t.Fatal(err)
	}
}

// loud fails the test unless the store in dir gives all commits unchanged, or says that it is
// damaged. It never gives a shorter history, or another one.
func loud(t *testing.T, what, dir string, want []domain.Commit) (damaged bool) {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if errors.Is(err, domain.ErrDamaged) {
		return true
	}
	if err != nil {
		t.Errorf("%s: open: %v", what, err)
		return false
	}
	defer s.Close()
	if head, err := s.Head(t.Context()); err != nil || int(head) != len(want) {
		t.Errorf("%s: the log has %d commits, %v", what, head, err)
		return false
	}
	n := 0
	for c, err := range s.Follow(t.Context(), 0) {
		if errors.Is(err, domain.ErrDamaged) {
			return true
		}
		if err != nil {
			t.Errorf("%s: follow: %v", what, err)
			return false
		}
		if c.Position != want[n].Position || c.Records[0].ID != want[n].Records[0].ID {
			t.Errorf("%s: position %d holds another commit", what, c.Position)
		}
		if n++; n == len(want) {
			break
		}
	}
	for i := range 3 {
		read := 0
		for _, err := range s.Read(t.Context(), want[i].Stream, 1) {
			if err != nil {
				t.Errorf("%s: the log is whole, and reading %s fails: %v", what, want[i].Stream, err)
			}
			read++
		}
		if read != len(want)/3 {
			t.Errorf("%s: %s has %d events", what, want[i].Stream, read)
		}
	}
	return false
}

// One bit anywhere in the log, found at a clean start and at one after a crash.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	for _, crashed := range []bool{false, true} {
		t.Run(fmt.Sprintf("crashed=%t", crashed), func(t *testing.T) {
			whole := t.TempDir()
			commits := fill(t, whole, 12)
			block, err := os.ReadFile(filepath.Join(jetstream.BlockDir(whole), "1.blk"))
			if err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, 2))
			damaged := 0
			const flips = 40
			for range flips {
				dir := filepath.Join(t.TempDir(), "store")
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				bit := random.IntN(8 * len(block))
				changed := append([]byte(nil), block...)
				changed[bit/8] ^= 1 << (bit % 8)
				if err := os.WriteFile(filepath.Join(jetstream.BlockDir(dir), "1.blk"), changed, 0o600); err != nil {
					t.Fatal(err)
				}
				if crashed {
					forgetIndex(t, dir)
				}
				if loud(t, fmt.Sprintf("bit %d of %d", bit, 8*len(block)), dir, commits) {
					damaged++
				}
			}
			t.Logf("%d of %d flipped bits were found; the others changed nothing", damaged, flips)
			if damaged < flips*9/10 {
				t.Errorf("only %d of %d flipped bits were found", damaged, flips)
			}
		})
	}
}

// A bit in an older block: after a crash the server cuts that block off and keeps the ones behind
// it, so the log has its end and a hole.
func TestHole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, jetstream.Config{Dir: dir})
	events := storetest.Events(1)
	events[0].Data = json.RawMessage(`"` + strings.Repeat("x", 900_000) + `"`)
	var third []byte
	for i := range uint64(20) {
		if i == 2 {
			third = []byte(events[0].ID.String())
		}
		if _, err := s.Append(t.Context(), storetest.Stream("hole"), i, events); err != nil {
			t.Fatal(err)
		}
		events[0].ID = uuid.New()
	}
	s.Close()
	if blocks, _ := filepath.Glob(filepath.Join(jetstream.BlockDir(dir), "*.blk")); len(blocks) < 2 {
		t.Fatalf("the log has the blocks %v", blocks)
	}
	flipBit(t, jetstream.BlockDir(dir), third)
	forgetIndex(t, dir)
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("open: %v", err)
	}
}

// A log that lost its end is refused before anything is written to it: the server would give the
// positions out a second time.
func TestLostEnd(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, dir string){
		"the block is cut": func(t *testing.T, dir string) {
			block := filepath.Join(jetstream.BlockDir(dir), "1.blk")
			info, err := os.Stat(block)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(block, info.Size()-100); err != nil {
				t.Fatal(err)
			}
			forgetIndex(t, dir)
		},
		"the block is gone": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(jetstream.BlockDir(dir), "1.blk")); err != nil {
				t.Fatal(err)
			}
		},
		"the stream is gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Dir(jetstream.BlockDir(dir))); err != nil {
				t.Fatal(err)
			}
		},
		"NATS is gone": func(t *testing.T, dir string) {
			if err := os.RemoveAll(jetstream.NATSDir(dir)); err != nil {
				t.Fatal(err)
			}
		},
		"an old copy came back": func(t *testing.T, dir string) {
			old := t.TempDir()
			fill(t, old, 6)
			if err := os.RemoveAll(jetstream.NATSDir(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(jetstream.NATSDir(old), jetstream.NATSDir(dir)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, 12)
			lose(t, dir)
			for range 2 { // the first refusal has changed nothing for the better
				s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
				if err == nil {
					s.Close()
				}
				if !errors.Is(err, domain.ErrDamaged) {
					t.Fatalf("open: %v", err)
				}
			}
			if name == "the block is gone" { // the server's index still counts what was in it
				if _, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir, AcceptLoss: true}); !errors.Is(err, domain.ErrDamaged) {
					t.Errorf("a log with a hole: %v", err)
				}
				return
			}
			goOn(t, dir)
		})
	}
}

// reopened closes the store and opens it as ever.
func reopened(t *testing.T, s *jetstream.Store, dir string) (*jetstream.Store, error) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return jetstream.Open(t.Context(), jetstream.Config{Dir: dir})
}

// goOn opens the store whose end is lost as an operator does who has declared the loss, and then as ever.
func goOn(t *testing.T, dir string) {
	t.Helper()
	accepting := func() *jetstream.Store {
		s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir, AcceptLoss: true})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s, err := reopened(t, accepting(), dir); !errors.Is(err, domain.ErrDamaged) {
		t.Fatalf("open before the end was accepted: %v, %v", s, err)
	}
	s := accepting()
	for version := range uint64(2) {
		p, err := s.Append(t.Context(), storetest.Stream("after-the-loss"), version, storetest.Events(1))
		if err != nil || p > 13 {
			t.Errorf("version %d: position %d, %v", version, p, err)
		}
		if version == 0 {
			err = s.AcceptEnd()
		}
		if err != nil {
			t.Error(err)
		}
		if s, err = reopened(t, s, dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestDirectory(t *testing.T) {
	ctx := t.Context()
	refused := func(t *testing.T, dir string, kind error, saying string) {
		t.Helper()
		s, err := jetstream.Open(ctx, jetstream.Config{Dir: dir})
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, kind) || !strings.Contains(err.Error(), saying) {
			t.Errorf("open: %v; want %q and %q", err, kind, saying)
		}
	}
	t.Run("open twice", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, jetstream.Config{Dir: dir})
		refused(t, dir, domain.ErrUnavailable, "another process")
		if _, err := s.Append(ctx, storetest.Stream("a"), 0, storetest.Events(1)); err != nil {
			t.Error(err)
		}
		s.Close()
		open(t, jetstream.Config{Dir: dir})
	})
	t.Run("another mode", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(jetstream.MarkerFile(dir), []byte(`{"mode":"cluster","format":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, domain.ErrInvalid, `mode "cluster"`)
		if _, err := os.Stat(jetstream.NATSDir(dir)); err == nil {
			t.Error("a server was started in it")
		}
	})
	t.Run("no marker", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir, 3)
		if err := os.Remove(jetstream.MarkerFile(dir)); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, domain.ErrDamaged, "store.json")
	})
	t.Run("broken mark", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir, 3)
		if err := os.WriteFile(jetstream.MarkFile(dir), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, dir, domain.ErrDamaged, "mark.json")
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, file, domain.ErrInvalid, "is a file")
	})
	t.Run("made on the way, and relative", func(t *testing.T) {
		t.Chdir(t.TempDir())
		s := open(t, jetstream.Config{Dir: "a/../b/c/"})
		if _, err := s.Append(ctx, storetest.Stream("a"), 0, storetest.Events(1)); err != nil {
			t.Error(err)
		}
		s.Close()
		open(t, jetstream.Config{Dir: "b/c"})
	})
}

// A follower of a cluster's log calls a commit missing when a leader that is one has said so three times in a row, and
// not because it had to start anew before, as after a server was restarted.
func TestMissingIsAskedForAgain(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	cut := errors.New("the leader hears from 1 of 3 servers")
	for name, test := range map[string]struct {
		starts int
		doubts []error
		want   error
	}{
		"once":                      {0, []error{nil}, nil},
		"twice":                     {0, []error{nil, nil}, nil},
		"three times":               {0, []error{nil, nil, nil}, domain.ErrDamaged},
		"once, after two starts":    {2, []error{nil}, nil},
		"twice, after two starts":   {2, []error{nil, nil}, domain.ErrUnavailable},
		"the leader is none":        {0, []error{cut, cut, cut, cut}, domain.ErrUnavailable},
		"a leader, one that is cut": {0, []error{nil, nil, cut}, nil},
	} {
		err := s.Missing(t.Context(), 1, test.starts, test.doubts...)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}
