// Package signing is what the registry wants to know of an electronic signature, whoever verifies it: the
// claim that somebody makes with it, and the verdict on that.
//
// A verdict is for ever or not yet one. Valid and Invalid come with the evidence that they rest on, which is
// kept in the event; Pending says nothing against a signature, only that it has to be judged again, and
// Unsupported that nobody here can. Each but Valid has a Reason of a closed set (reason.go), which is public
// and translated.
package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Purpose is what a signature is for. It decides what the certificate has to be.
type Purpose string

// The purposes.
const (
	Request  Purpose = "request"  // an applicant signs a request
	Entry    Purpose = "entry"    // an operator of a service center signs what they entered
	Decision Purpose = "decision" // the authorized person of a licensor signs a decision or a license
)

// Signer is whose signature it has to be. What is empty is not compared.
type Signer struct {
	IIN string `json:"iin,omitempty"`
	BIN string `json:"bin,omitempty"`
}

// Claim is a signature that wants to be judged.
type Claim struct {
	Signed  []byte // the exact bytes that had to be signed
	CMS     []byte
	Purpose Purpose
	Signer  Signer
	// Received is when the registry got it, also where it is judged only later.
	Received time.Time
}

// Outcome is what a verdict comes to.
type Outcome string

// The outcomes.
const (
	Valid       Outcome = "valid"
	Invalid     Outcome = "invalid"
	Pending     Outcome = "pending"     // somebody who has to be asked does not answer
	Unsupported Outcome = "unsupported" // an algorithm that nobody here knows
)

// Verdict is what a verifier found.
type Verdict struct {
	Outcome Outcome
	Reason  Reason // empty where Valid
	// IIN, BIN and Name are those of the certificate, worth something only where Valid.
	IIN, BIN, Name string
	Serial         string // of the certificate
	Digest         string // SHA-256 of the signed bytes, hex
	Method         string // which verifier said so
	// Evidence is what the verdict rests on, to be made again from later: a JSON document of the verifier's.
	// Empty where Pending or Unsupported.
	Evidence json.RawMessage
}

// Verifier judges signatures. It may be called by many goroutines at once.
type Verifier interface {
	// Verify judges the claim. domain.ErrInvalid for bytes that are no signature at all; any other error is
	// the registry's own and says nothing of the signature. What the evidence needs beside itself is kept
	// durably when it returns.
	Verify(ctx context.Context, c Claim) (Verdict, error)
}

// Evidence is a signature that was judged, with everything that is needed to judge it again.
type Evidence struct {
	Event    uuid.UUID
	Type     string // of the event that keeps it
	Time     time.Time
	Purpose  Purpose
	Signed   []byte // the exact bytes that had to be signed
	Document json.RawMessage
}

// Digest is the SHA-256 of bytes, hex.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// MaxCMS bounds a signature, in bytes. What is signed need not be inside.
const MaxCMS = 64 << 10
