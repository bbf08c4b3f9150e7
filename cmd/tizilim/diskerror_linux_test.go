package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/tooltest"
)

// TestDiskErrorsUnderLoad makes the system calls of a running server on some of its files fail, as a bad disk
// does. It acknowledges nothing that it could not keep: it answers 503 or ends; and the next server finds all
// that was acknowledged. The first few cases are tried, all with TIZILIM_CRASH_ROUNDS=8.
func TestDiskErrorsUnderLoad(t *testing.T) {
	strace := tracer(t)
	tr := newTrial(t, filepath.Join(t.TempDir(), "data"))
	cases := []struct {
		name  string
		calls string // that fail
		error string
		files string // below the data folder
		ends  bool   // the server must not go on
	}{
		{"the flush of the log", "fdatasync,fsync", "EIO", "log/nats/*/*/streams/*/msgs/*.blk", true},
		{"writing the log, disk full", "write,pwrite64", "ENOSPC", "log/nats/*/*/streams/*/msgs/*.blk", false},
		{"everything", "fdatasync,fsync", "EIO", "", true},
		{"writing the log", "write,pwrite64", "EIO", "log/nats/*/*/streams/*/msgs/*.blk", false},
		{"accounts", "fdatasync,fsync,write,pwrite64", "EIO", "accounts.sqlite*", false},
		{"the tree", "fdatasync,fsync,write,pwrite64", "EIO", "tree.sqlite*", false},
		{"a read model", "fdatasync,fsync,write,pwrite64", "ENOSPC", "read/streams*", false},
		{"documents", "fdatasync,fsync", "EIO", "documents", false},
	}
	for i, tt := range cases[:min(tooltest.Rounds(t, 3), len(cases))] {
		t.Run(tt.name, func(t *testing.T) {
			tr.t = t
			tr.start()
			stop, cancel := context.WithCancel(t.Context())
			clients := tr.load(stop, fmt.Sprintf("error%d", i))
			tr.await(tr.notes.expect(20))
			refused := tr.notes.refusals()
			detach := tr.inject(strace, tt.calls+":error="+tt.error, tt.files)
			tr.gone(refused+5, 2*time.Second)
			cancel()
			clients.Wait()
			detach()
			tr.finish(tt.ends)
			tr.goOn(i)
		})
		if t.Failed() {
			return
		}
	}
	tr.t = t
	tr.over(1, "errors of the disk")
}

// tracer is strace, where it may look at another process.
func tracer(t *testing.T) string {
	t.Helper()
	strace := tooltest.Program(t, "STRACE", "errors of the disk", "strace")
	other := exec.Command("sleep", "0.2")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(strace, "-q", "-o", os.DevNull, "-p", fmt.Sprint(other.Process.Pid)).CombinedOutput()
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		tooltest.Missing(t, "STRACE", fmt.Sprintf("errors of the disk: strace may not look at a process: %v: %s", err, out))
	}
	return strace
}

// inject lets calls of the server fail from now on, on the files that are there, until the returned function
// is called.
func (tr *trial) inject(strace, what, files string) (detach func()) {
	tr.t.Helper()
	calls, _, _ := strings.Cut(what, ":")
	args := []string{"-f", "-q", "-p", fmt.Sprint(tr.server.Process.Pid), "-o", "/dev/null", "-e", "trace=" + calls, "-e", "inject=" + what}
	if files != "" {
		paths, err := filepath.Glob(filepath.Join(tr.data, files))
		if err != nil || len(paths) == 0 {
			tr.t.Fatalf("no files %s: %v", files, err)
		}
		for _, p := range paths {
			args = append(args, "-P", p)
		}
	}
	cmd := exec.Command(strace, args...)
	if err := cmd.Start(); err != nil {
		tr.t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended with the server
		_ = cmd.Wait()
	}
}

// gone waits until the server has refused so many writes, or has ended; some of what can break keeps nobody
// from writing.
func (tr *trial) gone(refused int, wait time.Duration) {
	for end := time.Now().Add(wait); time.Now().Before(end) && tr.notes.refusals() < refused; {
		select {
		case <-tr.server.ended:
			return
		case <-time.After(10 * time.Millisecond): // there is nothing to wait on over HTTP
		}
	}
}

// finish ends the server, or sees it end by itself and say why.
func (tr *trial) finish(ends bool) {
	tr.t.Helper()
	if !ends {
		_ = tr.server.Process.Signal(syscall.SIGTERM) // it may have ended already
	}
	if err := tr.server.end(tr.t); ends && (err == nil || !strings.Contains(tr.server.text(), "the event store has stopped, start again")) {
		tr.t.Errorf("the server ends with %v: %s", err, tr.server.text())
	}
}
