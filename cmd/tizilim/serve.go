package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain/calendar"
)

// serveCmd runs the registry.
type serveCmd struct {
	dataFlag
	listenFlag
	actsFlag
	logFlag
	Accounts       string `required:"" type:"existingfile" placeholder:"FILE" help:"JSON list of accounts: id, name, role, organization, identifier, token."`
	PublicURL      string `placeholder:"URL" help:"Address under which the payment gateway reaches this server; http:// and --listen where left out."`
	RegistersURL   string `required:"" placeholder:"URL" help:"State registers of persons and organizations."`
	PaymentsURL    string `required:"" placeholder:"URL" help:"Payment gateway."`
	PaymentsSecret string `required:"" type:"existingfile" placeholder:"FILE" help:"File with the secret shared with the payment gateway."`
	SignatureKeys  string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of the demonstration's signature keys. This version verifies no others."`
	OfficeHours    string `default:"09:00-18:30" placeholder:"HH:MM-HH:MM" help:"Hours of the licensors, in Asia/Almaty: what comes in later is registered on the next working day."`
}

// listenFlag is where the server is reached.
type listenFlag struct {
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to listen on."`
}

// logFlag says how much is logged.
type logFlag struct {
	LogLevel slog.Level `default:"info" help:"debug, info, warn or error."`
}

// Run serves until it is told to stop.
func (c serveCmd) Run(ctx context.Context) (err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	accounts, err := readAccounts(c.Accounts)
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(c.PaymentsSecret)
	if err != nil {
		return err
	}
	hours, err := calendar.ParseHours(c.OfficeHours)
	if err != nil {
		return err
	}
	rules, _, err := loadRules(c.actsFlag, hours)
	if err != nil {
		return err
	}
	keys, err := signature.Open(c.SignatureKeys, time.Now)
	if err != nil {
		return err
	}
	f, err := lockFolder(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	door, err := c.listen()
	if err != nil {
		return err
	}
	defer door.Close()
	if c.PublicURL == "" {
		c.PublicURL = "http://" + door.Addr().String()
	}
	gateway, err := newPayments(c.PaymentsURL, c.PublicURL, bytes.TrimSpace(secret))
	if err != nil {
		return err
	}
	r, err := newRegistry(ctx, f, rules, outside{
		registers: stateRegisters{&stateregister.Client{URL: strings.TrimSuffix(c.RegistersURL, "/")}},
		payments:  gateway, now: time.Now, logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	logger.Info("serving", "address", door.Addr().String(), "data", c.Data, "version", version())
	return r.serve(ctx, door, f, gateway, verifier{keys}, forServer(accounts))
}

// listen opens the door. A port that is taken is told with what to do.
func (c listenFlag) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; choose another address, such as --listen 127.0.0.1:8090, or --listen 127.0.0.1:0 for any free port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	return l, nil
}

// newPayments makes a client of the payment gateway.
func newPayments(gateway, registry string, secret []byte) (payments, error) {
	fees, err := payment.LoadFees()
	if err != nil {
		return payments{}, err
	}
	return payments{&payment.Client{
		URL: strings.TrimSuffix(gateway, "/"), Callback: strings.TrimSuffix(registry, "/") + "/api/v1/payments/callback",
		Secret: secret, Fees: fees, Now: time.Now, Zone: calendar.Zone,
	}}, nil
}

// drain is how long requests may take to end once the server is told to stop.
const drain = 10 * time.Second

// serve puts HTTP before the registry until ctx ends or the store fails.
func (r *registry) serve(ctx context.Context, door net.Listener, f *folder, gateway payments, keys verifier, accounts []api.Account) error {
	blobs, err := blobstore.Open(f.documents())
	if err != nil {
		return err
	}
	handler, err := api.New(api.Config{
		Store: r.store, Log: r.store, Rules: r.rules,
		Licenses: r.licenses, Applications: r.applications, Deadlines: r.deadlines, History: r.history,
		Follower: r.follower, Reactor: r.reactor,
		Verifier: keys, Blobs: blobs, PaymentNotice: gateway.notice,
		Accounts: accounts, Healthy: r.store.Healthy, Metrics: r.metrics,
		Now: time.Now, Logger: r.logger, Version: version(),
	})
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(r.logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(door) }()
	var failure error
	select {
	case failure = <-ended:
	case failure = <-r.failed:
		failure = fmt.Errorf("the event store has stopped, start again: %w", failure)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	handler.Close()
	if err := server.Shutdown(bounded); err != nil && !errors.Is(err, http.ErrServerClosed) {
		failure = errors.Join(failure, fmt.Errorf("requests were cut off: %w", err), server.Close())
	}
	return failure
}
