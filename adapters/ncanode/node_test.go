package ncanode_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
)

// status is what a source told the server.
type status string

const (
	active  status = "ACTIVE"
	revoked status = "REVOKED"
	unknown status = "UNKNOWN"
)

// node speaks the API of an NCANode server of version 3: its answer's form, and how its "valid" comes
// about. Whether the signature holds is for the test to say.
type node struct {
	signature bool // verifies
	issuer    bool // is known
	ocsp, crl status
	revokedAt time.Time
	now       time.Time        // its clock, and the verifier's
	scripted  http.HandlerFunc // answers instead

	questions []nodeQuestion
}

type nodeQuestion struct {
	CMS             []byte   `json:"cms"`
	Data            []byte   `json:"data"`
	RevocationCheck []string `json:"revocationCheck"`
}

type nodeRevocation struct {
	Revoked        bool    `json:"revoked"`
	By             string  `json:"by"`
	RevocationTime *string `json:"revocationTime"`
	Reason         *string `json:"reason"`
}

func (n *node) clock() time.Time {
	if n.now.IsZero() {
		return now
	}
	return n.now
}

func (n *node) start(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /cms/verify", n.verify)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func (n *node) verify(w http.ResponseWriter, r *http.Request) {
	if n.scripted != nil {
		n.scripted(w, r)
		return
	}
	var q nodeQuestion
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, `{"status":400,"message":"bad request"}`, http.StatusBadRequest)
		return
	}
	n.questions = append(n.questions, q)
	c := must(must(signature.ParseCMS(q.CMS)).Signer())
	inTerm := n.clock().After(c.NotBefore) && n.clock().Before(c.NotAfter)
	valid, revocations := inTerm && n.issuer, []nodeRevocation{}
	for by, s := range map[string]status{"OCSP": n.ocsp, "CRL": n.crl} {
		if slices.Contains(q.RevocationCheck, by) {
			valid = valid && s == active
			revocations = append(revocations, n.told(by, s))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": 200, "message": "OK", "valid": valid && n.signature,
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

func (n *node) told(by string, s status) nodeRevocation {
	r := nodeRevocation{Revoked: s == revoked, By: by}
	if s == revoked && !n.revokedAt.IsZero() {
		at := stamp(n.revokedAt)
		r.RevocationTime = &at
	}
	return r
}

// stamp is how the server writes times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000-07:00") }
