package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/tizilim/tizilim/domain"
)

func testReadFrom(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("from")
	wantRecords(t, ctx, sub.Store, stream, 1, nil)
	var records []domain.Record
	for _, n := range []int{1, 3, 1, 2} {
		c := must(t, ctx, sub.Store, stream, uint64(len(records)), Events(n))
		records = append(records, c.Records...)
	}
	for from := range records {
		wantRecords(t, ctx, sub.Store, stream, uint64(from+1), records[from:])
	}
	for _, beyond := range []uint64{8, 9, 1 << 40} {
		wantRecords(t, ctx, sub.Store, stream, beyond, nil)
	}
	for r, err := range sub.Store.Read(ctx, stream, 1) { // breaking off is no error
		if err != nil || r.Version != 1 {
			t.Fatalf("version %d, %v", r.Version, err)
		}
		break
	}
}

func testCutRead(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("cut")
	const events = 20
	for version := range uint64(events) {
		must(t, ctx, sub.Store, stream, version, Events(1))
	}
	for cut := range events {
		inner, cancel := context.WithCancel(ctx)
		read, last := 0, error(nil)
		for _, err := range sub.Store.Read(inner, stream, 1) {
			if last != nil {
				t.Fatalf("after %v the read goes on", last)
			}
			if last = err; err == nil {
				read++
			}
			if read == cut {
				cancel()
			}
		}
		cancel()
		if read < events && last == nil {
			t.Fatalf("cut after %d events: a history of %d and no error", cut, read)
		}
	}
}

func testFollowFrom(t *testing.T, ctx context.Context, sub Subject) {
	var commits []domain.Commit
	for i := range 6 {
		stream := Stream("f" + strconv.Itoa(i%4))
		commits = append(commits, must(t, ctx, sub.Store, stream, uint64(i/4*2), Events(2)))
	}
	for i := range commits {
		after := domain.Position(0)
		if i > 0 {
			after = commits[i-1].Position
		}
		if d := diff(commits[i:], follow(t, ctx, sub.Store, after, len(commits)-i)); d != "" {
			t.Fatalf("follow after %d (-want +got):\n%s", after, d)
		}
	}
}

func testFollowLive(t *testing.T, ctx context.Context, sub Subject) {
	const writers, appends, before = 4, 50, 30
	var commits []domain.Commit
	for i := range uint64(before) {
		commits = append(commits, must(t, ctx, sub.Store, Stream("before"), i, Events(1)))
	}
	followed := make(chan []domain.Commit)
	for range 2 { // two followers see the same
		go func() {
			var got []domain.Commit
			for c, err := range sub.Store.Follow(ctx, 0) {
				if err != nil {
					t.Errorf("follow: %v", err)
					break
				}
				if got = append(got, c); len(got) == before+writers*appends {
					break
				}
			}
			followed <- got
		}()
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			stream := Stream("live-" + strconv.Itoa(w))
			for i := range uint64(appends) {
				events := Events(1)
				p, err := sub.Store.Append(ctx, stream, i, events)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				commits = append(commits, domain.NewCommit(stream, i, p, events))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wantLog(t, ctx, sub.Store, commits)
	want := follow(t, ctx, sub.Store, 0, len(commits))
	for range 2 {
		if d := diff(want, <-followed); d != "" {
			t.Fatalf("followed while it was written (-read afterwards +followed):\n%s", d)
		}
	}
}

func testFollowSeam(t *testing.T, ctx context.Context, sub Subject) {
	const appends = 60
	stream := Stream("seam")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint64(appends) {
			if _, err := sub.Store.Append(ctx, stream, i, Events(1)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	after := domain.Position(0)
	for version := uint64(1); version <= appends; version++ {
		c := follow(t, ctx, sub.Store, after, 1)[0]
		if c.Position <= after || c.Version() != version {
			t.Fatalf("after position %d, version %d: position %d, version %d", after, version-1, c.Position, c.Version())
		}
		after = c.Position
	}
	wg.Wait()
}

func testFollowBeyond(t *testing.T, ctx context.Context, sub Subject) {
	c := must(t, ctx, sub.Store, Stream("end"), 0, Events(1))
	for got, err := range sub.Store.Follow(ctx, c.Position+1) {
		wantError(t, err, domain.ErrDamaged)
		if len(got.Records) > 0 {
			t.Errorf("a commit comes with the error: %v", got)
		}
		return
	}
	t.Fatal("no error")
}

func testGap(t *testing.T, ctx context.Context, sub Subject) {
	// One stream has a gap within, the other at its end, where nothing follows that could tell.
	gap, end := Stream("gap"), Stream("end")
	var commits []domain.Commit
	for i, stream := range []domain.Stream{gap, gap, gap, end, end, gap} {
		commits = append(commits, must(t, ctx, sub.Store, stream, []uint64{0, 1, 2, 0, 1, 3}[i], Events(1)))
	}
	sub.Damage(t, commits[1].Position)
	store := sub.Damage(t, commits[4].Position)

	var got []domain.Commit
	var last error
	for c, err := range store.Follow(ctx, 0) {
		if last != nil {
			t.Fatalf("after %v the sequence goes on", last)
		}
		if last = err; err == nil {
			got = append(got, c)
		}
	}
	wantError(t, last, domain.ErrDamaged)
	if d := diff(commits[:1], got); d != "" {
		t.Fatalf("before the gap (-want +got):\n%s", d)
	}
	// What is whole behind the gap can still be followed.
	if d := diff(commits[2:4], follow(t, ctx, store, commits[1].Position, 2)); d != "" {
		t.Fatalf("after the gap (-want +got):\n%s", d)
	}
	for _, stream := range []domain.Stream{gap, end} {
		read := 0
		last = nil
		for _, err := range store.Read(ctx, stream, 1) {
			if last = err; err == nil {
				read++
			}
		}
		wantError(t, last, domain.ErrDamaged)
		if read > 1 {
			t.Errorf("%d events of %s were read over the gap", read, stream)
		}
	}
	for expected := range uint64(3) {
		_, err := store.Append(ctx, end, expected, Events(1))
		wantError(t, err, domain.ErrDamaged)
	}
}

func testCancel(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("cancel")
	must(t, ctx, sub.Store, stream, 0, Events(1))
	ended, end := context.WithCancel(ctx)
	end()
	_, err := sub.Store.Append(ended, stream, 1, Events(1))
	wantError(t, err, domain.ErrUnavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("append in an ended context: %v", err)
	}
	if _, err := sub.Store.Head(ended); err == nil {
		t.Error("head in an ended context: no error")
	}
	for _, err := range sub.Store.Follow(ended, 0) {
		if err != nil {
			t.Errorf("follow in an ended context: %v", err)
		}
	}
	// A follower that waits for what comes is released without an error.
	waiting, end := context.WithCancel(ctx)
	defer end()
	n := 0
	for _, err := range sub.Store.Follow(waiting, 0) {
		if err != nil {
			t.Errorf("follow until the context ends: %v", err)
		}
		n++
		go end()
	}
	if n == 0 {
		t.Error("nothing was followed")
	}
}

func testHead(t *testing.T, ctx context.Context, sub Subject) {
	if head, err := sub.Store.Head(ctx); head != 0 || err != nil {
		t.Fatalf("head of an empty log: %d, %v", head, err)
	}
	for i := range uint64(3) {
		c := must(t, ctx, sub.Store, Stream("head"), i, Events(2)[:1])
		if head, err := sub.Store.Head(ctx); head != c.Position || err != nil {
			t.Fatalf("head %d, %v; the last commit is at %d", head, err, c.Position)
		}
	}
}
