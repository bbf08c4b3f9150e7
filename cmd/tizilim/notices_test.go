package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	outbound "github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/adapters/seal"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/notices"
)

// TestDeadlinesAreToldOf runs a demo twice on one folder: whoever subscribes, and the webhook, are told of the
// sample's overdue steps, once.
func TestDeadlinesAreToldOf(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("shared by this test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var posts posted
	hook := httptest.NewServer(&posts)
	defer hook.Close()
	flags := noticesFlags{NoticesListen: "127.0.0.1:0", NoticeBefore: 24 * time.Hour, NoticesWebhook: hook.URL, NoticesWebhookSecret: secret}
	data := filepath.Join(t.TempDir(), "data")
	var before map[string]string
	for range 2 {
		demonstrate(t, data, flags, func(ctx context.Context, r *registry) {
			var overdue []string
			page, err := r.deadlines.List(ctx, deadlines.Filter{Outcome: deadlines.Overdue}, time.Now().Add(-time.Minute), "", deadlines.MaxLimit)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Visits {
				overdue = append(overdue, v.Application)
			}
			if len(overdue) < 5 {
				t.Errorf("only %d steps of the sample are overdue", len(overdue))
			}
			if before == nil {
				subscribe(t, r.telling.url, overdue)
			}
			told := ledger(t, r)
			for id, application := range before {
				if told[id] != application {
					t.Errorf("notice %s of %s is gone", id, application)
				}
			}
			for _, application := range overdue {
				if !slices.Contains(slices.Collect(maps.Values(told)), application) {
					t.Errorf("%s was not told of", application)
				}
			}
			before = told
			posts.wait(t, told)
		})
	}
	for id, n := range posts.ids() {
		if n != 1 {
			t.Errorf("notice %s was posted %d times", id, n)
		}
	}
	info, err := os.Stat((&folder{path: data}).noticesPassword())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v", info, err)
	}
}

// demonstrate runs a demo and does something with it once it has greeted.
func demonstrate(t *testing.T, data string, flags noticesFlags, do func(context.Context, *registry)) {
	t.Helper()
	rules, err := openRules(rulesFlags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	d := demonstration{data: data, begin: time.Now(), out: io.Discard, logger: logger, world: demo.NewWorld(rules.rules().Catalog), fees: rules.fees}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	around := func(ctx context.Context, f *folder, at *net.TCPAddr) (*surroundings, error) {
		s, err := d.around(ctx, f, at)
		if err != nil {
			return nil, err
		}
		s.greet = func(ctx context.Context, r *registry) error {
			defer cancel()
			if err := r.follower.CaughtUp(ctx); err != nil {
				return err
			}
			do(ctx, r)
			return nil
		}
		return s, nil
	}
	l := launch{listenFlag: listenFlag{"127.0.0.1:0"}, noticesFlags: flags, storeFlag: storeFlag{dataFlag: dataFlag{Data: data}}, kind: demoKind, rules: rules, logger: logger, around: around}
	if err := l.run(ctx); err != nil {
		t.Fatal(err)
	}
}

// subscribe reads the ledger as a subscriber does, until all of the applications were told of.
func subscribe(t *testing.T, url string, applications []string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), outbound.Stream, outbound.Subscriber)
	if err != nil {
		t.Fatal(err)
	}
	for left := slices.Clone(applications); len(left) > 0; {
		m, err := c.Next(jetstream.FetchMaxWait(20 * time.Second))
		if err != nil {
			t.Fatalf("%d applications were not told of: %v", len(left), err)
		}
		if e := cloudEvent(t, m.Data()); e.Type() == "deadline-missed" {
			left = slices.DeleteFunc(left, func(id string) bool { return id == e.Subject() })
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// ledger waits until everything is told that is due, and returns the applications by the notices' ids.
func ledger(t *testing.T, r *registry) map[string]string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		pending := r.telling.sender.Pending()
		if pending[notices.Approaching]+pending[notices.Missed] == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("pending: %v", pending)
		}
	}
	conn, err := r.embedded.Annex()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), outbound.Stream)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for seq := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		e := cloudEvent(t, m.Data)
		if _, ok := told[e.ID()]; ok {
			t.Errorf("notice %s is told twice", e.ID())
		}
		told[e.ID()] = e.Subject()
	}
	return told
}

// cloudEvent reads a notice and checks it as far as one can without knowing which it is.
func cloudEvent(t *testing.T, text []byte) (e event.Event) {
	t.Helper()
	var data outbound.Data
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if err := e.DataAs(&data); err != nil {
		t.Error(err)
	}
	sound := data.Application == e.Subject() && data.Service != "" && data.Channel != "" && data.Licensor != "" && data.Request != "" &&
		data.Visit > 0 && data.Step > 0 && data.Action != "" && data.Role != "" && data.EnteredAt.Before(data.DueAt) && (data.DueDay == "") == (data.Calendar == "")
	if !sound {
		t.Errorf("notice %s", text)
	}
	return e
}

// posted is a webhook's receiver.
type posted struct {
	mu   sync.Mutex // protects seen
	seen map[string]int
}

func (p *posted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = seal.Check(r.Header, []byte("shared by this test"), time.Now(), outbound.WebhookPurpose, body)
	}
	var e event.Event
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[e.ID()]++
}

func (p *posted) ids() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := map[string]int{}
	for id, n := range p.seen {
		ids[id] = n
	}
	return ids
}

// some waits until some notices were posted.
func (p *posted) some(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); len(p.ids()) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d notices were posted", len(p.ids()))
		}
	}
}

// wait waits until all of the notices were posted.
func (p *posted) wait(t *testing.T, told map[string]string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		missing := 0
		ids := p.ids()
		for id := range told {
			if ids[id] == 0 {
				missing++
			}
		}
		if missing == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d notices were not posted", missing, len(told))
		}
	}
}

func TestNoticesFlags(t *testing.T) {
	for name, tt := range map[string]struct {
		flags noticesFlags
		want  string
	}{
		"none":               {noticesFlags{}, ""},
		"credentials":        {noticesFlags{NoticesCreds: "x"}, "goes with --notices-nats"},
		"credentials, NATS":  {noticesFlags{NoticesCreds: "x", NoticesNATS: "nats://127.0.0.1"}, ""},
		"a webhook":          {noticesFlags{NoticesWebhook: "https://host/path"}, ""},
		"a file":             {noticesFlags{NoticesWebhook: "file:///etc/passwd"}, "no http or https"},
		"no host":            {noticesFlags{NoticesWebhook: "https:/path"}, "no http or https"},
		"no address":         {noticesFlags{NoticesWebhook: "://"}, "no http or https"},
		"a secret":           {noticesFlags{NoticesWebhook: "https://user:hidden@host:port/?token=hidden"}, "no http or https"},
		"a lead of nothing":  {noticesFlags{NoticeBefore: 0}, ""},
		"a lead that is not": {noticesFlags{NoticeBefore: -1}, "negative"},
	} {
		err := tt.flags.Validate()
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: a secret is in the error %v", name, err)
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// The password stays the same, and nobody else can read it.
func TestPasswordOfTheSubscribers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "folder", "password")
	first, err := readPassword(file)
	if err != nil || len(first) < 26 {
		t.Fatalf("%q, %v", first, err)
	}
	if again, err := readPassword(file); err != nil || again != first {
		t.Errorf("%q, then %q, %v", first, again, err)
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPassword(file); err == nil {
		t.Error("an empty password is taken")
	}
	other, err := readPassword(filepath.Join(t.TempDir(), "password"))
	if err != nil || cmp.Equal(first, other) {
		t.Errorf("%q twice, %v", other, err)
	}
}
