package accounts_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// reference was made by the reference implementation's command: the password is "Құпия сөз 2026!".
const reference = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$7r1onreH8rvqFOi36zOVCT7VmTAU67a0XDHdX68oZ74"

// TestReferenceHash: a hash that another program made is understood, and what is stored could be
// understood by another program.
func TestReferenceHash(t *testing.T) {
	cost, salt, key, err := accounts.DecodeHash(reference)
	if err != nil || cost != accounts.DefaultHash || string(salt) != "somesaltsomesalt" || len(key) != 32 {
		t.Fatalf("%+v, %q, %d, %v", cost, salt, len(key), err)
	}
	if got := accounts.EncodeHash(cost, salt, key); got != reference {
		t.Errorf("encoded again: %s", got)
	}
	w := newWorld(t, func(c *accounts.Config) { c.Hash = accounts.DefaultHash })
	w.add("aigerim")
	rehashAs(t, w, reference)
	if _, err := w.login("aigerim", "Құпия сөз 2026!", address); err != nil {
		t.Errorf("the reference's password: %v", err)
	}
}

// rehashAs puts another hash into the only account's record.
func rehashAs(t *testing.T, w *world, hash string) {
	t.Helper()
	records, err := w.db.List(t.Context(), accounts.KindAccount, "", "", 2)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d accounts, %v", len(records), err)
	}
	r := records[0]
	before, rest, _ := bytes.Cut(r.Data, []byte(`"password":"`))
	_, after, _ := bytes.Cut(rest, []byte(`"`))
	r.Data = []byte(string(before) + `"password":"` + hash + `"` + string(after))
	if err := w.db.Write(t.Context(), accounts.Change{Kind: accounts.KindAccount, Record: r}); err != nil {
		t.Fatal(err)
	}
}

// hashOf is the only account's hash.
func hashOf(t *testing.T, w *world) string {
	t.Helper()
	records, err := w.db.List(t.Context(), accounts.KindAccount, "", "", 2)
	if err != nil || len(records) != 1 {
		t.Fatalf("%d accounts, %v", len(records), err)
	}
	_, rest, _ := bytes.Cut(records[0].Data, []byte(`"password":"`))
	hash, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(hash)
}

func TestDamagedHashes(t *testing.T) {
	for _, s := range []string{
		"", "password", strings.Replace(reference, "argon2id", "argon2i", 1), strings.Replace(reference, "v=19", "v=16", 1),
		strings.Replace(reference, "m=19456", "m=0", 1), strings.Replace(reference, "m=19456", "m=99999999", 1),
		strings.Replace(reference, "t=2", "t=0", 1), strings.Replace(reference, "t=2", "t=-2", 1), strings.Replace(reference, "p=1", "p=300", 1),
		strings.Replace(reference, ",p=1", "", 1), strings.Replace(reference, "m=19456,t=2", "t=2,m=19456", 1),
		strings.Replace(reference, "c29tZXNhbHRzb21lc2FsdA", "", 1), reference + "$", reference + "=", reference[:len(reference)-30],
	} {
		if _, _, _, err := accounts.DecodeHash(s); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzDecodeHash(f *testing.F) {
	f.Add(reference)
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		cost, salt, key, err := accounts.DecodeHash(s)
		if err != nil {
			return
		}
		again, salt2, key2, err := accounts.DecodeHash(accounts.EncodeHash(cost, salt, key))
		if err != nil || again != cost || !bytes.Equal(salt, salt2) || !bytes.Equal(key, key2) || cost.Memory == 0 || cost.Time == 0 || cost.Threads == 0 {
			t.Errorf("%q is %+v, and again %+v, %v", s, cost, again, err)
		}
	})
}

// TestRehash: who logs in with a hash of another cost gets one of today's, and stays logged in elsewhere.
func TestRehash(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	elsewhere := w.in("aigerim")
	old := hashOf(t, w)
	w.in("aigerim")
	if hashOf(t, w) != old {
		t.Error("hashed anew without need")
	}
	w.config = func(c *accounts.Config) { c.Hash = accounts.HashCost{Memory: 128, Time: 2, Threads: 1} }
	w.restart()
	if _, err := w.login("aigerim", "another password", address); err == nil || hashOf(t, w) != old {
		t.Errorf("a wrong password changed the hash: %v", err)
	}
	w.in("aigerim")
	if got := hashOf(t, w); !strings.Contains(got, "m=128,t=2,p=1") {
		t.Errorf("not hashed anew: %s", got)
	}
	w.in("aigerim")
	if !w.alive(elsewhere.Token) {
		t.Error("the other session has ended")
	}
}

