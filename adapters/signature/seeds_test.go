package signature_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/pem"
	"flag"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"github.com/tizilim/tizilim/adapters/signature"
)

var update = flag.Bool("update", false, "write the seeds of the fuzz tests anew")

func newClock() time.Time { return now }

// TestSeeds reads the seeds as the fuzz tests do; with -update it makes them anew.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	files := must(filepath.Glob(filepath.Join("testdata", "seeds", "*.cms")))
	if len(files) < 10 {
		t.Errorf("only %d seeds", len(files))
	}
	for _, file := range files {
		_, err := signature.ParseCMS(must(os.ReadFile(file)))
		if malformed := bytes.Contains([]byte(file), []byte("malformed")); (err != nil) != malformed {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func writeSeeds(t *testing.T) {
	p := newPKI(t)
	k, rsa := p.person(), p.make(person(), p.issuing, rsaKey())
	stamped := signature.Signing{Stamp: func(_ context.Context, value []byte) ([]byte, error) { return p.token(value), nil }}
	plain := p.sign(k, message, signature.Signing{})
	gostly := signature.Key{Private: k.Private, Certificate: gost(k.Certificate, true)}
	answer := func(path string, body []byte) []byte {
		resp := must(http.Post(p.server.URL+path, "application/octet-stream", bytes.NewReader(body)))
		defer resp.Body.Close()
		return must(io.ReadAll(resp.Body))
	}
	question := must(ocsp.CreateRequest(k.Certificate, p.issuing.Certificate, nil))
	for name, data := range map[string][]byte{
		"issuing.crl": answer("/issuing.crl", nil), "person.ocsp": answer("/ocsp", question),
		"answer.tsp": p.stamp(&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: make([]byte, 32), Nonce: big.NewInt(1)}),
		"root.cer":   p.root.Certificate.Raw, "issuing.cer": p.issuing.Certificate.Raw, "person.cer": k.Certificate.Raw,
		"head.cer": p.person(head).Certificate.Raw, "login.cer": p.person(forLogin).Certificate.Raw, "tsa.cer": p.stamper.Certificate.Raw,
		"gost.cer":  gostly.Certificate.Raw,
		"plain.cms": plain, "attached.cms": p.sign(k, message, signature.Signing{Attached: true}), "stamped.cms": p.sign(k, message, stamped),
		"rsa.cms": p.sign(rsa, message, signature.Signing{}), "indefinite.cms": indefinite(plain),
		"pem.cms": pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: plain}), "otherbytes.cms": p.sign(k, "x", signature.Signing{}),
		"nosigner.cms": craft(k, func(c *crafted) { c.signers = nil }), "twosigners.cms": craft(k, func(c *crafted) { c.signers = append(c.signers, k) }),
		"noattributes.cms": craft(k, func(c *crafted) { c.plain = true }), "nocertificate.cms": craft(k, func(c *crafted) { c.certificates = nil }),
		"sha1.cms":          craft(k, func(c *crafted) { c.digest, c.hash, c.algorithm = oidSHA1, crypto.SHA1, oidECDSAWithSHA1 }),
		"gost.cms":          craft(gostly, func(c *crafted) { c.digest, c.algorithm = oidStreebog512, oidGOST }),
		"login.cms":         p.sign(p.person(forLogin), message, signature.Signing{}),
		"malformed-cut.cms": plain[:len(plain)/2], "malformed-nested.cms": nested(100), "malformed-text.cms": []byte("a signature"),
	} {
		file := filepath.Join("testdata", "seeds", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
