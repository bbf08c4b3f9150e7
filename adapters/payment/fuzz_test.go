package payment_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/seal"
)

// Whatever is posted as a notice is read without a panic; what is taken for one is whole, reads the same
// when it is written again, and is believed with a seal only. Seeds are in testdata/fuzz/FuzzNotice.
func FuzzNotice(f *testing.F) {
	f.Add([]byte(`{"order":"o","application":"a","status":"paid","reference":"r","amount":1,"currency":"KZT","at":"2026-11-23T09:00:00Z"}`))
	c := &payment.Client{Secret: secret, Now: clock}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := payment.ParseNotice(body)
		if _, err := c.Verify(http.Header{}, body); err == nil {
			t.Fatal("believed without a seal")
		}
		h := http.Header{}
		seal.Put(h, secret, now, payment.NoticePurpose, body)
		if _, verr := c.Verify(h, body); (verr == nil) != (err == nil) {
			t.Fatalf("sealed: %v, read: %v", verr, err)
		}
		if err != nil {
			return
		}
		if n.Order == "" || n.Application == "" || n.At.IsZero() || n.Status == payment.Paid && (n.Reference == "" || n.Amount < 0 || n.Currency == "") {
			t.Fatalf("taken for a notice: %+v", n)
		}
		again, err := json.Marshal(n)
		if err != nil {
			return // a year that JSON has no form for
		}
		if same, err := payment.ParseNotice(again); err != nil || !cmp.Equal(same, n) {
			t.Fatalf("%s reads as %+v, %v", again, same, err)
		}
	})
}
