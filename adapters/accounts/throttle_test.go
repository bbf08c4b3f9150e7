package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "10.1.2.3:80": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "[::ffff:10.1.2.3]:80": "10.1.2.3",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "[2001:db8:1:2:ffff::1]:443": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"::1": "::/64", "nonsense": "unknown", "": "unknown", "10.1.2.3.4": "unknown", "@": "unknown",
	} {
		if got := accounts.Network(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// TestTries is the course of failures with the usual numbers.
func TestTries(t *testing.T) {
	tries := accounts.DefaultLoginTries
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	var f accounts.Failures
	for i, want := range []time.Duration{0, 0, 0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour} {
		f = tries.Fail(f, now)
		if got := max(0, f.Until.Sub(now)); got != want {
			t.Errorf("failure %d locks for %s, want %s", i+1, got, want)
		}
	}
	if f = tries.Fade(f, now.Add(6*time.Hour-1)); f.Count != 13 {
		t.Errorf("a moment before 6 hours: %d", f.Count)
	}
	if f = tries.Fade(f, now.Add(13*time.Hour)); f.Count != 11 {
		t.Errorf("after 13 hours: %d", f.Count)
	}
	if f = tries.Fade(f, now.Add(18*time.Hour)); f.Count != 10 {
		t.Errorf("after 18 hours, read twice: %d", f.Count)
	}
	if f = tries.Fade(f, now.Add(1000*time.Hour)); f.Count != 0 {
		t.Errorf("after weeks: %d", f.Count)
	}
}

// TestGuessesAMonth: somebody who tries whenever they are let gets few tries.
func TestGuessesAMonth(t *testing.T) {
	for name, tt := range map[string]struct {
		tries accounts.Tries
		most  int
	}{"login": {accounts.DefaultLoginTries, 12 + 30*24}, "address": {accounts.DefaultAddressTries, 25 + 30*24*12}} {
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		end := now.AddDate(0, 0, 30)
		var f accounts.Failures
		n := 0
		for ; now.Before(end); n++ {
			f = tt.tries.Fail(f, now)
			if now = now.Add(time.Second); f.Until.After(now) {
				now = f.Until
			}
		}
		if n > tt.most {
			t.Errorf("%s: %d guesses in 30 days, want at most %d", name, n, tt.most)
		}
		t.Logf("%s: %d guesses in 30 days", name, n)
	}
}

// TestTriesNeverForgetTooMuch: whatever happens, a lock is never longer than the longest, a failure more
// never locks shorter, taking back a failure is as though it had not been, and nothing is kept for ever.
func TestTriesNeverForgetTooMuch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tries := accounts.Tries{
			Free: rapid.IntRange(1, 10).Draw(t, "free"), Delay: time.Duration(rapid.IntRange(1, 100).Draw(t, "delay")) * time.Second,
			Most: time.Duration(rapid.IntRange(100, 10000).Draw(t, "most")) * time.Second, Forget: time.Duration(rapid.IntRange(1, 100000).Draw(t, "forget")) * time.Second,
		}
		now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
		var f accounts.Failures
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20000).Draw(t, "later")) * time.Second)
			before := tries.Fade(f, now)
			if before.Count > f.Count || before.Last.After(now) && !f.Last.After(now) {
				t.Fatalf("time makes it worse: %+v, then %+v", f, before)
			}
			if f.Locked(now) {
				continue
			}
			f = tries.Fail(f, now)
			if f.Count != before.Count+1 || f.Until.Sub(now) > tries.Most || f.Locked(now) != (f.Count >= tries.Free) {
				t.Fatalf("failed: %+v, at %s with %+v", f, now, tries)
			}
			if back := tries.TakeBack(f); back.Count != before.Count || back.Count < tries.Free && back.Locked(now) {
				t.Fatalf("taken back: %+v, before %+v", back, before)
			}
			if gone := tries.Fade(f, tries.Gone(f)); gone.Count != 0 || gone.Locked(tries.Gone(f)) {
				t.Fatalf("kept for ever: %+v", gone)
			}
		}
	})
}

// wrong fails to log in and wants it to be refused like any wrong password.
func (w *world) wrong(login, typed, from string) {
	w.t.Helper()
	_, err := w.login(login, typed, from)
	rejected(w.t, err, accounts.CodeRefused, login)
}

// anywhere are addresses that nobody came from before.
func anywhere(i int) string { return fmt.Sprintf("10.9.%d.%d", i/250, i%250+1) }

func TestLock(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	for i := range 5 {
		w.wrong("aigerim", "a wrong password", anywhere(i))
	}
	w.wrong("aigerim", password, anywhere(6)) // locked, and told like any other
	if l, err := w.LockOf(t.Context(), "aigerim"); err != nil || l.Failures != 5 || !l.Until.Equal(w.Now().Add(30*time.Second)) {
		t.Errorf("what the administrator sees: %+v, %v", l, err)
	}
	w.restart()
	w.wrong("aigerim", password, anywhere(7))
	w.move(30*time.Second - time.Microsecond)
	w.wrong("aigerim", password, anywhere(8))
	w.move(time.Microsecond)
	w.wrong("aigerim", "a wrong password", anywhere(9)) // the sixth: a minute
	w.move(59 * time.Second)
	w.wrong("aigerim", password, anywhere(10))
	w.move(time.Second)
	w.in("aigerim")
	if l, _ := w.LockOf(t.Context(), "aigerim"); l != (accounts.Lock{}) {
		t.Errorf("after a login: %+v", l)
	}
	for i := range 5 {
		w.wrong("aigerim", "a wrong password", anywhere(20+i))
	}
	if had, err := w.Unlock(t.Context(), "admin", a.ID); !had || err != nil {
		t.Errorf("unlock: %v, %v", had, err)
	}
	w.in("aigerim")
	if had, err := w.Unlock(t.Context(), "admin", a.ID); had || err != nil {
		t.Errorf("unlock again: %v, %v", had, err)
	}
}

