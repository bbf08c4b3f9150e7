package accounts_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// card is a key with what its certificate says; its signatures are what the tests' Verify understands.
type card struct {
	accounts.Certificate
	key ed25519.PrivateKey
}

// signature is what stands where a CMS does.
type signature struct {
	Certificate accounts.Certificate
	Key, Value  []byte
}

func newCard(c accounts.Certificate) card {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	return card{c, key}
}

func (c card) sign(challenge string) []byte {
	cms, err := json.Marshal(signature{c.Certificate, c.key.Public().(ed25519.PublicKey), ed25519.Sign(c.key, []byte(challenge))})
	if err != nil {
		panic(err)
	}
	return cms
}

// verify checks it over exactly the challenge.
func verify(_ context.Context, challenge, cms []byte) (accounts.Certificate, error) {
	var s signature
	if err := json.Unmarshal(cms, &s); err != nil || len(s.Key) != ed25519.PublicKeySize || !ed25519.Verify(s.Key, challenge, s.Value) {
		return accounts.Certificate{}, domain.Reject("signature-invalid", "the signature is not over the challenge")
	}
	return s.Certificate, nil
}

func withCertificates(c *accounts.Config) {
	c.Verify, c.Representatives, c.Audience = verify, []string{"head", "signatory"}, "https://licenses.example"
}

