package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/signature"
	v1 "github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
)

// sampleLog is the log of a demo and all that stands around it, for registries that begin with them.
type sampleLog struct {
	data string // the demo's folder
	file string // its log, exported
	root string // of the tree over it, as the command line tells it
}

// newSample fills a demo and stops it.
func newSample(t *testing.T) sampleLog {
	t.Helper()
	s := sampleLog{data: filepath.Join(t.TempDir(), "sample"), file: filepath.Join(t.TempDir(), "log.jsonl")}
	if err := startDemo(t, s.data).greeted(s.data).end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	out, code := command("export", "--data", s.data, "--out", s.file)
	if s.root = rootIn(out); code != 0 || s.root == "" {
		t.Fatal(out)
	}
	return s
}

// rootIn is the line with the root of the tree in what a command says.
func rootIn(out string) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "Merkle tree of ") {
			return line
		}
	}
	return ""
}

// fleet is some production servers over one log, which share what is around them: the sample's accounts and
// documents, the gateway, the registers, and the certificate authority.
type fleet struct {
	t      *testing.T
	dir    string
	sample sampleLog
	flags  []string // of every node
	keys   string   // folder
	posts  *posted  // notices, as the webhook has them

	mu    sync.Mutex // protects nodes
	nodes map[string]*process
}

// newFleet starts what is around the servers.
func newFleet(t *testing.T, s sampleLog) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), sample: s, posts: &posted{}, nodes: map[string]*process{}}
	door, hook := httptest.NewServer(f), httptest.NewServer(f.posts)
	t.Cleanup(door.Close)
	t.Cleanup(hook.Close)
	services, err := demo.StartServices(filepath.Join(s.data, "demo"), door.Listener.Addr().(*net.TCPAddr),
		door.URL+"/api/v1/payments/callback", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() })
	f.furnish()
	f.keys = filepath.Join(s.data, "demo", "ca", "keys")
	secret := filepath.Join(f.dir, "webhook-secret")
	if err := os.WriteFile(secret, []byte("shared by this test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.flags = []string{
		"--listen", "127.0.0.1:0", "--shared", f.shared(), "--trust", services.Authority.TrustDir(), "--public-url", door.URL,
		"--payments-secret", filepath.Join(s.data, "demo", "payment-secret"), "--payments-url", services.Payments, "--registers-url", services.Registers,
		"--notices-webhook", hook.URL, "--notices-webhook-secret", secret,
	}
	return f
}

// data is the folder of a node.
func (f *fleet) data(name string) string { return filepath.Join(f.dir, name) }

// shared is the folder that they share.
func (f *fleet) shared() string { return filepath.Join(f.dir, "shared") }

// start starts a server that others may have to be started beside, and does not wait until it serves.
func (f *fleet) start(name string, flags ...string) *process {
	f.t.Helper()
	return f.run(name, slices.Concat([]string{"serve"}, f.flags, flags))
}

// run runs a command on the folder of a node, in a process of its own.
func (f *fleet) run(name string, args []string) *process {
	f.t.Helper()
	p := &process{t: f.t, lines: make(chan string, 1000), errors: &bytes.Buffer{}, keys: f.keys}
	p.Cmd = exec.Command(os.Args[0], append(args, "--data", f.data(name))...)
	p.Env = append(os.Environ(), asTizilim+"=1")
	said, err := p.StderrPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for scan := bufio.NewScanner(said); scan.Scan(); {
			p.errors.WriteString(scan.Text() + "\n")
			p.lines <- scan.Text()
		}
	}()
	f.t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.end(syscall.SIGKILL)
		}
		if f.t.Failed() {
			lines := strings.Split(p.errors.String(), "\n")
			f.t.Logf("the end of what %s said:\n%s", name, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
	})
	return p
}

// furnish makes the shared folder: what is in it is the sample's.
func (f *fleet) furnish() {
	f.t.Helper()
	files, err := filepath.Glob(filepath.Join(f.sample.data, "accounts.sqlite*"))
	err = errors.Join(err, os.MkdirAll(f.shared(), 0o700))
	for _, file := range files {
		text, problem := os.ReadFile(file)
		err = errors.Join(err, problem, os.WriteFile(filepath.Join(f.shared(), filepath.Base(file)), text, 0o600))
	}
	err = errors.Join(err, os.CopyFS(filepath.Join(f.shared(), "documents"), os.DirFS(filepath.Join(f.sample.data, "documents"))))
	if err != nil {
		f.t.Fatal(err)
	}
}

// serves waits until the server serves, and counts it in.
func (f *fleet) serves(name string, p *process) *process {
	f.t.Helper()
	for p.url == "" {
		if _, rest, ok := strings.Cut(p.line(), "msg=serving address="); ok {
			p.url = "http://" + strings.Fields(rest)[0]
		}
	}
	p.readPasswords(filepath.Join(f.sample.data, "demo", "accounts.json"))
	go func() { // nobody else reads what it says from here on
		for range p.lines {
		}
	}()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[name] = p
	return p
}

// serve starts a server and waits until it serves.
func (f *fleet) serve(name string, flags ...string) *process {
	f.t.Helper()
	return f.serves(name, f.start(name, flags...))
}

// leave ends a node.
func (f *fleet) leave(name string, how syscall.Signal) {
	f.t.Helper()
	f.mu.Lock()
	p := f.nodes[name]
	delete(f.nodes, name)
	f.mu.Unlock()
	if err := p.end(how); err != nil && how != syscall.SIGKILL {
		f.t.Errorf("%s stopped: %v", name, err)
	}
}

// urls are the addresses of the nodes that are there.
func (f *fleet) urls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		all = append(all, f.nodes[name].url)
	}
	return all
}

