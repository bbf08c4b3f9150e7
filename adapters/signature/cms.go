package signature

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"

	"github.com/tizilim/tizilim/domain"
)

// MaxCMS bounds a signature, in bytes before decoding of base64 or PEM.
const MaxCMS = 256 << 10

// CMS is a parsed signature in the form of RFC 5652. Nothing in it is verified yet.
type CMS struct {
	// Raw is the value as it was received, out of its base64 or PEM.
	Raw          []byte
	frame        signedData
	bytes        []byte // the content inside, where it is attached
	signers      []signerInfo
	certificates []*x509.Certificate
}

// signerInfo is one signer's part.
type signerInfo struct {
	certificate *x509.Certificate // nil where the CMS does not have it
	digest      oid
	algorithm   oid
	signed      []attribute
	unsigned    []attribute
	value       []byte // the signature itself
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue `asn1:"set"`
}

// contentInfo and signedData are the frame of a CMS. The library reads what is inside, but tells
// neither the content's type nor that it gave up in the middle.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      asn1.RawValue
	Content      encapsulated
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      asn1.RawValue
}

type encapsulated struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

// ParseCMS reads a signature in DER or BER, in base64 with or without line breaks, or in PEM.
// domain.ErrInvalid for what is none: it says nothing of a signature.
func ParseCMS(data []byte) (*CMS, error) {
	if len(data) > MaxCMS {
		return nil, fmt.Errorf("a signature of %d bytes: %w", len(data), domain.ErrInvalid)
	}
	c, err := parseCMS(unwrap(data))
	if err != nil {
		return nil, fmt.Errorf("not a CMS with a signature: %w: %w", domain.ErrInvalid, err)
	}
	return c, nil
}

// unwrap takes the value out of PEM or base64. What is neither is left as it is.
func unwrap(data []byte) []byte {
	if block, rest := pem.Decode(data); block != nil && len(bytes.TrimSpace(rest)) == 0 {
		return block.Bytes
	}
	if len(data) > 0 && data[0] == sequence { // as text it is the digit 0, with which no SEQUENCE in base64 begins
		return data
	}
	text := string(bytes.Join(bytes.Fields(data), nil))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.Strict().DecodeString(text); err == nil {
			return raw
		}
	}
	return data
}

func parseCMS(raw []byte) (*CMS, error) {
	der, err := toDER(raw)
	if err != nil {
		return nil, err
	}
	c := &CMS{Raw: raw}
	if c.frame, err = readFrame(der); err != nil {
		return nil, err
	}
	message, err := pkcs7.Parse(der)
	if err != nil {
		return nil, err
	}
	signers, err := elements(c.frame.Signers)
	if err != nil || signers != len(message.Signers) {
		return nil, errors.New("the signers cannot be read")
	}
	c.bytes, c.certificates = message.Content, message.Certificates
	for i := range message.Signers {
		s := &message.Signers[i]
		info := signerInfo{digest: s.DigestAlgorithm.Algorithm, algorithm: s.DigestEncryptionAlgorithm.Algorithm, value: s.EncryptedDigest}
		for _, a := range s.AuthenticatedAttributes {
			info.signed = append(info.signed, attribute(a))
		}
		for _, a := range s.UnauthenticatedAttributes {
			info.unsigned = append(info.unsigned, attribute(a))
		}
		for _, cert := range c.certificates {
			if info.certificate == nil && cert.SerialNumber.Cmp(s.IssuerAndSerialNumber.SerialNumber) == 0 &&
				bytes.Equal(cert.RawIssuer, s.IssuerAndSerialNumber.IssuerName.FullBytes) {
				info.certificate = cert
			}
		}
		c.signers = append(c.signers, info)
	}
	return c, nil
}

// sequence is the tag of a SEQUENCE.
const sequence = 0x30

func readFrame(der []byte) (signedData, error) {
	var outer contentInfo
	var sd signedData
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || !outer.Type.Equal(pkcs7.OIDSignedData) {
		return sd, errors.New("no signed data")
	}
	rest, err := asn1.Unmarshal(outer.Content.Bytes, &sd)
	if err == nil && len(rest) > 0 {
		err = errors.New("something stands behind the signed data")
	}
	return sd, err
}

// elements counts the values in a set.
func elements(set asn1.RawValue) (n int, err error) {
	if set.Class != asn1.ClassUniversal || set.Tag != asn1.TagSet {
		return 0, errors.New("not a set")
	}
	for rest := set.Bytes; len(rest) > 0; n++ {
		var value asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &value); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// attached says whether the content is inside.
func (c *CMS) attached() bool { return len(c.frame.Content.Content.FullBytes) > 0 }

// Detached is the same signature in DER without the content inside.
func (c *CMS) Detached() ([]byte, error) {
	sd := c.frame
	sd.Content.Content = asn1.RawValue{}
	inner, err := asn1.Marshal(sd)
	if err != nil {
		return nil, fmt.Errorf("detach signature: %w", err)
	}
	outer := contentInfo{Type: pkcs7.OIDSignedData, Content: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: inner}}
	der, err := asn1.Marshal(outer)
	if err != nil {
		return nil, fmt.Errorf("detach signature: %w", err)
	}
	return der, nil
}
