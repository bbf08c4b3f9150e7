package signature

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Outcome is what verifying a signature came to.
type Outcome string

// The outcomes. Only the first two are for ever, and only they come with evidence.
const (
	Valid       Outcome = "valid"
	Invalid     Outcome = "invalid"
	Pending     Outcome = "pending"     // something that has to be asked does not answer: try again later
	Unsupported Outcome = "unsupported" // an algorithm that this verifier does not know
)

// Reason is a token of why a signature is not valid. The set is closed; each is public and translated.
type Reason string

// The reasons of an invalid signature.
const (
	NoSigner           Reason = "no-signer"           // nobody signed
	SeveralSigners     Reason = "several-signers"     // more than one did
	SignerUnknown      Reason = "signer-unknown"      // the signer's certificate is not in the CMS
	ContentDiffers     Reason = "content-differs"     // the content inside is not what had to be signed
	AttributesUnsound  Reason = "attributes-unsound"  // the signed attributes are missing or contradict each other
	DigestMismatch     Reason = "digest-mismatch"     // other bytes were signed
	SignatureMismatch  Reason = "signature-mismatch"  // the signature is not of this key
	DigestWeak         Reason = "digest-weak"         // SHA-1, MD5 and the like
	KeyWeak            Reason = "key-weak"            // the key is of a size that does not count
	KeyUsage           Reason = "key-usage"           // the key is not for this: one for logging in signs nothing, and the other way round
	RoleMissing        Reason = "role-missing"        // the certificate does not give the right to this
	IdentifierMissing  Reason = "identifier-missing"  // the certificate names nobody, or more than one
	IINMismatch        Reason = "iin-mismatch"        // it is another person's
	BINMismatch        Reason = "bin-mismatch"        // it is another organization's, or none's
	NotYetValid        Reason = "not-yet-valid"       // the certificate's term had not begun
	Expired            Reason = "expired"             // the certificate's term was over
	IssuerUnknown      Reason = "issuer-unknown"      // nobody knows who issued the certificate
	RootUntrusted      Reason = "root-untrusted"      // the chain ends at a root that is not trusted here
	ChainUnsound       Reason = "chain-unsound"       // the chain breaks a rule: an issuer that is none, a term that was over
	Revoked            Reason = "revoked"             // the certificate was revoked before the signing
	IssuerRevoked      Reason = "issuer-revoked"      // its issuer's was
	TimestampUnsound   Reason = "timestamp-unsound"   // the timestamp inside is not over this signature, or of nobody with the right to give one
	TimestampInFuture  Reason = "timestamp-in-future" // it is later than the registry's clock
	CertificateSwapped Reason = "certificate-swapped" // the signed attributes name another certificate
)

// The reasons why a signature cannot be judged yet.
const (
	OCSPUnreachable   Reason = "ocsp-unreachable"   // the OCSP service does not answer
	OCSPUnsound       Reason = "ocsp-unsound"       // its answer is stale, of nobody with the right to give one, or to another question
	CRLUnreachable    Reason = "crl-unreachable"    // the list of revoked certificates cannot be fetched
	CRLUnsound        Reason = "crl-unsound"        // it is stale, or of another issuer
	TSPUnreachable    Reason = "tsp-unreachable"    // the timestamp service does not answer
	TSPUnsound        Reason = "tsp-unsound"        // its answer is no timestamp over the signature
	IssuerUnreachable Reason = "issuer-unreachable" // the issuer's certificate cannot be fetched
	HostRefused       Reason = "host-refused"       // the certificate names a service that is not configured
	StatusUnknown     Reason = "status-unknown"     // nobody can be asked, or nobody knows, whether the certificate was revoked
	ServiceUnreached  Reason = "service-unreached"  // the verification service does not answer
)

// AlgorithmUnknown is the reason of an unsupported signature.
const AlgorithmUnknown Reason = "algorithm-unknown"

// ErrUnsupported is the kind of error of a signature, or a certificate, with an algorithm that the
// verifier does not know, such as GOST. It says nothing of the signature: another verifier may know it.
var ErrUnsupported = errors.New("unsupported signature algorithm")

