package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/api"
)

// launch is one run of a registry, from its door to its end: serve and demo go through the same one.
type launch struct {
	listenFlag
	noticesFlags
	storeFlag
	scrubFlag
	kind   kind
	rules  *rulebook
	logger *slog.Logger
	// around makes what is around the registry, once the folder and the address are its own.
	around func(ctx context.Context, f *folder, at *net.TCPAddr) (*surroundings, error)
}

// surroundings are what serve and demo differ in.
type surroundings struct {
	outside
	gateway gatewayClient
	door    *doorway
	fill    func(context.Context, *registry) error // before the first request; nil for nothing
	greet   func(context.Context, *registry) error // once requests are answered; nil for nothing
	close   func() error                           // nil for nothing
}

// run serves until ctx ends or the store fails. The address is taken before the folder is made: a start
// that fails for want of a free port leaves nothing behind. From then on somebody answers there.
func (l launch) run(ctx context.Context) (err error) {
	door, err := l.listen()
	if err != nil {
		return err
	}
	e := enter(door, l.logger)
	defer e.cut()
	f, err := l.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.join(); err != nil {
		return err
	}
	if err := f.claim(ctx, l.kind); err != nil {
		return err
	}
	if err := l.rules.keep(f.acts(), l.logger); err != nil {
		return err
	}
	if f.blobs, err = blobstore.Open(f.documents()); err != nil {
		return err
	}
	s, err := l.around(ctx, f, door.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.door.close()) }()
	if s.close != nil {
		defer func() { err = errors.Join(err, s.close()) }()
	}
	s.logger, s.starting, s.noticesFlags, s.scrubFlag = l.logger, e.say, l.noticesFlags, l.scrubFlag
	r, err := newRegistry(ctx, f, l.rules.rules, s.outside)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.start(ctx, s.door.Run)
	r.start(ctx, func(ctx context.Context) { l.rules.watch(ctx, l.logger, r.metrics.ObserveRules) })
	if s.fill != nil {
		e.say("putting the sample applications into the registry")
		if err := s.fill(ctx, r); err != nil {
			return err
		}
	}
	r.tell(ctx)
	r.start(ctx, r.poll) // after what fills the registry: that pays by itself, at times of its own
	return r.serve(ctx, e, f, s)
}

// drain is how long requests may take to end once the server is told to stop.
const drain = 10 * time.Second

// serve lets requests in until ctx ends or the store fails.
func (r *registry) serve(ctx context.Context, e *entrance, f *folder, s *surroundings) error {
	handler, err := r.handler(f, s)
	if err != nil {
		return err
	}
	e.open(handler)
	failure := r.wait(ctx, e, s)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	handler.Close()
	if err := e.server.Shutdown(bounded); err != nil && !errors.Is(err, http.ErrServerClosed) {
		failure = errors.Join(failure, fmt.Errorf("requests were cut off: %w", err), e.server.Close())
	}
	return failure
}

// wait greets and returns when it is time to stop: nil where ctx has ended.
func (r *registry) wait(ctx context.Context, e *entrance, s *surroundings) error {
	if s.greet != nil {
		if err := s.greet(ctx, r); err != nil {
			return err
		}
	}
	select {
	case err := <-e.ended:
		return err
	case err := <-r.failed:
		return fmt.Errorf("the event store has stopped, start again: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// healthy says whether appends can succeed, and what they come to be noted in the Merkle tree.
func (r *registry) healthy(ctx context.Context) error {
	return errors.Join(r.store.Healthy(ctx), r.tree.Err())
}

// handler puts HTTP before the registry.
func (r *registry) handler(f *folder, s *surroundings) (*api.Server, error) {
	config := api.Config{
		Store: r.store, Log: r.log, Rules: r.rules,
		Licenses: r.licenses, Applications: r.applications, Deadlines: r.deadlines, History: r.history,
		Follower: r.follower, Reactor: r.reactor,
		Verifier: s.verifier, Blobs: f.blobs, PaymentNotice: s.gateway.notice, FeeKnown: s.gateway.feeKnown, Payments: r.payments,
		Healthy: r.healthy, Damage: r.scrub.found, Metrics: r.metrics,
		Now: time.Now, Logger: r.logger, Version: version(),
	}
	s.door.into(&config)
	return api.New(config)
}
