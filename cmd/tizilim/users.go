package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/adapters/sqlitedb"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/calendar"
)

// usersCmd manages the accounts of a data folder. It works on the accounts' file itself, with a server
// beside it or without: the server asks the file at every request, so what is done here holds from the
// next one on.
type usersCmd struct {
	List        usersList        `cmd:"" help:"All accounts."`
	Show        usersShow        `cmd:"" help:"One account, with its failed logins and its sessions."`
	Add         usersAdd         `cmd:"" help:"Make an account. Its password is read from the terminal, or from the standard input."`
	Edit        usersEdit        `cmd:"" help:"Correct the login, name or identifier of an account."`
	Password    usersPassword    `cmd:"" help:"Give an account another password, read like that of a new one. Its sessions end."`
	Disable     usersDisable     `cmd:"" help:"Shut an account. Its sessions end."`
	Enable      usersEnable      `cmd:"" help:"Open it again."`
	Remove      usersRemove      `cmd:"" help:"Erase an account, with what is known of the person."`
	Unlock      usersUnlock      `cmd:"" help:"Forget the failed logins of an account, or from an address."`
	Role        usersRole        `cmd:"" help:"Give an account a role, or take one away."`
	Token       usersToken       `cmd:"" help:"API tokens: make, list, revoke."`
	Sessions    usersSessions    `cmd:"" help:"Who is logged in."`
	EndSessions usersEndSessions `cmd:"" help:"End the sessions of an account."`
	Log         usersLog         `cmd:"" help:"Who looked at whose data."`
}

// open opens the accounts of the data folder; domain.ErrNotFound where there are none, unless they may be
// made.
func (f dataFlag) open(ctx context.Context, create bool) (*book, error) {
	folder, err := f.folder()
	if err != nil {
		return nil, err
	}
	if create {
		if err := os.MkdirAll(folder.common(), 0o700); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
	} else if _, err := os.Stat(folder.accounts()); err != nil {
		return nil, fmt.Errorf("%s holds no accounts (make one with: tizilim users add, or name the folder with --data, or --shared): %w", folder.common(), domain.ErrNotFound)
	}
	return openBook(ctx, folder.accounts(), accounts.Config{})
}

// book is the accounts with their file.
type book struct {
	*accounts.Accounts
	file *sqlitedb.DB
}

// openBook opens the accounts in the file. The configuration needs neither file nor clock.
func openBook(ctx context.Context, path string, cfg accounts.Config) (*book, error) {
	file, err := sqlitedb.Open(ctx, filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	cfg.Store, cfg.Journal, cfg.Now = file, file, time.Now
	a, err := accounts.New(cfg)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &book{a, file}, nil
}

func (b *book) close() error { return errors.Join(b.Accounts.Close(), b.file.Close()) }

// console is who does what is done here, as accounts and the access log name it.
func console() string {
	if u, err := user.Current(); err == nil {
		return "console:" + u.Username
	}
	return "console"
}

// work opens the accounts, does something, and closes them.
func (f dataFlag) work(ctx context.Context, create bool, do func(*book) error) error {
	b, err := f.open(ctx, create)
	if err != nil {
		return err
	}
	return errors.Join(do(b), b.close())
}

// with is work on the account with the login, or the id.
func (f dataFlag) with(ctx context.Context, login string, do func(*book, accounts.AccountInfo) error) error {
	return f.work(ctx, false, func(b *book) error {
		a, err := b.Find(ctx, login)
		if err != nil {
			return fmt.Errorf("%s: %w", login, err)
		}
		return do(b, a)
	})
}

// formatFlag is how something is printed.
type formatFlag struct {
	Format string `enum:"text,json" default:"text" env:"-" help:"text or json."`
}

// print prints v as JSON, or as a table.
func (f formatFlag) print(out io.Writer, v any, table func(w io.Writer)) error {
	if f.Format == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

// moment is a time as people read it, "-" where there is none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(calendar.Zone).Format("2006-01-02 15:04:05")
}

// roles are roles as people read them, "-" where there are none.
func roles(list []accounts.Assignment) string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = r.String()
	}
	if len(texts) == 0 {
		return "-"
	}
	return strings.Join(texts, ", ")
}

// state is what keeps somebody from logging in by password, or that nothing does.
func state(a accounts.AccountInfo) string {
	switch {
	case a.Disabled:
		return "disabled"
	case !a.Password:
		return "active, no password"
	}
	return "active"
}

type usersList struct {
	dataFlag
	formatFlag
}

// Run prints the accounts.
func (c usersList) Run(ctx context.Context, out io.Writer) error {
	return c.work(ctx, false, func(b *book) error {
		list := []accounts.AccountInfo{}
		const page = 500
		for after := ""; ; after = list[len(list)-1].ID {
			some, err := b.List(ctx, after, page)
			if err != nil {
				return err
			}
			if list = append(list, some...); len(some) < page {
				break
			}
		}
		if err := b.Record(ctx, accounts.Entry{Account: console(), Action: string(access.ReadAccounts), Kind: "accounts"}); err != nil {
			return err
		}
		return c.print(out, list, func(w io.Writer) {
			fmt.Fprintln(w, "LOGIN\tNAME\tROLES\tSTATE\tID")
			for _, a := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Login, a.Name, roles(a.Roles), state(a), a.ID)
			}
		})
	})
}

// loginArg names an account.
type loginArg struct {
	Login string `arg:"" help:"Login, or id, of the account."`
}

type usersShow struct {
	loginArg
	dataFlag
	formatFlag
}

// shown is what is shown of an account.
type shown struct {
	accounts.AccountInfo
	Lock     accounts.Lock          `json:"lock"`
	Sessions []accounts.SessionInfo `json:"sessions"`
}

// Run prints the account.
func (c usersShow) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		s := shown{AccountInfo: a}
		var err error
		if s.Lock, err = b.LockOf(ctx, a.Login); err != nil {
			return err
		}
		if s.Sessions, err = b.Sessions(ctx, a.ID); err != nil {
			return err
		}
		entry := accounts.Entry{Account: console(), Action: string(access.ReadAccounts), Kind: "account", Thing: a.ID, Person: a.Identifier}
		if err := b.Record(ctx, entry); err != nil {
			return err
		}
		return c.print(out, s, s.text)
	})
}

func (s shown) text(w io.Writer) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("Login", s.Login)
	row("Name", s.Name)
	row("IIN or BIN", s.Identifier)
	row("Acts for it", s.Person)
	row("Roles", roles(s.Roles))
	row("State", state(s.AccountInfo))
	row("OpenID", strings.TrimSpace(s.Issuer+" "+s.Subject))
	row("Failed logins", fmt.Sprint(s.Lock.Failures))
	if !s.Lock.Until.IsZero() {
		row("Locked until", moment(s.Lock.Until))
	}
	row("Sessions", fmt.Sprint(len(s.Sessions)))
	row("Created", moment(s.Created.At)+" by "+s.Created.By)
	row("Changed", moment(s.Changed.At)+" by "+s.Changed.By)
	row("ID", s.ID)
}
