package signature

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Trust is whom certificates are believed from. It does not change.
type Trust struct {
	// AnyDigits takes twelve digits in a certificate for an IIN or BIN whatever they are: the National
	// Certification Authority's test certificates are in the name of 123456789011.
	AnyDigits bool

	roots         *x509.CertPool
	intermediates *x509.CertPool
	known         map[string][]*x509.Certificate // by subject, roots too
	anchors       map[string]*x509.Certificate   // the roots by digest
}

// NewTrust makes a Trust of root certificates and of those between them and people. A root that once
// was trusted has to stay, or what was signed under it cannot be checked again.
func NewTrust(roots, intermediates []*x509.Certificate) (*Trust, error) {
	if len(roots) == 0 {
		return nil, fmt.Errorf("signature trust: no root certificate: %w", domain.ErrInvalid)
	}
	t := &Trust{
		roots: x509.NewCertPool(), intermediates: x509.NewCertPool(),
		known: map[string][]*x509.Certificate{}, anchors: map[string]*x509.Certificate{},
	}
	for _, c := range roots {
		t.roots.AddCert(c)
		t.anchors[digest(c.Raw)] = c
	}
	for _, c := range intermediates {
		t.intermediates.AddCert(c)
	}
	for _, c := range append(append([]*x509.Certificate{}, roots...), intermediates...) {
		if !c.IsCA {
			return nil, fmt.Errorf("signature trust: %q is no certificate authority: %w", c.Subject.CommonName, domain.ErrInvalid)
		}
		t.known[string(c.RawSubject)] = append(t.known[string(c.RawSubject)], c)
	}
	return t, nil
}

// digest is the SHA-256 in hexadecimal.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
