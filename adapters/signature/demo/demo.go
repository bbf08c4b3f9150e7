// Package demo is a stand-in for the National Certification Authority: a real certificate authority with a
// real HTTP service, in whose certificates nobody's identity was ever checked. All its names say so.
//
//	GET  /root.cer, /issuing.cer               certificates of the authority
//	GET  /root.crl, /issuing.crl               lists of revoked certificates
//	GET  /issuing-delta.crl                    what was revoked since the last full list
//	POST /ocsp                                 status of a certificate (RFC 6960)
//	POST /tsp                                  timestamps (RFC 3161)
//	POST /revoke                               serial=… [reason=…]: revokes a certificate, for everybody who asks to
//
// Read demo.go (the folder and the doors), certificate.go (what a certificate looks like), holder.go (who
// gets keys), crl.go, ocsp.go and tsp.go. Certificates have the form of the real authority's: IIN in
// serialNumber, BIN in OU, roles as extended key usages, a key for signing and another for logging in.
//
// Everything is in a folder and the same after a restart:
//
//	authority/         the authority's own keys, its records, its last full list
//	trust/             what whoever verifies needs: package signature's ReadTrust reads it
//	keys/HOLDER/       sign.p12, auth.p12 (the password is in keys/password), sign.pem, auth.pem
package demo

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// Password opens every PKCS#12 file of the demonstration.
const Password = "demo"

// Config is what an authority needs.
type Config struct {
	Dir string
	URL string // where the service is reached now, without a slash at the end
	// Now is the time of what the services say.
	Now func() time.Time
	// Terms is the time from which the terms of certificates that are made now are reckoned; they begin
	// a year before it. Now where zero.
	Terms time.Time
	// Logger is told of faults of the service.
	Logger *slog.Logger
}

// Authority issues certificates and tells what became of them. It may be used by many goroutines at once.
type Authority struct {
	config Config
	named  string // the address that certificates name: that of the first start
	mux    *http.ServeMux

	root, issuing, responder, stamper signature.Key

	mu      sync.Mutex // protects what follows, and the order of lines in the records
	issued  map[string]issued
	revoked map[string]revoked
}

// Open opens the authority in the folder, and founds it where there is none.
func Open(c Config) (*Authority, error) {
	if c.Terms.IsZero() {
		c.Terms = c.Now()
	}
	a := &Authority{config: c, mux: http.NewServeMux()}
	if err := a.open(); err != nil {
		return nil, fmt.Errorf("open demo certificate authority: %w", err)
	}
	a.mux.HandleFunc("GET /{$}", about)
	a.mux.HandleFunc("GET /root.cer", a.certificate(a.root.Certificate))
	a.mux.HandleFunc("GET /issuing.cer", a.certificate(a.issuing.Certificate))
	a.mux.HandleFunc("GET /root.crl", a.rootList)
	a.mux.HandleFunc("GET /issuing.crl", a.fullList)
	a.mux.HandleFunc("GET /issuing-delta.crl", a.deltaList)
	a.mux.HandleFunc("POST /ocsp", a.ocsp)
	a.mux.HandleFunc("POST /tsp", a.tsp)
	a.mux.HandleFunc("POST /revoke", a.revokePosted)
	return a, nil
}

func (a *Authority) open() (err error) {
	if _, err := url.Parse(a.config.URL); err != nil || a.config.URL == "" {
		return fmt.Errorf("its address %q: %w", a.config.URL, domain.ErrInvalid)
	}
	if a.named, err = a.once("authority/url", func() ([]byte, error) { return []byte(a.config.URL), nil }); err != nil {
		return err
	}
	if err := a.openRecords(); err != nil {
		return err
	}
	for _, own := range []struct {
		name string
		key  *signature.Key
		make func() (signature.Key, error)
	}{
		{"root", &a.root, a.newRoot}, {"issuing", &a.issuing, a.newIssuing},
		{"ocsp", &a.responder, a.newResponder}, {"tsp", &a.stamper, a.newStamper},
	} {
		text, err := a.once("authority/"+own.name+".pem", func() ([]byte, error) {
			k, err := own.make()
			if err != nil {
				return nil, err
			}
			return k.WritePEM()
		})
		if err != nil {
			return err
		}
		if *own.key, err = signature.ReadKey([]byte(text), ""); err != nil {
			return fmt.Errorf("%s.pem: %w: %w", own.name, domain.ErrDamaged, err)
		}
	}
	if _, err := a.once("keys/password", func() ([]byte, error) { return []byte(Password + "\n"), nil }); err != nil {
		return err
	}
	return a.writeTrust()
}

// once reads the file, made where it does not exist.
func (a *Authority) once(name string, make func() ([]byte, error)) (string, error) {
	file := filepath.Join(a.config.Dir, filepath.FromSlash(name))
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = make(); err == nil {
			err = writeFile(file, text)
		}
	}
	return string(text), err
}

// TrustDir is the folder for whoever verifies.
func (a *Authority) TrustDir() string { return filepath.Join(a.config.Dir, "trust") }

// URL is the address of the service.
func (a *Authority) URL() string { return a.config.URL }

// TSP is the address of the timestamp authority.
func (a *Authority) TSP() string { return a.config.URL + "/tsp" }

// writeTrust writes the folder for whoever verifies. The service may have moved since certificates
// named its address.
func (a *Authority) writeTrust() error {
	u, err := url.Parse(strings.TrimSpace(a.named))
	if err != nil {
		return fmt.Errorf("authority/url: %w: %w", domain.ErrDamaged, err)
	}
	text := fmt.Sprintf(`# The demonstration's certificate authority. It checked nobody's identity.
hosts:
  - {host: %q, url: %q}
tsp: %q
sources: [ocsp, crl]
refresh: 1m
`, u.Host, a.config.URL, a.TSP())
	return errors.Join(
		writeFile(filepath.Join(a.TrustDir(), "roots", "demo-root.pem"), certificatePEM(a.root.Certificate)),
		writeFile(filepath.Join(a.TrustDir(), "intermediates", "demo-issuing.pem"), certificatePEM(a.issuing.Certificate)),
		writeFile(filepath.Join(a.TrustDir(), "trust.yaml"), []byte(text)))
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// maxBody bounds a request, in bytes.
const maxBody = 64 << 10

// ServeHTTP serves the authority. A page of another site cannot revoke in somebody's name.
func (a *Authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	new(http.CrossOriginProtection).Handler(a.mux).ServeHTTP(w, r)
}

// about says what this is to whoever comes here with a browser.
func about(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, `Demo certificate authority. It checked nobody's identity: its certificates prove nothing.

GET  /root.cer /issuing.cer                        certificates
GET  /root.crl /issuing.crl /issuing-delta.crl     revoked certificates
POST /ocsp                                         status of a certificate
POST /tsp                                          timestamps
POST /revoke                                       serial=HEX revokes a certificate
`)
}

func (a *Authority) certificate(c *x509.Certificate) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, "application/pkix-cert", c.Raw) }
}

func reply(w http.ResponseWriter, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(body) // an error here is a client that went away
}

// broken answers where the authority cannot.
func (a *Authority) broken(w http.ResponseWriter, err error) {
	a.config.Logger.Error("demo certificate authority", "error", err)
	http.Error(w, "unavailable", http.StatusServiceUnavailable)
}

// writeFile writes a file that only its owner may read, whole or not at all.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already where all went well
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
