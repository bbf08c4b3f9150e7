package projections_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/sample"
)

// list is a projection in memory that notes what it is given.
type list struct {
	name  string
	fault func(ctx context.Context, commits []domain.Commit) error

	mu        sync.Mutex
	positions []domain.Position
	batches   int
	start     domain.Position
}

func (l *list) Name() string { return l.name }

func (l *list) Position() domain.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.positions) == 0 {
		return l.start
	}
	return l.positions[len(l.positions)-1]
}

func (l *list) Apply(ctx context.Context, commits []domain.Commit) error {
	if l.fault != nil {
		if err := l.fault(ctx, commits); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range commits {
		l.positions = append(l.positions, c.Position)
	}
	l.batches++
	return nil
}

func (l *list) got() []domain.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.positions)
}

// follow starts a follower that ends with the test.
func follow(t *testing.T, log domain.Log, ps ...projections.Projection) *projections.Follower {
	t.Helper()
	f := projections.Start(t.Context(), log, nil, ps...)
	t.Cleanup(f.Stop)
	return f
}

// soon bounds a wait that a broken follower would make endless.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func upTo(from, to domain.Position) (all []domain.Position) {
	for p := from; p <= to; p++ {
		all = append(all, p)
	}
	return all
}

func TestFollowerGivesEachWhatItLacks(t *testing.T) {
	commits := sample.Commits(30, 1)
	head := domain.Position(len(commits))
	log := sample.NewLog(commits[:head-1])
	a, b, c := &list{name: "a"}, &list{name: "b", start: 100}, &list{name: "c", start: head - 1}
	f := follow(t, log, a, b, c)
	log.Append(commits[head-1])
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		l    *list
		want []domain.Position
	}{{a, upTo(1, head)}, {b, upTo(101, head)}, {c, upTo(head, head)}} {
		if diff := cmp.Diff(x.want, x.l.got()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.l.name, diff)
		}
	}
	if f.Head() != head {
		t.Errorf("head %d, want %d", f.Head(), head)
	}
	want := []projections.Status{{Name: "a", Position: head, CaughtUp: true}, {Name: "b", Position: head, CaughtUp: true}, {Name: "c", Position: head, CaughtUp: true}}
	if diff := cmp.Diff(want, f.Status()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// TestLagCountsCommits: of a log whose positions count bytes too, and of one that reads the log for itself.
func TestLagCountsCommits(t *testing.T) {
	commits := slices.Clone(sample.Commits(30, 1)[:60])
	for i := range commits {
		commits[i].Position *= 1000
	}
	log := sample.NewLog(commits[:50:50])
	taken, release := make(chan struct{}, 100), make(chan struct{})
	held := func(ctx context.Context, _ []domain.Commit) error {
		taken <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	near, far, quick := &list{name: "near", start: 50_000, fault: held}, &list{name: "far", start: 20_000, fault: held}, &list{name: "quick", start: 50_000}
	f := follow(t, log, near, far, quick)
	<-taken // far, of what is there
	log.Append(commits[50:]...)
	<-taken // near, of what came
	if err := f.Wait(soon(t), 60_000, "quick"); err != nil {
		t.Fatal(err)
	}
	want := []projections.Status{
		{Name: "near", Position: 50_000, Lag: 10, CaughtUp: true}, {Name: "far", Position: 20_000, Lag: 40}, {Name: "quick", Position: 60_000, CaughtUp: true},
	}
	var got []projections.Status
	for got == nil || got[1].Lag < 40 { // until it has been read for far too
		if got = f.Status(); soon(t).Err() != nil {
			break
		}
		runtime.Gosched()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held up (-want +got):\n%s", diff)
	}
	close(release)
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, s := range f.Status() {
		if s.Lag != 0 || !s.CaughtUp {
			t.Errorf("caught up: %+v", s)
		}
	}
}

func TestFollowerDecodesOnceForAllThatStartTogether(t *testing.T) {
	commits := sample.Commits(30, 1)
	log := sample.NewLog(commits)
	var reads atomic.Int64
	log.Fault = func(context.Context, domain.Commit) error { reads.Add(1); return nil }
	f := follow(t, log, &list{name: "a"}, &list{name: "b"}, &list{name: "c"})
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := reads.Load(); n != int64(len(commits)) {
		t.Errorf("%d commits were read %d times", len(commits), n)
	}
}

func TestFollowerBatchesWhatIsThere(t *testing.T) {
	commits := sample.Commits(100, 1)
	log := sample.NewLog(commits)
	release := make(chan struct{})
	slow := &list{name: "slow", fault: func(ctx context.Context, c []domain.Commit) error {
		if len(c) > 1000 {
			t.Errorf("a batch of %d commits", len(c))
		}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}}
	quick := &list{name: "quick"}
	f := follow(t, log, slow, quick)
	if err := f.CaughtUp(soon(t), "quick"); err != nil { // and so everything is read
		t.Fatal(err)
	}
	close(release)
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if slow.batches > 1+len(commits)/1000+1 {
		t.Errorf("%d commits that were there came in %d batches", len(commits), slow.batches)
	}
}

func TestFailingEventStopsThatProjectionOnly(t *testing.T) {
	commits := sample.Commits(20, 1)
	at := domain.Position(len(commits) + 1)
	log := sample.NewLog(append(commits[:at-1:at-1], strange(domain.LicenseCategory, at)))
	var ps []projections.Projection
	for _, k := range kinds {
		if k.Name() == "streams" {
			continue // refuses the version already
		}
		ps = append(ps, open(t, k, t.TempDir()))
	}
	f := follow(t, log, ps...)
	err := f.Wait(soon(t), at, "licenses")
	var failure *projections.Failure
	if !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, domain.ErrDamaged) || !errors.As(err, &failure) {
		t.Fatalf("waiting for a projection that fails: %v", err)
	}
	got := *failure
	got.Err = nil
	want := projections.Failure{Projection: "licenses", Position: at, Stream: domain.Stream{Category: "license", ID: "x"}, Version: 7, Type: "unheard-of"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
	if err := f.Wait(soon(t), at, "streams", "applications", "numbers", "deadlines", "notices", "payments"); err != nil {
		t.Errorf("the others: %v", err)
	}
	if err := f.Wait(soon(t), at); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("wait for all: %v", err)
	}
	for _, name := range []string{"history", "reactor"} { // which fail too
		if err := f.Wait(soon(t), at, name); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("wait for %s: %v", name, err)
		}
	}
	if err := f.Wait(soon(t), at-1, "applications"); err != nil {
		t.Errorf("wait for what was reached: %v", err)
	}
	for _, s := range f.Status() {
		failed := s.Name == "licenses" || s.Name == "history" || s.Name == "reactor"
		if s.Stopped != failed || (s.Err != nil) != failed || failed == (s.Lag == 0) {
			t.Errorf("status of %s: %+v", s.Name, s)
		}
	}
	if f.Err() == nil || f.Err("applications") != nil {
		t.Errorf("Err: %v, %v", f.Err(), f.Err("applications"))
	}
}

