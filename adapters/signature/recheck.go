package signature

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tizilim/tizilim/domain"
)

// Recheck makes the judgment again from its evidence alone: every signature on the way is verified anew,
// at the times of then, by the policy of then, with no network. What comes out has to be what came out
// then. trust needs the roots of then; it may have others.
//
// domain.ErrDamaged where the evidence, or the signed bytes, are not what they were; domain.ErrNotFound
// where a list is kept elsewhere and was not attached, or a root or policy of then is not there;
// ErrUnsupported for evidence of another method.
func Recheck(ctx context.Context, trust *Trust, e Evidence, signed []byte) (Verdict, error) {
	if e.Method != Method {
		return Verdict{}, fmt.Errorf("check evidence of the method %q: %w", e.Method, ErrUnsupported)
	}
	v, err := recheck(ctx, trust, &e, signed)
	if err != nil {
		return Verdict{}, fmt.Errorf("check evidence: %w", err)
	}
	return v, nil
}

func recheck(ctx context.Context, trust *Trust, e *Evidence, signed []byte) (Verdict, error) {
	cms, policy, err := e.Open(signed)
	if err != nil {
		return Verdict{}, err
	}
	world, err := newRecord(e)
	if err != nil {
		return Verdict{}, err
	}
	then, err := trust.then(e)
	if err != nil {
		return Verdict{}, err
	}
	claim := Claim{Signed: signed, Who: e.Who, Received: e.Received}
	anew := NewEvidence(Method, policy, claim, cms, e.Checked)
	j := &judge{
		trust: then, policy: policy, world: world, sources: []Source{OCSP, CRL}, stamp: e.Timestamp.SHA256 != "",
		cms: cms, signed: signed, proof: anew, statuses: map[string]status{},
	}
	if err := anew.Verdict.Conclude(j.run(ctx)); err != nil {
		return Verdict{}, fmt.Errorf("what was relied on is not all there: %w: %w", domain.ErrDamaged, err)
	}
	return anew.Verdict, e.Agrees(anew)
}

// Open checks that the evidence is whole and about these bytes, and gives the signature in it and the
// policy that it was judged by.
func (e *Evidence) Open(signed []byte) (*CMS, Policy, error) {
	anew := *e
	err := errors.Join(e.whole(), anew.SealUp())
	switch {
	case err != nil:
	case e.Seal != anew.Seal:
		err = errors.New("the seal is broken")
	case digest(signed) != e.Signed.SHA256 || len(signed) != e.Signed.Size:
		err = errors.New("other bytes were signed")
	}
	if err != nil {
		return nil, Policy{}, fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	}
	policy, err := PolicyVersion(e.Policy)
	if err != nil {
		return nil, Policy{}, err
	}
	cms, err := parseCMS(e.CMS.Raw)
	if err != nil {
		return nil, Policy{}, fmt.Errorf("%w: %w", domain.ErrDamaged, err)
	}
	return cms, policy, nil
}

// Agrees says whether another judgment came to the same. The wording of details is not compared.
func (e *Evidence) Agrees(other *Evidence) error {
	type judged struct {
		Verdict          Verdict
		Chain, Authority []string
	}
	same := func(e *Evidence) []byte {
		j := judged{e.Verdict, e.Chain, e.Authority}
		j.Verdict.Detail = ""
		text, _ := json.Marshal(j) // a struct of plain values
		return text
	}
	if bytes.Equal(same(e), same(other)) {
		return nil
	}
	return fmt.Errorf("the verdict was %s %s and now is %s %s (%s): %w", e.Verdict.Outcome, e.Verdict.Reason,
		other.Verdict.Outcome, other.Verdict.Reason, other.Verdict.Detail, domain.ErrDamaged)
}

// then is the trust that there was when the evidence came about: the roots of then, and what stood
// between.
func (t *Trust) then(e *Evidence) (*Trust, error) {
	var roots, between []*x509.Certificate
	for _, anchor := range e.Anchors {
		if root, ok := t.anchors[anchor]; ok {
			roots = append(roots, root)
		}
	}
	for _, chain := range [][]string{e.Chain, e.Authority} {
		if n := len(chain); n > 0 && t.anchors[chain[n-1]] == nil {
			return nil, fmt.Errorf("the root %s: %w", chain[n-1], domain.ErrNotFound)
		}
	}
	for _, b := range e.Certificates {
		c, err := x509.ParseCertificate(b.Raw)
		if err != nil {
			return nil, fmt.Errorf("a certificate: %w: %w", domain.ErrDamaged, err)
		}
		if c.IsCA {
			between = append(between, c)
		}
	}
	then, err := NewTrust(roots, between)
	if err != nil {
		return nil, fmt.Errorf("none of the roots of then: %w", domain.ErrNotFound)
	}
	then.AnyDigits = e.AnyDigits
	return then, nil
}

// record is the world as the evidence has it.
type record struct {
	evidence *Evidence
	lists    map[string]*crl // by digest
}

func newRecord(e *Evidence) (*record, error) {
	r := &record{evidence: e, lists: map[string]*crl{}}
	for _, b := range e.lists() {
		if b.Raw == nil {
			return nil, fmt.Errorf("the list %s is kept elsewhere: %w", b.SHA256, domain.ErrNotFound)
		}
		list, err := parseCRL(b.Raw)
		if err != nil {
			return nil, fmt.Errorf("a list: %w: %w", domain.ErrDamaged, err)
		}
		r.lists[b.SHA256] = list
	}
	return r, nil
}

func (r *record) issuer(context.Context, *x509.Certificate) (*x509.Certificate, error) {
	return nil, errNotAsked
}

// of is what was relied on for the certificate.
func (r *record) of(c *x509.Certificate, source Source) (Status, error) {
	key := digest(c.Raw)
	for _, s := range r.evidence.Statuses {
		if s.Certificate == key && s.Source == source {
			return s, nil
		}
	}
	return Status{}, errNotAsked
}

func (r *record) ocsp(_ context.Context, c, _ *x509.Certificate) (*ocspAnswer, error) {
	s, err := r.of(c, OCSP)
	return &ocspAnswer{raw: s.Answer.Raw, nonce: s.Nonce, url: s.URL, fetched: s.Fetched}, err
}

func (r *record) crl(_ context.Context, c, _ *x509.Certificate) (pair, error) {
	s, err := r.of(c, CRL)
	if err != nil {
		return pair{}, err
	}
	p := pair{full: r.lists[s.Answer.SHA256]}
	if s.Delta != nil {
		p.delta = r.lists[s.Delta.Answer.SHA256]
	}
	return p, nil
}

func (r *record) stamp(context.Context, []byte) ([]byte, error) {
	if r.evidence.Timestamp.Raw == nil {
		return nil, errNotAsked
	}
	return r.evidence.Timestamp.Raw, nil
}
