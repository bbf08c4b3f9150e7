package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/tooltest"
)

// fakeNode answers with its name and who it was told is asking, while it is ready.
type fakeNode struct {
	*httptest.Server
	away atomic.Bool
}

func newFakeNode(t *testing.T, name string) *fakeNode {
	n := &fakeNode{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, "%s %s %s", name, strings.Join(r.Header.Values("X-Forwarded-For"), ","), r.Header.Get("X-Forwarded-Proto"))
	}))
	t.Cleanup(n.Close)
	return n
}

func (n *fakeNode) address() string { return strings.TrimPrefix(n.URL, "http://") }

// site is the proxy as a browser or a system comes to it.
type site struct {
	t   *testing.T
	url string
	http.Client
}

// startProxy starts haproxy as docker-compose.yml does, with the keys from there, before two nodes.
func startProxy(t *testing.T, nodes ...*fakeNode) *site {
	t.Helper()
	haproxy := tooltest.Program(t, "HAPROXY", "the proxy of docker-compose.yml by HAProxy itself, of Debian's package haproxy", "haproxy", "/usr/sbin/haproxy")
	proxy, keys, ports := composed(t, "cluster", inEnv...).Services["proxy"], composedKeys(t), natstest.FreePorts(t, 2)
	here := strings.NewReplacer("0.0.0.0:8443", fmt.Sprintf("127.0.0.1:%d", ports[0]), "127.0.0.1:8404", fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"/keys/", keys+"/", "tizilim-1:8080", nodes[0].address(), "tizilim-2:8080", nodes[1].address(), "/etc/haproxy/", top+"deploy/haproxy/")
	var args []string
	for _, arg := range proxy.Command[1:] {
		if arg != "-W" { // a process that a test can end
			args = append(args, here.Replace(arg))
		}
	}
	cmd := exec.Command(haproxy, args...)
	cmd.Env = os.Environ()
	for env, value := range proxy.Environment {
		cmd.Env = append(cmd.Env, env+"="+here.Replace(*value))
	}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() || strings.Contains(said.String(), "[WARNING]") && strings.Contains(said.String(), "deprecated") {
			t.Errorf("haproxy said: %s", said.String())
		}
	})
	pool := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(keys, "site-ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("the site's authority: %v", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{t: t, url: fmt.Sprintf("https://127.0.0.1:%d", ports[0]), Client: http.Client{Transport: transport}}
}

// get is what the site answers, with the headers in pairs.
func (s *site) get(path string, headers ...string) (status int, body string, cookies []*http.Cookie, err error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		return 0, "", nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Cookies(), err
}

// until asks until the answer begins so.
func (s *site) until(want string, headers ...string) {
	s.t.Helper()
	var body string
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // haproxy tells nobody what it found
		if _, body, _, err = s.get("/", headers...); strings.HasPrefix(body, want) {
			return
		}
	}
	s.t.Fatalf("answers %q, %v, not %s", body, err, want)
}

// TestProxy: requests go to nodes that are ready, those of one token or one browser to one node, and what a
// request says of where it comes from is not passed on.
func TestProxy(t *testing.T) {
	t.Parallel()
	one, two := newFakeNode(t, "one"), newFakeNode(t, "two")
	two.away.Store(true)
	s := startProxy(t, one, two)
	s.until("one 127.0.0.1 https", "X-Forwarded-For", "10.9.8.7")
	for _, path := range []string{"/metrics", "/%6detrics", "/metrics?all"} {
		if status, _, _, err := s.get(path); err != nil || status != http.StatusNotFound {
			t.Errorf("%s: %d, %v", path, status, err)
		}
	}

	two.away.Store(false)
	one.away.Store(true)
	s.until("two")
	one.away.Store(false)
	s.until("one")
	nodes := map[string]string{}
	for i := range 40 {
		token := fmt.Sprintf("Bearer tzl_%d", i%20)
		_, body, _, err := s.get("/", "Authorization", token)
		if err != nil {
			t.Fatal(err)
		}
		if before := nodes[token]; before != "" && before != body {
			t.Errorf("%s goes to %q and to %q", token, before, body)
		}
		nodes[token] = body
	}
	counts := map[string]int{}
	for _, node := range nodes {
		counts[node]++
	}
	if len(counts) != 2 {
		t.Errorf("20 tokens go to %v", counts)
	}

	_, first, cookies, err := s.get("/")
	if err != nil || len(cookies) != 1 || !cookies[0].Secure || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Fatalf("cookies %v, %v", cookies, err)
	}
	for range 10 {
		if _, body, _, err := s.get("/", "Cookie", cookies[0].Name+"="+cookies[0].Value); err != nil || body != first {
			t.Errorf("a browser of %q comes to %q, %v", first, body, err)
		}
	}
	one.Close() // in the middle of everything: no request is lost
	for range 20 {
		if status, body, _, err := s.get("/"); err != nil || status != http.StatusOK || !strings.HasPrefix(body, "two") {
			t.Errorf("without one: %d %q %v", status, body, err)
		}
	}
}
