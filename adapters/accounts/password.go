package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/tizilim/tizilim/domain"
)

// HashCost is what it costs to hash a password with argon2id.
type HashCost struct {
	Memory  uint32 // KiB
	Time    uint32
	Threads uint8
}

// DefaultHash is about 40 ms of one processor.
var DefaultHash = HashCost{Memory: 19 << 10, Time: 2, Threads: 1}

// The bounds of what a stored hash may ask for, so that a damaged one does not take the machine.
const (
	mostMemory = 1 << 20 // KiB
	mostTime   = 64
	saltLen    = 16
	keyLen     = 32
)

// hasher hashes passwords, few at a time: each takes memory, and whoever logs in must not be able to take
// all of it.
type hasher struct {
	cost  HashCost
	slots chan struct{}
	wait  time.Duration
	dummy string // a hash that no password has, as costly as the others
}

func newHasher(cost HashCost, slots int, wait time.Duration) *hasher {
	var nobody [saltLen + keyLen]byte
	rand.Read(nobody[:])
	return &hasher{
		cost: cost, slots: make(chan struct{}, slots), wait: wait,
		dummy: encodeHash(cost, nobody[:saltLen], nobody[saltLen:]),
	}
}

// hash is the encoded hash of a new password; domain.ErrUnavailable where no turn came.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	var salt [saltLen]byte
	rand.Read(salt[:])
	key, err := h.key(ctx, h.cost, salt[:], keyLen, password)
	if err != nil {
		return "", err
	}
	return encodeHash(h.cost, salt[:], key), nil
}

// matches compares a password with an encoded hash, in the time that a hash takes whether it does or not.
func (h *hasher) matches(ctx context.Context, encoded, password string) (bool, error) {
	cost, salt, want, err := decodeHash(encoded)
	if err != nil {
		return false, err
	}
	got, err := h.key(ctx, cost, salt, uint32(len(want)), password)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// stale reports whether the hash was made at another cost than new ones are.
func (h *hasher) stale(encoded string) bool {
	cost, _, _, err := decodeHash(encoded)
	return err == nil && cost != h.cost
}

// key waits for its turn and computes. Two spellings of one text in Unicode are one password.
func (h *hasher) key(ctx context.Context, cost HashCost, salt []byte, length uint32, password string) ([]byte, error) {
	if err := h.turn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, cost.Time, cost.Memory, cost.Threads, length), nil
}

// turn waits for a slot.
func (h *hasher) turn(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	wait, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-wait.Done():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("too many passwords are being checked: %w", domain.ErrUnavailable)
}

// encodeHash writes a hash as other programs do too: $argon2id$v=19$m=…,t=…,p=…$salt$key.
func encodeHash(c HashCost, salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Threads, b64(salt), b64(key))
}

// decodeHash reads one; domain.ErrDamaged for anything else.
func decodeHash(encoded string) (c HashCost, salt, key []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) == 6 && parts[0] == "" && parts[1] == "argon2id" && parts[2] == "v="+strconv.Itoa(argon2.Version) {
		c, err = decodeCost(parts[3])
		var saltErr, keyErr error
		salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
		key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
		if err == nil && saltErr == nil && keyErr == nil && len(salt) >= 8 && len(key) >= 16 && len(key) <= 64 {
			return c, salt, key, nil
		}
	}
	return HashCost{}, nil, nil, fmt.Errorf("password hash: %w", domain.ErrDamaged)
}

func decodeCost(s string) (HashCost, error) {
	var values [3]uint64
	fields := strings.Split(s, ",")
	for i, name := range []string{"m=", "t=", "p="} {
		if len(fields) != len(values) {
			return HashCost{}, strconv.ErrSyntax
		}
		digits, named := strings.CutPrefix(fields[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !named || err != nil || v == 0 {
			return HashCost{}, strconv.ErrSyntax
		}
		values[i] = v
	}
	if values[0] > mostMemory || values[1] > mostTime || values[2] > 16 {
		return HashCost{}, strconv.ErrRange
	}
	return HashCost{Memory: uint32(values[0]), Time: uint32(values[1]), Threads: uint8(values[2])}, nil
}

// What a password has to be. Length is what makes one hard to guess; rules about digits and signs make
// people write it down.
const (
	shortestPassword = 12  // characters
	longestPassword  = 256 // characters
	fewestDifferent  = 5   // characters
)

// goodPassword is a rejection for a password that is too easy to guess.
func goodPassword(s stored, password string) error {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || n < shortestPassword:
		return domain.Reject(CodePasswordShort, fmt.Sprintf("the password is shorter than %d characters", shortestPassword), "min", strconv.Itoa(shortestPassword))
	case n > longestPassword:
		return domain.Reject(CodePasswordLong, fmt.Sprintf("the password is longer than %d characters", longestPassword), "max", strconv.Itoa(longestPassword))
	}
	different := map[rune]bool{}
	for _, r := range password {
		different[r] = true
	}
	lower := strings.ToLower(password)
	for _, known := range []string{s.Login, s.Identifier, s.Person} {
		if known != "" && strings.Contains(lower, strings.ToLower(known)) {
			return domain.Reject(CodePasswordEasy, "the password contains the login or identifier")
		}
	}
	if len(different) < fewestDifferent {
		return domain.Reject(CodePasswordEasy, "the password repeats a few characters")
	}
	return nil
}

// SetPassword gives the account another password. Its sessions end.
func (a *Accounts) SetPassword(ctx context.Context, by, id, password string) (Account, error) {
	s, _, err := get[stored](ctx, a.store, KindAccount, id)
	if err != nil {
		return Account{}, wrap("set password", err)
	}
	return a.setPassword(ctx, by, s, password)
}

func (a *Accounts) setPassword(ctx context.Context, by string, s stored, password string) (Account, error) {
	if err := goodPassword(s, password); err != nil {
		return Account{}, wrap("set password", err)
	}
	encoded, err := a.hasher.hash(ctx, password)
	if err != nil {
		return Account{}, wrap("set password", err)
	}
	return a.change(ctx, by, s.ID, "password-set", func(s *stored) (bool, error) {
		if s.Login == "" {
			return false, fmt.Errorf("an account without a login has no use of a password: %w", domain.ErrInvalid)
		}
		s.Password = encoded
		s.Epoch++
		return true, nil
	})
}

// ChangePassword is SetPassword by somebody themselves, who tells their present password; an account
// without one takes the first. Wrong ones count as failed logins.
func (a *Accounts) ChangePassword(ctx context.Context, id, present, next string, from From) (Account, error) {
	s, _, err := get[stored](ctx, a.store, KindAccount, id)
	if err != nil {
		return Account{}, wrap("change password", err)
	}
	if s.Password != "" {
		if err := a.prove(ctx, &s, s.Login, present, from); err != nil {
			return Account{}, wrap("change password", err)
		}
	}
	return a.setPassword(ctx, id, s, next)
}
