package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/domain"
)

// keysCmd makes the certificates by which the servers around a log know each other and who may use them. It
// can be run again: what is there stays, but for what nears its end.
type keysCmd struct {
	Dir    string   `arg:"" help:"Folder of the files, made where it does not exist."`
	Server []string `placeholder:"NAME" env:"-" help:"Names or addresses of the servers that keep the log, each with a certificate of its own."`
	Client []string `placeholder:"NAME" env:"-" help:"Users of those servers, such as tizilim and operator: the name is the subject of the certificate."`
	Site   []string `placeholder:"NAME" env:"-" help:"Names under which browsers reach the registry: all in one certificate of an authority of its own, site.pem with its key, for a proxy until it has one that browsers know."`
	Life   int      `default:"825" placeholder:"DAYS" env:"-" help:"How long a certificate is good. One with less than a third of it left is made anew, with the same authority."`
}

// Help says what comes out.
func (keysCmd) Help() string {
	return `ca.pem is the authority's certificate and ca-key.pem its key, which only this command needs: whoever has it can
let anybody in. Each server and client has NAME.pem and NAME-key.pem. The files are the caller's, and
nobody else can read them. The names go into the certificates as they are given.`
}

// Run makes what is not there.
func (c keysCmd) Run(out io.Writer) error {
	if c.Life < 1 {
		return fmt.Errorf("--life %d: at least a day: %w", c.Life, domain.ErrInvalid)
	}
	m := &keyMaker{dir: c.Dir, out: out, now: time.Now(), life: time.Duration(c.Life) * 24 * time.Hour}
	if err := m.check(slices.Concat(c.Server, c.Client)); err != nil {
		return err
	}
	ca, err := m.authority("ca", "Tizilim cluster")
	if err != nil {
		return err
	}
	for _, name := range c.Server {
		if err := m.leaf(ca, name, []string{name}, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth); err != nil { // nodes are each other's clients
			return err
		}
	}
	for _, name := range c.Client {
		if err := m.leaf(ca, name, nil, x509.ExtKeyUsageClientAuth); err != nil {
			return err
		}
	}
	if len(c.Site) == 0 {
		return nil
	}
	// The cluster takes a certificate of its authority for a user's. The site's must not be one.
	site, err := m.authority("site-ca", "Tizilim site")
	if err != nil {
		return err
	}
	if err := m.leaf(site, "site", c.Site, x509.ExtKeyUsageServerAuth); err != nil {
		return err
	}
	return m.both("site")
}

// keyMaker makes keys and certificates in a folder.
type keyMaker struct {
	dir  string
	out  io.Writer
	now  time.Time
	life time.Duration
}

// signer is an authority. Its key is nil while that is kept elsewhere.
type signer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authorityLife is how long an authority is good: a new one has to be brought to every server at once.
const authorityLife = 20 * 365 * 24 * time.Hour

var keyNames = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// check is domain.ErrInvalid for names that are no names of files, or there twice.
func (m *keyMaker) check(names []string) error {
	for i, name := range names {
		taken := slices.Contains([]string{"ca", "site", "site-ca"}, name) || strings.HasSuffix(name, "-key") || strings.HasSuffix(name, "-both")
		if !keyNames.MatchString(name) || taken || slices.Contains(names[:i], name) {
			return fmt.Errorf("%q: small letters, digits, '.' and '-', none of ca, site and site-ca, none that ends in -key or -both, and none twice: %w", name, domain.ErrInvalid)
		}
	}
	return nil
}

func (m *keyMaker) cert(name string) string { return filepath.Join(m.dir, name+".pem") }
func (m *keyMaker) key(name string) string  { return filepath.Join(m.dir, name+"-key.pem") }

