package jetstream_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

// interleaved makes n commits of one or two events to a few streams, in the order of their positions.
func interleaved(n int) []domain.Commit {
	versions := map[domain.Stream]uint64{}
	commits := make([]domain.Commit, n)
	for i := range commits {
		stream := domain.Stream{Category: domain.ApplicationCategory, ID: fmt.Sprint("s", i%7*i%11)}
		events := make([]domain.Event, 1+i%2)
		for j := range events {
			id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, i, j))
			events[j] = domain.Event{
				ID: id, Type: "thing-happened", Schema: 1, Time: time.UnixMicro(int64(i + 1)).UTC(),
				Actor: domain.System, Correlation: id, Causation: id, Data: []byte(fmt.Sprintf(`{"n":%d}`, i)),
			}
		}
		commits[i] = domain.NewCommit(stream, versions[stream], domain.Position(i+1), events)
		versions[stream] = commits[i].Version()
	}
	return commits
}

// each yields the commits, and then the error where there is one.
func each(commits []domain.Commit, err error) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		for _, c := range commits {
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(domain.Commit{}, err)
		}
	}
}

// stored is the log up to its head.
func stored(t *testing.T, s *jetstream.Store) (commits []domain.Commit) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if commits = append(commits, c); c.Position == head {
			break
		}
	}
	return commits
}

func TestAppendAll(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	commits := interleaved(5000) // more than may be on their way at once
	if n, err := s.AppendAll(t.Context(), each(commits[:3000], nil)); n != 3000 || err != nil {
		t.Fatalf("%d durable: %v", n, err)
	}
	torn := errors.New("the file is torn")
	if n, err := s.AppendAll(t.Context(), each(commits[3000:], torn)); n != 2000 || !errors.Is(err, torn) {
		t.Errorf("%d durable: %v", n, err)
	}
	if diff := cmp.Diff(commits, stored(t, s)); diff != "" {
		t.Errorf("(-given +stored):\n%s", diff)
	}
}

func TestAppendAllStopsAtAConflict(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	commits := interleaved(100)
	lost := append(commits[:60:60], commits[61:]...) // a version of its stream is missing from then on
	conflicts := 60
	for lost[conflicts].Stream != commits[60].Stream {
		conflicts++
	}
	if n, err := s.AppendAll(t.Context(), each(lost, nil)); !errors.Is(err, domain.ErrConflict) || n != conflicts {
		t.Fatalf("%d durable: %v", n, err)
	}
	wantStored(t, stored(t, s), lost[:conflicts])
}

// wantStored compares commits without regard to the positions that they were given with.
func wantStored(t *testing.T, got, given []domain.Commit) {
	t.Helper()
	want := make([]domain.Commit, len(given))
	for i, c := range given {
		events := make([]domain.Event, len(c.Records))
		for j, r := range c.Records {
			events[j] = r.Event
		}
		want[i] = domain.NewCommit(c.Stream, c.Records[0].Version-1, domain.Position(i+1), events)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-given +stored):\n%s", diff)
	}
}

// A failure that passes leaves the beginning of what was given, and the rest can be given later.
func TestAppendAllLeavesNoHole(t *testing.T) {
	for _, step := range []string{"send", "sent"} {
		t.Run(step, func(t *testing.T) {
			var steps atomic.Int64
			s := open(t, jetstream.Config{Dir: t.TempDir()}.WithStep(func(name string) error {
				if name == step && steps.Add(1) == 3 {
					return errStaged
				}
				return nil
			}))
			commits := make([]domain.Commit, 3000) // each to a stream of its own: none needs the one before it
			for i, c := range interleaved(len(commits)) {
				stream := storetest.Stream(fmt.Sprint("own-", i))
				events := []domain.Event{c.Records[0].Event}
				commits[i] = domain.NewCommit(stream, 0, domain.Position(i+1), events)
			}
			n, err := s.AppendAll(t.Context(), each(commits, nil))
			if !errors.Is(err, domain.ErrUnavailable) {
				t.Fatalf("%d durable: %v", n, err)
			}
			// What the server was sent when it fell silent is flushed before a later conflict is told.
			if _, err := s.Append(t.Context(), commits[0].Stream, 7, storetest.Events(1)); !errors.Is(err, domain.ErrConflict) {
				t.Fatal(err)
			}
			begun := stored(t, s)
			if len(begun) < n || len(begun) == len(commits) {
				t.Fatalf("%d durable, %d stored", n, len(begun))
			}
			if n, err := s.AppendAll(t.Context(), each(commits[len(begun):], nil)); n != len(commits)-len(begun) || err != nil {
				t.Errorf("the rest: %d durable: %v", n, err)
			}
			if diff := cmp.Diff(commits, stored(t, s)); diff != "" {
				t.Errorf("(-given +stored):\n%s", diff)
			}
		})
	}
}

// Commits wait for those before them also where few of them are much.
func TestAppendAllHoldsLittle(t *testing.T) {
	const near, most = 70, 80 // of 0.9 MB each: nearly what may be on its way, and more than that
	var once sync.Once
	begun, reached := make(chan struct{}), make(chan struct{})
	s := open(t, jetstream.Config{Dir: t.TempDir()}.WithStep(func(name string) error {
		if name == "flush" {
			once.Do(func() {
				<-begun
				select {
				case <-reached:
				case <-time.After(200 * time.Millisecond):
				}
			})
		}
		return nil
	}))
	data := []byte(`"` + strings.Repeat("x", 900_000) + `"`)
	given := func(yield func(domain.Commit, error) bool) {
		for i := range most + 1 {
			if i == near {
				close(begun)
			}
			if head, err := s.Head(t.Context()); i == most && (head == 0 || err != nil) {
				t.Errorf("%d commits are on their way, and none is durable: %v", i, err)
				close(reached)
			}
			events := storetest.Events(1)
			events[0].Data = data
			if !yield(domain.NewCommit(storetest.Stream("large"), uint64(i), 0, events), nil) {
				return
			}
		}
	}
	if n, err := s.AppendAll(t.Context(), given); n != most+1 || err != nil {
		t.Errorf("%d durable: %v", n, err)
	}
}
