package api_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	pki "github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/adapters/signature/demo/ncalayer"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
)

// layer is a stand-in for NCALayer on this machine, which a browser accepts with the flag.
type layer struct {
	*httptest.Server
	flag  chromedp.ExecAllocatorOption
	keys  atomic.Pointer[[]pki.Key]
	asked atomic.Pointer[ncalayer.Request]
	stops atomic.Bool // the person cancels
}

func newLayer(t *testing.T) *layer {
	t.Helper()
	l := &layer{}
	l.Server = httptest.NewUnstartedServer(l)
	certificate := must(ncalayer.Certificate(time.Now()))
	l.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	l.StartTLS()
	t.Cleanup(l.Close)
	spki := sha256.Sum256(l.Certificate().RawSubjectPublicKeyInfo)
	l.flag = chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(spki[:]))
	return l
}

func (l *layer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ncalayer.New(ncalayer.Config{Keys: *l.keys.Load(), Approve: func(_ context.Context, r ncalayer.Request) bool {
		l.asked.Store(&r)
		return !l.stops.Load()
	}}).ServeHTTP(w, r)
}

// signer is a person at a browser, with NCALayer beside it.
type signer struct {
	*testing.T
	*world
	ctx   context.Context
	layer *layer
	keys  certified
}

func (s *signer) do(steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.ctx, 30*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		said, _ := chromedp.Run(s.ctx, chromedp.Evaluate[string](`document.querySelector("main").innerText`))
		s.Fatalf("%v; the page says %s", err, said)
	}
}

// scripting lets pages run scripts, or not.
func scripting(run bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
		return err
	})
}

// signWith has the page of a new application signed, and waits for what NCALayer's button says then.
func (s *signer) signWith(lang, word string) (v1.Application, string) {
	s.Helper()
	a := s.signable()
	said := chromedp.CSS(`.ncalayer [data-word="` + word + `"]`)
	s.do(chromedp.Navigate(s.url+signatureAt(a.ID)+"?lang="+lang), chromedp.WaitVisible(chromedp.CSS(".ncalayer button")),
		chromedp.SendKeys(chromedp.CSS(".ncalayer button"), kb.Enter), chromedp.WaitVisible(said))
	return a, script[string](s.T, s.ctx, `document.querySelector("[role=status]").innerText`)
}

// sendFile chooses the file on the page and sends it.
func (s *signer) sendFile(a v1.Application) {
	s.Helper()
	file := filepath.Join(s.TempDir(), "a.cms")
	content := s.call("person", "GET", at(a.ID, "/signature"), nil).want(200).body
	if err := os.WriteFile(file, s.keys.sign("person", content), 0o600); err != nil {
		s.Fatal(err)
	}
	s.do(chromedp.SetUploadFiles(chromedp.CSS("#cms"), []string{file}), chromedp.Click(chromedp.CSS("fieldset button")), chromedp.WaitVisible(chromedp.CSS("#history")))
}

func (s *signer) wants(a v1.Application, status, by string) {
	s.Helper()
	if got := app(s.call("person", "GET", at(a.ID, ""), nil).want(200)); got.Status != status || got.SignedBy != by {
		s.Errorf("status %s, signed by %q", got.Status, got.SignedBy)
	}
}

// logIn logs in on the page.
func (s *signer) logIn(who string) {
	s.Helper()
	s.do(chromedp.Navigate(s.url+"/login"), chromedp.SendKeys(chromedp.CSS("#login"), who),
		chromedp.SendKeys(chromedp.CSS("#password"), password+kb.Enter), chromedp.WaitVisible(chromedp.CSS("form.viewer")))
}

// decides has the licensor's head sign the decision on the application, in the same browser.
func (s *signer) decides(a v1.Application) {
	s.Helper()
	s.call("other-officer", "POST", at(a.ID, "/decision"), v1.Decision{Decision: "approve", Order: "17-л"}).want(200)
	mine := s.layer.keys.Swap(&[]pki.Key{s.keys.key("boss", demo.Sign)})
	log := func(who string) {
		s.do(chromedp.Navigate(s.url+"/login"), chromedp.Click(chromedp.CSS(".viewer button")), chromedp.WaitVisible(chromedp.CSS("p.viewer")))
		s.logIn(who)
	}
	log("other-head")
	s.do(chromedp.Navigate(s.url+"/applications/"+a.ID), chromedp.Click(chromedp.CSS(`.shown a[href$="/decision/signature"]`)),
		chromedp.WaitVisible(chromedp.CSS(".ncalayer button")))
	for _, lang := range []string{"kk", "ru", "en"} {
		for _, width := range []int64{320, 1280} {
			s.look(s.T, s.ctx, "/applications/"+a.ID+"/decision/signature", lang, width)
		}
	}
	s.do(chromedp.Click(chromedp.CSS(".ncalayer button")), chromedp.WaitVisible(chromedp.CSS("#history")))
	s.wants(a, "completed", person)
	s.layer.keys.Store(mine)
	log("person")
}

