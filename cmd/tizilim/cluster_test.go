package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	v1 "github.com/tizilim/tizilim/api/v1"
)

// TestRegistryOnCluster takes applications all the way on two nodes that share a NATS cluster: its servers
// and then one of the nodes are killed, and what the registry does by itself is done once.
func TestRegistryOnCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	dir, servers := t.TempDir(), natstest.Start(t)
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	store := []string{"--nats", servers.URLs(), "--nats-ca", servers.CA, "--nats-cert", servers.Cert, "--nats-key", servers.Key}
	a := startDemo(t, first, store...).greeted(first)
	number := a.issue("120540001238")
	want := call[v1.License](a, 200, "", "GET", "/licenses/"+number, nil)

	// A node that comes later builds its own read models from the log, and goes on where the first is killed.
	if err := os.CopyFS(filepath.Join(second, "demo"), os.DirFS(filepath.Join(first, "demo"))); err != nil {
		t.Fatal(err)
	}
	b := startDemo(t, second, store...).greeted(second)
	if diff := cmp.Diff(want, call[v1.License](b, 200, "", "GET", "/licenses/"+number, nil)); diff != "" {
		t.Errorf("on another node:\n%s", diff)
	}
	b.issue("120540001238")
	_ = a.end(syscall.SIGKILL)
	b.issue("120540001238")

	// Without most of its servers the cluster takes nothing, and the node says so.
	servers.All[0].Kill(t)
	servers.All[1].Kill(t)
	status(t, b.url+"/readyz", http.StatusServiceUnavailable)
	servers.All[0].Start(t)
	servers.All[1].Start(t)
	status(t, b.url+"/readyz", http.StatusOK)
	if err := b.end(syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v: %s", err, b.errors)
	}
	once(t, append([]string{"export", "--data", second}, store...))

	out, code := command("export", "--data", second)
	if code != 1 || !strings.Contains(out, `holds an event store of mode "cluster"`) {
		t.Errorf("a cluster's folder opened as one with a log of its own: %d %s", code, out)
	}
}

// once makes sure that no application was registered or completed twice, though two nodes worked on it.
func once(t *testing.T, export []string) {
	t.Helper()
	out, code := command(export...)
	if code != 0 {
		t.Fatalf("export: %d %s", code, out)
	}
	lines := strings.Split(out, "\n")
	counts := map[string]int{}
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, `"stream":{`)
		stream, _, ok := strings.Cut(rest, "}")
		for _, token := range []string{"application-registered", "application-completed", "license-issued"} {
			if ok && strings.Contains(line, `"type":"`+token+`"`) {
				counts[token+" "+stream]++
			}
		}
	}
	if len(counts) < 12 {
		t.Errorf("only %d facts are in the log", len(counts))
	}
	for fact, n := range counts {
		if n != 1 {
			t.Errorf("%s is there %d times", fact, n)
		}
	}
}
