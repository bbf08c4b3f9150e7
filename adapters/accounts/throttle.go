package accounts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Tries is how many times something may fail, and what follows.
type Tries struct {
	Free  int           // failures that cost nothing
	Delay time.Duration // for how long the last of them locks; each one more doubles it
	Most  time.Duration // it never locks for longer
	// Forget is how long it takes for one failure to be forgotten.
	Forget time.Duration
}

// What holds unless something else is configured. Who guesses one password gets about 24 tries a day; an
// address is where many people may come from, so it is let try more.
var (
	DefaultLoginTries   = Tries{Free: 5, Delay: 30 * time.Second, Most: time.Hour, Forget: 6 * time.Hour}
	DefaultAddressTries = Tries{Free: 20, Delay: 30 * time.Second, Most: 15 * time.Minute, Forget: 5 * time.Minute}
)

// or fills in what is not set.
func (t Tries) or(d Tries) Tries {
	return Tries{cmp.Or(t.Free, d.Free), cmp.Or(t.Delay, d.Delay), cmp.Or(t.Most, d.Most), cmp.Or(t.Forget, d.Forget)}
}

// failures is what is remembered of the tries on one login or from one address.
type failures struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`  // from here on they are forgotten
	Until time.Time `json:"until"` // locked
}

// locked reports whether no try is let through now.
func (f failures) locked(now time.Time) bool { return now.Before(f.Until) }

// fade forgets what is to be forgotten by now.
func (t Tries) fade(f failures, now time.Time) failures {
	if n := int(now.Sub(f.Last) / t.Forget); n > 0 {
		f.Count = max(0, f.Count-n)
		f.Last = f.Last.Add(time.Duration(n) * t.Forget)
	}
	return f
}

// fail counts one more.
func (t Tries) fail(f failures, now time.Time) failures {
	f = t.fade(f, now)
	f.Count++
	f.Last = now
	if f.Count >= t.Free {
		f.Until = now.Add(t.lock(f.Count - t.Free))
	}
	return f
}

// lock is for how long it is locked after so many failures beyond the free ones.
func (t Tries) lock(beyond int) time.Duration {
	d := t.Delay
	for ; beyond > 0 && d < t.Most; beyond-- {
		d *= 2
	}
	return min(d, t.Most)
}

// takeBack undoes a fail for a try that did not take place.
func (t Tries) takeBack(f failures) failures {
	f.Count = max(0, f.Count-1)
	if f.Count < t.Free {
		f.Until = time.Time{}
	}
	return f
}

// gone is when all of it is forgotten.
func (t Tries) gone(f failures) time.Time {
	end := f.Last.Add(time.Duration(f.Count) * t.Forget)
	if f.Until.After(end) {
		return f.Until
	}
	return end
}

// allow lets one try through, or says until when none is. The try counts as failed from here on, durably,
// before anything is compared: so a hundred at once are as many as a hundred one after the other, and a
// crash gives nobody a try. Who succeeds takes it back.
func (a *Accounts) allow(ctx context.Context, t Tries, key string) (until time.Time, err error) {
	if key == "" {
		return time.Time{}, nil
	}
	err = retry(ctx, func() error {
		f, revision, err := find[failures](ctx, a.store, KindTries, key)
		if err != nil {
			return err
		}
		now := a.now()
		until = time.Time{}
		if f.locked(now) {
			until = f.Until
			return nil
		}
		return a.keep(ctx, t, key, revision, t.fail(f, now))
	})
	return until, err
}

// keep stores failures, or removes them where none are left.
func (a *Accounts) keep(ctx context.Context, t Tries, key string, revision int64, f failures) error {
	if f.Count == 0 {
		return a.store.Write(ctx, remove(KindTries, key, revision))
	}
	return a.store.Write(ctx, put(KindTries, Record{Key: key, Revision: revision, Expires: t.gone(f)}, f))
}

// takeBack gives a try back.
func (a *Accounts) takeBack(ctx context.Context, t Tries, key string) error {
	if key == "" {
		return nil
	}
	return retry(ctx, func() error {
		f, revision, err := find[failures](ctx, a.store, KindTries, key)
		if err != nil || revision == 0 {
			return err
		}
		return a.keep(ctx, t, key, revision, t.takeBack(f))
	})
}

// loginKey is where the failures on a login are kept. They are kept for logins that nobody has too, so
// that nothing tells the two apart. People type passwords where a login belongs, hence the digest.
func loginKey(login string) string {
	digest := sha256.Sum256([]byte(login))
	return "login " + hex.EncodeToString(digest[:])
}

// addressKey is where the failures from an address are kept, "" for no address. Of an IPv6 address the
// first 64 bits count: whoever has one has all that begin so.
func addressKey(address string) string {
	if address == "" {
		return ""
	}
	return "address " + Network(address)
}

// Network is the address as it is counted and logged, without a port and without what one machine may
// choose by itself. What is no address is "unknown".
func Network(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// tooMany says that no more tries are let through from an address. It tells when they will be, which
// depends on nothing but what came from there.
func (a *Accounts) tooMany(until time.Time) error {
	seconds := int(until.Sub(a.now())/time.Second) + 1
	return domain.Reject(CodeTooMany, "too many failed tries from this address", "seconds", strconv.Itoa(seconds))
}

// LockOf is the state of an account's login.
func (a *Accounts) LockOf(ctx context.Context, login string) (Lock, error) {
	return a.lockAt(ctx, a.cfg.LoginTries, loginKey(normalizeLogin(login)))
}

// LockOfAddress is that of an address.
func (a *Accounts) LockOfAddress(ctx context.Context, address string) (Lock, error) {
	return a.lockAt(ctx, a.cfg.AddressTries, addressKey(address))
}

func (a *Accounts) lockAt(ctx context.Context, t Tries, key string) (Lock, error) {
	f, _, err := find[failures](ctx, a.store, KindTries, key)
	if err != nil {
		return Lock{}, wrap("lock", err)
	}
	now := a.now()
	l := Lock{Failures: t.fade(f, now).Count}
	if f.locked(now) {
		l.Until = f.Until
	}
	return l, nil
}

// Unlock forgets the failed logins of an account. False where there were none.
func (a *Accounts) Unlock(ctx context.Context, by, id string) (bool, error) {
	s, _, err := get[stored](ctx, a.store, KindAccount, id)
	if err != nil {
		return false, wrap("unlock", err)
	}
	had, err := drop(ctx, a.store, KindTries, loginKey(s.Login))
	if err != nil || !had {
		return had, wrap("unlock", err)
	}
	return had, a.Record(ctx, Entry{Account: by, Action: "account-unlocked", Kind: "account", Thing: id, Person: s.someone()})
}

// UnlockAddress forgets the failures from an address.
func (a *Accounts) UnlockAddress(ctx context.Context, by, address string) (bool, error) {
	if address == "" {
		return false, errors.New("no address")
	}
	had, err := drop(ctx, a.store, KindTries, addressKey(address))
	if err != nil || !had {
		return had, wrap("unlock address", err)
	}
	return had, a.Record(ctx, Entry{Account: by, Action: "address-unlocked", Kind: "address", Thing: Network(address)})
}
