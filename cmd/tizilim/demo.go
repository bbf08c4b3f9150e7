package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections/payments"
)

// demoCmd runs everything on one machine.
type demoCmd struct {
	storeFlag
	listenFlag
	LogLevel slog.Level `default:"error" help:"What goes to the standard error: debug, info, warn or error."`
}

// Help says what is there and what it is not.
func (demoCmd) Help() string {
	return `Starts the registry with a demo payment gateway, demo state registers and a demo certificate
authority, each an HTTP service of its own on this machine, and with accounts of every role. The first start puts sample
applications of every service and channel into the registry. Everything stays in the data folder:
stop it with Ctrl-C, start it again, and it is still there.`
}

// Validate is kong's hook.
func (c demoCmd) Validate() error {
	if c.Cluster != nil {
		return errors.New("a demo is no node of a cluster; nodes are started with tizilim serve")
	}
	if c.Shared != "" {
		return errors.New("a demo shares nothing with other nodes; nodes are started with tizilim serve")
	}
	return nil
}

// Run starts the demo and waits.
func (c demoCmd) Run(ctx context.Context, out io.Writer) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	rules, err := openRules(rulesFlags{}, nil)
	if err != nil {
		return err
	}
	d := demonstration{data: c.Data, begin: time.Now(), out: out, logger: logger, world: demo.NewWorld(rules.rules().Catalog), fees: rules.fees}
	rules.signing = d.world.Signing()
	if err := rules.read(logger); err != nil {
		return err
	}
	if err := (launch{listenFlag: c.listenFlag, storeFlag: c.storeFlag, kind: demoKind, rules: rules, noticesFlags: c.notices(), logger: logger, around: d.around}).run(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nStopped. Everything is in %s.\n", c.Data)
	return err
}

// demoLogins are a demo's: whoever tries it out is not to log in all the time.
var demoLogins = loginFlags{
	SessionIdle: 4 * time.Hour, SessionLimit: 24 * time.Hour, CertificateRoles: []signature.Role{signature.Head, signature.MaySign},
}

// demonstration is what a demo has around its registry.
type demonstration struct {
	data   string
	begin  time.Time
	out    io.Writer
	logger *slog.Logger
	world  demo.World
	fees   func() *payment.Fees
}

func (d demonstration) around(ctx context.Context, f *folder, at *net.TCPAddr) (_ *surroundings, err error) {
	seeding, err := openSeeding(f.seed())
	if err != nil {
		return nil, err
	}
	url := "http://" + at.String()
	services, err := demo.StartServices(f.demo(), at, url+"/api/v1/payments/callback", seeding.stands, d.logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, services.Close())
		}
	}()
	for _, h := range d.world.Holders() {
		if err := services.Authority.Issue(h); err != nil {
			return nil, err
		}
	}
	trusted, err := openTrust(services.Authority.TrustDir(), "", seeding.stands)
	if err != nil {
		return nil, err
	}
	door, err := demoLogins.openDoorway(ctx, f, url, &trusted, nil, d.logger)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, door.close())
		}
	}()
	accounts, err := demoAccounts(ctx, door.book, filepath.Join(f.demo(), "accounts.json"), d.world)
	if err != nil {
		return nil, err
	}
	gateway := newPayments(services.Payments, url, services.Secret, d.fees)
	if err := seeding.goOn(ctx, f); err != nil {
		return nil, err
	}
	return &surroundings{
		outside: outside{
			registers: stateRegisters{&stateregister.Client{URL: services.Registers}}, payments: gateway,
			verifier: &signatures{trust: trusted, lists: f.blobs}, now: seeding.now, paymentFlags: paymentFlags{payments.Term},
		},
		gateway: gateway, door: door, close: services.Close,
		fill: func(ctx context.Context, r *registry) error {
			if err := seeding.run(ctx, d.out, f, r, d.world, services); err != nil {
				return fmt.Errorf("put the sample applications into the registry (start again to go on): %w", err)
			}
			return r.follower.CaughtUp(ctx)
		},
		greet: func(ctx context.Context, r *registry) error {
			g := greeting{URL: url, Data: d.data, Services: services, Accounts: accounts, World: d.world, Took: time.Since(d.begin)}
			return g.print(ctx, d.out, r, filepath.Join(f.demo(), "try.sh"))
		},
	}, nil
}

