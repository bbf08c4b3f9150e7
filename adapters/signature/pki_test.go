package signature_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo"
)

const (
	iin      = "850312300121"
	otherIIN = "990101450026"
	bin      = "120540001238"
	otherBIN = "991141000451"
	message  = `{"form":"request"}`
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// pki is a certificate authority that does whatever a test wants, right or wrong, with services on a
// real socket. Its hooks change what the services answer.
type pki struct {
	t       testing.TB
	serial  atomic.Int64
	server  *httptest.Server
	root    signature.Key
	issuing signature.Key
	// responder and stamper are the delegates with the right to answer and to give timestamps.
	responder, stamper signature.Key

	mu       sync.Mutex
	now      time.Time
	revoked  []x509.RevocationListEntry // by the issuing authority
	rootsOwn []x509.RevocationListEntry // by the root
	handlers map[string]http.HandlerFunc
	asked    map[string]int
	answer   func(q *ocsp.Request, t *ocsp.Response, nonce []byte) (issuer *x509.Certificate, by signature.Key, withNonce []byte)
	list     func(t *x509.RevocationList) (by signature.Key)
	stampAs  func(t *timestamp.Timestamp) (by signature.Key)
}

var (
	rsaKey   = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	shortRSA = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 1024)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ecKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func newPKI(t testing.TB) *pki {
	p := &pki{t: t, now: now, handlers: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	p.root = p.make(ca("Test Root"), signature.Key{}, ecKey())
	p.issuing = p.make(ca("Test Issuing"), p.root, ecKey())
	p.responder = p.make(x509.Certificate{
		Subject: pkix.Name{CommonName: "Test OCSP"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, ExtraExtensions: []pkix.Extension{noCheck},
	}, p.issuing, ecKey())
	p.stamper = p.make(stamper(), p.issuing, ecKey())
	p.handlers["/ocsp"], p.handlers["/tsp"] = p.ocsp, p.tsp
	p.handlers["/issuing.crl"] = p.crl(&p.issuing, &p.revoked)
	p.handlers["/root.crl"] = p.crl(&p.root, &p.rootsOwn)
	p.handlers["/issuing.cer"] = bytesHandler(func() []byte { return p.issuing.Certificate.Raw })
	return p
}

func ca(name string) x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: now.AddDate(-5, 0, 0), NotAfter: now.AddDate(50, 0, 0),
	}
}

var noCheck = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}

func stamper() x509.Certificate {
	usage := must(asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}))
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "Test TSA"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}},
		NotBefore:       now.AddDate(-5, 0, 0), NotAfter: now.AddDate(50, 0, 0),
	}
}

// make makes a certificate, which names the services where the template says nothing.
func (p *pki) make(t x509.Certificate, by signature.Key, private crypto.Signer) signature.Key {
	t.SerialNumber = big.NewInt(1000 + p.serial.Add(1))
	if t.NotBefore.IsZero() {
		t.NotBefore, t.NotAfter = now.AddDate(0, -6, 0), now.AddDate(0, 6, 0)
	}
	parent, signer := by.Certificate, by.Private
	k := signature.Key{Private: private}
	if parent == nil {
		parent, signer = &t, private
	} else {
		k.Chain = append([]*x509.Certificate{by.Certificate}, by.Chain...)
		if t.IsCA && t.CRLDistributionPoints == nil {
			t.CRLDistributionPoints = []string{p.server.URL + "/root.crl"}
		} else if t.CRLDistributionPoints == nil {
			t.CRLDistributionPoints = []string{p.server.URL + "/issuing.crl"}
			t.OCSPServer = []string{p.server.URL + "/ocsp"}
		}
	}
	k.Certificate = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, &t, parent, private.Public(), signer))))
	return k
}

// person is a natural person's key for signing.
func person(change ...func(*x509.Certificate)) x509.Certificate {
	t := x509.Certificate{
		Subject: pkix.Name{
			CommonName: "ҮЛГІБАЕВ ЕРЛАН", SerialNumber: "IIN" + iin, Country: []string{"KZ"},
			ExtraNames: []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "ҮЛГІБАЕВ"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "МҰРАТҰЛЫ"},
			},
		},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{signature.RoleOID(signature.Person)},
	}
	for _, c := range change {
		c(&t)
	}
	return t
}

// head makes a person's certificate that of the first head of an organization.
func head(t *x509.Certificate) { inRole(signature.Head)(t) }

func inRole(role signature.Role) func(*x509.Certificate) {
	return func(t *x509.Certificate) {
		t.Subject.Organization, t.Subject.OrganizationalUnit = []string{"ТОО «Үлгі Экспорт»"}, []string{"BIN" + bin}
		t.UnknownExtKeyUsage = []asn1.ObjectIdentifier{signature.RoleOID(signature.Organization), signature.RoleOID(role)}
	}
}

