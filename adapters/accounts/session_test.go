package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

func TestSession(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim", officer, auditor)
	opened := w.in("aigerim")
	want := accounts.Visitor{
		Actor: domain.Actor{ID: a.ID, Name: a.Name, Role: domain.RoleOfficer, Organization: "trade-committee"},
		Roles: []accounts.Assignment{officer, auditor}, Grant: access.Grant{Role: domain.RoleOfficer}, Session: opened.Session,
	}
	w.restart()
	got, err := w.Session(t.Context(), opened.Token)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if !opened.Ends.Equal(w.Now().Add(12*time.Hour)) || len(opened.Token) != 43 {
		t.Errorf("%+v", opened)
	}
	for _, token := range []string{"", "x", opened.Session, strings.ToUpper(opened.Token), opened.Token + " "} {
		if w.alive(token) {
			t.Errorf("%q is a session", token)
		}
	}
}

// TestTokensDiffer: no id is given twice, nor is one like another.
func TestTokensDiffer(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	seen := map[string]bool{}
	for range 50 {
		o := w.in("aigerim")
		if seen[o.Token[:8]] || seen[o.Session] {
			t.Fatalf("%s again", o.Token)
		}
		seen[o.Token[:8]], seen[o.Session] = true, true
	}
}

func TestIdleAndAbsoluteEnd(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	used := w.in("aigerim")
	begin := w.Now()
	for w.Now().Before(begin.Add(12*time.Hour - 28*time.Minute)) {
		w.move(28 * time.Minute)
		if !w.alive(used.Token) {
			t.Fatalf("ended while it was used, after %s", w.Now().Sub(begin))
		}
	}
	w.move(begin.Add(12*time.Hour - time.Microsecond).Sub(w.Now()))
	if !w.alive(used.Token) {
		t.Error("ended before 12 hours")
	}
	w.move(time.Microsecond)
	if w.alive(used.Token) {
		t.Error("goes on after 12 hours")
	}

	idle := w.in("aigerim")
	w.move(30*time.Minute - time.Microsecond)
	w.restart()
	if !w.alive(idle.Token) {
		t.Error("ended before 30 minutes")
	}
	w.move(30 * time.Minute)
	if w.alive(idle.Token) {
		t.Error("goes on after 30 minutes")
	}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := w.db.List(t.Context(), accounts.KindSession, "", "", 100); err != nil || len(left) != 0 {
		t.Errorf("%d left, %v", len(left), err)
	}
}

// TestUseIsWrittenDownSeldom: a request does not cost a flush.
func TestUseIsWrittenDownSeldom(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	o := w.in("aigerim")
	revision := func() int64 {
		r, err := w.db.List(t.Context(), accounts.KindSession, "", "", 2)
		if err != nil || len(r) != 1 {
			t.Fatalf("%d sessions, %v", len(r), err)
		}
		return r[0].Revision
	}
	begun := revision()
	for range 59 {
		w.move(time.Second)
		w.alive(o.Token)
	}
	if revision() != begun {
		t.Error("written within a minute")
	}
	w.move(time.Second)
	w.alive(o.Token)
	if revision() == begun {
		t.Error("not written after a minute")
	}
}

// TestWhatEndsSessions: each of these ends the sessions of the account at once, also for a node that did
// not do it, and nobody else's.
func TestWhatEndsSessions(t *testing.T) {
	w := newWorld(t)
	a, other := w.add("aigerim"), w.add("other")
	elsewhere := newWorld(t) // another process with the same file
	elsewhere.stop()
	elsewhere.path, elsewhere.clock = w.path, w.clock
	elsewhere.start()
	for name, end := range map[string]func() error{
		"logout":   func() error { return nil },
		"password": func() error { _, err := elsewhere.SetPassword(t.Context(), "admin", a.ID, password); return err },
		"own password": func() error {
			_, err := elsewhere.ChangePassword(t.Context(), a.ID, password, password, accounts.From{Address: address})
			return err
		},
		"role given": func() error { _, err := elsewhere.AddRole(t.Context(), "admin", a.ID, head); return err },
		"role taken": func() error { _, err := elsewhere.RemoveRole(t.Context(), "admin", a.ID, head); return err },
		"identifier": func() error {
			_, err := elsewhere.Edit(t.Context(), "admin", a.ID, accounts.Edit{Identifier: person})
			return err
		},
		"administrator": func() error { return elsewhere.EndSessions(t.Context(), "admin", a.ID) },
		"disabled": func() error {
			_, err := elsewhere.Disable(t.Context(), "admin", a.ID)
			return err
		},
	} {
		if name == "role taken" {
			if _, err := w.AddRole(t.Context(), "admin", a.ID, head); err != nil {
				t.Fatal(err)
			}
		}
		mine, also, others := w.in("aigerim"), w.in("aigerim"), w.in("other")
		if name == "logout" {
			if err := elsewhere.End(t.Context(), mine.Token); err != nil {
				t.Fatal(err)
			}
			if !w.alive(also.Token) {
				t.Error("a logout ended another session")
			}
			if err := w.End(t.Context(), also.Token); err != nil {
				t.Fatal(err)
			}
		}
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.alive(mine.Token) || w.alive(also.Token) || !w.alive(others.Token) {
			t.Errorf("%s: alive %v, %v, and somebody else's %v", name, w.alive(mine.Token), w.alive(also.Token), w.alive(others.Token))
		}
		if name == "disabled" {
			w.wrong("aigerim", password, address)
			if _, err := w.Enable(t.Context(), "admin", a.ID); err != nil {
				t.Fatal(err)
			}
			if w.alive(mine.Token) {
				t.Error("the session came back")
			}
		}
		w.in("aigerim")
	}
	if list, err := w.Sessions(t.Context(), other.ID); err != nil || len(list) == 0 {
		t.Errorf("%d, %v", len(list), err)
	}
}

