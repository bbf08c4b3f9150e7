package api_test

import (
	"strings"
	"testing"

	"github.com/tizilim/tizilim/api/v1"
)

func TestFromApplicationToLicense(t *testing.T) {
	w := newWorld(t)
	a := w.issued("company", "commodity-broker-license", company, "officer")
	if a.Number == "" || a.RegisteredOn != "2026-11-24" || a.Approval.Signatory != "Сынақ С." || a.SignedBy != company {
		t.Errorf("application %+v", a)
	}
	l := decode[v1.License](w.call("", "GET", "/api/v1/licenses/"+a.Result, nil).want(200))
	if l.Status != "active" || l.Licensee.ID != company || l.IssuedOn != "2026-11-24" || l.Application != "" {
		t.Errorf("license %+v", l)
	}
	h := decode[v1.History](w.call("company", "GET", at(a.ID, "/history"), nil).want(200))
	var types []string
	for _, e := range h.Items {
		types = append(types, e.Type)
	}
	want := "application-opened application-filed applicant-confirmed payment-requested application-paid certificate-accepted application-signed application-registered decision-drafted application-approved application-completed"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("history\n%s, want\n%s", got, want)
	}
	if w.logged.String() != "" {
		t.Errorf("logged:\n%s", w.logged)
	}
}
