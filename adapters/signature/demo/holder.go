package demo

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// Holder is somebody who gets keys: a person, or a person of an organization.
type Holder struct {
	ID           string // the folder of the keys
	Surname      string
	GivenName    string
	Patronymic   string
	IIN          string
	BIN          string // with Organization and a role in it, for a person of an organization
	Organization string
	Role         signature.Role
	// RSA gives RSA keys, as the real authority's are; the others' are ECDSA, which are made faster.
	RSA bool
	// Fate is what is wrong with the certificates.
	Fate Fate
}

// Fate is what befell certificates before anybody used them.
type Fate string

// The fates. The zero one is none.
const (
	Revoked Fate = "revoked" // revoked on the day they were issued
	Expired Fate = "expired" // their term is over
)

// Usage is which of the holder's two keys.
type Usage string

// The usages.
const (
	Sign Usage = "sign"
	Auth Usage = "auth"
)

// Issue gives the holder keys, in files, where they do not have them.
func (a *Authority) Issue(h Holder) error {
	for _, usage := range []Usage{Sign, Auth} {
		_, err := os.Stat(a.keyFile(h.ID, usage, ".pem"))
		if errors.Is(err, fs.ErrNotExist) {
			err = a.issue(h, usage)
		}
		if err != nil {
			return fmt.Errorf("issue %s key to %s: %w", usage, h.ID, err)
		}
	}
	return nil
}

// Key is the holder's key. domain.ErrNotFound where there is none.
func (a *Authority) Key(holder string, usage Usage) (signature.Key, error) {
	text, err := os.ReadFile(a.keyFile(holder, usage, ".pem"))
	if errors.Is(err, fs.ErrNotExist) {
		err = domain.ErrNotFound
	}
	if err != nil {
		return signature.Key{}, fmt.Errorf("demo key of %s: %w", holder, err)
	}
	return signature.ReadKey(text, "")
}

func (a *Authority) keyFile(holder string, usage Usage, extension string) string {
	return filepath.Join(a.config.Dir, "keys", holder, string(usage)+extension)
}

// issue makes a key and writes its files, the one that Issue looks for last.
func (a *Authority) issue(h Holder, usage Usage) error {
	generate := newECDSA
	if h.RSA {
		generate = newRSA
	}
	k, err := a.holderKey(h, usage, generate)
	if err != nil {
		return err
	}
	packed, err := k.WritePKCS12(Password)
	if err != nil {
		return err
	}
	text, err := k.WritePEM()
	if err != nil {
		return err
	}
	if err := a.record(k.Certificate, h.ID, usage); err != nil {
		return err
	}
	if h.Fate == Revoked {
		if err := a.Revoke(k.Certificate.SerialNumber.Text(16), cessation, k.Certificate.NotBefore); err != nil {
			return err
		}
	}
	if err := disk.WriteFile(a.keyFile(h.ID, usage, ".p12"), packed); err != nil {
		return err
	}
	return disk.WriteFile(a.keyFile(h.ID, usage, ".pem"), text)
}

// cessation is the reason of a revocation that says nothing bad of the key.
const cessation = 5

func (a *Authority) holderKey(h Holder, usage Usage, generate func() (crypto.Signer, error)) (signature.Key, error) {
	now := a.config.Terms
	t := x509.Certificate{Subject: h.subject(), NotAfter: now.AddDate(3, 0, 0)}
	if h.Fate == Expired {
		t.NotBefore, t.NotAfter = now.AddDate(-2, 0, 0), now.Add(-24*time.Hour)
	}
	policy := personSign
	switch {
	case h.BIN != "" && usage == Sign:
		policy = organizationSign
	case h.BIN != "":
		policy = organizationAuth
	case usage == Auth:
		policy = personAuth
	}
	id, err := x509.OIDFromInts(policy)
	if err != nil {
		return signature.Key{}, err
	}
	t.Policies = []x509.OID{id}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	if usage == Auth {
		t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, role := range h.roles() {
		t.UnknownExtKeyUsage = append(t.UnknownExtKeyUsage, signature.RoleOID(role))
	}
	if err := a.services(&t); err != nil {
		return signature.Key{}, err
	}
	return a.make(t, a.issuing, generate)
}

func (h Holder) roles() []signature.Role {
	if h.BIN == "" {
		return []signature.Role{signature.Person}
	}
	return []signature.Role{signature.Organization, h.Role}
}

// subject is written as the real authority does: CN has surname and given name, GN the patronymic.
func (h Holder) subject() pkix.Name {
	n := pkix.Name{CommonName: h.Surname + " " + h.GivenName, SerialNumber: "IIN" + h.IIN, Country: []string{"KZ"}}
	n.ExtraNames = append(n.ExtraNames, pkix.AttributeTypeAndValue{Type: surname, Value: h.Surname})
	if h.Patronymic != "" {
		n.ExtraNames = append(n.ExtraNames, pkix.AttributeTypeAndValue{Type: givenName, Value: h.Patronymic})
	}
	if h.BIN != "" {
		n.Organization, n.OrganizationalUnit = []string{h.Organization}, []string{"BIN" + h.BIN}
	}
	return n
}
