package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/eventstoredb/esdbtest"
	authority "github.com/tizilim/tizilim/adapters/signature/demo"
	v1 "github.com/tizilim/tizilim/api/v1"
)

// newSharers makes a fleet of nodes that share a log and a folder, with one account, the applicant's.
func newSharers(t *testing.T) *fleet {
	t.Helper()
	const password = "Темір тұлпар 2026"
	f := &fleet{t: t, dir: t.TempDir(), nodes: map[string]*process{}}
	f.sample.data = filepath.Join(f.dir, "sample")
	a, err := authority.Open(authority.Config{Dir: filepath.Join(f.dir, "authority"), URL: "http://127.0.0.1:1", Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(f.dir, "secret")
	if err := os.WriteFile(secret, []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(f.sample.data, "demo"), 0o700); err != nil {
		t.Fatal(err)
	}
	known := fmt.Sprintf(`[{"id":"importer","password":%q}]`, password)
	if err := os.WriteFile(filepath.Join(f.sample.data, "demo", "accounts.json"), []byte(known), 0o600); err != nil {
		t.Fatal(err)
	}
	f.flags = []string{
		"--listen", "127.0.0.1:0", "--shared", f.shared(), "--trust", a.TrustDir(), "--payments-secret", secret,
		"--registers-url", "http://127.0.0.1:1", "--payments-url", "http://127.0.0.1:1", "--store", esdb(t, esdbtest.Options{}).URL(),
	}
	inProcess(t, password+"\n", "users", "add", "importer", "--name", "ТОО «Үлгі Экспорт»", "--role", "applicant", "--identifier", importer, "--shared", f.shared())
	return f
}

func sha256Of(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// upload puts a file, as the session that was begun at whichever node.
func (p *process) upload(application, token, content string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/v1/applications/"+application+"/documents", strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Content-Disposition", `attachment; filename="scan.txt"`)
	req.Header.Set("Idempotency-Key", fmt.Sprintf("upload-%s", content))
	return http.DefaultClient.Do(req)
}

// TestNodesShareAccountsAndDocuments has two nodes on one shared folder, which they make at once: a session of
// one is a session of the other, what is uploaded to one the other has, and the command line beside them ends
// sessions for both.
func TestNodesShareAccountsAndDocuments(t *testing.T) {
	t.Parallel()
	f := newSharers(t)
	starting := []*process{f.start("a"), f.start("b")}
	nodes := []*process{f.serves("a", starting[0]), f.serves("b", starting[1])}
	nodes[1].tokens = nodes[0].tokens
	token := nodes[0].token("importer")
	a := call[v1.Application](nodes[0], 201, "importer", "POST", "/applications",
		v1.Opening{Service: "import-export-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: importer}})
	status(t, nodes[1].url+"/readyz", http.StatusOK)
	f.uploads(nodes, a.ID, token)

	attached := []v1.Attached{{Name: "scan.txt", SHA256: sha256Of("from-0-3")}, {Name: "other.txt", SHA256: sha256Of("from-1-5")}}
	filed := call[v1.Application](nodes[1], 200, "importer", "PUT", "/applications/"+a.ID+"/form", v1.Filing{Form: v1.Form{Name: "ТОО «Үлгі Экспорт»"}, Documents: attached})
	if len(filed.Documents) != 2 {
		t.Errorf("filed with %+v", filed.Documents)
	}
	inProcess(t, "", "users", "end-sessions", "importer", "--shared", f.shared())
	for _, n := range nodes {
		resp, err := n.upload(a.ID, token, "late")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("after the end of its session: %s", resp.Status)
		}
	}
	for _, name := range []string{"a", "b"} {
		f.leave(name, syscall.SIGTERM)
	}
	f.staysWithItsFolder()
}

// uploads puts many files at once, half of them at each node.
func (f *fleet) uploads(nodes []*process, application, token string) {
	f.t.Helper()
	var running sync.WaitGroup
	for i, n := range nodes {
		for j := range 8 {
			running.Go(func() {
				content := fmt.Sprintf("from-%d-%d", i, j)
				resp, err := n.upload(application, token, content)
				if err != nil {
					f.t.Error(err)
					return
				}
				defer resp.Body.Close()
				var said bytes.Buffer
				_, _ = said.ReadFrom(resp.Body) // only for the message
				if resp.StatusCode != http.StatusCreated {
					f.t.Errorf("upload to node %d: %s %s", i, resp.Status, said.String())
				}
			})
		}
	}
	running.Wait()
}

// staysWithItsFolder: a node that has shared a folder starts neither without it nor with another one, and one
// that has accounts of its own does not begin to share.
func (f *fleet) staysWithItsFolder() {
	f.t.Helper()
	other, own := filepath.Join(f.dir, "other"), filepath.Join(f.dir, "own")
	inProcess(f.t, "Темір тұлпар 2026\n", "users", "add", "admin", "--name", "A", "--role", "admin", "--data", own)
	without := append([]string{"serve"}, f.flags[:2]...)
	without = append(without, f.flags[4:]...)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{append(without, "--data", f.data("a")), "are in a shared folder; name it with --shared: conflict"},
		{append(without, "--data", f.data("a"), "--shared", other), "are in another shared folder than " + other + ": conflict"},
		{append(without, "--data", own, "--shared", f.shared()), "accounts.sqlite is there already; move it to "},
		{[]string{"users", "list", "--data", f.data("a")}, "are in a shared folder; name it with --shared: conflict"},
		{[]string{"demo", "--data", f.data("a"), "--shared", f.shared()}, "a demo shares nothing with other nodes"},
	} {
		if out, code := command(tt.args...); code == 0 || !strings.Contains(out, tt.want) {
			f.t.Errorf("%v: %d %s", tt.args, code, out)
		}
	}
}
