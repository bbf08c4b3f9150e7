package signature_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"github.com/tizilim/tizilim/adapters/signature"
)

// Both sources tell the same of a certificate.
func TestRevoked(t *testing.T) {
	keyCompromise := 1
	for source, then := range map[signature.Source]signature.Source{signature.OCSP: signature.CRL, signature.CRL: signature.OCSP} {
		p := newPKI(t)
		v := p.verifier(sources(source, then))
		k := p.person()
		plain, stamped := p.sign(k, message, signature.Signing{}), p.sign(k, message, p.stamped())
		p.at(now.Add(2 * time.Hour))
		late := claim(plain)
		late.Received = now.Add(2 * time.Hour)

		p.revoke(k, now.Add(time.Hour), keyCompromise)
		verdict, evidence := judge(t, v, late)
		want(t, verdict, signature.Invalid, signature.Revoked)
		recheck(t, p, evidence, verdict)
		early := claim(plain) // got before the revocation, judged after it
		verdict, evidence = judge(t, v, early)
		want(t, verdict, signature.Valid, "")
		recheck(t, p, evidence, verdict)

		late.CMS = stamped // signed before the revocation, as a timestamp proves
		verdict, evidence = judge(t, v, late)
		want(t, verdict, signature.Valid, "")
		if !verdict.ByTimestamp || !verdict.At.Equal(now) {
			t.Errorf("%s: signed at %s, by timestamp %v", source, verdict.At, verdict.ByTimestamp)
		}
		recheck(t, p, evidence, verdict)
		late.CMS = p.sign(k, message, p.stamped()) // signed and stamped after it
		verdict, _ = judge(t, v, late)
		want(t, verdict, signature.Invalid, signature.Revoked)
	}
}

