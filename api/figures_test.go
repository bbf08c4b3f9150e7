package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/api"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/regulation"
	"github.com/tizilim/tizilim/projections"
	logs "github.com/tizilim/tizilim/projections/sample"
)

func TestDeadlines(t *testing.T) {
	w := newWorld(t)
	w.open("company", "commodity-broker-license", "portal", company)
	w.clock.pass(3 * time.Hour)
	steps := decode[v1.DeadlineSteps](w.call("", "GET", "/api/v1/deadlines/steps?service=commodity-broker-license&channel=portal", nil).want(200)).Items
	if len(steps) != 2 || steps[0].Action != "authorize" || steps[0].Untimed != 1 || steps[0].ShareOnTime != nil || steps[1].Action != "fill-form" || steps[1].Overdue != 1 {
		t.Errorf("steps %+v", steps)
	}
	sums := decode[v1.Deadlines](w.call("", "GET", "/api/v1/deadlines?from=2026-11-24&to=2026-11-24", nil).want(200)).Items
	if len(sums) != 1 || sums[0].Steps.Visits != 2 || sums[0].Steps.Overdue != 1 || sums[0].Steps.Untimed != 1 || sums[0].WholeService.Applications != 0 {
		t.Errorf("summary %+v", sums)
	}
	if sums = decode[v1.Deadlines](w.call("", "GET", "/api/v1/deadlines?to=2026-11-23", nil).want(200)).Items; len(sums) != 0 {
		t.Errorf("summary of another day %+v", sums)
	}
	for who, want := range map[string]int{"officer": 1, "other-officer": 0, "auditor": 1} {
		if late := decode[v1.DeadlineVisits](w.call(who, "GET", "/api/v1/deadlines/overdue", nil).want(200)).Items; len(late) != want {
			t.Errorf("%s sees %+v", who, late)
		}
	}
	if list := decode[v1.Applications](w.call("officer", "GET", "/api/v1/applications?overdue=true&role=applicant", nil).want(200)).Items; len(list) != 1 {
		t.Errorf("overdue applications %+v", list)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	all := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(200))
	if len(all) < 9 || all[0].Type != "application-opened" || all[0].Subject != a.ID || all[0].SpecVersion != "1.0" || all[0].Sequence != "1" {
		t.Fatalf("events %+v", all)
	}
	var paged []v1.CloudEvent
	after := ""
	for range len(all) + 1 { // one by one, also within a commit of several events
		batch := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1&after="+after, nil).want(200))
		if len(batch) == 0 {
			break
		}
		paged = append(paged, batch...)
		after = batch[0].Sequence
	}
	if diff := cmp.Diff(all, paged); diff != "" {
		t.Errorf("one by one:\n%s", diff)
	}
	if rest := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?after="+all[len(all)-1].Sequence, nil).want(200)); len(rest) != 0 {
		t.Errorf("after the last one: %+v", rest)
	}
}

// gappy is a log that counts in steps of ten and is followed from the positions of its commits alone, as one is
// that counts bytes.
type gappy struct{ domain.Log }

func (g gappy) Head(ctx context.Context) (domain.Position, error) {
	head, err := g.Log.Head(ctx)
	return head * 10, err
}

func (g gappy) Follow(ctx context.Context, after domain.Position) iter.Seq2[domain.Commit, error] {
	return func(yield func(domain.Commit, error) bool) {
		if after%10 != 0 {
			yield(domain.Commit{}, fmt.Errorf("position %d is no commit's: %w", after, domain.ErrInvalid))
			return
		}
		for c, err := range g.Log.Follow(ctx, after/10) {
			c.Position *= 10
			if !yield(c, err) {
				return
			}
		}
	}
}

