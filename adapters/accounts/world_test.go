package accounts_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/domain"
)

// The people of the tests.
const (
	person   = "850312300121"
	stranger = "990101450026"
	company  = "120540001238"

	password = "Темір тұлпар 2026"
	address  = "10.1.2.3:4711"
)

var (
	officer = accounts.Assignment{Role: domain.RoleOfficer, Organization: "trade-committee"}
	head    = accounts.Assignment{Role: domain.RoleHead, Organization: "trade-committee"}
	auditor = accounts.Assignment{Role: domain.RoleAuditor}
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// cheap is a hash that tests can make hundreds of.
var cheap = accounts.HashCost{Memory: 64, Time: 1, Threads: 1}

// world is accounts on a file, with a clock.
type world struct {
	*accounts.Accounts
	*clock
	t      *testing.T
	path   string
	db     *sqlitedb.DB
	config func(*accounts.Config)
}

func newWorld(t *testing.T, options ...func(*accounts.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)}, path: filepath.Join(t.TempDir(), "accounts.sqlite")}
	w.config = func(c *accounts.Config) {
		for _, o := range options {
			o(c)
		}
	}
	w.start()
	t.Cleanup(w.stop)
	return w
}

// beside is another node on the same file, with the same clock.
func (w *world) beside(options ...func(*accounts.Config)) *world {
	w.t.Helper()
	other := newWorld(w.t, options...)
	other.stop()
	other.path, other.clock = w.path, w.clock
	other.start()
	return other
}

// start opens the file, as a start of the server would.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.db, err = sqlitedb.Open(w.t.Context(), w.path); err != nil {
		w.t.Fatal(err)
	}
	cfg := accounts.Config{Store: w.db, Journal: w.db, Now: w.clock.Now, Hash: cheap, Logger: slog.New(slog.DiscardHandler)}
	w.config(&cfg)
	if w.Accounts, err = accounts.New(cfg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop() {
	if err := errors.Join(w.Accounts.Close(), w.db.Close()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// add makes an account with the password, in the roles; an officer where none is said.
func (w *world) add(login string, roles ...accounts.Assignment) accounts.Account {
	w.t.Helper()
	if len(roles) == 0 {
		roles = []accounts.Assignment{officer}
	}
	a, err := w.Add(w.t.Context(), "test", accounts.NewAccount{Login: login, Name: "Аты " + login, Roles: roles}, password)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// login logs in with a password, from the address.
func (w *world) login(login, typed, from string) (accounts.Opened, error) {
	return w.Login(w.t.Context(), accounts.Password{Login: login, Password: typed, From: accounts.From{Address: from}})
}

// in logs in and wants it to work.
func (w *world) in(login string) accounts.Opened {
	w.t.Helper()
	o, err := w.login(login, password, address)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// alive reports whether the session still lets somebody in.
func (w *world) alive(token string) bool {
	w.t.Helper()
	_, err := w.Session(w.t.Context(), token)
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

// rejected wants the error to be a rejection with the code.
func rejected(t *testing.T, err error, code, when string) {
	t.Helper()
	var r *domain.Rejection
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("%s: %v, want %s", when, err, code)
	}
}

// atOnce tries n times at once, and is how many of them worked. The others are to be rejected with the code.
func atOnce(t *testing.T, n int, code string, try func(i int) error) int64 {
	t.Helper()
	var worked atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := try(i)
			if err == nil {
				worked.Add(1)
				return
			}
			rejected(t, err, code, "one of many")
		})
	}
	all.Wait()
	return worked.Load()
}

// logged is what the access log has, the last first.
func (w *world) logged(q accounts.Question) []accounts.Entry {
	w.t.Helper()
	w.restart() // writes what waits
	q.Limit = 1000
	found, err := w.db.Find(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Entries
}

// actions are the actions of the entries, the first first.
func actions(entries []accounts.Entry) string {
	var all []string
	for i := len(entries) - 1; i >= 0; i-- {
		all = append(all, entries[i].Action)
	}
	return strings.Join(all, " ")
}
