package accounts

import (
	"context"
	"time"
)

// Occupy takes all turns for hashing passwords, until release.
func (a *Accounts) Occupy() (release func()) {
	for range cap(a.hasher.slots) {
		a.hasher.slots <- struct{}{}
	}
	return func() {
		for range cap(a.hasher.slots) {
			<-a.hasher.slots
		}
	}
}

// Hurry lets the access log try again at once. It is called before anything is recorded.
func (a *Accounts) Hurry() { a.log.again = time.Millisecond }

// RoomFor is how many entries of the access log may wait.
const RoomFor = roomFor

// Failures and what follows from them.
type Failures = failures

func (t Tries) Fail(f Failures, now time.Time) Failures     { return t.fail(f, now) }
func (t Tries) Fade(f Failures, now time.Time) Failures     { return t.fade(f, now) }
func (t Tries) TakeBack(f Failures) Failures                { return t.takeBack(f) }
func (t Tries) Gone(f Failures) time.Time                   { return t.gone(f) }
func (f failures) Locked(now time.Time) bool                { return f.locked(now) }
func DecodeHash(s string) (HashCost, []byte, []byte, error) { return decodeHash(s) }

var EncodeHash = encodeHash

// Hasher hashes as a server does.
func Hasher() func(context.Context, string) (string, error) {
	return newHasher(DefaultHash, 1, time.Second).hash
}
