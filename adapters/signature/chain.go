package signature

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"time"
)

// maxFetched bounds how many issuers are fetched for one certificate.
const maxFetched = 3

// trusted is the certificate, those above it, and a trusted root, as they were at the time. others are
// certificates that may stand between; those that neither they nor the configuration have are fetched.
func (j *judge) trusted(ctx context.Context, c *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	switch {
	case at.Before(c.NotBefore):
		return nil, refuse(NotYetValid, "valid from %s", c.NotBefore.UTC().Format(time.RFC3339))
	case at.After(c.NotAfter):
		return nil, refuse(Expired, "valid to %s", c.NotAfter.UTC().Format(time.RFC3339))
	}
	for range maxFetched {
		way, err := j.trust.climb(c, others)
		j.proof.keep(way.links)
		if err != nil {
			return nil, err
		}
		if way.top {
			break
		}
		issuer, err := j.world.issuer(ctx, way.last())
		if errors.Is(err, errNotAsked) {
			break
		}
		if err != nil {
			return nil, err
		}
		others = append(others[:len(others):len(others)], issuer)
	}
	return j.trust.build(c, others, at)
}

// build verifies the chain.
func (t *Trust) build(c *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	pool := t.intermediates
	if len(others) > 0 {
		pool = pool.Clone()
		for _, o := range others {
			if keySound(o) == nil {
				pool.AddCert(o)
			}
		}
	}
	chains, err := c.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, t.chainFault(c, others, err)
	}
	for _, link := range chains[0] {
		if err := keySound(link); err != nil {
			return nil, err
		}
	}
	return chains[0], nil
}

// chainFault tells why there is no chain.
func (t *Trust) chainFault(c *x509.Certificate, others []*x509.Certificate, cause error) error {
	way, err := t.climb(c, others)
	switch {
	case err != nil:
		return err
	case !way.top:
		return refuse(IssuerUnknown, "nobody has the certificate of %q", way.last().Issuer.CommonName)
	case t.anchors[digest(way.last().Raw)] == nil:
		return refuse(RootUntrusted, "the root %q", way.last().Subject.CommonName)
	}
	return refuse(ChainUnsound, "%v", cause)
}

// way is how far up the names lead.
type way struct {
	links []*x509.Certificate
	top   bool // the last one is a trusted root, or issued itself
}

func (w way) last() *x509.Certificate { return w.links[len(w.links)-1] }

// climb follows the issuers by name. Every certificate on the way has to be signed by an algorithm, and
// every issuer to have a key, that counts.
func (t *Trust) climb(c *x509.Certificate, others []*x509.Certificate) (way, error) {
	var w way
	for range 10 {
		w.links = append(w.links, c)
		if t.anchors[digest(c.Raw)] != nil {
			w.top = true
			return w, nil
		}
		switch {
		case insecure(c.SignatureAlgorithm):
			return w, refuse(DigestWeak, "the certificate of %q is signed with %s", c.Issuer.CommonName, c.SignatureAlgorithm)
		case !allowed(c.SignatureAlgorithm):
			return w, unsupported(signatureAlgorithm(c))
		case bytes.Equal(c.RawIssuer, c.RawSubject):
			w.top = true
			return w, nil
		}
		if c = t.issuerOf(c, others); c == nil {
			return w, nil
		}
		if err := keySound(c); err != nil {
			return w, err
		}
	}
	return w, refuse(ChainUnsound, "the issuers have no end")
}

// issuerOf finds the certificate of the issuer: one of its name, and of its key where both tell theirs.
func (t *Trust) issuerOf(c *x509.Certificate, others []*x509.Certificate) *x509.Certificate {
	for _, candidates := range [][]*x509.Certificate{t.known[string(c.RawIssuer)], others} {
		for _, o := range candidates {
			sameKey := len(c.AuthorityKeyId) == 0 || len(o.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, o.SubjectKeyId)
			if sameKey && bytes.Equal(o.RawSubject, c.RawIssuer) && !o.Equal(c) {
				return o
			}
		}
	}
	return nil
}
