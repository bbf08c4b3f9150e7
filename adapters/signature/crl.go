package signature

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"
)

// skew is how far clocks may be apart.
const skew = 5 * time.Minute

// crl is a parsed list of revoked certificates, full or delta. It is made once for each list that is
// fetched and used for many certificates.
type crl struct {
	list    *x509.RevocationList
	base    *big.Int // a delta's: the number of the full list it builds on
	scope   scope
	revoked map[string]int // serial number → entry of the list
	sum     string         // SHA-256 of it
	url     string
	fetched time.Time

	mu       sync.Mutex
	verified map[string]error // by digest of the issuer's certificate
}

// scope is the issuing distribution point of a list: which certificates it is for.
type scope struct {
	Point         pointName      `asn1:"optional,tag:0"`
	OnlyUsers     bool           `asn1:"optional,tag:1"`
	OnlyCAs       bool           `asn1:"optional,tag:2"`
	SomeReasons   asn1.BitString `asn1:"optional,tag:3"`
	Indirect      bool           `asn1:"optional,tag:4"`
	OnlyAttribute bool           `asn1:"optional,tag:5"`
}

// pointName is the names of a distribution point.
type pointName struct {
	Full     []asn1.RawValue  `asn1:"optional,tag:0"`
	Relative pkix.RDNSequence `asn1:"optional,tag:1"`
}

// addresses are those of the names that are addresses.
func (p pointName) addresses() []string {
	var found []string
	for _, n := range p.Full {
		if n.Class == asn1.ClassContextSpecific && n.Tag == 6 {
			found = append(found, string(n.Bytes))
		}
	}
	return found
}

// status is what a list or a service says of a certificate.
type status struct {
	revoked bool
	at      time.Time // since when, where it is revoked
	updated time.Time // as of when this is said
}

// parseCRL reads a list in DER. An extension that is marked critical and not understood makes it
// unusable.
func parseCRL(der []byte) (*crl, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	c := &crl{list: list, sum: digest(der), revoked: make(map[string]int, len(list.RevokedCertificateEntries)), verified: map[string]error{}}
	for _, e := range list.Extensions {
		if err := c.extension(e); err != nil {
			return nil, err
		}
	}
	for i, e := range list.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical && !x.Id.Equal(oidReason) && !x.Id.Equal(oidInvalidity) {
				return nil, fmt.Errorf("an entry has the critical extension %s", x.Id)
			}
		}
		c.revoked[string(e.SerialNumber.Bytes())] = i
	}
	return c, nil
}

func (c *crl) extension(e pkix.Extension) error {
	switch {
	case e.Id.Equal(oidDelta):
		if rest, err := asn1.Unmarshal(e.Value, &c.base); err != nil || len(rest) > 0 {
			return errors.New("no sound number of the full list")
		}
	case e.Id.Equal(oidDistribution):
		if rest, err := asn1.Unmarshal(e.Value, &c.scope); err != nil || len(rest) > 0 {
			return errors.New("no sound scope")
		}
		if c.scope.Indirect || c.scope.OnlyAttribute || c.scope.SomeReasons.BitLength > 0 {
			return errors.New("a list of a kind that is not understood")
		}
	case e.Critical && !e.Id.Equal(oidCRLNumber) && !e.Id.Equal(oidAuthorityKey):
		return fmt.Errorf("the critical extension %s", e.Id)
	}
	return nil
}

// of says whether the list is one of the issuer's, signed by it.
func (c *crl) of(issuer *x509.Certificate) error {
	key := digest(issuer.Raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	err, known := c.verified[key]
	if !known {
		err = c.signedBy(issuer)
		c.verified[key] = err
	}
	return err
}

func (c *crl) signedBy(issuer *x509.Certificate) error {
	switch {
	case !bytes.Equal(c.list.RawIssuer, issuer.RawSubject):
		return errors.New("the list of another issuer")
	case len(c.list.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(c.list.AuthorityKeyId, issuer.SubjectKeyId):
		return errors.New("the list of another key of the issuer")
	case !allowed(c.list.SignatureAlgorithm):
		return fmt.Errorf("the list is signed with %s", c.list.SignatureAlgorithm)
	}
	return c.list.CheckSignatureFrom(issuer)
}

// fresh says whether the list was in force at the time.
func (c *crl) fresh(at time.Time) error {
	switch {
	case c.list.ThisUpdate.After(at.Add(skew)):
		return fmt.Errorf("a list of the future, of %s", c.list.ThisUpdate.UTC().Format(time.RFC3339))
	case c.list.NextUpdate.IsZero():
		return errors.New("a list without an end of its term")
	case c.list.NextUpdate.Before(at):
		return fmt.Errorf("a stale list, next update was due at %s", c.list.NextUpdate.UTC().Format(time.RFC3339))
	}
	return nil
}

// covers says whether the list is for such certificates. An issuer may have several lists, each for the
// certificates that name it: in one of the others nobody would look revoked.
func (c *crl) covers(cert *x509.Certificate) error {
	if c.scope.OnlyUsers && cert.IsCA || c.scope.OnlyCAs && !cert.IsCA {
		return errors.New("the list is not for such certificates")
	}
	if len(c.scope.Point.Full) == 0 && len(c.scope.Point.Relative) == 0 {
		return nil
	}
	for _, address := range c.scope.Point.addresses() {
		if slices.Contains(cert.CRLDistributionPoints, address) {
			return nil
		}
	}
	return errors.New("the list is for the certificates of another distribution point")
}

// entry is the list's entry of the certificate. Where it says that the key was lost before it was
// revoked, that is since when.
func (c *crl) entry(cert *x509.Certificate) (revoked bool, at time.Time) {
	i, ok := c.revoked[string(cert.SerialNumber.Bytes())]
	if !ok {
		return false, time.Time{}
	}
	e := c.list.RevokedCertificateEntries[i]
	at = e.RevocationTime
	for _, x := range e.Extensions {
		var since time.Time
		if !x.Id.Equal(oidInvalidity) {
			continue
		}
		if _, err := asn1.UnmarshalWithParams(x.Value, &since, "generalized"); err == nil && since.Before(at) {
			at = since
		}
	}
	return true, at
}

// freshest are the addresses of delta lists that an extension names, in a certificate or a list.
func freshest(extensions []pkix.Extension) []string {
	for _, e := range extensions {
		if e.Id.Equal(oidFreshestCRL) {
			return points(e.Value)
		}
	}
	return nil
}

// points reads distribution points: their addresses, but for those of some reasons only, or of lists of
// another issuer.
func points(der []byte) []string {
	var list []struct {
		Point   pointName      `asn1:"optional,tag:0"`
		Reasons asn1.BitString `asn1:"optional,tag:1"`
		Issuer  asn1.RawValue  `asn1:"optional,tag:2"`
	}
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		return nil
	}
	var found []string
	for _, p := range list {
		if p.Reasons.BitLength == 0 && len(p.Issuer.FullBytes) == 0 {
			found = append(found, p.Point.addresses()...)
		}
	}
	return found
}
