package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// stored is an account with what leaves this package in no form.
type stored struct {
	Account
	Password string `json:"password,omitempty"` // encoded hash
	// Epoch counts what ends all sessions: a session is good only with the epoch it began in. So they end
	// by one write, and one that begins at the same moment ends with them.
	Epoch int64 `json:"epoch"`
}

// names are what no other account may have.
func (s stored) names() []string {
	var names []string
	if s.Login != "" {
		names = append(names, loginName(s.Login))
	}
	if s.isApplicant() {
		names = append(names, applicantName(s.digits()))
	}
	if s.Subject != "" {
		names = append(names, openIDName(s.Issuer, s.Subject))
	}
	return names
}

func loginName(login string) string            { return "login " + login }
func applicantName(digits string) string       { return "applicant " + digits }
func openIDName(issuer, subject string) string { return "openid " + issuer + " " + subject }

func (s stored) isApplicant() bool {
	return slices.Contains(s.Roles, Assignment{Role: domain.RoleApplicant})
}

// someone is whose data the account is: the person's who acts for an organization, not the organization's.
func (s stored) someone() string { return cmp.Or(s.Person, s.Identifier) }

// digits tells applicants apart: two people may act for one organization, each with an account.
func (s stored) digits() string {
	if s.Person == "" || s.Person == s.Identifier {
		return s.Identifier
	}
	return s.Identifier + "-" + s.Person
}

