package demo

import (
	"strings"

	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
)

// Holders are those who get keys of the demo's certificate authority: every person by their IIN, the
// first head of every organization by its BIN, every employee by their account. More have the name of the first
// person, or of the first organization's head, and certificates with which nothing can be signed any more.
func (w World) Holders() []authority.Holder {
	var all []authority.Holder
	for i, p := range w.People {
		all = append(all, p.holder(p.ID, i == 0))
	}
	for i, o := range w.Organizations {
		h := w.People[i%len(w.People)].holder(o.ID, i == 0)
		h.BIN, h.Organization, h.Role = o.ID, o.Name, signature.Head
		all = append(all, h)
	}
	for _, a := range w.Accounts {
		if a.Role != domain.RoleApplicant {
			all = append(all, a.holder())
		}
	}
	for _, fate := range []authority.Fate{authority.Revoked, authority.Expired} {
		person, company := w.People[0].holder(string(fate), false), w.People[0].holder(ended(fate, w.Organizations[0].ID), false)
		company.BIN, company.Organization, company.Role = w.Organizations[0].ID, w.Organizations[0].Name, signature.Head
		person.Fate, company.Fate = fate, fate
		all = append(all, person, company)
	}
	return all
}

// ended is the folder of the keys, with which nothing can be signed any more, of the first person or
// organization.
func ended(fate authority.Fate, id string) string {
	if kind(id) == ident.BIN {
		return string(fate) + "-company"
	}
	return string(fate)
}

// holder is the person under the name of a folder. Their names are written as in the state registers:
// surname, given name, patronymic.
func (p Person) holder(folder string, rsa bool) authority.Holder {
	names := append(strings.SplitN(p.Name, " ", 3), "", "")
	return authority.Holder{ID: folder, IIN: p.ID, Surname: names[0], GivenName: names[1], Patronymic: names[2], RSA: rsa}
}

// Signing is what holds for the signatures of the organizations' people.
func (w World) Signing() map[string]application.Signing {
	all := map[string]application.Signing{}
	for _, a := range w.Accounts {
		if a.Organization != "" {
			all[a.Organization] = application.Signing{BIN: a.BIN}
		}
	}
	return all
}

// holder is the account's own key: an applicant's by IIN or BIN, an employee's by account, in the name of whom
// they act for. An auditor and an administrator act for nobody but themselves.
func (a Account) holder() authority.Holder {
	if a.Role == domain.RoleApplicant {
		return authority.Holder{ID: a.Subject}
	}
	h := Person{ID: a.Subject, Name: a.Name}.holder(a.ID, false)
	if a.Organization == "" {
		return h
	}
	h.BIN, h.Organization, h.Role = a.BIN, a.Organization, signature.Employee
	if a.Role == domain.RoleHead {
		h.Role = signature.Head
	}
	return h
}
