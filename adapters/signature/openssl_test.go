package signature_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// openssl is a second opinion: another implementation of the same standards.
type openssl struct {
	t    *testing.T
	path string
	dir  string
}

func needOpenSSL(t *testing.T) openssl {
	return openssl{t, tooltest.Program(t, "OPENSSL", "signatures against another implementation", "openssl"), t.TempDir()}
}

func (o openssl) run(args ...string) (string, error) {
	cmd := exec.Command(o.path, args...)
	cmd.Dir = o.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o openssl) must(args ...string) string {
	o.t.Helper()
	out, err := o.run(args...)
	if err != nil {
		o.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return out
}

func (o openssl) write(name string, data []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), data, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o openssl) read(name string) []byte {
	o.t.Helper()
	return must(os.ReadFile(filepath.Join(o.dir, name)))
}

func (o openssl) writeTrust(p *pki) {
	o.t.Helper()
	o.write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.root.Certificate.Raw}))
	o.write("issuing.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.issuing.Certificate.Raw}))
}

// What we sign, openssl verifies.
func TestOpenSSLVerifiesOurs(t *testing.T) {
	o := needOpenSSL(t)
	p := newPKI(t)
	o.writeTrust(p)
	o.write("message", []byte(message))
	keys := map[string]signature.Key{"ECDSA": p.person(), "RSA": p.make(person(), p.issuing, rsaKey())}
	for name, k := range keys {
		for attached, args := range map[bool][]string{false: {"-content", "message"}, true: nil} {
			der := p.sign(k, message, signature.Signing{Attached: attached, Stamp: p.stamped().Stamp})
			o.write("cms", der)
			verify := append([]string{"cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-CAfile", "root.pem", "-purpose", "any", "-attime", "1795424400", "-out", "out"}, args...)
			o.must(verify...)
			if got := string(o.read("out")); got != message {
				t.Errorf("%s, attached %v: openssl read %q", name, attached, got)
			}
			c := must(signature.ParseCMS(der))
			o.write("cms", must(c.Detached()))
			o.must("cms", "-verify", "-binary", "-inform", "DER", "-in", "cms", "-CAfile", "root.pem", "-purpose", "any", "-attime", "1795424400", "-out", "out", "-content", "message")
		}
	}
}

// What openssl signs, we verify: in its forms, and with its ways to write lengths.
func TestWeVerifyOpenSSLs(t *testing.T) {
	o := needOpenSSL(t)
	p := newPKI(t)
	o.write("message", []byte(message))
	for name, k := range map[string]signature.Key{"ECDSA": p.person(), "RSA": p.make(person(), p.issuing, rsaKey())} {
		o.write("key", must(k.WritePEM()))
		tests := map[string]struct {
			args   []string
			reason signature.Reason
		}{
			"detached":            {nil, ""},
			"attached":            {[]string{"-nodetach"}, ""},
			"streamed":            {[]string{"-nodetach", "-stream", "-outform", "DER"}, ""},
			"PEM":                 {[]string{"-outform", "PEM"}, ""},
			"CAdES":               {[]string{"-cades"}, ""},
			"SHA-384":             {[]string{"-md", "sha384"}, ""},
			"SHA-512":             {[]string{"-md", "sha512"}, ""},
			"SHA-1":               {[]string{"-md", "sha1"}, signature.DigestWeak},
			"no attributes":       {[]string{"-noattr"}, signature.AttributesUnsound},
			"no certificates":     {[]string{"-nocerts"}, signature.SignerUnknown},
			"as text":             {[]string{"-text"}, signature.DigestMismatch},
			"with another inside": {[]string{"-nodetach", "-text"}, signature.ContentDiffers},
		}
		for form, tt := range tests {
			t.Run(name+", "+form, func(t *testing.T) {
				args := []string{"cms", "-sign", "-binary", "-in", "message", "-signer", "key", "-out", "cms", "-outform", "DER"}
				if form == "as text" || form == "with another inside" {
					args = []string{"cms", "-sign", "-in", "message", "-signer", "key", "-out", "cms", "-outform", "DER"}
				}
				o.must(append(args, tt.args...)...)
				verdict, evidence := judge(t, p.verifier(), claim(o.read("cms")))
				outcome := signature.Valid
				if tt.reason != "" {
					outcome = signature.Invalid
				}
				want(t, verdict, outcome, tt.reason)
				recheck(t, p, evidence, verdict)
			})
		}
	}
}

// A signer who is named by a key identifier is there, and not read: that is not "no signer".
func TestSignerByKeyIdentifier(t *testing.T) {
	o := needOpenSSL(t)
	p := newPKI(t)
	o.write("message", []byte(message))
	k := p.person(func(t *x509.Certificate) { t.SubjectKeyId = []byte{1, 2, 3, 4} })
	o.write("key", must(k.WritePEM()))
	o.must("cms", "-sign", "-binary", "-in", "message", "-signer", "key", "-keyid", "-outform", "DER", "-out", "cms")
	if _, err := signature.ParseCMS(o.read("cms")); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// A timestamp by an authority that openssl runs.
func TestTimestampByOpenSSL(t *testing.T) {
	o := needOpenSSL(t)
	p := newPKI(t)
	o.writeTrust(p)
	o.write("tsa.pem", must(p.stamper.WritePEM()))
	o.write("serial", []byte("01"))
	o.write("tsa.cnf", []byte(`
[tsa]
default_tsa = own
[own]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.pem
certs = tsa.pem
signer_digest = sha256
default_policy = 2.999.1
digests = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
crypto_device = builtin
`))
	late := p.person(term(now.AddDate(-5, 0, 0), now.AddDate(50, 0, 0)))
	cms := p.sign(late, message, signature.Signing{Stamp: func(_ context.Context, value []byte) ([]byte, error) {
		o.write("value", value)
		o.must("ts", "-query", "-data", "value", "-sha256", "-cert", "-out", "query")
		o.must("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "token", "-token_out")
		return o.read("token"), nil
	}})
	info := must(os.Stat(filepath.Join(o.dir, "token"))) // openssl stamps with the real time
	p.at(info.ModTime())
	c := claim(cms)
	c.Received = info.ModTime()
	verdict, evidence := judge(t, p.verifier(), c)
	want(t, verdict, signature.Valid, "")
	if !verdict.ByTimestamp {
		t.Error("not by the timestamp")
	}
	recheck(t, p, evidence, verdict)
}
