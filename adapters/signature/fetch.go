package signature

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// fetcher asks the services that certificates name, and no others: a certificate comes from outside,
// and what it says must not make the registry knock on doors. A host is reached only where the
// configuration has it, at the address that the configuration gives; an answer that leads elsewhere
// is none; names that lead to private addresses are refused. An address given in numbers is where the
// operator wants it.
type fetcher struct {
	hosts   map[string]*url.URL // by host as certificates name it, with its port where that is not the usual one
	client  *http.Client
	timeout time.Duration
}

var (
	errHost     = errors.New("not a configured host")
	errRedirect = errors.New("it leads elsewhere")
	errAbsent   = errors.New("there is nothing at the address")
)

// newFetcher makes a fetcher of the addresses by host. An empty address is the host itself, by whatever
// scheme a certificate names.
func newFetcher(hosts map[string]string, timeout time.Duration) (*fetcher, error) {
	f := &fetcher{hosts: map[string]*url.URL{}, timeout: timeout}
	private := map[netip.AddrPort]bool{}
	for host, address := range hosts {
		base, err := parseBase(cmp.Or(address, "http://"+host))
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", host, err)
		}
		if ip, err := netip.ParseAddr(base.Hostname()); err == nil {
			private[netip.AddrPortFrom(ip.Unmap(), portOf(base))] = true
		}
		if address == "" {
			base = nil
		}
		f.hosts[hostKey(host)] = base
	}
	dialer := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !private[netip.AddrPortFrom(to.Addr().Unmap(), to.Port())] && !public(to.Addr().Unmap()) {
			return fmt.Errorf("a private address: %w", errHost)
		}
		return nil
	}}
	f.client = &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirect },
	}
	return f, nil
}

// hostKey is the host in small letters, without a port that goes without saying.
func hostKey(host string) string {
	host = strings.ToLower(host)
	return strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")
}

func parseBase(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no address: %w", address, domain.ErrInvalid)
	}
	return u, nil
}

// portOf is the port of the address.
func portOf(u *url.URL) uint16 {
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// notPublic are the networks besides those that the standard library knows as private, loopback and so
// on.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// target is where the address that a certificate names is reached.
func (f *fetcher) target(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return "", fmt.Errorf("an address of another kind: %w", errHost)
	}
	base, ok := f.hosts[hostKey(u.Host)]
	if !ok {
		return "", fmt.Errorf("%s: %w", u.Host, errHost)
	}
	if base == nil {
		return address, nil
	}
	to := *base
	to.Path, to.RawQuery = strings.TrimSuffix(base.Path, "/")+u.Path, u.RawQuery
	return to.String(), nil
}

// get fetches what is at the address, at most limit bytes.
func (f *fetcher) get(ctx context.Context, address string, limit int64) ([]byte, error) {
	return f.do(ctx, http.MethodGet, address, "", nil, limit)
}

// post asks the question at the address.
func (f *fetcher) post(ctx context.Context, address, media string, question []byte, limit int64) ([]byte, error) {
	return f.do(ctx, http.MethodPost, address, media, question, limit)
}

func (f *fetcher) do(ctx context.Context, method, address, media string, body []byte, limit int64) ([]byte, error) {
	to, err := f.target(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %w", to, errAbsent)
	default:
		return nil, fmt.Errorf("%s answers with status %d", to, resp.StatusCode)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(answer)) > limit {
		err = fmt.Errorf("%s answers with more than %d bytes", to, limit)
	}
	return answer, err
}
