package demo_test

import (
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	"github.com/tizilim/tizilim/adapters/memstore"
	registers "github.com/tizilim/tizilim/adapters/stateregister/demo"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
)

// now is a Monday in working hours.
var now = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

type fixture struct {
	seeder demo.Seeder
	plan   []demo.Move
	stop   func()
}

// newFixture runs a reactor over the store, with stand-ins that need no network.
func newFixture(t *testing.T, store *memstore.Store) *fixture {
	t.Helper()
	rules := sample.Rules()
	world := demo.NewWorld(rules.Catalog)
	clock := &demo.Clock{}
	last, err := demo.LastTime(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	clock.Set(last)
	dir := t.TempDir()
	assigned, err := numbers.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := reactor.OpenWaiting(dir)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	var follower *projections.Follower
	numbering := &reactor.Numbering{Store: store, Assigned: assigned, Now: clock.Now,
		CatchUp: func(ctx context.Context) error { return follower.CaughtUp(ctx, assigned.Name()) }}
	r, err := reactor.New(t.Context(), reactor.Config{Store: store, Rules: func() application.Rules { return rules }, Waiting: waiting, Numbering: numbering,
		Registers: standIn{}, Payments: standIn{}, Now: clock.Now, Logger: logger, Retry: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	follower = projections.Start(t.Context(), store, logger, assigned, waiting)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	stop := sync.OnceFunc(func() {
		cancel()
		<-ended
		follower.Stop()
		if err := errors.Join(assigned.Close(), waiting.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &fixture{stop: stop, plan: demo.Plan(rules.Catalog, rules.Calendars.Newest(), world, now), seeder: demo.Seeder{
		Store: store, Rules: rules, Clock: clock, World: world,
		Document: application.Document{Name: "demo.txt", MediaType: "text/plain", Size: 4, SHA256: hex.EncodeToString(make([]byte, 32))},
		Number:   numbering.Application,
		Settle: func(ctx context.Context, id string, p domain.Position) error {
			if err := follower.Wait(ctx, p, waiting.Name()); err != nil {
				return err
			}
			_, err := r.Settle(ctx, id)
			return err
		},
		Sign: func(_ context.Context, holder string, c signing.Claim) (signing.Verdict, error) {
			v := signing.Verdict{Outcome: signing.Valid, IIN: c.Signer.IIN, BIN: c.Signer.BIN, Name: "n", Serial: "1", Digest: signing.Digest(c.Signed), Method: "test"}
			if strings.HasPrefix(holder, "revoked") {
				v.Outcome, v.Reason = signing.Invalid, signing.Revoked
			}
			return v, nil
		},
		Paid:   func(_ context.Context, order string) (string, error) { return "ref-" + order, nil },
		Failed: func(context.Context, string) error { return nil },
	}}
}

// standIn is state registers and payment gateway in the process.
type standIn struct{}

func (standIn) Find(_ context.Context, id string) (reactor.Person, error) {
	parsed, err := ident.Parse(id)
	if err != nil {
		return reactor.Person{}, err
	}
	a, _ := registers.Find(parsed)
	return reactor.Person{Found: a.Found, Name: a.Name, Address: a.Address, Source: a.Source}, nil
}

func (standIn) Request(_ context.Context, o reactor.Order) (reactor.Receipt, error) {
	return reactor.Receipt{Order: "order-" + o.Application, Amount: 100, Currency: "KZT", URL: "http://127.0.0.1/pay"}, nil
}

// TestEverySampleComesToWhatItIsPlannedFor seeds the whole plan over every procedure of every act.
func TestEverySampleComesToWhatItIsPlannedFor(t *testing.T) {
	store := memstore.New()
	f := newFixture(t, store)
	if err := f.seeder.Seed(t.Context(), f.plan); err != nil {
		t.Fatal(err)
	}
	applications, licenses := fold(t, store)
	procedures, statuses, stages, found := map[string]bool{}, map[application.Status]int{}, map[application.Stage]int{}, map[license.Status]int{}
	overdue, soon := 0, 0
	for _, s := range applications {
		if s.Result != "" {
			procedures[s.Service+"/"+string(s.Channel)] = true
		}
		statuses[s.Status]++
		if s.Refusal != nil {
			stages[s.Refusal.Stage]++
		}
		if s.Status == application.StatusExamined && s.Due != nil {
			if left := s.Due.Sub(now); left < 0 {
				overdue++
			} else if left < 4*24*time.Hour {
				soon++
			}
		}
	}
	for _, l := range licenses {
		found[l.On(string(calendar.DayOf(now)))]++
	}
	t.Logf("%d moves, %d applications %v, refused %v, overdue %d, due soon %d, licenses %v",
		len(f.plan), len(applications), statuses, stages, overdue, soon, found)
	if len(procedures) != 29 {
		t.Errorf("%d procedures came to a license, want 29: %v", len(procedures), slices.Sorted(maps.Keys(procedures)))
	}
	for _, st := range []application.Status{application.StatusDraft, application.StatusInProgress, application.StatusExamined,
		application.StatusCompleted, application.StatusRefused, application.StatusWithdrawn} {
		if statuses[st] == 0 {
			t.Errorf("no application is %s", st)
		}
	}
	for _, st := range []application.Stage{application.AtPayment, application.AtSignature, application.AtRegisters, application.AtDecision} {
		if stages[st] == 0 {
			t.Errorf("no application was refused at stage %s", st)
		}
	}
	for _, st := range []license.Status{license.StatusActive, license.StatusSuspended, license.StatusReissued, license.StatusTerminated} {
		if found[st] == 0 {
			t.Errorf("no license is %s", st)
		}
	}
	if overdue == 0 || soon == 0 || statuses[application.StatusApproved] != 0 {
		t.Errorf("overdue %d, due soon %d, approved without a license %d", overdue, soon, statuses[application.StatusApproved])
	}
}

// TestSeedingGoesOnWhereItWasCutOff stops the seeding after every so many appends, starts it anew with
// a new reactor, and compares the events with those of a seeding in one go.
func TestSeedingGoesOnWhereItWasCutOff(t *testing.T) {
	whole, cut := memstore.New(), memstore.New()
	f := newFixture(t, whole)
	if err := f.seeder.Seed(t.Context(), f.plan); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		var appends atomic.Int32
		cut.BeforeAppend = func(domain.Commit) error {
			if appends.Add(1) > 150 {
				cancel()
				return fmt.Errorf("cut off: %w", domain.ErrUnavailable)
			}
			return nil
		}
		f := newFixture(t, cut)
		err := f.seeder.Seed(ctx, f.plan)
		f.stop()
		cut.BeforeAppend = nil
		if err == nil {
			if n < 3 {
				t.Errorf("cut off only %d times", n)
			}
			break
		}
		if ctx.Err() == nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(types(t, whole), types(t, cut)); diff != "" {
		t.Errorf("events in one go (-) and with interruptions (+):\n%s", diff)
	}
}

// types are the event types of every stream, in order.
func types(t *testing.T, store *memstore.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	each(t, store, func(rec domain.Record) {
		// Which license has which number may differ: numbers follow the order of the decisions' events.
		all[rec.Stream.String()] = append(all[rec.Stream.String()], rec.Type+" "+rec.ID.String())
	})
	return all
}

func fold(t *testing.T, store *memstore.Store) (map[string]application.State, map[string]license.State) {
	t.Helper()
	applications, licenses := map[string]application.State{}, map[string]license.State{}
	each(t, store, func(rec domain.Record) {
		var err error
		switch rec.Stream.Category {
		case domain.ApplicationCategory:
			s := applications[rec.Stream.ID]
			err = application.Fold(&s, rec)
			applications[rec.Stream.ID] = s
		case domain.LicenseCategory:
			s := licenses[rec.Stream.ID]
			err = license.Fold(&s, rec)
			licenses[rec.Stream.ID] = s
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return applications, licenses
}

// The last event is found in a log that is followed from the positions of commits alone.
func TestLastTime(t *testing.T) {
	server, err := esdbtest.Start(esdbtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	store, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: server.URL(), Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if last, err := demo.LastTime(t.Context(), store); err != nil || !last.IsZero() {
		t.Errorf("of an empty log: %s, %v", last, err)
	}
	for i := range uint64(3) {
		events := storetest.Events(2)
		if _, err := store.Append(t.Context(), storetest.Stream("1"), 2*i, events); err != nil {
			t.Fatal(err)
		}
		if last, err := demo.LastTime(t.Context(), store); err != nil || !last.Equal(events[1].Time) {
			t.Errorf("%s, %v; the last event was at %s", last, err, events[1].Time)
		}
	}
}

func each(t *testing.T, store *memstore.Store, record func(domain.Record)) {
	t.Helper()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range c.Records {
			record(rec)
		}
		if c.Position == head {
			return
		}
	}
}

var update = flag.Bool("update", false, "write the beginning of the sample world's log to ../testdata")

// TestWriteBeginning writes the log that the tests of the command line start from. What was written
// once has to be readable for ever, so it is written anew only when somebody asks for it.
func TestWriteBeginning(t *testing.T) {
	if !*update {
		t.Log("kept as it is; -update writes it anew")
		return
	}
	store, beginning := memstore.New(), memstore.New()
	f := newFixture(t, store)
	if err := f.seeder.Seed(t.Context(), f.plan[:330]); err != nil {
		t.Fatal(err)
	}
	var head domain.Position
	delivered := 0
	each(t, store, func(rec domain.Record) {
		if rec.Type == "result-delivered" && head == 0 {
			if delivered++; delivered == 9 {
				head = rec.Position
			}
		}
	})
	if head == 0 {
		t.Fatal("too little was seeded")
	}
	for c, err := range store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		events := make([]domain.Event, len(c.Records))
		for i, rec := range c.Records {
			events[i] = rec.Event
		}
		if _, err := beginning.Append(t.Context(), c.Stream, c.Records[0].Version-1, events); err != nil {
			t.Fatal(err)
		}
		if c.Position == head {
			break
		}
	}
	file, err := os.Create("../testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Write(t.Context(), beginning, file); err != nil {
		t.Error(err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// What a license is for has to be what the service licenses.
func TestSubactivitiesAreTheServices(t *testing.T) {
	f := newFixture(t, memstore.New())
	with := map[string]bool{}
	for _, m := range f.plan {
		slug := m.Sample.Procedure.Service.Slug
		with[slug] = with[slug] || len(m.Sample.Subactivities) > 0
		if slices.Contains(m.Sample.Subactivities, "экспорт") && slug != "import-export-license" {
			t.Errorf("%s is for exports", m.Sample.Name)
		}
	}
	for _, slug := range []string{"casino-license", "slot-hall-license", "totalizator-license", "bookmaker-license"} {
		if with[slug] {
			t.Errorf("%s has subactivities", slug)
		}
	}
	if !with["import-export-license"] {
		t.Error("no license for exports and imports")
	}
}
