package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/api/v1"
)

// certificates logs into the demo with the keys of its certificate authority: with those that let in, and with
// those that do not.
func (p *process) certificates(data string) {
	p.t.Helper()
	keys := filepath.Join(data, "demo", "ca", "keys")
	for _, tt := range []struct {
		holder, key string
		status      int
		want        string // id of the account, or the code of the problem
	}{
		{"120540001238", "auth", 201, "applicant-company"}, // the head, for the organization
		{"850312300121", "auth", 201, "applicant-person"},
		{"850312300121", "sign", 401, "certificate-refused"}, // not the key for logging in
		{"revoked", "auth", 401, "certificate-refused"},
		{"expired", "auth", 401, "certificate-refused"},
		{"officer-trade-committee", "auth", 403, "certificate-represents-not"}, // an employee's, and into no employee's account
	} {
		key, err := readKey(filepath.Join(keys, tt.holder, tt.key+".p12"), filepath.Join(keys, "password"))
		if err != nil {
			p.t.Fatal(err)
		}
		challenge := call[v1.Challenge](p, 201, "", "POST", "/challenges", []byte{}).Challenge
		cms, err := key.Sign(p.t.Context(), []byte(challenge), signature.Signing{})
		if err != nil {
			p.t.Fatal(err)
		}
		login, err := json.Marshal(v1.Login{Challenge: challenge, Signature: base64.StdEncoding.EncodeToString(cms)})
		if err != nil {
			p.t.Fatal(err)
		}
		resp, err := http.Post(p.url+"/api/v1/sessions", "application/json", bytes.NewReader(login))
		if err != nil {
			p.t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var got struct {
			Self v1.Self
			Code string
		}
		_ = json.Unmarshal(answer, &got)
		if resp.StatusCode != tt.status || got.Self.ID+got.Code != tt.want {
			p.t.Errorf("%s with %s: %s %s, want %d %s", tt.holder, tt.key, resp.Status, answer, tt.status, tt.want)
		}
	}
}

// TestLoginSettings: what cannot be meant is refused, and browsers are told where they cannot log in.
func TestLoginSettings(t *testing.T) {
	for address, want := range map[string]bool{
		"https://licenses.example": true, "http://127.0.0.1:8080": true, "http://localhost:8080": true, "http://[::1]:8080": true,
		"http://licenses.example": false, "http://0.0.0.0:8080": false, "http://[::]:8080": false, "": false,
	} {
		if got := encrypted(address); got != want {
			t.Errorf("%q: %t", address, got)
		}
	}
	f := demoLogins
	f.CertificateRoles = []signature.Role{signature.Organization}
	if err := f.check(); err == nil || !strings.Contains(err.Error(), "organization") {
		t.Errorf("a role that is none: %v", err)
	}
	if err := demoLogins.check(); err != nil {
		t.Error(err)
	}
}
