package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/adapters/breaker"
	"github.com/tizilim/tizilim/api/v1"
)

// process is a demo in a process of its own.
type process struct {
	*exec.Cmd
	t         *testing.T
	url       string
	keys      string // folder
	registers string // address of the state registers
	passwords map[string]string
	tokens    map[string]string // of the sessions begun
	// services are the addresses of the stand-ins, as printed.
	services []string
	lines    chan string // of its output; closed at its end
	errors   *bytes.Buffer
	writes   int
}

// startDemo starts a demo on any free port, with more flags, and does not wait for it.
func startDemo(t *testing.T, data string, more ...string) *process {
	t.Helper()
	flags := append([]string{"demo", "--data", data, "--listen", "127.0.0.1:0"}, more...)
	return startProcess(t, flags, func(p *process) (io.Reader, error) {
		p.Stderr = p.errors
		return p.StdoutPipe()
	})
}

// startProcess starts the program. said gives what its lines are read from.
func startProcess(t *testing.T, args []string, said func(*process) (io.Reader, error)) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), t: t, lines: make(chan string, 200), errors: &bytes.Buffer{}, tokens: map[string]string{}}
	p.Env = append(os.Environ(), asTizilim+"=1")
	out, err := said(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.end(syscall.SIGKILL)
		}
	})
	return p
}

// greeted waits until the demo has greeted and reads what it says.
func (p *process) greeted(data string) *process {
	p.t.Helper()
	for {
		line := p.line()
		words := strings.Fields(line)
		switch {
		case strings.Contains(line, "Register and deadlines"):
			p.url = strings.TrimSuffix(words[3], "/")
		case strings.HasPrefix(line, "  Demo "):
			p.services = append(p.services, words[len(words)-1])
			if words[1] == "state" { // registers
				p.registers = words[3]
			}
		case strings.Contains(line, "Start again with the same command"):
			p.keys = filepath.Join(data, "demo", "ca", "keys")
			p.readPasswords(filepath.Join(data, "demo", "accounts.json"))
			return p
		}
	}
}

// line is the next line of its output. A demo that says nothing for a minute is made to tell what it
// is doing.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			err := p.Wait()
			p.t.Fatalf("the demo ended: %v: %s", err, p.errors)
		}
		return line
	case <-time.After(time.Minute):
		err := p.end(syscall.SIGQUIT)
		p.t.Fatalf("the demo has said nothing for a minute: %v: %s", err, p.errors)
	}
	return ""
}

func (p *process) readPasswords(file string) {
	p.t.Helper()
	accounts, err := readDemoAccounts(file)
	if err != nil {
		p.t.Fatal(err)
	}
	p.passwords, p.tokens = map[string]string{}, map[string]string{}
	for _, a := range accounts {
		p.passwords[a.ID] = a.Password
	}
}

// token is that of a session of the account, which begins where there is none yet.
func (p *process) token(account string) string {
	p.t.Helper()
	if p.tokens[account] == "" {
		body, err := json.Marshal(v1.Login{Login: account, Password: p.passwords[account]})
		if err != nil {
			p.t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/v1/sessions", bytes.NewReader(body))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		var in v1.Session
		if err := json.Unmarshal(send(p.t, req, 201), &in); err != nil {
			p.t.Fatal(err)
		}
		p.tokens[account] = in.Token
	}
	return p.tokens[account]
}

// end sends the signal and waits for the end.
func (p *process) end(s syscall.Signal) error {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	for range p.lines { // until it closes its output
	}
	return p.Wait()
}

// call sends a request as the account and decodes the answer, which has to have the status.
func call[T any](p *process, status int, account, method, path string, body any) T {
	p.t.Helper()
	content, raw := body.([]byte)
	if !raw {
		var err error
		if content, err = json.Marshal(body); err != nil {
			p.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+"/api/v1"+path, bytes.NewReader(content))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if account != "" {
		req.Header.Set("Authorization", "Bearer "+p.token(account))
	}
	if method != http.MethodGet {
		p.writes++
		req.Header.Set("Idempotency-Key", fmt.Sprintf("test-%d-%d", p.Process.Pid, p.writes))
	}
	answer := send(p.t, req, status)
	var v T
	if err := json.Unmarshal(answer, &v); err != nil {
		p.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
	return v
}

func send(t *testing.T, req *http.Request, status int) []byte {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d: %s", req.Method, req.URL, resp.Status, status, answer)
	}
	return answer
}

// TestDemoTakesAnApplicationAllTheWay drives a demo over HTTP from filing to the license, replays it
// beside the running server, stops and kills it, and finds everything again.
func TestDemoTakesAnApplicationAllTheWay(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data).greeted(data)
	for _, service := range p.services {
		about, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := send(t, about, 200); !bytes.HasPrefix(text, []byte("Demo ")) {
			t.Errorf("%s says %s", service, text)
		}
	}
	p.certificates(data)
	p.ended("120540001238")
	number := p.issue("120540001238")
	before := call[v1.License](p, 200, "", "GET", "/licenses/"+number, nil)
	if before.Status != "active" || before.Licensee.ID != "120540001238" {
		t.Errorf("license %+v", before)
	}
	p.replays(number, data, "beside the running server")
	if out, code := command("rebuild", "--data", data); code != 1 || !strings.Contains(out, "stop it first") {
		t.Errorf("rebuild beside a running server: %d %s", code, out)
	}

	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("stopped: %v: %s", err, p.errors)
	}
	p.replays(number, data, "the event log")
	if out, code := command("rebuild", "--data", data); code != 0 {
		t.Errorf("rebuild: %d %s", code, out)
	}
	p = startDemo(t, data).greeted(data)
	if diff := cmp.Diff(before, call[v1.License](p, 200, "", "GET", "/licenses/"+number, nil)); diff != "" {
		t.Errorf("after stopping and rebuilding:\n%s", diff)
	}
	second := p.issue("120540001238")
	if err := p.end(syscall.SIGKILL); err == nil {
		t.Error("a killed process ended well")
	}
	p = startDemo(t, data).greeted(data)
	call[v1.License](p, 200, "", "GET", "/licenses/"+second, nil)
	p.outage("120540001238")
	if err := p.end(syscall.SIGINT); err != nil {
		t.Errorf("interrupted: %v: %s", err, p.errors)
	}
	if p.errors.Len() > 0 {
		t.Errorf("the demo complains: %s", p.errors)
	}
}