func TestUnavailableIsRetriedFromTheCursor(t *testing.T) {
	commits := sample.Commits(20, 1)
	log := sample.NewLog(commits)
	var logFaults, faults atomic.Int64
	log.Fault = func(_ context.Context, next domain.Commit) error {
		if next.Position == 50 && logFaults.Add(1) < 3 {
			return fmt.Errorf("log down: %w", domain.ErrUnavailable)
		}
		return nil
	}
	p := &list{name: "p", fault: func(context.Context, []domain.Commit) error {
		if faults.Add(1) < 3 {
			return fmt.Errorf("disk full: %w", domain.ErrUnavailable)
		}
		return nil
	}}
	f := follow(t, log, p)
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(upTo(1, domain.Position(len(commits))), p.got()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s := f.Status()[0]; s.Err != nil || s.Stopped {
		t.Errorf("trouble that is over is still told: %+v", s)
	}
}

func TestDamagedLogStopsAll(t *testing.T) {
	commits := sample.Commits(20, 1)
	for name, log := range map[string]*sample.Log{
		"gap":   {Fault: func(_ context.Context, c domain.Commit) error { return damagedAt(c, 50) }},
		"order": sample.NewLog(append(commits[:49:49], commits[48:]...)),
		"empty": sample.NewLog(append(commits[:49:49], domain.Commit{Position: 50})),
	} {
		t.Run(name, func(t *testing.T) {
			if log.Fault != nil {
				fault := log.Fault
				*log = *sample.NewLog(commits)
				log.Fault = fault
			}
			a, b := &list{name: "a"}, &list{name: "b"}
			f := follow(t, log, a, b)
			for _, name := range []string{"a", "b"} {
				if err := f.Wait(soon(t), 50, name); !errors.Is(err, domain.ErrDamaged) || !errors.Is(err, domain.ErrUnavailable) {
					t.Fatalf("wait: %v", err)
				}
			}
			for _, s := range f.Status() {
				if !s.Stopped || !errors.Is(s.Err, domain.ErrDamaged) {
					t.Errorf("status: %+v", s)
				}
			}
			if err := f.Wait(soon(t), 49); err != nil {
				t.Errorf("what came before the damage: %v", err)
			}
		})
	}
}

func damagedAt(c domain.Commit, p domain.Position) error {
	if c.Position >= p {
		return fmt.Errorf("gap before %d: %w", c.Position, domain.ErrDamaged)
	}
	return nil
}

func TestModelAheadOfTheLogIsNotServed(t *testing.T) {
	commits := sample.Commits(5, 1)
	f := follow(t, sample.NewLog(commits[:3]), &list{name: "ahead", start: 4}, &list{name: "fine"})
	if err := f.Wait(soon(t), 3, "fine"); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(soon(t), 5, "ahead"); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("a model of another log: %v", err)
	}
}

