// Package demo is the sample world of `tizilim demo`: people and organizations that do not exist,
// accounts of every role, and applications in every service and channel that went through the real
// commands over the last weeks.
//
// Read people.go (who), plan.go (what befalls them) and seed.go (how it gets into the log). The
// plan is a function of the regulations and one instant, and every command in it has an id of its
// own, so seeding that was cut off goes on where it was.
package demo

import (
	"fmt"
	"slices"

	registers "github.com/tizilim/tizilim/adapters/stateregister/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
)

// Person is somebody the demo state registers know: a natural person by IIN, an organization by BIN.
type Person struct {
	ID      string
	Name    string
	Address string
}

// Account is somebody who can act in the demo.
type Account struct {
	ID           string
	Name         string
	Role         domain.Role
	Organization string // the licensor's or center's slug, empty for applicants
	BIN          string // of the organization, made up
	Subject      string // IIN or BIN of the applicant, or of the employee
	Person       string // IIN of who acts for the applicant, where that is an organization
}

// World is who is there.
type World struct {
	People        []Person // natural persons; the first one has an account
	Organizations []Person // the first one has an account
	// Absent is a person with a valid IIN that the state registers do not know; AbsentOrganization
	// the same with a BIN.
	Absent, AbsentOrganization Person
	Accounts                   []Account
}

// Center is the slug of the demo's public service center.
const Center = "center-demo"

// NewWorld makes the world for the acts in the catalog: an officer and a head for each licensor.
func NewWorld(catalog *regulation.Catalog) World {
	var w World
	for _, known := range registers.Known {
		if p := (Person{known.ID, known.Name, known.Address}); kind(p.ID) == ident.IIN {
			w.People = append(w.People, p)
		} else {
			w.Organizations = append(w.Organizations, p)
		}
	}
	for i := range 6 {
		w.Organizations = append(w.Organizations, fromRegisters(bin(i)))
	}
	w.Absent = Person{ID: complete("90010150099"), Name: "Жоқбаев Белгісіз"}
	w.AbsentOrganization = Person{ID: complete("12014000099"), Name: "ТОО «Неизвестное»"}

	w.Accounts = []Account{
		{ID: "applicant-person", Name: w.People[0].Name, Role: domain.RoleApplicant, Subject: w.People[0].ID},
		{ID: "applicant-company", Name: w.Organizations[0].Name, Role: domain.RoleApplicant, Subject: w.Organizations[0].ID, Person: w.People[0].ID},
	}
	for i, licensor := range catalog.Licensors() {
		w.Accounts = append(w.Accounts,
			Account{ID: "officer-" + licensor.Slug, Name: fmt.Sprintf("Демо қызметкер %d", i+1), Role: domain.RoleOfficer, Organization: licensor.Slug, BIN: bin(20 + i), Subject: iin(20 + i)},
			Account{ID: "head-" + licensor.Slug, Name: fmt.Sprintf("Демо басшы %d", i+1), Role: domain.RoleHead, Organization: licensor.Slug, BIN: bin(20 + i), Subject: iin(40 + i)})
	}
	w.Accounts = append(w.Accounts,
		Account{ID: "operator-center", Name: "Демо оператор", Role: domain.RoleOperator, Organization: Center, BIN: bin(60), Subject: iin(60)},
		Account{ID: "auditor", Name: "Демо аудитор", Role: domain.RoleAuditor, Subject: iin(61)},
		Account{ID: "admin", Name: "Демо әкімші", Role: domain.RoleAdmin, Subject: iin(62)})
	return w
}

// account finds the account that acts in the role for the organization.
func (w World) account(role domain.Role, organization string) Account {
	for _, a := range w.Accounts {
		if a.Role == role && a.Organization == organization {
			return a
		}
	}
	panic(fmt.Sprintf("demo: no account of role %s for %s", role, organization)) // NewWorld made one for each
}

// applicant picks the i-th applicant that the service accepts.
func (w World) applicant(s *regulation.Service, i int) Person {
	person := slices.Contains(s.Applicants, "iin")
	company := slices.Contains(s.Applicants, "bin")
	if company && (!person || i%2 == 0) {
		return w.Organizations[i%len(w.Organizations)]
	}
	return w.People[i%len(w.People)]
}

// unknown is an applicant that the service accepts and the state registers do not know.
func (w World) unknown(s *regulation.Service) Person {
	if slices.Contains(s.Applicants, "bin") {
		return w.AbsentOrganization
	}
	return w.Absent
}

func kind(id string) ident.Kind { return parsed(id).Kind() }

func parsed(id string) ident.ID {
	p, err := ident.Parse(id)
	if err != nil {
		panic(fmt.Sprintf("demo: %s: %v", id, err)) // the sample world is part of the program
	}
	return p
}

// fromRegisters is who the demo state registers say has the identifier.
func fromRegisters(id string) Person {
	found, _ := registers.Find(parsed(id))
	return Person{found.ID, found.Name, found.Address}
}

// The further identifiers belong to nobody: these people were born from 2090 on, and the
// organizations have serials that no month has ever come to.
func iin(i int) string { return complete(fmt.Sprintf("90%02d%02d5%04d", 1+i%12, 1+i%28, 7000+i*10)) }
func bin(i int) string { return complete(fmt.Sprintf("12%02d40%05d", 1+i%12, 90000+i*10)) }

// complete adds the check digit. Where the eleven digits can have none, the next serial is taken.
func complete(eleven string) string {
	for {
		id, err := ident.Complete(eleven)
		if err == nil {
			return id.String()
		}
		eleven = eleven[:10] + string('0'+(eleven[10]-'0'+1)%10)
	}
}
