package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

func testCommit(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("26000001")
	first := must(t, ctx, sub.Store, stream, 0, Events(3))
	second := must(t, ctx, sub.Store, stream, 3, Events(1))
	wantRecords(t, ctx, sub.Store, stream, 1, append(first.Records, second.Records...))
	wantLog(t, ctx, sub.Store, []domain.Commit{first, second})
}

func testData(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("data")
	events := Events(7)
	for i, data := range []string{
		`{"қазақша":"Әділет министрлігі","русский":"ё й","sign":"<b>&amp;</b>"}`,
		`{"escaped":"\u003cb\u003e\u2028\ud83d\ude00","raw":"😀` + "\u2028" + `"}`,
		`{"big":12345678901234567890,"exact":0.10,"exponent":1E+2}`,
		`{"b":1,"a":2,"b":3}`,
		`[null,true,{"deep":[[[[]]]]}]`, `"text"`, `{}`,
	} {
		events[i].Data = json.RawMessage(data)
	}
	events[6].Actor = domain.Actor{}
	c := must(t, ctx, sub.Store, stream, 0, events)
	wantRecords(t, ctx, sub.Store, stream, 1, c.Records)
	wantLog(t, ctx, sub.Store, []domain.Commit{c})
}

func testOwnership(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("owned")
	events, want := Events(1), Events(1)
	want[0].ID, want[0].Correlation, want[0].Causation = events[0].ID, events[0].Correlation, events[0].Causation
	c := must(t, ctx, sub.Store, stream, 0, events)
	copy(events[0].Data, `{"x":9}`)
	events[0].Type = "changed"
	wantRecords(t, ctx, sub.Store, stream, 1, domain.NewCommit(stream, 0, c.Position, want).Records)
}

func testConflict(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("conflict")
	_, err := sub.Store.Append(ctx, stream, 1, Events(1))
	wantError(t, err, domain.ErrConflict)
	first := must(t, ctx, sub.Store, stream, 0, Events(2))
	second := must(t, ctx, sub.Store, stream, 2, Events(1))
	for _, expected := range []uint64{0, 1, 2, 4, 1 << 40} {
		_, err := sub.Store.Append(ctx, stream, expected, Events(1))
		wantError(t, err, domain.ErrConflict)
	}
	// More or fewer of the same events are not the same append.
	more := Events(1)
	for _, events := range [][]domain.Event{
		{first.Records[0].Event}, {first.Records[0].Event, first.Records[1].Event, second.Records[0].Event},
		{first.Records[0].Event, more[0]}, {more[0], first.Records[1].Event},
	} {
		_, err := sub.Store.Append(ctx, stream, 0, events)
		wantError(t, err, domain.ErrConflict)
	}
	wantLog(t, ctx, sub.Store, []domain.Commit{first, second})
}

func testOneWinner(t *testing.T, ctx context.Context, sub Subject) {
	const writers, versions = 32, 10
	stream := Stream("26-series")
	for version := range uint64(versions) {
		won := make([]error, writers)
		ids := make([]uuid.UUID, writers)
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				events := Events(1)
				ids[i] = events[0].ID
				if _, won[i] = sub.Store.Append(ctx, stream, version, events); won[i] == nil {
					return
				}
				// Whoever lost sees what it lost to.
				seen := 0
				for _, err := range sub.Store.Read(ctx, stream, version+1) {
					if err != nil {
						t.Error(err)
					}
					seen++
				}
				if seen != 1 {
					t.Errorf("the loser of version %d reads %d events", version+1, seen)
				}
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range won {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("version %d has two winners", version+1)
			case err == nil:
				winner = i
			default:
				wantError(t, err, domain.ErrConflict)
			}
		}
		if winner < 0 {
			t.Fatalf("version %d has no winner", version+1)
		}
		for r, err := range sub.Store.Read(ctx, stream, version+1) {
			if err != nil || r.ID != ids[winner] {
				t.Fatalf("version %d holds event %s (%v), the winner's is %s", version+1, r.ID, err, ids[winner])
			}
		}
	}
}