// forLogin makes the key one for logging in.
func forLogin(t *x509.Certificate) {
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

func term(from, to time.Time) func(*x509.Certificate) {
	return func(t *x509.Certificate) { t.NotBefore, t.NotAfter = from, to }
}

func (p *pki) person(change ...func(*x509.Certificate)) signature.Key {
	return p.make(person(change...), p.issuing, ecKey())
}

func (p *pki) sign(k signature.Key, content string, s signature.Signing) []byte {
	p.t.Helper()
	der, err := k.Sign(context.Background(), []byte(content), s)
	if err != nil {
		p.t.Fatal(err)
	}
	return der
}

// stamp is a signature with a timestamp inside, of the test's present.
func (p *pki) stamped() signature.Signing {
	return signature.Signing{Stamp: must(signature.TSP(p.server.URL+"/tsp", time.Minute))}
}

func (p *pki) at(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = t
}

func (p *pki) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// host is the services' host, as certificates name it.
func (p *pki) host() string { return must(url.Parse(p.server.URL)).Host }

// config trusts the root, knows the issuing authority, and may ask the services.
func (p *pki) config() signature.Config {
	return signature.Config{
		Trust:   must(signature.NewTrust([]*x509.Certificate{p.root.Certificate}, []*x509.Certificate{p.issuing.Certificate})),
		Network: signature.Network{Hosts: map[string]string{p.host(): p.server.URL}},
		Now:     p.clock,
	}
}

func (p *pki) verifier(change ...func(*signature.Config)) *signature.Verifier {
	c := p.config()
	for _, f := range change {
		f(&c)
	}
	return must(signature.New(c))
}

func sources(s ...signature.Source) func(*signature.Config) {
	return func(c *signature.Config) { c.Network.Sources = s }
}

// claim is the signature of a request by the person.
func claim(cms []byte) signature.Claim {
	return signature.Claim{Signed: []byte(message), CMS: cms, Purpose: signature.ForRequest, Who: signature.Who{IIN: iin}, Received: now}
}

// judge is the outcome and reason of the claim.
func judge(t testing.TB, v *signature.Verifier, c signature.Claim) (signature.Verdict, *signature.Evidence) {
	t.Helper()
	verdict, evidence, err := v.Verify(t.Context(), c)
	if verdict.Outcome == "" {
		t.Fatalf("no verdict: %v", err)
	}
	if (err == nil) != (evidence != nil) {
		t.Errorf("%v and yet evidence %v", err, evidence)
	}
	return verdict, evidence
}

// want fails where the verdict is another one.
func want(t testing.TB, v signature.Verdict, outcome signature.Outcome, reason signature.Reason) {
	t.Helper()
	if v.Outcome != outcome || v.Reason != reason {
		t.Errorf("%s %q (%s), want %s %q", v.Outcome, v.Reason, v.Detail, outcome, reason)
	}
}

func (p *pki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	handler := p.handlers[r.URL.Path]
	p.mu.Unlock()
	if handler == nil {
		http.NotFound(w, r)
		return
	}
	handler(w, r)
}

// handle changes what a path answers.
func (p *pki) handle(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[path] = h
}

func (p *pki) times(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "down", http.StatusServiceUnavailable)
}

func bytesHandler(f func() []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(f()) }
}

func (p *pki) ocsp(w http.ResponseWriter, r *http.Request) {
	question := must(io.ReadAll(r.Body))
	q, err := ocsp.ParseRequest(question)
	if err != nil {
		_, _ = w.Write(ocsp.MalformedRequestErrorResponse)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := ocsp.Response{
		SerialNumber: q.SerialNumber, Status: ocsp.Good, ThisUpdate: p.now.Add(-time.Minute), NextUpdate: p.now.Add(time.Hour),
		Certificate: p.responder.Certificate, IssuerHash: q.HashAlgorithm,
	}
	for _, e := range p.revoked {
		if e.SerialNumber.Cmp(q.SerialNumber) == 0 {
			t.Status, t.RevokedAt = ocsp.Revoked, e.RevocationTime
		}
	}
	issuer, by, nonce := p.issuing.Certificate, p.responder, nonceOf(question)
	if p.answer != nil {
		issuer, by, nonce = p.answer(q, &t, nonce)
	}
	_, _ = w.Write(must(demo.Answer(t, issuer, by, nonce)))
}

// nonceOf finds the nonce's extension in a question.
func nonceOf(question []byte) []byte {
	var q struct {
		TBS struct {
			List       []asn1.RawValue
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
	}
	if _, err := asn1.Unmarshal(question, &q); err != nil || len(q.TBS.Extensions) == 0 {
		return nil
	}
	return q.TBS.Extensions[0].Value
}

func (p *pki) crl(by *signature.Key, entries *[]x509.RevocationListEntry) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		t := &x509.RevocationList{
			Number: big.NewInt(100), ThisUpdate: p.now.Add(-time.Hour), NextUpdate: p.now.Add(23 * time.Hour),
			RevokedCertificateEntries: slices.Clone(*entries),
		}
		signer := *by
		if p.list != nil {
			signer = p.list(t)
		}
		_, _ = w.Write(must(x509.CreateRevocationList(rand.Reader, t, signer.Certificate, signer.Private)))
	}
}

func (p *pki) tsp(w http.ResponseWriter, r *http.Request) {
	_, _ = w.Write(p.stamp(must(timestamp.ParseRequest(must(io.ReadAll(r.Body))))))
}

// token is a timestamp over the value as it stands in a CMS, whether the answer with it is sound or not.
func (p *pki) token(value []byte) []byte {
	sum := sha256.Sum256(value)
	var answer struct {
		Status asn1.RawValue
		Token  asn1.RawValue
	}
	must(asn1.Unmarshal(p.stamp(&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:]}), &answer))
	return answer.Token.FullBytes
}

func (p *pki) stamp(q *timestamp.Request) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce, Policy: asn1.ObjectIdentifier{2, 999, 1},
		Time: p.now.UTC(), AddTSACertificate: true,
	}
	by := p.stamper
	if p.stampAs != nil {
		by = p.stampAs(&t)
	}
	return must(t.CreateResponseWithOpts(by.Certificate, by.Private, crypto.SHA256))
}

// revoke revokes the certificate.
func (p *pki) revoke(k signature.Key, at time.Time, reason int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = append(p.revoked, x509.RevocationListEntry{SerialNumber: k.Certificate.SerialNumber, RevocationTime: at, ReasonCode: reason})
}
