package signature_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tizilim/tizilim/adapters/signature"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// recheck makes the judgment again from the evidence as it is stored.
func recheck(t *testing.T, p *pki, e *signature.Evidence, was signature.Verdict) {
	t.Helper()
	text, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := signature.DecodeEvidence(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := signature.Recheck(t.Context(), p.config().Trust, stored, []byte(message))
	if diff := cmp.Diff(was, again, cmpopts.IgnoreFields(signature.Verdict{}, "Detail")); diff != "" || err != nil {
		t.Errorf("%v, (-then +now)\n%s", err, diff)
	}
}
