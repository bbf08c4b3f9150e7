package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/applications"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/history"
	"github.com/tizilim/tizilim/projections/licenses"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/streams"
	"github.com/tizilim/tizilim/projections/tree"
)

// registry is a running registry without its doors: the event store, the read models, and what works
// between them. newRegistry puts it together, handler puts HTTP before it, close takes it apart in
// the opposite order.
type registry struct {
	store        eventStore
	log          domain.Log       // the store's, compared with the tree on its way where other servers keep it
	embedded     *jetstream.Store // the same, where it is in the folder
	streams      *streams.Model
	numbers      *numbers.Model
	licenses     *licenses.Model
	applications *applications.Model
	deadlines    *deadlines.Model
	history      *history.Model
	waiting      *reactor.Waiting
	notices      *notices.Model
	tree         *tree.Tree
	payments     *payments.Model

	follower  *projections.Follower
	numbering *reactor.Numbering
	reactor   *reactor.Reactor
	scrub     *scrub
	poller    *payments.Poller // started by launch
	telling   *telling         // nil where nobody is told of deadlines
	door      string           // where those are let in who subscribe to it, empty for nowhere
	rules     func() application.Rules

	metrics *api.Metrics
	logger  *slog.Logger
	failed  chan error // the store has stopped for good
	closers []func() error
}

// outside is what the registry needs from the world around it.
type outside struct {
	registers reactor.StateRegisters
	payments  paymentGateway
	verifier  signing.Verifier
	now       func() time.Time
	logger    *slog.Logger
	starting  func(doing string) // is told what the start is at
	noticesFlags
	scrubFlag
	paymentFlags
}

// newRegistry opens what is in the folder and starts to work. When it returns, commands may be given.
func newRegistry(ctx context.Context, f *folder, rules func() application.Rules, world outside) (r *registry, err error) {
	r = &registry{rules: rules, logger: world.logger, metrics: api.NewMetrics(), door: world.NoticesListen, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
			r = nil
		}
	}()
	world.starting("reading the event log")
	if f.at.Cluster != nil {
		world.starting("waiting for the other nodes of the cluster")
	}
	if r.store, err = openStore(ctx, f, r); err != nil {
		return r, err
	}
	r.onClose(r.store.Close)
	r.embedded, _ = r.store.(*jetstream.Store)
	if err := r.openTree(ctx, f, world); err != nil {
		return r, err
	}
	if err := r.openModels(f.read()); err != nil {
		return r, err
	}
	r.history.Events = r.store

	r.numbering = &reactor.Numbering{
		Store: r.store, Assigned: r.numbers, Now: world.now,
		CatchUp: func(ctx context.Context) error { return r.follower.CaughtUp(ctx, r.numbers.Name()) },
	}
	gateway := guardedPayments{world.payments, r.breaker("payments")}
	r.reactor, err = reactor.New(ctx, reactor.Config{
		Store: r.store, Rules: rules, Waiting: r.waiting, Numbering: r.numbering,
		Registers: guardedRegisters{world.registers, r.breaker("registers")}, Payments: gateway, Verifier: world.verifier,
		Now: world.now, Logger: world.logger,
		PaymentTerm: world.PaymentTerm,
	})
	if err != nil {
		return r, err
	}
	if r.poller, err = payments.NewPoller(ctx, payments.Config{
		Store: r.store, Rules: rules, Model: r.payments, Gateway: gateway, Now: world.now, Logger: world.logger,
	}); err != nil {
		return r, err
	}
	if err := r.openNotices(ctx, f, world); err != nil {
		return r, fmt.Errorf("prepare the notices of deadlines: %w", err)
	}
	r.scrub.models = []projections.Model{r.streams, r.numbers, r.waiting, r.licenses, r.applications, r.deadlines, r.history, r.notices, r.payments}
	fed := []projections.Projection{r.tree}
	for _, m := range r.scrub.models {
		fed = append(fed, m)
	}
	r.follower = projections.Start(ctx, r.log, world.logger, fed...)
	r.onClose(func() error { r.follower.Stop(); return nil })

	world.starting("bringing the read models up to date")
	// Commands load from streams, and numbers are given out by numbers: both have to be whole first.
	if err := r.catchUp(ctx, world.starting, r.streams.Name(), r.numbers.Name(), r.waiting.Name()); err != nil {
		return r, fmt.Errorf("bring the read models up to date: %w", err)
	}
	if store, ok := r.store.(interface{ UseIndex(jetstream.Index) }); ok {
		store.UseIndex(r.streams)
	}
	r.start(ctx, r.reactor.Run)
	r.start(ctx, r.scrub.run)
	return r, nil
}

