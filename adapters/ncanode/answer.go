package ncanode

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
)

// answer is what the server says, as far as it is read.
type answer struct {
	Valid   bool `json:"valid"`
	Signers []struct {
		Certificates []certificate `json:"certificates"`
	} `json:"signers"`
}

// certificate is what it says of the signer's certificate. Valid is of its term, its issuer and, where
// that was asked, its revocation.
type certificate struct {
	Valid        bool         `json:"valid"`
	SerialNumber string       `json:"serialNumber"` // hexadecimal
	Revocations  []revocation `json:"revocations"`
}

type revocation struct {
	Revoked        bool       `json:"revoked"`
	By             string     `json:"by"`
	RevocationTime *time.Time `json:"revocationTime"`
}

// weigh reads the last answer of the evidence. again says that the answer leaves it open why the signature is
// not valid, and that the next question has to be the one without revocation.
func weigh(e *signature.Evidence, cms *signature.CMS, first bool) (again bool, err error) {
	signer, err := cms.Signer()
	if err != nil {
		return false, err
	}
	valid, c, err := read(e.Answers[len(e.Answers)-1].Answer.Raw, signer)
	switch {
	case err != nil:
		return false, unreached(err)
	case first && valid:
		return false, nil
	case first:
		return true, revoked(c, e.Received)
	case valid: // but for its revocation, of which the server says nothing
		return false, afterAll(e, signer)
	case c.Valid:
		return false, &signature.Fault{Reason: signature.SignatureMismatch, Detail: "the server finds the signature bad"}
	case e.Checked.After(signer.NotAfter): // it was in force when the signature came
		return false, signature.Pend(signature.StatusUnknown, errors.New("the certificate's term ended before the server could be asked"))
	}
	return false, &signature.Fault{Reason: signature.IssuerUnknown, Detail: "the server does not know the issuer"}
}

// read takes the answer apart. It has to be about one signer with one certificate, which is the
// signer's here: the server calls a signature without a signer valid.
func read(raw []byte, signer *x509.Certificate) (valid bool, c certificate, err error) {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return false, c, fmt.Errorf("not an answer: %w", err)
	}
	if len(a.Signers) != 1 || len(a.Signers[0].Certificates) != 1 {
		return false, c, errors.New("an answer about none or more than one signer")
	}
	c = a.Signers[0].Certificates[0]
	serial, ok := new(big.Int).SetString(strings.TrimSpace(c.SerialNumber), 16)
	if !ok || serial.Cmp(signer.SerialNumber) != 0 {
		return false, c, errors.New("an answer about another certificate")
	}
	return a.Valid, c, nil
}

// revoked says whether a source tells that the certificate was revoked before the signing.
func revoked(c certificate, at time.Time) error {
	for _, r := range c.Revocations {
		if r.Revoked && (r.RevocationTime == nil || !r.RevocationTime.After(at)) {
			return &signature.Fault{Reason: signature.Revoked, Detail: "as " + r.By + " tells the server"}
		}
	}
	return nil
}

// afterAll is for a signature whose certificate was revoked after the signing, or of whose revocation the
// server could learn nothing: the first is valid, the second has to wait.
func afterAll(e *signature.Evidence, signer *x509.Certificate) error {
	_, c, err := read(e.Answers[0].Answer.Raw, signer)
	if err != nil {
		return unreached(err)
	}
	for _, r := range c.Revocations {
		if r.Revoked { // later: revoked looked at the time
			return nil
		}
	}
	return signature.Pend(signature.StatusUnknown, errors.New("the server could not learn whether the certificate was revoked"))
}
