package signature

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
)

// token is a timestamp (RFC 3161) whose signature holds. Whether the authority that gave it is trusted is
// not known yet.
type token struct {
	at        time.Time
	authority *x509.Certificate
	others    []*x509.Certificate // that came with it
	nonce     *big.Int
}

// readToken reads a token over the value. Its errors say why it is none: a *Fault, an *Undecided, or
// another one.
func readToken(raw, value []byte) (*token, error) {
	der, err := toDER(raw)
	if err != nil {
		return nil, err
	}
	c, err := parseCMS(der)
	if err != nil {
		return nil, err
	}
	s, err := c.verify(c.bytes, oidTSTInfo)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.signingCertificate(); err != nil {
		return nil, fmt.Errorf("the token does not name the authority's certificate: %w", err)
	}
	if err := stampRight(s.certificate); err != nil {
		return nil, err
	}
	info, err := timestamp.Parse(der)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(digests, func(d digestAlgorithm) bool { return d.hash == info.HashAlgorithm }) {
		return nil, errors.New("the token's hash does not count")
	}
	h := info.HashAlgorithm.New()
	h.Write(value)
	if !bytes.Equal(h.Sum(nil), info.HashedMessage) {
		return nil, errors.New("the token is over other bytes")
	}
	return &token{at: info.Time.UTC(), authority: s.certificate, others: c.certificates, nonce: info.Nonce}, nil
}

// stampRight says whether the certificate gives the right to give timestamps, and to nothing else.
func stampRight(c *x509.Certificate) error {
	critical := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Critical && e.Id.Equal(oidExtKeyUsage) })
	if !critical || len(c.ExtKeyUsage) != 1 || len(c.UnknownExtKeyUsage) > 0 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		return errors.New("the token is of nobody with the right to give one")
	}
	return nil
}

// inside is the token that the signer put into the CMS, nil where there is none.
func (s *signerInfo) inside() ([]byte, error) {
	var raw asn1.RawValue
	err := single(s.unsigned, oidTimestamp, &raw)
	if errors.Is(err, errNoAttribute) {
		return nil, nil
	}
	if err != nil {
		return nil, refuse(TimestampUnsound, "timestamps inside: %v", err)
	}
	return raw.FullBytes, nil
}

// stampQuestion asks for a timestamp over the value.
func stampQuestion(value []byte) (question []byte, nonce *big.Int, err error) {
	nonce, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, nil, err
	}
	question, err = timestamp.CreateRequest(bytes.NewReader(value), &timestamp.RequestOptions{Certificates: true, Nonce: nonce})
	return question, nonce, err
}

// stampAnswer takes the token out of a timestamp authority's answer. Its errors are the authority's
// refusal, and whatever makes the answer none to the question.
func stampAnswer(answer, value []byte, nonce *big.Int) ([]byte, error) {
	var r struct {
		Status struct{ Status int }
		Token  asn1.RawValue `asn1:"optional"`
	}
	rest, err := asn1.Unmarshal(answer, &r)
	switch {
	case err != nil || len(rest) > 0:
		return nil, errors.New("not a timestamp answer")
	case r.Status.Status > int(timestamp.GrantedWithMods) || len(r.Token.FullBytes) == 0:
		return nil, fmt.Errorf("the authority refuses: %s", timestamp.Status(r.Status.Status))
	}
	t, err := readToken(r.Token.FullBytes, value)
	if err != nil {
		return nil, err
	}
	if t.nonce == nil || t.nonce.Cmp(nonce) != 0 {
		return nil, errors.New("the token has another question's nonce")
	}
	return r.Token.FullBytes, nil
}
