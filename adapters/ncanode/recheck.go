package ncanode

import (
	"fmt"

	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/domain"
)

// Recheck makes the judgment again from its evidence, as far as that goes without the server: that the
// evidence is whole and about these bytes, whose signature it is and whether it admits to the purpose,
// and that the server's answers, which are taken for what they say, lead to the verdict. Errors are as of
// signature.Recheck.
func Recheck(e signature.Evidence, signed []byte) (signature.Verdict, error) {
	if e.Method != Method {
		return signature.Verdict{}, fmt.Errorf("check evidence of the method %q: %w", e.Method, signature.ErrUnsupported)
	}
	cms, policy, err := e.Open(signed)
	if err != nil {
		return signature.Verdict{}, fmt.Errorf("check evidence: %w", err)
	}
	claim := signature.Claim{Signed: signed, Who: e.Who, Received: e.Received}
	anew := signature.NewEvidence(Method, policy, claim, cms, e.Checked)
	anew.AnyDigits = e.AnyDigits
	err = judge(anew, cms, policy, signed)
	for again, i := err == nil, 0; again; i++ {
		if i == len(e.Answers) {
			return signature.Verdict{}, fmt.Errorf("check evidence: an answer is missing: %w", domain.ErrDamaged)
		}
		anew.Answers = e.Answers[:i+1]
		again, err = weigh(anew, cms, i == 0)
		again = again && err == nil
	}
	if err := anew.Verdict.Conclude(err); err != nil {
		return signature.Verdict{}, fmt.Errorf("check evidence: %w: %w", domain.ErrDamaged, err)
	}
	if err := e.Agrees(anew); err != nil {
		return signature.Verdict{}, fmt.Errorf("check evidence: %w", err)
	}
	return anew.Verdict, nil
}
