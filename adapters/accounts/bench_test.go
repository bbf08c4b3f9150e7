package accounts_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
)

// measured is accounts as a server has them, with one that can log in.
func measured(b *testing.B) *accounts.Accounts {
	db, err := sqlitedb.Open(b.Context(), filepath.Join(b.TempDir(), "accounts.sqlite"))
	if err != nil {
		b.Fatal(err)
	}
	a, err := accounts.New(accounts.Config{Store: db, Journal: db, Now: time.Now, Verify: verify, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	if _, err := a.Add(b.Context(), "test", accounts.NewAccount{Login: "aigerim", Name: "x", Roles: []accounts.Assignment{officer}}, password); err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkLogin is a login by password: two failures counted and taken back, a hash, a session.
func BenchmarkLogin(b *testing.B) {
	a := measured(b)
	for b.Loop() {
		if _, err := a.Login(b.Context(), accounts.Password{Login: "aigerim", Password: password, From: accounts.From{Address: address}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHash is what of it is the hash.
func BenchmarkHash(b *testing.B) {
	hash := accounts.Hasher()
	for b.Loop() {
		hash(b.Context(), password)
	}
}

// BenchmarkSession is what each request with a cookie asks.
func BenchmarkSession(b *testing.B) {
	a := measured(b)
	o, err := a.Login(b.Context(), accounts.Password{Login: "aigerim", Password: password})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := a.Session(b.Context(), o.Token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkToken is what each request with an API token asks.
func BenchmarkToken(b *testing.B) {
	a := measured(b)
	token, _, err := a.AddToken(b.Context(), "test", accounts.NewToken{Name: "erp", As: auditor})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := a.Token(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChallenge is what anybody may ask for.
func BenchmarkChallenge(b *testing.B) {
	a := measured(b)
	for b.Loop() {
		if _, err := a.Challenge(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecord is an entry of the access log, once the log keeps up with it.
func BenchmarkRecord(b *testing.B) {
	a := measured(b)
	for i := 0; b.Loop(); i++ {
		if err := a.Record(b.Context(), entry(i)); err != nil {
			b.Fatal(fmt.Errorf("entry %d: %w", i, err))
		}
	}
}
