package signature_test

import (
	"crypto"
	_ "crypto/md5"
	"crypto/rand"
	_ "crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"

	"github.com/tizilim/tizilim/adapters/signature"
)

type oid = asn1.ObjectIdentifier

var (
	oidData            = oid{1, 2, 840, 113549, 1, 7, 1}
	oidSigned          = oid{1, 2, 840, 113549, 1, 7, 2}
	oidContentType     = oid{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest   = oid{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertV2   = oid{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidMD5             = oid{1, 2, 840, 113549, 2, 5}
	oidSHA1            = oid{1, 3, 14, 3, 2, 26}
	oidSHA256          = oid{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidRSA             = oid{1, 2, 840, 113549, 1, 1, 1}
	oidSHA256WithRSA   = oid{1, 2, 840, 113549, 1, 1, 11}
	oidECDSAWithSHA1   = oid{1, 2, 840, 10045, 4, 1}
	oidECDSAWithSHA256 = oid{1, 2, 840, 10045, 4, 3, 2}
	oidECDSAWithSHA512 = oid{1, 2, 840, 10045, 4, 3, 4}
	oidStreebog512     = oid{1, 2, 398, 3, 10, 1, 3, 3}
	oidGOST            = oid{1, 2, 398, 3, 10, 1, 1, 2, 3, 2}
	oidGOSTKey         = oid{1, 2, 398, 3, 10, 1, 1, 2, 2, 2}
)

// crafted is a CMS by hand, to have what no signing software makes.
type crafted struct {
	content      string // what is signed
	inside       []byte // what is attached, nothing where nil
	contentType  oid
	digest       oid
	hash         crypto.Hash
	algorithm    oid
	plain        bool // no signed attributes
	attributes   func([]craftedAttribute) []craftedAttribute
	certificates []*x509.Certificate
	signers      []signature.Key
}

type craftedAttribute struct {
	Type   oid
	Values []asn1.RawValue `asn1:"set"`
}

type craftedSigner struct {
	Version   int
	Issuer    craftedIssuer
	Digest    pkix.AlgorithmIdentifier
	Signed    []craftedAttribute `asn1:"optional,omitempty,tag:0,set"`
	Algorithm pkix.AlgorithmIdentifier
	Value     []byte
}

type craftedIssuer struct {
	Name   asn1.RawValue
	Serial *big.Int
}

// craft is a sound CMS by the key, ECDSA with SHA-256, but for the changes.
func craft(k signature.Key, change ...func(*crafted)) []byte {
	c := crafted{
		content: message, contentType: oidData, digest: oidSHA256, hash: crypto.SHA256, algorithm: oidECDSAWithSHA256,
		certificates: []*x509.Certificate{k.Certificate}, signers: []signature.Key{k},
	}
	for _, f := range change {
		f(&c)
	}
	return c.der()
}

func (c crafted) der() []byte {
	type encapsulated struct {
		Type    oid
		Content []byte `asn1:"optional,explicit,tag:0,omitempty"`
	}
	type signedData struct {
		Version      int
		Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
		Content      encapsulated
		Certificates asn1.RawValue   `asn1:"optional"`
		Signers      []craftedSigner `asn1:"set"`
	}
	sd := signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{{Algorithm: c.digest}},
		Content: encapsulated{c.contentType, c.inside}, Signers: []craftedSigner{},
	}
	var certificates []byte
	for _, cert := range c.certificates {
		certificates = append(certificates, cert.Raw...)
	}
	if certificates != nil {
		sd.Certificates = asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: certificates}
	}
	for _, k := range c.signers {
		sd.Signers = append(sd.Signers, c.signer(k))
	}
	inner := must(asn1.Marshal(sd))
	return must(asn1.Marshal(struct {
		Type    oid
		Content asn1.RawValue
	}{oidSigned, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: inner}}))
}

func (c crafted) sum(b []byte) []byte {
	h := c.hash.New()
	h.Write(b)
	return h.Sum(nil)
}

func (c crafted) signer(k signature.Key) craftedSigner {
	s := craftedSigner{
		Version: 1, Issuer: craftedIssuer{asn1.RawValue{FullBytes: k.Certificate.RawIssuer}, k.Certificate.SerialNumber},
		Digest: pkix.AlgorithmIdentifier{Algorithm: c.digest}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: c.algorithm},
	}
	over := []byte(c.content)
	if !c.plain {
		s.Signed = []craftedAttribute{
			{oidContentType, []asn1.RawValue{value(c.contentType)}}, {oidMessageDigest, []asn1.RawValue{value(c.sum(over))}},
		}
		if c.attributes != nil {
			s.Signed = c.attributes(s.Signed)
		}
		over = must(asn1.MarshalWithParams(s.Signed, "set"))
	}
	s.Value = must(k.Private.Sign(rand.Reader, c.sum(over), c.hash))
	return s
}

func value(v any) asn1.RawValue { return asn1.RawValue{FullBytes: must(asn1.Marshal(v))} }

// gost is the certificate with a signature of the State standard, and where key is set a key too, in the
// place of its own. The bits mean nothing: nobody here can tell.
func gost(c *x509.Certificate, key bool) *x509.Certificate {
	type tbs struct {
		Version            asn1.RawValue
		Serial             *big.Int
		Algorithm          pkix.AlgorithmIdentifier
		Issuer, Validity   asn1.RawValue
		Subject, PublicKey asn1.RawValue
		Extensions         asn1.RawValue
	}
	type certificate struct {
		TBS       tbs
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	type publicKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	var parsed certificate
	if _, err := asn1.Unmarshal(c.Raw, &parsed); err != nil {
		panic(err)
	}
	parsed.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oidGOST}
	parsed.TBS.Algorithm = parsed.Algorithm
	bits := asn1.BitString{Bytes: make([]byte, 128), BitLength: 1024}
	parsed.Signature = bits
	if key {
		parsed.TBS.PublicKey = asn1.RawValue{FullBytes: must(asn1.Marshal(publicKey{pkix.AlgorithmIdentifier{Algorithm: oidGOSTKey}, bits}))}
	}
	return must(x509.ParseCertificate(must(asn1.Marshal(parsed))))
}
