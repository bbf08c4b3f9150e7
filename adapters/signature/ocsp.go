package signature

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// maxAge is how long an answer counts that does not say when the next one is due.
const maxAge = 24 * time.Hour

// The parts of OCSP (RFC 6960) that the library does not tell: the question's nonce, and whose
// certificate an answer is about.
type (
	ocspRequest struct {
		TBS struct {
			List       []ocspItem
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
	}
	ocspItem   struct{ Certificate ocspCertID }
	ocspCertID struct {
		Hash       pkix.AlgorithmIdentifier
		IssuerName []byte
		IssuerKey  []byte
		Serial     *big.Int
	}
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type  asn1.ObjectIdentifier
			Value []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	ocspBasic struct{ TBS ocspData }
	ocspData  struct {
		Version    int `asn1:"optional,default:0,explicit,tag:0"`
		Responder  asn1.RawValue
		Produced   time.Time `asn1:"generalized"`
		List       []ocspSingle
		Extensions []pkix.Extension `asn1:"optional,explicit,tag:1"`
	}
	ocspSingle struct{ Certificate ocspCertID }
)

// ocspHashes are how a question or an answer may name the issuer. SHA-1 finds a name here and
// protects nothing.
var ocspHashes = map[crypto.Hash]oid{
	crypto.SHA1:   {1, 3, 14, 3, 2, 26},
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
}

// ocspQuestion asks for the certificate's status, with a nonce.
func ocspQuestion(c, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	value, err := asn1.Marshal(nonce)
	if err != nil {
		return nil, err
	}
	id, err := certID(c, issuer, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var q ocspRequest
	q.TBS.List = []ocspItem{{id}}
	q.TBS.Extensions = []pkix.Extension{{Id: oidNonce, Value: value}}
	return asn1.Marshal(q)
}

func certID(c, issuer *x509.Certificate, hash crypto.Hash) (ocspCertID, error) {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &key); err != nil {
		return ocspCertID{}, err
	}
	sum := func(b []byte) []byte { h := hash.New(); h.Write(b); return h.Sum(nil) }
	return ocspCertID{
		Hash:       pkix.AlgorithmIdentifier{Algorithm: ocspHashes[hash], Parameters: asn1.NullRawValue},
		IssuerName: sum(issuer.RawSubject), IssuerKey: sum(key.Key.RightAlign()), Serial: c.SerialNumber,
	}, nil
}

// ocspAnswer is a service's answer, and what was asked.
type ocspAnswer struct {
	raw     []byte
	nonce   []byte
	url     string
	fetched time.Time
}

// readOCSP checks that the answer is one about the certificate, which the issuer issued, that was in
// force at the time and of somebody with the right to give it. responder is the certificate of a
// delegate, nil where the issuer itself answers. needNonce refuses an answer without the question's
// nonce; another one's is always refused.
func readOCSP(a *ocspAnswer, c, issuer *x509.Certificate, at time.Time, needNonce bool) (s status, responder *x509.Certificate, err error) {
	if err := about(a, c, issuer, needNonce); err != nil {
		return status{}, nil, err
	}
	// Without an issuer the library checks the signature by the certificate inside, if there is one,
	// and whether that may sign is for us.
	r, err := ocsp.ParseResponseForCert(a.raw, c, nil)
	if err != nil {
		return status{}, nil, err
	}
	if !allowed(r.SignatureAlgorithm) {
		return status{}, nil, fmt.Errorf("the answer is signed with %s", r.SignatureAlgorithm)
	}
	if r.Certificate == nil || r.Certificate.Equal(issuer) {
		err = r.CheckSignatureFrom(issuer)
	} else {
		responder, err = r.Certificate, delegated(r.Certificate, issuer, at)
	}
	if err != nil {
		return status{}, nil, err
	}
	if err := inForce(r, at); err != nil {
		return status{}, nil, err
	}
	if r.Status == ocsp.Unknown {
		return status{}, nil, errors.New("the service does not know the certificate")
	}
	return status{revoked: r.Status == ocsp.Revoked, at: r.RevokedAt, updated: r.ThisUpdate}, responder, nil
}

// about says whether the answer is to the question.
func about(a *ocspAnswer, c, issuer *x509.Certificate, needNonce bool) error {
	data, err := answerData(a.raw)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(data.List, func(s ocspSingle) bool { return names(s.Certificate, c, issuer) }) || len(data.List) != 1 {
		return errors.New("the answer is about another certificate")
	}
	for _, e := range data.Extensions {
		var nonce []byte
		switch {
		case !e.Id.Equal(oidNonce) && e.Critical:
			return fmt.Errorf("the critical extension %s", e.Id)
		case !e.Id.Equal(oidNonce):
			continue
		}
		// RFC 6960 has an octet string inside; older services send the bare bytes.
		if rest, err := asn1.Unmarshal(e.Value, &nonce); err != nil || len(rest) > 0 {
			nonce = e.Value
		}
		if !bytes.Equal(nonce, a.nonce) {
			return errors.New("the answer has another question's nonce")
		}
		return nil
	}
	if needNonce {
		return errors.New("the answer has no nonce")
	}
	return nil
}

func answerData(raw []byte) (ocspData, error) {
	var r ocspResponse
	if rest, err := asn1.Unmarshal(raw, &r); err != nil || len(rest) > 0 {
		return ocspData{}, errors.New("not an OCSP answer")
	}
	if r.Status != 0 {
		return ocspData{}, fmt.Errorf("the service refuses: %s", ocsp.ResponseStatus(r.Status))
	}
	var basic ocspBasic
	_, err := asn1.Unmarshal(r.Bytes.Value, &basic)
	return basic.TBS, err
}

// names says whether the answer's part is about the certificate.
func names(id ocspCertID, c, issuer *x509.Certificate) bool {
	for hash, named := range ocspHashes {
		if !named.Equal(id.Hash.Algorithm) || id.Serial == nil {
			continue
		}
		want, err := certID(c, issuer, hash)
		return err == nil && id.Serial.Cmp(want.Serial) == 0 &&
			bytes.Equal(id.IssuerName, want.IssuerName) && bytes.Equal(id.IssuerKey, want.IssuerKey)
	}
	return false
}

// delegated says whether the issuer gave the responder the right to answer in its place.
func delegated(responder, issuer *x509.Certificate, at time.Time) error {
	switch {
	case !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return errors.New("the responder has no right to answer")
	case responder.KeyUsage != 0 && responder.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return errors.New("the responder's key is not for signing")
	case at.Before(responder.NotBefore) || at.After(responder.NotAfter):
		return errors.New("the responder's certificate is not valid")
	case !allowed(responder.SignatureAlgorithm):
		return fmt.Errorf("the responder's certificate is signed with %s", responder.SignatureAlgorithm)
	case len(responder.UnhandledCriticalExtensions) > 0:
		return errors.New("the responder's certificate has a critical extension that is not understood")
	}
	if err := keySound(responder); err != nil {
		return err
	}
	if err := responder.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("the responder is not the issuer's: %w", err)
	}
	return nil
}

func inForce(r *ocsp.Response, at time.Time) error {
	end := r.NextUpdate
	if end.IsZero() {
		end = r.ThisUpdate.Add(maxAge)
	}
	switch {
	case r.ThisUpdate.After(at.Add(skew)):
		return fmt.Errorf("an answer of the future, of %s", r.ThisUpdate.UTC().Format(time.RFC3339))
	case end.Before(at):
		return fmt.Errorf("a stale answer, next update was due at %s", end.UTC().Format(time.RFC3339))
	}
	return nil
}

// uncheckable says whether the responder's certificate says that its own status need not be asked.
func uncheckable(responder *x509.Certificate) bool {
	return slices.ContainsFunc(responder.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNoCheck) })
}
