package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/eventstoredb"
	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// esdb starts an EventStoreDB for a test.
func esdb(t *testing.T, o esdbtest.Options) *esdbtest.Server {
	t.Helper()
	server, err := esdbtest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// TestRegistryOnEventStoreDB takes an application all the way with the log in EventStoreDB, over a change
// of its leader, and finds everything again in a new folder, in a file, and in other stores.
func TestRegistryOnEventStoreDB(t *testing.T) {
	dir, server := t.TempDir(), esdb(t, esdbtest.Options{Nodes: 3})
	data := filepath.Join(dir, "data")
	store := []string{"--store", server.URL()}
	p := startDemo(t, data, store...).greeted(data)
	number := p.issue("120540001238")
	server.Stop(server.Leader())
	server.Lead(2)
	second := p.issue("120540001238")
	before := call[v1.License](p, 200, "", "GET", "/licenses/"+number, nil)
	p.replays(number, data, "beside the running server", store...)
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v: %s", err, p.errors)
	}
	p.replays(second, data, "the event log in EventStoreDB", store...)
	if out, code := command(append([]string{"rebuild", "--data", data}, store...)...); code != 0 {
		t.Errorf("rebuild: %d %s", code, out)
	}

	// The same log moves on: into the folder of another registry, and into another server.
	fromServer, embedded, other := filepath.Join(dir, "server"), filepath.Join(dir, "embedded"), esdb(t, esdbtest.Options{})
	moves := [][]string{
		append([]string{"export", "--out", fromServer, "--data", data}, store...),
		{"import", fromServer, "--data", embedded},
		{"import", fromServer, "--data", filepath.Join(dir, "other"), "--store", other.URL()},
	}
	for _, move := range moves {
		if out, code := command(move...); code != 0 {
			t.Fatalf("%v: %d %s", move, code, out)
		}
	}
	want := commits(t, "--data", data, "--store", server.URL())
	if len(want) < 100 {
		t.Errorf("only %d lines are exported", len(want))
	}
	for _, flags := range [][]string{{"--data", embedded}, {"--data", filepath.Join(dir, "other"), "--store", other.URL()}} {
		if diff := cmp.Diff(want, commits(t, flags...)); diff != "" {
			t.Errorf("moved to %v:\n%s", flags, diff)
		}
	}

	// A node that comes later builds its own read models from the log.
	if err := os.CopyFS(filepath.Join(dir, "later", "demo"), os.DirFS(filepath.Join(data, "demo"))); err != nil {
		t.Fatal(err)
	}
	later := filepath.Join(dir, "later")
	p = startDemo(t, later, store...).greeted(later)
	if diff := cmp.Diff(before, call[v1.License](p, 200, "", "GET", "/licenses/"+number, nil)); diff != "" {
		t.Errorf("on another node:\n%s", diff)
	}
	together(t, p, startDemo(t, data, store...).greeted(data))
}