// What makes an answer of the OCSP service none. Nothing it says then counts, neither for nor against.
func TestUnsoundOCSP(t *testing.T) {
	type hook = func(q *ocsp.Request, t *ocsp.Response, nonce []byte) (*x509.Certificate, signature.Key, []byte)
	p := newPKI(t)
	k := p.person()
	cms := p.sign(k, message, signature.Signing{})
	other := newPKI(t)
	issuer := p.issuing.Certificate
	delegate := func(by signature.Key, change ...func(*x509.Certificate)) signature.Key {
		t := x509.Certificate{
			Subject: pkix.Name{CommonName: "Test OCSP"}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, ExtraExtensions: []pkix.Extension{noCheck},
		}
		for _, f := range change {
			f(&t)
		}
		return p.make(t, by, ecKey())
	}
	by := func(k signature.Key) hook {
		return func(_ *ocsp.Request, t *ocsp.Response, nonce []byte) (*x509.Certificate, signature.Key, []byte) {
			t.Certificate = k.Certificate
			return issuer, k, nonce
		}
	}
	changed := func(change func(*ocsp.Response)) hook {
		return func(_ *ocsp.Request, t *ocsp.Response, nonce []byte) (*x509.Certificate, signature.Key, []byte) {
			change(t)
			return issuer, p.responder, nonce
		}
	}
	unchecked := delegate(p.issuing, func(t *x509.Certificate) { t.ExtraExtensions = nil })
	lost := delegate(p.issuing, func(t *x509.Certificate) { t.ExtraExtensions = nil })
	p.revoke(lost, now.Add(-time.Hour), 0)
	wrongNonce := must(asn1.Marshal([]byte("0123456789abcdef")))

	tests := map[string]struct {
		answer hook
		sound  bool
	}{
		"as it should be":      {nil, true},
		"by the issuer itself": {by(p.issuing), true},
		"without certificate, by the issuer": {func(_ *ocsp.Request, t *ocsp.Response, nonce []byte) (*x509.Certificate, signature.Key, []byte) {
			t.Certificate = nil
			return issuer, p.issuing, nonce
		}, true},
		"no nonce": {func(*ocsp.Request, *ocsp.Response, []byte) (*x509.Certificate, signature.Key, []byte) {
			return issuer, p.responder, nil
		}, true},
		"no next update":                     {changed(func(t *ocsp.Response) { t.NextUpdate = time.Time{} }), true},
		"responder that has to be looked up": {by(unchecked), true},

		"another nonce": {func(*ocsp.Request, *ocsp.Response, []byte) (*x509.Certificate, signature.Key, []byte) {
			return issuer, p.responder, wrongNonce
		}, false},
		"another serial": {changed(func(t *ocsp.Response) { t.SerialNumber = big.NewInt(7) }), false},
		"another issuer": {func(_ *ocsp.Request, t *ocsp.Response, nonce []byte) (*x509.Certificate, signature.Key, []byte) {
			return other.issuing.Certificate, p.responder, nonce
		}, false},
		"stale":                          {changed(func(t *ocsp.Response) { t.ThisUpdate, t.NextUpdate = now.Add(-2*time.Hour), now.Add(-time.Second) }), false},
		"old, no next update":            {changed(func(t *ocsp.Response) { t.ThisUpdate, t.NextUpdate = now.Add(-25*time.Hour), time.Time{} }), false},
		"of the future":                  {changed(func(t *ocsp.Response) { t.ThisUpdate = now.Add(time.Hour) }), false},
		"unknown":                        {changed(func(t *ocsp.Response) { t.Status = ocsp.Unknown }), false},
		"a responder without the right":  {by(delegate(p.issuing, func(t *x509.Certificate) { t.ExtKeyUsage = nil })), false},
		"a responder with another right": {by(delegate(p.issuing, func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })), false},
		"a person":                       {by(p.person()), false},
		"a responder of the root's":      {by(delegate(p.root)), false},
		"another authority's":            {by(other.responder), false},
		"a responder whose term is over": {by(delegate(p.issuing, term(now.AddDate(-1, 0, 0), now.Add(-time.Hour)))), false},
		"a responder that was revoked":   {by(lost), false},
		"signed by another key":          {by(signature.Key{Private: ecKey(), Certificate: p.responder.Certificate}), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p.answer = tt.answer
			defer func() { p.answer = nil }()
			verdict, evidence := judge(t, p.verifier(), claim(cms))
			want(t, verdict, signature.Valid, "") // the list is asked where the answer is none
			recheck(t, p, evidence, verdict)
			if source := evidence.Statuses[len(evidence.Statuses)-2].Source; (source == signature.OCSP) != tt.sound {
				t.Errorf("relied on %s", source)
			}

			p.handle("/issuing.crl", unavailable)
			defer p.handle("/issuing.crl", p.crl(&p.issuing, &p.revoked))
			if name == "responder that has to be looked up" {
				return
			}
			verdict, _ = judge(t, p.verifier(), claim(cms))
			if tt.sound {
				want(t, verdict, signature.Valid, "")
			} else {
				want(t, verdict, signature.Pending, signature.OCSPUnsound)
			}
		})
	}
	t.Run("no nonce where one is needed", func(t *testing.T) {
		p.answer = tests["no nonce"].answer
		defer func() { p.answer = nil }()
		need := func(c *signature.Config) { c.Network.NeedNonce = true }
		verdict, _ := judge(t, p.verifier(need, func(c *signature.Config) { c.Network.Sources = []signature.Source{signature.OCSP} }), claim(cms))
		want(t, verdict, signature.Pending, signature.OCSPUnsound)
	})
}

