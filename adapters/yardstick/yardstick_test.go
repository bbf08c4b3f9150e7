package yardstick_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/yardstick"
	"github.com/tizilim/tizilim/domain"
)

type store interface {
	Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error)
	Close() error
}

const (
	callers = 20
	each    = 30 // events of a caller, all on one stream
)

// appendAll lets many callers append at once.
func appendAll(t *testing.T, s store) {
	t.Helper()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n := range uint64(each) {
				if _, err := s.Append(t.Context(), storetest.Stream(fmt.Sprint(c)), n, storetest.Events(1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestFile reads back what many wrote: each commit once, whole, each caller's in order.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	f, err := yardstick.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	versions := map[domain.Stream]uint64{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		c, err := domain.DecodeCommit(0, lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if versions[c.Stream]++; c.Version() != versions[c.Stream] {
			t.Fatalf("%s: version %d after %d", c.Stream, c.Version(), versions[c.Stream]-1)
		}
	}
	for stream, version := range versions {
		if version != each {
			t.Errorf("%s ends at version %d", stream, version)
		}
	}
	if len(versions) != callers {
		t.Errorf("%d streams", len(versions))
	}
	if _, err := f.Append(t.Context(), storetest.Stream("a"), 0, storetest.Events(1)); err == nil {
		t.Error("an append that cannot be written is acknowledged")
	}
}

func TestRaw(t *testing.T) {
	for _, always := range []bool{true, false} {
		r, err := yardstick.OpenRaw(t.Context(), t.TempDir(), always)
		if err != nil {
			t.Fatal(err)
		}
		appendAll(t, r)
		p, err := r.Append(t.Context(), storetest.Stream("more"), 0, storetest.Events(1))
		if err != nil || p != callers*each+1 {
			t.Errorf("always %v: position %d, %v", always, p, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNoPostgres(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p, err := yardstick.OpenPostgres(ctx, "host="+t.TempDir()+" user=nobody", 2)
	if err == nil || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}
