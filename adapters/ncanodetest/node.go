// Package ncanodetest has what tests need of NCANode: a server that speaks its API, and certificates and
// signatures of the State standard. Their form is right; their bits mean nothing, since nobody here can make or
// tell real ones, and whether a signature holds is for the test to say.
package ncanodetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
)

// Status is what a source told the server.
type Status string

// What sources tell.
const (
	Active  Status = "ACTIVE"
	Revoked Status = "REVOKED"
	Unknown Status = "UNKNOWN"
)

// Answers are what the server says.
type Answers struct {
	Signature bool // verifies
	Issuer    bool // is known
	OCSP, CRL Status
	RevokedAt time.Time
	Now       time.Time        // its clock, the present where zero
	Scripted  http.HandlerFunc // answers instead
}

// Sound is an answer for a signature that holds, by a certificate that nothing is the matter with.
var Sound = Answers{Signature: true, Issuer: true, OCSP: Active, CRL: Active}

// Node speaks the API of an NCANode server of version 3: its answer's form, and how its "valid" comes
// about.
type Node struct {
	Answers

	mu        sync.Mutex // guards what is above and below once it serves
	questions []Question
}

// Say makes it answer otherwise from now on.
func (n *Node) Say(a Answers) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Answers = a
}

// Question is what the server was asked.
type Question struct {
	CMS             []byte   `json:"cms"`
	Data            []byte   `json:"data"`
	RevocationCheck []string `json:"revocationCheck"`
}

// Questions are all that it was asked.
func (n *Node) Questions() []Question {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.questions)
}

type revocation struct {
	Revoked        bool    `json:"revoked"`
	By             string  `json:"by"`
	RevocationTime *string `json:"revocationTime"`
	Reason         *string `json:"reason"`
}

// Clock is the time by the server's clock.
func (a Answers) Clock() time.Time {
	if a.Now.IsZero() {
		return time.Now()
	}
	return a.Now
}

// ServeHTTP implements http.Handler.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	a := n.Answers
	n.mu.Unlock()
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/cms/verify":
		http.NotFound(w, r)
	case a.Scripted != nil:
		a.Scripted(w, r)
	default:
		n.verify(w, r, a)
	}
}

func (n *Node) verify(w http.ResponseWriter, r *http.Request, a Answers) {
	var q Question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, `{"status":400,"message":"bad request"}`, http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	n.questions = append(n.questions, q)
	n.mu.Unlock()
	c := must(must(signature.ParseCMS(q.CMS)).Signer())
	inTerm := a.Clock().After(c.NotBefore) && a.Clock().Before(c.NotAfter)
	valid, revocations := inTerm && a.Issuer, []revocation{}
	for by, s := range map[string]Status{"OCSP": a.OCSP, "CRL": a.CRL} {
		if slices.Contains(q.RevocationCheck, by) {
			valid = valid && s == Active
			revocations = append(revocations, a.told(by, s))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": 200, "message": "OK", "valid": valid && a.Signature,
		"signers": []any{map[string]any{
			"certificates": []any{map[string]any{
				"valid": valid, "revocations": revocations, "notBefore": stamp(c.NotBefore), "notAfter": stamp(c.NotAfter),
				"keyUsage": "SIGN", "serialNumber": c.SerialNumber.Text(16), "signAlg": "ECGOST34310", "keyUser": []string{"INDIVIDUAL"},
				"publicKey": "AAAA", "signature": "AAAA",
				"subject": map[string]any{"commonName": "ТЕСТОВ ТЕСТ", "iin": "123456789011", "country": "KZ"},
			}},
			"tsp": nil,
		}},
	})
}

func (a Answers) told(by string, s Status) revocation {
	r := revocation{Revoked: s == Revoked, By: by}
	if s == Revoked && !a.RevokedAt.IsZero() {
		at := stamp(a.RevokedAt)
		r.RevocationTime = &at
	}
	return r
}

// stamp is how the server writes times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-07:00") }
