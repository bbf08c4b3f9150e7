package payment

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/domain"
)

//go:embed fees.yaml
var feesYAML []byte

// Fees is the table of state fees: versioned reference data, some of it unverified. A table is never
// changed; who reads one anew has another.
type Fees struct {
	Version  string     `yaml:"version"`
	Currency string     `yaml:"currency"`
	MCI      []mciFrom  `yaml:"mci"`
	Requests []share    `yaml:"requests"`
	Rates    []rateFrom `yaml:"rates"`
}

// mciFrom is one MCI and the day from which it holds, to the end of that year.
type mciFrom struct {
	From       string `yaml:"from"`
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
	MCI        int64  `yaml:"mci"`  // 0 where nothing is to be paid
	From       string `yaml:"from"` // day, empty for always
	Unverified bool   `yaml:"unverified"`
	Source     string `yaml:"source"`
}

// Fee is what a request costs on a day, and how that came about.
type Fee struct {
	Amount   int64 // hundredths of the currency; 0 where the table says that nothing is to be paid
	Currency string
	Rate     int64  // hundredths of an MCI, for this kind of request
	MCI      int64  // hundredths of the currency
	MCIFrom  string // since when it holds, YYYY-MM-DD
	On       string // the day, YYYY-MM-DD
	Source   string // of every figure that has one
	// Unverified says that some figure behind the amount was not compared with the law.
	Unverified bool
	Version    string // of the table
}

// LoadFees reads the embedded table.
func LoadFees() (*Fees, error) { return parseFees(feesYAML) }

// LoadFeesWith reads the embedded table and puts what the text has over it: an entry for the same
// service and day, day, or kind of request takes the other's place. The version names both. A rate for a
// service that is not known is refused: it would never be taken, and nobody would know why.
func LoadFeesWith(text []byte, known func(service string) bool) (*Fees, error) {
	f, err := LoadFees()
	if err != nil {
		return nil, err
	}
	over, err := decodeFees(text)
	if err != nil {
		return nil, err
	}
	if over.Version == "" {
		return nil, fmt.Errorf("read fees: a version is needed: %w", domain.ErrInvalid)
	}
	for _, r := range over.Rates {
		if !known(r.Service) {
			return nil, fmt.Errorf("read fees: no act knows a service %q: %w", r.Service, domain.ErrInvalid)
		}
	}
	f.Version += "+" + over.Version
	f.Currency = cmp.Or(over.Currency, f.Currency)
	f.MCI = overlay(f.MCI, over.MCI, func(a, b mciFrom) bool { return a.From == b.From })
	f.Requests = overlay(f.Requests, over.Requests, func(a, b share) bool { return a.Request == b.Request })
	f.Rates = overlay(f.Rates, over.Rates, func(a, b rateFrom) bool { return a.Service == b.Service && a.From == b.From })
	slices.SortStableFunc(f.MCI, func(a, b mciFrom) int { return cmp.Compare(a.From, b.From) })
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("read fees: %w: %w", domain.ErrInvalid, err)
	}
	return f, nil
}

// overlay is the list with the entries of another one in the place of the same ones, or behind it.
func overlay[E any](list, over []E, same func(a, b E) bool) []E {
	for _, e := range over {
		if i := slices.IndexFunc(list, func(l E) bool { return same(l, e) }); i >= 0 {
			list[i] = e
		} else {
			list = append(list, e)
		}
	}
	return list
}

func parseFees(text []byte) (*Fees, error) {
	f, err := decodeFees(text)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("read fees: %w: %w", domain.ErrInvalid, err)
	}
	return f, nil
}

func decodeFees(text []byte) (*Fees, error) {
	var f Fees
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read fees: %w: %w", domain.ErrInvalid, err)
	}
	return &f, nil
}

func (f *Fees) check() error {
	ascending := func(a, b mciFrom) int { return cmp.Compare(a.From, b.From) }
	if f.Version == "" || f.Currency == "" || len(f.MCI) == 0 || !slices.IsSortedFunc(f.MCI, ascending) {
		return fmt.Errorf("version, currency and the MCI of ascending days are needed")
	}
	for _, m := range f.MCI {
		if !isDay(m.From) || m.Tenge <= 0 || !m.Unverified && m.Source == "" {
			return fmt.Errorf("MCI from %q: a day, an amount, and a source or unverified", m.From)
		}
	}
	for _, s := range f.Requests {
		if s.Request == "" || s.Percent < 1 || s.Percent > 100 || s.AtMost < 0 {
			return fmt.Errorf("request %q: 1 to 100 percent", s.Request)
		}
	}
	for _, r := range f.Rates {
		if r.Service == "" || r.MCI < 0 || r.From != "" && !isDay(r.From) || !r.Unverified && r.Source == "" {
			return fmt.Errorf("rate of %q: a number of MCI, and a source or unverified", r.Service)
		}
	}
	return nil
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Of is the fee for a request (issue, reissue, duplicate) that is ordered on the day, YYYY-MM-DD.
// ErrNotFound where the table has no rate for the service, which is not a fee of nothing: nobody is to be
// asked for it. ErrInvalid for an unknown kind of request or a day before the table.
func (f *Fees) Of(service, request, day string) (Fee, error) {
	rate, ok := f.rate(service, day)
	if !ok {
		return Fee{}, fmt.Errorf("fee of %q: not known: %w", service, domain.ErrNotFound)
	}
	i := slices.IndexFunc(f.Requests, func(s share) bool { return s.Request == request })
	if i < 0 {
		return Fee{}, fmt.Errorf("fee of a request to %q: %w", request, domain.ErrInvalid)
	}
	mci, ok := f.mci(day)
	if !ok {
		return Fee{}, fmt.Errorf("fee on %s: no MCI: %w", day, domain.ErrInvalid)
	}
	share := f.Requests[i]
	percent := rate.MCI * share.Percent // hundredths of an MCI
	if share.AtMost > 0 {
		percent = min(percent, share.AtMost*100)
	}
	return Fee{
		Amount: percent * mci.Tenge, Currency: f.Currency, Rate: percent, MCI: mci.Tenge * 100, MCIFrom: mci.From, On: day,
		Source:     sources(rate.Source, share.Source, mci.Source),
		Unverified: rate.Unverified || share.Unverified || mci.Unverified, Version: f.Version,
	}, nil
}

// sources are those that there are, each once.
func sources(all ...string) string {
	var list []string
	for _, s := range all {
		if s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, "; ")
}

// rate is the latest rate of the service that began by the day.
func (f *Fees) rate(service, day string) (best rateFrom, ok bool) {
	for _, r := range f.Rates {
		if r.Service == service && r.From <= day && (!ok || r.From > best.From) {
			best, ok = r, true
		}
	}
	return best, ok
}

// mci is the MCI of the day. Where its year has none, it is the last one before, which then is
// unverified: the law sets one for every year.
func (f *Fees) mci(day string) (last mciFrom, ok bool) {
	for _, m := range f.MCI {
		if m.From <= day {
			last, ok = m, true
		}
	}
	if ok && last.From[:4] != day[:4] {
		last.Unverified = true
	}
	return last, ok
}
