package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// Certificate is who signed a challenge, as Config.Verify found. Verify checks the signature over exactly
// the bytes of the challenge, with a certificate that is good for logging in now; what is surely wrong is a
// rejection, and where it cannot tell it is domain.ErrUnavailable: the same signature may then be
// brought again.
type Certificate struct {
	IIN  string // of the person
	BIN  string // of the organization, "" for a person's own certificate
	Name string
	// Role is what the person is in the organization, as Verify names it.
	Role string
}

// challengeLife is how long a challenge may be answered.
const challengeLife = 5 * time.Minute

// Challenge is a text to sign. It is bound to nothing but time: it can be answered once, within five
// minutes, also after a restart and at another node.
//
// Its form is one line that cannot be taken for an application, which is JSON:
//
//	Tizilim login, https://licenses.example, until 2026-11-25T10:05:00Z, RANDOM, SEAL
func (a *Accounts) Challenge(ctx context.Context) (string, error) {
	text := fmt.Sprintf("Tizilim login, %s, until %s, %s", a.cfg.Audience, a.now().Add(challengeLife).Format(time.RFC3339), secret())
	seal, err := a.seal(ctx, "challenge", text)
	return text + ", " + seal, wrap("challenge", err)
}

// checkChallenge is a rejection for what is no challenge of ours, and for one that is too old.
func (a *Accounts) checkChallenge(ctx context.Context, challenge string) error {
	text, seal := cutSeal(challenge, ", ")
	ours, err := a.sealed(ctx, "challenge", text, seal)
	if err != nil {
		return err
	}
	fields := strings.Split(text, ", ")
	if !ours || len(fields) < 4 {
		return domain.Reject(CodeChallenge, "not a challenge of this registry")
	}
	until, err := time.Parse(time.RFC3339, strings.TrimPrefix(fields[len(fields)-2], "until "))
	if err != nil || !a.now().Before(until) {
		return domain.Reject(CodeChallenge, "the challenge is too old")
	}
	return nil
}

// LoginCertificate begins a session for who signed the challenge. The first time it makes the account of
// an applicant: the person's, or that of the person for an organization, where their role in it allows. It
// is the account of that person and organization for ever, whatever certificate they come with.
func (a *Accounts) LoginCertificate(ctx context.Context, in Signed) (Opened, error) {
	opened, err := a.loginCertificate(ctx, in)
	return opened, wrap("log in by certificate", err)
}

func (a *Accounts) loginCertificate(ctx context.Context, in Signed) (Opened, error) {
	if a.cfg.Verify == nil {
		return Opened{}, domain.ErrNotFound
	}
	if err := a.checkChallenge(ctx, in.Challenge); err != nil {
		return Opened{}, err
	}
	var c Certificate
	err := a.tried(ctx, in.From, func() (err error) {
		c, err = a.cfg.Verify(ctx, []byte(in.Challenge), in.CMS)
		return err
	})
	if err == nil {
		err = a.represents(c)
	}
	if err != nil {
		return Opened{}, err
	}
	return a.admit(ctx, in.Challenge, "certificate", in.From, c.applicant)
}

// tried does what proves who somebody is, within the tries that their address is allowed: a rejection is
// a failure, anything else is not their fault.
func (a *Accounts) tried(ctx context.Context, from From, prove func() error) error {
	key := addressKey(from.Address)
	until, err := a.allow(ctx, a.cfg.AddressTries, key)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		return a.tooMany(until)
	}
	err = prove()
	if rejected := (*domain.Rejection)(nil); errors.As(err, &rejected) {
		return errors.Join(err, a.Record(ctx, Entry{Action: "login-refused", Address: from.Address, Route: rejected.Code}))
	}
	return errors.Join(err, a.takeBack(ctx, a.cfg.AddressTries, key))
}

// represents is a rejection for who may not act for the organization of their certificate.
func (a *Accounts) represents(c Certificate) error {
	switch {
	case c.IIN == "":
		return domain.Reject(CodeNoPerson, "the certificate names no person")
	case c.BIN != "" && !slices.Contains(a.cfg.Representatives, c.Role):
		return domain.Reject(CodeRepresents, "this certificate does not act for its organization")
	}
	return nil
}

// applicant shapes the account that the certificate leads into, and tells its unique name.
func (c Certificate) applicant(s *stored) (name string) {
	s.Roles = []Assignment{{Role: domain.RoleApplicant}}
	s.Identifier = c.IIN
	if c.BIN != "" {
		s.Identifier, s.Person = c.BIN, c.IIN
	}
	s.Name = cmp.Or(c.Name, s.digits())
	if s.Login == "" {
		s.Login = s.digits() // what goes with a password, should they ever set one
	}
	return applicantName(s.digits())
}

// admit begins the session of an account that somebody else vouches for, makes the account where it is
// new, and follows what became different. The text that they brought is used up by it.
func (a *Accounts) admit(ctx context.Context, text, method string, from From, shape func(*stored) (name string)) (opened Opened, err error) {
	err = a.once(ctx, text, func(used Change) error {
		s, changes, err := a.shaped(ctx, method, shape)
		if err != nil {
			return err
		}
		var begun Change
		if opened, begun, err = a.start(s, method, from); err != nil {
			return err
		}
		return a.store.Write(ctx, append(changes, used, begun)...)
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, a.begun(ctx, opened, method, from)
}

// shaped is the account as it has to be, and the changes that make it so.
func (a *Accounts) shaped(ctx context.Context, by string, shape func(*stored) string) (stored, []Change, error) {
	s := stored{Account: Account{ID: uuid.NewString(), Created: a.stamp(by)}}
	name := shape(&s)
	id, revision, err := find[string](ctx, a.store, KindName, name)
	if err != nil {
		return s, nil, err
	}
	if revision == 0 {
		return a.shapedNew(ctx, by, name, s)
	}
	if s, revision, err = get[stored](ctx, a.store, KindAccount, id); err != nil {
		return s, nil, err
	}
	old := s
	shape(&s)
	same := slices.Equal(old.Roles, s.Roles) && old.Identifier == s.Identifier
	if same && old.Name == s.Name {
		return s, nil, nil
	}
	if !same {
		s.Epoch++ // nobody goes on as what they are no more
	}
	s.Changed = a.stamp(by)
	if err := s.check(); err != nil {
		return s, nil, err
	}
	changes, err := a.rename(ctx, old.names(), s)
	return s, append(changes, put(KindAccount, Record{Key: id, Revision: revision}, s)), err
}

// shapedNew is shaped for an account that there was not when its name was looked up: where there is now,
// somebody else was faster, and it is looked up again.
func (a *Accounts) shapedNew(ctx context.Context, by, name string, s stored) (stored, []Change, error) {
	s.Changed = a.stamp(by)
	if err := s.check(); err != nil {
		return s, nil, err
	}
	changes, err := a.rename(ctx, nil, s)
	if err != nil {
		if _, revision, again := find[string](ctx, a.store, KindName, name); again == nil && revision != 0 {
			err = domain.ErrConflict
		}
		return s, nil, err
	}
	return s, append(changes, put(KindAccount, Record{Key: s.ID}, s)), nil
}