// together issues licenses on several nodes at once: each has a number of its own, and every node knows all.
func together(t *testing.T, nodes ...*process) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	numbers := map[string]bool{}
	const each = 2
	for _, p := range nodes {
		wg.Go(func() {
			for range each {
				number := p.issue("120540001238")
				mu.Lock()
				numbers[number] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(numbers) != each*len(nodes) {
		t.Errorf("%d nodes issued %d licenses each, with the numbers %v", len(nodes), each, numbers)
	}
	for _, p := range nodes {
		for number := range numbers {
			status(t, p.url+"/api/v1/licenses/"+number, http.StatusOK)
		}
		if err := p.end(syscall.SIGTERM); err != nil {
			t.Errorf("stopped: %v: %s", err, p.errors)
		}
		if p.errors.Len() > 0 {
			t.Errorf("a node complains: %s", p.errors)
		}
	}
}

var positions = regexp.MustCompile(`(?m)^\{"position":\d+,`)

// commits exports a log and gives its commits, which have other positions in every store.
func commits(t *testing.T, flags ...string) []string {
	t.Helper()
	out, code := command(append([]string{"export"}, flags...)...)
	if code != 0 {
		t.Fatalf("export %v: %d %s", flags, code, out)
	}
	return commitsOf(t, []byte(out))
}

// commitsOf gives the commits of an export, as the bytes that a store keeps.
func commitsOf(t *testing.T, export []byte) []string {
	t.Helper()
	if _, err := archive.Check(bytes.NewReader(export)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(positions.ReplaceAllString(string(export), "{"), "\n")
	return lines[1 : len(lines)-2] // the first says what it is, the last has the digest
}

func TestFolderOfAnotherStore(t *testing.T) {
	dir, server, other := t.TempDir(), esdb(t, esdbtest.Options{}), esdb(t, esdbtest.Options{})
	own, shared := filepath.Join(dir, "own"), filepath.Join(dir, "shared")
	for _, args := range [][]string{
		{"import", "testdata/events.jsonl", "--data", own},
		{"import", "testdata/events.jsonl", "--data", shared, "--store", server.URL()},
		{"import", "testdata/events.jsonl", "--data", filepath.Join(dir, "more"), "--store", other.URL()},
	} {
		if out, code := command(args...); code != 0 {
			t.Fatalf("%v: %d %s", args, code, out)
		}
	}
	server.Write("somebody-else", "noted", `{}`, ``)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"export", "--data", own, "--store", server.URL()}, "has a log of its own"},
		{[]string{"export", "--data", shared}, "belongs to a log in EventStoreDB; say where with --store"},
		{[]string{"export", "--data", shared, "--store", other.URL()}, "belongs to another log in EventStoreDB"},
		{[]string{"demo", "--data", filepath.Join(dir, "demo"), "--listen", "127.0.0.1:0", "--store", server.URL()}, "holds a registry that is not the demo's"},
		{[]string{"export", "--data", shared, "--store", "esdb://me:secret@"}, "connection string: host"},
		{[]string{"export", "--data", filepath.Join(dir, "none")}, "holds no data of a registry"},
		{[]string{"restore", "--data", own, "--store", server.URL()}, "has a log of its own"},
		{[]string{"restore", "--accept-loss", "--reason", "r", "--data", shared}, "belongs to a log in EventStoreDB; say where with --store"},
	} {
		out, code := command(tt.args...)
		if code != 1 || !strings.Contains(out, tt.want) || strings.Contains(out, "secret") {
			t.Errorf("%v: %d %s", tt.args, code, out)
		}
	}
	if _, err := os.Stat(filepath.Join(shared, "log")); !os.IsNotExist(err) {
		t.Errorf("a refused start made a log: %v", err)
	}
}

// TestServerWithoutTheLog names a server that has nothing of the folder's log, as one does that was wiped: it is
// told as damage, and nothing is written to the server, nor by who only wants to read.
func TestServerWithoutTheLog(t *testing.T) {
	dir, server, blank := t.TempDir(), esdb(t, esdbtest.Options{}), esdb(t, esdbtest.Options{})
	data := filepath.Join(dir, "data")
	if out, code := command("import", "testdata/events.jsonl", "--data", data, "--store", server.URL()); code != 0 {
		t.Fatal(out)
	}
	for _, tt := range []struct {
		folder string
		want   string
		args   []string
	}{
		{"data", "lost everything", []string{"verify", "log"}},
		{"data", "lost everything", []string{"verify", "read-models"}},
		{"data", "lost everything", []string{"restore"}},
		{"data", "lost everything", []string{"restore", "--accept-loss", "--reason", "the disk burned"}},
		{"data", "lost everything", []string{"rebuild"}},
		{"data", "lost everything", []string{"export"}},
		{"data", "lost everything", []string{"import", "testdata/events.jsonl"}},
		{"data", "lost everything", []string{"demo", "--listen", "127.0.0.1:0"}},
		{"new", "has no registry", []string{"export"}},
		{"new", "has no registry", []string{"rebuild"}},
	} {
		out, code := command(append(tt.args, "--data", filepath.Join(dir, tt.folder), "--store", blank.URL())...)
		if code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("%s %v: %d %s", tt.folder, tt.args, code, out)
		}
	}
	store, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: blank.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if log, err := store.Identity(t.Context()); err != nil || log != uuid.Nil {
		t.Errorf("the server has got the registry %s, %v", log, err)
	}
}

