package payment

import (
	"errors"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/regulation"
)

func fees(t *testing.T) *Fees {
	t.Helper()
	f, err := LoadFees()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFees(t *testing.T) {
	f := fees(t)
	tests := []struct {
		service, request string
		day              string
		tenge            int64
		unverified       bool
	}{
		{"slot-hall-license", "issue", "2026-06-01", 3845 * 4325, false},
		{"slot-hall-license", "duplicate", "2026-06-01", 3845 * 4325, false},
		{"slot-hall-license", "reissue", "2026-06-01", 4 * 4325, false}, // a tenth would be 384.5 MCI: bounded
		{"electricity-purchase-license", "issue", "2026-06-01", 43250, false},
		{"electricity-purchase-license", "reissue", "2026-06-01", 4325, false},
		{"electricity-purchase-license", "issue", "2013-06-01", 17310, true}, // the MCI of 2013
		{"electricity-purchase-license", "issue", "2027-06-01", 43250, true}, // the MCI of 2027 is not known
		{"electricity-purchase-license", "issue", "2020-03-31", 26510, true}, // the MCI changed within the year
		{"electricity-purchase-license", "issue", "2020-04-01", 27780, true},
		{"private-bailiff-license", "issue", "2026-06-01", 6 * 4325, false},
		{"private-bailiff-license", "issue", "2025-06-01", 6 * 3932, true},
		{"import-export-license", "issue", "2026-06-01", 43250, true},
	}
	for _, tt := range tests {
		got, err := f.Of(tt.service, tt.request, tt.day)
		if err != nil || got.Amount != tt.tenge*100 || got.Unverified != tt.unverified || got.Currency != "KZT" || got.Version != f.Version {
			t.Errorf("%s %s %s: %+v, %v; want %d tenge, unverified %v", tt.service, tt.request, tt.day, got, err, tt.tenge, tt.unverified)
		}
	}
	// A tenth of five MCI is half an MCI, in whole hundredths.
	if got, err := f.Of("commodity-broker-license", "reissue", "2026-06-01"); err != nil || got.Amount != 216_250 {
		t.Errorf("%+v, %v", got, err)
	}
}

// What an amount rests on comes with it.
func TestFeeSaysHowItCameAbout(t *testing.T) {
	f := fees(t)
	got, err := f.Of("electricity-purchase-license", "reissue", "2026-06-01")
	want := Fee{
		Amount: 432_500, Currency: "KZT", Rate: 100, MCI: 432_500, MCIFrom: "2026-01-01", On: "2026-06-01", Version: f.Version,
		Source: "egov.kz, license fee rates; Tax Code of 2008, art. 471; published budget law",
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// An operator's file changes and extends what is embedded, and says so in the version.
func TestFeesOfTheOperator(t *testing.T) {
	f, err := LoadFeesWith([]byte(`
version: order-7
mci: [{from: "2027-01-01", tenge: 5000, source: law}]
rates:
  - {service: casino-license, mci: 4000, from: "2026-07-01", source: order 7}
  - {service: import-permit, mci: 0, source: order 8}
  - {service: slot-hall-license, mci: 1, source: order 9}
`), everything)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		service, day string
		tenge        int64
		unverified   bool
	}{
		{"casino-license", "2026-06-30", 3845 * 4325, true}, {"casino-license", "2026-07-01", 4000 * 4325, false},
		{"casino-license", "2027-02-01", 4000 * 5000, false}, {"import-permit", "2026-07-01", 0, false}, {"slot-hall-license", "2026-07-01", 4325, false},
	} {
		got, err := f.Of(tt.service, "issue", tt.day)
		if err != nil || got.Amount != tt.tenge*100 || got.Unverified != tt.unverified || got.Version != fees(t).Version+"+order-7" {
			t.Errorf("%s on %s: %+v, %v", tt.service, tt.day, got, err)
		}
	}
	for _, bad := range []string{"rates: []", "version: v\nrate: []", "version: v\nrates: [{service: a, mci: -1, source: s}]", "version: v\nrates: [{service: a, mci: 1}]"} {
		if _, err := LoadFeesWith([]byte(bad), everything); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", bad, err)
		}
	}
}

func TestNoFee(t *testing.T) {
	f := fees(t)
	if got, err := f.Of("import-permit", "issue", "2026-06-01"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("import permit: %+v, %v; want ErrNotFound", got, err)
	}
	if got, err := f.Of("casino-license", "transfer", "2026-06-01"); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("unknown request: %+v, %v; want ErrInvalid", got, err)
	}
	if got, err := f.Of("casino-license", "issue", "2011-06-01"); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("2011: %+v, %v; want ErrInvalid", got, err)
	}
}

// Every paid service of the acts has a fee for each request it offers, and only those.
func TestFeesCoverTheActs(t *testing.T) {
	catalog, err := regulation.Load()
	if err != nil {
		t.Fatal(err)
	}
	f := fees(t)
	services := map[string]bool{}
	for _, s := range catalog.Services() {
		services[s.Slug] = true
		for _, r := range s.Requests {
			_, err := f.Of(s.Slug, string(r), "2026-06-01")
			if has := err == nil; has != s.Paid || !has && !errors.Is(err, domain.ErrNotFound) {
				t.Errorf("%s %s: paid %v, fee: %v", s.Slug, r, s.Paid, err)
			}
		}
	}
	for _, r := range f.Rates {
		if !services[r.Service] {
			t.Errorf("a rate for %q, which is no service", r.Service)
		}
	}
}

func TestParseFeesRefuses(t *testing.T) {
	const sound = `
version: v
currency: KZT
mci:
  - {from: "2012-01-01", tenge: 1618, unverified: true}
  - {from: "2013-01-01", tenge: 1731, source: law}
requests:
  - {request: issue, percent: 100}
rates:
  - {service: a, mci: 10, source: law}
`
	if _, err := parseFees([]byte(sound)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"version: v", "version: ["}, {"version: v", "versions: v"}, {"currency: KZT", "currency: ''"},
		{"2012-01-01", "2014-01-01"}, {"2012-01-01", "2012"}, {"mci: 10,", "mci: 10, from: '2013',"}, {"tenge: 1618", "tenge: 0"}, {"tenge: 1731, source: law", "tenge: 1731"},
		{"percent: 100", "percent: 101"}, {"percent: 100", "percent: 0"}, {"mci: 10", "mci: -1"},
		{"mci: 10, source: law", "mci: 10"}, {"service: a", "service: ''"},
	} {
		text := strings.Replace(sound, change[0], change[1], 1)
		if _, err := parseFees([]byte(text)); text == sound || !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", change[1], err)
		}
	}
}

// everything is a catalog that has every service.
func everything(string) bool { return true }

func TestFeesOfUnknownServices(t *testing.T) {
	known := func(service string) bool { return service != "commodity-brokr-license" }
	_, err := LoadFeesWith([]byte("version: v\nrates: [{service: commodity-brokr-license, mci: 7, source: law}]"), known)
	if !errors.Is(err, domain.ErrInvalid) || !strings.Contains(err.Error(), "commodity-brokr-license") {
		t.Errorf("a misspelt service: %v", err)
	}
}
