package api_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/api/v1"
)

// TestAdministration makes an account, changes it in every way, and erases it.
func TestAdministration(t *testing.T) {
	w := newWorld(t)
	wish := v1.NewAccount{
		Login: "Aigerim", Name: "Айгерім", Identifier: clerk, Password: password,
		Roles: []v1.Role{{Role: "officer", Organization: "trade-committee"}},
	}
	key := []string{"Idempotency-Key", "make-aigerim"}
	made := decode[v1.Account](w.call("admin", "POST", "/api/v1/accounts", wish, key...).want(201))
	if made.Login != "aigerim" || made.Created.By != "admin" || !made.HasPassword || made.ID == "" || made.Lock != nil {
		t.Errorf("made %+v", made)
	}
	if diff := cmp.Diff(made, decode[v1.Account](w.call("admin", "POST", "/api/v1/accounts", wish, key...).want(201))); diff != "" {
		t.Errorf("the same again:\n%s", diff)
	}
	w.call("admin", "POST", "/api/v1/accounts", wish).want(409, "account-exists")
	weak := wish
	weak.Password = "short"
	w.call("admin", "POST", "/api/v1/accounts", weak, key...).want(422)
	other := wish
	other.Name = "Berik"
	w.call("admin", "POST", "/api/v1/accounts", other, key...).want(422, "idempotency-key-reused")

	at := "/api/v1/accounts/" + made.ID
	changed := func(r *reply) v1.Account { t.Helper(); return decode[v1.Account](r.want(200)) }
	if a := changed(w.call("admin", "PUT", at, v1.AccountEdit{Name: "Айгерім Бекова"})); a.Name != "Айгерім Бекова" || a.Identifier != clerk {
		t.Errorf("edited %+v", a)
	}
	if a := changed(w.call("admin", "POST", at+"/roles", v1.Role{Role: "auditor"})); len(a.Roles) != 2 {
		t.Errorf("with another role %+v", a)
	}
	if a := changed(w.call("admin", "DELETE", at+"/roles/officer?organization=trade-committee", nil)); len(a.Roles) != 1 || a.Roles[0].Role != "auditor" {
		t.Errorf("without a role %+v", a)
	}
	w.call("admin", "DELETE", at+"/roles/officer?organization=trade-committee", nil).want(404)
	for range 5 {
		w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: "a wrong password"}).want(401)
	}
	if a := changed(w.call("auditor", "GET", at, nil)); a.Lock == nil || a.Lock.Failures != 5 || a.Lock.Until == nil {
		t.Errorf("locked %+v", a.Lock)
	}
	w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: password}).want(401)
	if u := decode[v1.Unlocked](w.call("admin", "DELETE", at+"/lock", nil).want(200)); !u.Unlocked {
		t.Error("nothing to unlock")
	}
	w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: password}).want(201)
	if list := decode[v1.Sessions](w.call("auditor", "GET", at+"/sessions", nil).want(200)).Items; len(list) != 1 || list[0].Current {
		t.Errorf("sessions %+v", list)
	}
	w.call("admin", "PUT", at+"/password", v1.NewPassword{Password: "short"}).want(422, "password-short")
	w.call("admin", "PUT", at+"/password", v1.NewPassword{Password: "Ақ боз ат 2026"}).want(200)
	w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: "Ақ боз ат 2026"}).want(201)
	w.call("admin", "DELETE", at, nil).want(204)
	w.call("auditor", "GET", at, nil).want(404)
	w.call("", "POST", "/api/v1/sessions", v1.Login{Login: "aigerim", Password: "Ақ боз ат 2026"}).want(401)
}

// TestAdministrationRefuses what is no sound account or token, and says where.
func TestAdministrationRefuses(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		path     string
		body     any
		code     string
		location string
	}{
		"no licensor":     {"/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x", Roles: []v1.Role{{Role: "officer", Organization: "trade"}}}, "licensor-unknown", "body.roles[0].organization"},
		"check digit":     {"/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x", Identifier: "120540001239"}, "identifier-check-digit", "body.identifier"},
		"check digit too": {"/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x", Person: "120540001239"}, "identifier-check-digit", "body.person"},
		"login":           {"/api/v1/accounts", v1.NewAccount{Login: "x y", Name: "x"}, "form-invalid", "body.login"},
		"easy":            {"/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x", Password: "aaaaaaaaaaaaaaaa"}, "password-easy", "body.password"},
		"token's action":  {"/api/v1/tokens", v1.NewToken{Name: "x", As: v1.Role{Role: "auditor"}, Actions: []string{"fly"}}, "form-invalid", "body.actions[0]"},
		"token's role":    {"/api/v1/tokens", v1.NewToken{Name: "x", As: v1.Role{Role: "officer", Organization: "trade"}}, "licensor-unknown", "body.as.organization"},
	} {
		p := decode[v1.Problem](w.call("admin", "POST", tt.path, tt.body).want(422, tt.code))
		if len(p.Errors) != 1 || p.Errors[0].Location != tt.location {
			t.Errorf("%s: %+v", name, p)
		}
	}
	w.call("admin", "POST", "/api/v1/tokens", v1.NewToken{Name: "x", As: v1.Role{Role: "auditor"}, Actions: []string{"decide-application"}}).want(400, "request-invalid")
	w.call("admin", "POST", "/api/v1/accounts", v1.NewAccount{Login: "x1", Name: "x", Roles: []v1.Role{{Role: "operator"}}}).want(400, "request-invalid")
}

// TestAccountsPageByPage: the list has everybody once.
func TestAccountsPageByPage(t *testing.T) {
	w := newWorld(t)
	var got []string
	for cursor := ""; ; {
		page := decode[v1.Accounts](w.call("auditor", "GET", "/api/v1/accounts?limit=5&cursor="+cursor, nil).want(200))
		for _, a := range page.Items {
			got = append(got, a.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(got) != len(accounts) {
		t.Errorf("listed %v", got)
	}
}
