package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain/access"
)

// usersToken manages API tokens.
type usersToken struct {
	Add    tokenAdd    `cmd:"" help:"Make a token, and tell it once."`
	List   tokenList   `cmd:"" help:"All tokens, without what they are."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
}

type tokenAdd struct {
	Name string `arg:"" help:"Name of the system, as events show it. It is never given again."`
	dataFlag
	roleFlags
	regulationsFlag
	Identifier string          `env:"-" placeholder:"DIGITS" help:"IIN or BIN of the applicant that the system acts for."`
	ReadOnly   bool            `env:"-" help:"Only what changes nothing."`
	Actions    []access.Action `env:"-" placeholder:"ACTION,..." help:"Only these actions of the role; all of them where left out."`
	Days       int             `default:"365" env:"-" placeholder:"N" help:"For how many days it is good; 0 for ever."`
}

// Help lists the actions.
func (tokenAdd) Help() string {
	var b strings.Builder
	b.WriteString("The token stands on the first line of the output, and nowhere else: keep it where secrets are kept.\nActions:\n\n")
	for _, a := range access.Actions() {
		fmt.Fprintf(&b, "\t%-22s %s\n", a, access.About(a))
	}
	return b.String()
}

// Run makes the token.
func (c tokenAdd) Run(ctx context.Context, out io.Writer) error {
	role, err := c.check(c.regulationsFlag)
	if err != nil {
		return err
	}
	n := accounts.NewToken{Name: c.Name, As: role, Identifier: c.Identifier, ReadOnly: c.ReadOnly, Actions: c.Actions}
	if c.Days != 0 {
		n.Expires = time.Now().AddDate(0, 0, c.Days)
	}
	return c.work(ctx, true, func(b *book) error {
		secret, t, err := b.AddToken(ctx, console(), n)
		return done(out, err, "%s\nThis is the token %s: %s, %s. It is not told again.\n", secret, t.Name, t.As, goodUntil(t))
	})
}

func goodUntil(t accounts.Token) string {
	if t.Expires.IsZero() {
		return "for ever"
	}
	return "until " + moment(t.Expires)
}

type tokenList struct {
	dataFlag
	formatFlag
}

// Run prints the tokens.
func (c tokenList) Run(ctx context.Context, out io.Writer) error {
	return c.work(ctx, false, func(b *book) error {
		list, err := b.Tokens(ctx)
		if err != nil {
			return err
		}
		return c.print(out, list, func(w io.Writer) {
			fmt.Fprintln(w, "NAME\tROLE\tACTIONS\tSTATE\tLAST USED\tCREATED")
			for _, t := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.As, allowed(t.Grant), tokenState(t), moment(t.LastUsed), moment(t.Created.At)+" by "+t.Created.By)
			}
		})
	})
}

// allowed is how a grant narrows its role.
func allowed(g access.Grant) string {
	var texts []string
	if g.ReadOnly {
		texts = append(texts, "reading")
	}
	for _, a := range g.Actions {
		texts = append(texts, string(a))
	}
	if len(texts) == 0 {
		return "all of the role"
	}
	return strings.Join(texts, ", ")
}

func tokenState(t accounts.Token) string {
	switch {
	case !t.Revoked.At.IsZero():
		return "revoked " + moment(t.Revoked.At)
	case !t.Expires.IsZero() && !time.Now().Before(t.Expires):
		return "expired " + moment(t.Expires)
	}
	return "good " + goodUntil(t)
}

type tokenRevoke struct {
	Name string `arg:"" help:"Name of the token."`
	dataFlag
}

// Run ends the token.
func (c tokenRevoke) Run(ctx context.Context, out io.Writer) error {
	return c.work(ctx, false, func(b *book) error {
		return done(out, b.RevokeToken(ctx, console(), c.Name), "%s: revoked\n", c.Name)
	})
}
