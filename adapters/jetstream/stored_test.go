package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// Whoever reads block files is told what the server tells.
func TestStoreFromBlocks(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, func(t testing.TB, config jetstream.Config) *jetstream.Store { return open(t, config.FromBlocks()) })
	})
}

// filled is an open store with what is in its log, and where its blocks are. Every third commit has data of so many bytes.
func filled(t *testing.T, size int) (s *jetstream.Store, dir string, commits []domain.Commit) {
	t.Helper()
	config := jetstream.Config{Dir: t.TempDir()}.FromBlocks()
	s = open(t, config)
	for i := range 30 {
		events := storetest.Events(1 + i%2)
		if i%3 == 0 {
			events[0].Data = json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
		}
		stream := storetest.Stream(fmt.Sprint("stream-", i))
		p, err := s.Append(t.Context(), stream, 0, events)
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, domain.NewCommit(stream, 0, p, events))
	}
	return s, jetstream.BlockDir(config.Dir), commits
}

// fromBlocks reads up to n commits after the position.
func fromBlocks(ctx context.Context, s *jetstream.Store, after domain.Position, n int) (read []domain.Commit, end domain.Position) {
	end = s.ReadBlocks(ctx, after, func(c domain.Commit) bool {
		read = append(read, c)
		return len(read) < n
	})
	return read, end
}

func TestReadBlocks(t *testing.T) {
	s, dir, commits := filled(t, 900_000)
	if blocks, _ := filepath.Glob(filepath.Join(dir, "*.blk")); len(blocks) < 2 {
		t.Fatalf("the log has the blocks %v", blocks)
	}
	for after := range commits {
		read, end := fromBlocks(t.Context(), s, domain.Position(after), len(commits)+1)
		if int(end) != len(commits) {
			t.Errorf("after %d the blocks end at position %d", after, end)
		}
		if !reflect.DeepEqual(read, commits[after:]) {
			t.Fatalf("after %d other commits were passed on: %d, not %d", after, len(read), len(commits)-after)
		}
	}
	if read, _ := fromBlocks(t.Context(), s, 2, 3); len(read) != 3 {
		t.Errorf("%d commits were passed on, not 3", len(read))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if read, end := fromBlocks(ended, s, 0, 3); len(read) != 0 || end != 0 {
		t.Errorf("%d commits were passed on when nobody waited any more", len(read))
	}
	if read, end := fromBlocks(t.Context(), s, domain.Position(len(commits)), 1); len(read) != 0 || int(end) != len(commits) {
		t.Errorf("behind the end there are %d commits", len(read))
	}
}

// What is damaged, cut or gone is passed on by nobody, nor is what lies behind it.
func TestReadDamagedBlocks(t *testing.T) {
	s, dir, commits := filled(t, 10)
	block := filepath.Join(dir, "1.blk")
	whole, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(what string, b []byte) (read int) {
		t.Helper()
		if err := os.WriteFile(block, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, end := fromBlocks(t.Context(), s, 0, len(commits))
		if int(end) != len(got) || len(got) == len(commits) {
			t.Errorf("%s: %d commits up to position %d", what, len(got), end)
		}
		if diff := cmp.Diff(commits[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%.2000s", what, diff)
		}
		return len(got)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		bit := random.IntN(8 * len(whole))
		if random.IntN(2) == 0 {
			bit = random.IntN(8 * 64) // in what is before the first message
		}
		b := append([]byte(nil), whole...)
		b[bit/8] ^= 1 << (bit % 8)
		spoil(fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), b)
	}
	for range 20 {
		at := random.IntN(len(whole))
		spoil(fmt.Sprintf("cut at byte %d", at), whole[:at])
		spoil(fmt.Sprintf("zeros from byte %d", at), append(whole[:at:at], make([]byte, len(whole)-at)...))
	}
	if n := spoil("another block's bytes", whole[len(whole)/2:]); n != 0 {
		t.Errorf("%d commits of bytes that begin nowhere", n)
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if read, _ := fromBlocks(t.Context(), s, 0, 1); len(read) != 0 {
		t.Errorf("%d commits of a block that is gone", len(read))
	}
}

// A sequence may be ranged over again, and gives the same again.
func TestFollowAgain(t *testing.T) {
	s, _, commits := filled(t, 10)
	log := s.Follow(t.Context(), 2)
	for range 2 {
		var got []domain.Commit
		for c, err := range log {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, c); len(got) == 20 {
				break
			}
		}
		if diff := cmp.Diff(commits[2:22], got); diff != "" {
			t.Fatalf("(-want +got):\n%.2000s", diff)
		}
	}
}
