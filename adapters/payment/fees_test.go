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
		year             int
		tenge            int64
		unverified       bool
	}{
		{"slot-hall-license", "issue", 2026, 3845 * 4325, false},
		{"slot-hall-license", "duplicate", 2026, 3845 * 4325, false},
		{"slot-hall-license", "reissue", 2026, 4 * 4325, false}, // a tenth would be 384.5 MCI: bounded
		{"electricity-purchase-license", "issue", 2026, 43250, false},
		{"electricity-purchase-license", "reissue", 2026, 4325, false},
		{"electricity-purchase-license", "issue", 2013, 17310, true}, // the MCI of 2013
		{"electricity-purchase-license", "issue", 2027, 43250, true}, // the MCI of 2027 is not known
		{"private-bailiff-license", "issue", 2026, 6 * 4325, false},
		{"private-bailiff-license", "issue", 2025, 6 * 3932, true},
		{"import-export-license", "issue", 2026, 43250, true},
	}
	for _, tt := range tests {
		got, err := f.Of(tt.service, tt.request, tt.year)
		if err != nil || got.Amount != tt.tenge*100 || got.Unverified != tt.unverified || got.Currency != "KZT" || got.Version != f.Version {
			t.Errorf("%s %s %d: %+v, %v; want %d tenge, unverified %v", tt.service, tt.request, tt.year, got, err, tt.tenge, tt.unverified)
		}
	}
	// A tenth of five MCI is half an MCI, in whole hundredths.
	if got, err := f.Of("commodity-broker-license", "reissue", 2026); err != nil || got.Amount != 216_250 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoFee(t *testing.T) {
	f := fees(t)
	if got, err := f.Of("import-permit", "issue", 2026); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("import permit: %+v, %v; want ErrNotFound", got, err)
	}
	if got, err := f.Of("casino-license", "transfer", 2026); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("unknown request: %+v, %v; want ErrInvalid", got, err)
	}
	if got, err := f.Of("casino-license", "issue", 2011); !errors.Is(err, domain.ErrInvalid) {
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
			_, err := f.Of(s.Slug, string(r), 2026)
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
  - {year: 2012, tenge: 1618, unverified: true}
  - {year: 2013, tenge: 1731, source: law}
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
		{"year: 2012", "year: 2014"}, {"tenge: 1618", "tenge: 0"}, {"tenge: 1731, source: law", "tenge: 1731"},
		{"percent: 100", "percent: 101"}, {"percent: 100", "percent: 0"}, {"mci: 10", "mci: -1"},
		{"mci: 10, source: law", "mci: 10"}, {"service: a", "service: ''"},
	} {
		text := strings.Replace(sound, change[0], change[1], 1)
		if _, err := parseFees([]byte(text)); text == sound || !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", change[1], err)
		}
	}
}
