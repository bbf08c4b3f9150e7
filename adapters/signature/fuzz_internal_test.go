package signature

import (
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What services answer comes over plain HTTP: lists, OCSP answers and timestamps are read as warily as
// what applicants send. No answer that was changed is sound.
func FuzzAnswer(f *testing.F) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "seeds", name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	certificate := func(name string) *x509.Certificate {
		c, err := x509.ParseCertificate(read(name))
		if err != nil {
			f.Fatal(err)
		}
		return c
	}
	issuer, person := certificate("issuing.cer"), certificate("person.cer")
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	list, err := parseCRL(read("issuing.crl"))
	if err != nil || (pair{full: list}).sound(person, issuer, at) != nil {
		f.Fatalf("the list is not sound: %v", err)
	}
	if _, responder, err := readOCSP(&ocspAnswer{raw: read("person.ocsp")}, person, issuer, at, false); err != nil || responder == nil {
		f.Fatalf("the answer is not sound: %v", err)
	}
	for _, name := range []string{"issuing.crl", "person.ocsp", "answer.tsp", "person.cer"} {
		f.Add(read(name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := parseCRL(data); err == nil && (pair{full: c}).sound(person, issuer, at) == nil && string(c.list.RawTBSRevocationList) != string(list.list.RawTBSRevocationList) {
			t.Fatal("another list is sound")
		}
		if s, _, err := readOCSP(&ocspAnswer{raw: data}, person, issuer, at, false); err == nil && s.revoked {
			t.Fatal("somebody revoked the certificate")
		}
		if _, err := stampAnswer(data, []byte("value"), big.NewInt(1)); err == nil {
			t.Fatal("a timestamp over a value that nobody asked about")
		}
	})
}
