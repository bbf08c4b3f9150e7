package main

import (
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gateway "github.com/tizilim/tizilim/adapters/payment/demo"
	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	registers "github.com/tizilim/tizilim/adapters/stateregister/demo"
	v1 "github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain/application"
)

// sharedSecret is between the server of the tests and its payment gateway.
const sharedSecret = "secret of this test"

// startServe starts a server in a process of its own, with that data and trust, and waits until it serves.
// Nobody is there to pay to, unless more says where.
func startServe(t *testing.T, data, trust string, more ...string) *process {
	t.Helper()
	registers := httptest.NewServer(registers.Handler())
	t.Cleanup(registers.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(sharedSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--trust", trust, "--payments-secret", secret,
		"--registers-url", registers.URL, "--payments-url", "http://127.0.0.1:1"}, more...)
	p := startProcess(t, args, func(p *process) (io.Reader, error) {
		log, err := p.StderrPipe()
		return io.TeeReader(log, p.errors), err
	})
	for p.url == "" {
		if _, rest, ok := strings.Cut(p.line(), "msg=serving address="); ok {
			p.url = "http://" + strings.Fields(rest)[0]
		}
	}
	return p
}

// until asks for the application until it is as wanted.
func (p *process) until(account, id string, wanted func(v1.Application) bool) v1.Application {
	p.t.Helper()
	var last v1.Application
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		last = call[v1.Application](p, 200, account, "GET", "/applications/"+id, nil)
		if wanted(last) {
			return last
		}
		time.Sleep(20 * time.Millisecond) // there is nothing to wait on over HTTP
	}
	p.t.Fatalf("the application does not become as wanted: %+v", last)
	return last
}

// enters logs the holder of the key in.
func (p *process) enters(account string, key signature.Key) {
	p.t.Helper()
	challenge := call[v1.Challenge](p, 201, "", "POST", "/challenges", []byte{}).Challenge
	cms, err := key.Sign(p.t.Context(), []byte(challenge), signature.Signing{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.tokens[account] = call[v1.Session](p, 201, "", "POST", "/sessions", v1.Login{Challenge: challenge, Signature: base64.StdEncoding.EncodeToString(cms)}).Token
}

// An order that is not paid within --payment-term refuses its application by itself, and money that comes after
// is recorded to be returned.
func TestServeEndsUnpaidOrders(t *testing.T) {
	var g *gateway.Gateway
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	g, err := gateway.Open(gateway.Config{
		File: filepath.Join(t.TempDir(), "orders.jsonl"), URL: server.URL, Secret: []byte(sharedSecret), Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	a, _, _ := verifying(t)
	key, err := a.Key("person", authority.Auth)
	if err != nil {
		t.Fatal(err)
	}
	p := startServe(t, filepath.Join(t.TempDir(), "data"), a.TrustDir(), "--payments-url", server.URL, "--payment-term", "1ms")
	p.enters("person", key)
	b := call[v1.Application](p, 201, "person", "POST", "/applications",
		v1.Opening{Service: "casino-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: signerIIN}})
	call[v1.Application](p, 200, "person", "PUT", "/applications/"+b.ID+"/form", v1.Filing{Form: v1.Form{Name: "Үлгібаев Ерлан"}})
	b = p.until("person", b.ID, func(a v1.Application) bool { return a.Status == "refused" })
	if r := b.Refusal; r.Stage != string(application.AtPayment) || r.Ground != string(application.NoPayment) || b.Payment.Paid || b.Step != nil {
		t.Errorf("unpaid: %+v, %+v", r, b.Payment)
	}
	resp, err := http.PostForm(b.Payment.URL, url.Values{"outcome": {"paid"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b = p.until("person", b.ID, func(a v1.Application) bool { return len(a.Unmatched) > 0 })
	if u := b.Unmatched[0]; b.Status != "refused" || u.Reason != string(application.TooLate) || u.Amount != b.Payment.Amount {
		t.Errorf("paid after its term: %s, %+v", b.Status, u)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v: %s", err, p.errors)
	}
}
