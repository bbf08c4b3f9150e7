package domain_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
)

// counted is a payload that counts.
type counted struct{ N int }

func (counted) EventType() (string, int) { return "counted", 1 }

func fold(n *int, rec domain.Record) error {
	p, err := domain.Decode[counted](rec.Event)
	if err != nil {
		return err
	}
	*n = p.(counted).N
	return nil
}

func add(n int) ([]domain.Payload, error) { return []domain.Payload{counted{n + 1}}, nil }

func command(t testing.TB, key string) domain.Meta {
	t.Helper()
	return domain.Meta{
		Command: uuid.NewSHA1(uuid.NameSpaceOID, []byte(key)), Fingerprint: key,
		Time: time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC), Actor: domain.System,
	}
}

func stream(t testing.TB) domain.Stream {
	t.Helper()
	s, err := domain.NewStream("counter", "1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Thirty-two commands on one stream at once all have their effect, each once, and each result names
// the version that its own event got.
func TestExecuteConcurrently(t *testing.T) {
	store, s := memstore.New(), stream(t)
	var wg sync.WaitGroup
	versions := make(chan uint64, 32)
	for i := range 32 {
		wg.Go(func() {
			done, err := domain.Execute(context.Background(), store, s, command(t, fmt.Sprint(i)), fold, add)
			if err != nil {
				t.Errorf("command %d: %v", i, err)
			}
			versions <- done.Version
		})
	}
	wg.Wait()
	close(versions)
	seen := map[uint64]bool{}
	for v := range versions {
		seen[v] = true
	}
	n, err := domain.Load(context.Background(), store, s, fold)
	if err != nil || n != 32 || len(seen) != 32 {
		t.Errorf("counted to %d with %d versions: %v", n, len(seen), err)
	}
}

func TestExecuteRepeated(t *testing.T) {
	ctx, store, s := context.Background(), memstore.New(), stream(t)
	twice := func(n int) ([]domain.Payload, error) { return []domain.Payload{counted{n + 1}, counted{n + 2}}, nil }
	first, err := domain.Execute(ctx, store, s, command(t, "k"), fold, twice)
	if err != nil || first.Version != 2 || first.Repeated {
		t.Fatalf("first: %+v %v", first, err)
	}
	if _, err := domain.Execute(ctx, store, s, command(t, "other"), fold, add); err != nil {
		t.Fatal(err)
	}
	again, err := domain.Execute(ctx, store, s, command(t, "k"), fold, twice)
	if err != nil || !again.Repeated || again.Version != 2 || again.Position != first.Position {
		t.Errorf("again: %+v %v, first was %+v", again, err, first)
	}
	reused := command(t, "k")
	reused.Fingerprint = "something else"
	if _, err := domain.Execute(ctx, store, s, reused, fold, twice); !errors.Is(err, domain.ErrKeyReused) {
		t.Errorf("key used for something else: %v", err)
	}
	none := func(int) ([]domain.Payload, error) { return nil, nil }
	if done, err := domain.Execute(ctx, store, s, command(t, "none"), fold, none); err != nil || !done.Repeated || done.Version != 3 {
		t.Errorf("nothing to do: %+v %v", done, err)
	}
}

func TestExecuteIfVersion(t *testing.T) {
	ctx, store, s := context.Background(), memstore.New(), stream(t)
	wanted := func(v uint64) domain.Meta {
		m := command(t, fmt.Sprint("version ", v))
		m.IfVersion = &v
		return m
	}
	if _, err := domain.Execute(ctx, store, s, wanted(1), fold, add); !errors.Is(err, domain.ErrVersion) {
		t.Errorf("version 1 of nothing: %v", err)
	}
	if _, err := domain.Execute(ctx, store, s, wanted(0), fold, add); err != nil {
		t.Errorf("version 0 of nothing: %v", err)
	}
	if _, err := domain.Execute(ctx, store, s, wanted(1), fold, add); err != nil {
		t.Errorf("version 1: %v", err)
	}
	// A command that was carried out is answered as such, whatever the version is now.
	if done, err := domain.Execute(ctx, store, s, wanted(1), fold, add); err != nil || !done.Repeated {
		t.Errorf("version 1 again: %+v %v", done, err)
	}
}

func TestExecuteRefused(t *testing.T) {
	ctx, store, s := context.Background(), memstore.New(), stream(t)
	no := func(int) ([]domain.Payload, error) { return nil, domain.Reject("no", "no") }
	var rejection *domain.Rejection
	if _, err := domain.Execute(ctx, store, s, command(t, "k"), fold, no); !errors.As(err, &rejection) {
		t.Errorf("got %v", err)
	}
	if head, err := store.Head(ctx); err != nil || head != 0 {
		t.Errorf("a refused command left something: head %d, %v", head, err)
	}
}

func TestNewStream(t *testing.T) {
	for _, bad := range [][2]string{
		{"", "1"}, {"license", ""}, {"License", "1"}, {"license", "a.b"}, {"license", "a b"}, {"license", "*"}, {"license", ">"},
		{"license", "а"}, {"license-x", "1"}, {"license", string(make([]byte, 101))}, {"license", "a\n"},
	} {
		if _, err := domain.NewStream(bad[0], bad[1]); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q %q: %v", bad[0], bad[1], err)
		}
	}
}