var (
	logins = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{1,63}$`)
	// identifying is a login that says who one is by itself.
	identifying = regexp.MustCompile(`^[0-9]{12}(-[0-9]{12})?$`)
	ids         = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// longestName bounds a name, in characters.
const longestName = 200

// check is domain.ErrInvalid for what is no sound account.
func (s stored) check() error {
	if !ids.MatchString(s.ID) {
		return fmt.Errorf("account id %q: letters, digits, '.', '_' and '-', up to 64: %w", s.ID, domain.ErrInvalid)
	}
	if n := utf8.RuneCountInString(s.Name); n == 0 || n > longestName {
		return fmt.Errorf("account name: 1 to %d characters: %w", longestName, domain.ErrInvalid)
	}
	if s.Login != "" && !logins.MatchString(s.Login) {
		return fmt.Errorf("login %q: small letters, digits, '.', '_', '@' and '-', 2 to 64 of them: %w", s.Login, domain.ErrInvalid)
	}
	if identifying.MatchString(s.Login) && (!s.isApplicant() || s.Login != s.digits()) {
		return fmt.Errorf("login of twelve digits: only an applicant's own identifier: %w", domain.ErrInvalid)
	}
	for i, r := range s.Roles {
		if err := r.Check(); err != nil {
			return err
		}
		if slices.Contains(s.Roles[:i], r) {
			return fmt.Errorf("role %s: twice: %w", r, domain.ErrInvalid)
		}
	}
	// Whoever logs in by certificate is an applicant; no certificate leads into an employee's account.
	if s.isApplicant() && (len(s.Roles) > 1 || s.Identifier == "") {
		return fmt.Errorf("applicant: needs an identifier, and has no other role: %w", domain.ErrInvalid)
	}
	return nil
}

// normalizeLogin makes a login out of what somebody typed.
func normalizeLogin(typed string) string { return strings.ToLower(strings.TrimSpace(typed)) }

// Add makes an account, with a password where that is not empty. A rejection where the id, the login or
// the applicant has one already.
func (a *Accounts) Add(ctx context.Context, by string, n NewAccount, password string) (Account, error) {
	s := stored{Account: Account{
		ID: cmp.Or(n.ID, uuid.NewString()), Login: normalizeLogin(n.Login), Name: strings.TrimSpace(n.Name), Roles: n.Roles,
		Created: a.stamp(by), Changed: a.stamp(by),
	}}
	err := a.fill(ctx, &s, n, password)
	if err == nil {
		err = retry(ctx, func() error { return a.create(ctx, s) })
	}
	if err != nil {
		return Account{}, fmt.Errorf("add account: %w", err)
	}
	return s.Account, a.Record(ctx, Entry{Account: by, Action: "account-added", Kind: "account", Thing: s.ID, Person: s.someone()})
}

// create stores an account that was not there.
func (a *Accounts) create(ctx context.Context, s stored, with ...Change) error {
	if _, revision, err := find[stored](ctx, a.store, KindAccount, s.ID); err != nil {
		return err
	} else if revision != 0 {
		return domain.Reject(CodeExists, "another account has this id")
	}
	changes, err := a.rename(ctx, nil, s)
	if err != nil {
		return err
	}
	changes = append(changes, put(KindAccount, Record{Key: s.ID}, s))
	return a.store.Write(ctx, append(changes, with...)...)
}

// fill puts what has to be checked into the account.
func (a *Accounts) fill(ctx context.Context, s *stored, n NewAccount, password string) (err error) {
	if s.Login == "" {
		return fmt.Errorf("a login is needed: %w", domain.ErrInvalid)
	}
	if s.Identifier, err = identifier(n.Identifier); err != nil {
		return err
	}
	if s.Person, err = identifier(n.Person); err != nil {
		return err
	}
	if err := s.check(); err != nil || password == "" {
		return err
	}
	if err := goodPassword(*s, password); err != nil {
		return err
	}
	s.Password, err = a.hasher.hash(ctx, password)
	return err
}

// identifier is the IIN or BIN as it is stored, "" for none.
func identifier(typed string) (string, error) {
	if typed == "" {
		return "", nil
	}
	id, err := ident.Parse(typed)
	return id.String(), err
}

// rename is how the unique names change from those of an account to those of the other. A rejection
// where somebody else has one.
func (a *Accounts) rename(ctx context.Context, before []string, after stored) ([]Change, error) {
	var changes []Change
	for _, name := range before {
		if slices.Contains(after.names(), name) {
			continue
		}
		_, revision, err := get[string](ctx, a.store, KindName, name)
		if err != nil {
			return nil, err
		}
		changes = append(changes, remove(KindName, name, revision))
	}
	for _, name := range after.names() {
		if slices.Contains(before, name) {
			continue
		}
		if _, revision, err := find[string](ctx, a.store, KindName, name); err != nil {
			return nil, err
		} else if revision != 0 {
			kind, _, _ := strings.Cut(name, " ")
			return nil, domain.Reject(CodeExists, "another account has this "+kind)
		}
		changes = append(changes, put(KindName, Record{Key: name, Owner: after.ID}, after.ID))
	}
	return changes, nil
}

// change reads the account, changes it, and stores it with who did it. Where f reports false nothing is
// stored.
func (a *Accounts) change(ctx context.Context, by, id, action string, f func(*stored) (bool, error)) (Account, error) {
	var s stored
	changed := false
	err := retry(ctx, func() error {
		var revision int64
		var err error
		if s, revision, err = get[stored](ctx, a.store, KindAccount, id); err != nil {
			return err
		}
		before := s.names()
		s.Roles = slices.Clone(s.Roles)
		if changed, err = f(&s); err != nil || !changed {
			return err
		}
		s.Changed = a.stamp(by)
		if err := s.check(); err != nil {
			return err
		}
		changes, err := a.rename(ctx, before, s)
		if err != nil {
			return err
		}
		return a.store.Write(ctx, append(changes, put(KindAccount, Record{Key: id, Revision: revision}, s))...)
	})
	if err != nil || !changed {
		return s.Account, wrap(action, err)
	}
	return s.Account, a.Record(ctx, Entry{Account: by, Action: action, Kind: "account", Thing: id, Person: s.someone()})
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Account is the account with the id; domain.ErrNotFound where there is none.
func (a *Accounts) Account(ctx context.Context, id string) (AccountInfo, error) {
	s, _, err := get[stored](ctx, a.store, KindAccount, id)
	return AccountInfo{Account: s.Account, Password: s.Password != ""}, wrap("account", err)
}

// Find is the account with the login, or else with the id.
func (a *Accounts) Find(ctx context.Context, loginOrID string) (AccountInfo, error) {
	id, _, err := get[string](ctx, a.store, KindName, loginName(normalizeLogin(loginOrID)))
	if errors.Is(err, domain.ErrNotFound) {
		id, err = loginOrID, nil
	}
	if err != nil {
		return AccountInfo{}, wrap("account", err)
	}
	return a.Account(ctx, id)
}

// List are the accounts with ids after the one given, in the order of the ids.
func (a *Accounts) List(ctx context.Context, after string, limit int) ([]AccountInfo, error) {
	records, err := a.store.List(ctx, KindAccount, "", after, limit)
	if err != nil {
		return nil, wrap("list accounts", err)
	}
	list := make([]AccountInfo, len(records))
	for i, r := range records {
		s, err := decode[stored](KindAccount, r)
		if err != nil {
			return nil, wrap("list accounts", err)
		}
		list[i] = AccountInfo{Account: s.Account, Password: s.Password != ""}
	}
	return list, nil
}

// Edit corrects an account. Where the person or organization it stands for becomes another one, its
// sessions end.
func (a *Accounts) Edit(ctx context.Context, by, id string, e Edit) (Account, error) {
	return a.change(ctx, by, id, "account-edited", func(s *stored) (bool, error) {
		before := s.Account
		s.Login = cmp.Or(normalizeLogin(e.Login), s.Login)
		s.Name = cmp.Or(strings.TrimSpace(e.Name), s.Name)
		stands, err := identifier(e.Identifier)
		if err != nil {
			return false, err
		}
		person, err := identifier(e.Person)
		if err != nil {
			return false, err
		}
		s.Identifier, s.Person = cmp.Or(stands, s.Identifier), cmp.Or(person, s.Person)
		if s.Identifier != before.Identifier || s.Person != before.Person {
			s.Epoch++
		}
		return s.Login != before.Login || s.Name != before.Name || s.Identifier != before.Identifier || s.Person != before.Person, nil
	})
}

// Disable shuts the account: its sessions end, and nobody logs into it until Enable.
func (a *Accounts) Disable(ctx context.Context, by, id string) (Account, error) {
	return a.change(ctx, by, id, "account-disabled", func(s *stored) (bool, error) {
		changed := !s.Disabled
		s.Disabled = true
		s.Epoch++
		return changed, nil
	})
}

// Enable opens it again. Sessions of before stay ended.
func (a *Accounts) Enable(ctx context.Context, by, id string) (Account, error) {
	return a.change(ctx, by, id, "account-enabled", func(s *stored) (bool, error) {
		changed := s.Disabled
		s.Disabled = false
		return changed, nil
	})
}

// AddRole gives the account a role. Its sessions end, so that none goes on as somebody else.
func (a *Accounts) AddRole(ctx context.Context, by, id string, r Assignment) (Account, error) {
	return a.change(ctx, by, id, "role-added", func(s *stored) (bool, error) {
		if slices.Contains(s.Roles, r) {
			return false, nil
		}
		s.Roles = append(s.Roles, r)
		s.Epoch++
		return true, ownRoles(s)
	})
}

// RemoveRole takes the role away, and ends the sessions. domain.ErrNotFound where the account does not
// have it.
func (a *Accounts) RemoveRole(ctx context.Context, by, id string, r Assignment) (Account, error) {
	return a.change(ctx, by, id, "role-removed", func(s *stored) (bool, error) {
		i := slices.Index(s.Roles, r)
		if i < 0 {
			return false, fmt.Errorf("role %s: %w", r, domain.ErrNotFound)
		}
		s.Roles = slices.Delete(s.Roles, i, i+1)
		s.Epoch++
		return true, ownRoles(s)
	})
}

// ownRoles is domain.ErrInvalid for an account whose roles are not given here.
func ownRoles(s *stored) error {
	if s.Subject != "" {
		return fmt.Errorf("the roles of this account come from the OpenID provider: %w", domain.ErrInvalid)
	}
	return nil
}

// Remove erases the account: its name, identifier, password, roles and sessions. The events of what it did
// keep its id and name, and the access log keeps the id until its retention is over.
func (a *Accounts) Remove(ctx context.Context, by, id string) error {
	err := retry(ctx, func() error {
		s, revision, err := get[stored](ctx, a.store, KindAccount, id)
		if err != nil {
			return err
		}
		changes, err := a.rename(ctx, s.names(), stored{})
		if err != nil {
			return err
		}
		err = all(ctx, a.store, KindSession, id, func(r Record, _ session) error {
			changes = append(changes, remove(KindSession, r.Key, r.Revision))
			return nil
		})
		if err != nil {
			return err
		}
		return a.store.Write(ctx, append(changes, remove(KindAccount, id, revision))...)
	})
	if err != nil {
		return fmt.Errorf("remove account: %w", err)
	}
	return a.Record(ctx, Entry{Account: by, Action: "account-removed", Kind: "account", Thing: id})
}

// stamp is that somebody does something now.
func (a *Accounts) stamp(by string) Stamp { return Stamp{At: a.now(), By: by} }