func TestPasswordRules(t *testing.T) {
	w := newWorld(t)
	a, err := w.Add(t.Context(), "test", accounts.NewAccount{Login: "aigerim", Name: "x", Identifier: person, Roles: []accounts.Assignment{officer}}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ password, code string }{
		{"", accounts.CodePasswordShort},
		{"сөз сөз сөз", accounts.CodePasswordShort}, // eleven characters of many bytes
		{"\xff\xfe\xfd\xfc not a text", accounts.CodePasswordShort},
		{strings.Repeat("long ", 52), accounts.CodePasswordLong},
		{"abababababab", accounts.CodePasswordEasy},
		{"xx AIGERIM xx", accounts.CodePasswordEasy},
		{"iin " + person, accounts.CodePasswordEasy},
		{"сөз сөз сөз.", ""},
		{strings.Repeat("ұзақ ", 51), ""},
	} {
		_, err := w.SetPassword(t.Context(), "test", a.ID, tt.password)
		if tt.code != "" {
			rejected(t, err, tt.code, tt.password)
		} else if err != nil {
			t.Errorf("%q: %v", tt.password, err)
		}
	}
}

// TestSpellings: one text is one password, however the keyboard composes it.
func TestSpellings(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	if _, err := w.SetPassword(t.Context(), "test", find(t, w, "aigerim").ID, "Майқұдық көшесі"); err != nil {
		t.Fatal(err)
	}
	apart := norm.NFD.String("Майқұдық көшесі")
	if apart == "Майқұдық көшесі" {
		t.Fatal("the spellings are the same")
	}
	if _, err := w.login("aigerim", apart, address); err != nil {
		t.Errorf("decomposed: %v", err)
	}
}

func find(t *testing.T, w *world, login string) accounts.AccountInfo {
	t.Helper()
	a, err := w.Find(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	from := accounts.From{Address: address}
	_, err := w.ChangePassword(t.Context(), a.ID, "not the password", "Жаңа құпия сөз", from)
	rejected(t, err, accounts.CodeRefused, "without the present one")
	session := w.in("aigerim")
	if _, err := w.ChangePassword(t.Context(), a.ID, password, "Жаңа құпия сөз", from); err != nil {
		t.Fatal(err)
	}
	if w.alive(session.Token) {
		t.Error("the session goes on")
	}
	if _, err := w.login("aigerim", password, address); err == nil {
		t.Error("the old password still opens")
	}
	if _, err := w.login("aigerim", "Жаңа құпия сөз", address); err != nil {
		t.Errorf("the new one: %v", err)
	}
	// Guessing the present password is guessing.
	for range 5 {
		_, err = w.ChangePassword(t.Context(), a.ID, "not the password", "Тағы бір құпия сөз", from)
		rejected(t, err, accounts.CodeRefused, "a guess")
	}
	_, err = w.ChangePassword(t.Context(), a.ID, "Жаңа құпия сөз", "Тағы бір құпия сөз", from)
	rejected(t, err, accounts.CodeRefused, "the right one, locked")
}

// TestTurns: hashes wait for their turn, and are turned away when it does not come.
func TestTurns(t *testing.T) {
	w := newWorld(t, func(c *accounts.Config) { c.Hashes, c.HashWait = 1, 1 })
	w.add("aigerim")
	release := w.Occupy()
	for _, login := range []string{"aigerim", "nobody"} {
		if _, err := w.login(login, password, address); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%s: %v", login, err)
		}
	}
	release()
	w.in("aigerim")
}

// TestNoSecretIsStored: with a copy of the file nobody logs in.
func TestNoSecretIsStored(t *testing.T) {
	w := newWorld(t)
	w.add("aigerim")
	session := w.in("aigerim")
	token, _, err := w.AddToken(t.Context(), "test", accounts.NewToken{Name: "erp", As: auditor})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.login(password, password, address); err == nil { // the password where the login belongs
		t.Fatal("logged in")
	}
	w.restart()
	text, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"session": session.Token, "token": strings.TrimPrefix(token, access.TokenPrefix), "password": password} {
		if len(secret) < 12 || bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(strings.ToLower(secret))) {
			t.Errorf("the %s is in the file", name)
		}
	}
}
