package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/domain"
)

var errStaged = errors.New("staged")

// hold is a hook that stops the committer at a step, once, until it is released.
type hold struct {
	step              string
	armed             atomic.Bool
	reached, released chan struct{}
}

func newHold(step string) *hold {
	return &hold{step: step, reached: make(chan struct{}), released: make(chan struct{})}
}

func (h *hold) hook(name string) error {
	if name == h.step && h.armed.CompareAndSwap(true, false) {
		close(h.reached)
		<-h.released
	}
	return nil
}

type outcome struct {
	position domain.Position
	err      error
}

// start appends in the background.
func start(ctx context.Context, s *jetstream.Store, stream domain.Stream, expected uint64, events []domain.Event) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		p, err := s.Append(ctx, stream, expected, events)
		done <- outcome{p, err}
	}()
	return done
}

// Until a group is flushed nobody learns of it: no caller, no reader, no follower, and not even who
// loses against it, for the loser would read and find nothing.
func TestNothingIsSeenBeforeTheFlush(t *testing.T) {
	h := newHold("flush")
	s := open(t, jetstream.Config{Dir: t.TempDir()}.WithStep(h.hook))
	x := newIndex()
	s.UseIndex(x)
	x.keepUp(t, s)
	ctx, stream := t.Context(), storetest.Stream("flush")
	h.armed.Store(true)
	winner := start(ctx, s, stream, 0, storetest.Events(1))
	<-h.reached
	loser := start(ctx, s, stream, 0, storetest.Events(1))

	quiet, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	for c := range s.Follow(quiet, 0) {
		t.Errorf("followed before the flush: %v", c)
	}
	for r, err := range s.Read(ctx, stream, 1) {
		t.Errorf("read before the flush: %v, %v", r, err)
	}
	if head, err := s.Head(ctx); head != 0 || err != nil {
		t.Errorf("head before the flush: %d, %v", head, err)
	}
	select {
	case o := <-winner:
		t.Errorf("answered before the flush: %v", o)
	case o := <-loser:
		t.Errorf("conflict told before the flush: %v", o)
	default:
	}
	close(h.released)
	if o := <-winner; o.position != 1 || o.err != nil {
		t.Errorf("after the flush: %v", o)
	}
	if o := <-loser; !errors.Is(o.err, domain.ErrConflict) {
		t.Errorf("after the flush: %v", o)
	}
}

// After an error of the disk nothing is acknowledged any more, and what was not flushed is not seen.
func TestFlushError(t *testing.T) {
	var broken atomic.Bool
	fatal := make(chan error, 10)
	config := jetstream.Config{Dir: t.TempDir(), OnFatal: func(err error) { fatal <- err }}
	s := open(t, config.WithStep(func(name string) error {
		if name == "flush" && broken.Load() {
			return errStaged
		}
		return nil
	}))
	ctx, stream := t.Context(), storetest.Stream("disk")
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	events := storetest.Events(1)
	for range 3 {
		if _, err := s.Append(ctx, stream, 1, events); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("append after the disk failed: %v", err)
		}
		broken.Store(false) // it stays fatal
	}
	if err := s.Healthy(ctx); !errors.Is(err, domain.ErrUnavailable) || !errors.Is(err, errStaged) {
		t.Errorf("healthy: %v", err)
	}
	if err := <-fatal; !errors.Is(err, errStaged) || len(fatal) > 0 {
		t.Errorf("told: %v, and %d more", err, len(fatal))
	}
	if head, _ := s.Head(ctx); head != 1 {
		t.Errorf("head %d", head)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	if p, err := s.Append(ctx, stream, 1, events); p != 2 || err != nil {
		t.Errorf("repeated after a restart: %d, %v", p, err)
	}
}

