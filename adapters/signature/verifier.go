package signature

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Method is the name of this way to verify.
const Method = "cms"

// Claim is a signature that wants to be judged.
type Claim struct {
	Signed  []byte // the exact bytes that had to be signed
	CMS     []byte // DER, BER, base64 or PEM
	Purpose Purpose
	Who     Who
	// Received is when the registry got it: the signing time where the signer gave no timestamp, also
	// when it is judged only later. Now where zero.
	Received time.Time
}

// Config is what a Verifier needs.
type Config struct {
	Trust   *Trust
	Network Network
	// Stamp wants the registry's own timestamp over every signature that has none inside.
	Stamp bool
	Now   func() time.Time
}

// Verifier judges signatures. It may be used by many goroutines at once.
type Verifier struct {
	config Config
	world  *network
}

// New makes a verifier. domain.ErrInvalid for an address or a source in the configuration that is none.
func New(c Config) (*Verifier, error) {
	w, err := newNetwork(c.Network, c.Now)
	if err != nil {
		return nil, fmt.Errorf("signature verifier: %w", err)
	}
	return &Verifier{config: c, world: w}, nil
}

// Verify judges the signature. Without an error the verdict is Valid or Invalid, and comes with the
// evidence for it. The errors, none of which says anything against the signature:
//
//   - domain.ErrUnavailable, an *Undecided that tells the reason: somebody who has to be asked does not
//     answer. The verdict is Pending; the same claim may be judged again later, with the time it was
//     received first.
//   - ErrUnsupported, an *Undecided too: an algorithm that is not known here.
//   - domain.ErrInvalid: the bytes are no CMS at all, or there is no such purpose.
func (v *Verifier) Verify(ctx context.Context, c Claim) (Verdict, *Evidence, error) {
	policy, err := PolicyFor(c.Purpose)
	if err != nil {
		return Verdict{}, nil, err
	}
	cms, err := ParseCMS(c.CMS)
	if err != nil {
		return Verdict{}, nil, fmt.Errorf("verify signature: %w", err)
	}
	e := NewEvidence(Method, policy, c, cms, v.config.Now())
	e.AnyDigits = v.config.Trust.AnyDigits
	e.Anchors = slices.Sorted(maps.Keys(v.config.Trust.anchors))
	j := &judge{
		trust: v.config.Trust, policy: policy, world: v.world, sources: v.world.Sources, needNonce: v.world.NeedNonce,
		stamp: v.config.Stamp, cms: cms, signed: c.Signed, proof: e, statuses: map[string]status{},
	}
	if err := e.Verdict.Conclude(j.run(ctx)); err != nil {
		return e.Verdict, nil, fmt.Errorf("verify signature: %w", err)
	}
	if err := e.SealUp(); err != nil {
		return e.Verdict, nil, fmt.Errorf("verify signature: %w", err)
	}
	return e.Verdict, e, nil
}
