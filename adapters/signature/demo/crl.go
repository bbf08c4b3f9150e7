package demo

import (
	"cmp"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/signature"
)

// How long lists are in force, and how old a full one may be before it is made anew.
const (
	fullTerm  = 24 * time.Hour
	deltaTerm = time.Hour
	fullAge   = 12 * time.Hour
)

// rootList is of the certificates that the root issued. None of them is ever revoked.
func (a *Authority) rootList(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, func() ([]byte, error) { return a.list(a.root, nil, fullTerm, nil) })
}

// fullList is the last full list. It lives for some hours, so that there is something for a delta to say.
func (a *Authority) fullList(w http.ResponseWriter, _ *http.Request) { a.reply(w, a.full) }

func (a *Authority) full() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	der, list, err := a.lastFull()
	now := a.config.Now()
	if err == nil && !now.Before(list.ThisUpdate) && now.Sub(list.ThisUpdate) < fullAge {
		return der, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if der, err = a.list(a.issuing, a.entries(time.Time{}), fullTerm, nil); err == nil {
		err = disk.WriteFile(a.fullFile(), der)
	}
	return der, err
}

func (a *Authority) fullFile() string { return filepath.Join(a.config.Dir, "authority", "issuing.crl") }

func (a *Authority) lastFull() ([]byte, *x509.RevocationList, error) {
	der, err := os.ReadFile(a.fullFile())
	if err != nil {
		return nil, nil, err
	}
	list, err := x509.ParseRevocationList(der)
	return der, list, err
}

// deltaList is what came since the last full list.
func (a *Authority) deltaList(w http.ResponseWriter, _ *http.Request) {
	a.reply(w, func() ([]byte, error) {
		if _, err := a.full(); err != nil {
			return nil, err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		_, base, err := a.lastFull()
		if err != nil {
			return nil, err
		}
		return a.list(a.issuing, a.entries(base.ThisUpdate), deltaTerm, base.Number)
	})
}

// entries are the revocations from the time on, the earliest first. The caller holds mu.
func (a *Authority) entries(from time.Time) []x509.RevocationListEntry {
	var entries []x509.RevocationListEntry
	for _, r := range a.revoked {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if ok && !r.At.Before(from) {
			entries = append(entries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At, ReasonCode: r.Reason})
		}
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int {
		return cmp.Or(a.RevocationTime.Compare(b.RevocationTime), a.SerialNumber.Cmp(b.SerialNumber))
	})
	return entries
}

// deltaIndicator is the extension of a delta list.
var deltaIndicator = asn1.ObjectIdentifier{2, 5, 29, 27}

// list signs a list. Numbers are the seconds of its time, so that they grow across restarts.
func (a *Authority) list(by signature.Key, entries []x509.RevocationListEntry, term time.Duration, base *big.Int) ([]byte, error) {
	now := a.config.Now().UTC().Truncate(time.Second)
	t := &x509.RevocationList{
		Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(term), RevokedCertificateEntries: entries,
	}
	if base != nil {
		value, err := asn1.Marshal(base)
		if err != nil {
			return nil, err
		}
		t.ExtraExtensions = []pkix.Extension{{Id: deltaIndicator, Critical: true, Value: value}}
	}
	return x509.CreateRevocationList(rand.Reader, t, by.Certificate, by.Private)
}

func (a *Authority) reply(w http.ResponseWriter, make func() ([]byte, error)) {
	der, err := make()
	if err != nil {
		a.broken(w, err)
		return
	}
	reply(w, "application/pkix-crl", der)
}