// outage makes the state registers answer nobody and asks them often enough for the breaker to open.
func (p *process) outage(bin string) {
	p.t.Helper()
	const figure = `tizilim_breaker_open{to="registers"} `
	if text := get(p.t, p.url+"/metrics", ""); !strings.Contains(text, figure+"0") {
		p.t.Errorf("before the outage: no %s0", figure)
	}
	set := func(method string) {
		req, err := http.NewRequestWithContext(p.t.Context(), method, strings.TrimSuffix(p.registers, "/")+"/outage", nil)
		if err != nil {
			p.t.Fatal(err)
		}
		send(p.t, req, 200)
	}
	set(http.MethodPost)
	defer set(http.MethodDelete)
	const company = "applicant-company"
	for range breaker.Failures {
		a := call[v1.Application](p, 201, company, "POST", "/applications",
			v1.Opening{Service: "import-export-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: bin}})
		a = call[v1.Application](p, 200, company, "PUT", "/applications/"+a.ID+"/form", v1.Filing{Form: v1.Form{Name: "x"}})
		if a.Step == nil || a.Step.Action != "query-registers" {
			p.t.Errorf("in the outage: %s, %+v", a.Status, a.Step)
		}
	}
	if text := get(p.t, p.url+"/metrics", ""); !strings.Contains(text, figure+"1") {
		p.t.Errorf("in the outage: no %s1", figure)
	}
}

// issue takes an application through the portal to its license.
func (p *process) issue(bin string) (number string) {
	p.t.Helper()
	const company, head = "applicant-company", "head-trade-committee"
	a := call[v1.Application](p, 201, company, "POST", "/applications",
		v1.Opening{Service: "import-export-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: bin}})
	at := "/applications/" + a.ID
	a = call[v1.Application](p, 200, company, "PUT", at+"/form", v1.Filing{Form: v1.Form{Name: "ТОО «Үлгі Экспорт»"}})
	order := call[v1.Payment](p, 200, company, "POST", at+"/payment", []byte{})
	pay, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, order.URL, strings.NewReader("outcome=paid"))
	if err != nil {
		p.t.Fatal(err)
	}
	pay.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	send(p.t, pay, 200)
	p.waitFor(company, a.ID, "choose-certificate")

	p.sign(company, at+"/signature", bin)
	p.waitFor(head, a.ID, "issue-or-refuse")
	call[v1.Application](p, 200, head, "POST", at+"/decision", v1.Decision{Decision: "approve", Order: "1-Д"})
	a = p.sign(head, at+"/decision/signature", head)
	if a.Status != "completed" || a.Result == "" {
		p.t.Fatalf("decided: %+v", a)
	}
	return a.Result
}

// ended signs with the demo's keys of certificates that have ended, which refuses each application for its reason.
func (p *process) ended(bin string) {
	p.t.Helper()
	const company = "applicant-company"
	for holder, reason := range map[string]string{"revoked-company": "revoked", "expired-company": "expired", "revoked": "bin-mismatch"} {
		a := p.toSign(company, bin)
		a = p.sign(company, "/applications/"+a.ID+"/signature", holder)
		if a.Status != "refused" || a.Refusal == nil || a.Refusal.Stage != "signature" || a.Refusal.Reason != reason || a.Refusal.ReasonText == "" {
			p.t.Errorf("signed with the key of %s: %s, %+v, want %s", holder, a.Status, a.Refusal, reason)
		}
		e := call[v1.Evidence](p, 200, company, "GET", "/applications/"+a.ID+"/evidence", nil)
		if len(e.Items) != 1 || e.Items[0].Type != "application-refused" {
			p.t.Errorf("of the refusal of %s is kept: %+v", holder, e)
		}
	}
}

// toSign brings an application that costs nothing to its signature.
func (p *process) toSign(account, applicant string) v1.Application {
	p.t.Helper()
	a := call[v1.Application](p, 201, account, "POST", "/applications",
		v1.Opening{Service: "import-permit", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: applicant}})
	a = call[v1.Application](p, 200, account, "PUT", "/applications/"+a.ID+"/form", v1.Filing{Form: v1.Form{Name: "ТОО «Үлгі Экспорт»"}})
	p.waitFor(account, a.ID, "choose-certificate")
	return a
}

// sign signs what the address has, with the holder's key, and sends it there.
func (p *process) sign(account, at, holder string) v1.Application {
	p.t.Helper()
	content, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+"/api/v1"+at, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	content.Header.Set("Authorization", "Bearer "+p.tokens[account])
	file := filepath.Join(p.t.TempDir(), "content")
	if err := os.WriteFile(file, send(p.t, content, 200), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if out, code := command("sign", file, "--key", filepath.Join(p.keys, holder, "sign.pem")); code != 0 {
		p.t.Fatal(out)
	}
	cms, err := os.ReadFile(file + ".cms")
	if err != nil {
		p.t.Fatal(err)
	}
	return call[v1.Application](p, 200, account, "POST", at, v1.Signing{Signature: base64.StdEncoding.EncodeToString(cms)})
}

// waitFor asks until the application waits in a step with the action.
func (p *process) waitFor(account, id, action string) {
	p.t.Helper()
	p.until(account, id, func(a v1.Application) bool { return a.Step != nil && a.Step.Action == action })
}

func (p *process) replays(number, data, from string, more ...string) {
	p.t.Helper()
	out, code := command(append([]string{"replay", number, "--data", data}, more...)...)
	if code != 0 || !strings.Contains(out, from) {
		p.t.Errorf("replay: %d, not from %s: %s", code, from, out)
	}
	for _, event := range []string{"application-opened", "application-paid", "application-signed", "application-approved", "license-issued", "application-completed"} {
		if !strings.Contains(out, "  "+event+"  ") {
			p.t.Errorf("replay does not tell of %s:\n%s", event, out)
		}
	}
}

// command runs a command line in this process.
func command(args ...string) (output string, code int) {
	var out bytes.Buffer
	code = run(args, &out, &out)
	return out.String(), code
}

// TestKilledSeedingIsFinishedByTheNextStart kills the first starts at growing times, and compares the
// log with that of a demo that was left alone.
func TestKilledSeedingIsFinishedByTheNextStart(t *testing.T) {
	alone, killed := filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "killed")
	if err := startDemo(t, alone).greeted(alone).end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for pause := 100 * time.Millisecond; ; pause += pause / 2 {
		p := startDemo(t, killed)
		if line := p.line(); !strings.HasPrefix(line, "First start") { // everything was there
			if err := p.greeted(killed).end(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			break
		}
		time.Sleep(pause) // how far it comes is the point, not when
		if err := p.end(syscall.SIGKILL); err != nil {
			kills++
		}
	}
	if kills < 2 {
		t.Errorf("killed only %d times", kills)
	}
	if diff := cmp.Diff(typesIn(t, alone), typesIn(t, killed)); diff != "" {
		t.Errorf("left alone (-), killed %d times (+):\n%s", kills, diff)
	}
}

// typesIn are the types of the events of every application, in order, as the log has them.
func typesIn(t *testing.T, data string) map[string][]string {
	t.Helper()
	out, code := command("export", "--data", data)
	if code != 0 {
		t.Fatal(out)
	}
	types := map[string][]string{}
	for line := range strings.Lines(out) {
		var l struct {
			Commit struct {
				Stream struct{ Category, ID string }
				Events []struct{ Type string }
			}
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Commit.Events {
			name := l.Commit.Stream.Category
			if name == "application" {
				name += l.Commit.Stream.ID
			}
			types[name] = append(types[name], e.Type)
		}
	}
	return types
}