// TestEventsOfALogWithGaps goes on from every event there is, in both forms of the feed.
func TestEventsOfALogWithGaps(t *testing.T) {
	w := newWorld(t, func(cfg *api.Config) { cfg.Log = gappy{cfg.Log} })
	w.examined("company", "commodity-broker-license", company)
	all := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(200))
	within := 0
	for i, e := range all[:len(all)-1] {
		if strings.Contains(e.Sequence, ".") {
			within++
		}
		batch := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1&after="+e.Sequence, nil).want(200))
		if diff := cmp.Diff(all[i+1:i+2], batch); diff != "" {
			t.Errorf("after %s:\n%s", e.Sequence, diff)
		}
		next, body := w.feed(t, e.Sequence)
		if diff := cmp.Diff(all[i+1], next()); diff != "" {
			t.Errorf("feed after %s:\n%s", e.Sequence, diff)
		}
		body.Close()
	}
	if within == 0 {
		t.Error("no commit has several events")
	}
	for _, sequence := range []string{"11", "20.0", "20.0.15", "20.0.20", "20.0.10.0", "0.0"} {
		w.call("auditor", "GET", "/api/v1/events?after="+sequence, nil).want(400, "sequence-invalid")
	}
}

// What was written of places before they told the one before is understood where positions have no gaps.
func TestOlderSequences(t *testing.T) {
	w := newWorld(t)
	w.examined("company", "commodity-broker-license", company)
	all := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(200))
	index, position := 0, ""
	for i, e := range all[:len(all)-1] {
		if now := strings.Split(e.Sequence, ".")[0]; now != position {
			index, position = 0, now
		}
		batch := decode[[]v1.CloudEvent](w.call("auditor", "GET", fmt.Sprintf("/api/v1/events?limit=1&after=%s.%d", position, index), nil).want(200))
		if diff := cmp.Diff(all[i+1:i+2], batch); diff != "" {
			t.Errorf("after %s.%d:\n%s", position, index, diff)
		}
		index++
	}
}

// TestTermsAreCountedFromTheirEvents: due times follow from the time of the event that sets them, to the
// microsecond, however long a request takes and whoever gives the command.
func TestTermsAreCountedFromTheirEvents(t *testing.T) {
	w := newWorld(t)
	w.clock.tick.Store(1001)
	w.issued("company", "commodity-broker-license", company, "officer")
	counted := map[string]int{}
	for _, e := range decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(200)) {
		var data application.Progress
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if n := data.Enters; n != nil && n.Due != nil && n.Unit != regulation.WorkingDays {
			counted[e.Type]++
			if got := n.Due.Sub(e.Time); got != time.Duration(n.Term)*time.Second {
				t.Errorf("%s: %v of a term of %d s", e.Type, got, n.Term)
			}
		}
	}
	if counted["application-opened"] == 0 || counted["application-filed"] == 0 || len(counted) < 3 {
		t.Errorf("terms were counted by %v only", counted)
	}
}

// A gap in the log stops the feed: what comes before it is given out, and nothing behind it.
func TestGapStopsTheFeed(t *testing.T) {
	w := newWorld(t)
	w.examined("company", "commodity-broker-license", company)
	all := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(200))
	lost := domain.Position(len(all) / 2)
	w.store.Lose(lost)
	w.call("auditor", "GET", "/api/v1/events?limit=1000", nil).want(500)
	next, body := w.feed(t, "0")
	defer body.Close()
	given := 0
	for e := next(); e.ID != ""; e = next() { // it ends by itself
		if e.ID != all[given].ID {
			t.Fatalf("event %d is %s", given, e.ID)
		}
		given++
	}
	if want := fmt.Sprint(lost); given == 0 || strings.Split(all[given].Sequence, ".")[0] != want {
		t.Errorf("%d events were given; the next one would be %s, not %s", given, all[given].Sequence, want)
	}
}

