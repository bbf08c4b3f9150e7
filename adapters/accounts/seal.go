package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/tizilim/tizilim/domain"
)

// What is given out unasked, challenges and the state of a login at a provider, is not stored: whoever
// asks without logging in must not be able to fill the disk. It carries a seal by which it is known again,
// and only what was used up is stored, until it would be too old anyway.

// seal is what only this installation can write under the text, for one purpose.
func (a *Accounts) seal(ctx context.Context, purpose, text string) (string, error) {
	key, err := a.sealKey(ctx)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// sealed reports whether the seal under the text is ours.
func (a *Accounts) sealed(ctx context.Context, purpose, text, seal string) (bool, error) {
	want, err := a.seal(ctx, purpose, text)
	return err == nil && hmac.Equal([]byte(want), []byte(seal)), err
}

// sealKey is the key that all nodes of an installation share. The first one that needs it makes it.
func (a *Accounts) sealKey(ctx context.Context) ([]byte, error) {
	if key := a.key.Load(); key != nil {
		return *key, nil
	}
	var text string
	err := retry(ctx, func() (err error) {
		var revision int64
		if text, revision, err = find[string](ctx, a.store, KindSecret, "seal"); err != nil || revision != 0 {
			return err
		}
		text = secret()
		return a.store.Write(ctx, put(KindSecret, Record{Key: "seal"}, text))
	})
	if err != nil {
		return nil, wrap("key of challenges", err)
	}
	key := []byte(text)
	a.key.Store(&key)
	return key, nil
}

// once begins a session together with what else is new, and uses the text up: in one write, so that of
// any number of tries with it one succeeds. change makes the write anew where something was changed by
// somebody else.
func (a *Accounts) once(ctx context.Context, text string, change func(used Change) error) error {
	key := digest(text)
	return retry(ctx, func() error {
		if _, err := a.store.Get(ctx, KindUsed, key); !errors.Is(err, domain.ErrNotFound) {
			if err == nil {
				err = domain.Reject(CodeChallenge, "it was used before")
			}
			return err
		}
		return change(put(KindUsed, Record{Key: key, Expires: a.now().Add(2 * challengeLife)}, true))
	})
}

// cutSeal splits what Challenge and the like gave out.
func cutSeal(s, separator string) (text, seal string) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return "", ""
	}
	return s[:i], s[i+len(separator):]
}