// What makes a list of revoked certificates none.
func TestUnsoundCRL(t *testing.T) {
	p := newPKI(t)
	k := p.person()
	cms := p.sign(k, message, signature.Signing{})
	other := newPKI(t)
	sameName := p.make(ca("Test Issuing"), p.root, ecKey())
	point := func(address string) []byte {
		type name struct {
			Full []asn1.RawValue `asn1:"tag:0"`
		}
		type scope struct {
			Point name `asn1:"tag:0"`
		}
		return must(asn1.Marshal(scope{name{[]asn1.RawValue{{Class: 2, Tag: 6, Bytes: []byte(address)}}}}))
	}
	extension := func(id oid, critical bool, value []byte) func(*x509.RevocationList) signature.Key {
		return func(l *x509.RevocationList) signature.Key {
			if len(l.RevokedCertificateEntries) == 0 { // not the root's
				l.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: value}}
			}
			return p.issuing
		}
	}
	changed := func(change func(*x509.RevocationList)) func(*x509.RevocationList) signature.Key {
		return func(l *x509.RevocationList) signature.Key { change(l); return p.issuing }
	}
	by := func(k signature.Key) func(*x509.RevocationList) signature.Key {
		return func(*x509.RevocationList) signature.Key { return k }
	}
	scope := oid{2, 5, 29, 28}
	tests := map[string]struct {
		list  func(*x509.RevocationList) signature.Key
		sound bool
	}{
		"as it should be": {by(p.issuing), true},
		"for users": {extension(scope, true, must(asn1.Marshal(struct {
			Users bool `asn1:"tag:1"`
		}{true}))), true},
		"of its distribution point":                {extension(scope, true, point(p.server.URL+"/issuing.crl")), true},
		"an extension that need not be understood": {extension(oid{1, 2, 3}, false, nil), true},

		"stale":                         {changed(func(l *x509.RevocationList) { l.NextUpdate = now.Add(-time.Second) }), false},
		"of the future":                 {changed(func(l *x509.RevocationList) { l.ThisUpdate = now.Add(time.Hour) }), false},
		"of another issuer":             {by(other.root), false},
		"of another issuer of the name": {by(sameName), false},
		"for authorities": {extension(scope, true, must(asn1.Marshal(struct {
			CAs bool `asn1:"tag:2"`
		}{true}))), false},
		"indirect": {extension(scope, true, must(asn1.Marshal(struct {
			Indirect bool `asn1:"tag:4"`
		}{true}))), false},
		"of another distribution point":          {extension(scope, true, point(p.server.URL+"/other.crl")), false},
		"an extension that has to be understood": {extension(oid{1, 2, 3}, true, nil), false},
		"a delta":                                {extension(oid{2, 5, 29, 27}, true, must(asn1.Marshal(1))), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p.handle("/issuing.crl", func(w http.ResponseWriter, r *http.Request) {
				p.mu.Lock()
				p.list = tt.list
				p.mu.Unlock()
				p.crl(&p.issuing, &p.revoked)(w, r)
				p.mu.Lock()
				p.list = nil
				p.mu.Unlock()
			})
			verdict, evidence := judge(t, p.verifier(sources(signature.CRL)), claim(cms))
			if !tt.sound {
				want(t, verdict, signature.Pending, signature.CRLUnsound)
				return
			}
			want(t, verdict, signature.Valid, "")
			recheck(t, p, evidence, verdict)
		})
	}
	t.Run("garbage", func(t *testing.T) {
		p.handle("/issuing.crl", bytesHandler(func() []byte { return []byte("<html>") }))
		verdict, _ := judge(t, p.verifier(sources(signature.CRL)), claim(cms))
		want(t, verdict, signature.Pending, signature.CRLUnsound)
	})
}

func TestCRLOfIssuerWithoutTheRight(t *testing.T) {
	p := newPKI(t)
	template := ca("Test Issuing")
	template.KeyUsage = x509.KeyUsageCertSign
	issuer := p.make(template, p.root, ecKey())
	k := p.make(person(), issuer, ecKey())
	p.handle("/issuing.crl", bytesHandler(func() []byte {
		claims := *issuer.Certificate // or the list could not be made
		claims.KeyUsage |= x509.KeyUsageCRLSign
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
		return must(x509.CreateRevocationList(rand.Reader, l, &claims, issuer.Private))
	}))
	cms := craft(k, func(c *crafted) { c.certificates = append(c.certificates, issuer.Certificate) })
	verdict, _ := judge(t, p.verifier(sources(signature.CRL)), claim(cms))
	want(t, verdict, signature.Pending, signature.CRLUnsound)
}

// An entry may say that the key was lost before it was revoked.
func TestInvalidityDate(t *testing.T) {
	p := newPKI(t)
	k := p.person()
	since := must(asn1.MarshalWithParams(now.Add(-time.Hour), "generalized"))
	p.revoked = []x509.RevocationListEntry{{
		SerialNumber: k.Certificate.SerialNumber, RevocationTime: now.Add(time.Hour), ReasonCode: 1,
		ExtraExtensions: []pkix.Extension{{Id: oid{2, 5, 29, 24}, Value: since}},
	}}
	c := claim(p.sign(k, message, signature.Signing{}))
	p.at(now.Add(2 * time.Hour))
	verdict, evidence := judge(t, p.verifier(sources(signature.CRL)), c)
	want(t, verdict, signature.Invalid, signature.Revoked)
	recheck(t, p, evidence, verdict)
}

func TestIssuerRevoked(t *testing.T) {
	p := newPKI(t)
	c := claim(p.sign(p.person(), message, signature.Signing{}))
	p.rootsOwn = []x509.RevocationListEntry{{SerialNumber: p.issuing.Certificate.SerialNumber, RevocationTime: now.Add(-time.Hour)}}
	verdict, evidence := judge(t, p.verifier(), c)
	want(t, verdict, signature.Invalid, signature.IssuerRevoked)
	recheck(t, p, evidence, verdict)
}

