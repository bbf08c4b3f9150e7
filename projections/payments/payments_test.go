package payments_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/sample"
)

// noon is 12:00 of 24 November 2026 in Almaty, a working Tuesday.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

// gateway answers what it is told to, and remembers when it was asked.
type gateway struct {
	mu     sync.Mutex
	answer payments.Standing
	err    error
	asked  []time.Time
	now    func() time.Time
	during func() // called while a question is open
}

func (g *gateway) Order(context.Context, string) (payments.Standing, error) {
	if g.during != nil {
		g.during()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, g.now())
	return g.answer, g.err
}

func (g *gateway) says(s payments.Standing, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer, g.err = s, err
}

// scene is an application that waits for its payment, and a poller with a clock of its own.
type scene struct {
	*payments.Poller
	t       *testing.T
	store   *memstore.Store
	gateway *gateway
	model   *payments.Model
	follow  *projections.Follower
	id      string
	now     time.Time
	stop    func()
}

const due = 4_325_000

var full = payments.Payment{Reference: "r", Amount: due, Currency: "KZT"}

func start(t *testing.T, expires time.Time) *scene {
	s := &scene{t: t, store: memstore.New(), id: uuid.NewString(), now: noon}
	s.gateway = &gateway{now: func() time.Time { return s.now }}
	s.gateway.says(s.standing(), nil)
	for _, c := range []application.Command{
		application.Open{
			At: noon, Service: "casino-license", Channel: regulation.Portal, Request: regulation.Issue,
			Applicant: application.Applicant{ID: "120540001238"},
		},
		application.File{At: noon, Form: application.Form{Name: "n"}},
		application.RequestPayment{At: noon, Order: "o", Amount: due, Currency: "KZT", Expires: expires},
	} {
		s.must(c)
	}
	s.open(t.TempDir())
	return s
}

