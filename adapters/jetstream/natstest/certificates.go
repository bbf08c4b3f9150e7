package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are files with an authority of its own, and with what it gave out.
type Certificates struct {
	// CA is the authority's certificate, Cert and Key are those of the registry.
	CA, Cert, Key string
	dir           string
}

// NewCertificates makes an authority, and certificates of a node and of the users of deploy/nats.
func NewCertificates(t testing.TB) Certificates {
	t.Helper()
	c, err := newCertificates(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Of gives the certificate and key of another user, operator or system, or of a node.
func (c Certificates) Of(user string) (cert, key string) {
	return c.file(user + ".pem"), c.file(user + "-key.pem")
}

func (c Certificates) file(name string) string { return filepath.Join(c.dir, name) }

func newCertificates(dir string) (Certificates, error) {
	c := Certificates{dir: dir}
	c.CA = c.file("ca.pem")
	c.Cert, c.Key = c.Of("tizilim")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	key, err := c.write("ca", authority, authority, nil)
	if err != nil {
		return c, err
	}
	for _, name := range []string{"node", "tizilim", "operator", "system"} {
		leaf := &x509.Certificate{
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		}
		if name == "node" {
			leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		}
		if _, err := c.write(name, leaf, authority, key); err != nil {
			return c, err
		}
	}
	return c, nil
}

// write makes a certificate signed by the authority, whose key is nil while it signs itself.
func (c Certificates) write(name string, cert, authority *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if signer == nil {
		signer = key
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	cert.SerialNumber, cert.Subject = serial, pkix.Name{CommonName: name}
	cert.NotBefore, cert.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, cert, authority, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(c.file(name+".pem"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return key, writePEM(c.file(name+"-key.pem"), "PRIVATE KEY", secret)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
