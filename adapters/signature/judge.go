package signature

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// judge finds out about one signature, step by step, and notes what it relied on. The same steps run
// when a signature comes in and when its evidence is checked again.
type judge struct {
	trust     *Trust
	policy    Policy
	world     world
	sources   []Source
	needNonce bool
	stamp     bool // the registry wants a timestamp where the signer gave none
	cms       *CMS
	signed    []byte
	proof     *Evidence
	statuses  map[string]status // by digest of the certificate
}

// run judges. nil is a valid signature; a *Fault says why it is none; anything else is no judgment.
func (j *judge) run(ctx context.Context) error {
	v := &j.proof.Verdict
	if c, err := j.cms.Signer(); err == nil {
		v.describe(c)
	}
	s, err := j.cms.verify(j.signed, oidData)
	if err != nil {
		return err
	}
	if err := v.Admit(j.cms, j.policy, j.proof.Who, j.trust.AnyDigits); err != nil {
		return err
	}
	inside, err := s.inside()
	if err != nil {
		return err
	}
	if v.At, v.ByTimestamp, err = j.time(ctx, inside, s.value); err != nil {
		return err
	}
	chain, err := j.trusted(ctx, s.certificate, j.cms.certificates, v.At)
	if err != nil {
		return err
	}
	j.proof.Chain = j.proof.keep(chain)
	if err := j.unrevoked(ctx, chain, v.At); err != nil {
		return err
	}
	if j.stamp && inside == nil {
		return j.obtain(ctx, s.value)
	}
	return nil
}

// time is the signing time: that of the timestamp inside, or the registry's. A timestamp by an
// algorithm that is not known here counts as none.
func (j *judge) time(ctx context.Context, inside, value []byte) (at time.Time, byTimestamp bool, err error) {
	if inside == nil {
		return j.proof.Received, false, nil
	}
	t, err := readToken(inside, value)
	switch {
	case errors.Is(err, ErrUnsupported):
		return j.proof.Received, false, nil
	case err != nil:
		return at, false, refuse(TimestampUnsound, "%v", err)
	case t.at.After(j.proof.Received.Add(skew)):
		return at, false, refuse(TimestampInFuture, "it is of %s", t.at.Format(time.RFC3339))
	}
	err = j.authority(ctx, t)
	var fault *Fault
	switch {
	case errors.Is(err, ErrUnsupported):
		return j.proof.Received, false, nil
	case errors.As(err, &fault):
		err = refuse(TimestampUnsound, "%v", fault)
	}
	return t.at, true, err
}

// authority says whether the timestamp is of somebody who is trusted, and was at its time.
func (j *judge) authority(ctx context.Context, t *token) error {
	chain, err := j.trusted(ctx, t.authority, t.others, t.at)
	if err != nil {
		return err
	}
	j.proof.Authority = j.proof.keep(chain)
	return j.unrevoked(ctx, chain, t.at)
}

// obtain gets the registry's own timestamp over the signature: proof by a third party that it was
// there. The signing time stays the registry's, or it would depend on when the authority answered.
func (j *judge) obtain(ctx context.Context, value []byte) error {
	raw, err := j.world.stamp(ctx, value)
	if errors.Is(err, errNotAsked) {
		return Pend(TSPUnreachable, errors.New("no timestamp authority is configured"))
	}
	if err != nil {
		return err
	}
	t, err := readToken(raw, value)
	if err == nil {
		err = j.authority(ctx, t)
	}
	var undecided *Undecided
	if errors.As(err, &undecided) && undecided.Outcome == Pending {
		return undecided
	}
	if err != nil {
		return Pend(TSPUnsound, err)
	}
	j.proof.Timestamp = newBlob(raw)
	return nil
}

// unrevoked asks about every certificate of the chain but its root.
func (j *judge) unrevoked(ctx context.Context, chain []*x509.Certificate, at time.Time) error {
	for i, c := range chain[:len(chain)-1] {
		s, err := j.status(ctx, c, chain[i+1])
		switch {
		case err != nil:
			return err
		case s.revoked && !s.at.After(at) && i == 0:
			return refuse(Revoked, "since %s", s.at.UTC().Format(time.RFC3339))
		case s.revoked && !s.at.After(at):
			return refuse(IssuerRevoked, "%q since %s", c.Subject.CommonName, s.at.UTC().Format(time.RFC3339))
		case !s.revoked && s.updated.After(c.NotAfter):
			return Pend(StatusUnknown, errors.New("what is said now is not said of certificates whose term is over"))
		}
	}
	return nil
}

// status asks the sources in turn. The failure that counts is that of the first one.
func (j *judge) status(ctx context.Context, c, issuer *x509.Certificate) (status, error) {
	key := digest(c.Raw)
	if s, ok := j.statuses[key]; ok {
		return s, nil
	}
	sources := j.sources
	if i := slices.Index(sources, CRL); c.IsCA && i > 0 { // there are few of them, and their lists are at hand
		sources = []Source{CRL, OCSP}
	}
	var failed error
	for _, source := range sources {
		s, err := j.source(ctx, source, c, issuer)
		if err == nil {
			j.statuses[key] = s
			return s, nil
		}
		if failed == nil && !errors.Is(err, errNotAsked) {
			failed = err
		}
	}
	if failed == nil {
		failed = Pend(StatusUnknown, errors.New("nobody to ask about the certificate"))
	}
	return status{}, failed
}

func (j *judge) source(ctx context.Context, source Source, c, issuer *x509.Certificate) (status, error) {
	if source == OCSP {
		return j.byOCSP(ctx, c, issuer)
	}
	return j.byCRL(ctx, c, issuer)
}

func (j *judge) byCRL(ctx context.Context, c, issuer *x509.Certificate) (status, error) {
	lists, err := j.world.crl(ctx, c, issuer)
	if err != nil {
		return status{}, err
	}
	if err := lists.sound(c, issuer, j.proof.Checked); err != nil {
		return status{}, Pend(CRLUnsound, err)
	}
	j.proof.list(c, lists)
	return lists.status(c), nil
}

func (j *judge) byOCSP(ctx context.Context, c, issuer *x509.Certificate) (status, error) {
	answer, err := j.world.ocsp(ctx, c, issuer)
	if err != nil {
		return status{}, err
	}
	s, responder, err := readOCSP(answer, c, issuer, j.proof.Checked, j.needNonce)
	if err == nil && responder != nil {
		err = j.responder(ctx, responder, issuer)
	}
	if err != nil {
		return status{}, Pend(OCSPUnsound, err)
	}
	j.proof.answer(c, answer)
	return s, nil
}

// responder asks whether the delegate of the issuer was revoked, where its certificate does not say
// that this need not be asked and there is a list to ask.
func (j *judge) responder(ctx context.Context, c, issuer *x509.Certificate) error {
	if uncheckable(c) {
		return nil
	}
	s, err := j.byCRL(ctx, c, issuer)
	if errors.Is(err, errNotAsked) {
		return nil
	}
	if err == nil && s.revoked {
		err = errors.New("the responder was revoked")
	}
	return err
}
