package signature

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/tizilim/tizilim/domain"
)

// Signing says how to sign.
type Signing struct {
	// Attached puts the signed bytes into the signature.
	Attached bool
	// Stamp gets a timestamp over the signature's value; nil for none. TSP makes one of an address.
	Stamp func(ctx context.Context, value []byte) ([]byte, error)
}

// Sign makes a CMS over exactly these bytes in DER, with the certificate and those above it inside,
// and with the attribute that ties it to the certificate (CAdES-BES; with a timestamp, CAdES-T).
// domain.ErrInvalid for a key of an algorithm that is not known here.
func (k Key) Sign(ctx context.Context, message []byte, s Signing) ([]byte, error) {
	if err := keySound(k.Certificate); err != nil {
		return nil, fmt.Errorf("sign: %w: %w", domain.ErrInvalid, err)
	}
	der, err := k.sign(ctx, message, s)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return der, nil
}

func (k Key) sign(ctx context.Context, message []byte, s Signing) ([]byte, error) {
	sd, err := pkcs7.NewSignedData(message)
	if err != nil {
		return nil, err
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	h := crypto.SHA256.New()
	h.Write(k.Certificate.Raw)
	named := struct{ Certificates []essCertIDv2 }{[]essCertIDv2{{Digest: h.Sum(nil)}}}
	err = sd.AddSignerChain(k.Certificate, k.Private, k.between(), pkcs7.SignerInfoConfig{
		ExtraSignedAttributes: []pkcs7.Attribute{{Type: oidSigningCertV2, Value: named}},
	})
	if err != nil {
		return nil, err
	}
	if s.Stamp != nil {
		signer := &sd.GetSignedData().SignerInfos[0]
		token, err := s.Stamp(ctx, signer.EncryptedDigest)
		if err != nil {
			return nil, err
		}
		attribute := pkcs7.Attribute{Type: oidTimestamp, Value: asn1.RawValue{FullBytes: token}}
		if err := signer.SetUnauthenticatedAttributes([]pkcs7.Attribute{attribute}); err != nil {
			return nil, err
		}
	}
	if !s.Attached {
		sd.Detach()
	}
	return sd.Finish()
}

// between are the issuers but for a root, which whoever verifies has anyway.
func (k Key) between() []*x509.Certificate {
	for i, c := range k.Chain {
		if c.CheckSignatureFrom(c) == nil {
			return k.Chain[:i]
		}
	}
	return k.Chain
}

// TSP asks the timestamp authority at the address, which the caller chose, for timestamps.
func TSP(address string, timeout time.Duration) (func(ctx context.Context, value []byte) ([]byte, error), error) {
	n, err := newNetwork(Network{TSP: address, Timeout: timeout}, time.Now)
	if err != nil {
		return nil, fmt.Errorf("timestamp authority: %w", err)
	}
	return n.stamp, nil
}
