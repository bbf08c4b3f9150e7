package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

type usersSessions struct {
	Login string `arg:"" optional:"" help:"Login, or id, of the account; all accounts where left out."`
	dataFlag
	formatFlag
}

// Run prints the sessions.
func (c usersSessions) Run(ctx context.Context, out io.Writer) error {
	list := func(b *book, account string) error {
		sessions, err := b.Sessions(ctx, account)
		if err != nil {
			return err
		}
		return c.print(out, sessions, func(w io.Writer) {
			fmt.Fprintln(w, "SESSION\tACCOUNT\tROLE\tBY\tFROM\tBEGAN\tLAST USED\tENDS UNLESS USED")
			for _, s := range sessions {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Account, s.As, s.Method, s.Address, moment(s.Began), moment(s.Seen), moment(s.Ends))
			}
		})
	}
	if c.Login == "" {
		return c.work(ctx, false, func(b *book) error { return list(b, "") })
	}
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error { return list(b, a.ID) })
}

type usersEndSessions struct {
	loginArg
	dataFlag
	Session string `env:"-" placeholder:"SESSION" help:"Only this one, as in the list of sessions."`
}

// Run ends them.
func (c usersEndSessions) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, c.Login, func(b *book, a accounts.AccountInfo) error {
		if c.Session != "" {
			return done(out, b.EndSession(ctx, console(), a.ID, c.Session), "%s: the session has ended\n", a.Login)
		}
		return done(out, b.EndSessions(ctx, console(), a.ID), "%s: all sessions have ended\n", a.Login)
	})
}

type usersLog struct {
	dataFlag
	formatFlag
	Person  string `env:"-" placeholder:"DIGITS" help:"Only whose data this is, by IIN or BIN."`
	Account string `env:"-" placeholder:"LOGIN" help:"Only what this account did, by login or id."`
	Since   string `env:"-" placeholder:"TIME" help:"From this day (2026-11-02) or instant (2026-11-02T10:00, or with an offset) on, by the clocks in Almaty."`
	Until   string `env:"-" placeholder:"TIME" help:"Up to the end of this day, or this instant."`
	Limit   int    `default:"100" env:"-" placeholder:"N" help:"The last so many; 0 for all."`
}

// Help says what is in the log.
func (usersLog) Help() string {
	return `Every access to personal data over HTTP and by these commands, every login and every change of an account, the last
first. Looking into the log is an access too, and stands in it.`
}

// Run prints the log.
func (c usersLog) Run(ctx context.Context, out io.Writer) error {
	q := accounts.Question{Person: c.Person, Account: c.Account}
	var err error
	if q.From, _, err = span("--since", c.Since); err != nil {
		return err
	}
	if _, q.Until, err = span("--until", c.Until); err != nil {
		return err
	}
	return c.work(ctx, false, func(b *book) error {
		if a, err := b.Find(ctx, c.Account); err == nil { // others, such as tokens, are called by their id
			q.Account = a.ID
		}
		entries, err := c.find(ctx, b, q)
		if err != nil {
			return err
		}
		return c.print(out, entries, func(w io.Writer) {
			fmt.Fprintln(w, "TIME\tACCOUNT\tROLE\tFROM\tACTION\tOF\tPERSON\tBY")
			for _, e := range entries {
				role := accounts.Assignment{Role: e.Role, Organization: e.Organization}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s %s\t%s\t%s\n", moment(e.At), cmp.Or(e.Account, "-"), cmp.Or(role.String(), "-"), cmp.Or(e.Address, "-"),
					e.Action, e.Kind, e.Thing, cmp.Or(e.Person, "-"), cmp.Or(e.Route, "-"))
			}
		})
	})
}

// find reads page by page.
func (c usersLog) find(ctx context.Context, b *book, q accounts.Question) ([]accounts.Entry, error) {
	entries := []accounts.Entry{}
	for {
		if c.Limit > 0 {
			q.Limit = min(1000, c.Limit-len(entries))
		}
		found, err := b.Accesses(ctx, console(), q)
		if err != nil {
			return nil, err
		}
		entries = append(entries, found.Entries...)
		if q.Before = found.Next; q.Before == 0 || c.Limit > 0 && len(entries) >= c.Limit {
			return entries, nil
		}
	}
}

// span is the day or instant that was given, zero for none.
func span(flag, value string) (from, until time.Time, err error) {
	if value == "" {
		return from, until, nil
	}
	if day, err := calendar.ParseDay(value); err == nil {
		return day.Start(), day.End(), nil
	}
	at, err := calendar.ParseMoment(value)
	if err != nil {
		return from, until, fmt.Errorf("%s %s: neither a day (2026-11-02) nor an instant (2026-11-02T10:00, or with an offset): %w", flag, value, domain.ErrInvalid)
	}
	return at, at, nil
}
