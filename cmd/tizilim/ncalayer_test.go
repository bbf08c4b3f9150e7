package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/domain"
)

// TestNCALayer signs as a page would, over TLS, and sees what the person at the terminal sees.
func TestNCALayer(t *testing.T) {
	const iin = "850312300121"
	dir, a, _ := certificates(t, authority.Holder{ID: "erlan", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: iin})
	keys := filepath.Join(dir, "keys", "erlan")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		c := ncalayerCmd{Key: []string{keys + "/auth.p12", keys + "/sign.p12"}, PasswordFile: filepath.Join(dir, "keys", "password"), Listen: "127.0.0.1:0", TSP: a.TSP()}
		ended <- c.Run(ctx, out)
		out.Close()
	}()
	told := bufio.NewScanner(lines)
	said := func() string { told.Scan(); return told.Text() }
	_, url, _ := strings.Cut(said(), " at ")
	if hint := said(); !strings.Contains(hint, strings.Replace(url, "wss", "https", 1)) {
		t.Errorf("%q", hint)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	page, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: client, HTTPHeader: http.Header{"Origin": {"http://127.0.0.1:8080"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer page.CloseNow()
	if _, _, err := page.Read(ctx); err != nil { // the greeting
		t.Fatal(err)
	}
	call := `{"module":"kz.gov.pki.knca.basics","method":"sign","args":{"allowedStorages":null,"format":"cms","data":"e30=","locale":"kk",
		"signingParams":{"decode":true,"encapsulate":false,"digested":false,"tsaProfile":{}},"signerParams":{"extKeyUsageOids":["1.3.6.1.5.5.7.3.4"]}}}`
	if err := page.Write(ctx, websocket.MessageText, []byte(call)); err != nil {
		t.Fatal(err)
	}
	if line := said(); !strings.HasPrefix(line, "http://127.0.0.1:8080: signed 2 bytes, SHA-256 44136fa355b3678a") || strings.Contains(line, "Үлгібаев") || strings.Contains(line, iin) {
		t.Errorf("%q", line)
	}
	_, text, err := page.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Body struct{ Result string } }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	trust, err := signature.ReadTrust(a.TrustDir())
	if err != nil {
		t.Fatal(err)
	}
	trust.Now = time.Now
	verifier, err := signature.New(trust)
	if err != nil {
		t.Fatal(err)
	}
	v, _, err := verifier.Verify(ctx, signature.Claim{Signed: []byte("{}"), CMS: []byte(answer.Body.Result), Purpose: signature.ForRequest, Who: signature.Who{IIN: iin}, Received: time.Now()})
	if err != nil || v.Outcome != signature.Valid || !v.ByTimestamp {
		t.Errorf("%v: %+v", err, v)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped: %v", err)
	}
	c := ncalayerCmd{Key: []string{keys + "/sign.pem"}, Listen: "0.0.0.0:0"}
	if err := c.Run(t.Context(), io.Discard); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("open to everybody: %v", err)
	}
}
