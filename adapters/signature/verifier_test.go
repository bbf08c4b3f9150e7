package signature_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

func TestValid(t *testing.T) {
	p := newPKI(t)
	k := p.person()
	verdict, evidence := judge(t, p.verifier(), claim(p.sign(k, message, signature.Signing{})))
	wanted := signature.Verdict{
		Outcome: signature.Valid, Method: "cms", Policy: "request-1", Issuer: "Test Issuing", At: now,
		Serial: k.Certificate.SerialNumber.Text(16),
		Signer: signature.Subject{
			IIN: iin, Name: "ҮЛГІБАЕВ ЕРЛАН", Surname: "ҮЛГІБАЕВ", GivenName: "ЕРЛАН", Patronymic: "МҰРАТҰЛЫ",
			Roles: []signature.Role{signature.Person},
		},
	}
	if diff := cmp.Diff(wanted, verdict, cmpopts.IgnoreFields(signature.Verdict{}, "Certificate", "Digest")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if verdict.Digest != digest([]byte(message)) || verdict.Certificate != digest(k.Certificate.Raw) {
		t.Errorf("digests %s, %s", verdict.Digest, verdict.Certificate)
	}
	if len(evidence.Chain) != 3 || len(evidence.Statuses) != 2 {
		t.Errorf("chain of %d, statuses %d; want 3 and 2", len(evidence.Chain), len(evidence.Statuses))
	}
}

// A CMS comes as its signer's software writes it.
func TestForms(t *testing.T) {
	p := newPKI(t)
	v := p.verifier()
	rsa := p.make(person(), p.issuing, rsaKey())
	der := p.sign(p.person(), message, signature.Signing{})
	text := base64.StdEncoding.EncodeToString(der)
	forms := map[string][]byte{
		"DER": der, "base64": []byte(text), "base64url": []byte(base64.RawURLEncoding.EncodeToString(der)),
		"base64 in lines":           []byte(text[:64] + "\r\n" + text[64:] + "\n"),
		"PEM":                       pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: der}),
		"PEM as PKCS7":              pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}),
		"attached":                  p.sign(p.person(), message, signature.Signing{Attached: true}),
		"RSA":                       p.sign(rsa, message, signature.Signing{}),
		"RSA, key's own identifier": craft(rsa, func(c *crafted) { c.algorithm = oidRSA }),
		"RSA with the hash's":       craft(rsa, func(c *crafted) { c.algorithm = oidSHA256WithRSA }),
		"indefinite lengths":        indefinite(p.sign(p.person(), message, signature.Signing{Attached: true})),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			verdict, _ := judge(t, v, claim(form))
			want(t, verdict, signature.Valid, "")
		})
	}
}

// indefinite writes the outermost values with indefinite lengths, as streaming software does.
func indefinite(der []byte) []byte {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		panic(err)
	}
	return append(append([]byte{0x30, 0x80}, outer.Bytes...), 0, 0)
}

