package accounts

import (
	"context"
	"errors"

	"github.com/tizilim/tizilim/domain"
)

// Codes of the rejections of this package. They are public and translated; none tells whether there is an
// account, or that one is locked.
const (
	CodeRefused       = "login-refused"              // unknown, wrong, disabled or locked
	CodeTooMany       = "login-too-many-tries"       // from this address; for {seconds}
	CodeExists        = "account-exists"             // the login, id or applicant has an account
	CodePasswordShort = "password-short"             // less than {min} characters
	CodePasswordLong  = "password-long"              // more than {max}
	CodePasswordEasy  = "password-easy"              // contains the login, or repeats
	CodeChallenge     = "challenge-refused"          // not ours, too old, or used: ask for another
	CodeRepresents    = "certificate-represents-not" // its role does not act for its organization
	CodeCertificate   = "certificate-refused"        // the signature, or the certificate, for the reason {reason}
	CodeAlgorithm     = "certificate-unsupported"    // an algorithm that is not known here
	CodeNoPerson      = "certificate-names-nobody"   // neither IIN nor BIN
	CodeOpenID        = "openid-refused"             // the provider, or what came from it
	CodeNoRole        = "openid-no-role"             // the provider names no role in this registry
)

// longestTyped bounds what is hashed at all, in bytes.
const longestTyped = 4 * longestPassword

// Login begins a session for who knows the password. A rejection otherwise: CodeTooMany where too many
// tries failed from the address, CodeRefused in every other case, after the same work. A locked account
// is not told from a wrong password either, not even to who knows the right one.
func (a *Accounts) Login(ctx context.Context, p Password) (Opened, error) {
	login := normalizeLogin(p.Login)
	s, err := a.byName(ctx, loginName(login))
	if err != nil {
		return Opened{}, wrap("log in", err)
	}
	if err := a.prove(ctx, s, login, p.Password, p.From); err != nil {
		return Opened{}, wrap("log in", err)
	}
	if err := a.rehash(ctx, *s, p.Password); err != nil {
		a.cfg.Logger.Warn("accounts: a password could not be hashed anew; the next login does it", "error", err)
	}
	opened, err := a.begin(ctx, *s, "password", p.From)
	return opened, wrap("log in", err)
}

// byName is the account with the unique name, nil where there is none.
func (a *Accounts) byName(ctx context.Context, name string) (*stored, error) {
	id, revision, err := find[string](ctx, a.store, KindName, name)
	if err != nil || revision == 0 {
		return nil, err
	}
	s, revision, err := find[stored](ctx, a.store, KindAccount, id)
	if err != nil || revision == 0 {
		return nil, err
	}
	return &s, nil
}

// prove compares the password with the account's, nil for an account that there is not, within the tries
// that are allowed.
func (a *Accounts) prove(ctx context.Context, s *stored, login, password string, from From) error {
	address, loginTries := addressKey(from.Address), loginKey(login)
	until, err := a.allow(ctx, a.cfg.AddressTries, address)
	if err != nil {
		return err
	}
	if !until.IsZero() {
		return a.tooMany(until)
	}
	until, err = a.allow(ctx, a.cfg.LoginTries, loginTries)
	if err != nil {
		return errors.Join(err, a.takeBack(ctx, a.cfg.AddressTries, address))
	}
	hash, password := a.comparable(s, until.IsZero(), password)
	right, err := a.hasher.matches(ctx, hash, password)
	if err != nil {
		return errors.Join(err, a.takeBack(ctx, a.cfg.AddressTries, address), a.takeBackIf(ctx, until.IsZero(), loginTries))
	}
	if !right {
		return a.refuse(ctx, s, from)
	}
	if err := a.takeBack(ctx, a.cfg.AddressTries, address); err != nil {
		return err
	}
	_, err = drop(ctx, a.store, KindTries, loginTries)
	return err
}

// takeBackIf gives the try on the login back, where it was one.
func (a *Accounts) takeBackIf(ctx context.Context, counted bool, key string) error {
	if !counted {
		return nil
	}
	return a.takeBack(ctx, a.cfg.LoginTries, key)
}

// comparable is what to compare with what: the account's hash with the password where that may be tried,
// and otherwise a hash that nothing matches, at the same cost.
func (a *Accounts) comparable(s *stored, allowed bool, password string) (hash, typed string) {
	if len(password) > longestTyped {
		return a.hasher.dummy, ""
	}
	if s == nil || s.Disabled || s.Password == "" || !allowed {
		return a.hasher.dummy, password
	}
	return s.Password, password
}

// refuse logs a failed login and is its answer.
func (a *Accounts) refuse(ctx context.Context, s *stored, from From) error {
	e := Entry{Action: "login-refused", Kind: "account", Address: from.Address}
	if s != nil {
		e.Thing, e.Person = s.ID, s.Identifier
	}
	return errors.Join(domain.Reject(CodeRefused, "the login or the password is wrong"), a.Record(ctx, e))
}

// rehash stores the password anew where hashes cost something else than when it was stored. Nobody's
// sessions end by it.
func (a *Accounts) rehash(ctx context.Context, s stored, password string) error {
	if !a.hasher.stale(s.Password) {
		return nil
	}
	encoded, err := a.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return retry(ctx, func() error {
		now, revision, err := get[stored](ctx, a.store, KindAccount, s.ID)
		if err != nil || now.Password != s.Password { // it was changed meanwhile
			return err
		}
		now.Password = encoded
		return a.store.Write(ctx, put(KindAccount, Record{Key: s.ID, Revision: revision}, now))
	})
}
