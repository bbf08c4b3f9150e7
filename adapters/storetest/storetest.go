// Package storetest is the contract of domain.EventStore and domain.Log as tests. Every store runs
// Run, and a store that passes it can stand under the registry:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Subject { ... })
//	}
//
// Positions are compared by order alone, for there are stores that leave gaps between them.
package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// Store is what the suite tests.
type Store interface {
	domain.EventStore
	domain.Log
}

// Subject is an empty store, and what can be done to it.
type Subject struct {
	Store Store
	// Reopen ends the store as a restart does, and opens what it left; one that ends with its process is gone on with.
	Reopen func(t *testing.T) Store
	// FailNext makes the next append fail before anything is stored.
	FailNext func()
	// LoseNext makes the next append fail after it is stored: its acknowledgement is lost.
	LoseNext func()
	// Damage makes the commit at a position unreadable, and gives the store that has to notice.
	Damage func(t *testing.T, p domain.Position) Store
}

// deadline ends a test of a store that hangs.
const deadline = 30 * time.Second

// Run runs the suite. open makes a new empty store for each test and cleans up after it.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, context.Context, Subject)
	}{
		{"a commit is stored whole and as it was given", testCommit},
		{"data keeps its bytes", testData},
		{"what the caller does to its events later changes nothing", testOwnership},
		{"a wrong expected version is a conflict", testConflict},
		{"32 writers of one version have one winner", testOneWinner},
		{"conflicts fail nobody else", testIsolation},
		{"the same append again gives the first position", testRepeat},
		{"the same append by many at once is stored once", testRepeatAtOnce},
		{"a failed append leaves nothing", testFailed},
		{"a lost acknowledgement is found by repeating", testLostAcknowledgement},
		{"everything is there after a restart", testRestart},
		{"a commit is limited to 1 MiB", testLimit},
		{"wrong input is refused", testInvalid},
		{"awkward names are streams of their own", testNames},
		{"a stream is read from any version", testReadFrom},
		{"a cut read is loud", testCutRead},
		{"the log is followed from any position", testFollowFrom},
		{"following goes over from what is there to what comes", testFollowLive},
		{"following finds the seam at any moment", testFollowSeam},
		{"following after the end of the log is damage", testFollowBeyond},
		{"a missing commit stops readers and followers", testGap},
		{"an ended context ends calls", testCancel},
		{"the head is the last commit", testHead},
		{"many writers of many streams", testConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			test.run(t, ctx, open(t))
		})
	}
}

// Events makes n events with ids of their own and some of everything an event can carry.
func Events(n int) []domain.Event {
	events := make([]domain.Event, n)
	for i := range events {
		events[i] = domain.Event{
			ID: uuid.New(), Type: "application-filed", Schema: 2,
			Time: time.Date(2026, 3, 14, 9, 26, 53, 589793000, time.UTC).Add(time.Duration(i) * time.Microsecond),
			Actor: domain.Actor{
				ID: "demo-applicant", Name: "Өтініш <беруші> & Ко", Role: domain.RoleApplicant,
				Organization: "center-1", Channel: "portal",
			},
			Correlation: uuid.New(), Causation: uuid.New(), Fingerprint: "f0", Regulation: "kz-mert-2012-242@2013-01-01",
			Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)),
		}
	}
	return events
}

// Stream names a stream of the category "license"; the suite's own names are always good ones.
func Stream(id string) domain.Stream {
	s, err := domain.NewStream(domain.LicenseCategory, id)
	if err != nil {
		panic(err)
	}
	return s
}

// must appends and fails the test where that fails.
func must(t *testing.T, ctx context.Context, s Store, stream domain.Stream, expected uint64, events []domain.Event) domain.Commit {
	t.Helper()
	p, err := s.Append(ctx, stream, expected, events)
	if err != nil {
		t.Fatalf("append to %s at %d: %v", stream, expected, err)
	}
	if p == 0 {
		t.Fatalf("append to %s at %d: position 0", stream, expected)
	}
	return domain.NewCommit(stream, expected, p, events)
}

// diff compares data as a whole: a full commit holds a million bytes of it.
func diff(want, got any) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }))
}

// wantError fails the test unless err is of a kind.
func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want one that is %q", err, kind)
	}
}

// wantRecords compares what a stream reads from a version on.
func wantRecords(t *testing.T, ctx context.Context, s Store, stream domain.Stream, from uint64, want []domain.Record) {
	t.Helper()
	var got []domain.Record
	for r, err := range s.Read(ctx, stream, from) {
		if err != nil {
			t.Fatalf("read %s from %d: %v", stream, from, err)
		}
		got = append(got, r)
	}
	if d := diff(want, got); d != "" {
		t.Fatalf("read %s from %d (-want +got):\n%s", stream, from, d)
	}
}

// follow takes n commits after a position.
func follow(t *testing.T, ctx context.Context, s Store, after domain.Position, n int) []domain.Commit {
	t.Helper()
	if n == 0 {
		return nil
	}
	var got []domain.Commit
	for c, err := range s.Follow(ctx, after) {
		if err != nil {
			t.Fatalf("follow after %d: %v", after, err)
		}
		if got = append(got, c); len(got) == n {
			return got
		}
	}
	t.Fatalf("follow after %d: ended after %d of %d commits", after, len(got), n)
	return nil
}

// wantLog compares the whole log with commits in any order, and its order with their positions.
func wantLog(t *testing.T, ctx context.Context, s Store, want []domain.Commit) {
	t.Helper()
	byPosition := map[domain.Position]domain.Commit{}
	for _, c := range want {
		byPosition[c.Position] = c
	}
	if len(byPosition) != len(want) {
		t.Fatalf("%d commits have %d positions", len(want), len(byPosition))
	}
	last := domain.Position(0)
	for _, c := range follow(t, ctx, s, 0, len(want)) {
		if c.Position <= last {
			t.Fatalf("position %d follows %d", c.Position, last)
		}
		last = c.Position
		if d := diff(byPosition[c.Position], c); d != "" {
			t.Fatalf("commit at %d (-want +got):\n%s", c.Position, d)
		}
	}
	if head, err := s.Head(ctx); err != nil || head != last {
		t.Fatalf("head %d, %v; the last of %d commits is at %d", head, err, len(want), last)
	}
}
