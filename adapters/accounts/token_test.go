package accounts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

func TestToken(t *testing.T) {
	w := newWorld(t)
	token, made, err := w.AddToken(t.Context(), "admin", accounts.NewToken{
		Name: "erp", As: accounts.Assignment{Role: domain.RoleApplicant}, Identifier: "120540 001238",
		Actions: []access.Action{access.OpenApplication, access.ReadLicenses}, Expires: w.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, "tzl_") || len(token) != 4+43 {
		t.Errorf("token %q", token)
	}
	w.restart()
	grant := access.Grant{Role: domain.RoleApplicant, Actions: []access.Action{access.OpenApplication, access.ReadLicenses}}
	want := accounts.Visitor{Actor: domain.Actor{ID: "token:erp", Name: "erp", Role: domain.RoleApplicant}, Identifier: company, Grant: grant}
	got, err := w.Token(t.Context(), token)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	made.LastUsed = w.Now()
	if all, err := w.Tokens(t.Context()); err != nil || !cmp.Equal([]accounts.Token{made}, all) {
		t.Errorf("%+v, %v", all, err)
	}
	for _, other := range []string{"", "tzl_", "tzl_erp", strings.TrimPrefix(token, "tzl_"), token + "x"} {
		if _, err := w.Token(t.Context(), other); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if w.alive(token) {
		t.Error("a token is a session")
	}
	w.move(time.Hour - time.Microsecond)
	if _, err := w.Token(t.Context(), token); err != nil {
		t.Errorf("before it expires: %v", err)
	}
	w.move(time.Microsecond)
	if _, err := w.Token(t.Context(), token); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("after it has: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	token, _, err := w.AddToken(t.Context(), "admin", accounts.NewToken{Name: "erp", As: auditor, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	w.move(time.Minute)
	if err := w.RevokeToken(t.Context(), "admin", "erp"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Token(t.Context(), token); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("revoked: %v", err)
	}
	revoked := w.Now()
	w.move(time.Minute)
	if err := w.RevokeToken(t.Context(), "somebody", "erp"); err != nil {
		t.Errorf("again: %v", err)
	}
	if all, err := w.Tokens(t.Context()); err != nil || all[0].Revoked != (accounts.Stamp{At: revoked, By: "admin"}) {
		t.Errorf("%+v, %v", all, err)
	}
	if err := w.RevokeToken(t.Context(), "admin", "nothing"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	_, _, err = w.AddToken(t.Context(), "admin", accounts.NewToken{Name: "erp", As: auditor})
	rejected(t, err, accounts.CodeExists, "the name of a revoked one")
}

func TestTokenRefuses(t *testing.T) {
	w := newWorld(t)
	for name, n := range map[string]accounts.NewToken{
		"no name":                 {As: auditor},
		"a path":                  {Name: "../erp", As: auditor},
		"no role":                 {Name: "erp"},
		"an officer of nobody":    {Name: "erp", As: accounts.Assignment{Role: domain.RoleOfficer}},
		"an applicant of nobody":  {Name: "erp", As: accounts.Assignment{Role: domain.RoleApplicant}},
		"not an action":           {Name: "erp", As: auditor, Actions: []access.Action{"everything"}},
		"not the role's action":   {Name: "erp", As: officer, Actions: []access.Action{access.ReadEvents}},
		"reading only, but deeds": {Name: "erp", As: officer, ReadOnly: true, Actions: []access.Action{access.DecideApplication}},
		"expired":                 {Name: "erp", As: auditor, Expires: w.Now()},
	} {
		if _, _, err := w.AddToken(t.Context(), "admin", n); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneTokenOfAName(t *testing.T) {
	w := newWorld(t)
	made := atOnce(t, 10, accounts.CodeExists, func(int) error {
		_, _, err := w.AddToken(t.Context(), "admin", accounts.NewToken{Name: "erp", As: auditor})
		return err
	})
	if made != 1 {
		t.Errorf("%d of one name", made)
	}
}
