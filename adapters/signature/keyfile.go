package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/tizilim/tizilim/domain"
)

// Key is somebody's private key with its certificate and those above it.
type Key struct {
	Private     crypto.Signer
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // issuers, the nearest first
}

// ReadKey reads a key file: PKCS#12, which the password opens, or PEM with a private key in the clear and
// certificates. domain.ErrInvalid for what is neither, for a wrong password, and for a key that is
// not the certificate's.
func ReadKey(data []byte, password string) (Key, error) {
	read := readPKCS12
	if bytes.Contains(data, []byte("-----BEGIN")) {
		read = readPEM
	}
	k, err := read(data, password)
	if err == nil {
		err = k.fits()
	}
	if err != nil {
		return Key{}, fmt.Errorf("read key: %w: %w", domain.ErrInvalid, err)
	}
	return k, nil
}

func readPKCS12(data []byte, password string) (Key, error) {
	private, certificate, chain, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return Key{}, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return Key{}, errors.New("a key that does not sign")
	}
	return Key{Private: signer, Certificate: certificate, Chain: chain}, nil
}

func readPEM(data []byte, _ string) (Key, error) {
	certificates, err := parseCertificates(data)
	if err != nil {
		return Key{}, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			continue
		}
		private, err := parsePrivate(block.Bytes)
		return Key{Private: private, Certificate: certificates[0], Chain: certificates[1:]}, err
	}
	return Key{}, errors.New("no private key")
}

// parsePrivate reads a private key in one of the forms that PEM files have.
func parsePrivate(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, errors.New("no private key that is understood; it must not be encrypted")
	}
	return key, nil
}

func (k Key) fits() error {
	public, ok := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(k.Certificate.PublicKey) {
		return errors.New("the private key is not the certificate's")
	}
	return nil
}

// WritePKCS12 writes the key as PKCS#12.
func (k Key) WritePKCS12(password string) ([]byte, error) {
	data, err := pkcs12.Modern2023.Encode(k.Private, k.Certificate, k.Chain, password)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return data, nil
}

// WritePEM writes the key as PEM, in the clear.
func (k Key) WritePEM() ([]byte, error) {
	private, err := x509.MarshalPKCS8PrivateKey(k.Private)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for _, c := range append([]*x509.Certificate{k.Certificate}, k.Chain...) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out, nil
}
