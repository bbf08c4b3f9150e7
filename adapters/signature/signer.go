package signature

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // only to find a certificate that an older attribute names by it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// only is the one signer of the signature.
func (c *CMS) only() (*signerInfo, error) {
	switch {
	case len(c.signers) == 0:
		return nil, refuse(NoSigner, "no signer")
	case len(c.signers) > 1:
		return nil, refuse(SeveralSigners, "%d signers", len(c.signers))
	case c.signers[0].certificate == nil:
		return nil, refuse(SignerUnknown, "the signer's certificate is not inside")
	}
	return &c.signers[0], nil
}

// Signer is the certificate of the one signer. A *Fault where there is none, or more than one.
func (c *CMS) Signer() (*x509.Certificate, error) {
	s, err := c.only()
	if err != nil {
		return nil, err
	}
	return s.certificate, nil
}

// Algorithms are the identifiers of the one signer's digest, signature and key. A *Fault where there is
// no one signer.
func (c *CMS) Algorithms() (digest, signature, key asn1.ObjectIdentifier, err error) {
	s, err := c.only()
	if err != nil {
		return nil, nil, nil, err
	}
	return s.digest, s.algorithm, keyAlgorithm(s.certificate), nil
}

// Over says whether the signature can be one over the bytes, as far as no signature or hash has to be
// computed that might not be known here: one signer, nothing else inside, sound signed attributes. A
// *Fault otherwise.
func (c *CMS) Over(signed []byte) error {
	s, err := c.only()
	if err != nil {
		return err
	}
	_, err = c.shape(s, signed, oidData)
	if errors.Is(err, ErrUnsupported) { // the hash of an attribute
		return nil
	}
	return err
}

// shape is the digest that the signer signed, if the rest is as it has to be. A signature without signed
// attributes is refused: what it covers could be taken for the attributes of another one.
func (c *CMS) shape(s *signerInfo, signed []byte, contentType oid) (digest []byte, err error) {
	if kind := c.frame.Content.Type; !kind.Equal(contentType) {
		return nil, refuse(AttributesUnsound, "content of the type %s", kind)
	}
	if c.attached() && !bytes.Equal(c.bytes, signed) {
		return nil, refuse(ContentDiffers, "the content inside is not what had to be signed")
	}
	var kind asn1.ObjectIdentifier
	if err := single(s.signed, oidContentType, &kind); err != nil || !kind.Equal(contentType) {
		return nil, refuse(AttributesUnsound, "no signed content type, or another")
	}
	if err := single(s.signed, oidMessageDigest, &digest); err != nil {
		return nil, refuse(AttributesUnsound, "signed digest: %v", err)
	}
	return digest, s.names()
}

// verify checks the one signer's signature over the bytes, which are content of the type.
func (c *CMS) verify(signed []byte, contentType oid) (*signerInfo, error) {
	s, err := c.only()
	if err != nil {
		return nil, err
	}
	hash, err := digestOf(s.digest)
	if err != nil {
		return nil, err
	}
	algorithm, err := schemeOf(s.algorithm, hash)
	if err != nil {
		return nil, err
	}
	if err := keySound(s.certificate); err != nil {
		return nil, err
	}
	digest, err := c.shape(s, signed, contentType)
	if err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(signed)
	if !bytes.Equal(digest, h.Sum(nil)) {
		return nil, refuse(DigestMismatch, "other bytes were signed")
	}
	over, err := asn1.MarshalWithParams(s.signed, "set")
	if err != nil {
		return nil, refuse(AttributesUnsound, "the signed attributes: %v", err)
	}
	if err := s.certificate.CheckSignature(algorithm, over, s.value); err != nil {
		return nil, refuse(SignatureMismatch, "%v", err)
	}
	return s, nil
}

// names checks the attribute that ties the signature to its certificate, where there is one (RFC 5035).
func (s *signerInfo) names() error {
	digest, hash, err := s.signingCertificate()
	switch {
	case errors.Is(err, errNoAttribute):
		return nil
	case errors.Is(err, ErrUnsupported):
		return err
	case err != nil:
		return refuse(AttributesUnsound, "signing certificate: %v", err)
	}
	h := hash.New()
	h.Write(s.certificate.Raw)
	if !bytes.Equal(digest, h.Sum(nil)) {
		return refuse(CertificateSwapped, "the signed attributes name another certificate")
	}
	return nil
}

// signingCertificate is the digest of the certificate that the signed attributes name.
func (s *signerInfo) signingCertificate() (digest []byte, hash crypto.Hash, err error) {
	var v2 struct{ Certificates []essCertIDv2 }
	if err := single(s.signed, oidSigningCertV2, &v2); err == nil && len(v2.Certificates) > 0 {
		named := v2.Certificates[0]
		if named.Hash.Algorithm == nil { // SHA-256 goes without saying
			return named.Digest, crypto.SHA256, nil
		}
		hash, err := digestOf(named.Hash.Algorithm)
		return named.Digest, hash, err
	} else if !errors.Is(err, errNoAttribute) {
		return nil, 0, errors.Join(errors.New("names none"), err)
	}
	var v1 struct{ Certificates []struct{ Digest []byte } }
	if err := single(s.signed, oidSigningCert, &v1); err != nil {
		return nil, 0, err
	}
	if len(v1.Certificates) == 0 {
		return nil, 0, errors.New("names none")
	}
	return v1.Certificates[0].Digest, crypto.SHA1, nil
}

type essCertIDv2 struct {
	Hash   pkix.AlgorithmIdentifier `asn1:"optional"`
	Digest []byte
}

var errNoAttribute = errors.New("no such attribute")

// single reads the one value of the one attribute of the type.
func single(attributes []attribute, kind oid, into any) error {
	var found *attribute
	for i, a := range attributes {
		switch {
		case !a.Type.Equal(kind):
		case found != nil:
			return errors.New("twice")
		default:
			found = &attributes[i]
		}
	}
	if found == nil {
		return errNoAttribute
	}
	rest, err := asn1.Unmarshal(found.Value.Bytes, into)
	if err == nil && len(rest) > 0 {
		err = errors.New("more than one value")
	}
	return err
}