// Verdict is what verifying found. What it says of the signer comes from the certificate, and is worth
// something only where the outcome is Valid.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason,omitempty"` // empty where Valid
	// Method is who judged: "cms" for this package.
	Method string `json:"method"`
	Policy string `json:"policy"` // version token
	// Signer is the certificate's holder, Serial the certificate's number in hexadecimal, Issuer the
	// common name of who issued it, Certificate the SHA-256 of it.
	Signer      Subject `json:"signer,omitzero"`
	Serial      string  `json:"serial,omitempty"`
	Issuer      string  `json:"issuer,omitempty"`
	Certificate string  `json:"certificate,omitempty"`
	// Digest is the SHA-256 of the bytes that had to be signed, in hexadecimal.
	Digest string `json:"digest"`
	// At is the signing time that the certificates were judged by: that of the timestamp, or of the
	// registry. ByTimestamp says which.
	At          time.Time `json:"at,omitzero"`
	ByTimestamp bool      `json:"by_timestamp,omitempty"`
	// Algorithm is the identifier of an unsupported algorithm.
	Algorithm string `json:"algorithm,omitempty"`
	// Detail is for the operator and the log. It has no personal data, and its wording is not for ever.
	Detail string `json:"detail,omitempty"`
}

// describe notes whose certificate the signature is of.
func (v *Verdict) describe(c *x509.Certificate) {
	v.Serial, v.Issuer, v.Certificate = c.SerialNumber.Text(16), c.Issuer.CommonName, digest(c.Raw)
}

// Undecided is the error of a signature that cannot be judged now (it is domain.ErrUnavailable) or not
// here (ErrUnsupported).
type Undecided struct {
	Outcome   Outcome // Pending or Unsupported
	Reason    Reason
	Algorithm string // of an unsupported one
	Detail    string
	cause     error
}

func (u *Undecided) Error() string {
	return fmt.Sprintf("signature not judged: %s: %s", u.Reason, u.Detail)
}

// Unwrap gives the kind, and what went wrong.
func (u *Undecided) Unwrap() []error {
	kind := domain.ErrUnavailable
	if u.Outcome == Unsupported {
		kind = ErrUnsupported
	}
	if u.cause == nil {
		return []error{kind}
	}
	return []error{kind, u.cause}
}

// Pend is the error of a signature that has to wait. A Fault in somebody's answer is none of the
// signature: of it only the text stays.
func Pend(reason Reason, cause error) *Undecided {
	var fault *Fault
	if errors.As(cause, &fault) {
		cause = errors.New(cause.Error())
	}
	return &Undecided{Outcome: Pending, Reason: reason, Detail: cause.Error(), cause: cause}
}

// unsupported is the error of an algorithm that is not known.
func unsupported(algorithm oid) *Undecided {
	text := algorithm.String()
	return &Undecided{Outcome: Unsupported, Reason: AlgorithmUnknown, Algorithm: text, Detail: "algorithm " + text}
}

// Fault is the error of a signature that does not count.
type Fault struct {
	Reason Reason
	Detail string
}

func (f *Fault) Error() string { return string(f.Reason) + ": " + f.Detail }

// refuse makes a Fault.
func refuse(reason Reason, format string, args ...any) *Fault {
	return &Fault{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Conclude writes into the verdict what judging ended with: nil is Valid. An error that is neither a
// Fault nor Undecided is returned as it is; so is Undecided, because it is no judgment.
func (v *Verdict) Conclude(err error) error {
	var fault *Fault
	var undecided *Undecided
	switch {
	case err == nil:
		v.Outcome = Valid
	case errors.As(err, &fault):
		v.Outcome, v.Reason, v.Detail = Invalid, fault.Reason, fault.Detail
	case errors.As(err, &undecided):
		v.Outcome, v.Reason, v.Detail, v.Algorithm = undecided.Outcome, undecided.Reason, undecided.Detail, undecided.Algorithm
		return err
	default:
		return err
	}
	return nil
}
