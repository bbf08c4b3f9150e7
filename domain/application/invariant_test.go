package application_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
)

// Whatever is commanded in whatever order, in every procedure: the machine refuses with a code or
// moves along the regulation's edges, the events tell a whole way, a decided application is decided
// once, and a command given twice in a row has one effect.
func TestInvariantsInAnyOrder(t *testing.T) {
	r := rules(t)
	ways := procedures(r)
	rapid.Check(t, func(rt *rapid.T) {
		p := rapid.SampledFrom(ways).Draw(rt, "procedure")
		l := newLife(t, r)
		l.must(open(p))
		for range rapid.IntRange(1, 40).Draw(rt, "commands") {
			commands := all(l.state)
			if !l.state.Over() { // half of the time the right one, so that ends are reached
				for range len(commands) {
					commands = append(commands, l.step())
				}
			}
			c := rapid.SampledFrom(commands).Draw(rt, "command")
			before := l.state
			if err := l.when(c); err != nil {
				_, pay := c.(application.Pay)
				early := pay && before.Order == nil && errors.Is(err, domain.ErrUnavailable) // it comes again
				if code(err) == "" && !early {
					rt.Fatalf("%T in %s: %v is no rejection", c, before.Action, err)
				}
				continue
			}
			if before.Approval != nil && l.state.Refusal != nil || before.Refusal != nil && l.state.Approval != nil {
				rt.Fatalf("%T decided again", c)
			}
			if events, err := r.Decide(l.state, c); err != nil || len(events) > 0 {
				rt.Fatalf("%T again: %v %v", c, events, err)
			}
		}
		checkMoves(rt, l)
	})
}

// checkMoves holds the state against the events: it waits where the last event entered, and nowhere
// when the procedure is over.
func checkMoves(t *rapid.T, l *life) {
	open, ended := 0, false
	for _, e := range l.events {
		way := application.Way(e)
		if ended && way.Moves() {
			t.Fatalf("%T moves a procedure that is over", e)
		}
		if way.Moves() {
			open = 0
		}
		if way.Enters != nil {
			open = way.Enters.Step
		}
		ended = ended || way.Ends
	}
	if open != l.state.Step || ended != l.state.Over() {
		t.Fatalf("state waits in %d, events lead to %d, ended %v", l.state.Step, open, ended)
	}
}

func BenchmarkFold12Events(b *testing.B) {
	r := rules(b)
	l := reach(b, r, procedure(b, r, "commodity-broker-license", "portal"), "")
	l.must(application.Deliver{At: noon, To: "cabinet"})
	l.must(application.Rate{At: noon, Quality: 3, Availability: 3})
	meta := domain.Meta{Command: [16]byte{1}, Time: noon, Actor: domain.System}
	events, err := meta.Events(l.events)
	if err != nil {
		b.Fatal(err)
	}
	records := domain.NewCommit(l.stream, 0, 1, events).Records
	if len(records) != 12 {
		b.Fatalf("%d events", len(records))
	}
	b.ReportAllocs()
	for b.Loop() {
		var s application.State
		for _, rec := range records {
			if err := application.Fold(&s, rec); err != nil {
				b.Fatal(err)
			}
		}
	}
}
