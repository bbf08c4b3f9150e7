package ncalayer_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/adapters/signature/demo/ncalayer"
)

const iin = "850312300121"

// world is a certificate authority, somebody's keys, and the stand-in that has them.
type world struct {
	authority *demo.Authority
	verifier  *signature.Verifier
	url       string
	cancels   atomic.Bool
	asked     atomic.Pointer[ncalayer.Request]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	w.authority, err = demo.Open(demo.Config{Dir: t.TempDir(), URL: "http://" + door.Addr().String(), Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.authority.Issue(demo.Holder{ID: "person", Surname: "Үлгібаев", GivenName: "Ерлан", IIN: iin}); err != nil {
		t.Fatal(err)
	}
	authority := &httptest.Server{Listener: door, Config: &http.Server{Handler: w.authority}}
	authority.Start()
	t.Cleanup(authority.Close)
	trust, err := signature.ReadTrust(w.authority.TrustDir())
	if err != nil {
		t.Fatal(err)
	}
	trust.Now = time.Now
	if w.verifier, err = signature.New(trust); err != nil {
		t.Fatal(err)
	}
	stamp, err := signature.TSP(w.authority.TSP(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	layer := httptest.NewServer(ncalayer.New(ncalayer.Config{
		Keys: []signature.Key{w.key(t, demo.Sign), w.key(t, demo.Auth)}, Stamp: stamp,
		Approve: func(_ context.Context, r ncalayer.Request) bool { w.asked.Store(&r); return !w.cancels.Load() },
	}))
	t.Cleanup(layer.Close)
	w.url = layer.URL
	return w
}

func (w *world) key(t *testing.T, usage demo.Usage) signature.Key {
	t.Helper()
	k, err := w.authority.Key("person", usage)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// dial connects as a page of the origin, and reads the greeting.
func (w *world) dial(t *testing.T, origin string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(w.url, "http"), &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	if got := read(t, c); got != `{"result":{"version":"1.4"}}` {
		t.Fatalf("greeting %s", got)
	}
	return c
}

func read(t *testing.T, c *websocket.Conn) string {
	t.Helper()
	_, text, err := c.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ask(t *testing.T, c *websocket.Conn, call string) string {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(call)); err != nil {
		t.Fatal(err)
	}
	return read(t, c)
}

// call is what the npm client sends for basicsSignCMS.
func call(storages, data, usage string, encapsulate bool, tsa string) string {
	inside := map[bool]string{true: "true", false: "false"}[encapsulate]
	return `{"module":"kz.gov.pki.knca.basics","method":"sign","args":{"allowedStorages":` + storages + `,"format":"cms","data":` + data +
		`,"signingParams":{"decode":true,"encapsulate":` + inside + `,"digested":false` + tsa + `},"signerParams":{"extKeyUsageOids":["` + usage + `"]},"locale":"kk"}}`
}

const (
	forSigning = "1.3.6.1.5.5.7.3.4"
	forLogin   = "1.3.6.1.5.5.7.3.2"
	withStamp  = `,"tsaProfile":{}`
)

func (w *world) judge(t *testing.T, signed, cms string, purpose signature.Purpose) signature.Verdict {
	t.Helper()
	v, _, err := w.verifier.Verify(t.Context(), signature.Claim{Signed: []byte(signed), CMS: []byte(cms), Purpose: purpose, Who: signature.Who{IIN: iin}, Received: time.Now()})
	if err != nil {
		t.Fatalf("%v: %s", err, cms)
	}
	return v
}

func TestSign(t *testing.T) {
	w := newWorld(t)
	c := w.dial(t, "http://127.0.0.1:8080")
	const text = `{"өтінім":1}`
	data := base64.StdEncoding.EncodeToString([]byte(text))
	one := func(reply string) string {
		t.Helper()
		var a struct {
			Status bool
			Body   struct{ Result string }
		}
		if err := json.Unmarshal([]byte(reply), &a); err != nil || !a.Status || !strings.HasPrefix(a.Body.Result, "-----BEGIN CMS-----\n") {
			t.Fatalf("%v: %s", err, reply)
		}
		return a.Body.Result
	}
	v := w.judge(t, text, one(ask(t, c, call("null", `"`+data+`"`, forSigning, false, withStamp))), signature.ForRequest)
	if v.Outcome != signature.Valid || !v.ByTimestamp || v.Signer.IIN != iin {
		t.Errorf("%+v", v)
	}
	if r := w.asked.Load(); r.Origin != "http://127.0.0.1:8080" || r.Locale != "kk" || len(r.Data) != 1 || string(r.Data[0]) != text {
		t.Errorf("the person is asked for %+v", r)
	}
	// Another usage is another key; encapsulated, the bytes are inside; a storage is one of those allowed.
	v = w.judge(t, text, one(ask(t, c, call(`["AKKaztokenStore","PKCS12"]`, `"`+data+`"`, forLogin, true, ""))), signature.ForLogin)
	if v.Outcome != signature.Valid || v.ByTimestamp {
		t.Errorf("%+v", v)
	}
	if v = w.judge(t, "other", one(ask(t, c, call("null", `"`+data+`"`, forSigning, false, ""))), signature.ForRequest); v.Outcome != signature.Invalid {
		t.Errorf("%+v", v)
	}
	var many struct{ Body struct{ Result []string } }
	if err := json.Unmarshal([]byte(ask(t, c, call("null", `["`+data+`","`+data+`"]`, forSigning, false, ""))), &many); err != nil || len(many.Body.Result) != 2 {
		t.Errorf("%v: %+v", err, many)
	}
	w.cancels.Store(true)
	if got := ask(t, c, call("null", `"`+data+`"`, forSigning, false, "")); got != `{"status":true,"body":{}}` {
		t.Errorf("canceled: %s", got)
	}
}

func TestFailedCalls(t *testing.T) {
	w := newWorld(t)
	c := w.dial(t, "http://localhost:8080")
	for call, want := range map[string]string{
		"{": `"REQUEST_ERROR"`,
		`{"module":"kz.digiflow.mobile.extensions","method":"getVersion"}`:                           `"MODULE_NOT_FOUND"`,
		`{"module":"kz.gov.pki.knca.basics","method":"encrypt"}`:                                     `"METHOD_NOT_FOUND"`,
		`{"module":"kz.gov.pki.knca.basics","method":"sign","args":{"signingParams":555}}`:           `"INVOCATION_ERROR"`,
		`{"module":"kz.gov.pki.knca.basics","method":"sign","args":{"format":"xml"}}`:                `as CMS`,
		call(`["AKKaztokenStore"]`, `"e30="`, forSigning, false, ""):                                 `no key in the storages`,
		call("null", `"e30="`, "1.2.398.3.3.4.1.2.1", false, ""):                                     `no key with the extended usages`,
		call("null", `"!"`, forSigning, false, ""):                                                   `"INVOCATION_ERROR"`,
		call("null", `[]`, forSigning, false, ""):                                                    `nothing to sign`,
		strings.Replace(call("null", `"e30="`, forSigning, false, ""), ":true", `:false`, 1):         `decode false`,
		strings.Replace(call("null", `"e30="`, forSigning, false, ""), `ted":false`, `ted":true`, 1): `digested true`,
	} {
		if got := ask(t, c, call); !strings.Contains(got, want) || !strings.Contains(got, `"status":false`) {
			t.Errorf("%s: %s, want %s", call, got, want)
		}
	}
	if w.asked.Load() != nil {
		t.Error("the person was asked")
	}
}

// Keys that ask for no password are for pages of this machine alone.
func TestOrigins(t *testing.T) {
	w := newWorld(t)
	_, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(w.url, "http"), &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	if err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a page from elsewhere: %v, %v", res, err)
	}
	res, err = http.Get(w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(text), "stand-in for NCALayer") {
		t.Errorf("%v: %s", err, text)
	}
}
