package breaker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/domain"
)

// service answers with err and counts how often it was asked.
type service struct {
	err   error
	asked int
}

func (s *service) call(context.Context) error {
	s.asked++
	return s.err
}

var errDown = fmt.Errorf("registers: %w", domain.ErrUnavailable)

// want calls and compares what came back and how often the service has been asked by now.
func want(t *testing.T, b *breaker.Breaker, s *service, err error, asked int) {
	t.Helper()
	if got := b.Do(t.Context(), s.call); !errors.Is(got, err) || s.asked != asked {
		t.Fatalf("%v after asking %d times; want %v after %d", got, s.asked, err, asked)
	}
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var changes []bool
		b := breaker.New(breaker.Config{
			Name: "registers", Failures: 3, Pause: time.Minute, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			OnChange: func(name string, open bool) { changes = append(changes, open) },
		})
		s := &service{}
		want(t, b, s, nil, 1)
		s.err = errDown
		want(t, b, s, errDown, 2)
		want(t, b, s, errDown, 3)
		s.err = nil // not in a row
		want(t, b, s, nil, 4)
		s.err = errDown
		want(t, b, s, errDown, 5)
		want(t, b, s, errDown, 6)
		want(t, b, s, errDown, 7)
		if !b.Open() {
			t.Fatal("closed after three failures in a row")
		}
		for range 10 { // nobody asks while it is open
			want(t, b, s, domain.ErrUnavailable, 7)
		}
		time.Sleep(time.Minute + 1)
		want(t, b, s, errDown, 8) // the look fails: open for another pause
		want(t, b, s, domain.ErrUnavailable, 8)
		time.Sleep(time.Minute + 1)
		s.err = nil
		want(t, b, s, nil, 9)
		want(t, b, s, nil, 10)
		if b.Open() || fmt.Sprint(changes) != "[true false]" {
			t.Errorf("open %t, told %v", b.Open(), changes)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "service=registers") {
			t.Errorf("%d lines:\n%s", n, &log)
		}
	})
}

// What the service says, also no, is an answer; what the caller breaks off is nobody's failure.
func TestWhatIsNoFailure(t *testing.T) {
	b := breaker.New(breaker.Config{Name: "x", Failures: 1})
	s := &service{err: fmt.Errorf("no such order: %w", domain.ErrNotFound)}
	for i := range 5 {
		want(t, b, s, domain.ErrNotFound, i+1)
	}
	ctx, leave := context.WithCancel(t.Context())
	err := b.Do(ctx, func(context.Context) error { leave(); return errDown })
	if !errors.Is(err, errDown) || b.Open() {
		t.Errorf("%v, open %t", err, b.Open())
	}
	want(t, b, &service{err: errDown}, errDown, 1)
	if !b.Open() {
		t.Error("closed after a failure")
	}
}

// However many wait for the end of an outage, one of them looks.
func TestOneLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Config{Name: "x", Failures: 1, Pause: time.Second})
		want(t, b, &service{err: errDown}, errDown, 1)
		time.Sleep(time.Second + 1)
		var mu sync.Mutex
		asked, refused := 0, 0
		release := make(chan struct{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				err := b.Do(t.Context(), func(context.Context) error {
					mu.Lock()
					asked++
					mu.Unlock()
					<-release
					return nil
				})
				if errors.Is(err, domain.ErrUnavailable) {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if asked != 1 || refused != 49 || b.Open() {
			t.Errorf("asked %d times, refused %d, open %t", asked, refused, b.Open())
		}
	})
}
