// Package ncalayer is a stand-in for NCALayer, the program that signs on a person's own machine for the pages
// in their browser. It speaks the protocol that NCALayer does, and signs with demo keys without asking
// for a password: to try the pages with, and to test them.
//
// A page opens a WebSocket, over TLS at 127.0.0.1:13579. The program speaks first and gives its version; then
// every message of the page is a call, and is answered by one message. The calls and answers are those that
// the tests of the npm package ncalayer-js-client recorded of the real program. What the stand-in knows is
// method sign of the module kz.gov.pki.knca.basics, for CMS; the older module kz.gov.pki.knca.commonUtils is
// no longer developed, and no page here calls it.
//
// Two things are not as there. The real program shows a window, in which the person chooses a key and gives its
// password; here Approve says whether the person goes on, and the first key that fits is the one chosen. And
// where no key fits the real program shows an empty list, while this one answers with an error.
package ncalayer

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/coder/websocket"

	"github.com/tizilim/tizilim/adapters/signature"
)

// Version is that of the protocol, as the greeting gives it.
const Version = "1.4"

// Address is where browsers look for NCALayer.
const Address = "127.0.0.1:13579"

// PKCS12 is the storage of keys in files.
const PKCS12 = "PKCS12"

// maxMessage bounds a message, in bytes.
const maxMessage = 32 << 20

// Config is what a stand-in needs.
type Config struct {
	// Keys are the person's, in the order in which they are chosen.
	Keys []signature.Key
	// Storage is where the keys are said to be; PKCS12 where empty.
	Storage string
	// Stamp gets timestamps for pages that want them. Without it their signatures have none.
	Stamp func(ctx context.Context, value []byte) ([]byte, error)
	// Approve says whether the person signs, rather than cancels. It may be called by many goroutines at
	// once. Everybody signs where it is nil.
	Approve func(ctx context.Context, r Request) bool
}

// Request is what a page wants to have signed.
type Request struct {
	Origin string // of the page
	Locale string
	Data   [][]byte
	Key    signature.Key // that fits
}

// Layer is the stand-in. It may be used by many goroutines at once.
type Layer struct{ config Config }

// New makes a stand-in.
func New(c Config) *Layer {
	if c.Storage == "" {
		c.Storage = PKCS12
	}
	return &Layer{c}
}

// ServeHTTP speaks with a page. Only pages from this machine are spoken with: the keys ask for no password.
// Whoever comes without a WebSocket is told what this is.
func (l *Layer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "This is a stand-in for NCALayer, with demo keys. The browser accepts its certificate now: go back to the page, and sign there.")
		return
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: []string{"127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*"}})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(maxMessage)
	// An error is a page that went away.
	if l.greet(r.Context(), c) == nil {
		_ = l.converse(r.Context(), c, r.Header.Get("Origin"))
	}
}

func (l *Layer) greet(ctx context.Context, c *websocket.Conn) error {
	return c.Write(ctx, websocket.MessageText, []byte(`{"result":{"version":"`+Version+`"}}`))
}

// converse answers calls until the page goes away.
func (l *Layer) converse(ctx context.Context, c *websocket.Conn, origin string) error {
	for {
		_, message, err := c.Read(ctx)
		if err != nil {
			return err
		}
		text, err := json.Marshal(l.answer(ctx, message, origin))
		if err != nil {
			return err
		}
		if err := c.Write(ctx, websocket.MessageText, text); err != nil {
			return err
		}
	}
}

// answer is either what a call came to, or why it failed.
type answer struct {
	Status  bool   `json:"status"`
	Body    *body  `json:"body,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Details string `json:"details,omitempty"`
}

// body has no result where the person canceled.
type body struct {
	Result any `json:"result,omitempty"` // a CMS, or a list of them where a list was to be signed
}

// call is a message of a page.
type call struct {
	Module string          `json:"module"`
	Method string          `json:"method"`
	Args   json.RawMessage `json:"args"`
}

func (l *Layer) answer(ctx context.Context, message []byte, origin string) answer {
	var c call
	if err := json.Unmarshal(message, &c); err != nil {
		return answer{Code: "REQUEST_ERROR", Message: "The request cannot be read.", Details: err.Error()}
	}
	if c.Module != "kz.gov.pki.knca.basics" {
		return answer{Code: "MODULE_NOT_FOUND", Message: "There is no such module.", Details: c.Module}
	}
	if c.Method != "sign" {
		return answer{Code: "METHOD_NOT_FOUND", Message: "The module has no such method.", Details: c.Method}
	}
	result, err := l.sign(ctx, c.Args, origin)
	if errors.Is(err, errCanceled) {
		return answer{Status: true, Body: &body{}}
	}
	if err != nil {
		return answer{Code: "INVOCATION_ERROR", Message: "An invoked method threw an exception.", Details: err.Error()}
	}
	return answer{Status: true, Body: &body{Result: result}}
}

// choose is the first key that a page lets be chosen.
func (l *Layer) choose(storages, usages []string) (signature.Key, error) {
	if storages != nil && !slices.Contains(storages, l.config.Storage) {
		return signature.Key{}, fmt.Errorf("no key in the storages %q", storages)
	}
	for _, k := range l.config.Keys {
		if !slices.ContainsFunc(usages, func(usage string) bool { return !usable(k.Certificate, usage) }) {
			return k, nil
		}
	}
	return signature.Key{}, fmt.Errorf("no key with the extended usages %q", usages)
}

// usable reports whether the certificate has the extended key usage.
func usable(c *x509.Certificate, usage string) bool {
	switch usage {
	case "1.3.6.1.5.5.7.3.4":
		return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection)
	case "1.3.6.1.5.5.7.3.2":
		return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, oid := range c.UnknownExtKeyUsage {
		if oid.String() == usage {
			return true
		}
	}
	return false
}
