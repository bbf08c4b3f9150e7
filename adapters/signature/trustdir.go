package signature

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/domain"
)

// settings is the file trust.yaml.
type settings struct {
	Hosts []struct {
		Host string `yaml:"host"`
		URL  string `yaml:"url"`
	} `yaml:"hosts"`
	OCSP            string        `yaml:"ocsp"`
	CRLs            []string      `yaml:"crls"`
	TSP             string        `yaml:"tsp"`
	Sources         []Source      `yaml:"sources"`
	Nonce           string        `yaml:"nonce"`
	Stamp           bool          `yaml:"stamp"`
	Timeout         time.Duration `yaml:"timeout"`
	Refresh         time.Duration `yaml:"refresh"`
	MaxCRL          int64         `yaml:"max_crl_bytes"`
	TestIdentifiers bool          `yaml:"test_identifiers"`
}

// ReadTrust reads a folder of trust: certificates of roots in roots/, of what stands between them and
// people in intermediates/ (*.pem, *.cer, *.crt, *.der), and trust.yaml, which says whom to ask and how.
// The intermediates and the file may be missing. Now is left to the caller.
func ReadTrust(dir string) (Config, error) {
	c, err := readTrust(dir)
	if err != nil {
		return Config{}, fmt.Errorf("trust %s: %w", dir, err)
	}
	return c, nil
}

func readTrust(dir string) (Config, error) {
	roots, err := readCertificates(filepath.Join(dir, "roots"))
	if err != nil {
		return Config{}, err
	}
	between, err := readCertificates(filepath.Join(dir, "intermediates"))
	if err != nil {
		return Config{}, err
	}
	trust, err := NewTrust(roots, between)
	if err != nil {
		return Config{}, err
	}
	s, err := readSettings(filepath.Join(dir, "trust.yaml"))
	if err != nil {
		return Config{}, err
	}
	trust.AnyDigits = s.TestIdentifiers
	c := Config{Trust: trust, Stamp: s.Stamp, Network: Network{
		Hosts: map[string]string{}, OCSP: s.OCSP, CRLs: s.CRLs, TSP: s.TSP, Sources: s.Sources,
		NeedNonce: s.Nonce == "required", Timeout: s.Timeout, Refresh: s.Refresh, MaxCRL: s.MaxCRL,
	}}
	for _, h := range s.Hosts {
		c.Network.Hosts[h.Host] = h.URL
	}
	return c, nil
}

func readSettings(file string) (settings, error) {
	var s settings
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, &s, yaml.Strict())
	}
	switch {
	case err != nil:
	case s.Nonce != "" && s.Nonce != "optional" && s.Nonce != "required":
		err = fmt.Errorf("nonce is optional or required, not %q", s.Nonce)
	case s.Stamp && s.TSP == "":
		err = errors.New("stamp needs tsp, the address of a timestamp authority")
	case s.Timeout < 0 || s.Refresh < 0 || s.MaxCRL < 0:
		err = errors.New("timeout, refresh and max_crl_bytes are not negative")
	}
	if err != nil {
		return settings{}, fmt.Errorf("%s: %w: %w", filepath.Base(file), domain.ErrInvalid, err)
	}
	return s, nil
}

// readCertificates reads the certificates of a folder, in the order of its names.
func readCertificates(dir string) ([]*x509.Certificate, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for _, e := range entries {
		if !slices.Contains([]string{".pem", ".cer", ".crt", ".der"}, filepath.Ext(e.Name())) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found, err := parseCertificates(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", e.Name(), domain.ErrInvalid, err)
		}
		all = append(all, found...)
	}
	return all, nil
}
