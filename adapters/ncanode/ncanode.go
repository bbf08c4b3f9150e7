// Package ncanode asks an NCANode server (version 3) to verify signatures with algorithms that package
// signature does not know: GOST, which needs a provider that may not be passed on with other software.
//
// A Verifier first asks package signature, and the server only about what is unsupported there. Of what the
// server says only that is believed which nobody here can check: that the signature is over these bytes
// by this certificate, and whether an issuer that the server trusts issued it and did not revoke it. Who
// the certificate belongs to, what its key is for, that there is one signer, and what time it is, is
// checked here, by the same code and policies as for every other signature.
//
//	POST {URL}/cms/verify  {"cms": base64, "data": base64, "revocationCheck": ["OCSP", "CRL"]}
//
// The server's answer does not tell a bad signature from a certificate whose status it could not learn:
// both are "valid": false. So a second question, without revocationCheck, tells them apart, and nothing is
// read out of its messages. The content is always sent beside the signature and never inside: of a CMS with
// content inside the server ignores the content beside it.
//
// What the server cannot do: judge as of an earlier time. A signature that has to wait is judged by the
// server's clock when it is asked again. It does not verify timestamps, so the signing time is the
// registry's. And its word cannot be checked again later: Recheck checks all but that.
package ncanode

import (
	"bytes"
	"cmp"
	"context"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// Method is the name of this way to verify.
const Method = "ncanode"

// Timeout is how long a Verifier without a Timeout waits for an answer: the server itself asks OCSP.
const Timeout = 15 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 10

// Verifier judges signatures as signature.Verifier does, and has the server judge those that it cannot.
type Verifier struct {
	Native *signature.Verifier
	URL    string // of the server, without a slash at the end
	// AnyDigits is as in signature.Trust.
	AnyDigits bool
	// Timeout bounds one question; 0 means Timeout of the package.
	Timeout time.Duration
	Now     func() time.Time
}

// Verify judges the signature. It returns what signature.Verifier does. Pending with the reason
// ServiceUnreached is a server that does not answer, or not as it should.
func (v *Verifier) Verify(ctx context.Context, c signature.Claim) (signature.Verdict, *signature.Evidence, error) {
	verdict, evidence, err := v.Native.Verify(ctx, c)
	if !errors.Is(err, signature.ErrUnsupported) {
		return verdict, evidence, err
	}
	cms, parsed := signature.ParseCMS(c.CMS)
	policy, known := signature.PolicyFor(c.Purpose)
	if parsed != nil || known != nil || !stateStandard(cms) {
		return verdict, evidence, err
	}
	e := signature.NewEvidence(Method, policy, c, cms, v.Now())
	e.AnyDigits = v.AnyDigits
	err = judge(e, cms, policy, c.Signed)
	if err == nil {
		err = v.ask(ctx, e, cms, c.Signed)
	}
	if err := errors.Join(e.Verdict.Conclude(err), e.SealUp()); err != nil {
		return e.Verdict, nil, fmt.Errorf("verify signature by NCANode: %w", err)
	}
	return e.Verdict, e, nil
}

// kazakhstan is the arc of the State standard's algorithms: GOST 34.10-2015, GOST 34.310-2004 and their
// hashes.
var kazakhstan = asn1.ObjectIdentifier{1, 2, 398, 3, 10, 1}

// stateStandard says whether the algorithms are all of the State standard. The server is asked about
// no others: it might think better of a weak one than is thought here.
func stateStandard(cms *signature.CMS) bool {
	digest, value, key, err := cms.Algorithms()
	for _, id := range []asn1.ObjectIdentifier{digest, value, key} {
		if len(id) <= len(kazakhstan) || !id[:len(kazakhstan)].Equal(kazakhstan) {
			return false
		}
	}
	return err == nil
}

// judge checks what needs nobody's word.
func judge(e *signature.Evidence, cms *signature.CMS, policy signature.Policy, signed []byte) error {
	if err := cms.Over(signed); err != nil {
		return err
	}
	if err := e.Verdict.Admit(cms, policy, e.Who, e.AnyDigits); err != nil {
		return err
	}
	signer, err := cms.Signer()
	switch {
	case err != nil:
		return err
	case e.Received.Before(signer.NotBefore):
		return &signature.Fault{Reason: signature.NotYetValid, Detail: "valid from " + signer.NotBefore.UTC().Format(time.RFC3339)}
	case e.Received.After(signer.NotAfter):
		return &signature.Fault{Reason: signature.Expired, Detail: "valid to " + signer.NotAfter.UTC().Format(time.RFC3339)}
	}
	return nil
}

// ask has the server say the rest, in one question or two.
func (v *Verifier) ask(ctx context.Context, e *signature.Evidence, cms *signature.CMS, signed []byte) error {
	detached, err := cms.Detached()
	if err != nil {
		return err
	}
	question := question{CMS: detached, Data: signed, RevocationCheck: []string{"OCSP", "CRL"}}
	for {
		raw, err := v.post(ctx, question)
		if err != nil {
			return err
		}
		e.Answers = append(e.Answers, signature.NewAnswer(v.URL+"/cms/verify", v.Now(), raw))
		switch again, err := weigh(e, cms, len(e.Answers) == 1); {
		case err != nil || !again:
			return err
		}
		question.RevocationCheck = []string{}
	}
}

// question is the body of a request.
type question struct {
	CMS             []byte   `json:"cms"`
	Data            []byte   `json:"data"`
	RevocationCheck []string `json:"revocationCheck"`
}

// own reports whether a refusal is NCANode's, and not that of whatever may stand before it.
func own(body []byte) bool {
	var refusal struct {
		Status  int
		Message string
	}
	return json.Unmarshal(body, &refusal) == nil && refusal.Status == http.StatusBadRequest && refusal.Message != ""
}

// post asks once. A server that calls the request bad has judged nothing: domain.ErrInvalid.
func (v *Verifier) post(ctx context.Context, q question) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(v.Timeout, Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL+"/cms/verify", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, unreached(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreached(err)
	case len(raw) > maxAnswer:
		return nil, unreached(fmt.Errorf("an answer of more than %d bytes", maxAnswer))
	case resp.StatusCode == http.StatusBadRequest && own(raw):
		return nil, fmt.Errorf("the server cannot read the signature: %w", domain.ErrInvalid)
	case resp.StatusCode != http.StatusOK:
		return nil, unreached(fmt.Errorf("status %d", resp.StatusCode))
	}
	return raw, nil
}

// client follows no redirect: the server is where the configuration says.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func unreached(err error) error {
	if e, ok := err.(*url.Error); ok {
		err = e.Err
	}
	return signature.Pend(signature.ServiceUnreached, err)
}
