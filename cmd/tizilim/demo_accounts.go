package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
)

// demoAccount is an account of the sample world with its password, as the demo's file of them has it.
type demoAccount struct {
	ID           string      `json:"id"` // its login too
	Name         string      `json:"name"`
	Role         domain.Role `json:"role"`
	Organization string      `json:"organization,omitempty"`
	Identifier   string      `json:"identifier,omitempty"`
	Password     string      `json:"password"`
	// Token is one for reading only, of the auditor's.
	Token string `json:"token,omitempty"`
}

// readDemoAccounts reads the file; there may be none.
func readDemoAccounts(file string) ([]demoAccount, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []demoAccount
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("the demo's accounts: %s: %w", file, err)
	}
	return all, nil
}

// demoAccounts makes the accounts of the sample world where they are not there. Each gets its password once;
// the file keeps it, and is written before the account is made: what a crash leaves is finished then.
func demoAccounts(ctx context.Context, b *book, file string, world demo.World) ([]demoAccount, error) {
	kept, err := readDemoAccounts(file)
	if err != nil {
		return nil, err
	}
	before := map[string]demoAccount{}
	for _, a := range kept {
		before[a.ID] = a
	}
	all := make([]demoAccount, len(world.Accounts))
	for i, a := range world.Accounts {
		all[i] = demoAccount{
			ID: a.ID, Name: a.Name, Role: a.Role, Organization: a.Organization, Identifier: a.Subject,
			Password: before[a.ID].Password, Token: before[a.ID].Token,
		}
		if all[i].Password == "" {
			all[i].Password = "demo-" + strings.ToLower(rand.Text()[:16])
		}
	}
	if err := writeDemoAccounts(file, all); err != nil {
		return nil, err
	}
	for i, a := range world.Accounts {
		if err := makeDemoAccount(ctx, b, a, all[i], before[a.ID].Password != ""); err != nil {
			return nil, fmt.Errorf("the demo's accounts: %s: %w", a.ID, err)
		}
		if a.Role == domain.RoleAuditor {
			if all[i].Token, err = demoToken(ctx, b, all[i].Token); err != nil {
				return nil, fmt.Errorf("the demo's token: %w", err)
			}
		}
	}
	return all, writeDemoAccounts(file, all)
}

func writeDemoAccounts(file string, all []demoAccount) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(file, append(text, '\n'))
}

// demoMaker is who makes the sample world, as accounts and the access log name it.
const demoMaker = "demo"

// makeDemoAccount makes the account, or gives one whose password was lost the new one.
func makeDemoAccount(ctx context.Context, b *book, a demo.Account, as demoAccount, known bool) error {
	_, err := b.Account(ctx, a.ID)
	switch {
	case errors.Is(err, domain.ErrNotFound):
		_, err = b.Add(ctx, demoMaker, accounts.NewAccount{
			ID: a.ID, Login: a.ID, Name: a.Name, Identifier: a.Subject, Person: a.Person,
			Roles: []accounts.Assignment{{Role: a.Role, Organization: a.Organization}},
		}, as.Password)
	case err == nil && !known:
		_, err = b.SetPassword(ctx, demoMaker, a.ID, as.Password)
	}
	return err
}

// demoToken is the token for reading, a new one where the one before is not good any more.
func demoToken(ctx context.Context, b *book, before string) (string, error) {
	if _, err := b.Token(ctx, before); err == nil || !errors.Is(err, domain.ErrNotFound) {
		return before, err
	}
	token, _, err := b.AddToken(ctx, demoMaker, accounts.NewToken{
		Name: "demo-" + strings.ToLower(rand.Text()[:6]), As: accounts.Assignment{Role: domain.RoleAuditor}, ReadOnly: true,
	})
	return token, err
}