// seeding puts the sample world into the registry, once. Until it is done the registry's clock stands
// where the sample world does.
type seeding struct {
	file string
	Base time.Time `json:"base"` // the sample world's history ends here
	Done bool      `json:"done"`

	mu    sync.Mutex // protects clock
	clock *demo.Clock
}

// openSeeding reads how far it came. The base is written down before anything is seeded, because the
// plan follows from it and has to be the same after an interruption.
func openSeeding(file string) (*seeding, error) {
	s := &seeding{file: file, Base: time.Now().UTC().Truncate(time.Minute)}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, s)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = s.write()
	}
	if err != nil {
		return nil, fmt.Errorf("sample world: %w", err)
	}
	if !s.Done {
		s.clock = &demo.Clock{}
	}
	return s, nil
}

func (s *seeding) write() error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return disk.WriteFile(s.file, append(text, '\n'))
}

// now is the sample world's time while it is being seeded, and the real time from then on.
func (s *seeding) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock != nil {
		return s.clock.Now()
	}
	return time.Now()
}

// stands is now without letting time pass: of those who only look at the clock.
func (s *seeding) stands() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock != nil {
		return s.clock.Stands()
	}
	return time.Now()
}

// goOn sets the clock behind what an interrupted seeding left: the registry finishes that first.
func (s *seeding) goOn(ctx context.Context, f *folder) (err error) {
	if s.Done {
		return nil
	}
	store, err := openStore(ctx, f, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	last, err := demo.LastTime(ctx, store)
	s.clock.Set(last)
	return err
}

// run seeds what is not there yet.
func (s *seeding) run(ctx context.Context, out io.Writer, f *folder, r *registry, world demo.World, services *demo.Services) error {
	if s.Done {
		return nil
	}
	fmt.Fprintln(out, "First start: putting sample applications of every service and channel into the registry ...")
	document, err := sampleDocument(ctx, f.blobs)
	if err != nil {
		return err
	}
	seeder := &demo.Seeder{
		Store: r.store, Rules: r.rules(), Clock: s.clock, World: world, Document: document, Number: r.numbering.Application,
		Settle: func(ctx context.Context, id string, p domain.Position) error {
			if err := r.follower.Wait(ctx, p, r.waiting.Name()); err != nil {
				return err
			}
			_, err := r.reactor.Settle(ctx, id)
			return err
		},
		Sign: func(ctx context.Context, holder string, claim signing.Claim) (signing.Verdict, error) {
			return sign(ctx, services.Authority, r.reactor.Verifier, holder, claim)
		},
		Paid: func(ctx context.Context, order string) (string, error) { return services.Settle(ctx, order, true) },
		Failed: func(ctx context.Context, order string) error {
			_, err := services.Settle(ctx, order, false)
			return err
		},
	}
	if err := seeder.Seed(ctx, demo.Plan(r.rules().Catalog, r.rules().Calendars.Newest(), world, s.Base)); err != nil {
		return err
	}
	s.mu.Lock()
	s.clock = nil
	s.mu.Unlock()
	s.Done = true
	return s.write()
}

// sign signs with the holder's demo key and has the signature judged, as the server would.
func sign(ctx context.Context, keys *authority.Authority, verifier signing.Verifier, holder string, claim signing.Claim) (signing.Verdict, error) {
	key, err := keys.Key(holder, authority.Sign)
	if err != nil {
		return signing.Verdict{}, err
	}
	if claim.CMS, err = key.Sign(ctx, claim.Signed, signature.Signing{}); err != nil {
		return signing.Verdict{}, err
	}
	return verifier.Verify(ctx, claim)
}

// sampleDocument stores the file that every sample application has attached.
func sampleDocument(ctx context.Context, blobs *blobstore.Store) (application.Document, error) {
	const text = "Бұл — Tizilim демонстрациясының үлгі құжаты.\nЭто образец документа демонстрации Tizilim.\nThis is a sample document of the Tizilim demo.\n"
	digest, size, err := blobs.Put(ctx, strings.NewReader(text), int64(len(text)))
	return application.Document{Name: "sample.txt", MediaType: "text/plain", Size: size, SHA256: digest}, err
}
