package accounts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// session is what is stored of one.
type session struct {
	ID      string     `json:"id"` // how it is called
	Account string     `json:"account"`
	Epoch   int64      `json:"epoch"`
	As      Assignment `json:"as"`
	Method  string     `json:"method"` // password, certificate or openid
	Address string     `json:"address,omitempty"`
	Began   time.Time  `json:"began"`
	Seen    time.Time  `json:"seen"` // to within seenEvery
}

// over reports whether it has ended by itself.
func (a *Accounts) over(s session, now time.Time) bool {
	return !now.Before(s.Began.Add(a.cfg.Absolute)) || !now.Before(s.Seen.Add(a.cfg.Idle))
}

// seenEvery is how often, of a session's idle time, it is written down that it is used: a write costs a
// flush. A session may so end a thirtieth of its idle time early.
const seenEvery = 30

// record is the record of the session.
func (a *Accounts) record(key string, revision int64, s session) Change {
	expires := s.Seen.Add(a.cfg.Idle)
	if end := s.Began.Add(a.cfg.Absolute); end.Before(expires) {
		expires = end
	}
	return put(KindSession, Record{Key: key, Owner: s.Account, Revision: revision, Expires: expires}, s)
}

// digest is what is stored of a token.
func digest(token string) string {
	d := sha256.Sum256([]byte(token))
	return hex.EncodeToString(d[:])
}

// start makes the session that a login begins, under a new id whatever they came with: an id that
// somebody else put into their browser leads nowhere.
func (a *Accounts) start(s stored, method string, from From) (Opened, Change, error) {
	as := from.As
	if as == (Assignment{}) && len(s.Roles) > 0 {
		as = s.Roles[0]
	}
	if s.Disabled || !slices.Contains(s.Roles, as) {
		return Opened{}, Change{}, domain.Reject(CodeRefused, "the account is disabled, or has no such role")
	}
	now := a.now()
	opened, begun := a.open(s, session{
		Account: s.ID, Epoch: s.Epoch, As: as, Method: method, Address: Network(from.Address), Began: now, Seen: now,
	})
	return opened, begun, nil
}

// open gives a session a new id.
func (a *Accounts) open(s stored, begun session) (Opened, Change) {
	token := secret()
	key := digest(token)
	begun.ID = key[:16]
	o := Opened{Token: token, Ends: begun.Began.Add(a.cfg.Absolute), Visitor: visitor(s, begun)}
	return o, a.record(key, 0, begun)
}

func visitor(s stored, in session) Visitor {
	return Visitor{
		Actor:      domain.Actor{ID: s.ID, Name: s.Name, Role: in.As.Role, Organization: in.As.Organization},
		Identifier: s.Identifier, Person: s.Person, Roles: s.Roles,
		Grant: access.Grant{Role: in.As.Role}, Session: in.ID,
	}
}

// begin starts a session and ends the one they came in.
func (a *Accounts) begin(ctx context.Context, s stored, method string, from From) (Opened, error) {
	opened, change, err := a.start(s, method, from)
	if err != nil {
		return Opened{}, err
	}
	if err := a.store.Write(ctx, change); err != nil {
		return Opened{}, err
	}
	return opened, a.begun(ctx, opened, method, from)
}

// begun ends the previous session and logs the login.
func (a *Accounts) begun(ctx context.Context, o Opened, method string, from From) error {
	return errors.Join(a.End(ctx, from.Previous), a.Record(ctx, Entry{
		Account: o.Actor.ID, Role: o.Actor.Role, Organization: o.Actor.Organization, Address: from.Address,
		Action: "logged-in", Kind: "account", Thing: o.Actor.ID, Person: o.Identifier, Route: method,
	}))
}

// Session is who the session lets in; domain.ErrNotFound where there is none, or it has ended. It is asked
// for every request, and always answers by what is stored.
func (a *Accounts) Session(ctx context.Context, token string) (Visitor, error) {
	key := digest(token)
	in, s, revision, err := a.live(ctx, key)
	if err != nil {
		return Visitor{}, fmt.Errorf("session: %w", err)
	}
	if now := a.now(); now.Sub(in.Seen) >= a.cfg.Idle/seenEvery {
		in.Seen = now
		err := a.store.Write(ctx, a.record(key, revision, in))
		if err != nil && !errors.Is(err, domain.ErrConflict) { // another request has done it
			a.cfg.Logger.Warn("accounts: a session's use could not be written down; it will end early", "error", err)
		}
	}
	return visitor(s, in), nil
}