// TestOldBackupOfEventStoreDB puts an older copy of the log onto the server, as a backup that was restored: what
// is missing is told to who starts on it, and goes on only once it is declared, which is an event too.
func TestOldBackupOfEventStoreDB(t *testing.T) {
	data, server := filepath.Join(t.TempDir(), "data"), esdb(t, esdbtest.Options{})
	flags := []string{"--data", data, "--store", server.URL()}
	at := func(args ...string) []string { return append(args, flags...) }
	want(t, 0, nil, at("import", "testdata/events.jsonl")...)
	store, err := eventstoredb.Open(t.Context(), eventstoredb.Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	log := map[int]domain.Position{} // by events
	count := 0
	for c, err := range store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if count += len(c.Records); count >= 120 {
			first := server.Positions(uint64(c.Position), len(c.Records))[0]
			count -= len(c.Records)
			server.Rewind(first)
			break
		}
		log[count] = c.Position
	}
	head := func() domain.Position {
		head, err := store.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	if head() != log[count] {
		t.Fatalf("the log ends at %d, not %d", head(), log[count])
	}
	missing := fmt.Sprintf("event %d of the log, after position %d: it is missing", count+1, log[count])
	if err := startedOn(t, data, server.URL(), func(*registry) { t.Error("a registry started on it") }); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), missing) {
		t.Errorf("start: %v", err)
	}
	for _, args := range [][]string{{"verify", "log"}, {"export"}, {"import", "testdata/events.jsonl"}, {"restore"}} {
		want(t, 1, []string{missing}, at(args...)...)
	}
	if head() != log[count] {
		t.Fatalf("what was refused wrote up to %d", head())
	}
	lost := fmt.Sprintf("%d events are lost, the first of them is event %d", 196-count, count+1)
	want(t, 0, []string{lost}, at("restore", "--accept-loss", "--reason", "the disk burned")...)
	want(t, 0, []string{"the log is what was written"}, at("verify", "log")...)
	if err := startedOn(t, data, server.URL(), func(*registry) {}); err != nil {
		t.Errorf("start after the loss was accepted: %v", err)
	}
	if out := want(t, 0, nil, at("export")...); strings.Count(out, "loss-accepted") != 1 {
		t.Error("the export does not tell of the loss, once")
	}
}

// TestServeOnEventStoreDB starts the production server with the log in EventStoreDB, as the environment says.
func TestServeOnEventStoreDB(t *testing.T) {
	dir, server := t.TempDir(), esdb(t, esdbtest.Options{TLSDir: t.TempDir(), User: "tizilim", Password: "s3cret-of-the-store"})
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := authority.Open(authority.Config{Dir: filepath.Join(dir, "authority"), URL: "http://127.0.0.1:1", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--trust", a.TrustDir(),
		"--payments-secret", filepath.Join(dir, "secret"), "--registers-url", "http://127.0.0.1:1", "--payments-url", "http://127.0.0.1:1")
	cmd.Env = append(os.Environ(), asTizilim+"=1", "TIZILIM_STORE="+server.URL())
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended already where all went well
	var said bytes.Buffer
	url := ""
	scan := bufio.NewScanner(log)
	for url == "" && scan.Scan() {
		said.WriteString(scan.Text() + "\n")
		if _, rest, ok := strings.Cut(scan.Text(), "msg=serving address="); ok {
			url = "http://" + strings.Fields(rest)[0]
		}
	}
	if url == "" {
		t.Fatalf("it does not serve: %s", said.String())
	}
	server.Hang(true)
	status(t, url+"/readyz", http.StatusServiceUnavailable)
	server.Hang(false)
	status(t, url+"/readyz", http.StatusOK)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for scan.Scan() {
		said.WriteString(scan.Text() + "\n")
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("stopped: %v: %s", err, said.String())
	}
	if strings.Contains(said.String(), "s3cret") {
		t.Errorf("the password is in the log: %s", said.String())
	}
}

// status waits until the address answers with the status.
func status(t *testing.T, url string, want int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // there is nothing to wait on over HTTP
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %s, want %d", url, resp.Status, want)
		}
	}
}
