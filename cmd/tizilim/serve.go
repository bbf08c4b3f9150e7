package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/domain"
)

// serveCmd runs the registry.
type serveCmd struct {
	storeFlag
	listenFlag
	rulesFlags
	logFlag
	noticesFlags
	scrubFlag
	loginFlags
	PublicURL      string `placeholder:"URL" help:"Address under which browsers and the payment gateway reach this server; http:// and --listen where left out."`
	RegistersURL   string `required:"" placeholder:"URL" help:"State registers of persons and organizations."`
	PaymentsURL    string `required:"" placeholder:"URL" help:"Payment gateway."`
	PaymentsSecret string `required:"" type:"existingfile" placeholder:"FILE" help:"File with the secret shared with the payment gateway."`
	paymentFlags
	Trust   string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder of trust: whose certificates are believed (roots/, intermediates/), and whom to ask about them (trust.yaml)."`
	NCANode string `name:"ncanode" placeholder:"URL" help:"NCANode server that is asked about GOST signatures; none are accepted without it."`
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
	if err := errors.Join(c.loginFlags.check(), c.paymentFlags.check(), c.scrubFlag.check(), c.addresses()); err != nil {
		return err
	}
	secret, err := readSecret(c.PaymentsSecret)
	if err != nil {
		return fmt.Errorf("secret of the payment gateway: %w", err)
	}
	rules, err := openRules(c.rulesFlags, nil)
	if err != nil {
		return err
	}
	provider, err := c.provider(rules.rules().Catalog)
	if err != nil {
		return err
	}
	rules.onHangup()
	trusted, err := openTrust(c.Trust, c.NCANode, time.Now)
	if err != nil {
		return err
	}
	around := func(ctx context.Context, f *folder, at *net.TCPAddr) (*surroundings, error) {
		url := cmp.Or(c.PublicURL, "http://"+at.String())
		gateway := newPayments(c.PaymentsURL, url, secret, rules.fees)
		door, err := c.openDoorway(ctx, f, url, &trusted, provider, logger)
		if err != nil {
			return nil, err
		}
		return &surroundings{
			outside: outside{
				registers: stateRegisters{&stateregister.Client{URL: strings.TrimSuffix(c.RegistersURL, "/")}},
				payments:  gateway, verifier: &signatures{trust: trusted, lists: f.blobs}, now: time.Now, paymentFlags: c.paymentFlags,
			},
			gateway: gateway, door: door,
			greet: func(ctx context.Context, _ *registry) error {
				logger.Info("serving", "address", at.String(), "data", c.Data, "version", version())
				return c.hint(ctx, door, logger)
			},
		}, nil
	}
	return launch{listenFlag: c.listenFlag, storeFlag: c.storeFlag, kind: registryKind, rules: rules, noticesFlags: c.noticesFlags, scrubFlag: c.scrubFlag, logger: logger, around: around}.run(ctx)
}

// hint says how somebody comes in where nobody can.
func (c serveCmd) hint(ctx context.Context, door *doorway, logger *slog.Logger) error {
	some, err := door.List(ctx, "", 1)
	if err == nil && len(some) == 0 {
		logger.Warn("there are no accounts yet; make one beside the server: tizilim users add LOGIN --role admin --name NAME --data " + c.Data)
	}
	return err
}

// addresses is domain.ErrInvalid for what is no address of a web server.
func (c serveCmd) addresses() error {
	for _, a := range []struct {
		flag, address string
		left          bool // may be left out
	}{
		{"--public-url", c.PublicURL, true}, {"--registers-url", c.RegistersURL, false}, {"--payments-url", c.PaymentsURL, false}, {"--ncanode", c.NCANode, true},
	} {
		if !webAddress(a.address) && !(a.left && a.address == "") { // it is not repeated: there may be a secret in it
			return fmt.Errorf("%s is no http or https address: %w", a.flag, domain.ErrInvalid)
		}
	}
	return nil
}

// webAddress reports whether the text is the address of a web server.
func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
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
