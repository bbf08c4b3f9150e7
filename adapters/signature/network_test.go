package signature_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// A service that does not answer, or not as it should, is waited for. It never makes a signature invalid.
func TestUnreachable(t *testing.T) {
	p := newPKI(t)
	cms := p.sign(p.person(), message, signature.Signing{})
	elsewhere := httptest.NewServer(p) // the same answers, at an address that nobody configured
	t.Cleanup(elsewhere.Close)
	answers := map[string]http.HandlerFunc{
		"an error": unavailable,
		"nothing in time": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or nobody would notice that the client goes away
			<-r.Context().Done()
		},
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write(make([]byte, 1<<10))
			}
		},
		"a redirect to a private address": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		},
		"a redirect to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, p.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"a cut connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	short := func(c *signature.Config) { c.Network.Timeout, c.Network.MaxCRL = 200*time.Millisecond, 64<<10 }
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			p.handle("/ocsp", answer)
			p.handle("/issuing.crl", answer)
			verdict, evidence, err := p.verifier(short).Verify(t.Context(), claim(cms))
			want(t, verdict, signature.Pending, signature.OCSPUnreachable)
			var undecided *signature.Undecided
			if !errors.Is(err, domain.ErrUnavailable) || !errors.As(err, &undecided) || undecided.Reason != signature.OCSPUnreachable || evidence != nil {
				t.Errorf("%v, evidence %v", err, evidence)
			}
			verdict, _ = judge(t, p.verifier(short, sources(signature.CRL)), claim(cms))
			want(t, verdict, signature.Pending, signature.CRLUnreachable)
		})
	}
	p.handle("/ocsp", p.ocsp)
	p.handle("/issuing.crl", p.crl(&p.issuing, &p.revoked))
	verdict, _ := judge(t, p.verifier(), claim(cms)) // the same claim goes on by itself
	want(t, verdict, signature.Valid, "")
	for _, asked := range []string{"/ocsp", "/issuing.crl"} {
		if n := p.times(asked); n == 0 {
			t.Errorf("%s was never asked", asked)
		}
	}
}

// Certificates come from outside: nobody but configured hosts is asked, whatever they name.
func TestHosts(t *testing.T) {
	p := newPKI(t)
	named := func(ocsp string) []byte {
		return p.sign(p.person(func(t *x509.Certificate) {
			t.OCSPServer, t.CRLDistributionPoints = []string{ocsp}, []string{ocsp}
		}), message, signature.Signing{})
	}
	port := p.host()[strings.LastIndex(p.host(), ":"):]
	tests := []struct {
		why, named string
		hosts      map[string]string
		want       signature.Reason
	}{
		{"not configured", p.server.URL + "/ocsp", map[string]string{"ocsp.example": ""}, signature.HostRefused},
		{"another port", "http://127.0.0.1:1/ocsp", map[string]string{p.host(): ""}, signature.HostRefused},
		{"configured", p.server.URL + "/ocsp", map[string]string{p.host(): ""}, ""},
		{"configured with its address", p.server.URL + "/ocsp", map[string]string{p.host(): p.server.URL}, ""},
		{"a name, reached at an address", "http://OCSP.example:80/ocsp", map[string]string{"ocsp.example": p.server.URL, p.host(): ""}, ""},
		{"a mirror with a path", "http://ocsp.example", map[string]string{"ocsp.example": p.server.URL + "/ocsp", p.host(): ""}, ""},
		{"a name that leads to a private address", "http://localhost" + port + "/ocsp", map[string]string{"localhost" + port: ""}, signature.HostRefused},
		{"another kind of address", "ldap://" + p.host() + "/ocsp", map[string]string{p.host(): ""}, signature.HostRefused},
		{"with a password", "http://user:word@" + p.host() + "/ocsp", map[string]string{p.host(): ""}, signature.HostRefused},
		{"no address", "http://[", map[string]string{p.host(): ""}, signature.HostRefused},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			before := p.times("/ocsp")
			hosts := func(c *signature.Config) {
				c.Network.Hosts = tt.hosts
			}
			verdict, _ := judge(t, p.verifier(hosts), claim(named(tt.named)))
			if tt.want == "" {
				want(t, verdict, signature.Valid, "")
				return
			}
			want(t, verdict, signature.Pending, tt.want)
			if tt.want == signature.HostRefused && p.times("/ocsp") != before {
				t.Error("it was asked")
			}
		})
	}
}

// What a certificate does not name is asked where the configuration says.
func TestConfiguredServices(t *testing.T) {
	p := newPKI(t)
	silent := p.person(func(t *x509.Certificate) { t.CRLDistributionPoints, t.OCSPServer = []string{}, nil })
	cms := p.sign(silent, message, signature.Signing{})
	verdict, _ := judge(t, p.verifier(), claim(cms))
	want(t, verdict, signature.Pending, signature.StatusUnknown)
	for _, source := range []signature.Source{signature.OCSP, signature.CRL} {
		verdict, evidence := judge(t, p.verifier(func(c *signature.Config) {
			c.Network.OCSP, c.Network.CRLs = p.server.URL+"/ocsp", []string{p.server.URL + "/root.crl", p.server.URL + "/issuing.crl"}
			c.Network.Sources = []signature.Source{source, signature.CRL}
		}), claim(cms))
		want(t, verdict, signature.Valid, "")
		if got := evidence.Statuses[0].Source; got != source {
			t.Errorf("relied on %s, want %s", got, source)
		}
	}
}

