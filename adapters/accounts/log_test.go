package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// disk is a journal whose writes can be held up, and made to fail.
type disk struct {
	accounts.Journal
	mu      sync.Mutex
	failing bool
	batches []int
	hold    chan struct{} // a write waits until it is closed
	failed  chan struct{} // is told of a write that failed, where somebody listens
}

func (d *disk) Append(ctx context.Context, entries []accounts.Entry) error {
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing {
		select {
		case d.failed <- struct{}{}:
		default:
		}
		return fmt.Errorf("disk full: %w", domain.ErrUnavailable)
	}
	d.batches = append(d.batches, len(entries))
	return d.Journal.Append(ctx, entries)
}

func (d *disk) fail(failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = failing
}

// onDisk puts the disk before the file.
func onDisk(d *disk) func(*accounts.Config) {
	return func(c *accounts.Config) { d.Journal, c.Journal = c.Journal, d }
}

func entry(i int) accounts.Entry {
	return accounts.Entry{Account: "officer", Action: "read-applications", Kind: "application", Thing: fmt.Sprint(i), Person: person, Address: "[2001:db8::7]:1"}
}

// TestRecordsInOrderAndInBatches: what waits while a write is under way is written together.
func TestRecordsInOrderAndInBatches(t *testing.T) {
	d := &disk{hold: make(chan struct{})}
	w := newWorld(t, onDisk(d))
	for i := range 1000 {
		if err := w.Record(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	close(d.hold)
	entries := w.logged(accounts.Question{Person: person})
	if len(entries) != 1000 {
		t.Fatalf("%d entries", len(entries))
	}
	for i, e := range entries {
		if e.Thing != fmt.Sprint(999-i) || e.Address != "2001:db8::/64" || !e.At.Equal(w.Now()) {
			t.Fatalf("%d: %+v", i, e)
		}
	}
	if len(d.batches) > 4 {
		t.Errorf("in %d writes: %v", len(d.batches), d.batches)
	}
}

// TestFullLogRefuses: when the log cannot be written whoever wants to show data is told soon, and nothing
// that was taken is lost.
func TestFullLogRefuses(t *testing.T) {
	d := &disk{hold: make(chan struct{})}
	w := newWorld(t, onDisk(d))
	taken := 0
	var err error
	for ; err == nil && taken < 3*accounts.RoomFor; taken++ {
		err = w.Record(t.Context(), entry(taken))
	}
	if !errors.Is(err, domain.ErrUnavailable) {
		t.Fatalf("after %d entries: %v", taken, err)
	}
	begun := time.Now()
	if err := w.Record(t.Context(), entry(0)); !errors.Is(err, domain.ErrUnavailable) || time.Since(begun) > 5*time.Second {
		t.Errorf("waited %s, %v", time.Since(begun), err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Record(gone, entry(0)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("whose request has ended: %v", err)
	}
	close(d.hold)
	w.stop()
	w.start()
	page := accounts.Question{Limit: 100000}
	if found, err := w.db.Find(t.Context(), page); err != nil || len(found.Entries) != taken-1 {
		t.Errorf("%d entries, %d were taken, %v", len(found.Entries), taken-1, err)
	}
}

// TestFailedWriteIsRepeated: entries wait for the disk.
func TestFailedWriteIsRepeated(t *testing.T) {
	d := &disk{failing: true, failed: make(chan struct{}, 1)}
	w := newWorld(t, onDisk(d))
	w.Hurry()
	if err := w.Record(t.Context(), entry(1), entry(2)); err != nil {
		t.Fatal(err)
	}
	<-d.failed
	d.fail(false)
	w.eventually("written", func(entries int) bool { return entries == 2 })
}

// eventually waits for the access log to be so long.
func (w *world) eventually(what string, so func(entries int) bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		found, err := w.db.Find(w.t.Context(), accounts.Question{})
		if err != nil {
			w.t.Fatal(err)
		}
		if so(len(found.Entries)) {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("not %s: %d entries", what, len(found.Entries))
		}
	}
}

// TestLostEntriesAreTold: what cannot be written at the end is not lost in silence.
func TestLostEntriesAreTold(t *testing.T) {
	w := newWorld(t)
	d := &disk{failing: true, Journal: w.db}
	a, err := accounts.New(accounts.Config{Store: w.db, Journal: d, Now: w.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Record(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Close(); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("closed: %v", err)
		}
	}
	if err := a.Record(t.Context(), entry(1)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("after it: %v", err)
	}
}

func TestAccesses(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		if err := w.Record(t.Context(), entry(i), accounts.Entry{Account: "auditor", Action: "read-events"}); err != nil {
			t.Fatal(err)
		}
	}
	w.restart()
	found, err := w.Accesses(t.Context(), "chief", accounts.Question{Person: "850312 300121", Account: "officer"})
	if err != nil || len(found.Entries) != 3 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := w.Accesses(t.Context(), "chief", accounts.Question{Person: "nobody"}); err == nil {
		t.Error("a person without an identifier")
	}
	// Looking is logged too, and who asks for the person finds it.
	entries := w.logged(accounts.Question{Person: person, Account: "chief"})
	if len(entries) != 1 || entries[0].Action != "access-log-read" {
		t.Errorf("%+v", entries)
	}
}

func TestRetention(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.Retention = 24 * time.Hour })
	if err := w.Record(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	w.move(time.Hour)
	if err := w.Record(t.Context(), entry(2)); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.move(23*time.Hour + time.Microsecond)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.logged(accounts.Question{}); len(got) != 1 || got[0].Thing != "2" {
		t.Errorf("%+v", got)
	}
}

// TestRunSweeps: a server that runs sweeps when it starts, and ends when it is told.
func TestRunSweeps(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.Retention = time.Hour })
	if err := w.Record(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.move(2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	w.eventually("swept", func(entries int) bool { return entries == 0 })
	cancel()
	running.Wait()
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	for name, cfg := range map[string]accounts.Config{
		"no store": {Journal: w.db, Now: w.Now}, "no journal": {Store: w.db, Now: w.Now}, "no clock": {Store: w.db, Journal: w.db},
	} {
		if _, err := accounts.New(cfg); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