// A delta list adds to the full one, and takes off it.
func TestDelta(t *testing.T) {
	const (
		full, delta = "/issuing.crl", "/delta.crl"
		hold        = 6
		removed     = 8
	)
	p := newPKI(t)
	freshest := must(asn1.Marshal([]struct {
		Name struct {
			Full []asn1.RawValue `asn1:"tag:0"`
		} `asn1:"tag:0"`
	}{{struct {
		Full []asn1.RawValue `asn1:"tag:0"`
	}{[]asn1.RawValue{{Class: 2, Tag: 6, Bytes: []byte(p.server.URL + delta)}}}}}))
	k := p.person(func(t *x509.Certificate) {
		t.ExtraExtensions = []pkix.Extension{{Id: oid{2, 5, 29, 46}, Value: freshest}}
	})
	cms := p.sign(k, message, signature.Signing{})
	entry := func(reason int) []x509.RevocationListEntry {
		return []x509.RevocationListEntry{{SerialNumber: k.Certificate.SerialNumber, RevocationTime: now.Add(-time.Hour), ReasonCode: reason}}
	}
	list := func(number, base int64, entries []x509.RevocationListEntry, change ...func(*x509.RevocationList)) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			l := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), RevokedCertificateEntries: entries}
			if base > 0 {
				l.ExtraExtensions = []pkix.Extension{{Id: oid{2, 5, 29, 27}, Critical: true, Value: must(asn1.Marshal(base))}}
			}
			for _, f := range change {
				f(l)
			}
			_, _ = w.Write(must(x509.CreateRevocationList(rand.Reader, l, p.issuing.Certificate, p.issuing.Private)))
		}
	}
	stale := func(l *x509.RevocationList) { l.NextUpdate = now.Add(-time.Second) }
	tests := map[string]struct {
		full, delta http.HandlerFunc
		want        signature.Reason
		used        bool // the delta was
	}{
		"nothing new":                    {list(100, 0, nil), list(101, 100, nil), "", true},
		"revoked since":                  {list(100, 0, nil), list(101, 100, entry(1)), signature.Revoked, true},
		"revoked before":                 {list(100, 0, entry(1)), list(101, 100, nil), signature.Revoked, true},
		"let go since":                   {list(100, 0, entry(hold)), list(101, 100, entry(removed)), "", true},
		"on an older full one":           {list(100, 0, nil), list(101, 90, entry(1)), signature.Revoked, true},
		"on a full one that is not here": {list(100, 0, nil), list(111, 110, entry(1)), "", false},
		"older than the full one":        {list(100, 0, nil), list(99, 90, entry(1)), "", false},
		"stale":                          {list(100, 0, nil), list(101, 100, entry(1), stale), "", false},
		"not there":                      {list(100, 0, nil), unavailable, "", false},
		"a full one in its place":        {list(100, 0, nil), list(101, 0, entry(1)), "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p.handle(full, tt.full)
			p.handle(delta, tt.delta)
			verdict, evidence := judge(t, p.verifier(sources(signature.CRL)), claim(cms))
			outcome := signature.Valid
			if tt.want != "" {
				outcome = signature.Invalid
			}
			want(t, verdict, outcome, tt.want)
			recheck(t, p, evidence, verdict)
			if used := evidence.Statuses[0].Delta != nil; used != tt.used {
				t.Errorf("delta relied on: %v", used)
			}
		})
	}
}

