package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/reactor"
)

// noon is 12:00 of 24 November 2026 in Almaty, a working Tuesday.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

const (
	organization = "120540001238"
	person       = "850312300121"
	registered   = "ТОО «Жарық»" // as the state registers write it
)

var theRules = sync.OnceValue(func() application.Rules {
	catalog, err := regulation.Load()
	if err != nil {
		panic(err)
	}
	days, err := calendar.Load()
	if err != nil {
		panic(err)
	}
	return application.Rules{Catalog: catalog, Calendar: days, Hours: calendar.DefaultHours}
})

// outside is the gateways, which may be down.
type outside struct {
	down   atomic.Bool
	absent atomic.Bool
	hang   atomic.Pointer[chan struct{}] // until it is closed, nobody answers
	asked  atomic.Pointer[chan struct{}] // told of each question
}

func (o *outside) Find(ctx context.Context, _ string) (reactor.Person, error) {
	if c := o.asked.Load(); c != nil {
		*c <- struct{}{}
	}
	if c := o.hang.Load(); c != nil {
		select {
		case <-*c:
		case <-ctx.Done():
		}
	}
	if o.down.Load() {
		return reactor.Person{}, fmt.Errorf("registers: %w", domain.ErrUnavailable)
	}
	return reactor.Person{Found: !o.absent.Load(), Name: registered, Address: "Алматы", Source: "test"}, nil
}

func (o *outside) Request(_ context.Context, order reactor.Order) (reactor.Receipt, error) {
	if o.down.Load() {
		return reactor.Receipt{}, fmt.Errorf("gateway: %w", domain.ErrUnavailable)
	}
	return reactor.Receipt{Order: "order-" + order.Application, Amount: 4_325_000, Currency: "KZT"}, nil
}

// node is one process: its own read models and reactor over a store that others may share.
type node struct {
	*reactor.Reactor
	t        testing.TB
	store    *memstore.Store
	outside  *outside
	follower *projections.Follower
	stop     func()
}

