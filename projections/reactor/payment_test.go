package reactor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections/reactor"
)

// filed brings an application through the portal to the step of paying.
func (n *node) filed() string {
	n.t.Helper()
	id := uuid.NewString()
	n.must(id, application.Open{
		At: noon, Service: "commodity-broker-license", Channel: regulation.Portal, Request: regulation.Issue,
		Applicant: application.Applicant{ID: organization},
	})
	n.must(id, application.File{At: noon, Form: application.Form{Name: "Жарык"}})
	return id
}

// An order is kept with its term and with how its amount came about.
func TestOrderKeepsFeeAndTerm(t *testing.T) {
	n := start(t, memstore.New())
	fee := application.Fee{Rate: 1000, MCI: 432_500, Unverified: true, Version: "v"}
	n.outside.bill.Store(&bill{receipt: reactor.Receipt{Order: "o", Amount: 4_325_000, Currency: "KZT", Fee: &fee}})
	o := n.application(n.filed()).Order
	if o == nil || o.Fee == nil || *o.Fee != fee || o.Expires == nil || !o.Expires.Equal(noon.Add(72*time.Hour)) {
		t.Errorf("%+v", o)
	}
}

// A fee that nobody entered keeps the application waiting until somebody does, and no longer.
func TestUnknownFeeWaits(t *testing.T) {
	n := start(t, memstore.New())
	n.outside.bill.Store(&bill{err: fmt.Errorf("fee: %w", domain.ErrNotFound)})
	id := n.filed()
	if s := n.application(id); s.Action != regulation.Pay || s.Order != nil || s.Over() {
		t.Fatalf("%s, %s", s.Status, s.Action)
	}
	n.outside.bill.Store(nil)
	n.until(func() bool { return n.application(id).Order != nil })
}

// Where nothing is to be paid the application passes on without an order.
func TestNothingToPayPassesOn(t *testing.T) {
	n := start(t, memstore.New())
	n.outside.bill.Store(&bill{receipt: reactor.Receipt{Fee: &application.Fee{Version: "v"}}})
	if s := n.application(n.filed()); !s.NothingDue || s.Order != nil || s.Action != regulation.ChooseCertificate {
		t.Errorf("%+v", s)
	}
}
