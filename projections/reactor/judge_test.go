package reactor_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

var (
	valid = signing.Verdict{Outcome: signing.Valid, IIN: person, BIN: organization, Name: "А. Серікова", Method: "test", Evidence: []byte(`{}`)}
	bad   = signing.Verdict{Outcome: signing.Invalid, Reason: signing.Revoked, Method: "test", Evidence: []byte(`{}`)}
)

// signable brings a new application to its signature.
func (n *node) signable() string {
	n.t.Helper()
	return n.forwarded(regulation.Issue, nil)
}

// waiting is a signature that nobody can judge yet.
func waiting(purpose signing.Purpose, cms string) application.ReceiveSignature {
	return application.ReceiveSignature{At: noon, Purpose: purpose, CMS: []byte(cms), Reason: signing.OCSPUnreachable, By: "somebody"}
}

// tokens counts what is in the log.
func tokens(t *testing.T, store *memstore.Store, of ...string) map[string]int {
	count := map[string]int{}
	for _, token := range of {
		count[token] = 0
	}
	for commit, err := range follow(t, store) {
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range commit.Records {
			if _, ok := count[rec.Type]; ok {
				count[rec.Type]++
			}
		}
	}
	return count
}

// A signature that cannot be judged keeps the application waiting, as long as that lasts, and goes on by
// itself, in the name of who signed.
func TestSignatureIsJudgedOnceSomebodyAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		verdict signing.Verdict
		status  application.Status
	}{"valid": {valid, application.StatusExamined}, "revoked": {bad, application.StatusRefused}} {
		t.Run(name, func(t *testing.T) {
			n := start(t, memstore.New())
			id := n.signable()
			n.must(id, waiting(signing.Request, "cms"))
			if s := n.application(id); s.Pending == nil || s.Action != regulation.ChooseCertificate {
				t.Fatalf("it did not wait: %+v", s)
			}
			n.outside.judged.Store(&tt.verdict)
			n.until(func() bool { return n.application(id).Status == tt.status })
			for rec, err := range n.store.Read(t.Context(), applicationStream(t, id), 1) {
				if err != nil {
					t.Fatal(err)
				}
				if (rec.Type == "application-signed" || rec.Type == "application-refused") && rec.Actor.ID != "somebody" {
					t.Errorf("%s by %+v", rec.Type, rec.Actor)
				}
			}
		})
	}
}

// Another signature takes the place of the one that waits, and only that one is judged.
func TestSignatureIsReplacedWhileItWaits(t *testing.T) {
	n := start(t, memstore.New())
	id := n.signable()
	n.must(id, waiting(signing.Request, "one"))
	n.must(id, waiting(signing.Request, "two"))
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.application(id).Number != "" })
	want := map[string]int{"signature-received": 2, "application-signed": 1, "signature-discarded": 0}
	if diff := cmp.Diff(want, tokens(t, n.store, "signature-received", "application-signed", "signature-discarded")); diff != "" {
		t.Error(diff)
	}
}

// A decision goes on in the same way, to its license.
func TestDecisionIsJudgedOnceSomebodyAnswers(t *testing.T) {
	n := start(t, memstore.New())
	id := n.examined(regulation.Issue, nil)
	n.must(id, approve)
	n.must(id, waiting(signing.Decision, "cms"))
	if s := n.application(id); s.Status != application.StatusExamined || s.Pending == nil {
		t.Fatalf("it did not wait: %+v", s)
	}
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.application(id).Result != "" })
	if a := n.application(id).Approval; a.Signatory != "А. Серікова" || a.Signature.Subject != person {
		t.Errorf("approved as %+v", a)
	}
}

// What waited until somebody could read it, and is no signature, is discarded and told: the applicant signs again.
func TestWhatWaitedIsNoSignature(t *testing.T) {
	n := start(t, memstore.New())
	id := n.signable()
	n.must(id, waiting(signing.Request, "cms"))
	n.outside.absurd.Store(true)
	n.until(func() bool { return n.application(id).Pending == nil })
	s := n.application(id)
	if s.Discarded == nil || s.Discarded.Reason != signing.Malformed || s.Refusal != nil || s.Action != regulation.ChooseCertificate {
		t.Errorf("after somebody read it: %+v", s)
	}
}

// A decision that meanwhile cannot be made any more is discarded and told, not tried for ever.
func TestDecisionThatNoLongerApplies(t *testing.T) {
	n := start(t, memstore.New())
	l := n.license(n.issue())
	id := n.examined(regulation.Reissue, &l)
	draft := approve
	draft.Concerns = &l
	n.must(id, draft)
	n.must(id, waiting(signing.Decision, "cms"))
	if _, err := n.onLicense(l.Number, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Revoked}); err != nil {
		t.Fatal(err)
	}
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.application(id).Pending == nil })
	if s := n.application(id); s.Discarded == nil || s.Discarded.Reason != signing.NoLongerApplies || s.Approval != nil {
		t.Errorf("it ended as %+v", s)
	}
}