// TestSignInBrowser signs as a person does: with the npm client in a real browser, over TLS, by the protocol that
// NCALayer speaks; and by a file where that is not there.
func TestSignInBrowser(t *testing.T) {
	s := &signer{T: t, layer: newLayer(t)}
	s.ctx = browser(t, s.layer.flag)
	s.world = newWorld(t, s.keys.trusting(t), func(c *api.Config) { c.NCALayer = "wss" + strings.TrimPrefix(s.layer.URL, "https") })
	var said complaints
	if err := said.listen(s.ctx); err != nil {
		t.Fatal(err)
	}
	mine := []pki.Key{s.keys.key("person", demo.Auth), s.keys.key("person", demo.Sign)}
	s.layer.keys.Store(&mine)
	s.logIn("person")

	// From the application by its link to the page; the button signs and sends.
	a := s.signable()
	s.do(chromedp.Navigate(s.url+"/applications/"+a.ID+"?lang=kk"), chromedp.Click(chromedp.CSS(`.shown a[href$="/signature"]`)),
		chromedp.WaitVisible(chromedp.CSS(".ncalayer button")), chromedp.Click(chromedp.CSS(".ncalayer button")), chromedp.WaitVisible(chromedp.CSS("#history")))
	s.wants(a, "examined", person)
	content := s.call("person", "GET", at(a.ID, "/signature"), nil).want(200).body
	if r := s.layer.asked.Load(); r.Locale != "kk" || r.Origin != s.url || len(r.Data) != 1 || string(r.Data[0]) != content || r.Key.Certificate.SerialNumber.Cmp(mine[1].Certificate.SerialNumber) != 0 {
		t.Errorf("NCALayer was asked for %+v", r)
	}

	s.layer.stops.Store(true)
	a, text := s.signWith("ru", "canceled")
	if s.wants(a, "in-progress", ""); text != "Вы отменили подписание. Ничего не отправлено." {
		t.Errorf("canceled: %q", text)
	}
	s.layer.stops.Store(false)
	login := mine[:1]
	s.layer.keys.Store(&login) // a key for logging in signs nothing
	a, text = s.signWith("kk", "failed")
	if s.wants(a, "in-progress", ""); !strings.HasPrefix(text, "NCALayer қол қоя алмады. Ештеңе жіберілген жоқ. (INVOCATION_ERROR") {
		t.Errorf("failed: %q", text)
	}
	s.layer.keys.Store(&mine) // and the next try of the same page is as good as the first
	s.do(chromedp.Click(chromedp.CSS(".ncalayer button")), chromedp.WaitVisible(chromedp.CSS("#history")))
	s.wants(a, "examined", person)

	s.decides(a)
	for _, lang := range []string{"kk", "ru", "en"} {
		a := s.signable()
		for _, width := range []int64{320, 390, 1280} {
			s.look(t, s.ctx, signatureAt(a.ID), lang, width)
		}
		if labels := script[string](t, s.ctx, `document.querySelector(".ncalayer button").innerText`); !strings.Contains(labels, "NCALayer") {
			t.Errorf("the button in %s says %q", lang, labels)
		}
	}
	s.layer.Close()
	a, text = s.signWith("en", "absent")
	if s.wants(a, "in-progress", ""); !strings.HasPrefix(text, "NCALayer does not answer.") {
		t.Errorf("absent: %q", text)
	}
	s.sendFile(a)
	s.wants(a, "examined", person)
	said.mu.Lock()
	defer said.mu.Unlock()
	for _, c := range said.list {
		if !strings.Contains(c, "127.0.0.1:24680") && !strings.Contains(c, "WebSocket") { // nobody has KAZTOKEN here
			t.Errorf("the browser complains: %s", c)
		}
	}
}

// TestSignWithoutScripts: the page is whole where no script runs.
func TestSignWithoutScripts(t *testing.T) {
	s := &signer{T: t, ctx: browser(t)}
	s.world = newWorld(t, s.keys.trusting(t))
	s.do(scripting(false))
	s.logIn("person")
	a := s.signable()
	s.do(chromedp.Navigate(s.url+signatureAt(a.ID)), chromedp.WaitVisible(chromedp.CSS("#cms")))
	if n := script[int](t, s.ctx, `document.querySelectorAll(".ncalayer").length`); n != 0 {
		t.Error("a script ran")
	}
	s.sendFile(a)
	s.wants(a, "examined", person)
}
