package signature

import (
	"crypto/x509"
	"errors"
	"time"
)

// pair is the lists that a certificate's status is read from. There may be no delta.
type pair struct{ full, delta *crl }

// sound says whether the lists tell the status of the certificate, which the issuer issued, at the
// time.
func (p pair) sound(cert, issuer *x509.Certificate, at time.Time) error {
	if p.full.base != nil {
		return errors.New("a delta list in the place of a full one")
	}
	for _, c := range []*crl{p.full, p.delta} {
		if c == nil {
			continue
		}
		if err := errors.Join(c.covers(cert), c.fresh(at)); err != nil {
			return err
		}
		if err := c.of(issuer); err != nil {
			return err
		}
	}
	return p.fit()
}

// fit says whether the delta continues the full list: it has to build on it or on one before it, and
// to be no older.
func (p pair) fit() error {
	switch d := p.delta; {
	case d == nil:
		return nil
	case d.base == nil:
		return errors.New("a full list in the place of a delta")
	case p.full.list.Number == nil || d.list.Number == nil:
		return errors.New("a list without a number")
	case p.full.list.Number.Cmp(d.base) < 0 || d.list.Number.Cmp(p.full.list.Number) < 0:
		return errors.New("the delta list does not continue the full one")
	case d.scope.OnlyUsers != p.full.scope.OnlyUsers || d.scope.OnlyCAs != p.full.scope.OnlyCAs:
		return errors.New("the delta list is for other certificates")
	}
	return nil
}

// removed is the reason code of a delta's entry that takes a certificate off the full list.
const removed = 8

// status is what the lists say of the certificate.
func (p pair) status(cert *x509.Certificate) status {
	s := status{updated: p.full.list.ThisUpdate}
	s.revoked, s.at = p.full.entry(cert)
	if p.delta == nil {
		return s
	}
	s.updated = p.delta.list.ThisUpdate
	i, ok := p.delta.revoked[string(cert.SerialNumber.Bytes())]
	if ok && p.delta.list.RevokedCertificateEntries[i].ReasonCode == removed {
		s.revoked, s.at = false, time.Time{}
	} else if ok {
		s.revoked, s.at = p.delta.entry(cert)
	}
	return s
}