// unsigned is a license whose signature waits to be judged.
func (n *node) unsigned() string {
	n.t.Helper()
	number := n.issue()
	if _, err := n.onLicense(number, license.ReceiveSignature{CMS: []byte("cms"), Reason: signing.OCSPUnreachable}); err != nil {
		n.t.Fatal(err)
	}
	if l := n.license(number); l.Pending == nil || l.Signed != nil {
		n.t.Fatalf("it did not wait: %+v", l)
	}
	return number
}

// A license's signature is judged in the same way once somebody answers, also after the process was gone.
func TestLicenseSignatureIsJudgedOnceSomebodyAnswers(t *testing.T) {
	store := memstore.New()
	n := start(t, store)
	number := n.unsigned()
	n.stop()
	n = start(t, store)
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.license(number).Pending == nil })
	if l := n.license(number); l.Signed == nil || l.Signed.Subject != person || l.Signed.Signatory != "А. Серікова" || l.Discarded != nil {
		t.Errorf("signed as %+v", l.Signed)
	}
}

// One that proves bad, or comes to a license that has ended, is discarded and told; another may be given.
func TestLicenseSignatureIsDiscarded(t *testing.T) {
	n := start(t, memstore.New())
	number := n.unsigned()
	n.outside.judged.Store(&bad)
	n.until(func() bool { return n.license(number).Pending == nil })
	if l := n.license(number); l.Signed != nil || l.Discarded == nil || l.Discarded.Reason != signing.Revoked {
		t.Fatalf("after the verdict: %+v", l)
	}
	n.outside.judged.Store(nil)
	if _, err := n.onLicense(number, license.ReceiveSignature{CMS: []byte("another"), Reason: signing.OCSPUnreachable}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.onLicense(number, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Revoked}); err != nil {
		t.Fatal(err)
	}
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.license(number).Pending == nil })
	if l := n.license(number); l.Signed != nil || l.Discarded == nil || l.Discarded.Reason != signing.NoLongerApplies {
		t.Errorf("after its end: %+v", l)
	}
}

// A crash before or after any append that follows the verdict leaves something that the next start
// finishes: one signature, one registration.
func TestCrashAfterTheVerdict(t *testing.T) {
	for _, persisted := range []bool{false, true} {
		for at := 1; ; at++ {
			crashed := false
			t.Run(fmt.Sprintf("persisted=%v/append=%d", persisted, at), func(t *testing.T) {
				crashed = crashAfterVerdict(t, at, persisted)
			})
			if !crashed {
				if at != 4 { // the signature, the number, the registration
					t.Fatalf("%d appends, not 3", at-1)
				}
				break
			}
		}
	}
}

// crashAfterVerdict lets the store break at the n-th append after the verdict, starts anew, and checks the
// outcome. It reports whether there was an n-th append.
func crashAfterVerdict(t *testing.T, at int, persisted bool) bool {
	store := memstore.New()
	n := start(t, store)
	id := n.signable()
	n.must(id, waiting(signing.Request, "cms"))
	var appends atomic.Int32
	broken, through := make(chan struct{}), make(chan struct{})
	breaks := func(domain.Commit) error {
		switch k := int(appends.Add(1)); {
		case k < at:
			return nil
		case k == at:
			close(broken)
		}
		return fmt.Errorf("%w: %w", errCrash, domain.ErrUnavailable)
	}
	store.AfterAppend = func(c domain.Commit) error {
		if persisted {
			if err := breaks(c); err != nil {
				return err
			}
		}
		if c.Records[0].Type == "application-registered" {
			close(through)
		}
		return nil
	}
	if !persisted {
		store.BeforeAppend = breaks
	}
	n.outside.judged.Store(&valid)
	crashed := false
	select {
	case <-broken:
		crashed = true
	case <-through:
	}
	n.stop() // the process is gone; its read models with it
	store.BeforeAppend, store.AfterAppend = nil, nil

	n = start(t, store)
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.application(id).Number != "" })
	want := map[string]int{"certificate-accepted": 1, "application-signed": 1, "application-registered": 1, "number-assigned": 1}
	if diff := cmp.Diff(want, tokens(t, store, "certificate-accepted", "application-signed", "application-registered", "number-assigned")); diff != "" {
		t.Error(diff)
	}
	return crashed
}

// What waits is in the projection again when that is built anew from the log.
func TestWaitOutlivesTheProcess(t *testing.T) {
	store := memstore.New()
	n := start(t, store)
	id := n.signable()
	n.must(id, waiting(signing.Request, "cms"))
	n.stop()
	n = start(t, store)
	n.outside.judged.Store(&valid)
	n.until(func() bool { return n.application(id).Number != "" })
}
