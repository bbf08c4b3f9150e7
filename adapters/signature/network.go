package signature

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Source is where it is asked whether a certificate was revoked.
type Source string

// The sources.
const (
	OCSP Source = "ocsp"
	CRL  Source = "crl"
)

// Network says whom to ask, and how.
type Network struct {
	// Hosts are the hosts that certificates may name, "ocsp.example" or "127.0.0.1:8085", each with the
	// address that it is reached at: empty for itself, or a mirror's, which may have a path. A private
	// address has to be given in numbers.
	Hosts map[string]string
	// OCSP and CRLs are asked about certificates that name none, TSP gives timestamps. They are
	// configured, so their hosts need not be in Hosts.
	OCSP string
	CRLs []string
	TSP  string
	// Sources are asked in this order until one gives a sound answer; none means OCSP, then CRL.
	Sources []Source
	// NeedNonce refuses OCSP answers without the question's nonce.
	NeedNonce bool
	// Timeout bounds each question, 5 s where 0; MaxCRL bounds a list in bytes, 64 MiB where 0;
	// Refresh is how long a list is used before it is fetched again though it still is in force, an
	// hour where 0.
	Timeout time.Duration
	MaxCRL  int64
	Refresh time.Duration
}

// What Network leaves open.
const (
	defaultTimeout = 5 * time.Second
	defaultMaxCRL  = 64 << 20
	defaultRefresh = time.Hour
	maxAnswer      = 64 << 10 // of every other service, in bytes
)

// world is what judging needs beside the signature. One is the network, the other the evidence of a
// judgment that was made before (recheck.go). Each method fails with errNotAsked where it has nobody
// to ask, and with *Undecided where who is asked does not answer.
type world interface {
	issuer(ctx context.Context, c *x509.Certificate) (*x509.Certificate, error)
	ocsp(ctx context.Context, c, issuer *x509.Certificate) (*ocspAnswer, error)
	crl(ctx context.Context, c, issuer *x509.Certificate) (pair, error)
	// stamp gets a timestamp over the value.
	stamp(ctx context.Context, value []byte) ([]byte, error)
}

var errNotAsked = errors.New("nobody to ask")

// network is the world outside.
type network struct {
	Network
	fetcher *fetcher
	now     func() time.Time
	lists   *lists
}

func newNetwork(n Network, now func() time.Time) (*network, error) {
	n.Timeout, n.MaxCRL, n.Refresh = cmp.Or(n.Timeout, defaultTimeout), cmp.Or(n.MaxCRL, defaultMaxCRL), cmp.Or(n.Refresh, defaultRefresh)
	if n.Sources == nil {
		n.Sources = []Source{OCSP, CRL}
	}
	for _, s := range n.Sources {
		if s != OCSP && s != CRL {
			return nil, fmt.Errorf("source %q of certificates' status: %w", s, domain.ErrInvalid)
		}
	}
	hosts := map[string]string{}
	for _, address := range append([]string{n.OCSP, n.TSP}, n.CRLs...) {
		if address == "" {
			continue
		}
		u, err := parseBase(address)
		if err != nil {
			return nil, err
		}
		hosts[u.Host] = ""
	}
	for host, address := range n.Hosts {
		hosts[host] = address
	}
	f, err := newFetcher(hosts, n.Timeout)
	if err != nil {
		return nil, err
	}
	w := &network{Network: n, fetcher: f, now: now}
	w.lists = newLists(w.fetchCRL, now, n.Refresh)
	return w, nil
}

// ask tries the addresses in turn. The reason is what a failure of all comes to; a host that is not
// configured is told as such where no other failed.
func ask[T any](addresses []string, reason Reason, one func(address string) (T, error)) (T, error) {
	var none T
	var failed error
	for _, address := range addresses {
		answer, err := one(address)
		if err == nil {
			return answer, nil
		}
		if failed == nil || errors.Is(failed, errHost) {
			failed = err
		}
	}
	var undecided *Undecided
	switch {
	case failed == nil:
		return none, errNotAsked
	case errors.As(failed, &undecided):
		return none, undecided
	case errors.Is(failed, errHost):
		return none, Pend(HostRefused, failed)
	}
	return none, Pend(reason, failed)
}

// issuer fetches the certificate of the issuer from where the certificate says it is. Whoever made a
// certificate up can name what is not configured, or not there: that is nobody to ask.
func (n *network) issuer(ctx context.Context, c *x509.Certificate) (*x509.Certificate, error) {
	issuer, err := ask(c.IssuingCertificateURL, IssuerUnreachable, func(address string) (*x509.Certificate, error) {
		raw, err := n.fetcher.get(ctx, address, maxAnswer)
		if err != nil {
			return nil, err
		}
		found, err := parseCertificates(raw)
		if err != nil || !bytes.Equal(found[0].RawSubject, c.RawIssuer) {
			return nil, errAbsent
		}
		return found[0], nil
	})
	if errors.Is(err, errHost) || errors.Is(err, errAbsent) {
		return nil, errNotAsked
	}
	return issuer, err
}

// ocsp asks about the certificate.
func (n *network) ocsp(ctx context.Context, c, issuer *x509.Certificate) (*ocspAnswer, error) {
	if !slices.Contains(n.Sources, OCSP) {
		return nil, errNotAsked
	}
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	question, err := ocspQuestion(c, issuer, nonce)
	if err != nil {
		return nil, err
	}
	return ask(orOne(c.OCSPServer, n.OCSP), OCSPUnreachable, func(address string) (*ocspAnswer, error) {
		raw, err := n.fetcher.post(ctx, address, "application/ocsp-request", question, maxAnswer)
		return &ocspAnswer{raw: raw, nonce: nonce, url: address, fetched: n.now().UTC()}, err
	})
}

func orOne(named []string, configured string) []string {
	if len(named) == 0 && configured != "" {
		return []string{configured}
	}
	return named
}

// crl is the lists for the certificate: the full one, and its delta where one is named and can be
// had. Without the delta the full list still is a sound answer while its own term lasts.
func (n *network) crl(ctx context.Context, c, issuer *x509.Certificate) (pair, error) {
	if !slices.Contains(n.Sources, CRL) {
		return pair{}, errNotAsked
	}
	addresses := c.CRLDistributionPoints
	if len(addresses) == 0 {
		addresses = n.CRLs
	}
	get := func(address string) (*crl, error) { return n.lists.get(ctx, address, issuer) }
	full, err := ask(addresses, CRLUnreachable, get)
	if err != nil {
		return pair{}, err
	}
	deltas := freshest(c.Extensions)
	if len(deltas) == 0 {
		deltas = freshest(full.list.Extensions)
	}
	delta, err := ask(deltas, CRLUnreachable, get)
	if err != nil || (pair{full, delta}).sound(c, issuer, n.now()) != nil {
		return pair{full: full}, nil
	}
	return pair{full, delta}, nil
}

func (n *network) fetchCRL(ctx context.Context, address string) ([]byte, error) {
	return n.fetcher.get(ctx, address, n.MaxCRL)
}

// stamp asks the timestamp authority.
func (n *network) stamp(ctx context.Context, value []byte) ([]byte, error) {
	question, nonce, err := stampQuestion(value)
	if err != nil {
		return nil, err
	}
	answer, err := ask(orOne(nil, n.TSP), TSPUnreachable, func(address string) ([]byte, error) {
		return n.fetcher.post(ctx, address, "application/timestamp-query", question, maxAnswer)
	})
	if err != nil {
		return nil, err
	}
	raw, err := stampAnswer(answer, value, nonce)
	if err != nil {
		return nil, Pend(TSPUnsound, err)
	}
	return raw, nil
}
