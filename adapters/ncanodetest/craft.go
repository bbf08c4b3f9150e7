package ncanodetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
)

type oid = asn1.ObjectIdentifier

// GOST512 is the algorithm of signatures by the State standard GOST 34.10-2015 with a hash of 512 bits.
var GOST512 = gost512

var (
	streebog512 = oid{1, 2, 398, 3, 10, 1, 3, 3}
	gost512     = oid{1, 2, 398, 3, 10, 1, 1, 2, 3, 2}
	gost512Key  = oid{1, 2, 398, 3, 10, 1, 1, 2, 2, 2}
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Certificate is one of the State standard, by the template, issued by nobody.
func Certificate(template *x509.Certificate) *x509.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return asGOST(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)))
}

// asGOST puts a key and a signature of the State standard in the place of the certificate's own. Their
// bits mean nothing.
func asGOST(der []byte) *x509.Certificate {
	type tbs struct {
		Version            asn1.RawValue
		Serial             *big.Int
		Algorithm          pkix.AlgorithmIdentifier
		Issuer, Validity   asn1.RawValue
		Subject, PublicKey asn1.RawValue
		Extensions         asn1.RawValue
	}
	var parsed struct {
		TBS       tbs
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	must(asn1.Unmarshal(der, &parsed))
	bits := asn1.BitString{Bytes: make([]byte, 128), BitLength: 1024}
	key := must(asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{pkix.AlgorithmIdentifier{Algorithm: gost512Key}, bits}))
	parsed.Algorithm, parsed.TBS.Algorithm = pkix.AlgorithmIdentifier{Algorithm: gost512}, pkix.AlgorithmIdentifier{Algorithm: gost512}
	parsed.Signature, parsed.TBS.PublicKey = bits, asn1.RawValue{FullBytes: key}
	return must(x509.ParseCertificate(must(asn1.Marshal(parsed))))
}

// Sign is a CMS by the certificate, with what is inside attached where that is anything.
func Sign(c *x509.Certificate, inside string, algorithm oid) []byte {
	type attribute struct {
		Type   oid
		Values []asn1.RawValue `asn1:"set"`
	}
	type signer struct {
		Version int
		Issuer  struct {
			Name   asn1.RawValue
			Serial *big.Int
		}
		Digest    pkix.AlgorithmIdentifier
		Signed    []attribute `asn1:"tag:0,set"`
		Algorithm pkix.AlgorithmIdentifier
		Value     []byte
	}
	type signedData struct {
		Version int
		Digests []pkix.AlgorithmIdentifier `asn1:"set"`
		Content struct {
			Type    oid
			Content []byte `asn1:"optional,explicit,tag:0,omitempty"`
		}
		Certificates asn1.RawValue
		Signers      []signer `asn1:"set"`
	}
	type named struct {
		Hash   pkix.AlgorithmIdentifier
		Digest []byte
	}
	value := func(v any) []asn1.RawValue { return []asn1.RawValue{{FullBytes: must(asn1.Marshal(v))}} }
	data := oid{1, 2, 840, 113549, 1, 7, 1}
	s := signer{
		Version: 1, Digest: pkix.AlgorithmIdentifier{Algorithm: streebog512}, Algorithm: pkix.AlgorithmIdentifier{Algorithm: algorithm},
		Value: make([]byte, 128),
		Signed: []attribute{
			{oid{1, 2, 840, 113549, 1, 9, 3}, value(data)}, {oid{1, 2, 840, 113549, 1, 9, 4}, value(make([]byte, 64))},
			// The signer's certificate, by a digest that nobody here can compute.
			{oid{1, 2, 840, 113549, 1, 9, 16, 2, 47}, value([][]named{{{pkix.AlgorithmIdentifier{Algorithm: streebog512}, make([]byte, 64)}}})},
		},
	}
	s.Issuer.Name, s.Issuer.Serial = asn1.RawValue{FullBytes: c.RawIssuer}, c.SerialNumber
	sd := signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{s.Digest}, Signers: []signer{s},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: c.Raw},
	}
	sd.Content.Type = data
	if inside != "" {
		sd.Content.Content = []byte(inside)
	}
	return must(asn1.Marshal(struct {
		Type    oid
		Content asn1.RawValue
	}{oid{1, 2, 840, 113549, 1, 7, 2}, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: must(asn1.Marshal(sd))}}))
}
