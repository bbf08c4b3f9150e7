package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/adapters/accounts"
)

// terminal is a pseudo-terminal: what a person would sit at, and what the program has for its standard
// input.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestPasswordIsNotShown: what is typed when a password is asked for does not come back.
func TestPasswordIsNotShown(t *testing.T) {
	person, program := terminal(t)
	data := t.TempDir()
	cmd := exec.Command(os.Args[0], "users", "add", "aigerim", "--name", "x", "--role", "auditor", "--data", data)
	cmd.Env = append(os.Environ(), asTizilim+"=1")
	cmd.Stdin = program
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown := func() bool {
		settings, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		return err != nil || settings.Lflag&unix.ECHO != 0
	}
	for deadline := time.Now().Add(30 * time.Second); shown(); {
		if time.Now().After(deadline) {
			t.Fatal("the terminal goes on showing what is typed")
		}
	}
	const typed = "secret-of-mine-26"
	if _, err := person.WriteString(typed + "\n" + typed + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	program.Close()
	screen, _ := io.ReadAll(person) // ends with an error, once nobody has the other side
	if bytes.Contains(screen, []byte("secret")) || bytes.Contains(out.Bytes(), []byte("secret")) {
		t.Errorf("the password was shown: %q, %s", screen, out.Bytes())
	}
	b, err := openBook(t.Context(), filepath.Join(data, "accounts.sqlite"), accounts.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Login(t.Context(), accounts.Password{Login: "aigerim", Password: typed}); err != nil {
		t.Errorf("log in with what was typed: %v", err)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
}
