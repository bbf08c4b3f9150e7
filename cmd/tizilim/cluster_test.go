package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	outbound "github.com/tizilim/tizilim/adapters/notices"
	"github.com/tizilim/tizilim/adapters/tooltest"
	v1 "github.com/tizilim/tizilim/api/v1"
)

const importer = "120540001238" // BIN of the applicant of these tests

// work is some applications on their way at once, each begun at another node.
type work struct {
	f       *fleet
	running sync.WaitGroup

	mu      sync.Mutex // protects what follows
	numbers []string
	tries   int
	steps   int
}

// begin files the applications.
func (f *fleet) begin(name string, n int) *work {
	w := &work{f: f}
	for i := range n {
		w.running.Go(func() {
			c := &client{f: f, name: fmt.Sprintf("%s-%d", name, i), turn: i, session: map[string]string{}}
			number, err := c.issue(importer)
			if err != nil {
				f.t.Errorf("%s: %v", c.name, err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.numbers, w.tries, w.steps = append(w.numbers, number), w.tries+c.tries, w.steps+c.steps
		})
	}
	return w
}

// done waits until all have their licenses, each another one.
func (w *work) done() []string {
	w.f.t.Helper()
	w.running.Wait()
	slices.Sort(w.numbers)
	if unique := slices.Compact(slices.Clone(w.numbers)); len(unique) != len(w.numbers) || slices.Contains(unique, "") {
		w.f.t.Errorf("licenses %q", w.numbers)
	}
	return w.numbers
}

// moved imports the sample's log with the flags, and makes sure that an export gives the same again.
func (s sampleLog) moved(t *testing.T, data string, flags ...string) {
	t.Helper()
	if out, code := command(append([]string{"import", s.file, "--data", data}, flags...)...); code != 0 || rootIn(out) != s.root {
		t.Fatalf("import: %d %s, want %s", code, out, s.root)
	}
	again := filepath.Join(t.TempDir(), "again.jsonl")
	if out, code := command(append([]string{"export", "--data", data, "--out", again}, flags...)...); code != 0 {
		t.Fatalf("export: %d %s", code, out)
	}
	want, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the log that was moved is another one, %d bytes instead of %d: %v", len(got), len(want), err)
	}
}

// TestRegistryOnCluster moves a registry from one machine into a NATS cluster, where two nodes share it. One is
// killed while applications are on their way: they end all the same, and what the registry does by itself is
// done once. Without most of the servers nothing is written and everything is found.
func TestRegistryOnCluster(t *testing.T) {
	tooltest.Long(t, "starts three servers")
	t.Parallel()
	servers, s := natstest.Start(t), newSample(t)
	store := []string{"--nats", servers.URLs(), "--nats-ca", servers.CA, "--nats-cert", servers.Cert, "--nats-key", servers.Key}
	f := newFleet(t, s)
	want(t, 1, []string{"the servers have no registry"}, append([]string{"export", "--data", f.data("nobody")}, store...)...)
	s.moved(t, f.data("mover"), store...)
	f.serve("a", store...)
	f.serve("b", store...)
	w := f.begin("both", 4)
	f.posts.some(t, 1)
	f.leave("a", syscall.SIGKILL)
	first := w.done()

	a := f.serve("a", append(store, "--nats-patience", "1s")...)
	call[v1.License](a, 200, "", "GET", "/licenses/"+first[0], nil)
	servers.All[0].Kill(t)
	servers.All[1].Kill(t)
	status(t, a.url+"/readyz", http.StatusServiceUnavailable)
	a.refusesToWrite()
	call[v1.License](a, 200, "", "GET", "/licenses/"+first[0], nil)
	servers.All[0].Start(t)
	servers.All[1].Start(t)
	status(t, a.url+"/readyz", http.StatusOK)
	for _, n := range servers.All {
		a.compares(n.Name)
	}
	second := f.begin("after", 2).done()
	call[v1.License](a, 200, "", "GET", "/licenses/"+second[0], nil)

	f.told(ledgerOf(t, servers))
	f.leave("a", syscall.SIGTERM)
	f.leave("b", syscall.SIGTERM)
	once(t, append([]string{"export", "--data", f.data("b")}, store...), append(first, second...))
	out, code := command("export", "--data", f.data("b"))
	if code != 1 || !strings.Contains(out, `holds an event store of mode "cluster"`) {
		t.Errorf("a cluster's folder opened as one with a log of its own: %d %s", code, out)
	}
	seenMore(t, f.data("b"), store)
}

// seenMore has the node of the folder remember more of the log than there is: it goes on once that is declared lost.
func seenMore(t *testing.T, data string, store []string) {
	t.Helper()
	at := func(args ...string) []string { return append(append(args, "--data", data), store...) }
	if err := os.WriteFile(filepath.Join(data, "log", "mark.json"), []byte(`{"position":1000000,"sha256":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	refusal := "this node has seen"
	want(t, 1, []string{refusal}, at("export")...)
	want(t, 1, []string{refusal}, at("restore")...)
	want(t, 0, []string{"the end of the log is lost", refusal}, at("restore", "--accept-loss", "--reason", "the site burned")...)
	if out := want(t, 0, nil, at("export")...); strings.Count(out, "loss-accepted") != 1 {
		t.Error("the export does not tell of the loss, once")
	}
	want(t, 1, []string{"no loss to accept"}, at("restore", "--accept-loss", "--reason", "r")...)
}

// TestServeAsCluster has three nodes keep the log together. One is killed and loses everything; the other two
// go on, and it comes back.
func TestServeAsCluster(t *testing.T) {
	tooltest.Long(t, "waits for elections")
	t.Parallel()
	certs, s := natstest.NewCertificates(t), newSample(t)
	cert, key := certs.Of("node")
	var peers []string
	names := []string{"n1", "n2", "n3"}
	for i, port := range natstest.FreePorts(t, 3) {
		peers = append(peers, fmt.Sprintf("%s=127.0.0.1:%d", names[i], port))
	}
	as := func(name string) []string {
		return []string{"--cluster", strings.Join(peers, ","), "--cluster-node", name, "--cluster-ca", certs.CA, "--cluster-cert", cert, "--cluster-key", key}
	}
	f := newFleet(t, s)
	joined := []*process{f.run("n1", append([]string{"join"}, as("n1")...)), f.run("n2", append([]string{"join"}, as("n2")...))}
	s.moved(t, f.data("n3"), as("n3")...)
	for _, p := range joined {
		if err := p.end(syscall.SIGTERM); err != nil {
			t.Errorf("joined: %v: %s", err, p.errors)
		}
	}
	for i, p := range []*process{f.start("n1", as("n1")...), f.start("n2", as("n2")...), f.start("n3", as("n3")...)} {
		f.serves(names[i], p)
	}
	w := f.begin("three", 4)
	f.posts.some(t, 1)
	f.leave("n1", syscall.SIGKILL)
	if err := os.RemoveAll(f.data("n1")); err != nil {
		t.Fatal(err)
	}
	first := w.done()

	n1 := f.serve("n1", as("n1")...)
	status(t, n1.url+"/readyz", http.StatusOK)
	for _, name := range names {
		n1.compares(name)
	}
	call[v1.License](n1, 200, "", "GET", "/licenses/"+first[0], nil)
	second := f.begin("again", 3).done()

	// What is done for a damaged copy: the others fill the node's files anew, and those alone.
	f.leave("n2", syscall.SIGTERM)
	if err := os.RemoveAll(filepath.Join(f.data("n2"), "log", "nats")); err != nil {
		t.Fatal(err)
	}
	n2 := f.serve("n2", as("n2")...)
	status(t, n2.url+"/readyz", http.StatusOK)
	n2.compares("n2")
	f.leave("n3", syscall.SIGTERM)
	once(t, append([]string{"export", "--data", f.data("n3")}, as("n3")...), append(first, second...))
	for _, refused := range [][]string{{}, as("n2")} {
		out, code := command(append([]string{"export", "--data", f.data("n3")}, refused...)...)
		if code != 1 || !strings.Contains(out, `holds an event store of mode "cluster-node", format 1, node n3`) {
			t.Errorf("n3's folder opened with %q: %d %s", refused, code, out)
		}
	}
}

// compares waits until the registry has compared a server's copy of the log, and wants it to be whole.
func (p *process) compares(server string) {
	p.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // there is nothing to wait on over HTTP
		text := get(p.t, p.url+"/metrics", "")
		if strings.Contains(text, fmt.Sprintf("tizilim_copy_damaged{server=%q} 0\n", server)) {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("the copy on %s is not found to be whole: %s", server, text)
		}
	}
}

// refusesToWrite makes sure that a command is answered 503, and when to come again.
func (p *process) refusesToWrite() {
	p.t.Helper()
	body := `{"service":"import-export-license","channel":"portal","request":"issue","applicant":{"id":"` + importer + `"}}`
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/v1/applications", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+p.token("applicant-company"))
	req.Header.Set("Idempotency-Key", "without-most-servers")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		p.t.Errorf("without most of the servers: %s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
}

// ledgerOf are the ids of the notices that the cluster keeps, and how often each is there.
func ledgerOf(t *testing.T, servers *natstest.Nodes) map[string]int {
	t.Helper()
	cert, key := servers.Of("operator")
	conn, err := nats.Connect(servers.URLs(), nats.RootCAs(servers.CA), nats.ClientCert(cert, key))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := natsjs.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), outbound.Stream)
	for end := time.Now().Add(time.Minute); err != nil && time.Now().Before(end); { // the servers may be electing
		stream, err = js.Stream(t.Context(), outbound.Stream)
	}
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for n := range stream.CachedInfo().State.LastSeq {
		m, err := stream.GetMsg(t.Context(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		ids[cloudEvent(t, m.Data).ID()]++
	}
	return ids
}

// told makes sure that each notice of the ledger is there once, and that none but those were posted. Those that
// a node was posting when it was killed are posted again after a minute.
func (f *fleet) told(ledger map[string]int) {
	f.t.Helper()
	if len(ledger) < 5 {
		f.t.Errorf("only %d notices were told", len(ledger))
	}
	for id, n := range ledger {
		if n != 1 {
			f.t.Errorf("notice %s is there %d times", id, n)
		}
	}
	for id := range f.posts.ids() {
		if ledger[id] == 0 {
			f.t.Errorf("notice %s was posted and is not there", id)
		}
	}
}

// once makes sure that what the registry does by itself was done once for every application, though several
// nodes worked on it, and that all of the licenses are there.
func once(t *testing.T, export, numbers []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log.jsonl")
	if out, code := command(append(export, "--out", file)...); code != 0 {
		t.Fatalf("export: %d %s", code, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, line := range strings.Split(string(text), "\n") {
		_, rest, _ := strings.Cut(line, `"stream":{`)
		stream, _, ok := strings.Cut(rest, "}")
		for _, token := range []string{"application-registered", "application-approved", "application-completed", "license-issued"} {
			if ok && strings.Contains(line, `"type":"`+token+`"`) {
				counts[token+" "+stream]++
			}
		}
	}
	for fact, n := range counts {
		if n != 1 {
			t.Errorf("%s is there %d times", fact, n)
		}
	}
	for _, number := range numbers {
		if counts[`license-issued "category":"license","id":"`+number+`"`] != 1 {
			t.Errorf("license %s is not there", number)
		}
	}
}
