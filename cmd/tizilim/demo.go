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
	"github.com/tizilim/tizilim/adapters/stateregister"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
)

// demoCmd runs everything on one machine.
type demoCmd struct {
	dataFlag
	listenFlag
	LogLevel slog.Level `default:"error" help:"What goes to the standard error: debug, info, warn or error."`
}

// Help says what is there and what it is not.
func (demoCmd) Help() string {
	return `Starts the registry with a demo payment gateway, demo state registers and a demo signer, each an HTTP
service of its own on this machine, and with accounts of every role. The first start puts sample
applications of every service and channel into the registry. Everything stays in the data folder:
stop it with Ctrl-C, start it again, and it is still there.`
}

// Run starts the demo and waits.
func (c demoCmd) Run(ctx context.Context, out io.Writer) (err error) {
	begin := time.Now()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	rules, catalog, err := loadRules(actsFlag{}, calendar.Hours{})
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
	world := demo.NewWorld(catalog)
	accounts, err := demoAccounts(filepath.Join(f.demo(), "accounts.json"), world)
	if err != nil {
		return err
	}

	seeding, err := openSeeding(filepath.Join(f.demo(), "seed.json"))
	if err != nil {
		return err
	}
	now := seeding.now
	url := "http://" + door.Addr().String()
	services, err := demo.StartServices(f.demo(), door.Addr().(*net.TCPAddr), url+"/api/v1/payments/callback", now, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, services.Close()) }()
	gateway, err := newPayments(services.Payments, url, services.Secret)
	if err != nil {
		return err
	}
	if err := seeding.goOn(ctx, f); err != nil {
		return err
	}
	r, err := newRegistry(ctx, f, rules, outside{
		registers: stateRegisters{&stateregister.Client{URL: services.Registers}}, payments: gateway, now: now, logger: logger,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := seeding.run(ctx, out, f, r, world, services); err != nil {
		return fmt.Errorf("put the sample applications into the registry (start again to go on): %w", err)
	}
	greeting := greeting{URL: url, Data: c.Data, Services: services, Accounts: accounts, World: world, Took: time.Since(begin)}
	if err := greeting.print(ctx, out, r, filepath.Join(f.demo(), "try.sh")); err != nil {
		return err
	}
	if err := r.serve(ctx, door, f, gateway, verifier{services.Keys}, forServer(accounts)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nStopped. Everything is in %s.\n", c.Data)
	return err
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
	return demo.WriteFile(s.file, append(text, '\n'))
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
	document, err := sampleDocument(ctx, f)
	if err != nil {
		return err
	}
	seeder := &demo.Seeder{
		Store: r.store, Rules: r.rules, Clock: s.clock, World: world, Document: document, Number: r.numbering.Application,
		Settle: func(ctx context.Context, id string, p domain.Position) error {
			if err := r.follower.Wait(ctx, p, r.waiting.Name()); err != nil {
				return err
			}
			_, err := r.reactor.Settle(ctx, id)
			return err
		},
		Sign: func(ctx context.Context, subject string, content []byte) (application.Sign, error) {
			return signed(ctx, verifier{services.Keys}, subject, content)
		},
		Paid: func(ctx context.Context, order string) (string, error) { return services.Settle(ctx, order, true) },
		Failed: func(ctx context.Context, order string) error {
			_, err := services.Settle(ctx, order, false)
			return err
		},
	}
	if err := seeder.Seed(ctx, demo.Plan(r.rules.Catalog, r.rules.Calendar, world, s.Base)); err != nil {
		return err
	}
	s.mu.Lock()
	s.clock = nil
	s.mu.Unlock()
	s.Done = true
	return s.write()
}

// signed signs the content with the subject's demo key and has the signature verified, as the server
// would.
func signed(ctx context.Context, keys verifier, subject string, content []byte) (application.Sign, error) {
	envelope, err := keys.Sign(subject, content)
	if err != nil {
		return application.Sign{}, err
	}
	v, err := keys.Verify(ctx, content, envelope)
	if err == nil && !v.Valid {
		err = fmt.Errorf("demo signature: %s: %w", v.Reason, domain.ErrInvalid)
	}
	return application.Sign{Subject: v.Subject, Serial: v.Serial, Digest: v.Digest, Method: v.Method}, err
}

// sampleDocument stores the file that every sample application has attached.
func sampleDocument(ctx context.Context, f *folder) (application.Document, error) {
	const text = "Бұл — Tizilim демонстрациясының үлгі құжаты.\nЭто образец документа демонстрации Tizilim.\nThis is a sample document of the Tizilim demo.\n"
	blobs, err := blobstore.Open(f.documents())
	if err != nil {
		return application.Document{}, err
	}
	digest, size, err := blobs.Put(ctx, strings.NewReader(text), int64(len(text)))
	return application.Document{Name: "sample.txt", MediaType: "text/plain", Size: size, SHA256: digest}, err
}
