package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

// account is an entry of an accounts file, which is a JSON list of them.
type account struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Role         domain.Role `json:"role"`
	Organization string      `json:"organization,omitempty"` // slug of the licensor or service center
	Identifier   string      `json:"identifier,omitempty"`   // IIN or BIN; required for applicants
	Token        string      `json:"token"`                  // bearer token: whoever has it is this person
}

func readAccounts(file string) ([]account, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("accounts: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var all []account
	if err := dec.Decode(&all); err != nil {
		return nil, fmt.Errorf("accounts: %s: %w", file, err)
	}
	return all, nil
}

// checkOrganizations is checkOrganization for every account.
func checkOrganizations(all []account, catalog *regulation.Catalog) error {
	for _, a := range all {
		if err := checkOrganization(a.Role, a.Organization, catalog); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
	}
	return nil
}

// checkOrganization is ErrInvalid where an officer or a head belongs to no licensor of the acts: such
// an account would see nothing, and say nothing of why. Service centers are in no act, so theirs are free.
func checkOrganization(role domain.Role, organization string, catalog *regulation.Catalog) error {
	if role != domain.RoleOfficer && role != domain.RoleHead || catalog.HasLicensor(organization) {
		return nil
	}
	var known []string
	for _, l := range catalog.Licensors() {
		known = append(known, l.Slug)
	}
	return fmt.Errorf("organization %q is no licensor; there are %s: %w", organization, strings.Join(known, ", "), domain.ErrInvalid)
}

// forServer makes the server's accounts.
func forServer(all []account) []api.Account {
	accounts := make([]api.Account, len(all))
	for i, a := range all {
		accounts[i] = api.Account{
			Token: a.Token, Identifier: a.Identifier,
			Actor: domain.Actor{ID: a.ID, Name: a.Name, Role: a.Role, Organization: a.Organization},
		}
	}
	return accounts
}

// demoAccounts are the accounts of the sample world. Each gets its token once; the file keeps it.
func demoAccounts(file string, world demo.World) ([]account, error) {
	kept, err := readAccounts(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tokens := map[string]string{}
	for _, a := range kept {
		tokens[a.ID] = a.Token
	}
	var all []account
	for _, a := range world.Accounts {
		token := tokens[a.ID]
		if token == "" {
			token = "demo-" + rand.Text()
		}
		all = append(all, account{ID: a.ID, Name: a.Name, Role: a.Role, Organization: a.Organization, Identifier: a.Subject, Token: token})
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return all, disk.WriteFile(file, append(text, '\n'))
}
