package demo_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

const message = "бұл өтінім"

var (
	person = demo.Holder{ID: "person", Surname: "Үлгібаев", GivenName: "Ерлан", Patronymic: "Мұратұлы", IIN: "850312300121"}
	head   = demo.Holder{
		ID: "head", Surname: "Үлгібаева", GivenName: "Айгерім", IIN: "990101450026",
		BIN: "120540001238", Organization: "ТОО «Үлгі Экспорт»", Role: signature.Head, RSA: true,
	}
	lost = demo.Holder{ID: "revoked", Surname: "Сынақов", GivenName: "Дәурен", IIN: "000229550014", Fate: demo.Revoked}
	over = demo.Holder{ID: "expired", Surname: "Мысалов", GivenName: "Қанат", IIN: "850312300305", Fate: demo.Expired}
)

// running is a demo authority on a real socket.
type running struct {
	*demo.Authority
	url, dir string

	mu  sync.Mutex
	now time.Time
}

func (r *running) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *running) at(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = t
}

func start(t *testing.T, dir string, at time.Time) *running {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{url: "http://" + door.Addr().String(), dir: dir, now: at}
	r.Authority, err = demo.Open(demo.Config{Dir: dir, URL: r.url, Now: r.clock, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: door, Config: &http.Server{Handler: r}}
	server.Start()
	t.Cleanup(server.Close)
	for _, h := range []demo.Holder{person, head, lost, over} {
		if err := r.Issue(h); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *running) verifier(t *testing.T) *signature.Verifier {
	t.Helper()
	c, err := signature.ReadTrust(r.TrustDir())
	if err != nil {
		t.Fatal(err)
	}
	c.Now = r.clock
	v, err := signature.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// sign signs with the key file that the holder would use.
func (r *running) sign(t *testing.T, holder string, usage demo.Usage, s signature.Signing) []byte {
	t.Helper()
	packed, err := os.ReadFile(filepath.Join(r.dir, "keys", holder, string(usage)+".p12"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := signature.ReadKey(packed, demo.Password)
	if err != nil {
		t.Fatal(err)
	}
	cms, err := k.Sign(t.Context(), []byte(message), s)
	if err != nil {
		t.Fatal(err)
	}
	return cms
}

func (r *running) verify(t *testing.T, v *signature.Verifier, cms []byte, purpose signature.Purpose, who signature.Who) signature.Verdict {
	t.Helper()
	verdict, e, err := v.Verify(t.Context(), signature.Claim{Signed: []byte(message), CMS: cms, Purpose: purpose, Who: who, Received: r.clock()})
	if err != nil {
		t.Fatalf("%s %s: %v", verdict.Outcome, verdict.Reason, err)
	}
	c, err := signature.ReadTrust(r.TrustDir())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := signature.Recheck(t.Context(), c.Trust, *e, []byte(message)); err != nil || again.Outcome != verdict.Outcome {
		t.Errorf("checked again: %s, %v", again.Outcome, err)
	}
	return verdict
}

// The keys do what they are for, and what is wrong with some of them is found.
func TestKeys(t *testing.T) {
	r := start(t, t.TempDir(), time.Now())
	v := r.verifier(t)
	stamp, err := signature.TSP(r.TSP(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		holder  string
		usage   demo.Usage
		purpose signature.Purpose
		who     signature.Who
		want    signature.Reason
	}{
		{"person", demo.Sign, signature.ForRequest, signature.Who{IIN: person.IIN}, ""},
		{"head", demo.Sign, signature.ForRequest, signature.Who{BIN: head.BIN}, ""},
		{"head", demo.Sign, signature.ForDecision, signature.Who{IIN: head.IIN}, ""},
		{"person", demo.Auth, signature.ForLogin, signature.Who{}, ""},
		{"head", demo.Auth, signature.ForLogin, signature.Who{}, ""},
		{"person", demo.Auth, signature.ForRequest, signature.Who{IIN: person.IIN}, signature.KeyUsage},
		{"person", demo.Sign, signature.ForLogin, signature.Who{}, signature.KeyUsage},
		{"revoked", demo.Sign, signature.ForRequest, signature.Who{IIN: lost.IIN}, signature.Revoked},
		{"expired", demo.Sign, signature.ForRequest, signature.Who{IIN: over.IIN}, signature.Expired},
	}
	for _, tt := range tests {
		for name, s := range map[string]signature.Signing{"plain": {}, "stamped": {Stamp: stamp}, "attached": {Attached: true}} {
			verdict := r.verify(t, v, r.sign(t, tt.holder, tt.usage, s), tt.purpose, tt.who)
			if verdict.Reason != tt.want || verdict.ByTimestamp != (name == "stamped" && tt.want != signature.Revoked && tt.want != signature.KeyUsage && tt.want != signature.Expired) && tt.want == "" {
				t.Errorf("%s %s for %s, %s: %s %s (%s)", tt.holder, tt.usage, tt.purpose, name, verdict.Outcome, verdict.Reason, verdict.Detail)
			}
		}
	}
}

// The form of the certificates is that of the National Certification Authority's.
func TestCertificateForm(t *testing.T) {
	r := start(t, t.TempDir(), time.Now())
	k, err := r.Key("head", demo.Sign)
	if err != nil {
		t.Fatal(err)
	}
	c := k.Certificate
	s, err := signature.SubjectOf(c, false)
	if err != nil || s.IIN != head.IIN || s.BIN != head.BIN || s.Surname != head.Surname || s.GivenName != head.GivenName || s.Organization != head.Organization {
		t.Errorf("%+v, %v", s, err)
	}
	if !strings.Contains(c.Issuer.CommonName, "DEMO") || !strings.Contains(c.PublicKeyAlgorithm.String(), "RSA") {
		t.Errorf("issued by %q, key %s", c.Issuer.CommonName, c.PublicKeyAlgorithm)
	}
	if want, err := x509.OIDFromInts([]uint64{1, 2, 398, 3, 3, 2, 1}); err != nil || len(c.Policies) != 1 || !c.Policies[0].Equal(want) {
		t.Errorf("policies %v", c.Policies)
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment || len(c.UnhandledCriticalExtensions) != 0 {
		t.Errorf("usage %b", c.KeyUsage)
	}
	if _, err := r.Key("nobody", demo.Sign); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("nobody's key: %v", err)
	}
}

// A revocation takes effect at once by OCSP, by the delta list and, later, by the full one.
func TestRevoke(t *testing.T) {
	begin := time.Now().UTC().Truncate(time.Second)
	r := start(t, t.TempDir(), begin)
	cms := r.sign(t, "person", demo.Sign, signature.Signing{})
	byLists := func() *signature.Verifier {
		c, err := signature.ReadTrust(r.TrustDir())
		if err != nil {
			t.Fatal(err)
		}
		c.Now, c.Network.Sources = r.clock, []signature.Source{signature.CRL}
		v, err := signature.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	who := signature.Who{IIN: person.IIN}
	for _, v := range []*signature.Verifier{r.verifier(t), byLists()} {
		if verdict := r.verify(t, v, cms, signature.ForRequest, who); verdict.Outcome != signature.Valid {
			t.Fatalf("%+v", verdict)
		}
	}
	k, err := r.Key("person", demo.Sign)
	if err != nil {
		t.Fatal(err)
	}
	r.at(begin.Add(time.Hour))
	form := url.Values{"serial": {k.Certificate.SerialNumber.Text(16)}, "reason": {"1"}}
	post := func(form url.Values) int {
		resp, err := http.PostForm(r.url+"/revoke", form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := post(form); status != http.StatusOK {
		t.Fatalf("revoke: status %d", status)
	}
	if got := []int{post(url.Values{"serial": {"1"}}), post(url.Values{"serial": form["serial"], "reason": {"8"}})}; got[0] != 404 || got[1] != 400 {
		t.Errorf("bad revocations: %v", got)
	}
	for name, v := range map[string]*signature.Verifier{"OCSP": r.verifier(t), "delta list": byLists()} {
		if verdict := r.verify(t, v, cms, signature.ForRequest, who); verdict.Reason != signature.Revoked {
			t.Errorf("%s: %+v", name, verdict)
		}
	}
	r.at(begin.Add(13 * time.Hour))
	if list := r.list(t, "/issuing.crl"); len(list.RevokedCertificateEntries) != 3 { // and the two of the one who was revoked before
		t.Errorf("full list of %d", len(list.RevokedCertificateEntries))
	}
}

func (r *running) get(t *testing.T, path string) []byte {
	t.Helper()
	resp, err := http.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
	}
	return body
}

func (r *running) list(t *testing.T, path string) *x509.RevocationList {
	t.Helper()
	list, err := x509.ParseRevocationList(r.get(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// After a restart, at another port, everything is as it was.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir, time.Now())
	cms := first.sign(t, "person", demo.Sign, signature.Signing{})
	number := first.list(t, "/issuing.crl").Number
	before := files(t, dir)

	second := start(t, dir, first.clock().Add(time.Minute))
	after := files(t, dir)
	for name, content := range before {
		if name != "trust/trust.yaml" && after[name] != content {
			t.Errorf("%s has changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
	if second.url == first.url {
		t.Fatal("the same port: nothing was tried")
	}
	for holder, want := range map[string]signature.Reason{"person": "", "revoked": signature.Revoked} {
		iin := map[string]string{"person": person.IIN, "revoked": lost.IIN}[holder]
		signed := map[string][]byte{"person": cms, "revoked": second.sign(t, "revoked", demo.Sign, signature.Signing{})}[holder]
		if verdict := second.verify(t, second.verifier(t), signed, signature.ForRequest, signature.Who{IIN: iin}); verdict.Reason != want {
			t.Errorf("%s: %+v", holder, verdict)
		}
	}
	if again := second.list(t, "/issuing.crl").Number; again.Cmp(number) != 0 {
		t.Errorf("list %v became %v", number, again)
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		found[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestBadRequests(t *testing.T) {
	r := start(t, t.TempDir(), time.Now())
	for path, media := range map[string]string{"/ocsp": "application/ocsp-response", "/tsp": "application/timestamp-reply"} {
		for _, body := range [][]byte{nil, []byte("garbage"), {0x30, 0}} {
			resp, err := http.Post(r.url+path, "application/octet-stream", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != media {
				t.Errorf("%s %q: status %d, %s", path, body, resp.StatusCode, resp.Header.Get("Content-Type"))
			}
		}
	}
	if about := string(r.get(t, "/")); !strings.Contains(about, "Demo certificate authority") {
		t.Errorf("%q", about)
	}
}

// openssl finds the services sound.
func TestOpenSSL(t *testing.T) {
	path := tooltest.Program(t, "OPENSSL", "the demo's services against another implementation", "openssl")
	r := start(t, t.TempDir(), time.Now())
	dir := t.TempDir()
	openssl := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(path, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("openssl %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := func(holder string) string { return filepath.Join(r.dir, "keys", holder, "sign.pem") }
	root := filepath.Join(r.TrustDir(), "roots", "demo-root.pem")
	issuing := filepath.Join(r.TrustDir(), "intermediates", "demo-issuing.pem")
	write("message", []byte(message))

	for holder, want := range map[string]string{"person": "good", "head": "good", "revoked": "revoked"} {
		out := openssl("ocsp", "-sha256", "-issuer", issuing, "-cert", key(holder), "-url", r.url+"/ocsp", "-CAfile", root, "-verify_other", issuing, "-resp_text")
		if !strings.Contains(out, "Response verify OK") || !strings.Contains(out, ": "+want) || strings.Contains(out, "WARNING: no nonce") {
			t.Errorf("ocsp of %s:\n%s", holder, out)
		}
	}
	for name, ca := range map[string]string{"root.crl": root, "issuing.crl": issuing, "issuing-delta.crl": issuing} {
		write(name, r.get(t, "/"+name))
		if out := openssl("crl", "-inform", "DER", "-in", name, "-noout", "-CAfile", ca); !strings.Contains(out, "verify OK") {
			t.Errorf("%s: %s", name, out)
		}
	}
	openssl("ts", "-query", "-data", "message", "-sha256", "-cert", "-out", "query")
	question, err := os.ReadFile(filepath.Join(dir, "query"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(r.url+"/tsp", "application/timestamp-query", bytes.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	write("answer", answer)
	if out := openssl("ts", "-verify", "-queryfile", "query", "-in", "answer", "-CAfile", root, "-untrusted", issuing); !strings.Contains(out, "Verification: OK") {
		t.Errorf("ts: %s", out)
	}
	openssl("pkcs12", "-in", filepath.Join(r.dir, "keys", "head", "sign.p12"), "-passin", "file:"+filepath.Join(r.dir, "keys", "password"), "-nodes", "-out", "key")
	openssl("cms", "-sign", "-binary", "-in", "message", "-signer", "key", "-outform", "DER", "-out", "cms")
	cms, err := os.ReadFile(filepath.Join(dir, "cms"))
	if err != nil {
		t.Fatal(err)
	}
	if verdict := r.verify(t, r.verifier(t), cms, signature.ForRequest, signature.Who{BIN: head.BIN}); verdict.Outcome != signature.Valid {
		t.Errorf("signed by openssl with the demo's key: %+v", verdict)
	}
	write("ours", r.sign(t, "person", demo.Sign, signature.Signing{}))
	openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", "ours", "-content", "message", "-CAfile", root, "-purpose", "any", "-out", "out")
}
