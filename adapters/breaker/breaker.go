// Package breaker keeps the registry from asking a service that does not answer: a circuit breaker
// around the calls to it, on top of github.com/sony/gobreaker.
//
// It is closed while the service answers. After Failures calls in a row that failed it is open: calls
// fail at once and nobody waits for timeouts. After Pause one call is let through to see; if that is
// answered the breaker closes, and otherwise it stays open for another Pause.
//
// A failure is domain.ErrUnavailable and nothing else: a service that says, in words that its client
// understands, that it knows nobody of that name or refuses a request, has answered. A call whose caller went away says nothing of the
// service and is not counted.
//
// It does not repeat calls. Who calls decides when to try again: the reactor does so with growing
// pauses for as long as it takes.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/tizilim/tizilim/domain"
)

// What holds where a Config says nothing.
const (
	Failures = 5
	Pause    = 10 * time.Second
)

// Config is what a breaker works with.
type Config struct {
	Name     string        // of the service, for the log and the figures
	Failures uint32        // how many in a row open it; 0 means Failures of the package
	Pause    time.Duration // how long it stays open before it looks again; 0 means Pause of the package
	// Logger is told once when the service stops answering and once when it answers again; nil for nobody.
	Logger *slog.Logger
	// OnChange is told whether the breaker is open, when that changes; nil for nobody. It must not call
	// the breaker.
	OnChange func(name string, open bool)
}

// Breaker guards the calls to one service. It may be used by many goroutines at once.
type Breaker struct {
	config  Config
	circuit *gobreaker.CircuitBreaker[struct{}]
}

// New makes a breaker, closed.
func New(c Config) *Breaker {
	if c.Failures == 0 {
		c.Failures = Failures
	}
	if c.Pause == 0 {
		c.Pause = Pause
	}
	b := &Breaker{config: c}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name: c.Name, MaxRequests: 1, Timeout: c.Pause,
		ReadyToTrip:   func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= c.Failures },
		IsSuccessful:  func(err error) bool { return !errors.Is(err, domain.ErrUnavailable) },
		IsExcluded:    func(err error) bool { return errors.Is(err, errLeft) },
		OnStateChange: b.changed,
	})
	return b
}

// errLeft marks the error of a call whose caller did not wait for its end.
var errLeft = errors.New("the caller went away")

// Do calls the service, or fails at once with domain.ErrUnavailable while the breaker is open.
func (b *Breaker) Do(ctx context.Context, call func(context.Context) error) error {
	var result error
	_, err := b.circuit.Execute(func() (struct{}, error) {
		if result = call(ctx); result != nil && ctx.Err() != nil {
			return struct{}{}, errLeft
		}
		return struct{}{}, result
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return fmt.Errorf("%s: not asked, it has failed several times in a row: %w", b.config.Name, domain.ErrUnavailable)
	}
	return result
}

// Open reports whether the service is not asked, or only to see whether it answers again.
func (b *Breaker) Open() bool { return b.circuit.State() != gobreaker.StateClosed }

// changed tells of an outage once and of its end once; the looks in between are no news.
func (b *Breaker) changed(name string, from, to gobreaker.State) {
	if from != gobreaker.StateClosed && to != gobreaker.StateClosed {
		return
	}
	open := to != gobreaker.StateClosed
	if b.config.OnChange != nil {
		b.config.OnChange(name, open)
	}
	switch {
	case b.config.Logger == nil:
	case open:
		b.config.Logger.Warn("a service does not answer and is asked only now and then", "service", name, "failures", b.config.Failures, "again_in", b.config.Pause)
	default:
		b.config.Logger.Info("a service answers again", "service", name)
	}
}
