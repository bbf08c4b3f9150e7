package signature

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Evidence is all that a judgment relied on, so that it can be made again with nothing else than the
// bytes that were signed and the roots that were trusted: no network, and long after the
// certificates expired. It is JSON (Encode, DecodeEvidence), and holds personal data.
type Evidence struct {
	Schema int    `json:"schema"` // 1
	Method string `json:"method"` // who judged
	Policy string `json:"policy"` // version token
	Who    Who    `json:"who,omitzero"`
	// Signed are the bytes that had to be signed. They are not inside: they are the application's.
	Signed Blob `json:"signed"`
	// Received is when the registry got the signature, Checked when it judged it. Lists and answers
	// had to be in force then.
	Received  time.Time `json:"received"`
	Checked   time.Time `json:"checked"`
	AnyDigits bool      `json:"any_digits,omitempty"`
	// Anchors are the digests of the roots that were trusted.
	Anchors []string `json:"anchors,omitempty"`
	CMS     Blob     `json:"cms"`
	// Certificates are those that the judgment came by, whether the CMS has them or not. Chain names
	// the signer's, from the signer up to a root; Authority the same of the timestamp's.
	Certificates []Blob   `json:"certificates,omitempty"`
	Chain        []string `json:"chain,omitempty"`
	Authority    []string `json:"authority,omitempty"`
	// Timestamp is the registry's own timestamp over the signature. The signer's is in the CMS.
	Timestamp Blob     `json:"timestamp,omitzero"`
	Statuses  []Status `json:"statuses,omitempty"`
	// Answers are what a verification service said, where one judged.
	Answers []Answer `json:"answers,omitempty"`
	Verdict Verdict  `json:"verdict"`
	// Seal is the SHA-256 of everything before it, with lists by their digests. It finds damage; who
	// could have written something else is for the log's own tamper evidence to say.
	Seal string `json:"seal"`
}

// Blob is bytes with their digest. Raw may be kept elsewhere, under the digest.
type Blob struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
	Raw    []byte `json:"raw,omitempty"`
}

// Status is what was relied on for one certificate's not being revoked, or being.
type Status struct {
	Certificate string    `json:"certificate"` // digest
	Source      Source    `json:"source"`
	URL         string    `json:"url"`
	Fetched     time.Time `json:"fetched"`
	Nonce       []byte    `json:"nonce,omitempty"` // of an OCSP question
	Answer      Blob      `json:"answer"`
	Delta       *Answer   `json:"delta,omitempty"` // of a list
}

// Answer is what an address answered.
type Answer struct {
	URL     string    `json:"url"`
	Fetched time.Time `json:"fetched"`
	Answer  Blob      `json:"answer"`
}

// NewAnswer notes an answer.
func NewAnswer(url string, fetched time.Time, raw []byte) Answer {
	return Answer{URL: url, Fetched: instant(fetched), Answer: newBlob(raw)}
}

// schema is the number of the form above.
const schema = 1

func newBlob(raw []byte) Blob { return Blob{SHA256: digest(raw), Size: len(raw), Raw: raw} }

// NewEvidence begins the evidence of a judgment by the method.
func NewEvidence(method string, policy Policy, claim Claim, cms *CMS, checked time.Time) *Evidence {
	e := &Evidence{
		Schema: schema, Method: method, Policy: policy.Version, Who: claim.Who, Signed: newBlob(claim.Signed),
		Received: instant(claim.Received), Checked: instant(checked), CMS: newBlob(cms.Raw),
	}
	e.Signed.Raw = nil
	if claim.Received.IsZero() {
		e.Received = e.Checked
	}
	e.Verdict = Verdict{Method: method, Policy: policy.Version, Digest: e.Signed.SHA256, At: e.Received}
	return e
}

// instant is the time as it reads back from JSON.
func instant(t time.Time) time.Time { return t.Round(0).UTC() }

// keep notes the certificates, and returns their digests.
func (e *Evidence) keep(certificates []*x509.Certificate) []string {
	digests := make([]string, 0, len(certificates))
	for _, c := range certificates {
		b := newBlob(c.Raw)
		if !slices.ContainsFunc(e.Certificates, func(o Blob) bool { return o.SHA256 == b.SHA256 }) {
			e.Certificates = append(e.Certificates, b)
		}
		digests = append(digests, b.SHA256)
	}
	return digests
}

// list notes lists that were relied on.
func (e *Evidence) list(c *x509.Certificate, p pair) {
	s := Status{Certificate: digest(c.Raw), Source: CRL, URL: p.full.url, Fetched: p.full.fetched, Answer: p.full.blob()}
	if p.delta != nil {
		s.Delta = &Answer{URL: p.delta.url, Fetched: p.delta.fetched, Answer: p.delta.blob()}
	}
	e.relyOn(s)
}

// relyOn notes a status, once.
func (e *Evidence) relyOn(s Status) {
	if !slices.ContainsFunc(e.Statuses, func(o Status) bool { return o.Certificate == s.Certificate && o.Source == s.Source }) {
		e.Statuses = append(e.Statuses, s)
	}
}

func (c *crl) blob() Blob { return Blob{SHA256: c.sum, Size: len(c.list.Raw), Raw: c.list.Raw} }

// answer notes an answer that was relied on.
func (e *Evidence) answer(c *x509.Certificate, a *ocspAnswer) {
	e.relyOn(Status{
		Certificate: digest(c.Raw), Source: OCSP, URL: a.url, Fetched: a.fetched, Nonce: a.nonce, Answer: newBlob(a.raw),
	})
}

// Encode writes the evidence, sealed. The same evidence is the same bytes.
func (e Evidence) Encode() ([]byte, error) {
	if err := e.SealUp(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write evidence: %w", err)
	}
	return text, nil
}

// SealUp sets the seal. Whoever makes evidence does it last; what Verify returns is sealed.
func (e *Evidence) SealUp() error {
	e.Seal = ""
	without, _ := e.Detach()
	text, err := json.Marshal(without)
	if err != nil {
		return fmt.Errorf("seal evidence: %w", err)
	}
	e.Seal = digest(text)
	return nil
}

// DecodeEvidence reads what Encode wrote, to the byte. domain.ErrDamaged where anything was changed.
func DecodeEvidence(text []byte) (Evidence, error) {
	var e Evidence
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Evidence{}, fmt.Errorf("read evidence: %w: %w", domain.ErrDamaged, err)
	}
	again, err := e.Encode()
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("it was changed after it was written")
	}
	if err == nil {
		err = e.whole()
	}
	if err != nil {
		return Evidence{}, fmt.Errorf("read evidence: %w: %w", domain.ErrDamaged, err)
	}
	return e, nil
}

// whole compares every blob with its digest.
func (e *Evidence) whole() error {
	if e.Schema != schema {
		return fmt.Errorf("evidence of schema %d", e.Schema)
	}
	for _, b := range e.blobs() {
		if b.Raw != nil && (digest(b.Raw) != b.SHA256 || len(b.Raw) != b.Size) {
			return fmt.Errorf("the bytes are not those of %s", b.SHA256)
		}
	}
	return nil
}

func (e *Evidence) blobs() []*Blob {
	all := append(e.lists(), &e.CMS, &e.Timestamp)
	for i := range e.Certificates {
		all = append(all, &e.Certificates[i])
	}
	for i := range e.Answers {
		all = append(all, &e.Answers[i].Answer)
	}
	for i := range e.Statuses {
		all = append(all, &e.Statuses[i].Answer)
	}
	return all
}