func TestRefused(t *testing.T) {
	p := newPKI(t)
	v := p.verifier()
	k := p.person()
	foreign := newPKI(t).person()
	lost := p.make(ca("Unknown Issuing"), p.root, ecKey())
	self := p.make(person(), signature.Key{}, ecKey())
	over := p.make(func() x509.Certificate { c := ca("Old Issuing"); c.NotAfter = now.AddDate(0, 0, -1); return c }(), p.root, ecKey())
	noCA := p.person(func(t *x509.Certificate) { t.Subject.CommonName = "NO CA" })
	short := p.make(person(), p.issuing, shortRSA())
	sha1 := func(c *crafted) { c.digest, c.hash, c.algorithm = oidSHA1, crypto.SHA1, oidECDSAWithSHA1 }
	tests := []struct {
		why  string
		cms  []byte
		want signature.Reason
	}{
		{"other bytes", p.sign(k, message+" ", signature.Signing{}), signature.DigestMismatch},
		{"nothing signed", p.sign(k, "", signature.Signing{}), signature.DigestMismatch},
		{"other content inside", p.sign(k, "another", signature.Signing{Attached: true}), signature.ContentDiffers},
		{"content inside that was not signed", craft(k, func(c *crafted) { c.content, c.inside = "another", []byte(message) }), signature.DigestMismatch},
		{"signed content with another inside", craft(k, func(c *crafted) { c.inside = []byte("another") }), signature.ContentDiffers},
		{"no signer", craft(k, func(c *crafted) { c.signers = nil }), signature.NoSigner},
		{"two signers", craft(k, func(c *crafted) {
			other := p.person()
			c.signers, c.certificates = append(c.signers, other), append(c.certificates, other.Certificate)
		}), signature.SeveralSigners},
		{"the same signer twice", craft(k, func(c *crafted) { c.signers = append(c.signers, k) }), signature.SeveralSigners},
		{"no certificate", craft(k, func(c *crafted) { c.certificates = nil }), signature.SignerUnknown},
		{"another's certificate", craft(k, func(c *crafted) { c.certificates = []*x509.Certificate{p.person().Certificate} }), signature.SignerUnknown},
		{"signed by another key", craft(signature.Key{Private: ecKey(), Certificate: k.Certificate}), signature.SignatureMismatch},
		{"no signed attributes", craft(k, func(c *crafted) { c.plain = true }), signature.AttributesUnsound},
		{"no signed digest", craft(k, func(c *crafted) {
			c.attributes = func(a []craftedAttribute) []craftedAttribute { return a[:1] }
		}), signature.AttributesUnsound},
		{"two signed digests", craft(k, func(c *crafted) {
			c.attributes = func(a []craftedAttribute) []craftedAttribute { return append(a, a[1]) }
		}), signature.AttributesUnsound},
		{"a signed digest of two values", craft(k, func(c *crafted) {
			c.attributes = func(a []craftedAttribute) []craftedAttribute {
				a[1].Values = append(a[1].Values, value([]byte("another")))
				return a
			}
		}), signature.AttributesUnsound},
		{"no signed content type", craft(k, func(c *crafted) {
			c.attributes = func(a []craftedAttribute) []craftedAttribute { return a[1:] }
		}), signature.AttributesUnsound},
		{"content of another type", craft(k, func(c *crafted) { c.contentType = oid{1, 2, 840, 113549, 1, 9, 16, 1, 4} }), signature.AttributesUnsound},
		{"attributes that name another certificate", craft(k, func(c *crafted) {
			c.attributes = func(a []craftedAttribute) []craftedAttribute {
				return append(a, craftedAttribute{oidSigningCertV2, []asn1.RawValue{value([][]struct{ Hash []byte }{{{make([]byte, 32)}}})}})
			}
		}), signature.CertificateSwapped},
		{"SHA-1", craft(k, sha1), signature.DigestWeak},
		{"SHA-1 in the digest only", craft(k, func(c *crafted) { c.digest, c.hash = oidSHA1, crypto.SHA1 }), signature.DigestWeak},
		{"SHA-1 in the signature only", craft(k, func(c *crafted) { c.algorithm = oidECDSAWithSHA1 }), signature.DigestWeak},
		{"MD5", craft(p.make(person(), p.issuing, rsaKey()), func(c *crafted) { c.digest, c.hash, c.algorithm = oidMD5, crypto.MD5, oidRSA }), signature.DigestWeak},
		{"two hashes", craft(k, func(c *crafted) { c.algorithm = oidECDSAWithSHA512 }), signature.DigestWeak},
		{"an algorithm that is not the key's", craft(k, func(c *crafted) { c.algorithm = oidSHA256WithRSA }), signature.SignatureMismatch},
		{"a short RSA key", craft(short, func(c *crafted) { c.algorithm = oidRSA }), signature.KeyWeak},
		{"an issuer with a short RSA key", p.sign(p.make(person(), p.make(ca("Short Issuing"), p.root, shortRSA()), ecKey()), message, signature.Signing{}), signature.KeyWeak},
		{"a long RSA key", craft(signature.Key{Private: k.Private, Certificate: p.longKey()}), signature.KeyWeak},
		{"expired", p.sign(p.person(term(now.AddDate(-2, 0, 0), now.Add(-time.Second))), message, signature.Signing{}), signature.Expired},
		{"not yet valid", p.sign(p.person(term(now.Add(time.Second), now.AddDate(1, 0, 0))), message, signature.Signing{}), signature.NotYetValid},
		{"self-issued", p.sign(self, message, signature.Signing{}), signature.RootUntrusted},
		{"another authority's of the same name", p.sign(foreign, message, signature.Signing{}), signature.IssuerUnknown},
		{"another authority's with its root", craft(foreign, func(c *crafted) { c.certificates = append(c.certificates, foreign.Chain...) }), signature.RootUntrusted},
		{"issuer missing", craft(p.make(person(), lost, ecKey())), signature.IssuerUnknown},
		{"issuer's term over", p.sign(p.make(person(), over, ecKey()), message, signature.Signing{}), signature.ChainUnsound},
		{"issued by a person", craft(p.make(person(), noCA, ecKey()), func(c *crafted) { c.certificates = append(c.certificates, noCA.Certificate) }), signature.ChainUnsound},
		{"key for logging in", p.sign(p.person(forLogin), message, signature.Signing{}), signature.KeyUsage},
		{"key without non-repudiation", p.sign(p.person(func(t *x509.Certificate) { t.KeyUsage = x509.KeyUsageDigitalSignature }), message, signature.Signing{}), signature.KeyUsage},
		{"key without emailProtection", p.sign(p.person(func(t *x509.Certificate) { t.ExtKeyUsage = nil }), message, signature.Signing{}), signature.KeyUsage},
		{"another's IIN", p.sign(p.person(func(t *x509.Certificate) { t.Subject.SerialNumber = "IIN" + otherIIN }), message, signature.Signing{}), signature.IINMismatch},
		{"an organization's for a person", p.sign(p.person(head), message, signature.Signing{}), signature.BINMismatch},
		{"no identifier", p.sign(p.person(func(t *x509.Certificate) { t.Subject.SerialNumber = "12345" }), message, signature.Signing{}), signature.IdentifierMissing},
		{"an unsound IIN", p.sign(p.person(func(t *x509.Certificate) { t.Subject.SerialNumber = "IIN123456789011" }), message, signature.Signing{}), signature.IdentifierMissing},
		{"two IINs", p.sign(p.person(func(t *x509.Certificate) {
			for _, number := range []string{iin, otherIIN} {
				t.Subject.ExtraNames = append(t.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: oid{2, 5, 4, 5}, Value: "IIN" + number})
			}
		}), message, signature.Signing{}), signature.IdentifierMissing},
		{"no role", p.sign(p.person(func(t *x509.Certificate) { t.UnknownExtKeyUsage = nil }), message, signature.Signing{}), signature.RoleMissing},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			verdict, evidence := judge(t, v, claim(tt.cms))
			want(t, verdict, signature.Invalid, tt.want)
			recheck(t, p, evidence, verdict)
		})
	}
	if verdict, _ := judge(t, v, claim(p.sign(k, message, signature.Signing{}))); verdict.Outcome != signature.Valid {
		t.Errorf("the sound one: %+v", verdict)
	}
}