// live reads a session that has not ended, with its account.
func (a *Accounts) live(ctx context.Context, key string) (session, stored, int64, error) {
	in, revision, err := get[session](ctx, a.store, KindSession, key)
	if err != nil {
		return in, stored{}, 0, err
	}
	s, _, err := get[stored](ctx, a.store, KindAccount, in.Account)
	if err == nil && !a.good(in, s) {
		err = fmt.Errorf("it has ended: %w", domain.ErrNotFound)
	}
	return in, s, revision, err
}

// good reports whether the session has not ended, by itself or by what happened to its account.
func (a *Accounts) good(in session, s stored) bool {
	return !a.over(in, a.now()) && in.Epoch == s.Epoch && !s.Disabled && slices.Contains(s.Roles, in.As)
}

// Act goes on in another of the account's roles: under a new session id, until the same end.
// domain.ErrForbidden where the account does not have the role.
func (a *Accounts) Act(ctx context.Context, token string, as Assignment) (Opened, error) {
	key := digest(token)
	in, s, revision, err := a.live(ctx, key)
	if err != nil {
		return Opened{}, fmt.Errorf("act as %s: %w", as, err)
	}
	if !slices.Contains(s.Roles, as) {
		return Opened{}, fmt.Errorf("act as %s: %w", as, domain.ErrForbidden)
	}
	in.As, in.Seen = as, a.now()
	opened, begun := a.open(s, in)
	err = a.store.Write(ctx, begun, remove(KindSession, key, revision))
	if errors.Is(err, domain.ErrConflict) { // it was used or ended meanwhile
		return a.Act(ctx, token, as)
	}
	if err != nil {
		return Opened{}, fmt.Errorf("act as %s: %w", as, err)
	}
	return opened, a.Record(ctx, Entry{
		Account: s.ID, Role: as.Role, Organization: as.Organization, Action: "role-taken", Kind: "account", Thing: s.ID, Person: s.someone(),
	})
}

// End ends the session. One that has ended already, or never was, is no error.
func (a *Accounts) End(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	_, err := drop(ctx, a.store, KindSession, digest(token))
	return wrap("end session", err)
}

// Sessions are the sessions of the account that have not ended, the last begun first; of all accounts
// where the id is empty.
func (a *Accounts) Sessions(ctx context.Context, id string) ([]SessionInfo, error) {
	var list []SessionInfo
	owners := map[string]stored{}
	err := all(ctx, a.store, KindSession, id, func(r Record, in session) error {
		s, known := owners[in.Account]
		if !known {
			var err error
			if s, _, err = find[stored](ctx, a.store, KindAccount, in.Account); err != nil {
				return err
			}
			owners[in.Account] = s
		}
		if a.good(in, s) {
			list = append(list, SessionInfo{ID: in.ID, Account: in.Account, As: in.As, Method: in.Method, Address: in.Address, Began: in.Began, Seen: in.Seen, Ends: r.Expires})
		}
		return nil
	})
	slices.SortFunc(list, func(x, y SessionInfo) int {
		return cmp.Or(y.Began.Compare(x.Began), strings.Compare(x.ID, y.ID))
	})
	return list, wrap("list sessions", err)
}

// EndSessions ends all sessions of the account.
func (a *Accounts) EndSessions(ctx context.Context, by, id string) error {
	_, err := a.change(ctx, by, id, "sessions-ended", func(s *stored) (bool, error) {
		s.Epoch++
		return true, nil
	})
	return err
}

// EndSession ends one session of the account, by how it is called. domain.ErrNotFound where there is none.
func (a *Accounts) EndSession(ctx context.Context, by, account, id string) error {
	key := ""
	err := all(ctx, a.store, KindSession, account, func(r Record, in session) error {
		if in.ID == id {
			key = r.Key
		}
		return nil
	})
	if err == nil && key == "" {
		err = domain.ErrNotFound
	}
	if err == nil {
		_, err = drop(ctx, a.store, KindSession, key)
	}
	if err != nil {
		return fmt.Errorf("end session %q: %w", id, err)
	}
	return a.Record(ctx, Entry{Account: by, Action: "session-ended", Kind: "account", Thing: account})
}
