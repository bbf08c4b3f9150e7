package demo

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
)

// Object identifiers of the real authority's certificates.
var (
	surname     = asn1.ObjectIdentifier{2, 5, 4, 4}
	givenName   = asn1.ObjectIdentifier{2, 5, 4, 42} // it holds the patronymic
	freshestCRL = asn1.ObjectIdentifier{2, 5, 29, 46}
	noCheck     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	extKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

	// Policies of the certificates, by whose they are and what for.
	organizationSign = []uint64{1, 2, 398, 3, 3, 2, 1}
	organizationAuth = []uint64{1, 2, 398, 3, 3, 2, 2}
	personSign       = []uint64{1, 2, 398, 3, 3, 2, 3}
	personAuth       = []uint64{1, 2, 398, 3, 3, 2, 4}
)

// rsaBits is the length of RSA keys.
const rsaBits = 2048

func newRSA() (crypto.Signer, error)   { return rsa.GenerateKey(rand.Reader, rsaBits) }
func newECDSA() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// newSerial is a random number of 19 bytes, as the real authority's are long.
func newSerial() *big.Int {
	var b [19]byte
	rand.Read(b[:]) // never fails
	b[0] |= 0x40    // not shorter by chance
	return new(big.Int).SetBytes(b[:])
}

// newRoot makes the root.
func (a *Authority) newRoot() (signature.Key, error) {
	return a.make(x509.Certificate{
		Subject:  pkix.Name{CommonName: "DEMO Tizilim Root CA", Organization: []string{"DEMO"}, Country: []string{"KZ"}},
		NotAfter: a.config.Terms.AddDate(20, 0, 0),
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, signature.Key{}, newRSA)
}

func (a *Authority) newIssuing() (signature.Key, error) {
	return a.make(x509.Certificate{
		Subject:  pkix.Name{CommonName: "DEMO Tizilim Issuing CA", Organization: []string{"DEMO"}, Country: []string{"KZ"}},
		NotAfter: a.config.Terms.AddDate(10, 0, 0),
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IssuingCertificateURL: []string{a.named + "/root.cer"}, CRLDistributionPoints: []string{a.named + "/root.crl"},
	}, a.root, newRSA)
}

// newResponder makes the delegate that answers for the issuing authority.
func (a *Authority) newResponder() (signature.Key, error) {
	return a.make(x509.Certificate{
		Subject:  pkix.Name{CommonName: "DEMO Tizilim OCSP", Organization: []string{"DEMO"}, Country: []string{"KZ"}},
		NotAfter: a.config.Terms.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: noCheck, Value: asn1.NullBytes}},
	}, a.issuing, newRSA)
}

// newStamper makes the timestamp authority. Its one extended key usage has to be critical (RFC 3161).
func (a *Authority) newStamper() (signature.Key, error) {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return signature.Key{}, err
	}
	t := x509.Certificate{
		Subject:  pkix.Name{CommonName: "DEMO Tizilim TSA", Organization: []string{"DEMO"}, Country: []string{"KZ"}},
		NotAfter: a.config.Terms.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: extKeyUsage, Critical: true, Value: usage}},
	}
	if err := a.services(&t); err != nil {
		return signature.Key{}, err
	}
	return a.make(t, a.issuing, newRSA)
}

// services names the services that know about the certificate.
func (a *Authority) services(t *x509.Certificate) error {
	t.OCSPServer = []string{a.named + "/ocsp"}
	t.IssuingCertificateURL = []string{a.named + "/issuing.cer"}
	t.CRLDistributionPoints = []string{a.named + "/issuing.crl"}
	delta, err := freshest(a.named + "/issuing-delta.crl")
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: freshestCRL, Value: delta})
	return err
}

// freshest is the extension that names where the delta list is.
func freshest(address string) ([]byte, error) {
	type name struct {
		Full []asn1.RawValue `asn1:"optional,tag:0"`
	}
	type point struct {
		Name name `asn1:"optional,tag:0"`
	}
	uri := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)}
	return asn1.Marshal([]point{{name{[]asn1.RawValue{uri}}}})
}

// make makes a key and its certificate. Without an issuer it issues itself. Certificates begin a year
// back, so that the sample world's past has them.
func (a *Authority) make(t x509.Certificate, issuer signature.Key, generate func() (crypto.Signer, error)) (signature.Key, error) {
	private, err := generate()
	if err != nil {
		return signature.Key{}, err
	}
	t.SerialNumber = newSerial()
	if t.NotBefore.IsZero() {
		t.NotBefore = a.config.Terms.AddDate(-1, 0, 0)
	}
	t.NotBefore, t.NotAfter = t.NotBefore.UTC().Truncate(time.Second), t.NotAfter.UTC().Truncate(time.Second)
	parent, signer := issuer.Certificate, issuer.Private
	if parent == nil {
		parent, signer = &t, private
	}
	der, err := x509.CreateCertificate(rand.Reader, &t, parent, private.Public(), signer)
	if err != nil {
		return signature.Key{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return signature.Key{}, err
	}
	k := signature.Key{Private: private, Certificate: certificate}
	if issuer.Certificate != nil {
		k.Chain = append([]*x509.Certificate{issuer.Certificate}, issuer.Chain...)
	}
	return k, nil
}
