package signature_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

func TestKeyFiles(t *testing.T) {
	p := newPKI(t)
	for _, k := range []signature.Key{p.person(), p.make(person(), p.issuing, rsaKey())} {
		packed, text := must(k.WritePKCS12("word")), must(k.WritePEM())
		for form, data := range map[string][]byte{"PKCS#12": packed, "PEM": text} {
			back, err := signature.ReadKey(data, "word")
			if err != nil || !back.Certificate.Equal(k.Certificate) || len(back.Chain) != 2 {
				t.Errorf("%s: %v, chain of %d", form, err, len(back.Chain))
				continue
			}
			verdict, _ := judge(t, p.verifier(), claim(p.sign(back, message, signature.Signing{})))
			want(t, verdict, signature.Valid, "")
		}
		other := must(p.person().WritePEM())
		block, _ := pem.Decode(other)
		rsaDER, ecDER := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}), pem.EncodeToMemory(block)
		for why, data := range map[string][]byte{
			"nothing": nil, "garbage": []byte("a key"), "no key": rsaDER, "no certificate": ecDER, "another's key": append(rsaDER, ecDER...),
			"an encrypted key": append(rsaDER, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}})...),
		} {
			if _, err := signature.ReadKey(data, "word"); !errors.Is(err, domain.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if _, err := signature.ReadKey(packed, "another word"); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("wrong password: %v", err)
		}
	}
}

func TestOlderKeyForms(t *testing.T) {
	p := newPKI(t)
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k := p.make(person(), p.issuing, private)
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(private))})...)
	if _, err := signature.ReadKey(text, ""); err != nil {
		t.Error(err)
	}
}

func TestSignRefusesKeysNobodyVerifies(t *testing.T) {
	p := newPKI(t)
	for _, k := range []signature.Key{p.make(person(), p.issuing, shortRSA()), {Private: p.person().Private, Certificate: gost(p.person().Certificate, true)}} {
		if _, err := k.Sign(t.Context(), []byte(message), signature.Signing{}); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%v", err)
		}
	}
}

func TestReadTrust(t *testing.T) {
	p := newPKI(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	certificate := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	if _, err := signature.ReadTrust(dir); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("without a root: %v", err)
	}
	write("roots/root.cer", string(p.root.Certificate.Raw))
	write("roots/README", "not a certificate")
	write("intermediates/all.pem", certificate(p.issuing.Certificate))
	c, err := signature.ReadTrust(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(signature.Network{Hosts: map[string]string{}}, c.Network); diff != "" {
		t.Errorf("without a file (-want +got)\n%s", diff)
	}
	write("trust.yaml", `
hosts:
  - {host: ocsp.example, url: "http://10.0.0.1:8080"}
  - {host: crl.example}
ocsp: http://ocsp.example/
crls: ["http://crl.example/a.crl"]
tsp: http://tsp.example/
stamp: true
sources: [crl, ocsp]
nonce: required
timeout: 3s
refresh: 10m
max_crl_bytes: 1000000
test_identifiers: true
`)
	if c, err = signature.ReadTrust(dir); err != nil {
		t.Fatal(err)
	}
	wanted := signature.Network{
		Hosts: map[string]string{"ocsp.example": "http://10.0.0.1:8080", "crl.example": ""},
		OCSP:  "http://ocsp.example/", CRLs: []string{"http://crl.example/a.crl"}, TSP: "http://tsp.example/",
		Sources: []signature.Source{signature.CRL, signature.OCSP}, NeedNonce: true,
		Timeout: 3 * time.Second, Refresh: 10 * time.Minute, MaxCRL: 1_000_000,
	}
	if diff := cmp.Diff(wanted, c.Network); diff != "" || !c.Stamp || !c.Trust.AnyDigits {
		t.Errorf("stamp %v, (-want +got)\n%s", c.Stamp, diff)
	}
	for _, bad := range []string{"host: x", "nonce: maybe", "stamp: true", "timeout: -1s", "sources: 3"} {
		write("trust.yaml", bad)
		if _, err := signature.ReadTrust(dir); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	write("trust.yaml", "")
	write("roots/bad.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	if _, err := signature.ReadTrust(dir); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a bad certificate: %v", err)
	}
}