func start(t testing.TB, store *memstore.Store) *node {
	t.Helper()
	dir := t.TempDir()
	waiting, err := reactor.OpenWaiting(dir)
	if err != nil {
		t.Fatal(err)
	}
	assigned, err := numbers.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{t: t, store: store, outside: &outside{}}
	now := func() time.Time { return noon }
	n.Reactor, err = reactor.New(ctx, reactor.Config{
		Store: store, Rules: theRules(), Waiting: waiting, Registers: n.outside, Payments: n.outside,
		Numbering: &reactor.Numbering{Store: store, Assigned: assigned, Now: now, CatchUp: func(ctx context.Context) error {
			head, err := store.Head(ctx)
			if err != nil {
				return err
			}
			return n.follower.Wait(ctx, head, assigned.Name())
		}},
		Now: now, Logger: slog.New(slog.DiscardHandler), Retry: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.follower = projections.Start(ctx, store, slog.New(slog.DiscardHandler), waiting, assigned)
	if err := n.follower.CaughtUp(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		n.Run(ctx)
		close(done)
	}()
	n.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		n.follower.Stop()
		if err := errors.Join(waiting.Close(), assigned.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// do carries out a person's command and waits until the registry has done its part.
func (n *node) do(id string, c application.Command) error {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done, err := n.command(id, c)
	if err != nil {
		return err
	}
	if err := n.follower.Wait(ctx, done.Position); err != nil {
		return err
	}
	_, err = n.Settle(ctx, id)
	return err
}

// command carries out a person's command.
func (n *node) command(id string, c application.Command) (domain.Result, error) {
	m := domain.Meta{Command: uuid.New(), Time: noon, Actor: domain.Actor{ID: "somebody", Role: domain.RoleOfficer}}
	return domain.Execute(context.Background(), n.store, applicationStream(n.t, id), m, application.Fold,
		func(s application.State) ([]domain.Payload, error) { return theRules().Decide(s, c) })
}

func (n *node) must(id string, c application.Command) {
	n.t.Helper()
	if err := n.do(id, c); err != nil {
		n.t.Fatalf("%T: %v", c, err)
	}
}

func (n *node) application(id string) application.State {
	n.t.Helper()
	s, err := domain.Load(context.Background(), n.store, applicationStream(n.t, id), application.Fold)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func (n *node) license(number string) license.State {
	n.t.Helper()
	stream, err := domain.NewStream(domain.LicenseCategory, number)
	if err != nil {
		n.t.Fatal(err)
	}
	s, err := domain.Load(context.Background(), n.store, stream, license.Fold)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

func applicationStream(t testing.TB, id string) domain.Stream {
	t.Helper()
	s, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var approve = application.Approve{At: noon, Order: "12-П", Signatory: "А. Серікова"}

// examined brings a new application through the portal to the licensor's decision.
func (n *node) examined(request regulation.Request, concerns *license.State) string {
	n.t.Helper()
	id := uuid.NewString()
	open := application.Open{
		At: noon, Service: "commodity-broker-license", Channel: regulation.Portal, Request: request,
		Applicant: application.Applicant{ID: organization}, Concerns: concerns,
	}
	if concerns != nil {
		open.License = concerns.Number
	}
	if request == regulation.Reissue {
		open.Reason = application.NameChanged
	}
	n.must(id, open)
	n.must(id, application.File{At: noon, Form: application.Form{Name: "Жарык"}})
	n.must(id, application.Pay{At: noon, Order: "order-" + id, Reference: "r", Amount: 4_325_000, Currency: "KZT"})
	n.must(id, application.Sign{At: noon, Subject: organization, Digest: n.application(id).ContentDigest()})
	if s := n.application(id); s.Status != application.StatusExamined || s.Number == "" {
		n.t.Fatalf("not registered: %+v", s)
	}
	return id
}

func TestFromFilingToLicense(t *testing.T) {
	n := start(t, memstore.New())
	id := n.examined(regulation.Issue, nil)
	n.must(id, approve)
	s := n.application(id)
	if s.Status != application.StatusCompleted || s.Result != "26000001" || s.Number != "KZ95APP00000001" {
		t.Fatalf("ended as %s, license %q, number %q", s.Status, s.Result, s.Number)
	}
	l := n.license(s.Result)
	if l.Licensee.ID != organization || l.Licensee.Name != registered || l.Application != id || l.IssuedOn != "2026-11-24" || l.FirstIssuedOn != l.IssuedOn {
		t.Errorf("license %+v", l)
	}
}

func TestPermitNumber(t *testing.T) {
	n := start(t, memstore.New())
	id := uuid.NewString()
	n.must(id, application.Open{
		At: noon, Service: "import-permit", Channel: regulation.Office, Request: regulation.Issue,
		Applicant: application.Applicant{ID: person},
	})
	n.must(id, application.File{At: noon, Form: application.Form{Name: "Ж. Асан"}})
	// The office's own employee registers: the registry must not.
	if s := n.application(id); s.Action != regulation.Register {
		t.Fatalf("waits in %s", s.Action)
	}
	n.must(id, application.Register{At: noon, Number: "KZ00APP00000009"})
	n.must(id, approve)
	if s := n.application(id); s.Result != "KZ54IMP00000001" || n.license(s.Result).Kind != "permit" {
		t.Errorf("result %q", s.Result)
	}
}

func TestUnavailableWaitsAbsentRefuses(t *testing.T) {
	n := start(t, memstore.New())
	n.outside.down.Store(true)
	id := uuid.NewString()
	n.must(id, application.Open{
		At: noon, Service: "private-bailiff-license", Channel: regulation.Office, Request: regulation.Issue,
		Applicant: application.Applicant{ID: person},
	})
	if s := n.application(id); s.Action != regulation.QueryRegisters {
		t.Fatalf("an unavailable register moved the application to %s %s", s.Status, s.Action)
	}
	n.outside.absent.Store(true)
	n.outside.down.Store(false)
	n.until(func() bool { return n.application(id).Status == application.StatusRefused })
	if r := n.application(id).Refusal; r.Stage != application.AtRegisters {
		t.Errorf("refused at %s", r.Stage)
	}
}

// until waits for what the store must come to hold, commit by commit.
func (n *node) until(holds func() bool) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if holds() {
		return
	}
	for _, err := range n.store.Follow(ctx, 0) {
		if err != nil {
			n.t.Fatal(err)
		}
		if holds() {
			return
		}
	}
	n.t.Fatal("it never came to hold")
}

func TestReissueKeepsFirstIssueAndLineage(t *testing.T) {
	n := start(t, memstore.New())
	first := n.issue()
	l := n.license(first)
	id := n.examined(regulation.Reissue, &l)
	again := approve
	again.Concerns = &l
	n.must(id, again)
	second := n.application(id).Result
	old, successor := n.license(first), n.license(second)
	if second != "26000002" || old.Status != license.StatusReissued || old.Successor != second ||
		successor.Predecessor != first || successor.FirstIssuedOn != old.FirstIssuedOn || successor.Reason != "name" {
		t.Errorf("old %+v\nnew %+v", old, successor)
	}
}

// Two reissues of one license, approved at the same time, make one line: the second reissues what
// the first made.
func TestReissuesAtOnceMakeOneLine(t *testing.T) {
	n := start(t, memstore.New())
	first := n.issue()
	l := n.license(first)
	again := approve
	again.Concerns = &l
	var wg sync.WaitGroup
	ids := []string{n.examined(regulation.Reissue, &l), n.examined(regulation.Reissue, &l), n.examined(regulation.Reissue, &l)}
	for _, id := range ids {
		wg.Go(func() {
			if err := n.do(id, again); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		n.until(func() bool { return n.application(id).Result != "" })
	}
	line := []string{first}
	for l := n.license(first); l.Successor != ""; l = n.license(l.Successor) {
		line = append(line, l.Successor)
	}
	if len(line) != 4 {
		t.Errorf("line %v", line)
	}
}

func TestDuplicateCounts(t *testing.T) {
	n := start(t, memstore.New())
	first := n.issue()
	for copies := 1; copies <= 2; copies++ {
		l := n.license(first)
		id := n.examined(regulation.Duplicate, &l)
		again := approve
		again.Concerns = &l
		n.must(id, again)
		if s, now := n.application(id), n.license(first); s.Result != first || now.Copies != copies {
			t.Errorf("result %q, %d copies", s.Result, now.Copies)
		}
	}
}

func (n *node) issue() string {
	n.t.Helper()
	id := n.examined(regulation.Issue, nil)
	n.must(id, approve)
	return n.application(id).Result
}

// Thirty-two approvals at once, on two nodes with read models of their own: numbers without gaps or
// repeats, one license for each application.
func TestNumbersUnderConcurrentApprovals(t *testing.T) {
	store := memstore.New()
	nodes := []*node{start(t, store), start(t, store)}
	ids := make([]string, 32)
	for i := range ids {
		ids[i] = nodes[0].examined(regulation.Issue, nil)
	}
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			if err := nodes[i%2].do(id, approve); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var got, want, registered []string
	for i, id := range ids {
		nodes[0].until(func() bool { return nodes[0].application(id).Result != "" })
		s := nodes[0].application(id)
		got = append(got, s.Result)
		registered = append(registered, s.Number)
		want = append(want, fmt.Sprintf("26%06d", i+1))
		if l := nodes[0].license(s.Result); l.Application != id {
			t.Errorf("license %s is of %s, not %s", s.Result, l.Application, id)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	slices.Sort(registered)
	if n := len(slices.Compact(registered)); n != len(ids) {
		t.Errorf("%d registration numbers for %d applications", n, len(ids))
	}
	licenses := 0
	for commit, err := range follow(t, store) {
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range commit.Records {
			if rec.Type == "license-issued" {
				licenses++
			}
		}
	}
	if licenses != len(ids) {
		t.Errorf("%d licenses for %d approvals", licenses, len(ids))
	}
}

// follow yields what is in the store now.
func follow(t testing.TB, store *memstore.Store) func(func(domain.Commit, error) bool) {
	head, err := store.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(domain.Commit, error) bool) {
		for c, err := range store.Follow(context.Background(), 0) {
			if !yield(c, err) || c.Position >= head {
				return
			}
		}
	}
}

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
	n.must(id, decision)
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
	n.must(copied, decision)
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
	n.must(id, decision)
	l = n.license(n.application(id).Result)
	for day, want := range map[string]license.Status{
		"2026-11-24": license.StatusActive, "2026-11-25": license.StatusSuspended, "2026-12-31": license.StatusTerminated,
	} {
		if got := l.On(day); got != want {
			t.Errorf("on %s the new license is %s, not %s", day, got, want)
		}
	}
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
	n.must(id, approve)
	if s := n.application(id); s.Result == "" {
		t.Errorf("the license waits for a gateway: %+v", s)
	}
}