// TestParallelGuesses: a hundred guesses at once are as many as one after the other, on one node or two.
func TestParallelGuesses(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.AddressTries.Free = 1 << 20 })
	w.add("aigerim")
	other := w.beside()
	var all sync.WaitGroup
	for i := range 100 {
		node := []*world{w, other}[i%2]
		all.Go(func() { node.wrong("aigerim", fmt.Sprint("a wrong password ", i), anywhere(i)) })
	}
	all.Wait()
	if l, err := w.LockOf(t.Context(), "aigerim"); err != nil || l.Failures != 5 || l.Until.IsZero() {
		t.Errorf("%+v, %v: want the 5 tries that are allowed", l, err)
	}
	w.wrong("aigerim", password, "10.1.1.1")
}

// TestParallelLogins: who knows the password is not locked out by logging in often at once.
func TestParallelLogins(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if _, err := w.login("aigerim", password, address); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if l, err := w.LockOfAddress(t.Context(), address); err != nil || l != (accounts.Lock{}) {
		t.Errorf("the address: %+v, %v", l, err)
	}
}

func TestAddressLock(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	at := func(i int) string { return fmt.Sprintf("[2001:db8:1:2::%x]:443", i+1) } // one network
	for i := range 20 {
		w.wrong(fmt.Sprint("nobody-", i), password, at(i))
	}
	_, err := w.login("aigerim", password, at(99))
	rejected(t, err, accounts.CodeTooMany, "from the same network")
	var r *domain.Rejection
	if errors.As(err, &r); r.Params["seconds"] != "31" && r.Params["seconds"] != "30" {
		t.Errorf("params %v", r.Params)
	}
	w.in("aigerim") // from elsewhere
	w.restart()
	_, err = w.login("aigerim", password, at(99))
	rejected(t, err, accounts.CodeTooMany, "after a restart")
	if l, err := w.LockOfAddress(t.Context(), at(5)); err != nil || l.Failures != 20 {
		t.Errorf("what the administrator sees: %+v, %v", l, err)
	}
	if had, err := w.UnlockAddress(t.Context(), "admin", at(7)); !had || err != nil {
		t.Errorf("unlock: %v, %v", had, err)
	}
	if _, err = w.login("aigerim", password, at(99)); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}

// TestOneKnownAccountGivesNoTries: whoever has an account does not wash an address clean with it.
func TestOneKnownAccountGivesNoTries(t *testing.T) {
	w := newWorld(t)
	w.add("mine")
	for i := range 19 {
		w.wrong(fmt.Sprint("nobody-", i), password, address)
		w.in("mine")
	}
	w.wrong("nobody", password, address)
	_, err := w.login("mine", password, address)
	rejected(t, err, accounts.CodeTooMany, "after 20 failures")
}

// TestAllCostTheSame: whatever is wrong, the same work is done and the same is answered: an unknown login, a
// disabled account, one without a password, a locked one.
func TestAllCostTheSame(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.Hashes, c.HashWait = 1, 1 })
	w.add("known")
	w.add("locked")
	disabled := w.add("disabled")
	if _, err := w.Disable(t.Context(), "admin", disabled.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Add(t.Context(), "admin", accounts.NewAccount{Login: "without", Name: "x", Roles: []accounts.Assignment{officer}}, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		w.wrong("locked", "a wrong password", anywhere(i))
	}
	texts := map[string]bool{}
	release := w.Occupy()
	for i, login := range []string{"known", "unknown", "locked", "disabled", "without", "not a login", strings.Repeat("x", 10000)} {
		if _, err := w.login(login, "a wrong password", anywhere(10+i)); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%.20s: answered without hashing: %v", login, err)
		}
	}
	release()
	for i, login := range []string{"known", "unknown", "locked", "disabled", "without", "not a login", strings.Repeat("x", 10000)} {
		typed := password // right, but for who is not to know
		if login == "known" {
			typed = strings.Repeat("x", 100000)
		}
		_, err := w.login(login, typed, anywhere(20+i))
		rejected(t, err, accounts.CodeRefused, login)
		texts[fmt.Sprint(err)] = true
	}
	if len(texts) != 1 {
		t.Errorf("they are told apart: %v", texts)
	}
}

// TestUnavailableIsNoFailure: a try that did not take place does not count.
func TestUnavailableIsNoFailure(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.Hashes, c.HashWait = 1, 1 })
	w.add("aigerim")
	release := w.Occupy()
	for range 30 {
		if _, err := w.login("aigerim", password, address); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	release()
	w.in("aigerim")
}

// TestFailuresAreForgotten: nothing is left of them in the end.
func TestFailuresAreForgotten(t *testing.T) {
	w := newWorld(t)
	for i := range 8 {
		w.wrong(fmt.Sprint("nobody-", i), password, anywhere(i))
	}
	w.move(7 * time.Hour)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := w.db.List(t.Context(), accounts.KindTries, "", "", 100); err != nil || len(left) != 0 {
		t.Errorf("%d left, %v", len(left), err)
	}
}
