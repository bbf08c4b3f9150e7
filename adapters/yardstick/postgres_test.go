//go:build unix

package yardstick_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/adapters/yardstick"
	"github.com/tizilim/tizilim/domain"
)

// TestPostgres runs on a server of its own.
func TestPostgres(t *testing.T) {
	p, err := yardstick.OpenPostgres(t.Context(), startPostgres(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	appendAll(t, p)
	if _, err := p.Append(t.Context(), storetest.Stream("0"), each, storetest.Events(1)); err != nil {
		t.Error(err)
	}
	if _, err := p.Append(t.Context(), storetest.Stream("0"), each, storetest.Events(1)); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("a version that is there already: %v", err)
	}
}

// nobody is who Postgres runs as where the test is root's, for whom it does not start.
const nobody = 65534

// startPostgres starts a server on a socket in a folder of its own, and says how to connect to it.
func startPostgres(t *testing.T) string {
	t.Helper()
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian has it, outside of PATH
	if err != nil {
		t.Fatal(err)
	}
	initdb, err := filepath.EvalSymlinks(tooltest.Program(t, "POSTGRES", "the table in Postgres", append(installed, "initdb")...))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pg") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		return cmd
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := program(initdb, "-D", data, "-U", "me", "-A", "trust", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	server := program(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=")
	said, err := server.StderrPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // ends at once, and orderly
		_ = server.Wait()
	})
	var log strings.Builder
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if strings.Contains(lines.Text(), "ready to accept connections") {
			go func() {
				for lines.Scan() { // or it would wait for a reader
				}
			}()
			return "host=" + dir + " user=me dbname=postgres"
		}
		log.WriteString(lines.Text() + "\n")
	}
	t.Fatalf("Postgres did not start: %s", log.String())
	return ""
}
