// Package standin signs and verifies in demonstrations, with keys that anybody who runs one can make. It
// stands in for real certificates, which package signature verifies.
//
// It is not an electronic digital signature in the sense of the law: no certificate authority has
// looked at anybody, and whoever has the seed of a demonstration can sign for every person in it. The
// method's name, "demo-ed25519", goes into every event that rests on such a signature, so that
// nobody takes one for more.
//
// What it has in common with the real thing is what the registry depends on: the exact bytes are
// signed, a key belongs to one IIN or BIN, has a serial number and a term, and can be revoked.
package standin

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// Method is the name of this way to sign.
const Method = "demo-ed25519"

// MaxEnvelope bounds an envelope, in bytes.
const MaxEnvelope = 4 << 10

// Envelope is a signature as it travels, in JSON.
type Envelope struct {
	Method    string `json:"method"`
	Subject   string `json:"subject"` // IIN or BIN
	Serial    string `json:"serial"`
	PublicKey []byte `json:"public_key"`
	Signature []byte `json:"signature"`
}

// Reason is why a signature does not count.
type Reason string

// The reasons.
const (
	KeyUnknown        Reason = "key-unknown"        // this demonstration gave out no such key for the subject
	KeyNotYetValid    Reason = "key-not-yet-valid"  // its term has not begun
	KeyExpired        Reason = "key-expired"        // its term is over
	KeyRevoked        Reason = "key-revoked"        // it was revoked
	SignatureMismatch Reason = "signature-mismatch" // the bytes are not those that were signed
)

// Verdict is what verifying found. Subject and Serial are those of the envelope, and worth something
// only where Valid.
type Verdict struct {
	Valid   bool
	Subject string
	Serial  string
	Digest  string // SHA-256 of the bytes, hexadecimal
	Method  string
	Reason  Reason // empty where Valid
}

// Demo signs for everybody in a demonstration and verifies what it signed.
type Demo struct {
	dir  string
	seed []byte
	now  func() time.Time
}

// Open opens the demonstration's keys in the folder, and makes their seed where there is none. Two
// processes with the same folder have the same keys, and see each other's revocations.
func Open(dir string, now func() time.Time) (*Demo, error) {
	seed, err := openSeed(dir)
	if err != nil {
		return nil, fmt.Errorf("open demonstration keys: %w", err)
	}
	return &Demo{dir: dir, seed: seed, now: now}, nil
}

// Key is somebody's key for a year.
type Key struct {
	Subject   string
	Serial    string
	NotBefore time.Time
	NotAfter  time.Time // the first instant it does not sign any more
	private   ed25519.PrivateKey
}

// Key is the subject's key of a year: good from its first instant to the end of January of the next,
// in UTC, so that nothing signed at New Year's Eve is refused on New Year's Day. The same seed gives
// the same key. *domain.Rejection where the subject is no IIN or BIN.
func (d *Demo) Key(subject string, year int) (Key, error) {
	id, err := ident.Parse(subject)
	if err != nil {
		return Key{}, fmt.Errorf("demonstration key: %w", err)
	}
	if year < 2000 || year > 9999 {
		return Key{}, fmt.Errorf("demonstration key of %d: %w", year, domain.ErrInvalid)
	}
	h := hmac.New(sha256.New, d.seed)
	fmt.Fprintf(h, "tizilim %s key\n%s\n%d\n", Method, id, year)
	private := ed25519.NewKeyFromSeed(h.Sum(nil))
	digest := sha256.Sum256(public(private))
	return Key{
		Subject: id.String(), Serial: fmt.Sprintf("%04d-%s", year, hex.EncodeToString(digest[:8])),
		NotBefore: time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:  time.Date(year+1, time.February, 1, 0, 0, 0, 0, time.UTC),
		private:   private,
	}, nil
}

// Sign signs exactly these bytes and returns the envelope.
func (k Key) Sign(message []byte) ([]byte, error) {
	envelope, err := json.Marshal(Envelope{
		Method: Method, Subject: k.Subject, Serial: k.Serial,
		PublicKey: public(k.private), Signature: ed25519.Sign(k.private, message),
	})
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return envelope, nil
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// Sign signs the bytes with the person's key of today.
func (d *Demo) Sign(person string, message []byte) ([]byte, error) {
	key, err := d.Key(person, d.now().UTC().Year())
	if err != nil {
		return nil, err
	}
	return key.Sign(message)
}

// Verify says whether the envelope is a signature over exactly these bytes by a key that this
// demonstration gave to the subject, now within its term and not revoked. Who the subject has to be
// is for the caller to compare. A bad signature is a verdict, not an error. ErrInvalid for what is no
// envelope of this method, because it says nothing of a signature; ErrUnavailable where the
// revocations cannot be read.
func (d *Demo) Verify(ctx context.Context, message, envelope []byte) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, fmt.Errorf("verify signature: %w", err)
	}
	e, err := open(envelope)
	if err != nil {
		return Verdict{}, fmt.Errorf("verify signature: %w", err)
	}
	reason, err := d.check(e, message)
	if err != nil {
		return Verdict{}, fmt.Errorf("verify signature: %w", err)
	}
	digest := sha256.Sum256(message)
	return Verdict{
		Valid: reason == "", Reason: reason, Method: Method,
		Subject: e.Subject, Serial: e.Serial, Digest: hex.EncodeToString(digest[:]),
	}, nil
}

// open reads an envelope.
func open(envelope []byte) (Envelope, error) {
	if len(envelope) > MaxEnvelope {
		return Envelope{}, fmt.Errorf("an envelope of %d bytes: %w", len(envelope), domain.ErrInvalid)
	}
	var e Envelope
	dec := json.NewDecoder(bytes.NewReader(envelope))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Envelope{}, fmt.Errorf("not an envelope: %w: %w", domain.ErrInvalid, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Envelope{}, fmt.Errorf("something stands behind the envelope: %w", domain.ErrInvalid)
	}
	if e.Method != Method || len(e.PublicKey) != ed25519.PublicKeySize || len(e.Signature) != ed25519.SignatureSize {
		return Envelope{}, fmt.Errorf("not an envelope of %s: %w", Method, domain.ErrInvalid)
	}
	return e, nil
}

// check says why the signature does not count. The signature comes before the key's term and
// revocation: what is told of a key is told to who has it.
func (d *Demo) check(e Envelope, message []byte) (Reason, error) {
	key, err := d.known(e)
	if err != nil {
		return KeyUnknown, nil
	}
	if !ed25519.Verify(public(key.private), message, e.Signature) {
		return SignatureMismatch, nil
	}
	revoked, err := d.revoked(key.Serial)
	if err != nil {
		return "", err
	}
	switch now := d.now(); {
	case revoked:
		return KeyRevoked, nil
	case now.Before(key.NotBefore):
		return KeyNotYetValid, nil
	case !now.Before(key.NotAfter):
		return KeyExpired, nil
	}
	return "", nil
}

// known is the key that the envelope names, if this demonstration gave it out.
func (d *Demo) known(e Envelope) (Key, error) {
	year, _, _ := strings.Cut(e.Serial, "-")
	n, err := strconv.Atoi(year)
	if err != nil {
		return Key{}, err
	}
	key, err := d.Key(e.Subject, n)
	if err != nil {
		return Key{}, err
	}
	if key.Subject != e.Subject || key.Serial != e.Serial || !bytes.Equal(public(key.private), e.PublicKey) {
		return Key{}, errors.New("another key")
	}
	return key, nil
}
