package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
)

// The tests of faults run `tizilim serve` in a process of its own while clients write over HTTP, do
// something bad to the process, its disk or its files, start it again on the same folder, and compare what is
// there with what was answered. Here is the registry under trial; faults_load_test.go has its clients and what
// they note, faults_check_test.go what has to hold.

// Who takes part.
const (
	company = "applicant-company"
	bin     = "120540001238" // the company's, and the folder of its keys
	officer = "officer-trade-committee"
	head    = "head-trade-committee"
	admin   = "admin"
)

// trial is a registry that is started again and again on one folder. The services around it run in this
// process and outlive it, as the world does.
type trial struct {
	t        *testing.T
	data     string
	flags    []string
	services *demo.Services
	token    sync.Map // of the session by account
	password string
	at       atomic.Pointer[url.URL] // where the server is, nil while there is none
	http     *http.Client
	notes    notebook
	server   *server
}

// server is one process.
type server struct {
	*exec.Cmd
	url   string
	ended chan struct{} // closed at its end
	err   error         // how it ended, from then on
	mu    sync.Mutex    // protects said
	said  bytes.Buffer
}

// newTrial makes the world and the accounts, and starts no server yet.
func newTrial(t *testing.T, data string) *trial {
	t.Helper()
	tr := &trial{t: t, data: data, password: "Темір тұлпар 2026", http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
	tr.notes.paid, tr.notes.accounts, tr.notes.maybe = map[string]bool{}, map[string]accountState{}, map[string][]accountState{}
	t.Cleanup(tr.http.CloseIdleConnections)
	rules, err := openRules(rulesFlags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	world := demo.NewWorld(rules.rules().Catalog)
	dir := t.TempDir()
	tr.startServices(dir, world)
	secret, organizations := filepath.Join(dir, "secret"), filepath.Join(dir, "organizations.yaml")
	for file, content := range map[string]string{
		secret:        string(tr.services.Secret),
		organizations: fmt.Sprintf("licensors:\n  trade-committee: {bin: %q}\n", world.Signing()["trade-committee"].BIN),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tr.flags = []string{
		"serve", "--data", data, "--listen", "127.0.0.1:0", "--trust", tr.services.Authority.TrustDir(), "--organizations", organizations,
		"--payments-secret", secret, "--payments-url", tr.services.Payments, "--registers-url", tr.services.Registers,
	}
	tr.makeAccounts(world)
	t.Cleanup(func() {
		if tr.server != nil {
			tr.server.kill()
		}
	})
	return tr
}

// startServices starts what is around the registry. The payment gateway's notices go to the server of the
// moment, and those that it takes are noted: it has acknowledged them.
func (tr *trial) startServices(dir string, world demo.World) {
	tr.t.Helper()
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(tr.at.Load()) },
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ModifyResponse: tr.notes.notice,
	}
	callback := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tr.at.Load() == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		forward.ServeHTTP(w, keepBody(r))
	}))
	tr.t.Cleanup(callback.Close)
	var err error
	tr.services, err = demo.StartServices(dir, callback.Listener.Addr().(*net.TCPAddr), callback.URL+"/api/v1/payments/callback", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { tr.services.Close() })
	for _, h := range world.Holders() {
		if h.ID == bin || h.ID == head {
			if err := tr.services.Authority.Issue(h); err != nil {
				tr.t.Fatal(err)
			}
		}
	}
}

// makeAccounts makes the accounts of those who take part, as an operator does beside the server.
func (tr *trial) makeAccounts(world demo.World) {
	tr.t.Helper()
	f, err := lockFolder(tr.data)
	if err != nil {
		tr.t.Fatal(err)
	}
	door, err := demoLogins.openDoorway(tr.t.Context(), f, "http://127.0.0.1", nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, a := range world.Accounts {
		if slices.Contains([]string{company, officer, head, admin}, a.ID) {
			if err := makeDemoAccount(tr.t.Context(), door.book, a, demoAccount{Password: tr.password}, false); err != nil {
				tr.t.Fatal(err)
			}
		}
	}
	if err := door.close(); err != nil {
		tr.t.Fatal(err)
	}
	if err := f.close(); err != nil {
		tr.t.Fatal(err)
	}
}

// launch starts a process and does not wait for it.
func (tr *trial) launch() (s *server, serving chan string) {
	tr.t.Helper()
	s, serving = &server{Cmd: exec.Command(os.Args[0], tr.flags...), ended: make(chan struct{})}, make(chan string, 1)
	s.Env = append(os.Environ(), asTizilim+"=1")
	log, err := s.StderrPipe()
	if err != nil {
		tr.t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		tr.t.Fatal(err)
	}
	tr.server = s
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			s.mu.Lock()
			fmt.Fprintln(&s.said, lines.Text())
			s.mu.Unlock()
			if _, rest, ok := strings.Cut(lines.Text(), "msg=serving address="); ok {
				serving <- "http://" + strings.Fields(rest)[0]
			}
		}
		s.err = s.Wait()
		close(s.ended)
	}()
	return s, serving
}

// start starts a server and waits until it serves.
func (tr *trial) start() {
	tr.t.Helper()
	s, serving := tr.launch()
	select {
	case s.url = <-serving:
	case <-s.ended:
		tr.t.Fatalf("the server does not start: %v: %s", s.err, s.text())
	case <-time.After(time.Minute):
		tr.t.Fatalf("the server has not started within a minute: %s", s.text())
	}
	at, err := url.Parse(s.url)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.at.Store(at)
	for _, account := range []string{company, officer, head, admin} {
		if _, in := tr.token.Load(account); !in {
			tr.login(tr.t.Context(), account)
		}
	}
}

// login begins a session, which has to outlive what befalls the server.
func (tr *trial) login(ctx context.Context, account string) answer {
	body, _ := json.Marshal(v1.Login{Login: account, Password: tr.password})
	a := tr.send(ctx, &write{method: http.MethodPost, path: "/sessions", media: "application/json", body: body})
	var in v1.Session
	if a.status == http.StatusCreated && a.decode(tr.t, &in) {
		tr.token.Store(account, in.Token)
	} else if a.err == nil && a.status != http.StatusServiceUnavailable {
		tr.t.Errorf("log in as %s: %d %s", account, a.status, a.body)
	}
	return a
}

// stop ends the server in order; it has to have nothing to complain of.
func (tr *trial) stop() {
	tr.t.Helper()
	if err := tr.server.Process.Signal(syscall.SIGTERM); err != nil {
		tr.t.Fatal(err)
	}
	if err := tr.server.end(tr.t); err != nil {
		tr.t.Errorf("the server ends with %v: %s", err, tr.server.text())
	}
}

// end waits for the end of the process. One that hangs is made to tell where.
func (s *server) end(t *testing.T) error {
	t.Helper()
	select {
	case <-s.ended:
		return s.err
	case <-time.After(time.Minute):
		_ = s.Process.Signal(syscall.SIGQUIT) // it may have ended just now
		<-s.ended
		t.Fatalf("the server does not end: %v: %s", s.err, s.text())
		return nil
	}
}

// kill ends the process by force and waits for it.
func (s *server) kill() {
	_ = s.Process.Kill() // it may have ended by itself
	<-s.ended
}

// text is what the process has said on its standard error.
func (s *server) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// sign signs with a key of the authority.
func (tr *trial) sign(ctx context.Context, holder string, content []byte) ([]byte, error) {
	key, err := tr.services.Authority.Key(holder, authority.Sign)
	if err != nil {
		return nil, err
	}
	return key.Sign(ctx, content, signatureForm)
}
