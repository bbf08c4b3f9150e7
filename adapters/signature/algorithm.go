package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the allow-list
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

type digestAlgorithm struct {
	oid  oid
	hash crypto.Hash
}

// The allow-list: what is not here is refused as weak where it is known to be, and is otherwise an
// algorithm that this verifier does not know, which says nothing of the signature.
var (
	digests = []digestAlgorithm{
		{oid{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
		{oid{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
		{oid{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
	}
	schemes = []struct {
		oid       oid
		key       x509.PublicKeyAlgorithm
		hash      crypto.Hash // 0 for the digest's
		algorithm x509.SignatureAlgorithm
	}{
		{oid{1, 2, 840, 113549, 1, 1, 1}, x509.RSA, 0, 0},
		{oid{1, 2, 840, 113549, 1, 1, 11}, x509.RSA, crypto.SHA256, x509.SHA256WithRSA},
		{oid{1, 2, 840, 113549, 1, 1, 12}, x509.RSA, crypto.SHA384, x509.SHA384WithRSA},
		{oid{1, 2, 840, 113549, 1, 1, 13}, x509.RSA, crypto.SHA512, x509.SHA512WithRSA},
		{oid{1, 2, 840, 10045, 4, 3, 2}, x509.ECDSA, crypto.SHA256, x509.ECDSAWithSHA256},
		{oid{1, 2, 840, 10045, 4, 3, 3}, x509.ECDSA, crypto.SHA384, x509.ECDSAWithSHA384},
		{oid{1, 2, 840, 10045, 4, 3, 4}, x509.ECDSA, crypto.SHA512, x509.ECDSAWithSHA512},
	}
	weak = []oid{
		{1, 2, 840, 113549, 2, 2}, {1, 2, 840, 113549, 2, 4}, {1, 2, 840, 113549, 2, 5}, // MD2, MD4, MD5
		{1, 3, 14, 3, 2, 26},                                                                     // SHA-1
		{1, 2, 840, 113549, 1, 1, 2}, {1, 2, 840, 113549, 1, 1, 3}, {1, 2, 840, 113549, 1, 1, 4}, // RSA with these
		{1, 2, 840, 113549, 1, 1, 5}, {1, 3, 14, 3, 2, 29},
		{1, 2, 840, 10045, 4, 1},                           // ECDSA with SHA-1
		{1, 2, 840, 10040, 4, 1}, {1, 2, 840, 10040, 4, 3}, // DSA
	}
)

// The shortest and the longest RSA key that count, in bits. A longer one, in a certificate that anybody can
// make, would only keep whoever verifies by it busy.
const (
	minRSA = 2048
	maxRSA = 8192
)

// digestOf is the hash of the identifier.
func digestOf(id oid) (crypto.Hash, error) {
	for _, d := range digests {
		if d.oid.Equal(id) {
			return d.hash, nil
		}
	}
	return 0, notAllowed(id)
}

// schemeOf is how a signature with the identifier is verified over data hashed with the hash.
func schemeOf(id oid, hash crypto.Hash) (x509.SignatureAlgorithm, error) {
	for _, s := range schemes {
		switch {
		case !s.oid.Equal(id):
		case s.hash == 0:
			return map[crypto.Hash]x509.SignatureAlgorithm{
				crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA,
			}[hash], nil
		case s.hash != hash:
			return 0, refuse(DigestWeak, "the signature's hash is not the digest's")
		default:
			return s.algorithm, nil
		}
	}
	return 0, notAllowed(id)
}

func notAllowed(id oid) error {
	for _, w := range weak {
		if w.Equal(id) {
			return refuse(DigestWeak, "algorithm %s", id)
		}
	}
	return unsupported(id)
}

// keySound says whether the key is of an algorithm and size that count.
func keySound(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return refuse(KeyWeak, "RSA key of %d bits", n)
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return refuse(KeyWeak, "curve P-224")
		}
	default:
		return unsupported(keyAlgorithm(c))
	}
	return nil
}

// keyAlgorithm is the identifier of the certificate's key, nil where it cannot be read.
func keyAlgorithm(c *x509.Certificate) oid {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil {
		return nil
	}
	return info.Algorithm.Algorithm
}

// allowed says whether a signature of the algorithm on a certificate, a list or an answer counts.
func allowed(a x509.SignatureAlgorithm) bool {
	for _, s := range schemes {
		if s.algorithm != 0 && s.algorithm == a {
			return true
		}
	}
	return false
}

// insecure says whether the algorithm is known to be broken, and not only unknown.
func insecure(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.DSAWithSHA256:
		return true
	}
	return false
}

// signatureAlgorithm is the identifier of the algorithm that the certificate is signed with.
func signatureAlgorithm(c *x509.Certificate) oid {
	var signed struct {
		Certificate asn1.RawValue
		Algorithm   pkix.AlgorithmIdentifier
		Signature   asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.Raw, &signed); err != nil {
		return nil
	}
	return signed.Algorithm.Algorithm
}
