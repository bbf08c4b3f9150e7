package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/disktest"
	"github.com/tizilim/tizilim/api/v1"
)

// TestFullDiskUnderLoad fills the disk under a server: first below what it keeps free, then to the last byte.
// Writes are refused at once, reads go on, with room again it goes on by itself; and a disk that fills up at one
// blow, before the server can see it, loses nothing that was acknowledged.
func TestFullDiskUnderLoad(t *testing.T) {
	dir := disktest.NewSmall(t, disk.MinFree+96<<20)
	tr := newTrial(t, filepath.Join(dir, "registry"))
	ballast := filepath.Join(dir, "ballast")
	tr.start()
	first, err := (&writer{trial: tr, ctx: t.Context(), name: "first"}).open()
	if err != nil {
		t.Fatal(err)
	}
	stop, cancel := context.WithCancel(t.Context())
	enough := tr.notes.expect(30)
	clients := tr.load(stop, "full")
	tr.await(enough)

	fill(t, ballast, disk.MinFree-8<<20)
	tr.refuses(30, first)
	tr.readsGoOn(first)
	fill(t, ballast, 0)
	tr.refuses(30, first)
	tr.readsGoOn("") // who is shown personal data stands in the access log, and that may be full
	remove(t, ballast)
	tr.await(tr.notes.expect(30))

	fill(t, ballast, 0)
	tr.refuses(30, first)
	cancel()
	clients.Wait()
	tr.readsGoOn("")
	remove(t, ballast)
	if err := tr.server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := tr.server.end(t); err != nil {
		t.Logf("the server ends with %v", err)
	}
	tr.goOn(0)
	tr.over(1, "full disk")
}

// fill leaves so many bytes of the disk.
func fill(t *testing.T, ballast string, left uint64) {
	t.Helper()
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for { // others write meanwhile
		var st unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		free := st.Bavail * uint64(st.Bsize)
		if free <= left {
			return
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		err = unix.Fallocate(int(f.Fd()), 0, info.Size(), int64(free-left))
		if err != nil && err != unix.ENOSPC && err != unix.EINTR {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, ballast string) {
	t.Helper()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
}

// refuses waits until the server has refused so many more writes, which does not take it long, and makes sure
// that it says why, and takes no document either.
func (tr *trial) refuses(n int, opened string) {
	tr.t.Helper()
	before := tr.notes.refusals()
	for end := time.Now().Add(time.Minute); tr.notes.refusals() < before+n; time.Sleep(5 * time.Millisecond) { // there is nothing to wait on over HTTP
		if time.Now().After(end) {
			tr.t.Fatalf("of the writes of a minute %d were refused: %s", tr.notes.refusals()-before, tr.server.text())
		}
	}
	for _, w := range []write{
		{method: "POST", path: "/applications", media: "application/json", body: []byte(`{"service":"import-export-license","channel":"portal","request":"issue","applicant":{"id":"` + bin + `"}}`)},
		{method: "POST", path: "/applications/" + opened + "/documents", media: "text/plain", file: "sample.txt", body: []byte("too much")},
	} {
		w.account, w.key = company, "refused"
		begin := time.Now()
		a := tr.send(tr.t.Context(), &w)
		if a.status != http.StatusServiceUnavailable || !a.retry || time.Since(begin) > 20*time.Second {
			tr.t.Errorf("%s %s after %s: %d %v, to be tried again: %t: %s", w.method, w.path, time.Since(begin), a.status, a.err, a.retry, a.body)
		}
	}
	ready, err := tr.http.Get(tr.server.url + "/readyz")
	if err != nil {
		tr.t.Fatal(err)
	}
	defer ready.Body.Close()
	if ready.StatusCode != http.StatusServiceUnavailable {
		tr.t.Errorf("/readyz is %s while writes are refused", ready.Status)
	}
}

// readsGoOn makes sure that the public sees what it saw before, and the applicant the application, where one is
// named.
func (tr *trial) readsGoOn(opened string) {
	tr.t.Helper()
	var page v1.Licenses
	if a, ok := tr.read(tr.t.Context(), "", "/licenses", &page); !ok {
		tr.t.Errorf("the register: %d %v: %s", a.status, a.err, a.body)
	}
	if opened == "" {
		return
	}
	var is v1.Application
	if a, ok := tr.read(tr.t.Context(), company, "/applications/"+opened, &is); !ok || !strings.EqualFold(is.ID, opened) {
		tr.t.Errorf("an application: %d %v: %s", a.status, a.err, a.body)
	}
}

func (l *notebook) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}