// breaker makes the breaker before a service around the registry. It is told of in the log and /metrics.
func (r *registry) breaker(service string) *breaker.Breaker {
	r.metrics.ObserveBreaker(service, false)
	return breaker.New(breaker.Config{Name: service, Logger: r.logger, OnChange: r.metrics.ObserveBreaker})
}

// progress is how often a long start says how far it is.
const progress = 5 * time.Second

// catchUp waits for the named read models, and says how far they are while it takes long.
func (r *registry) catchUp(ctx context.Context, starting func(string), names ...string) error {
	done := make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		for tick := time.Tick(progress); ; {
			select {
			case <-done:
				return
			case <-tick:
			}
			for _, s := range r.follower.Status() {
				if head := r.follower.Head(); slices.Contains(names, s.Name) && s.Position < head {
					r.logger.Warn("bringing a read model up to date", "model", s.Name, "position", s.Position, "head", head)
					starting(fmt.Sprintf("bringing the read models up to date: %s is at position %d of %d", s.Name, s.Position, head))
				}
			}
		}
	})
	err := r.follower.CaughtUp(ctx, names...)
	close(done)
	saying.Wait()
	return err
}

// openEmbedded opens the event store in the folder. Where it belongs to a registry, that one is told of
// every append, and of the end.
func openEmbedded(ctx context.Context, f *folder, r *registry) (*jetstream.Store, error) {
	config := jetstream.Config{Dir: f.log(), AcceptLoss: f.acceptLoss}
	if r != nil {
		config.Listen = r.door
		config.Logger, config.OnAppend = r.logger, r.metrics.ObserveAppend
		config.OnFatal = func(err error) { r.failed <- err }
	}
	store, err := jetstream.Open(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the event log: %w", err)
	}
	return store, nil
}

func (r *registry) openModels(dir string) (err error) {
	open := func(err error, close func() error) error {
		if err == nil {
			r.onClose(close)
		}
		return err
	}
	if r.streams, err = streams.Open(dir); open(err, func() error { return r.streams.Close() }) != nil {
		return err
	}
	if r.numbers, err = numbers.Open(dir); open(err, func() error { return r.numbers.Close() }) != nil {
		return err
	}
	if r.licenses, err = licenses.Open(dir); open(err, func() error { return r.licenses.Close() }) != nil {
		return err
	}
	if r.applications, err = applications.Open(dir); open(err, func() error { return r.applications.Close() }) != nil {
		return err
	}
	if r.deadlines, err = deadlines.Open(dir); open(err, func() error { return r.deadlines.Close() }) != nil {
		return err
	}
	if r.history, err = history.Open(dir); open(err, func() error { return r.history.Close() }) != nil {
		return err
	}
	if r.notices, err = notices.Open(dir); open(err, func() error { return r.notices.Close() }) != nil {
		return err
	}
	if r.payments, err = payments.Open(dir); open(err, func() error { return r.payments.Close() }) != nil {
		return err
	}
	r.waiting, err = reactor.OpenWaiting(dir)
	return open(err, func() error { return r.waiting.Close() })
}

// start runs work until the registry is closed.
func (r *registry) start(ctx context.Context, work func(context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { work(ctx) })
	r.onClose(func() error { cancel(); running.Wait(); return nil })
}

func (r *registry) onClose(f func() error) { r.closers = append(r.closers, f) }

// close ends everything, the last started first. It may be called twice.
func (r *registry) close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	r.closers = nil
	return errors.Join(errs...)
}