func TestHeldUpProjectionHoldsNobodyUp(t *testing.T) {
	commits := manyCommits(60_000)
	log := sample.NewLog(commits)
	release := make(chan struct{})
	held := &list{name: "held", fault: func(ctx context.Context, _ []domain.Commit) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil
	}}
	quick := &list{name: "quick"}
	f := projections.StartWithPatience(t.Context(), log, 20*time.Millisecond, held, quick)
	t.Cleanup(f.Stop)
	if err := f.CaughtUp(soon(t), "quick"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(upTo(1, domain.Position(len(commits))), held.got()); diff != "" {
		t.Errorf("(-want +got):\n%.400s", diff)
	}
	// And it is among the others again.
	next := manyCommits(len(commits) + 1)[len(commits):]
	log.Append(next...)
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// A projection that is far behind reads for itself, and nobody else waits for that reading: however
// long it takes, and whatever stalls on the way, it gets to the end.
func TestCatchingUpOutlastsEveryStall(t *testing.T) {
	const patience = 5 * time.Millisecond
	commits := manyCommits(40_000)
	for name, stall := range map[string]func(batch int) error{
		"one long stall": func(batch int) error {
			if batch == 1 {
				time.Sleep(50 * patience)
			}
			return nil
		},
		"slow all the way": func(int) error {
			time.Sleep(3 * patience)
			return nil
		},
		"unavailable for long": func(batch int) error {
			if batch < 4 { // the pauses in between are longer than patience
				return fmt.Errorf("disk full: %w", domain.ErrUnavailable)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batch := 0
			behind := &list{name: "behind", fault: func(context.Context, []domain.Commit) error {
				batch++
				return stall(batch - 1)
			}}
			f := projections.StartWithPatience(t.Context(), sample.NewLog(commits), patience, behind, &list{name: "ahead", start: 39_000})
			t.Cleanup(f.Stop)
			if err := f.CaughtUp(soon(t)); err != nil {
				t.Fatalf("stopped at %d: %v", behind.Position(), err)
			}
			if diff := cmp.Diff(upTo(1, domain.Position(len(commits))), behind.got()); diff != "" {
				t.Errorf("(-want +got):\n%.400s", diff)
			}
		})
	}
}

// manyCommits are commits that only a list can take.
func manyCommits(n int) []domain.Commit {
	commits := make([]domain.Commit, n)
	for i := range commits {
		commits[i] = strange("anything", domain.Position(i+1))
	}
	return commits
}

func TestWait(t *testing.T) {
	commits := sample.Commits(5, 1)
	log := sample.NewLog(commits[:1])
	p := &list{name: "p"}
	f := follow(t, log, p)
	if err := f.Wait(soon(t), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the client went away")
	cancel(gone)
	if err := f.Wait(ctx, 2); !errors.Is(err, gone) {
		t.Errorf("wait with an ended context: %v", err)
	}
	waiting := make(chan error, 50)
	for i := range 50 {
		go func() { waiting <- f.Wait(soon(t), domain.Position(1+i%len(commits))) }()
	}
	for _, c := range commits[1:] {
		log.Append(c)
	}
	for range 50 {
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	}
	late := make(chan error, 1)
	go func() { late <- f.Wait(soon(t), 1000) }()
	f.Stop()
	if err := <-late; !errors.Is(err, domain.ErrUnavailable) || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("wait when the follower stops: %v", err)
	}
	f.Stop()
}

// Readers see whole commits at any time: the event of every application that says so has its license.
func TestReadersDuringWrites(t *testing.T) {
	commits := sample.Commits(60, 4)
	log := sample.NewLog(nil)
	m := open(t, kinds[0], t.TempDir()).(interface {
		projections.Model
		Version(context.Context, domain.Stream) (uint64, error)
	})
	f := follow(t, log, m)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := uint64(0)
			for {
				v, err := m.Version(t.Context(), commits[0].Stream)
				if err != nil || v < last {
					t.Errorf("version %d after %d, %v", v, last, err)
					return
				}
				last = v
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for _, c := range commits {
		log.Append(c)
	}
	if err := f.CaughtUp(soon(t)); err != nil {
		t.Error(err)
	}
	close(done)
	readers.Wait()
}