func (w *world) challenge() string {
	w.t.Helper()
	c, err := w.Challenge(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// present answers the challenge with the card.
func (w *world) present(c card, challenge string) (accounts.Opened, error) {
	return w.LoginCertificate(w.t.Context(), accounts.Signed{Challenge: challenge, CMS: c.sign(challenge), From: accounts.From{Address: address}})
}

func TestCertificateOfAPerson(t *testing.T) {
	w := newWorld(t, withCertificates)
	c := w.challenge()
	if !strings.HasPrefix(c, "Tizilim login, https://licenses.example, until 2026-11-25T10:05:00Z, ") {
		t.Errorf("challenge %q", c)
	}
	me := newCard(accounts.Certificate{IIN: person, Name: "ТЕСТОВ ТЕСТ"})
	first, err := w.present(me, c)
	if err != nil {
		t.Fatal(err)
	}
	if v := first.Visitor; v.Actor.Role != domain.RoleApplicant || v.Identifier != person || v.Actor.Name != "ТЕСТОВ ТЕСТ" || v.Person != "" {
		t.Errorf("%+v", v)
	}
	w.restart()
	if !w.alive(first.Token) {
		t.Error("no session")
	}
	renewed := newCard(accounts.Certificate{IIN: person, Name: "ЖАҢАЕВ ТЕСТ"}) // another certificate, another name
	again, err := w.present(renewed, w.challenge())
	if err != nil || again.Actor.ID != first.Actor.ID || again.Actor.Name != "ЖАҢАЕВ ТЕСТ" || !w.alive(first.Token) {
		t.Errorf("again: %+v, %v", again.Actor, err)
	}
	if list, err := w.List(t.Context(), "", 10); err != nil || len(list) != 1 || list[0].Login != person || list[0].Name != "ЖАҢАЕВ ТЕСТ" {
		t.Errorf("%+v, %v", list, err)
	}
	// A password can be set, and then the identifier is the login.
	if _, err := w.ChangePassword(t.Context(), first.Actor.ID, "", password, accounts.From{}); err != nil {
		t.Fatal(err)
	}
	if o := w.in(person); o.Actor.ID != first.Actor.ID {
		t.Errorf("by password: %+v", o.Actor)
	}
}

func TestCertificateOfAnOrganization(t *testing.T) {
	w := newWorld(t, withCertificates)
	for role, code := range map[string]string{
		"head": "", "signatory": "", "employee": accounts.CodeRepresents, "": accounts.CodeRepresents,
	} {
		_, err := w.present(newCard(accounts.Certificate{IIN: person, BIN: company, Name: "x", Role: role}), w.challenge())
		if code != "" {
			rejected(t, err, code, "role "+role)
		} else if err != nil {
			t.Errorf("role %s: %v", role, err)
		}
	}
	_, err := w.present(newCard(accounts.Certificate{BIN: company, Role: "head", Name: "x"}), w.challenge())
	rejected(t, err, accounts.CodeNoPerson, "no person")

	one, err := w.present(newCard(accounts.Certificate{IIN: person, BIN: company, Name: "x", Role: "head"}), w.challenge())
	if err != nil || one.Identifier != company || one.Person != person {
		t.Fatalf("%+v, %v", one.Visitor, err)
	}
	other, err := w.present(newCard(accounts.Certificate{IIN: stranger, BIN: company, Name: "y", Role: "signatory"}), w.challenge())
	if err != nil || other.Actor.ID == one.Actor.ID || other.Identifier != company {
		t.Errorf("another person for it: %+v, %v", other.Visitor, err)
	}
	self, err := w.present(newCard(accounts.Certificate{IIN: person, Name: "x"}), w.challenge())
	if err != nil || self.Actor.ID == one.Actor.ID || self.Identifier != person {
		t.Errorf("the same person for themselves: %+v, %v", self.Visitor, err)
	}
}

// TestNoCertificateOpensAnEmployee: an officer with the same IIN is another account.
func TestNoCertificateOpensAnEmployee(t *testing.T) {
	w := newWorld(t, withCertificates)
	clerk, err := w.Add(t.Context(), "test", accounts.NewAccount{Login: "clerk", Name: "x", Identifier: person, Roles: []accounts.Assignment{officer}}, password)
	if err != nil {
		t.Fatal(err)
	}
	o, err := w.present(newCard(accounts.Certificate{IIN: person, Name: "x"}), w.challenge())
	if err != nil || o.Actor.ID == clerk.ID || o.Actor.Role != domain.RoleApplicant || len(o.Roles) != 1 {
		t.Errorf("%+v, %v", o.Visitor, err)
	}
}

// TestCertificateFindsTheApplicant: the administrator's account of an applicant is theirs by certificate too.
func TestCertificateFindsTheApplicant(t *testing.T) {
	w := newWorld(t, withCertificates)
	made, err := w.Add(t.Context(), "test", accounts.NewAccount{Login: "alibek", Name: "Әлібек", Identifier: person, Roles: []accounts.Assignment{{Role: domain.RoleApplicant}}}, password)
	if err != nil {
		t.Fatal(err)
	}
	me := newCard(accounts.Certificate{IIN: person, Name: "Әлібек"})
	o, err := w.present(me, w.challenge())
	if err != nil || o.Actor.ID != made.ID || find(t, w, "alibek").ID != made.ID {
		t.Errorf("%+v, %v", o.Actor, err)
	}
	if _, err := w.Disable(t.Context(), "admin", made.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.present(me, w.challenge())
	rejected(t, err, accounts.CodeRefused, "disabled")
}

func TestChallengeOnce(t *testing.T) {
	w := newWorld(t, withCertificates)
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	c := w.challenge()
	w.restart() // it survives
	if _, err := w.present(me, c); err != nil {
		t.Fatal(err)
	}
	_, err := w.present(me, c)
	rejected(t, err, accounts.CodeChallenge, "replayed")
	w.restart()
	_, err = w.present(me, c)
	rejected(t, err, accounts.CodeChallenge, "replayed after a restart")
	_, err = w.present(newCard(accounts.Certificate{IIN: stranger, Name: "y"}), c)
	rejected(t, err, accounts.CodeChallenge, "replayed by somebody else")
}

// TestChallengeOnceAtOnce: of many logins with one signature one is made, on whatever node.
func TestChallengeOnceAtOnce(t *testing.T) {
	w := newWorld(t, withCertificates)
	other := w.beside(withCertificates)
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	c := w.challenge()
	opened := atOnce(t, 20, accounts.CodeChallenge, func(i int) error {
		_, err := []*world{w, other}[i%2].LoginCertificate(t.Context(), accounts.Signed{Challenge: c, CMS: me.sign(c)})
		return err
	})
	if list, err := w.List(t.Context(), "", 10); opened != 1 || err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %d accounts, %v", opened, len(list), err)
	}
}

// TestFirstLoginsMeet: one account, however many first logins there are at once.
func TestFirstLoginsMeet(t *testing.T) {
	w := newWorld(t, withCertificates)
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	var all sync.WaitGroup
	for range 10 {
		c := w.challenge()
		all.Go(func() {
			if _, err := w.LoginCertificate(t.Context(), accounts.Signed{Challenge: c, CMS: me.sign(c)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := w.List(t.Context(), "", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d accounts, %v", len(list), err)
	}
	if sessions, err := w.Sessions(t.Context(), list[0].ID); err != nil || len(sessions) != 10 {
		t.Errorf("%d sessions, %v", len(sessions), err)
	}
}

func TestChallengesThatAreNone(t *testing.T) {
	w := newWorld(t, withCertificates)
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	c := w.challenge()
	later := strings.Replace(c, "10:05:00", "23:05:00", 1)
	for name, challenge := range map[string]string{
		"empty": "", "a text": "Tizilim login", "prolonged": later, "cut": c[:len(c)-1], "longer": c + ", x",
		"for elsewhere": strings.Replace(c, "licenses.example", "evil.example", 1),
	} {
		_, err := w.present(me, challenge)
		rejected(t, err, accounts.CodeChallenge, name)
	}
	_, err := newWorld(t, withCertificates).present(me, c)
	rejected(t, err, accounts.CodeChallenge, "another installation's")
	w.move(5*time.Minute - time.Microsecond)
	if _, err := w.present(me, c); err != nil {
		t.Errorf("a moment before its end: %v", err)
	}
	old := w.challenge()
	w.move(5 * time.Minute)
	_, err = w.present(me, old)
	rejected(t, err, accounts.CodeChallenge, "too old")
	if err := w.Sweep(t.Context()); err != nil { // and what was used is forgotten only when that is too old
		t.Fatal(err)
	}
	_, err = w.present(me, c)
	rejected(t, err, accounts.CodeChallenge, "used, and too old")
}

// TestWrongSignatures: they are refused, they leave the challenge as it was, and from one address there are not many.
func TestWrongSignatures(t *testing.T) {
	w := newWorld(t, withCertificates)
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	c := w.challenge()
	for i := range 20 {
		_, err := w.LoginCertificate(t.Context(), accounts.Signed{Challenge: c, CMS: me.sign(w.challenge()), From: accounts.From{Address: "10.0.0.1"}})
		rejected(t, err, "signature-invalid", fmt.Sprint("wrong ", i))
	}
	_, err := w.LoginCertificate(t.Context(), accounts.Signed{Challenge: c, CMS: me.sign(c), From: accounts.From{Address: "10.0.0.1"}})
	rejected(t, err, accounts.CodeTooMany, "from the same address")
	if _, err := w.present(me, c); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

// TestVerifierIsDown: the same signature is good a little later.
func TestVerifierIsDown(t *testing.T) {
	down := true
	w := newWorld(t, withCertificates, func(c *accounts.Config) {
		c.Verify = func(ctx context.Context, challenge, cms []byte) (accounts.Certificate, error) {
			if down {
				return accounts.Certificate{}, fmt.Errorf("OCSP: %w", domain.ErrUnavailable)
			}
			return verify(ctx, challenge, cms)
		}
	})
	me := newCard(accounts.Certificate{IIN: person, Name: "x"})
	c := w.challenge()
	for range 30 {
		if _, err := w.present(me, c); !errors.Is(err, domain.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	down = false
	if _, err := w.present(me, c); err != nil {
		t.Error(err)
	}
}

// TestChallengesAreNotStored: whoever asks for many fills nothing.
func TestChallengesAreNotStored(t *testing.T) {
	w := newWorld(t, withCertificates)
	for range 100 {
		w.challenge()
	}
	if used, err := w.db.List(t.Context(), accounts.KindUsed, "", "", 10); err != nil || len(used) != 0 {
		t.Errorf("%d stored, %v", len(used), err)
	}
	if _, err := newWorld(t).present(newCard(accounts.Certificate{IIN: person}), w.challenge()); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("without a verifier: %v", err)
	}
}