// open starts a process with the read model in the folder.
func (s *scene) open(dir string) {
	s.t.Helper()
	var err error
	if s.model, err = payments.Open(dir); err != nil {
		s.t.Fatal(err)
	}
	s.Poller, err = payments.NewPoller(s.t.Context(), payments.Config{
		Store: s.store, Rules: sample.Rules, Model: s.model, Gateway: s.gateway,
		Now: func() time.Time { return s.now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.follow = projections.Start(context.Background(), s.store, slog.New(slog.DiscardHandler), s.model)
	s.stop = sync.OnceFunc(func() {
		s.follow.Stop()
		if err := s.model.Close(); err != nil {
			s.t.Error(err)
		}
	})
	s.t.Cleanup(s.stop)
	s.caughtUp()
}

func (s *scene) caughtUp() {
	s.t.Helper()
	if err := s.follow.CaughtUp(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) standing(list ...payments.Payment) payments.Standing {
	return payments.Standing{Application: s.id, Payments: list}
}

func (s *scene) stream() domain.Stream {
	stream, err := domain.NewStream(domain.ApplicationCategory, s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	return stream
}

func (s *scene) must(c application.Command) {
	s.t.Helper()
	m := domain.Meta{Command: uuid.New(), Time: noon, Actor: domain.Actor{ID: "somebody", Role: domain.RoleApplicant}}
	_, err := domain.Execute(context.Background(), s.store, s.stream(), m, application.Fold,
		func(st application.State) ([]domain.Payload, error) { return sample.Rules().Decide(st, c) })
	if err != nil {
		s.t.Fatalf("%T: %v", c, err)
	}
}

func (s *scene) state() application.State {
	s.t.Helper()
	state, err := domain.Load(context.Background(), s.store, s.stream(), application.Fold)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// after asks about what is due that long after noon.
func (s *scene) after(d time.Duration) (next time.Time, ok bool) {
	s.t.Helper()
	s.now = noon.Add(d)
	s.Round(s.t.Context())
	s.caughtUp()
	return s.Round(s.t.Context()) // asks nobody, and tells of the next time
}

const term = 72 * time.Hour

func TestLostNotice(t *testing.T) {
	s := start(t, noon.Add(term))
	s.gateway.says(s.standing(full), nil)
	if _, ok := s.after(10 * time.Second); !ok || len(s.gateway.asked) != 0 {
		t.Fatalf("asked %v at once", s.gateway.asked)
	}
	if _, open := s.after(time.Minute); open || s.state().Payment == nil || s.state().Payment.Reference != "r" {
		t.Errorf("not paid: %+v, still asks: %v", s.state(), open)
	}
}

// The pauses grow with the age of the order, and go on as they were after a restart.
func TestPausesGrow(t *testing.T) {
	asked := func(restart bool) (gaps []time.Duration) {
		s := start(t, noon.Add(term))
		next := noon
		for range 12 {
			var ok bool
			if next, ok = s.after(next.Sub(noon)); !ok {
				t.Fatal("nothing is asked about any more")
			}
			if restart {
				s.stop()
				s.open(t.TempDir())
				next, _ = s.after(next.Sub(noon))
			}
		}
		for i, at := range s.gateway.asked[1:] {
			gaps = append(gaps, at.Sub(s.gateway.asked[i]))
		}
		return gaps
	}
	gaps := asked(false)
	if !slices.IsSorted(gaps) || gaps[0] != 15*time.Second || gaps[len(gaps)-1] != 10*time.Minute {
		t.Errorf("pauses %v", gaps)
	}
	if again := asked(true); !slices.IsSorted(again) || again[len(again)-1] != 10*time.Minute {
		t.Errorf("pauses with restarts %v", again)
	}
}

// At the end of its term the gateway is asked once more, and an order that is not paid ends the
// application.
func TestTermEndsUnpaid(t *testing.T) {
	s := start(t, noon.Add(term))
	next, _ := s.after(term - time.Minute)
	if !next.Equal(noon.Add(term)) || s.state().Refusal != nil {
		t.Fatalf("next question at %v, refusal %v", next, s.state().Refusal)
	}
	before := len(s.gateway.asked)
	if _, open := s.after(term); open || len(s.gateway.asked) != before+1 {
		t.Errorf("asked %d times, still asks: %v", len(s.gateway.asked)-before, open)
	}
	if f := s.state().Refusal; f == nil || f.Stage != application.AtPayment || f.Text != application.PaymentExpired {
		t.Errorf("refusal %+v", f)
	}
	s.must(application.Pay{At: s.now, Order: "o", Reference: "r", Amount: due, Currency: "KZT"})
	s.caughtUp()
	counts, err := s.model.Unmatched(t.Context())
	if err != nil || counts[application.TooLate] != 1 || len(counts) != len(application.Mismatches) {
		t.Errorf("to be returned: %v, %v", counts, err)
	}
}

func TestWhatTheGatewaySays(t *testing.T) {
	part, unavailable := full, fmt.Errorf("gateway: %w", domain.ErrUnavailable)
	part.Amount--
	second := full
	second.Reference = "r2"
	tests := map[string]struct {
		at        time.Duration
		answer    func(*scene) (payments.Standing, error)
		status    application.Status
		paid      bool
		unmatched []application.Mismatch
		open      bool
	}{
		"paid at the last question": {at: term, answer: func(s *scene) (payments.Standing, error) { return s.standing(full), nil }, status: application.StatusInProgress, paid: true},
		"paid twice": {at: time.Hour, answer: func(s *scene) (payments.Standing, error) { return s.standing(full, second), nil },
			status: application.StatusInProgress, paid: true, unmatched: []application.Mismatch{application.PaidTwice}},
		"paid in part": {at: time.Hour, answer: func(s *scene) (payments.Standing, error) { return s.standing(part), nil },
			status: application.StatusInProgress, unmatched: []application.Mismatch{application.TooLittle}, open: true},
		"paid in part to the end": {at: term, answer: func(s *scene) (payments.Standing, error) { return s.standing(part), nil },
			status: application.StatusRefused, unmatched: []application.Mismatch{application.TooLittle}},
		"failed": {at: time.Hour, answer: func(s *scene) (payments.Standing, error) {
			return payments.Standing{Application: s.id, Failed: true, Text: "declined"}, nil
		}, status: application.StatusRefused},
		"unknown to it": {at: time.Hour, answer: func(*scene) (payments.Standing, error) {
			return payments.Standing{}, fmt.Errorf("%w", domain.ErrNotFound)
		}, status: application.StatusInProgress, open: true},
		"unknown to it at the end": {at: term, answer: func(*scene) (payments.Standing, error) {
			return payments.Standing{}, fmt.Errorf("%w", domain.ErrNotFound)
		}, status: application.StatusRefused},
		"nothing": {at: term, answer: func(*scene) (payments.Standing, error) { return payments.Standing{}, unavailable }, status: application.StatusInProgress, open: true},
		"of another application": {at: term, answer: func(*scene) (payments.Standing, error) {
			return payments.Standing{Application: "x", Payments: []payments.Payment{full}}, nil
		}, status: application.StatusInProgress, open: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, noon.Add(term))
			s.gateway.says(tt.answer(s))
			_, open := s.after(tt.at)
			state := s.state()
			var unmatched []application.Mismatch
			for _, u := range state.Unmatched {
				unmatched = append(unmatched, u.Reason)
			}
			if state.Status != tt.status || (state.Payment != nil) != tt.paid || open != tt.open || !cmp.Equal(unmatched, tt.unmatched) {
				t.Errorf("%s, paid %v, still asks %v, unmatched %v", state.Status, state.Payment != nil, open, unmatched)
			}
			version := state.Version
			if s.after(tt.at + time.Hour); tt.open && tt.at < term && s.state().Version != version {
				t.Errorf("the same answer again had an effect")
			}
		})
	}
}

// An order whose term the event does not say ends as if it had the usual one.
func TestOrderWithoutATerm(t *testing.T) {
	s := start(t, time.Time{})
	s.after(payments.Term - time.Second)
	if s.state().Refusal != nil {
		t.Error("refused too early")
	}
	s.after(payments.Term)
	if s.state().Refusal == nil {
		t.Error("not refused")
	}
}

// The notice and the answer to a question at once have one effect, whichever is first.
func TestNoticeWhileAsking(t *testing.T) {
	s := start(t, noon.Add(term))
	s.gateway.says(s.standing(full), nil)
	s.gateway.during = func() { s.must(application.Pay{At: noon, Order: "o", Reference: "r", Amount: due, Currency: "KZT"}) }
	s.after(time.Hour)
	paid := 0
	for rec, err := range s.store.Read(t.Context(), s.stream(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Type == "application-paid" || rec.Type == "payment-unmatched" {
			paid++
		}
	}
	if paid != 1 {
		t.Errorf("%d payments", paid)
	}
}

// Run asks by itself, and ends with its context.
func TestRun(t *testing.T) {
	s := start(t, noon.Add(term))
	s.gateway.says(s.standing(full), nil)
	s.now = noon.Add(time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for _, err := range s.store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if s.state().Payment != nil {
			break
		}
	}
	cancel()
	<-done
}
