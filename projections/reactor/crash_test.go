package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
)

var errCrash = errors.New("crash")

// crash is an approval during which the process dies, and what has to be there in the end.
type crash struct {
	request   regulation.Request
	appends   int                         // of the reactor after the approval
	meanwhile func(n *node, first string) // what happens before the next start has finished the rest
	want      map[string]int              // events in the log
	check     func(t *testing.T, n *node, first, result string)
}

// A crash before or after any append of the reactor leaves something that the next start finishes,
// with the same outcome as without it.
func TestCrashBetweenAnyTwoAppends(t *testing.T) {
	crashes := map[string]crash{
		"issue": {request: regulation.Issue, appends: 3, want: map[string]int{
			"license-issued": 2, "application-completed": 2, "number-assigned": 4,
		}},
		"reissue": {request: regulation.Reissue, appends: 4, want: map[string]int{
			"license-issued": 2, "license-reissued": 1, "application-completed": 2, "number-assigned": 4,
		}, check: oneLine},
		"duplicate": {request: regulation.Duplicate, appends: 2, want: map[string]int{
			"license-issued": 1, "license-duplicated": 1, "application-completed": 2, "number-assigned": 3,
		}},
		"reissue, revoked meanwhile": {request: regulation.Reissue, appends: 4, meanwhile: revoke, want: map[string]int{
			"license-issued": 2, "license-reissued": 1, "application-completed": 2, "number-assigned": 4,
		}, check: oneLine},
	}
	for name, c := range crashes {
		for _, persisted := range []bool{false, true} {
			for at := 1; ; at++ {
				crashed := false
				t.Run(fmt.Sprintf("%s/persisted=%v/append=%d", name, persisted, at), func(t *testing.T) {
					crashed = c.at(t, at, persisted)
				})
				if !crashed {
					if at-1 != c.appends {
						t.Fatalf("%d appends, not %d", at-1, c.appends)
					}
					break
				}
			}
		}
	}
}

// at approves the request with a store that breaks at the n-th append after the approval, starts
// anew, and checks the outcome. It reports whether there was an n-th append.
func (c crash) at(t *testing.T, at int, persisted bool) bool {
	store := memstore.New()
	n := start(t, store)
	first := n.issue()
	decision := approve
	var concerns *license.State
	if c.request != regulation.Issue {
		l := n.license(first)
		concerns, decision.Concerns = &l, &l
	}
	id := n.examined(c.request, concerns)
	n.must(id, decision)

	var appends atomic.Int32
	broken := make(chan struct{})
	breaks := func(c domain.Commit) error {
		if c.Records[0].Type == "application-approved" {
			return nil
		}
		if int(appends.Add(1)) >= at {
			select {
			case <-broken:
			default:
				close(broken)
			}
			return fmt.Errorf("%w: %w", errCrash, domain.ErrUnavailable)
		}
		return nil
	}
	if persisted {
		store.AfterAppend = breaks
	} else {
		store.BeforeAppend = breaks
	}
	n.must(id, n.signed(id, decision))
	crashed := false
	select {
	case <-broken:
		crashed = true
	default:
	}
	n.stop() // the process is gone; its read models with it
	store.BeforeAppend, store.AfterAppend = nil, nil
	if c.meanwhile != nil {
		c.meanwhile(n, first)
	}

	n = start(t, store)
	n.until(func() bool { return n.application(id).Result != "" })
	count := map[string]int{}
	for commit, err := range follow(t, store) {
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range commit.Records {
			if _, ok := c.want[rec.Type]; ok {
				count[rec.Type]++
			}
		}
	}
	if diff := cmp.Diff(c.want, count); diff != "" {
		t.Error(diff)
	}
	if c.check != nil {
		c.check(t, n, first, n.application(id).Result)
	}
	return crashed
}

// oneLine: the old license and the new one name each other, and an end of the old one is the new
// one's end too.
func oneLine(t *testing.T, n *node, first, result string) {
	old, successor := n.license(first), n.license(result)
	if result != "26000002" || old.Successor != result || successor.Predecessor != first {
		t.Errorf("result %q, old %+v, new %+v", result, old, successor)
	}
	if old.End != nil && successor.On("2026-11-24") == license.StatusActive && old.Version == 2 {
		t.Errorf("a revoked license came back as %+v", successor)
	}
}