// longKey is a certificate with a key of which a verification would take a while.
func (p *pki) longKey() *x509.Certificate {
	t := person()
	t.SerialNumber, t.NotBefore, t.NotAfter = big.NewInt(1), now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
	n := new(big.Int).SetBit(big.NewInt(1), 1<<16, 1)
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, &t, p.issuing.Certificate, &rsa.PublicKey{N: n, E: 65537}, p.issuing.Private))))
}

// What is no CMS says nothing of a signature.
func TestMalformed(t *testing.T) {
	p := newPKI(t)
	v := p.verifier()
	der := p.sign(p.person(), message, signature.Signing{})
	tests := map[string][]byte{
		"nothing": nil, "text": []byte("a signature"), "JSON": []byte(`{"signature":""}`),
		"cut": der[:len(der)-1], "cut in the middle": der[:len(der)/2], "something behind it": append(bytes.Clone(der), 0),
		"a certificate": p.root.Certificate.Raw, "PEM of nothing": []byte("-----BEGIN CMS-----\n-----END CMS-----\n"),
		"nested without end": bytes.Repeat([]byte{0x30, 0x80}, 100_000),
		"nested deeply":      nested(200), "too large": p.sign(p.person(), strings.Repeat("x", signature.MaxCMS), signature.Signing{Attached: true}),
		"an empty sequence": {0x30, 0}, "data": must(asn1.Marshal(struct{ Type oid }{oidData})),
	}
	for name, cms := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, evidence, err := v.Verify(t.Context(), claim(cms))
			if !errors.Is(err, domain.ErrInvalid) || evidence != nil || verdict.Outcome != "" {
				t.Errorf("%+v, %v, %v; want ErrInvalid", verdict, evidence, err)
			}
		})
	}
}

