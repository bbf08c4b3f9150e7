package payment

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/domain"
)

//go:embed fees.yaml
var feesYAML []byte

// Fees is the table of state fees: versioned reference data, some of it unverified.
type Fees struct {
	Version  string     `yaml:"version"`
	Currency string     `yaml:"currency"`
	MCI      []yearMCI  `yaml:"mci"`
	Requests []share    `yaml:"requests"`
	Rates    []rateFrom `yaml:"rates"`
}

type yearMCI struct {
	Year       int    `yaml:"year"`
	Tenge      int64  `yaml:"tenge"`
	Unverified bool   `yaml:"unverified"`
	Source     string `yaml:"source"`
}

type share struct {
	Request    string `yaml:"request"`
	Percent    int64  `yaml:"percent"`
	AtMost     int64  `yaml:"at_most"` // MCI, 0 for no bound
	Unverified bool   `yaml:"unverified"`
	Source     string `yaml:"source"`
}

type rateFrom struct {
	Service    string `yaml:"service"`
	MCI        int64  `yaml:"mci"`
	From       int    `yaml:"from"` // year, 0 for always
	Unverified bool   `yaml:"unverified"`
	Source     string `yaml:"source"`
}

// Fee is what a request costs.
type Fee struct {
	Amount   int64 // hundredths of the currency
	Currency string
	// Unverified says that some figure behind the amount was not compared with the law.
	Unverified bool
	Version    string // of the table
}

// LoadFees reads the embedded table.
func LoadFees() (*Fees, error) { return parseFees(feesYAML) }

func parseFees(text []byte) (*Fees, error) {
	var f Fees
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read fees: %w: %w", domain.ErrInvalid, err)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("read fees: %w: %w", domain.ErrInvalid, err)
	}
	return &f, nil
}

func (f *Fees) check() error {
	ascending := func(a, b yearMCI) int { return a.Year - b.Year }
	if f.Version == "" || f.Currency == "" || len(f.MCI) == 0 || !slices.IsSortedFunc(f.MCI, ascending) {
		return fmt.Errorf("version, currency and the MCI of ascending years are needed")
	}
	for _, m := range f.MCI {
		if m.Tenge <= 0 || !m.Unverified && m.Source == "" {
			return fmt.Errorf("MCI of %d: an amount, and a source or unverified", m.Year)
		}
	}
	for _, s := range f.Requests {
		if s.Request == "" || s.Percent < 1 || s.Percent > 100 || s.AtMost < 0 {
			return fmt.Errorf("request %q: 1 to 100 percent", s.Request)
		}
	}
	for _, r := range f.Rates {
		if r.Service == "" || r.MCI <= 0 || !r.Unverified && r.Source == "" {
			return fmt.Errorf("rate of %q: an amount, and a source or unverified", r.Service)
		}
	}
	return nil
}

// Of is the fee for a request (issue, reissue, duplicate) made in the year. ErrNotFound where the
// service has no fee, which is not a fee of nothing: nobody is to be asked for it. ErrInvalid for an
// unknown kind of request or a year before the table.
func (f *Fees) Of(service, request string, year int) (Fee, error) {
	rate, ok := f.rate(service, year)
	if !ok {
		return Fee{}, fmt.Errorf("fee of %q: there is none: %w", service, domain.ErrNotFound)
	}
	i := slices.IndexFunc(f.Requests, func(s share) bool { return s.Request == request })
	if i < 0 {
		return Fee{}, fmt.Errorf("fee of a request to %q: %w", request, domain.ErrInvalid)
	}
	mci, ok := f.mci(year)
	if !ok {
		return Fee{}, fmt.Errorf("fee in %d: no MCI: %w", year, domain.ErrInvalid)
	}
	share := f.Requests[i]
	percent := rate.MCI * share.Percent // hundredths of an MCI
	if share.AtMost > 0 {
		percent = min(percent, share.AtMost*100)
	}
	return Fee{
		Amount: percent * mci.Tenge, Currency: f.Currency, Version: f.Version,
		Unverified: rate.Unverified || share.Unverified || mci.Unverified,
	}, nil
}

// rate is the latest rate of the service that began by the year.
func (f *Fees) rate(service string, year int) (best rateFrom, ok bool) {
	for _, r := range f.Rates {
		if r.Service == service && r.From <= year && (!ok || r.From > best.From) {
			best, ok = r, true
		}
	}
	return best, ok
}

// mci is the MCI of the year, or the last one before it, which then is unverified.
func (f *Fees) mci(year int) (last yearMCI, ok bool) {
	for _, m := range f.MCI {
		if m.Year <= year {
			last, ok = m, true
		}
	}
	if last.Year != year {
		last.Unverified = true
	}
	return last, ok
}