// A publish that breaks off within a group: its callers do not know, the store finds out, and each
// who repeats gets what is true.
func TestBrokenGroup(t *testing.T) {
	const callers = 20
	for _, stored := range []int{0, 1, 7, callers - 1} {
		t.Run(fmt.Sprintf("stored=%d", stored), func(t *testing.T) {
			h := newHold("flush")
			var sends atomic.Int64
			sends.Store(-1)
			s := open(t, jetstream.Config{Dir: t.TempDir()}.WithStep(func(name string) error {
				if name == "send" && sends.Add(-1) == 0 {
					return errStaged
				}
				return h.hook(name)
			}))
			ctx := t.Context()
			// While the first group is held at its flush, and the second behind it, the rest waits
			// and becomes one group.
			h.armed.Store(true)
			var first []<-chan outcome
			first = append(first, start(ctx, s, storetest.Stream("first"), 0, storetest.Events(1)))
			<-h.reached
			first = append(first, start(ctx, s, storetest.Stream("second"), 0, storetest.Events(1)))
			waitFor(t, func() bool { return s.Published() == 2 })
			sends.Store(int64(stored) + 1)
			events, group := make([][]domain.Event, callers), make([]<-chan outcome, callers)
			for i := range callers {
				events[i] = storetest.Events(2)
				group[i] = start(ctx, s, storetest.Stream(fmt.Sprint("s", i%5)), uint64(i/5*2), events[i])
				waitFor(t, func() bool { return s.Waiting() == i+1 })
			}
			close(h.released)
			for _, done := range first {
				if o := <-done; o.err != nil {
					t.Error(o.err)
				}
			}
			for _, done := range group {
				if o := <-done; !errors.Is(o.err, domain.ErrUnavailable) {
					t.Errorf("in the broken group: %v", o)
				}
			}
			for i := range callers {
				p, err := s.Append(ctx, storetest.Stream(fmt.Sprint("s", i%5)), uint64(i/5*2), events[i])
				if want := domain.Position(i + 3); p != want || err != nil {
					t.Errorf("repeated %d: position %d, %v; want %d", i, p, err, want)
				}
			}
			if err := s.Healthy(ctx); err != nil {
				t.Errorf("healthy after it went on: %v", err)
			}
			if found := readAll(t, s); len(found) != 2+2*callers {
				t.Errorf("%d events are stored", len(found))
			}
		})
	}
}

// A message of somebody else's where a commit should be: the store does not take it for its own, and
// stops, for it is not the only writer any more.
func TestForeignMessage(t *testing.T) {
	fatal, foreign := make(chan error, 1), atomic.Bool{}
	config := jetstream.Config{Dir: t.TempDir(), OnFatal: func(err error) { fatal <- err }}
	var s *jetstream.Store
	s = open(t, config.WithStep(func(name string) error {
		if name == "send" && foreign.Load() {
			s.PublishForeign()
		}
		return nil
	}))
	ctx, stream := t.Context(), storetest.Stream("foreign")
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	foreign.Store(true)
	for range 2 {
		if _, err := s.Append(ctx, stream, 1, storetest.Events(1)); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("behind a foreign message: %v", err)
		}
	}
	if err := <-fatal; !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("fatal: %v", err)
	}
	if head, err := s.Head(ctx); head != 1 || err != nil {
		t.Errorf("head %d, %v", head, err)
	}
}

// Each message names the one it must follow: if one is lost, what was sent behind it is refused.
func TestFence(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), storetest.Stream(fmt.Sprint("w", w)), 0, storetest.Events(1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for p := range domain.Position(20) {
		if fence := s.Fence(t, p+1); fence != fmt.Sprint(p) {
			t.Errorf("the message at %d must follow %q", p+1, fence)
		}
	}
}

// waitFor waits for what another goroutine is about to do.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// A server that is gone is loud for everybody.
func TestServerGone(t *testing.T) {
	fatal := make(chan error, 1)
	s := open(t, jetstream.Config{Dir: t.TempDir(), OnFatal: func(err error) { fatal <- err }})
	ctx, stream := t.Context(), storetest.Stream("gone")
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	followed := make(chan error)
	go func() {
		var last error
		for _, err := range s.Follow(ctx, 0) {
			last = err
			if err == nil {
				s.StopServer()
			}
		}
		followed <- last
	}()
	if err := <-followed; !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("follow: %v", err)
	}
	<-fatal
	if _, err := s.Append(ctx, stream, 1, storetest.Events(1)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("append: %v", err)
	}
	for _, err := range s.Read(ctx, stream, 1) {
		if !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("read: %v", err)
		}
	}
	if err := s.Healthy(ctx); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("healthy: %v", err)
	}
}

// A committer without its connection cannot know what is stored.
func TestCommitterDisconnected(t *testing.T) {
	fatal := make(chan error, 1)
	config := jetstream.Config{Dir: t.TempDir(), OnFatal: func(err error) { fatal <- err }}
	s := open(t, config)
	ctx, stream, events := t.Context(), storetest.Stream("cut"), storetest.Events(1)
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	s.DisconnectCommitter(t)
	for range 2 {
		if _, err := s.Append(ctx, stream, 1, events); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("append: %v", err)
		}
	}
	<-fatal
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	if p, err := s.Append(ctx, stream, 1, events); p != 2 || err != nil {
		t.Errorf("repeated after a restart: %d, %v", p, err)
	}
}

func TestClose(t *testing.T) {
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	ctx, stream := t.Context(), storetest.Stream("close")
	followed := make(chan error, 1)
	go func() {
		for _, err := range s.Follow(ctx, 0) {
			if err != nil {
				followed <- err
			}
		}
	}()
	var wg sync.WaitGroup
	var acked atomic.Uint64
	for w := range 8 {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				_, err := s.Append(ctx, storetest.Stream(fmt.Sprint("w", w)), i, storetest.Events(1))
				if errors.Is(err, domain.ErrUnavailable) {
					return
				}
				if err != nil {
					t.Errorf("append while it closes: %v", err)
					return
				}
				acked.Add(1)
			}
		})
	}
	waitFor(t, func() bool { return acked.Load() > 50 })
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := <-followed; !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("follow: %v", err)
	}
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("append: %v", err)
	}
	if err := s.Healthy(ctx); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("healthy: %v", err)
	}
}

