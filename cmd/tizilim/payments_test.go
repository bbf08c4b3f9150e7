package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/payment"
	gateway "github.com/tizilim/tizilim/adapters/payment/demo"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
)

// What the gateway would tell in notices, which get lost here, is what it answers when it is asked.
func TestGatewayBehindItsPorts(t *testing.T) {
	secret := []byte("secret of this test")
	var g *gateway.Gateway
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.ServeHTTP(w, r) }))
	defer server.Close()
	g, err := gateway.Open(gateway.Config{
		File: filepath.Join(t.TempDir(), "orders.jsonl"), URL: server.URL, Secret: secret, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	table, err := payment.LoadFeesWith([]byte("version: v\nrates: [{service: import-permit, mci: 0, source: law}]"), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	client := newPayments(server.URL+"/", "http://127.0.0.1:1", secret, func() *payment.Fees { return table })

	free, err := client.Request(t.Context(), reactor.Order{Application: "free", Service: "import-permit", Request: "issue", Payer: "120540001238"})
	if err != nil || free.Order != "" || free.Fee == nil || free.Fee.Source != "law; published budget law" {
		t.Errorf("nothing to pay: %+v, %v", free, err)
	}
	order := reactor.Order{Application: "app", Service: "casino-license", Request: "issue", Payer: "120540001238"}
	r, err := client.Request(t.Context(), order)
	if err != nil || r.Order == "" || r.Fee == nil || r.Fee.Rate != 384_500 || r.Fee.Rate*r.Fee.MCI/100 != r.Amount || !r.Fee.Unverified || r.Fee.Version != table.Version {
		t.Fatalf("%+v, %+v, %v", r, r.Fee, err)
	}
	resp, err := http.PostForm(r.URL, url.Values{"outcome": {"less"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	got, err := client.Order(t.Context(), r.Order)
	if err != nil || got.Application != "app" || got.Failed || len(got.Payments) != 1 || got.Payments[0].Reference == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	want := []payments.Payment{{Reference: got.Payments[0].Reference, Amount: r.Amount / 2, Currency: "KZT"}}
	if diff := cmp.Diff(want, got.Payments); diff != "" {
		t.Error(diff)
	}

	// A fee that was changed since does not go with the order of before.
	table, err = payment.LoadFeesWith([]byte("version: w\nrates: [{service: casino-license, mci: 1, source: law}]"), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if again, err := client.Request(t.Context(), order); err != nil || again.Order != r.Order || again.Amount != r.Amount || again.Fee != nil {
		t.Errorf("after the fee changed: %+v, %v", again, err)
	}
	if client.feeKnown("import-permit", "issue") || !client.feeKnown("casino-license", "issue") {
		t.Error("which fees are known is not the table's to say")
	}
}
