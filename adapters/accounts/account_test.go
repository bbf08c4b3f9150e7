package accounts_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

func TestAdd(t *testing.T) {
	w := newWorld(t)
	made, err := w.Add(t.Context(), "admin", accounts.NewAccount{
		Login: " Aigerim@Trade ", Name: "Айгерім", Identifier: "850312-300121", Roles: []accounts.Assignment{officer, auditor},
	}, password)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	stamp := accounts.Stamp{At: w.Now(), By: "admin"}
	want := accounts.AccountInfo{Password: true, Account: accounts.Account{
		ID: made.ID, Login: "aigerim@trade", Name: "Айгерім", Identifier: person,
		Roles: []accounts.Assignment{officer, auditor}, Created: stamp, Changed: stamp,
	}}
	for _, by := range []string{"AIGERIM@trade", made.ID} {
		got, err := w.Find(t.Context(), by)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("by %s: %v\n%s", by, err, diff)
		}
	}
	if _, err := w.Find(t.Context(), "nobody"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	w := newWorld(t)
	applicant := accounts.Assignment{Role: domain.RoleApplicant}
	good := accounts.NewAccount{Login: "aigerim", Name: "Айгерім", Roles: []accounts.Assignment{officer}}
	for name, change := range map[string]func(*accounts.NewAccount){
		"no login":             func(n *accounts.NewAccount) { n.Login = "" },
		"a space":              func(n *accounts.NewAccount) { n.Login = "ai gerim" },
		"not ASCII":            func(n *accounts.NewAccount) { n.Login = "айгерім" },
		"one letter":           func(n *accounts.NewAccount) { n.Login = "a" },
		"no name":              func(n *accounts.NewAccount) { n.Name = " " },
		"a long name":          func(n *accounts.NewAccount) { n.Name = strings.Repeat("ә", 201) },
		"an id that is a path": func(n *accounts.NewAccount) { n.ID = "../x" },
		"an unknown role":      func(n *accounts.NewAccount) { n.Roles = []accounts.Assignment{{Role: "king"}} },
		"the system itself":    func(n *accounts.NewAccount) { n.Roles = []accounts.Assignment{{Role: domain.RoleSystem}} },
		"an officer of nobody": func(n *accounts.NewAccount) { n.Roles = []accounts.Assignment{{Role: domain.RoleOfficer}} },
		"an auditor of somebody": func(n *accounts.NewAccount) {
			n.Roles = []accounts.Assignment{{Role: domain.RoleAuditor, Organization: "x"}}
		},
		"a role twice":               func(n *accounts.NewAccount) { n.Roles = []accounts.Assignment{officer, officer} },
		"an applicant who is nobody": func(n *accounts.NewAccount) { n.Roles = []accounts.Assignment{applicant} },
		"an applicant who is officer": func(n *accounts.NewAccount) {
			n.Identifier, n.Roles = person, []accounts.Assignment{applicant, officer}
		},
		"somebody's IIN as a login": func(n *accounts.NewAccount) { n.Login = person },
		"another's IIN as a login": func(n *accounts.NewAccount) {
			n.Login, n.Identifier, n.Roles = person, stranger, []accounts.Assignment{applicant}
		},
	} {
		n := good
		change(&n)
		if _, err := w.Add(t.Context(), "test", n, password); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := good
	broken.Identifier = "850312300129"
	_, err := w.Add(t.Context(), "test", broken, "")
	rejected(t, err, "identifier-check-digit", "a broken identifier")
	if all, err := w.List(t.Context(), "", 10); err != nil || len(all) != 0 {
		t.Errorf("%d accounts, %v", len(all), err)
	}
	if _, err := w.Add(t.Context(), "test", good, ""); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestUnique(t *testing.T) {
	w := newWorld(t)
	applicant := accounts.NewAccount{ID: "a-1", Login: "first", Name: "x", Identifier: person, Roles: []accounts.Assignment{{Role: domain.RoleApplicant}}}
	if _, err := w.Add(t.Context(), "test", applicant, ""); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*accounts.NewAccount){
		"login":     func(n *accounts.NewAccount) { n.ID, n.Identifier = "a-2", stranger },
		"applicant": func(n *accounts.NewAccount) { n.ID, n.Login = "a-2", "second" },
		"id":        func(n *accounts.NewAccount) { n.Login, n.Identifier = "second", stranger },
	} {
		n := applicant
		change(&n)
		_, err := w.Add(t.Context(), "test", n, "")
		rejected(t, err, accounts.CodeExists, name)
	}
	// Two people act for one organization.
	for i, who := range []string{person, stranger} {
		n := accounts.NewAccount{Login: fmt.Sprint("for-company-", i), Name: "x", Identifier: company, Person: who, Roles: applicant.Roles}
		if _, err := w.Add(t.Context(), "test", n, ""); err != nil {
			t.Errorf("%s for the company: %v", who, err)
		}
	}
}

// TestOneGetsTheLogin: of many who want a login at once one gets it, and the others are told.
func TestOneGetsTheLogin(t *testing.T) {
	w := newWorld(t)
	got := atOnce(t, 20, accounts.CodeExists, func(int) error {
		_, err := w.Add(t.Context(), "test", accounts.NewAccount{Login: "wanted", Name: "x"}, "")
		return err
	})
	if list, err := w.List(t.Context(), "", 100); got != 1 || len(list) != 1 {
		t.Errorf("%d got it, %d accounts, %v", got, len(list), err)
	}
}

func TestEdit(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	w.move(time.Minute)
	got, err := w.Edit(t.Context(), "admin", a.ID, accounts.Edit{Login: "aigerim.b", Name: "Айгерім Б.", Identifier: person})
	if err != nil || got.Login != "aigerim.b" || got.Name != "Айгерім Б." || got.Identifier != person || got.Changed != (accounts.Stamp{At: w.Now(), By: "admin"}) {
		t.Errorf("%+v, %v", got, err)
	}
	w.add("aigerim") // the login is free again
	if _, err := w.Find(t.Context(), "aigerim.b"); err != nil {
		t.Errorf("by the new login: %v", err)
	}
	_, err = w.Edit(t.Context(), "admin", a.ID, accounts.Edit{Login: "aigerim"})
	rejected(t, err, accounts.CodeExists, "another's login")
	before, _ := w.Account(t.Context(), a.ID)
	w.move(time.Minute)
	if after, err := w.Edit(t.Context(), "admin", a.ID, accounts.Edit{Name: "Айгерім Б."}); err != nil || !cmp.Equal(before.Account, after) {
		t.Errorf("nothing to change: %+v, %v", after, err)
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	got, err := w.AddRole(t.Context(), "admin", a.ID, head)
	if diff := cmp.Diff([]accounts.Assignment{officer, head}, got.Roles); diff != "" || err != nil {
		t.Errorf("added: %v\n%s", err, diff)
	}
	if got, err = w.AddRole(t.Context(), "admin", a.ID, head); err != nil || len(got.Roles) != 2 {
		t.Errorf("added again: %v, %v", got.Roles, err)
	}
	got, err = w.RemoveRole(t.Context(), "admin", a.ID, officer)
	if diff := cmp.Diff([]accounts.Assignment{head}, got.Roles); diff != "" || err != nil {
		t.Errorf("removed: %v\n%s", err, diff)
	}
	if _, err := w.RemoveRole(t.Context(), "admin", a.ID, officer); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("removed again: %v", err)
	}
	if _, err := w.AddRole(t.Context(), "admin", "nobody", head); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	if got := actions(w.logged(accounts.Question{})); got != "account-added role-added role-removed" {
		t.Errorf("logged: %s", got)
	}
}

// TestChangesMeet: of changes made at once none is lost.
func TestChangesMeet(t *testing.T) {
	w := newWorld(t)
	a := w.add("aigerim")
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			r := accounts.Assignment{Role: domain.RoleOfficer, Organization: fmt.Sprintf("licensor-%d", i)}
			if _, err := w.AddRole(t.Context(), "admin", a.ID, r); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, err := w.Account(t.Context(), a.ID); err != nil || len(got.Roles) != 11 {
		t.Errorf("%d roles, %v", len(got.Roles), err)
	}
}

// TestRemove: an account that was removed leaves nothing of the person in the file but what the access
// log keeps, and there only an id.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	a, err := w.Add(t.Context(), "admin", accounts.NewAccount{Login: "zhibek", Name: "Жібек", Roles: []accounts.Assignment{officer}}, password)
	if err != nil {
		t.Fatal(err)
	}
	session := w.in("zhibek")
	if err := w.Remove(t.Context(), "admin", a.ID); err != nil {
		t.Fatal(err)
	}
	if w.alive(session.Token) {
		t.Error("the session goes on")
	}
	if err := w.Remove(t.Context(), "admin", a.ID); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
	w.restart()
	text, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"zhibek", "Жібек", "argon2id"} {
		if bytes.Contains(text, []byte(what)) {
			t.Errorf("%q is still in the file", what)
		}
	}
	w.add("zhibek") // and the login is free
}

func TestList(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		if _, err := w.Add(t.Context(), "test", accounts.NewAccount{ID: fmt.Sprint("id-", i), Login: fmt.Sprint("login-", i), Name: "x"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for after := ""; ; {
		page, err := w.List(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page {
			got = append(got, a.ID)
			after = a.ID
		}
		if len(page) < 2 {
			break
		}
	}
	if diff := cmp.Diff([]string{"id-0", "id-1", "id-2", "id-3", "id-4"}, got); diff != "" {
		t.Error(diff)
	}
}