// A caller that stops waiting is told that the outcome is not known, and nobody else is disturbed.
func TestCallerGone(t *testing.T) {
	h := newHold("flush")
	s := open(t, jetstream.Config{Dir: t.TempDir()}.WithStep(h.hook))
	stream, events := storetest.Stream("caller"), storetest.Events(1)
	h.armed.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	gone := start(ctx, s, stream, 0, events)
	<-h.reached
	cancel()
	if o := <-gone; !errors.Is(o.err, domain.ErrUnavailable) || !errors.Is(o.err, context.Canceled) {
		t.Errorf("a caller that went: %v", o)
	}
	close(h.released)
	if p, err := s.Append(t.Context(), stream, 0, events); p != 1 || err != nil {
		t.Errorf("repeated: %d, %v", p, err)
	}
}

func TestLowSpace(t *testing.T) {
	ctx := t.Context()
	s := open(t, jetstream.Config{Dir: t.TempDir(), MinFree: 1 << 60})
	_, err := s.Append(ctx, storetest.Stream("space"), 0, storetest.Events(1))
	if !errors.Is(err, domain.ErrUnavailable) || !strings.Contains(err.Error(), "disk") {
		t.Errorf("append: %v", err)
	}
	if err := s.Healthy(ctx); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("healthy: %v", err)
	}
	if head, err := s.Head(ctx); head != 0 || err != nil {
		t.Errorf("head: %d, %v", head, err)
	}
}

// An index that stands still stops the writers before the tail eats the memory.
func TestFullTail(t *testing.T) {
	ctx, x := t.Context(), newIndex()
	s := open(t, jetstream.Config{Dir: t.TempDir(), Index: x}.WithLimits(0, 2000))
	stream := storetest.Stream("tail")
	var err error
	n := uint64(0)
	for ; err == nil && n < 100; n++ {
		_, err = s.Append(ctx, stream, n, storetest.Events(1))
	}
	if !errors.Is(err, domain.ErrUnavailable) || n > 10 {
		t.Fatalf("after %d appends: %v", n, err)
	}
	x.keepUp(t, s)
	waitFor(t, func() bool { return s.Healthy(ctx) == nil })
	if _, err := s.Append(ctx, stream, n-1, storetest.Events(1)); err != nil {
		t.Errorf("after the index moved on: %v", err)
	}
}

// An index from a log that is gone answers nothing.
func TestIndexAhead(t *testing.T) {
	ctx, x, stream := t.Context(), newIndex(), storetest.Stream("ahead")
	s := open(t, jetstream.Config{Dir: t.TempDir()})
	if _, err := s.Append(ctx, stream, 0, storetest.Events(1)); err != nil {
		t.Fatal(err)
	}
	x.position = 2
	s.UseIndex(x)
	for _, err := range s.Read(ctx, stream, 1) {
		if !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("read: %v", err)
		}
	}
	if _, err := s.Append(ctx, storetest.Stream("other"), 0, storetest.Events(1)); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("append: %v", err)
	}
}

// TestStoreWithFewHeads runs the suite with a cache that forgets after each group.
func TestStoreWithFewHeads(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, func(t testing.TB, config jetstream.Config) *jetstream.Store {
			s, x := open(t, config.WithLimits(1, 0)), newIndex()
			s.UseIndex(x)
			x.keepUp(t, s)
			return s
		})
	})
}

// TestStoreWithSyncAlways runs the suite over what the store falls back to where the self-test fails.
func TestStoreWithSyncAlways(t *testing.T) {
	var log strings.Builder
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		return subject(t, func(t testing.TB, config jetstream.Config) *jetstream.Store {
			log.Reset()
			s := open(t, failingSelfTest(config, &log))
			if s.GroupFlush() {
				t.Fatal("the self-test failed and the store flushes groups")
			}
			if !strings.Contains(log.String(), "no group flush") {
				t.Errorf("the log does not say so: %s", log.String())
			}
			return s
		})
	})
}

func TestOnAppend(t *testing.T) {
	type call struct {
		wait   time.Duration
		events int
	}
	var calls []call
	s := open(t, jetstream.Config{Dir: t.TempDir(), OnAppend: func(d time.Duration, n int) { calls = append(calls, call{d, n}) }})
	s.Append(t.Context(), storetest.Stream("a"), 0, storetest.Events(3))
	s.Append(t.Context(), storetest.Stream("a"), 0, storetest.Events(1))
	if len(calls) != 1 || calls[0].events != 3 || calls[0].wait <= 0 {
		t.Errorf("told of %v", calls)
	}
}