// revoke terminates the license, unless it has been reissued already.
func revoke(n *node, number string) {
	_, err := n.onLicense(number, license.Terminate{At: noon, On: "2026-11-24", Ground: license.Revoked})
	var rejection *domain.Rejection
	if err != nil && !errors.As(err, &rejection) {
		n.t.Fatal(err)
	}
}

func (n *node) onLicense(number string, c license.Command) (domain.Result, error) {
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		return domain.Result{}, err
	}
	m := domain.Meta{Command: uuid.New(), Time: noon, Actor: domain.Actor{ID: "somebody", Role: domain.RoleOfficer}}
	return domain.Execute(context.Background(), n.store, stream, m, license.Fold,
		func(s license.State) ([]domain.Payload, error) { return license.Decide(s, c) })
}

// A copy that was given out before a crash is not given out again on the license that has taken the
// place of the first one since.
func TestDuplicateAcrossCrashAndReissue(t *testing.T) {
	store := memstore.New()
	n := start(t, store)
	first := n.issue()
	l := n.license(first)
	decision := approve
	decision.Concerns = &l
	copied, reissued := n.examined(regulation.Duplicate, &l), n.examined(regulation.Reissue, &l)
	store.BeforeAppend = func(c domain.Commit) error {
		if c.Records[0].Type == "application-completed" {
			return fmt.Errorf("%w: %w", errCrash, domain.ErrUnavailable)
		}
		return nil
	}
	n.mustDecide(copied, decision)
	n.stop()
	store.BeforeAppend = nil
	if _, err := n.onLicense(first, license.EndAsReissued{At: noon, On: "2026-11-24", Successor: "26000002", Reason: "name", Application: reissued}); err != nil {
		t.Fatal(err)
	}
	n = start(t, store)
	n.until(func() bool { return n.application(copied).Result != "" })
	if s := n.application(copied); s.Result != first || n.license(first).Copies != 1 {
		t.Errorf("result %q, %d copies", s.Result, n.license(first).Copies)
	}
}

// What lies ahead of a license lies ahead of the one that takes its place.
func TestReissueWashesNothingOff(t *testing.T) {
	n := start(t, memstore.New())
	first := n.issue()
	for _, c := range []license.Command{
		license.Suspend{At: noon, From: "2026-11-25", Until: "2027-03-01", Reason: "inspection"},
		license.Terminate{At: noon, On: "2026-12-31", Ground: license.Revoked},
	} {
		if _, err := n.onLicense(first, c); err != nil {
			t.Fatal(err)
		}
	}
	l := n.license(first)
	id := n.examined(regulation.Reissue, &l)
	decision := approve
	decision.Concerns = &l
	n.mustDecide(id, decision)
	l = n.license(n.application(id).Result)
	for day, want := range map[string]license.Status{
		"2026-11-24": license.StatusActive, "2026-11-25": license.StatusSuspended, "2026-12-31": license.StatusTerminated,
	} {
		if got := l.On(day); got != want {
			t.Errorf("on %s the new license is %s, not %s", day, got, want)
		}
	}
}

// Authorities that do not answer keep nobody else waiting, however many signatures wait for them.
func TestSilentAuthorityKeepsNobodyElseWaiting(t *testing.T) {
	n := start(t, memstore.New())
	ids := make([]string, 12)
	for i := range ids {
		ids[i] = n.signable()
	}
	silent := &silence{asked: make(chan struct{}, 100), over: make(chan struct{})}
	n.outside.silent.Store(silent)
	defer close(silent.over)
	for _, id := range ids {
		if _, err := n.command(id, waiting(signing.Request, "cms")); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 { // every worker of that lane hangs
		<-silent.asked
	}
	n.issue() // registers, payment and license: the other two lanes
}

// A gateway that does not answer keeps no license waiting, however many wait for the gateway.
func TestDeadGatewayKeepsNoLicenseWaiting(t *testing.T) {
	n := start(t, memstore.New())
	id := n.examined(regulation.Issue, nil)
	asked := make(chan struct{}, 100)
	dead := make(chan struct{})
	n.outside.hang.Store(&dead)
	defer close(dead)
	n.outside.asked.Store(&asked)
	for range 40 {
		if _, err := n.command(uuid.NewString(), application.Open{
			At: noon, Service: "private-bailiff-license", Channel: regulation.Office, Request: regulation.Issue,
			Applicant: application.Applicant{ID: person},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 { // every worker of that lane hangs in the gateway
		<-asked
	}
	n.mustDecide(id, approve)
	if s := n.application(id); s.Result == "" {
		t.Errorf("the license waits for a gateway: %+v", s)
	}
}
