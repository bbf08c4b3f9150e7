// Package accounts knows who somebody is: accounts with their roles, passwords, sessions, API tokens,
// logins by certificate and by an OpenID provider, locks against guessing, and the log of who looked at
// whose data.
//
// None of it is in the event log. An event is a fact of licensing and is kept for ever; what is here is
// how one installation is run. It holds secrets that have to be replaced, personal data that has to be
// corrected and removed, and much that is worth nothing after half an hour. An event names the account
// that acted, its role and its organization, and needs nothing of this to be read in ten years. It cannot be
// made again from the log either, so it is stored as carefully: what a method says it did is durable
// when it returns (but for the access log, see log.go).
//
// It is behind two small ports, Store and Journal, because it is the other thing besides the log that
// several nodes have to share. Store is records with revisions: whoever changes one says which revision
// they decided on, and loses to whoever was faster, as with the streams of the log. So no lock is needed
// between nodes, or between a server and the command line beside it, and nothing is cached: a session that
// one of them ends is ended at the next request to the other. Package sqlitedb is both ports in one file.
//
// Read account.go (what an account is and how it changes), login.go with throttle.go and password.go,
// session.go, token.go, certificate.go, openid.go, log.go. Passwords, tokens and session ids are stored as
// digests only; whoever has a copy of the file can log in nowhere with it.
package accounts

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Config is what Accounts are made of. Store, Journal and Now are required; what has a default says so.
type Config struct {
	Store   Store
	Journal Journal
	Now     func() time.Time
	Logger  *slog.Logger // slog.Default where nil; is told no names, identifiers or addresses

	// Idle ends a session that is not used, Absolute every session. 30 minutes and 12 hours.
	Idle, Absolute time.Duration
	// Hashes is how many passwords are hashed at a time, one per processor; who waits for their turn
	// longer than HashWait, 3 s, is turned away. Hash is what a hash costs, DefaultHash.
	Hashes   int
	HashWait time.Duration
	Hash     HashCost
	// LoginTries are the tries on one login, AddressTries those from one address. DefaultLoginTries and
	// DefaultAddressTries.
	LoginTries, AddressTries Tries
	// Retention is how long the access log is kept, 3 years.
	Retention time.Duration

	// Audience is the address of this registry; a challenge names it, so that who signs one can see
	// where it lets in. "tizilim" where empty.
	Audience string
	// Verify checks a signed challenge; without it nobody logs in by certificate. See Certificate.
	Verify func(ctx context.Context, challenge, cms []byte) (Certificate, error)
	// Representatives are the certificate roles, as Verify names them, that may act for their
	// organization.
	Representatives []string

	// OpenID is the OpenID provider; without it nobody logs in through one.
	OpenID Provider
}

// Accounts are the accounts of an installation. Their methods may be called by many goroutines at once.
type Accounts struct {
	cfg    Config
	store  Store
	now    func() time.Time
	hasher *hasher
	log    *log
	key    atomic.Pointer[[]byte] // of seal, once it was read
}

// New makes them and begins to write the access log. Close ends that.
func New(cfg Config) (*Accounts, error) {
	if cfg.Store == nil || cfg.Journal == nil || cfg.Now == nil {
		return nil, fmt.Errorf("accounts: a store, a journal and a clock are needed: %w", domain.ErrInvalid)
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	cfg.Idle = cmp.Or(cfg.Idle, 30*time.Minute)
	cfg.Absolute = cmp.Or(cfg.Absolute, 12*time.Hour)
	cfg.Hashes = cmp.Or(cfg.Hashes, runtime.GOMAXPROCS(0))
	cfg.HashWait = cmp.Or(cfg.HashWait, 3*time.Second)
	cfg.Hash = cmp.Or(cfg.Hash, DefaultHash)
	cfg.LoginTries = cfg.LoginTries.or(DefaultLoginTries)
	cfg.AddressTries = cfg.AddressTries.or(DefaultAddressTries)
	cfg.Retention = cmp.Or(cfg.Retention, 3*365*24*time.Hour)
	cfg.Audience = cmp.Or(cfg.Audience, "tizilim")
	now := func() time.Time { return cfg.Now().UTC().Truncate(time.Microsecond) }
	return &Accounts{
		cfg: cfg, store: cfg.Store, now: now,
		hasher: newHasher(cfg.Hash, cfg.Hashes, cfg.HashWait),
		log:    newLog(cfg.Journal, cfg.Logger),
	}, nil
}

// Close writes what is left of the access log.
func (a *Accounts) Close() error { return a.log.close() }

// sweepEvery is how often Run sweeps.
const sweepEvery = time.Hour

// Run sweeps from time to time, until ctx ends.
func (a *Accounts) Run(ctx context.Context) {
	for tick := time.Tick(sweepEvery); ; {
		if err := a.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.cfg.Logger.Warn("accounts: could not sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// Sweep removes what has ended: sessions, used challenges, old failures, and entries of the access log
// beyond their retention. Nothing depends on when it is done.
func (a *Accounts) Sweep(ctx context.Context) error {
	now := a.now()
	if err := errors.Join(a.store.Expire(ctx, now), a.cfg.Journal.Forget(ctx, now.Add(-a.cfg.Retention))); err != nil {
		return fmt.Errorf("sweep accounts: %w", err)
	}
	return nil
}

// secret is 256 bits that nobody can guess, as text.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
