package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	book "github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// someone is an account of the tests. Its login is its id, its password the same for all.
type someone struct {
	id           string
	role         domain.Role
	organization string
	identifier   string
}

const password = "Темір тұлпар 2026"

// accounts are one account of each kind, and a foreign one where it matters.
var accounts = []someone{
	{"company", domain.RoleApplicant, "", company},
	{"person", domain.RoleApplicant, "", person},
	{"stranger", domain.RoleApplicant, "", stranger},
	{"unknown", domain.RoleApplicant, "", unknown},
	{"clerk-at-home", domain.RoleApplicant, "", clerk},
	{"officer", domain.RoleOfficer, "trade-committee", clerk},
	{"head", domain.RoleHead, "trade-committee", boss},
	{"other-officer", domain.RoleOfficer, "bailiff-committee", ""},
	{"other-head", domain.RoleHead, "bailiff-committee", boss},
	{"operator", domain.RoleOperator, "center-1", operator},
	{"other-operator", domain.RoleOperator, "center-2", operator},
	{"auditor", domain.RoleAuditor, "", ""},
	{"admin", domain.RoleAdmin, "", ""},
}

// cheap makes hashes cost nearly nothing.
var cheap = book.HashCost{Memory: 64, Time: 1, Threads: 1}

// filled is the file of the accounts, with everybody in it.
var filled = sync.OnceValue(func() []byte {
	dir := must(os.MkdirTemp("", "tizilim-api-"))
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "accounts.sqlite")
	ctx := context.Background()
	db := must(sqlitedb.Open(ctx, file))
	a := must(book.New(book.Config{Store: db, Journal: db, Now: func() time.Time { return noon }, Hash: cheap}))
	for _, who := range accounts {
		must(a.Add(ctx, "test", who.account(), password))
	}
	if err := errors.Join(a.Close(), db.Close()); err != nil {
		panic(err)
	}
	return must(os.ReadFile(file))
})

func (s someone) account() access.NewAccount {
	return access.NewAccount{
		ID: s.id, Login: s.id, Name: "Name of " + s.id, Identifier: s.identifier,
		Roles: []access.Assignment{{Role: s.role, Organization: s.organization}},
	}
}

// journal is the access log, with what came into it.
type journal struct {
	book.Journal
	came chan []access.Entry // as they are written; more than there is room for are only written
}

func (j *journal) Append(ctx context.Context, entries []access.Entry) error {
	err := j.Journal.Append(ctx, entries)
	select {
	case j.came <- entries:
	default:
	}
	return err
}

// wait waits for an entry, and is the zero Entry where none comes.
func (j *journal) wait(is func(access.Entry) bool) access.Entry {
	for {
		select {
		case entries := <-j.came:
			if i := slices.IndexFunc(entries, is); i >= 0 {
				return entries[i]
			}
		case <-time.After(30 * time.Second):
			return access.Entry{}
		}
	}
}

// forget forgets what has come.
func (j *journal) forget() {
	for len(j.came) > 0 {
		<-j.came
	}
}

// openAccounts opens the file of the accounts.
func (w *world) openAccounts(options ...func(*book.Config)) {
	w.t.Helper()
	w.db = must(sqlitedb.Open(context.Background(), w.book))
	w.journal = &journal{w.db, make(chan []access.Entry, 1000)}
	cfg := book.Config{
		Store: w.db, Journal: w.journal, Now: w.clock.now, Logger: slog.New(slog.NewTextHandler(w.logged, nil)), Hash: cheap,
		Idle: 30 * 24 * time.Hour, Absolute: 365 * 24 * time.Hour, Audience: "https://licenses.test",
	}
	for _, option := range options {
		option(&cfg)
	}
	w.accounts = must(book.New(cfg))
}

// reopen ends the server with its accounts, and starts another one on their file.
func (w *world) reopen(options ...func(*book.Config)) {
	w.t.Helper()
	w.server.Close()
	if err := errors.Join(w.accounts.Close(), w.db.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.openAccounts(options...)
	w.cfg.Accounts, w.cfg.Metrics = w.accounts, nil
	w.server = must(api.New(w.cfg))
}

func (w *world) restart() { w.t.Helper(); w.reopen() }

// proxies are the networks.
func proxies(networks ...string) (list []netip.Prefix) {
	for _, n := range networks {
		list = append(list, netip.MustParsePrefix(n))
	}
	return list
}

// token is one of a session of the account, in which it has logged in before where that still goes on.
func (w *world) token(who string) string {
	w.t.Helper()
	w.loggingIn.Lock()
	defer w.loggingIn.Unlock()
	ctx := context.Background()
	if _, err := w.accounts.Session(ctx, w.sessions[who]); err != nil {
		w.sessions[who] = must(w.accounts.Login(ctx, access.Password{Login: who, Password: password})).Token
	}
	return w.sessions[who]
}

// enroll makes further accounts, or gives those that there are another role.
func (w *world) enroll(people ...someone) {
	w.t.Helper()
	ctx := context.Background()
	for _, who := range people {
		a, err := w.accounts.Account(ctx, who.id)
		if errors.Is(err, domain.ErrNotFound) {
			must(w.accounts.Add(ctx, "test", who.account(), password))
			continue
		}
		for _, role := range a.Roles {
			must(w.accounts.RemoveRole(ctx, "test", who.id, role))
		}
		must(w.accounts.AddRole(ctx, "test", who.id, access.Assignment{Role: who.role, Organization: who.organization}))
	}
}