func TestTimestamps(t *testing.T) {
	p := newPKI(t)
	k := p.person()
	other := newPKI(t)
	stamp := func(change func(*timestamp.Timestamp) signature.Key) []byte {
		p.stampAs = change
		defer func() { p.stampAs = nil }()
		return p.sign(k, message, signature.Signing{Stamp: func(_ context.Context, value []byte) ([]byte, error) { return p.token(value), nil }})
	}
	by := func(k signature.Key) func(*timestamp.Timestamp) signature.Key {
		return func(*timestamp.Timestamp) signature.Key { return k }
	}
	changed := func(change func(*timestamp.Timestamp)) func(*timestamp.Timestamp) signature.Key {
		return func(t *timestamp.Timestamp) signature.Key { change(t); return p.stamper }
	}
	plain := stamper()
	plain.ExtraExtensions, plain.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	over := stamper()
	over.NotAfter = now.AddDate(0, 0, -1)
	lost := p.make(stamper(), p.issuing, ecKey())
	p.revoke(lost, now.Add(-time.Hour), 1)
	tests := map[string]struct {
		stamp func(*timestamp.Timestamp) signature.Key
		want  signature.Reason
	}{
		"as it should be":                    {by(p.stamper), ""},
		"over other bytes":                   {changed(func(t *timestamp.Timestamp) { t.HashedMessage = make([]byte, 32) }), signature.TimestampUnsound},
		"of a person":                        {by(p.person()), signature.TimestampUnsound},
		"of a right that is not critical":    {by(p.make(plain, p.issuing, ecKey())), signature.TimestampUnsound},
		"of another authority":               {by(other.stamper), signature.TimestampUnsound},
		"signed by another key":              {by(signature.Key{Private: ecKey(), Certificate: p.stamper.Certificate}), signature.TimestampUnsound},
		"of an authority whose term is over": {by(p.make(over, p.issuing, ecKey())), signature.TimestampUnsound},
		"of an authority that was revoked":   {by(lost), signature.TimestampUnsound},
		"of the future":                      {changed(func(t *timestamp.Timestamp) { t.Time = now.Add(time.Hour) }), signature.TimestampInFuture},
		"of a time before the certificate":   {changed(func(t *timestamp.Timestamp) { t.Time = now.AddDate(-1, 0, 0) }), signature.NotYetValid},
		"without certificate":                {changed(func(t *timestamp.Timestamp) { t.AddTSACertificate = false }), signature.TimestampUnsound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			verdict, evidence := judge(t, p.verifier(), claim(stamp(tt.stamp)))
			outcome := signature.Valid
			if tt.want != "" {
				outcome = signature.Invalid
			}
			want(t, verdict, outcome, tt.want)
			recheck(t, p, evidence, verdict)
		})
	}
}

// The registry's own timestamp is proof besides, and does not move the signing time.
func TestRegistrysTimestamp(t *testing.T) {
	p := newPKI(t)
	own := func(c *signature.Config) { c.Stamp, c.Network.TSP = true, p.server.URL+"/tsp" }
	plain := p.sign(p.person(), message, signature.Signing{})
	p.at(now.Add(time.Minute))
	verdict, evidence := judge(t, p.verifier(own), claim(plain))
	want(t, verdict, signature.Valid, "")
	if verdict.ByTimestamp || !verdict.At.Equal(now) || len(evidence.Timestamp.Raw) == 0 || len(evidence.Authority) != 3 {
		t.Errorf("%+v, timestamp of %d bytes", verdict, len(evidence.Timestamp.Raw))
	}
	recheck(t, p, evidence, verdict)

	asked := p.times("/tsp")
	verdict, _ = judge(t, p.verifier(own), claim(p.sign(p.person(), message, signature.Signing{Stamp: func(_ context.Context, value []byte) ([]byte, error) { return p.token(value), nil }})))
	want(t, verdict, signature.Valid, "")
	if !verdict.ByTimestamp || p.times("/tsp") != asked {
		t.Errorf("asked for a second timestamp: %+v", verdict)
	}
	for name, tt := range map[string]struct {
		stamp func(*timestamp.Timestamp) signature.Key
		want  signature.Reason
	}{
		"over other bytes":     {func(t *timestamp.Timestamp) signature.Key { t.HashedMessage = make([]byte, 32); return p.stamper }, signature.TSPUnsound},
		"of another nonce":     {func(t *timestamp.Timestamp) signature.Key { t.Nonce = big.NewInt(1); return p.stamper }, signature.TSPUnsound},
		"of another authority": {func(*timestamp.Timestamp) signature.Key { return newPKI(t).stamper }, signature.TSPUnsound},
	} {
		p.stampAs = tt.stamp
		verdict, _ := judge(t, p.verifier(own), claim(plain))
		if verdict.Outcome != signature.Pending || verdict.Reason != tt.want {
			t.Errorf("%s: %s %s", name, verdict.Outcome, verdict.Reason)
		}
	}
	p.stampAs = nil
	p.handle("/tsp", unavailable)
	verdict, _ = judge(t, p.verifier(own), claim(plain))
	want(t, verdict, signature.Pending, signature.TSPUnreachable)
}
