package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
)

// serveCmd runs the registry.
type serveCmd struct {
	storeFlag
	listenFlag
	rulesFlags
	logFlag
	noticesFlags
	Accounts       string `required:"" type:"existingfile" placeholder:"FILE" help:"JSON list of accounts: id, name, role, organization, identifier, token."`
	PublicURL      string `placeholder:"URL" help:"Address under which the payment gateway reaches this server; http:// and --listen where left out."`
	RegistersURL   string `required:"" placeholder:"URL" help:"State registers of persons and organizations."`
	PaymentsURL    string `required:"" placeholder:"URL" help:"Payment gateway."`
	PaymentsSecret string `required:"" type:"existingfile" placeholder:"FILE" help:"File with the secret shared with the payment gateway."`
	Trust          string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of trust: whose certificates are believed (roots/, intermediates/), and whom to ask about them (trust.yaml)."`
	NCANode        string `name:"ncanode" placeholder:"URL" help:"NCANode server that is asked about GOST signatures; none are accepted without it."`
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
func (c serveCmd) Run(ctx context.Context) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	accounts, err := readAccounts(c.Accounts)
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(c.PaymentsSecret)
	if err != nil {
		return err
	}
	rules, err := openRules(c.rulesFlags, func(r application.Rules) error {
		if err := checkOrganizations(accounts, r.Catalog); err != nil {
			return fmt.Errorf("accounts: %s: %w", c.Accounts, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	rules.onHangup()
	trusted, err := openTrust(c.Trust, c.NCANode, time.Now)
	if err != nil {
		return err
	}
	around := func(_ context.Context, f *folder, at *net.TCPAddr) (*surroundings, error) {
		gateway, err := newPayments(c.PaymentsURL, cmp.Or(c.PublicURL, "http://"+at.String()), bytes.TrimSpace(secret))
		return &surroundings{
			outside: outside{
				registers: stateRegisters{&stateregister.Client{URL: strings.TrimSuffix(c.RegistersURL, "/")}},
				payments:  gateway, verifier: &signatures{trust: trusted, lists: f.blobs}, now: time.Now,
			},
			gateway: gateway, accounts: forServer(accounts),
			greet: func(context.Context, *registry) error {
				logger.Info("serving", "address", at.String(), "data", c.Data, "version", version())
				return nil
			},
		}, err
	}
	return launch{listenFlag: c.listenFlag, storeFlag: c.storeFlag, kind: registryKind, rules: rules, noticesFlags: c.noticesFlags, logger: logger, around: around}.run(ctx)
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