// An issuer that neither the CMS nor the configuration has is fetched from where the certificate says.
func TestFetchedIssuer(t *testing.T) {
	p := newPKI(t)
	alone := func(c *signature.Config) {
		c.Trust = must(signature.NewTrust([]*x509.Certificate{p.root.Certificate}, nil))
	}
	at := func(path string) []byte {
		return craft(p.person(func(t *x509.Certificate) { t.IssuingCertificateURL = []string{p.server.URL + path} }))
	}
	verdict, evidence := judge(t, p.verifier(alone), claim(at("/issuing.cer")))
	want(t, verdict, signature.Valid, "")
	recheck(t, p, evidence, verdict)
	for path, reason := range map[string]signature.Reason{"/nothing": signature.IssuerUnknown, "/ocsp": signature.IssuerUnreachable, "/root.crl": signature.IssuerUnknown} {
		p.handle("/ocsp", unavailable)
		verdict, _ := judge(t, p.verifier(alone), claim(at(path)))
		if verdict.Reason != reason {
			t.Errorf("%s: %s %s, want %s", path, verdict.Outcome, verdict.Reason, reason)
		}
	}
	verdict, _ = judge(t, p.verifier(alone, func(c *signature.Config) { c.Network.Hosts = nil }), claim(at("/issuing.cer")))
	want(t, verdict, signature.Invalid, signature.IssuerUnknown)
}

// A list is fetched once while it is in force, also for many at a time, and again when it is not.
func TestListsAreKept(t *testing.T) {
	p := newPKI(t)
	v := p.verifier(sources(signature.CRL))
	c := claim(p.sign(p.person(), message, signature.Signing{}))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if verdict, _, err := v.Verify(t.Context(), c); verdict.Outcome != signature.Valid {
				t.Errorf("%+v, %v", verdict, err)
			}
		})
	}
	all.Wait()
	if n := p.times("/issuing.crl"); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	step := func(at time.Duration, wantTimes int, wantOutcome signature.Outcome) {
		t.Helper()
		p.at(now.Add(at))
		verdict, _ := judge(t, v, c)
		if n := p.times("/issuing.crl"); n != wantTimes || verdict.Outcome != wantOutcome {
			t.Errorf("after %s fetched %d times, %s %s; want %d, %s", at, n, verdict.Outcome, verdict.Reason, wantTimes, wantOutcome)
		}
	}
	step(59*time.Minute, 1, signature.Valid)
	step(61*time.Minute, 2, signature.Valid)
	p.handle("/issuing.crl", unavailable)
	step(3*time.Hour, 3, signature.Valid)                // the one at hand is in force
	step(3*time.Hour+5*time.Second, 3, signature.Valid)  // and is not asked for at once again
	step(3*time.Hour+11*time.Second, 4, signature.Valid) // but soon
	step(26*time.Hour, 5, signature.Pending)
	step(26*time.Hour+5*time.Second, 5, signature.Pending)
	p.handle("/issuing.crl", p.crl(&p.issuing, &p.revoked))
	step(26*time.Hour+20*time.Second, 6, signature.Valid)
}

// An old list that is played back does not take the place of a newer one.
func TestOldListIsNotTaken(t *testing.T) {
	p := newPKI(t)
	k := p.person()
	record := httptest.NewRecorder()
	p.crl(&p.issuing, &p.revoked)(record, nil)
	before := record.Body.Bytes()
	p.revoke(k, now.Add(-time.Hour), 1)
	p.list = func(l *x509.RevocationList) signature.Key {
		l.Number.Add(l.Number, big.NewInt(1))
		return map[bool]signature.Key{true: p.issuing, false: p.root}[len(l.RevokedCertificateEntries) > 0]
	}
	v := p.verifier(sources(signature.CRL))
	c := claim(p.sign(k, message, signature.Signing{}))
	verdict, _ := judge(t, v, c)
	want(t, verdict, signature.Invalid, signature.Revoked)
	p.at(now.Add(2 * time.Hour))
	p.handle("/issuing.crl", bytesHandler(func() []byte { return before }))
	verdict, _ = judge(t, v, c)
	want(t, verdict, signature.Invalid, signature.Revoked)
}

// A caller that gives up does not leave its failure to the others.
func TestGivingUp(t *testing.T) {
	p := newPKI(t)
	v := p.verifier(sources(signature.CRL))
	c := claim(p.sign(p.person(), message, signature.Signing{}))
	ctx, cancel := context.WithCancel(t.Context())
	p.handle("/issuing.crl", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	_, _, err := v.Verify(ctx, c)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	p.handle("/issuing.crl", p.crl(&p.issuing, &p.revoked))
	verdict, _ := judge(t, v, c)
	want(t, verdict, signature.Valid, "")
}

func TestBadConfiguration(t *testing.T) {
	p := newPKI(t)
	for name, change := range map[string]func(*signature.Config){
		"no address":        func(c *signature.Config) { c.Network.OCSP = "ocsp.example" },
		"another scheme":    func(c *signature.Config) { c.Network.TSP = "ftp://ocsp.example" },
		"a host's":          func(c *signature.Config) { c.Network.Hosts["x"] = "x" },
		"an unknown source": func(c *signature.Config) { c.Network.Sources = []signature.Source{"oracle"} },
	} {
		c := p.config()
		change(&c)
		if _, err := signature.New(c); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signature.NewTrust(nil, nil); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no root: %v", err)
	}
	if _, err := signature.NewTrust([]*x509.Certificate{p.person().Certificate}, nil); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("a person as root: %v", err)
	}
}