func nested(n int) []byte {
	inner := []byte{}
	for range n {
		inner = must(asn1.Marshal(asn1.RawValue{Tag: 16, IsCompound: true, Bytes: inner}))
	}
	return inner
}

func TestUnsupported(t *testing.T) {
	p := newPKI(t)
	v := p.verifier()
	k := p.person()
	gostSigner := signature.Key{Private: k.Private, Certificate: gost(k.Certificate, true)}
	tests := map[string]struct {
		cms       []byte
		algorithm oid
	}{
		"GOST":                    {craft(gostSigner, func(c *crafted) { c.digest, c.algorithm = oidStreebog512, oidGOST }), oidStreebog512},
		"GOST with SHA-256":       {craft(gostSigner, func(c *crafted) { c.algorithm = oidGOST }), oidGOST},
		"GOST key":                {craft(gostSigner), oidGOSTKey},
		"RSA-PSS":                 {craft(k, func(c *crafted) { c.algorithm = oid{1, 2, 840, 113549, 1, 1, 10} }), oid{1, 2, 840, 113549, 1, 1, 10}},
		"a digest nobody knows":   {craft(k, func(c *crafted) { c.digest = oid{1, 2, 3} }), oid{1, 2, 3}},
		"issued by a GOST issuer": {craft(signature.Key{Private: k.Private, Certificate: gost(k.Certificate, false)}), oidGOST},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, evidence, err := v.Verify(t.Context(), claim(tt.cms))
			if !errors.Is(err, signature.ErrUnsupported) || errors.Is(err, domain.ErrUnavailable) || evidence != nil {
				t.Errorf("%v; want ErrUnsupported and no evidence", err)
			}
			want(t, verdict, signature.Unsupported, signature.AlgorithmUnknown)
			if verdict.Algorithm != tt.algorithm.String() {
				t.Errorf("algorithm %s, want %s", verdict.Algorithm, tt.algorithm)
			}
		})
	}
}