// ServeHTTP is the address of all nodes: whichever is there answers the gateway.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	for _, url := range f.urls() {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.Path, bytes.NewReader(body))
		if err != nil {
			break
		}
		req.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		defer resp.Body.Close()
		if resp.StatusCode < 500 {
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
			return
		}
	}
	w.WriteHeader(http.StatusBadGateway)
}

// client is somebody who has an application, and goes to another node where one does not answer.
type client struct {
	f       *fleet
	name    string // makes its idempotency keys its own
	turn    int    // which node is asked first
	session map[string]string
	steps   int
	tries   int
}

// clientPatience is how long a step may take, over all nodes: longer than an election.
const clientPatience = 60 * time.Second

// ask asks until a node answers as it should. Every try of a step has the same idempotency key.
func (c *client) ask(account, method, path string, body []byte, want int) ([]byte, error) {
	if method != http.MethodGet {
		c.steps++
	}
	var last error
	for end := time.Now().Add(clientPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // there is nothing to wait on
		urls := c.f.urls()
		if len(urls) == 0 {
			continue
		}
		c.tries++
		answer, err := c.askOnce(urls[c.turn%len(urls)], account, method, path, body, want)
		if err == nil {
			return answer, nil
		}
		last, c.turn = err, c.turn+1
	}
	return nil, fmt.Errorf("%s %s: %w", method, path, last)
}

func (c *client) askOnce(url, account, method, path string, body []byte, want int) ([]byte, error) {
	token, err := c.token(url, account)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.f.t.Context(), clientPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", fmt.Sprintf("%s-%d", c.name, c.steps))
	}
	return answerOf(req, want)
}

// token begins a session at the node, where the client has none. It is good at all of them.
func (c *client) token(url, account string) (string, error) {
	if token := c.session[account]; token != "" {
		return token, nil
	}
	body, err := json.Marshal(v1.Login{Login: account, Password: c.f.password(account)})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(c.f.t.Context(), http.MethodPost, url+"/api/v1/sessions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	text, err := answerOf(req, 201)
	if err != nil {
		return "", err
	}
	var in v1.Session
	if err := json.Unmarshal(text, &in); err != nil {
		return "", err
	}
	c.session[account] = in.Token
	return in.Token, nil
}

func (f *fleet) password(account string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.nodes {
		return p.passwords[account]
	}
	return ""
}

func answerOf(req *http.Request, want int) ([]byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return text, err
}

// application asks as ask does, for an application.
func (c *client) application(account, method, path string, body any, want int) (a v1.Application, err error) {
	text, err := json.Marshal(body)
	if err == nil {
		text, err = c.ask(account, method, path, text, want)
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

// issue takes an application all the way, and gives the number of the license.
func (c *client) issue(bin string) (string, error) {
	const company, head = "applicant-company", "head-trade-committee"
	a, err := c.application(company, "POST", "/applications",
		v1.Opening{Service: "import-export-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: bin}}, 201)
	if err != nil {
		return "", err
	}
	at := "/applications/" + a.ID
	if _, err := c.application(company, "PUT", at+"/form", v1.Filing{Form: v1.Form{Name: "ТОО «Үлгі Экспорт»"}}, 200); err != nil {
		return "", err
	}
	if err := c.pay(company, at); err != nil {
		return "", err
	}
	if err := c.waitFor(company, at, "choose-certificate"); err != nil {
		return "", err
	}
	if _, err := c.sign(company, at+"/signature", bin); err != nil {
		return "", err
	}
	if err := c.waitFor(head, at, "issue-or-refuse"); err != nil {
		return "", err
	}
	if _, err := c.application(head, "POST", at+"/decision", v1.Decision{Decision: "approve", Order: "1-Д"}, 200); err != nil {
		return "", err
	}
	a, err = c.sign(head, at+"/decision/signature", head)
	for end := time.Now().Add(clientPatience); err == nil && a.Result == "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		a, err = c.application(head, "GET", at, nil, 200) // the node that was to make the license may be gone
	}
	if err == nil && (a.Status != "completed" || a.Result == "") {
		err = fmt.Errorf("decided: %+v", a)
	}
	return a.Result, err
}

func (c *client) pay(account, at string) error {
	text, err := c.ask(account, "POST", at+"/payment", nil, 200)
	if err != nil {
		return err
	}
	var order v1.Payment
	if err := json.Unmarshal(text, &order); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(c.f.t.Context(), http.MethodPost, order.URL, strings.NewReader("outcome=paid"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err = answerOf(req, 200)
	return err
}

// waitFor asks until the application waits in a step with the action.
func (c *client) waitFor(account, at, action string) error {
	var a v1.Application
	for end := time.Now().Add(clientPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if a, err = c.application(account, "GET", at, nil, 200); err != nil {
			return err
		}
		if a.Step != nil && a.Step.Action == action {
			return nil
		}
	}
	return fmt.Errorf("application does not come to %s: %+v", action, a)
}

// sign signs what the address has, with the holder's key, and sends it there.
func (c *client) sign(account, at, holder string) (v1.Application, error) {
	content, err := c.ask(account, "GET", at, nil, 200)
	if err != nil {
		return v1.Application{}, err
	}
	key, err := readKey(filepath.Join(c.f.keys, holder, "sign.p12"), filepath.Join(c.f.keys, "password"))
	if err != nil {
		return v1.Application{}, err
	}
	cms, err := key.Sign(c.f.t.Context(), content, signature.Signing{})
	if err != nil {
		return v1.Application{}, err
	}
	return c.application(account, "POST", at, v1.Signing{Signature: base64.StdEncoding.EncodeToString(cms)}, 200)
}