// feed reads server-sent events until told to stop.
func (w *world) feed(t *testing.T, after string) (next func() v1.CloudEvent, body io.Closer) {
	t.Helper()
	r := must(http.NewRequest("GET", w.url+"/api/v1/events", nil))
	r.Header.Set("Authorization", "Bearer "+w.token("auditor"))
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Last-Event-ID", after)
	res := must(http.DefaultClient.Do(r))
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("feed: %d %v", res.StatusCode, res.Header)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		buf, text := make([]byte, 1<<16), ""
		for {
			n, err := res.Body.Read(buf)
			text += string(buf[:n])
			for {
				line, rest, ok := strings.Cut(text, "\n")
				if !ok {
					break
				}
				text = rest
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return func() v1.CloudEvent {
		for line := range lines {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				var e v1.CloudEvent
				if err := json.Unmarshal([]byte(data), &e); err != nil {
					t.Fatal(err)
				}
				return e
			}
		}
		return v1.CloudEvent{}
	}, res.Body
}

func TestFeed(t *testing.T) {
	w := newWorld(t)
	a := w.file("company", w.open("company", "commodity-broker-license", "portal", company).ID)
	all := decode[[]v1.CloudEvent](w.call("auditor", "GET", "/api/v1/events", nil).want(200))
	next, body := w.feed(t, "")
	for _, want := range all { // what is there
		if diff := cmp.Diff(want, next()); diff != "" {
			t.Errorf("feed:\n%s", diff)
		}
	}
	w.pay(a) // what comes
	paid := next()
	if paid.Type != "application-paid" {
		t.Errorf("feed goes on with %+v", paid)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	again, _ := w.feed(t, all[len(all)-1].Sequence) // and once more from where one was
	if e := again(); e.Sequence != paid.Sequence {
		t.Errorf("resumed with %+v, want %s", e, paid.Sequence)
	}
	w.server.Close()
	if e := again(); e.ID != "" {
		t.Errorf("after shutdown came %+v", e)
	}
}

// One feed too many is told so, and let in once another one has ended.
func TestTooManyFeeds(t *testing.T) {
	defer api.FewFeeds(2)()
	w := newWorld(t)
	w.open("company", "commodity-broker-license", "portal", company)
	next, first := w.feed(t, "")
	next()
	_, second := w.feed(t, "")
	defer second.Close()
	sse := []string{"Accept", "text/event-stream"}
	if r := w.call("auditor", "GET", "/api/v1/events", nil, sse...).want(503, "unavailable"); r.header.Get("Retry-After") == "" {
		t.Error("it is not said when to come again")
	}
	w.call("auditor", "GET", "/api/v1/events", nil).want(200)
	first.Close()
	for end := time.Now().Add(30 * time.Second); w.server.Feeds() > 1; time.Sleep(time.Millisecond) { // until the server notices
		if time.Now().After(end) {
			t.Fatal("a feed that was left stays open")
		}
	}
	next, third := w.feed(t, "")
	defer third.Close()
	if e := next(); e.Type != "application-opened" {
		t.Errorf("the feed brings %+v", e)
	}
}

// ahead is a log that ends farther on than anybody hears of.
type ahead struct {
	domain.Log
	by atomic.Uint64
}

func (a *ahead) Head(ctx context.Context) (domain.Position, error) {
	head, err := a.Log.Head(ctx)
	return head + domain.Position(a.by.Load()), err
}

// A node that does not hear of what comes is not ready, once that has lasted.
func TestDeafNodeIsNotReady(t *testing.T) {
	log := &ahead{}
	w := newWorld(t, func(cfg *api.Config) { log.Log, cfg.Log = cfg.Log, log })
	ready := func(status int) string { t.Helper(); return w.call("", "GET", "/readyz", nil).want(status).body }
	ready(200)
	log.by.Store(1) // it may come at once
	ready(200)
	w.clock.pass(29 * time.Second)
	ready(200)
	w.clock.pass(2 * time.Second)
	if said := ready(503); !strings.Contains(said, "hear nothing") {
		t.Error(said)
	}
	log.by.Store(0)
	w.open("company", "commodity-broker-license", "portal", company)
	ready(200)
}

// stuck is a projection that takes what is there at the start and nothing more.
type stuck struct{ at, holds domain.Position }

func (*stuck) Name() string                { return "stuck" }
func (s *stuck) Position() domain.Position { return s.at }
func (s *stuck) Apply(ctx context.Context, commits []domain.Commit) error {
	if commits[len(commits)-1].Position <= s.holds {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// How far a read model may be behind is counted in commits, whatever the log's positions count.
func TestReadyCountsCommits(t *testing.T) {
	for _, tt := range []struct {
		at, behind, bytes domain.Position
		want              string
	}{
		{100, 100, 1000, ""}, {100, 10_000, 1000, ""}, {100, 10_001, 1000, "projection stuck is 10001 commits behind"},
		{0, 100, 1000, "projection stuck is being brought up to date"},
	} {
		commits := make([]domain.Commit, 100+tt.behind)
		for i := range commits {
			commits[i] = domain.NewCommit(domain.Stream{Category: "c", ID: "1"}, uint64(i), domain.Position(i+1)*tt.bytes, []domain.Event{{Type: "t"}})
		}
		log := logs.NewLog(commits[:100:100])
		follower := projections.Start(t.Context(), log, nil, &stuck{tt.at * tt.bytes, tt.at * tt.bytes})
		if tt.at > 0 {
			if err := follower.CaughtUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		log.Append(commits[100:]...)
		w := newWorld(t, func(cfg *api.Config) { cfg.Follower = follower })
		for follower.Head() < commits[len(commits)-1].Position {
			runtime.Gosched()
		}
		r := w.call("", "GET", "/readyz", nil)
		if said := strings.Join(decode[v1.Health](r).Reasons, ", "); said != tt.want {
			t.Errorf("%+v: %q", tt, said)
		}
		follower.Stop()
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	a := w.examined("company", "commodity-broker-license", company)
	w.clock.pass(time.Minute)
	w.decide("officer", a.ID, v1.Decision{Decision: "approve"}).want(200)
	w.open("company", "commodity-dealer-license", "portal", company)
	w.clock.pass(time.Hour)
	w.open("company", "commodity-exchange-license", "portal", company)
	w.call("", "GET", "/wp-login.php", nil).want(404)
	w.call("", "BREW", "/", nil).want(405)
	text := w.call("", "GET", "/metrics", nil).want(200).body
	for _, want := range []string{
		`tizilim_licenses{licensor="trade-committee",service="commodity-broker-license",status="active"} 1`,
		`tizilim_steps_open{action="fill-form",channel="portal",licensor="trade-committee",service="commodity-dealer-license",standing="overdue",step="3"} 1`,
		`tizilim_steps_open{action="fill-form",channel="portal",licensor="trade-committee",service="commodity-exchange-license",standing="due_soon",step="3"} 1`,
		`tizilim_step_visits_total{action="fill-form",channel="portal",licensor="trade-committee",outcome="late",service="commodity-dealer-license",step="3"} 0`,
		`tizilim_step_visits_total{action="authorize",channel="portal",licensor="trade-committee",outcome="untimed",service="commodity-dealer-license",step="1"} 1`,
		`tizilim_applications_total{channel="portal",licensor="trade-committee",outcome="on_time",service="commodity-broker-license"} 1`,
		`tizilim_applications_total{channel="portal",licensor="trade-committee",outcome="late",service="commodity-broker-license"} 0`,
		`tizilim_applications_open{channel="portal",licensor="trade-committee",service="commodity-broker-license",standing="overdue"} 0`,
		`tizilim_application_duration_seconds_count{channel="portal",licensor="trade-committee",service="commodity-broker-license"} 1`,
		`tizilim_step_visits_total{action="pay",channel="portal",licensor="trade-committee",outcome="untimed",service="commodity-broker-license"`,
		`tizilim_step_duration_seconds_sum{action="issue-or-refuse",channel="portal",licensor="trade-committee",service="commodity-broker-license",step="12"} 60`,
		`tizilim_projection_lag_commits{projection="licenses"} 0`,
		`tizilim_projection_healthy{projection="deadlines"} 1`,
		`tizilim_store_healthy 1`,
		`tizilim_append_duration_seconds_count 0`,
		`tizilim_http_request_duration_seconds_count{code="201",method="POST",route="POST /api/v1/applications"} 3`,
		`tizilim_http_request_duration_seconds_count{code="404",method="other",route="none"} 1`,
		`tizilim_http_request_duration_seconds_count{code="405",method="other",route="none"} 1`,
		`go_goroutines`, `process_open_fds`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, empty := range []string{
		`action="authorize",channel="portal",licensor="trade-committee",outcome="late"`,
		`tizilim_step_duration_seconds_count{action="authorize"`, `standing="waiting",step=`, `action=""`, `service="commodity-dealer-license"} `, "error",
	} {
		if strings.Contains(text, empty) {
			t.Errorf("%s in:\n%s", empty, text)
		}
	}
	r := must(http.NewRequest("GET", w.url+"/metrics", nil))
	r.Header.Set("Accept", "application/openmetrics-text")
	if res := must(http.DefaultClient.Do(r)); res.StatusCode != 200 {
		t.Errorf("open metrics: %d", res.StatusCode)
	}
	promtool(t, text)
}

// promtool has Prometheus' own tool look at the names, types and texts of the figures.
func promtool(t *testing.T, metrics string) {
	t.Helper()
	path := tooltest.Program(t, "PROMTOOL", "the metrics by Prometheus itself, of Debian's package prometheus", "promtool")
	cmd := exec.Command(path, "check", "metrics")
	cmd.Stdin = strings.NewReader(metrics)
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool: %v\n%s", err, said)
	}
}

// TestDamage: what was found to be damaged turns readiness off, the figures tell, and nothing is served any more
// as if it were whole.
func TestDamage(t *testing.T) {
	w := newWorld(t)
	if m := w.call("", "GET", "/metrics", nil).want(200); !strings.Contains(m.body, "\ntizilim_damaged 0\n") {
		t.Error("the figures tell of damage, or do not know it")
	}
	damage := fmt.Errorf("event 5 of the log: %w", domain.ErrDamaged)
	w.damage.Store(&damage)
	h := decode[v1.Health](w.call("", "GET", "/readyz", nil).want(503))
	if len(h.Reasons) != 1 || h.Reasons[0] != "damage: event 5 of the log: damaged" {
		t.Errorf("readyz %+v", h)
	}
	if m := w.call("", "GET", "/metrics", nil).want(200); !strings.Contains(m.body, "\ntizilim_damaged 1\n") {
		t.Error("the figures do not tell of the damage")
	}
	w.call("", "GET", "/livez", nil).want(200)
	w.call("", "GET", "/api/v1/licenses", nil).want(503, "damaged")
	w.call("company", "POST", "/api/v1/applications", opening).want(503, "damaged")
	w.contains(w.pageAs("", "/", "ru", 503), "обнаружено повреждение")
}

// TestCopyFigures: what became of each server's copy of the log, until the server keeps none any more.
func TestCopyFigures(t *testing.T) {
	m := api.NewMetrics()
	w := newWorld(t, func(c *api.Config) { c.Metrics = m })
	m.ObserveCopy("a", false, false)
	m.ObserveCopy("b", true, true)
	text := w.call("", "GET", "/metrics", nil).want(200).body
	for _, line := range []string{`tizilim_copy_damaged{server="a"} 0`, `tizilim_copy_unread{server="a"} 0`, `tizilim_copy_damaged{server="b"} 1`, `tizilim_copy_unread{server="b"} 1`} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	m.ForgetCopy("b")
	if text := w.call("", "GET", "/metrics", nil).want(200).body; strings.Contains(text, `server="b"`) || !strings.Contains(text, `server="a"`) {
		t.Error("one server keeps no copy any more, and the figures are not those of the other")
	}
}

// TestReadiness: a projection that stopped turns readiness off and says so, and reads go on.
func TestReadiness(t *testing.T) {
	w := newWorld(t)
	w.call("", "GET", "/readyz", nil).want(200)
	w.follow.Stop()
	h := decode[v1.Health](w.call("", "GET", "/readyz", nil).want(503))
	if len(h.Reasons) == 0 || !strings.Contains(h.Reasons[0], "projection") {
		t.Errorf("readyz %+v", h)
	}
	w.call("", "GET", "/api/v1/licenses", nil).want(200)
	w.call("company", "POST", "/api/v1/applications", opening).want(202)
}