// Whose signature a purpose wants.
func TestPurposes(t *testing.T) {
	p := newPKI(t)
	v := p.verifier()
	system := func(t *x509.Certificate) {
		t.Subject = pkix.Name{CommonName: "SYSTEM", SerialNumber: "BIN" + bin}
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{signature.RoleOID(signature.Organization), append(signature.RoleOID(signature.System)[:9:9], 6, 1)}
	}
	mine, firm := signature.Who{IIN: iin}, signature.Who{BIN: bin}
	both := signature.Who{IIN: iin, BIN: bin}
	tests := []struct {
		purpose signature.Purpose
		who     signature.Who
		key     []func(*x509.Certificate)
		want    signature.Reason
	}{
		{signature.ForRequest, mine, nil, ""},
		{signature.ForRequest, firm, []func(*x509.Certificate){head}, ""},
		{signature.ForRequest, both, []func(*x509.Certificate){head}, ""},
		{signature.ForRequest, firm, []func(*x509.Certificate){inRole(signature.MaySign)}, ""},
		{signature.ForRequest, firm, []func(*x509.Certificate){inRole(signature.Employee)}, signature.RoleMissing},
		{signature.ForRequest, firm, []func(*x509.Certificate){inRole(signature.Personnel)}, signature.RoleMissing},
		{signature.ForRequest, firm, []func(*x509.Certificate){system}, signature.RoleMissing},
		{signature.ForRequest, firm, nil, signature.BINMismatch},
		{signature.ForRequest, signature.Who{BIN: otherBIN}, []func(*x509.Certificate){head}, signature.BINMismatch},
		{signature.ForRequest, signature.Who{IIN: otherIIN, BIN: bin}, []func(*x509.Certificate){head}, signature.IINMismatch},
		{signature.ForLogin, signature.Who{}, []func(*x509.Certificate){forLogin}, ""},
		{signature.ForLogin, signature.Who{}, []func(*x509.Certificate){inRole(signature.Employee), forLogin}, ""},
		{signature.ForLogin, signature.Who{}, nil, signature.KeyUsage},
		{signature.ForLogin, signature.Who{}, []func(*x509.Certificate){system, forLogin}, signature.RoleMissing},
		{signature.ForDecision, both, []func(*x509.Certificate){head}, ""},
		{signature.ForDecision, mine, []func(*x509.Certificate){inRole(signature.MaySign)}, ""},
		{signature.ForDecision, mine, []func(*x509.Certificate){inRole(signature.Employee)}, signature.RoleMissing},
		{signature.ForDecision, mine, nil, signature.RoleMissing},
		{signature.ForDecision, mine, []func(*x509.Certificate){head, forLogin}, signature.KeyUsage},
		{signature.ForEntry, mine, []func(*x509.Certificate){inRole(signature.Employee)}, ""},
		{signature.ForEntry, mine, nil, signature.RoleMissing},
	}
	for _, tt := range tests {
		c := claim(p.sign(p.person(tt.key...), message, signature.Signing{}))
		c.Purpose, c.Who = tt.purpose, tt.who
		verdict, evidence := judge(t, v, c)
		if outcome := map[bool]signature.Outcome{true: signature.Valid, false: signature.Invalid}[tt.want == ""]; verdict.Outcome != outcome || verdict.Reason != tt.want {
			t.Errorf("%s for %+v by %v: %s %s, want %s", tt.purpose, tt.who, verdict.Signer.Roles, verdict.Outcome, verdict.Reason, tt.want)
		}
		recheck(t, p, evidence, verdict)
	}
	if _, _, err := v.Verify(t.Context(), signature.Claim{Purpose: "fun"}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no such purpose: %v", err)
	}
}

func TestSystemCertificateNamesItsOrganization(t *testing.T) {
	p := newPKI(t)
	c := p.person(func(t *x509.Certificate) { t.Subject = pkix.Name{CommonName: "SYSTEM", SerialNumber: "BIN" + bin} }).Certificate
	s, err := signature.SubjectOf(c, false)
	if err != nil || s.BIN != bin || s.IIN != "" || s.Identifier() != bin {
		t.Errorf("%+v, %v", s, err)
	}
}

// The authority's own test certificates are in the name of an IIN without a right check digit.
func TestAnyDigits(t *testing.T) {
	p := newPKI(t)
	c := claim(p.sign(p.person(func(t *x509.Certificate) { t.Subject.SerialNumber = "IIN123456789011" }), message, signature.Signing{}))
	c.Who.IIN = "123456789011"
	verdict, evidence := judge(t, p.verifier(func(c *signature.Config) { c.Trust.AnyDigits = true }), c)
	want(t, verdict, signature.Valid, "")
	recheck(t, p, evidence, verdict)
}

// The signing time is when the registry got the signature, however much later it is judged.
func TestReceivedBeforeExpiry(t *testing.T) {
	p := newPKI(t)
	c := claim(p.sign(p.person(term(now.AddDate(-1, 0, 0), now.Add(time.Minute))), message, signature.Signing{}))
	p.at(now.Add(time.Hour))
	verdict, _ := judge(t, p.verifier(), c)
	want(t, verdict, signature.Pending, signature.StatusUnknown) // lists leave expired certificates out
	c.Received = now.Add(time.Hour)
	verdict, _ = judge(t, p.verifier(), c)
	want(t, verdict, signature.Invalid, signature.Expired)
}
