package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tizilim/tizilim/adapters/accounts"
	"github.com/tizilim/tizilim/domain"
)

// inProcess runs the command line in a process of its own.
func inProcess(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asTizilim+"=1")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestUsersBesideAServer: what the command line does beside a server that has the accounts open holds from
// the server's next question on.
func TestUsersBesideAServer(t *testing.T) {
	const password = "Темір тұлпар 2026"
	data := t.TempDir()
	server, err := openBook(t.Context(), filepath.Join(data, "accounts.sqlite"), accounts.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.close(); err != nil {
			t.Error(err)
		}
	}()
	login := func(typed string) (accounts.Opened, error) {
		return server.Login(t.Context(), accounts.Password{Login: "aigerim", Password: typed})
	}
	in := func(typed string) string {
		t.Helper()
		o, err := login(typed)
		if err != nil {
			t.Fatal(err)
		}
		return o.Token
	}
	ended := func(token string) bool {
		_, err := server.Session(t.Context(), token)
		return errors.Is(err, domain.ErrNotFound)
	}

	inProcess(t, password+"\n", "users", "add", "aigerim", "--name", "Айгерім", "--role", "auditor", "--data", data)
	for _, c := range []struct{ stdin, args string }{
		{"", "end-sessions aigerim"}, {"", "role add aigerim officer trade-committee"}, {password, "password aigerim"}, {"", "disable aigerim"},
	} {
		session := in(password)
		if ended(session) {
			t.Fatalf("before %s: ended", c.args)
		}
		inProcess(t, c.stdin, append(append([]string{"users"}, strings.Fields(c.args)...), "--data", data)...)
		if !ended(session) {
			t.Errorf("%s: the session goes on", c.args)
		}
	}
	if _, err := login(password); err == nil {
		t.Error("logged into a disabled account")
	}
	inProcess(t, "", "users", "enable", "aigerim", "--data", data)
	for range 6 {
		if _, err := login("a wrong password"); err == nil {
			t.Fatal("logged in")
		}
	}
	if _, err := login(password); err == nil {
		t.Fatal("not locked")
	}
	inProcess(t, "", "users", "unlock", "aigerim", "--data", data)
	in(password)

	token, _, err := server.AddToken(t.Context(), "test", accounts.NewToken{Name: "erp", As: accounts.Assignment{Role: domain.RoleAuditor}})
	if err != nil {
		t.Fatal(err)
	}
	inProcess(t, "", "users", "token", "revoke", "erp", "--data", data)
	if _, err := server.Token(t.Context(), token); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a revoked token: %v", err)
	}
}
