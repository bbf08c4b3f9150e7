package signing

import "github.com/tizilim/tizilim/domain"

// Reason is a token of why a signature is not accepted, or not yet.
type Reason string

// What speaks against the certificate. Condition 3 of the acts: it is valid, not revoked, and the
// applicant's own.
const (
	IINMismatch   Reason = "iin-mismatch"
	BINMismatch   Reason = "bin-mismatch"
	NotYetValid   Reason = "not-yet-valid"
	Expired       Reason = "expired"
	IssuerUnknown Reason = "issuer-unknown"
	RootUntrusted Reason = "root-untrusted"
	ChainUnsound  Reason = "chain-unsound"
	Revoked       Reason = "revoked"
	IssuerRevoked Reason = "issuer-revoked"
)

// What says nothing against the certificate: the signature was made in another way than it has to be, and
// may be made again.
const (
	NoSigner           Reason = "no-signer"
	SeveralSigners     Reason = "several-signers"
	SignerUnknown      Reason = "signer-unknown"
	ContentDiffers     Reason = "content-differs"
	AttributesUnsound  Reason = "attributes-unsound"
	DigestMismatch     Reason = "digest-mismatch"
	SignatureMismatch  Reason = "signature-mismatch"
	DigestWeak         Reason = "digest-weak"
	KeyWeak            Reason = "key-weak"
	KeyUsage           Reason = "key-usage"
	RoleMissing        Reason = "role-missing"
	IdentifierMissing  Reason = "identifier-missing"
	TimestampUnsound   Reason = "timestamp-unsound"
	TimestampInFuture  Reason = "timestamp-in-future"
	CertificateSwapped Reason = "certificate-swapped"
	AlgorithmUnknown   Reason = "algorithm-unknown"
	// Malformed is of a signature that had to wait until somebody could read it, and is none.
	Malformed Reason = "malformed"
	// NoLongerApplies is of a signature that had to wait until what it was for could not be done any more.
	NoLongerApplies Reason = "no-longer-applies"
)

// Why a signature has to wait.
const (
	OCSPUnreachable   Reason = "ocsp-unreachable"
	OCSPUnsound       Reason = "ocsp-unsound"
	CRLUnreachable    Reason = "crl-unreachable"
	CRLUnsound        Reason = "crl-unsound"
	TSPUnreachable    Reason = "tsp-unreachable"
	TSPUnsound        Reason = "tsp-unsound"
	IssuerUnreachable Reason = "issuer-unreachable"
	HostRefused       Reason = "host-refused"
	StatusUnknown     Reason = "status-unknown"
	ServiceUnreached  Reason = "service-unreached"
)

// Against reports whether the reason speaks against the certificate itself: such a signature refuses the
// applicant's request.
func (r Reason) Against() bool {
	switch r {
	case IINMismatch, BINMismatch, NotYetValid, Expired, IssuerUnknown, RootUntrusted, ChainUnsound, Revoked, IssuerRevoked:
		return true
	}
	return false
}

// Reject is the refusal of a signature for the reason, after which another one may be given. Each reason has
// a code of its own; their text is one, with the reason's in it.
func (r Reason) Reject() error {
	refused := domain.Reject("signature-refused", "the signature is not accepted", "signature", string(r))
	refused.Code = "signature-" + string(r)
	return refused
}
