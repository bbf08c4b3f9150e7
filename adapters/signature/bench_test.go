package signature_test

import (
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/tizilim/tizilim/adapters/signature"
)

// One CMS with its chain and lists at hand, one of them with a hundred thousand revoked certificates. It
// has to stay below two milliseconds on one core.
func BenchmarkVerify(b *testing.B) {
	for name, kind := range map[string]bool{"ECDSA": false, "RSA": true} {
		b.Run(name, func(b *testing.B) {
			p := newPKI(b)
			if kind {
				p.root = p.make(ca("Test Root"), signature.Key{}, rsaKey())
				p.issuing = p.make(ca("Test Issuing"), p.root, rsaKey())
			}
			for i := range 100_000 {
				p.revoked = append(p.revoked, x509.RevocationListEntry{SerialNumber: big.NewInt(int64(1e9 + i)), RevocationTime: now})
			}
			k := p.make(person(), p.issuing, ecKey())
			if kind {
				k = p.make(person(), p.issuing, rsaKey())
			}
			v := p.verifier(sources(signature.CRL))
			c := claim(p.sign(k, message, signature.Signing{}))
			verdict, _ := judge(b, v, c)
			want(b, verdict, signature.Valid, "")
			b.ReportAllocs()
			for b.Loop() {
				if verdict, _, err := v.Verify(b.Context(), c); verdict.Outcome != signature.Valid {
					b.Fatal(verdict, err)
				}
			}
		})
	}
}

// The evidence of it, made again.
func BenchmarkRecheck(b *testing.B) {
	p := newPKI(b)
	_, e := judge(b, p.verifier(sources(signature.CRL)), claim(p.sign(p.person(), message, signature.Signing{})))
	trust, evidence := must(signature.NewTrust([]*x509.Certificate{p.root.Certificate}, nil)), stored(b, e)
	for b.Loop() {
		if _, err := signature.Recheck(b.Context(), trust, evidence, []byte(message)); err != nil {
			b.Fatal(err)
		}
	}
}