func testIsolation(t *testing.T, ctx context.Context, sub Subject) {
	const callers, rounds = 64, 5
	taken := Stream("taken")
	must(t, ctx, sub.Store, taken, 0, Events(1))
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			own := Stream("own-" + string(rune('A'+i/26)) + string(rune('a'+i%26)))
			for round := range uint64(rounds) {
				if i%2 == 0 {
					if _, err := sub.Store.Append(ctx, taken, 0, Events(1)); !errors.Is(err, domain.ErrConflict) {
						t.Errorf("append to a taken version: %v", err)
					}
				} else if _, err := sub.Store.Append(ctx, own, round, Events(1)); err != nil {
					t.Errorf("append beside conflicts: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func testRepeat(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("repeat")
	var commits []domain.Commit
	var expected []uint64
	version := uint64(0)
	for n := range 4 {
		c := must(t, ctx, sub.Store, stream, version, Events(n+1))
		commits, expected = append(commits, c), append(expected, version)
		version = c.Version()
		for i, c := range commits {
			events := make([]domain.Event, len(c.Records))
			for j, r := range c.Records {
				events[j] = r.Event
			}
			if again := must(t, ctx, sub.Store, stream, expected[i], events); again.Position != c.Position {
				t.Fatalf("commit %d of %d: position %d, the first time %d", i+1, n+1, again.Position, c.Position)
			}
		}
	}
	wantLog(t, ctx, sub.Store, commits)
}

func testRepeatAtOnce(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("at-once")
	events := Events(2)
	positions := make([]domain.Position, 8)
	var wg sync.WaitGroup
	for i := range positions {
		wg.Go(func() {
			p, err := sub.Store.Append(ctx, stream, 0, events)
			if err != nil {
				t.Errorf("one of many same appends: %v", err)
			}
			positions[i] = p
		})
	}
	wg.Wait()
	for _, p := range positions {
		if p != positions[0] {
			t.Fatalf("the same append has positions %v", positions)
		}
	}
	wantLog(t, ctx, sub.Store, []domain.Commit{domain.NewCommit(stream, 0, positions[0], events)})
}

func testFailed(t *testing.T, ctx context.Context, sub Subject) {
	stream, other := Stream("failed"), Stream("other")
	first := must(t, ctx, sub.Store, stream, 0, Events(1))
	events := Events(2)
	sub.FailNext()
	_, err := sub.Store.Append(ctx, stream, 1, events)
	wantError(t, err, domain.ErrUnavailable)
	wantLog(t, ctx, sub.Store, []domain.Commit{first})
	second := must(t, ctx, sub.Store, other, 0, Events(1))
	third := must(t, ctx, sub.Store, stream, 1, events)
	wantRecords(t, ctx, sub.Store, stream, 1, append(first.Records, third.Records...))
	wantLog(t, ctx, sub.Store, []domain.Commit{first, second, third})
}

func testLostAcknowledgement(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("lost")
	first := must(t, ctx, sub.Store, stream, 0, Events(1))
	events := Events(2)
	sub.LoseNext()
	_, err := sub.Store.Append(ctx, stream, 1, events)
	wantError(t, err, domain.ErrUnavailable)
	_, err = sub.Store.Append(ctx, stream, 1, Events(1))
	wantError(t, err, domain.ErrConflict)
	second := must(t, ctx, sub.Store, stream, 1, events)
	third := must(t, ctx, sub.Store, stream, 3, Events(1))
	want := []domain.Commit{first, second, third}
	wantLog(t, ctx, sub.Store, want)
	events = Events(1)
	sub.LoseNext()
	_, err = sub.Store.Append(ctx, stream, 4, events)
	wantError(t, err, domain.ErrUnavailable)
	store := sub.Reopen(t)
	want = append(want, must(t, ctx, store, stream, 4, events))
	wantLog(t, ctx, store, want)
}

func testRestart(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("restart")
	store := sub.Store
	var commits []domain.Commit
	var records []domain.Record
	for i := range uint64(4) {
		events := Events(2)
		c := must(t, ctx, store, stream, 2*i, events)
		commits, records = append(commits, c), append(records, c.Records...)
		store = sub.Reopen(t)
		wantLog(t, ctx, store, commits)
		wantRecords(t, ctx, store, stream, 1, records)
		if again := must(t, ctx, store, stream, 2*i, events); again.Position != c.Position {
			t.Fatalf("repeated after a restart: position %d, the first time %d", again.Position, c.Position)
		}
		_, err := store.Append(ctx, stream, 2*i, Events(2))
		wantError(t, err, domain.ErrConflict)
	}
}

func testLimit(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("limit")
	events := Events(2)
	fill := func(n int) { events[1].Data = json.RawMessage(`{"t":"` + strings.Repeat("x", n) + `"}`) }
	fill(0)
	data, err := domain.EncodeCommit(domain.NewCommit(stream, 0, 0, events))
	if err != nil {
		t.Fatal(err)
	}
	room := domain.MaxCommitBytes - len(data)
	fill(room + 1)
	_, err = sub.Store.Append(ctx, stream, 0, events)
	wantError(t, err, domain.ErrTooLarge)
	if !strings.Contains(err.Error(), "1048576") || !strings.Contains(err.Error(), "1048577") {
		t.Errorf("the error names neither the limit nor the size: %v", err)
	}
	wantRecords(t, ctx, sub.Store, stream, 1, nil)
	fill(room)
	c := must(t, ctx, sub.Store, stream, 0, events)
	wantRecords(t, ctx, sub.Store, stream, 1, c.Records)
	wantLog(t, ctx, sub.Store, []domain.Commit{c})
}

func testInvalid(t *testing.T, ctx context.Context, sub Subject) {
	stream := Stream("invalid")
	for name, change := range map[string]func(*domain.Event){
		"no id":       func(e *domain.Event) { e.ID = uuid.Nil },
		"no type":     func(e *domain.Event) { e.Type = "" },
		"no schema":   func(e *domain.Event) { e.Schema = 0 },
		"no data":     func(e *domain.Event) { e.Data = nil },
		"broken data": func(e *domain.Event) { e.Data = json.RawMessage(`{"a":`) },
	} {
		events := Events(2)
		change(&events[1])
		if _, err := sub.Store.Append(ctx, stream, 0, events); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := sub.Store.Append(ctx, stream, 0, nil)
	wantError(t, err, domain.ErrInvalid)
	for _, bad := range []domain.Stream{
		{}, {Category: "license"}, {ID: "1"}, {Category: "license", ID: "*"}, {Category: "license", ID: ">"},
		{Category: "license", ID: "a.b"}, {Category: "license", ID: "a b"}, {Category: "License", ID: "1"},
		{Category: "license", ID: "лицензия"}, {Category: "license", ID: strings.Repeat("x", 101)},
	} {
		_, err := sub.Store.Append(ctx, bad, 0, Events(1))
		wantError(t, err, domain.ErrInvalid)
		err = nil
		for _, err = range sub.Store.Read(ctx, bad, 1) {
		}
		wantError(t, err, domain.ErrInvalid)
	}
	if head, err := sub.Store.Head(ctx); head != 0 || err != nil {
		t.Errorf("after nothing but refusals the log ends at %d, %v", head, err)
	}
}

func testNames(t *testing.T, ctx context.Context, sub Subject) {
	longest := strings.Repeat("z", 100)
	var commits []domain.Commit
	for _, name := range [][2]string{
		{"license", "a"}, {"license", "A"}, {"license", "aa"}, {"license", "a-a"}, {"license", "a_a"},
		{"license", "a-"}, {"license", "-a"}, {"license", "-"}, {"license", "_"}, {"license", "--"},
		{"license", "1"}, {"license", "11"}, {"license", "01"}, {"license", longest}, {"license", longest[1:]},
		{"licens", "e-a"}, {"application", "a"}, {"a", "license"}, {strings.Repeat("z", 32), longest},
		{"application", uuid.NewString()}, {"license", "CON"}, {"license", "nul"},
	} {
		stream, err := domain.NewStream(name[0], name[1])
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, must(t, ctx, sub.Store, stream, 0, Events(1)))
	}
	for _, c := range commits {
		wantRecords(t, ctx, sub.Store, c.Stream, 1, c.Records)
	}
	wantLog(t, ctx, sub.Store, commits)
}

func testConcurrent(t *testing.T, ctx context.Context, sub Subject) {
	const writers, appends = 16, 20
	commits := make([][]domain.Commit, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			stream, version := Stream("many-"+string(rune('a'+w))), uint64(0)
			for i := range appends {
				events := Events(1 + i%3)
				p, err := sub.Store.Append(ctx, stream, version, events)
				if err != nil {
					t.Errorf("append to %s: %v", stream, err)
					return
				}
				c := domain.NewCommit(stream, version, p, events)
				commits[w], version = append(commits[w], c), c.Version()
			}
		})
	}
	wg.Wait()
	var all []domain.Commit
	for _, own := range commits {
		var records []domain.Record
		for _, c := range own {
			records = append(records, c.Records...)
		}
		wantRecords(t, ctx, sub.Store, own[0].Stream, 1, records)
		all = append(all, own...)
	}
	wantLog(t, ctx, sub.Store, all)
}
