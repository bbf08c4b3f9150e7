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
	"github.com/tizilim/tizilim/domain/license"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/domain/signing"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/numbers"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
)

// noon is 12:00 of 24 November 2026 in Almaty, a working Tuesday.
var noon = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

const (
	organization = "120540001238"
	person       = "850312300121"
	head         = "990101450026"
	registered   = "ТОО «Жарық»" // as the state registers write it
)

// outside is the gateways, which may be down.
type outside struct {
	down   atomic.Bool
	absent atomic.Bool
	hang   atomic.Pointer[chan struct{}] // until it is closed, nobody answers
	asked  atomic.Pointer[chan struct{}] // told of each question
	judged atomic.Pointer[signing.Verdict]
	silent atomic.Pointer[silence] // of the authorities
	absurd atomic.Bool             // what is to be judged is no signature
	bill   atomic.Pointer[bill]    // what is answered instead, where set
}

// silence lasts until it is over; it is told of each question.
type silence struct{ asked, over chan struct{} }

// Verify says what the test wants, and until then that nobody answers.
func (o *outside) Verify(ctx context.Context, c signing.Claim) (signing.Verdict, error) {
	if q := o.silent.Load(); q != nil {
		q.asked <- struct{}{}
		select {
		case <-q.over:
		case <-ctx.Done():
		}
	}
	if o.absurd.Load() {
		return signing.Verdict{}, fmt.Errorf("no CMS: %w", domain.ErrInvalid)
	}
	v := o.judged.Load()
	if v == nil {
		return signing.Verdict{Outcome: signing.Pending, Reason: signing.OCSPUnreachable}, nil
	}
	verdict := *v
	verdict.Digest = signing.Digest(c.Signed)
	return verdict, nil
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

// bill is what the gateway answers to a request for an order.
type bill struct {
	receipt reactor.Receipt
	err     error
}

func (o *outside) Request(_ context.Context, order reactor.Order) (reactor.Receipt, error) {
	if b := o.bill.Load(); b != nil {
		return b.receipt, b.err
	}
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
		Store: store, Rules: sample.Rules, Waiting: waiting, Registers: n.outside, Payments: n.outside, Verifier: n.outside,
		Numbering: &reactor.Numbering{Store: store, Assigned: assigned, Now: now, CatchUp: func(ctx context.Context) error {
			head, err := store.Head(ctx)
			if err != nil {
				return err
			}
			return n.follower.Wait(ctx, head, assigned.Name())
		}},
		Now: now, Logger: slog.New(slog.DiscardHandler), Retry: time.Millisecond, PaymentTerm: 72 * time.Hour,
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
		func(s application.State) ([]domain.Payload, error) { return sample.Rules().Decide(s, c) })
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

var approve = application.Draft{At: noon, Decision: application.Decision{Decision: application.Approve, Order: "12-П"}}

// decide drafts the decision and signs it.
func (n *node) decide(id string, d application.Draft) error {
	if err := n.do(id, d); err != nil {
		return err
	}
	return n.do(id, n.signed(id, d))
}

// signed signs the draft as the head does.
func (n *node) signed(id string, d application.Draft) application.SignDecision {
	return application.SignDecision{
		At: noon, Subject: head, Signatory: "А. Серікова", By: "head", Concerns: d.Concerns,
		Digest: signing.Digest(n.application(id).Draft.Content),
	}
}

func (n *node) mustDecide(id string, d application.Draft) {
	n.t.Helper()
	if err := n.decide(id, d); err != nil {
		n.t.Fatal(err)
	}
}

// examined brings a new application through the portal to the licensor's decision.
func (n *node) examined(request regulation.Request, concerns *license.State) string {
	n.t.Helper()
	id := n.forwarded(request, concerns)
	n.must(id, application.Sign{At: noon, Subject: organization, Digest: n.application(id).ContentDigest()})
	if s := n.application(id); s.Status != application.StatusExamined || s.Number == "" {
		n.t.Fatalf("not registered: %+v", s)
	}
	return id
}

// forwarded brings a new application through the portal to its signature.
func (n *node) forwarded(request regulation.Request, concerns *license.State) string {
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
	if s := n.application(id); s.Action != regulation.ChooseCertificate {
		n.t.Fatalf("it waits in %s", s.Action)
	}
	return id
}

func TestFromFilingToLicense(t *testing.T) {
	n := start(t, memstore.New())
	id := n.examined(regulation.Issue, nil)
	n.mustDecide(id, approve)
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
	n.mustDecide(id, approve)
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
	n.mustDecide(id, again)
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
			if err := n.decide(id, again); err != nil {
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
		n.mustDecide(id, again)
		if s, now := n.application(id), n.license(first); s.Result != first || now.Copies != copies {
			t.Errorf("result %q, %d copies", s.Result, now.Copies)
		}
	}
}

func (n *node) issue() string {
	n.t.Helper()
	id := n.examined(regulation.Issue, nil)
	n.mustDecide(id, approve)
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
			if err := nodes[i%2].decide(id, approve); err != nil {
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
