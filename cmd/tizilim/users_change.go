package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// roleFlags are a role and for whom.
type roleFlags struct {
	Role         domain.Role `env:"-" placeholder:"ROLE" help:"applicant, officer, head, operator, auditor or admin."`
	Organization string      `env:"-" placeholder:"SLUG" help:"The licensor of an officer or head, the service center of an operator."`
}

// check is domain.ErrInvalid for an officer of a licensor that no act knows.
func (r roleFlags) check(acts regulationsFlag) (accounts.Assignment, error) {
	catalog, err := acts.load()
	if err != nil {
		return accounts.Assignment{}, err
	}
	return accounts.Assignment{Role: r.Role, Organization: r.Organization}, checkOrganization(r.Role, r.Organization, catalog)
}

type usersAdd struct {
	Login string `arg:"" help:"What they log in with: small letters, digits, '.', '_', '@', '-'."`
	dataFlag
	roleFlags
	regulationsFlag
	Name       string `required:"" env:"-" placeholder:"NAME" help:"Their name, as events and pages show it."`
	Identifier string `env:"-" placeholder:"DIGITS" help:"IIN of the employee, or IIN or BIN of the applicant. With it nobody decides an application of their own."`
	Person     string `env:"-" placeholder:"IIN" help:"Of an applicant with a BIN: the IIN of who acts for it."`
	ID         string `name:"id" env:"-" placeholder:"ID" help:"Id of the account, where it has had one before; a new one where left out."`
	NoPassword bool   `env:"-" help:"Make it without a password: for whoever is to log in otherwise."`
}

// Help says how a password is given.
func (usersAdd) Help() string { return passwordHelp }

// Run makes the account.
func (c usersAdd) Run(ctx context.Context, out io.Writer) error {
	n := accounts.NewAccount{ID: c.ID, Login: c.Login, Name: c.Name, Identifier: c.Identifier, Person: c.Person}
	if c.Role != "" {
		role, err := c.check(c.regulationsFlag)
		if err != nil {
			return err
		}
		n.Roles = []accounts.Assignment{role}
	}
	password := ""
	if !c.NoPassword {
		var err error
		if password, err = newPassword(); err != nil {
			return err
		}
	}
	return c.work(ctx, true, func(b *book) error {
		a, err := b.Add(ctx, console(), n, password)
		return done(out, err, "%s: %s, id %s\n", a.Login, roles(a.Roles), a.ID)
	})
}

type usersEdit struct {
	loginArg
	dataFlag
	NewLogin   string `env:"-" placeholder:"LOGIN" help:"Another login."`
	Name       string `env:"-" placeholder:"NAME" help:"Another name."`
	Identifier string `env:"-" placeholder:"DIGITS" help:"Another IIN or BIN. The sessions of the account end."`
	Person     string `env:"-" placeholder:"IIN" help:"Another person who acts for the organization. The sessions of the account end."`
}

// Run corrects the account.
func (c usersEdit) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		e := accounts.Edit{Login: c.NewLogin, Name: c.Name, Identifier: c.Identifier, Person: c.Person}
		changed, err := b.Edit(ctx, console(), a.ID, e)
		return done(out, err, "%s: %s\n", changed.Login, changed.Name)
	})
}

type usersPassword struct {
	loginArg
	dataFlag
}

// Help says how a password is given.
func (usersPassword) Help() string { return passwordHelp }

// Run sets the password.
func (c usersPassword) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		password, err := newPassword()
		if err != nil {
			return err
		}
		_, err = b.SetPassword(ctx, console(), a.ID, password)
		return done(out, err, "%s: another password; all sessions have ended\n", a.Login)
	})
}

type usersDisable struct {
	loginArg
	dataFlag
}

// Run shuts the account.
func (c usersDisable) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		_, err := b.Disable(ctx, console(), a.ID)
		return done(out, err, "%s: disabled; all sessions have ended\n", a.Login)
	})
}

type usersEnable struct {
	loginArg
	dataFlag
}

// Run opens the account.
func (c usersEnable) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		_, err := b.Enable(ctx, console(), a.ID)
		return done(out, err, "%s: enabled\n", a.Login)
	})
}

// done says what was done, where it was.
func done(out io.Writer, err error, format string, args ...any) error {
	if err == nil {
		_, err = fmt.Fprintf(out, format, args...)
	}
	return err
}

type usersRemove struct {
	loginArg
	dataFlag
}

// Help says what stays.
func (usersRemove) Help() string {
	return `The account goes with its name, identifier, password, roles and sessions. What it did in the registry stays: events
name its id and the name that it had. The access log keeps the id until its retention is over. To keep somebody
out, disable the account: an applicant whose account is removed gets a new one by certificate.`
}

// Run erases the account.
func (c usersRemove) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		return done(out, b.Remove(ctx, console(), a.ID), "%s: removed\n", a.Login)
	})
}

type usersUnlock struct {
	Login string `arg:"" optional:"" help:"Login, or id, of the account."`
	dataFlag
	Address string `env:"-" placeholder:"ADDR" help:"Forget the failures from this address instead."`
}

// Run forgets the failures.
func (c usersUnlock) Run(ctx context.Context, out io.Writer) error {
	told := map[bool]string{true: "unlocked", false: "had no failed logins"}
	switch {
	case (c.Login == "") == (c.Address == ""):
		return errors.New("unlock an account, or an --address")
	case c.Address != "":
		return c.work(ctx, false, func(b *book) error {
			had, err := b.UnlockAddress(ctx, console(), c.Address)
			return done(out, err, "%s: %s\n", accounts.Network(c.Address), told[had])
		})
	}
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		had, err := b.Unlock(ctx, console(), a.ID)
		return done(out, err, "%s: %s\n", a.Login, told[had])
	})
}

// usersRole changes the roles of an account.
type usersRole struct {
	Add    usersRoleAdd    `cmd:"" help:"Give the account a role. Its sessions end."`
	Remove usersRoleRemove `cmd:"" help:"Take a role away. The account's sessions end."`
}

// roleArgs are an account and a role.
type roleArgs struct {
	loginArg
	Role         domain.Role `arg:"" help:"applicant, officer, head, operator, auditor or admin."`
	Organization string      `arg:"" optional:"" help:"The licensor of an officer or head, the service center of an operator."`
	dataFlag
}

type usersRoleAdd struct {
	roleArgs
	regulationsFlag
}

// Run gives the role.
func (c usersRoleAdd) Run(ctx context.Context, out io.Writer) error {
	role, err := roleFlags{c.Role, c.Organization}.check(c.regulationsFlag)
	if err != nil {
		return err
	}
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		now, err := b.AddRole(ctx, console(), a.ID, role)
		return done(out, err, "%s: %s\n", a.Login, roles(now.Roles))
	})
}

type usersRoleRemove struct{ roleArgs }

// Run takes the role away.
func (c usersRoleRemove) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		now, err := b.RemoveRole(ctx, console(), a.ID, accounts.Assignment{Role: c.Role, Organization: c.Organization})
		return done(out, err, "%s: %s\n", a.Login, roles(now.Roles))
	})
}
