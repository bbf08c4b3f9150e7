package payment_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/payment/demo"
	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/domain"
)

func TestNoticeIsRepeatedUntilTaken(t *testing.T) {
	s := start(t)
	s.refuseNext(25)
	order := s.request("app-1")
	s.decide(order.URL, "paid")
	if n := s.notice(); n.Order != order.Order {
		t.Errorf("%+v", n)
	}
}

func TestRestartKeepsOrdersAndNotices(t *testing.T) {
	s := start(t)
	s.refuseNext(-1) // for ever
	open, paid := s.request("app-1"), s.request("app-2")
	_, receipt := s.decide(paid.URL, "paid")
	s.restart()
	s.refuseNext(0)
	if n := s.notice(); n.Application != "app-2" || n.Reference != receipt.Reference {
		t.Errorf("after the restart: %+v", n)
	}
	if again := s.request("app-1"); !cmp.Equal(again, open) {
		t.Errorf("after the restart %+v, before %+v", again, open)
	}
	if got, err := s.client.Order(t.Context(), paid.Order); err != nil || !cmp.Equal(got, receipt) {
		t.Errorf("%+v, %v; want %+v", got, err, receipt)
	}
}

func TestJournalAfterCrash(t *testing.T) {
	s := start(t)
	first := s.request("app-1")
	if err := s.gateway.Load().Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append(whole, `{"id":"PO-half","return":"`+strings.Repeat("x", 4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
	if again := s.request("app-1"); !cmp.Equal(again, first) {
		t.Errorf("%+v, want %+v", again, first)
	}
	s.request("app-2")
	s.restart() // the cut line is gone, what came after it is whole
	if again := s.request("app-1"); !cmp.Equal(again, first) {
		t.Errorf("%+v, want %+v", again, first)
	}

	if err := s.gateway.Load().Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append([]byte("rubbish\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Open(demo.Config{File: s.file, Secret: secret, Now: clock, Logger: slog.New(slog.DiscardHandler)}); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("a damaged journal: %v, want ErrDamaged", err)
	}
	if err := os.WriteFile(s.file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.open()
}

// An order that cannot be written down is not made: nobody is sent to a page that a restart forgets.
func TestFullDiskMakesNoOrder(t *testing.T) {
	s := start(t)
	open := s.request("app-1")
	if err := s.gateway.Load().Close(); err != nil { // from here on every write fails
		t.Fatal(err)
	}
	order := payment.Order{Application: "app-2", Service: "casino-license", Request: "issue", Payer: "120540001238"}
	for range 2 {
		if r, _, err := s.client.Request(t.Context(), order); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("%+v, %v; want ErrUnavailable", r, err)
		}
	}
	if status, r := s.decide(open.URL, "paid"); status != http.StatusServiceUnavailable {
		t.Errorf("%d %+v, want 503", status, r)
	}
	s.open()
	if got, err := s.client.Order(t.Context(), open.Order); err != nil || !cmp.Equal(got, open) {
		t.Errorf("%+v, %v; want %+v", got, err, open)
	}
}

func TestMovedRegistry(t *testing.T) {
	s := start(t)
	callback := s.client.Callback
	s.client.Callback = "http://127.0.0.1:1/payments" // nobody listens there
	order := s.request("app-1")
	s.decide(order.URL, "paid")
	if err := s.gateway.Load().Close(); err != nil {
		t.Fatal(err)
	}
	g, err := demo.Open(demo.Config{File: s.file, URL: s.server.URL, Secret: secret, Now: clock, Logger: slog.New(slog.DiscardHandler), Callback: callback})
	if err != nil {
		t.Fatal(err)
	}
	s.gateway.Store(g)
	if n := s.notice(); n.Order != order.Order {
		t.Errorf("%+v", n)
	}
}

func TestPage(t *testing.T) {
	s := start(t)
	r, _, err := s.client.Request(t.Context(), payment.Order{
		Application: "app-<1>", Service: "slot-hall-license", Request: "issue", Payer: "850312300121", Return: "http://127.0.0.1/applications/1",
	})
	if err != nil {
		t.Fatal(err)
	}
	for lang, title := range map[string]string{"kk": "Төлем", "ru": "Оплата", "en": "Payment"} {
		status, page := s.get(r.URL+"?lang="+lang, "")
		for _, want := range []string{`<html lang="` + lang + `">`, "<h1>" + title, "app-&lt;1&gt;", "16\u00a0629\u00a0625,00\u00a0KZT", `value="paid"`, `value="failed"`, `value="less"`, `value="twice"`, `href="http://127.0.0.1/applications/1"`} {
			if status != 200 || !strings.Contains(page, want) {
				t.Errorf("%s: %d, no %q", lang, status, want)
			}
		}
		if strings.Contains(page, "850312300121") {
			t.Errorf("%s: the payer is on the page", lang)
		}
		if status, page := s.get(s.server.URL+"/pay/none?lang="+lang, ""); status != 404 || !strings.Contains(page, `<html lang="`+lang+`">`) {
			t.Errorf("%s: an unknown order: %d", lang, status)
		}
	}
	for accept, lang := range map[string]string{"ru-RU,ru;q=0.9,en;q=0.8": "ru", "fr, EN-us;q=0.5": "en", "fr": "kk", "": "kk"} {
		if _, page := s.get(r.URL, accept); !strings.Contains(page, `<html lang="`+lang+`">`) {
			t.Errorf("%q: not in %s", accept, lang)
		}
	}
}

func (s *scene) get(address, acceptLanguage string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept-Language", acceptLanguage)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A browser that presses the button comes back to the page, where it can only pay once more then.
func TestPayInTheBrowser(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	req, err := http.NewRequest(http.MethodPost, order.URL+"?lang=ru", strings.NewReader("outcome=paid"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(page), `data-status="paid"`) || strings.Contains(string(page), `value="paid"`) || !strings.Contains(string(page), `lang="ru"`) {
		t.Errorf("%d, %v\n%s", resp.StatusCode, err, page)
	}
	s.notice()

	other := s.request("app-2")
	req, _ = http.NewRequest(http.MethodPost, other.URL, strings.NewReader("outcome=paid"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, _ := s.client.Order(t.Context(), other.Order); resp.StatusCode != http.StatusForbidden || got.Status != payment.Open {
		t.Errorf("from another site: %d, %s", resp.StatusCode, got.Status)
	}
}

func TestGatewayRefuses(t *testing.T) {
	s := start(t)
	order := s.request("app-1")
	if status, _ := s.decide(order.URL, "stolen"); status != http.StatusBadRequest {
		t.Errorf("unknown outcome: %d", status)
	}
	if status, _ := s.decide(s.server.URL+"/pay/none", "paid"); status != http.StatusNotFound {
		t.Errorf("unknown order: %d", status)
	}
	if _, err := s.client.Order(t.Context(), "none"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("unknown order: %v, want ErrNotFound", err)
	}
	sound := `{"application":"a","service":"s","request":"issue","payer":"p","amount":1,"currency":"KZT","callback":"http://127.0.0.1/"}`
	tests := []struct {
		why, body string
		secret    []byte
		at        time.Time
		want      int
	}{
		{"sound", sound, secret, now, 201},
		{"another secret", sound, []byte("x"), now, 403},
		{"an old seal", sound, secret, now.Add(-seal.Tolerance - time.Second), 403},
		{"no order", "[]", secret, now, 400},
		{"an unknown field", strings.Replace(sound, "{", `{"x":1,`, 1), secret, now, 400},
		{"nothing to pay", strings.Replace(sound, `"amount":1`, `"amount":0`, 1), secret, now, 400},
		{"a callback that is no address", strings.Replace(sound, "http://127.0.0.1/", "file:///etc", 1), secret, now, 400},
		{"too large", sound + strings.Repeat(" ", payment.MaxBody), secret, now, 413},
	}
	for _, tt := range tests {
		req, err := http.NewRequest(http.MethodPost, s.server.URL+"/orders", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		seal.Put(req.Header, tt.secret, tt.at, payment.RequestPurpose(req.Method, req.URL), []byte(tt.body))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", tt.why, resp.StatusCode, tt.want)
		}
	}
	if status, _ := s.get(s.server.URL+"/orders/"+order.Order, ""); status != http.StatusForbidden {
		t.Errorf("an order without a seal: %d", status)
	}
}