// authority reads an authority, and makes it where there is none. Another one in the place of one that is
// there in part would lock everybody out. Its key may be kept elsewhere while nothing has to be signed.
func (m *keyMaker) authority(name, title string) (signer, error) {
	text, certErr := os.ReadFile(m.cert(name))
	secret, keyErr := os.ReadFile(m.key(name))
	switch {
	case errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist):
		template := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: title}}
		return m.make(name, template, nil, authorityLife)
	case certErr != nil:
		return signer{}, fmt.Errorf("authority (to begin with another one, remove %s): %w", m.key(name), certErr)
	}
	cert, err := parseCert(text)
	if err != nil {
		return signer{}, fmt.Errorf("%s: %w", m.cert(name), err)
	}
	if errors.Is(keyErr, fs.ErrNotExist) {
		return signer{cert: cert}, nil
	}
	if keyErr != nil {
		return signer{}, fmt.Errorf("authority: %w", keyErr)
	}
	key, err := parseKey(secret)
	if err == nil && !key.PublicKey.Equal(cert.PublicKey) {
		err = fmt.Errorf("it is not the key of %s: %w", m.cert(name), domain.ErrDamaged)
	}
	if err != nil {
		return signer{}, fmt.Errorf("%s: %w", m.key(name), err)
	}
	return signer{cert, key}, nil
}

// leaf makes a certificate where there is none that is good for long enough.
func (m *keyMaker) leaf(ca signer, name string, hosts []string, usages ...x509.ExtKeyUsage) error {
	if m.good(ca, name, hosts) {
		return nil
	}
	if ca.key == nil {
		return fmt.Errorf("%s: bring the authority's key back, it has to be signed: %w", m.cert(name), domain.ErrNotFound)
	}
	template := &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usages, Subject: pkix.Name{CommonName: name}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	_, err := m.make(name, template, &ca, m.life)
	return err
}

// good reports whether the certificate is the authority's, for all of the hosts, with its key, and not near
// its end.
func (m *keyMaker) good(ca signer, name string, hosts []string) bool {
	text, err := os.ReadFile(m.cert(name))
	if err != nil {
		return false
	}
	secret, err := os.ReadFile(m.key(name))
	if err != nil {
		return false
	}
	cert, err := parseCert(text)
	if err != nil || cert.CheckSignatureFrom(ca.cert) != nil || m.now.After(cert.NotAfter.Add(-m.life/3)) {
		return false
	}
	for _, host := range hosts {
		if cert.VerifyHostname(host) != nil {
			return false
		}
	}
	key, err := parseKey(secret)
	return err == nil && key.PublicKey.Equal(cert.PublicKey)
}

// make makes a key and its certificate, signed by the authority, or by itself where there is none. The key is
// written first: a crash leaves a pair that is not good and is made anew, but for an authority, of which
// the next run says what to do.
func (m *keyMaker) make(name string, template *x509.Certificate, ca *signer, life time.Duration) (s signer, err error) {
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return s, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return s, err
	}
	template.NotBefore, template.NotAfter = m.now.Add(-time.Hour), m.now.Add(life)
	by := signer{template, s.key}
	if ca != nil {
		by = *ca
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, s.key.Public(), by.key)
	if err != nil {
		return s, err
	}
	if s.cert, err = x509.ParseCertificate(der); err != nil {
		return s, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		return s, err
	}
	if err := disk.WriteFile(m.key(name), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return s, err
	}
	if err := disk.WriteFile(m.cert(name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		return s, err
	}
	_, err = fmt.Fprintf(m.out, "%s, until %s\n", m.cert(name), s.cert.NotAfter.Format(time.DateOnly))
	return s, err
}

// both puts certificate and key into one file, NAME-both.pem, as some proxies want them.
func (m *keyMaker) both(name string) error {
	text, err := os.ReadFile(m.cert(name))
	if err != nil {
		return err
	}
	secret, err := os.ReadFile(m.key(name))
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(m.dir, name+"-both.pem"), append(text, secret...))
}

func parseCert(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no certificate: %w", domain.ErrDamaged)
	}
	return x509.ParseCertificate(block.Bytes)
}

func parseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no key: %w", domain.ErrDamaged)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*ecdsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("%T is no key that was made here: %w", key, domain.ErrDamaged)
}
