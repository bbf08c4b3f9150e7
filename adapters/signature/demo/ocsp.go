package demo

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/tizilim/tizilim/adapters/signature"
)

// answerTerm is how long an answer is in force.
const answerTerm = 10 * time.Minute

var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

// ocsp tells the status of a certificate that the issuing authority issued.
func (a *Authority) ocsp(w http.ResponseWriter, r *http.Request) {
	question, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "too large, or cut", http.StatusBadRequest)
		return
	}
	q, err := ocsp.ParseRequest(question)
	if err != nil {
		reply(w, "application/ocsp-response", ocsp.MalformedRequestErrorResponse)
		return
	}
	now := a.config.Now().UTC().Truncate(time.Second)
	t := ocsp.Response{
		SerialNumber: q.SerialNumber, Status: ocsp.Unknown, ThisUpdate: now, NextUpdate: now.Add(answerTerm),
		IssuerHash: q.HashAlgorithm, Certificate: a.responder.Certificate,
	}
	a.mu.Lock()
	key := q.SerialNumber.Text(16)
	_, known := a.issued[key]
	if key == a.stamper.Certificate.SerialNumber.Text(16) {
		known = true
	}
	if known {
		t.Status = ocsp.Good
	}
	if r, ok := a.revoked[key]; ok {
		t.Status, t.RevokedAt, t.RevocationReason = ocsp.Revoked, r.At, r.Reason
	}
	a.mu.Unlock()
	answer, err := Answer(t, a.issuing.Certificate, a.responder, nonceOf(question))
	if err != nil {
		a.broken(w, err)
		return
	}
	reply(w, "application/ocsp-response", answer)
}

// nonceOf is the question's nonce extension, nil where there is none. The library does not tell.
func nonceOf(question []byte) []byte {
	var q struct {
		TBS struct {
			List       []asn1.RawValue
			Extensions []pkix.Extension `asn1:"explicit,tag:2,optional"`
		}
	}
	if _, err := asn1.Unmarshal(question, &q); err != nil {
		return nil
	}
	for _, e := range q.TBS.Extensions {
		if e.Id.Equal(oidNonce) {
			return e.Value
		}
	}
	return nil
}

// basicResponse is an answer in its parts.
type basicResponse struct {
	Data         asn1.RawValue
	Algorithm    pkix.AlgorithmIdentifier
	Signature    asn1.BitString
	Certificates asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type response struct {
	Status asn1.Enumerated
	Bytes  struct {
		Type  asn1.ObjectIdentifier
		Value []byte
	} `asn1:"explicit,tag:0"`
}

// Answer is an OCSP answer of the responder in the issuer's name, with the nonce extension's value
// where there is one: the library makes answers, but none with a nonce.
func Answer(t ocsp.Response, issuer *x509.Certificate, responder signature.Key, nonce []byte) ([]byte, error) {
	der, err := ocsp.CreateResponse(issuer, responder.Certificate, t, responder.Private)
	if err != nil || nonce == nil {
		return der, err
	}
	var outer response
	var basic basicResponse
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(outer.Bytes.Value, &basic); err != nil {
		return nil, err
	}
	extension, err := asn1.MarshalWithParams([]pkix.Extension{{Id: oidNonce, Value: nonce}}, "explicit,tag:1")
	if err != nil {
		return nil, err
	}
	basic.Data = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(basic.Data.Bytes, extension)}
	signed, err := asn1.Marshal(basic.Data)
	if err != nil {
		return nil, err
	}
	h := crypto.SHA256.New()
	h.Write(signed)
	value, err := responder.Private.Sign(rand.Reader, h.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, err
	}
	basic.Signature = asn1.BitString{Bytes: value, BitLength: 8 * len(value)}
	if outer.Bytes.Value, err = asn1.Marshal(basic); err != nil {
		return nil, err
	}
	return asn1.Marshal(outer)
}
