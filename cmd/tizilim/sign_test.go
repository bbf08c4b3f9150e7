package main

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/regulation"
)

// certificates is a demo certificate authority with keys for those who get some.
func certificates(t *testing.T, holders ...authority.Holder) (dir string, a *authority.Authority, stop func()) {
	t.Helper()
	dir = t.TempDir()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, err = authority.Open(authority.Config{Dir: dir, URL: "http://" + door.Addr().String(), Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: door, Config: &http.Server{Handler: a}}
	server.Start()
	t.Cleanup(server.Close)
	for _, h := range holders {
		if err := a.Issue(h); err != nil {
			t.Fatal(err)
		}
	}
	return dir, a, server.Close
}

func TestSignAndVerifyFiles(t *testing.T) {
	const iin = "850312300121"
	dir, a, stop := certificates(t, authority.Holder{ID: "erlan", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: iin})
	file := filepath.Join(t.TempDir(), "request.json")
	if err := os.WriteFile(file, []byte(`{"form":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "keys", "erlan")
	says := func(wantCode int, want string, args ...string) string {
		t.Helper()
		out, code := command(args...)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%s: code %d, want %d and %q:\n%s", strings.Join(args, " "), code, wantCode, want, out)
		}
		return out
	}
	evidence := file + ".evidence"
	says(0, "signed by Үлгібаев Ерлан", "sign", file, "--key", key+"/sign.p12", "--password-file", dir+"/keys/password", "--tsp", a.TSP())
	says(0, "by its timestamp", "verify", "signature", file, file+".cms", "--trust", a.TrustDir(), "--iin", iin, "--evidence", evidence)
	says(0, "signed by", "sign", file, "--key", key+"/sign.pem", "--out", file+".pem.cms", "--attached")
	says(0, "by the registry's clock", "verify", "signature", file, file+".pem.cms", "--trust", a.TrustDir(), "--iin", iin)
	says(0, "signed by", "sign", file, "--key", key+"/auth.pem", "--out", file+".auth.cms")
	says(1, "the signature is invalid: key-usage", "verify", "signature", file, file+".auth.cms", "--trust", a.TrustDir(), "--iin", iin)
	says(0, "valid", "verify", "signature", file, file+".auth.cms", "--trust", a.TrustDir(), "--purpose", "login")
	says(1, "iin-mismatch", "verify", "signature", file, file+".cms", "--trust", a.TrustDir(), "--iin", "990101450026")
	says(1, "digest-mismatch", "verify", "signature", dir+"/keys/password", file+".cms", "--trust", a.TrustDir(), "--iin", iin)
	says(1, "content-differs", "verify", "signature", dir+"/keys/password", file+".pem.cms", "--trust", a.TrustDir(), "--iin", iin)
	says(1, "not-yet-valid", "verify", "signature", file, file+".pem.cms", "--trust", a.TrustDir(), "--iin", iin, "--at", "2013-04-26T17:45")
	says(1, `time "yesterday"`, "verify", "signature", file, file+".pem.cms", "--trust", a.TrustDir(), "--at", "yesterday")
	says(1, "password", "sign", file, "--key", key+"/sign.p12")
	says(1, "not a CMS", "verify", "signature", file, file, "--trust", a.TrustDir())

	stop() // from here on nobody answers
	says(1, "the signature is pending: ocsp-unreachable", "verify", "signature", file, file+".pem.cms", "--trust", a.TrustDir(), "--iin", iin)
	out := says(0, `"outcome": "valid"`, "verify", "evidence", evidence, file, "--trust", a.TrustDir(), "--format", "json")
	var v signature.Verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Signer.IIN != iin || !v.ByTimestamp {
		t.Errorf("%v: %+v", err, v)
	}
	text, err := os.ReadFile(evidence)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(evidence, []byte(strings.Replace(string(text), iin, "990101450026", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	says(1, "damaged", "verify", "evidence", evidence, file, "--trust", a.TrustDir())
}

// Everybody of the demo gets keys in their own name.
func TestDemoHolders(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	world := demo.NewWorld(catalog)
	holders := map[string]authority.Holder{}
	bins := map[string]string{}
	for _, h := range world.Holders() {
		if _, twice := holders[h.ID]; twice || h.Surname == "" || h.GivenName == "" || (h.BIN == "") != (h.Role == "") {
			t.Errorf("%+v", h)
		}
		for _, id := range []string{h.IIN, h.BIN} {
			if _, err := ident.Parse(id); id != "" && err != nil {
				t.Errorf("%s: %v", h.ID, err)
			}
		}
		if other, ok := bins[h.BIN]; ok && h.BIN != "" && other != h.Organization {
			t.Errorf("%s and %s have one BIN", h.Organization, other)
		}
		bins[h.BIN], holders[h.ID] = h.Organization, h
	}
	for _, p := range append(world.People, world.Organizations...) {
		if h := holders[p.ID]; h.IIN != p.ID && h.BIN != p.ID {
			t.Errorf("%s: %+v", p.Name, h)
		}
	}
	for _, account := range world.Accounts {
		if h, ok := holders[account.ID]; account.Organization != "" && (!ok || h.IIN != account.Subject || h.BIN == "") {
			t.Errorf("%s: %+v", account.ID, h)
		}
	}
	for id, fate := range map[string]authority.Fate{
		"revoked": authority.Revoked, "revoked-company": authority.Revoked, "expired": authority.Expired, "expired-company": authority.Expired,
	} {
		if holders[id].Fate != fate {
			t.Errorf("%s: %+v", id, holders[id])
		}
	}
}