// TestFixation: a login never goes on under an id that the browser came with.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	w.add("mallory")
	planted := w.in("mallory")
	o, err := w.Login(t.Context(), accounts.Password{Login: "aigerim", Password: password, From: accounts.From{Address: address, Previous: planted.Token}})
	if err != nil {
		t.Fatal(err)
	}
	if o.Token == planted.Token || w.alive(planted.Token) || !w.alive(o.Token) {
		t.Errorf("the planted session: same %v, alive %v", o.Token == planted.Token, w.alive(planted.Token))
	}
	again, err := w.Login(t.Context(), accounts.Password{Login: "aigerim", Password: password, From: accounts.From{Address: address, Previous: "never was"}})
	if err != nil || !w.alive(again.Token) || !w.alive(o.Token) {
		t.Errorf("with an id that never was: %v", err)
	}
}

// TestAct: one acts in one role at a time, and changes it under a new id.
func TestAct(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim", officer, auditor)
	o, err := w.Login(t.Context(), accounts.Password{Login: "aigerim", Password: password, From: accounts.From{As: auditor}})
	if err != nil || o.Actor.Role != domain.RoleAuditor || o.Actor.Organization != "" {
		t.Fatalf("%+v, %v", o.Actor, err)
	}
	w.move(time.Hour - 35*time.Minute)
	next, err := w.Act(t.Context(), o.Token, officer)
	if err != nil || next.Actor.Role != domain.RoleOfficer || next.Grant.Role != domain.RoleOfficer || !next.Ends.Equal(o.Ends) {
		t.Errorf("%+v, %v: the end stays %s", next, err, o.Ends)
	}
	if w.alive(o.Token) || !w.alive(next.Token) {
		t.Errorf("alive: the old one %v, the new one %v", w.alive(o.Token), w.alive(next.Token))
	}
	if _, err := w.Act(t.Context(), next.Token, head); !errors.Is(err, domain.ErrForbidden) {
		t.Errorf("a role they do not have: %v", err)
	}
	if _, err := w.Act(t.Context(), o.Token, officer); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("with the session that has ended: %v", err)
	}
	_, err = w.Login(t.Context(), accounts.Password{Login: "aigerim", Password: password, From: accounts.From{As: head}})
	rejected(t, err, accounts.CodeRefused, "a login in a role they do not have")
}

// TestActOnce: of many changes of role with one session one is made.
func TestActOnce(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim", officer, auditor)
	o := w.in("aigerim")
	var all sync.WaitGroup
	opened := make(chan string, 10)
	for range 10 {
		all.Go(func() {
			next, err := w.Act(t.Context(), o.Token, auditor)
			if err == nil {
				opened <- next.Token
			} else if !errors.Is(err, domain.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(opened) != 1 {
		t.Errorf("%d sessions of one", len(opened))
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	w := newWorld(t)
	a, b := w.add("aigerim"), w.add("berik")
	first := w.in("aigerim")
	w.move(time.Second)
	second, others := w.in("aigerim"), w.in("berik")
	list, err := w.Sessions(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	begun := w.Now()
	want := []accounts.SessionInfo{
		{ID: second.Session, Account: a.ID, As: officer, Method: "password", Address: "10.1.2.3", Began: begun, Seen: begun, Ends: begun.Add(30 * time.Minute)},
		{ID: first.Session, Account: a.ID, As: officer, Method: "password", Address: "10.1.2.3", Began: begun.Add(-time.Second), Seen: begun.Add(-time.Second), Ends: begun.Add(30*time.Minute - time.Second)},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if all, err := w.Sessions(t.Context(), ""); err != nil || len(all) != 3 {
		t.Errorf("%d of everybody, %v", len(all), err)
	}
	for name, id := range map[string]string{"none": "", "somebody else's": others.Session, "a token": first.Token} {
		if err := w.EndSession(t.Context(), "admin", a.ID, id); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.EndSession(t.Context(), "admin", a.ID, first.Session); err != nil {
		t.Fatal(err)
	}
	if w.alive(first.Token) || !w.alive(second.Token) {
		t.Error("the wrong one has ended")
	}
	if err := w.EndSessions(t.Context(), "admin", b.ID); err != nil {
		t.Fatal(err)
	}
	if all, err := w.Sessions(t.Context(), ""); err != nil || len(all) != 1 || all[0].ID != second.Session {
		t.Errorf("what is left: %+v, %v", all, err)
	}
}

// TestLoginsAreLogged: who logged in, and where it failed, is in the access log, without what was typed.
func TestLoginsAreLogged(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	w.in("aigerim")
	w.wrong("aigerim", "a wrong password", "[2001:db8::1]:5")
	w.wrong("my-password-by-mistake", "x", address)
	entries := w.logged(accounts.Question{})
	slices.Reverse(entries)
	if got := actions(w.logged(accounts.Question{})); got != "account-added logged-in login-refused login-refused" {
		t.Fatalf("logged: %s", got)
	}
	want := []accounts.Entry{
		{At: w.Now(), Account: a.ID, Role: domain.RoleOfficer, Organization: "trade-committee", Address: "10.1.2.3", Action: "logged-in", Kind: "account", Thing: a.ID, Route: "password"},
		{At: w.Now(), Address: "2001:db8::/64", Action: "login-refused", Kind: "account", Thing: a.ID},
		{At: w.Now(), Address: "10.1.2.3", Action: "login-refused", Kind: "account"},
	}
	if diff := cmp.Diff(want, entries[1:]); diff != "" {
		t.Error(diff)
	}
}
