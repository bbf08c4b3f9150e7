package jetstream_test

import (
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
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
	if n, err := s.AppendAll(t.Context(), each(commits[3000:], torn)); n > 2000 || !errors.Is(err, torn) {
		t.Errorf("%d durable: %v", n, err)
	}
	// What was given before the error is on its way, and what is appended now comes behind it.
	after := interleaved(1)[0]
	after.Stream.ID = "another"
	events := []domain.Event{after.Records[0].Event}
	if p, err := s.Append(t.Context(), after.Stream, 0, events); p != 5001 || err != nil {
		t.Errorf("position %d, %v", p, err)
	}
	if diff := cmp.Diff(commits, stored(t, s)[:5000]); diff != "" {
		t.Errorf("(-given +stored):\n%s", diff)
	}
}

func TestAppendAllStopsAtAConflict(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	commits := interleaved(100)
	lost := append(commits[:60:60], commits[61:]...) // a version of its stream is missing from then on
	n, err := s.AppendAll(t.Context(), each(lost, nil))
	if !errors.Is(err, domain.ErrConflict) || n < 60 || n == len(lost) {
		t.Fatalf("%d durable: %v", n, err)
	}
	if diff := cmp.Diff(commits[:60], stored(t, s)[:60]); diff != "" {
		t.Errorf("before the conflict (-given +stored):\n%s", diff)
	}
}
