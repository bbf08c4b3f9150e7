package jetstream_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// ext4 shut down by this call writes nothing more, not even its journal: what was not flushed
// before is gone, as at a power cut. (A cut of the disk's own cache it is not.)
const (
	shutdownCall = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// freeze stops a process and waits until no thread of it is within a call. The shutdown has a fault
// that a power cut has not: a flush that runs at that very moment may report success and be lost
// (one in nine tries of a plain write and fdatasync, without any store).
func freeze(t *testing.T, p *os.Process) {
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Pid))
		if err != nil || len(tasks) == 0 {
			t.Fatalf("threads of the child: %v", err)
		}
		for _, task := range tasks {
			stat, err := os.ReadFile(task)
			if err != nil {
				t.Fatal(err)
			}
			if _, state, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return true
	})
}

func shutdown(t *testing.T, mountPoint string) {
	f, err := os.Open(mountPoint)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdownCall, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		t.Fatalf("shut down the file system: %v", errno)
	}
}

// unable is said where this machine cannot cut the power.
func unable(t *testing.T, why string) {
	t.Helper()
	tooltest.Missing(t, "POWERCUT", "the power cut, which needs root, loop devices and mkfs.ext4: "+why)
}

// disk is an ext4 file system in a file.
type disk struct{ image, mountPoint string }

func newDisk(t *testing.T, size int64) disk {
	if os.Geteuid() != 0 {
		unable(t, "not root")
	}
	dir := t.TempDir()
	d := disk{filepath.Join(dir, "image"), filepath.Join(dir, "disk")}
	if err := os.Mkdir(d.mountPoint, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		unable(t, "mkfs.ext4: "+err.Error()+" "+string(out))
	}
	if err := d.mount(); err != nil {
		unable(t, "mount: "+err.Error())
	}
	t.Cleanup(func() { exec.Command("umount", "--lazy", d.mountPoint).Run() })
	return d
}

func (d disk) mount() error {
	return exec.Command("mount", "-o", "loop", d.image, d.mountPoint).Run()
}

// again mounts the disk as a machine does that starts after a power cut.
func (d disk) again(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("umount", d.mountPoint).CombinedOutput(); err != nil {
		t.Fatalf("unmount: %v: %s", err, out)
	}
	if err := d.mount(); err != nil {
		t.Fatalf("mount again: %v", err)
	}
}

func TestPowerCut(t *testing.T) {
	d := newDisk(t, 512<<20)
	dir := filepath.Join(d.mountPoint, "registry", "events")
	h := &history{acked: map[attempt]domain.Position{}, tried: map[attempt]bool{}}
	for round := range crashRounds(t) {
		h.crash(t, dir, strconv.Itoa(round), 20+3571*round, func(p *os.Process) {
			freeze(t, p)
			shutdown(t, d.mountPoint)
			p.Kill()
		})
		d.again(t)
		h.check(t, dir)
	}
}

// A killed process leaves commits that only the operating system holds. The next one takes them as
// they are, so it must flush them before anybody knows of them.
func TestPowerCutAfterKill(t *testing.T) {
	d := newDisk(t, 128<<20)
	dir := filepath.Join(d.mountPoint, "events")
	open(t, jetstream.Config{Dir: dir, MinFree: 1}).Close()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childRound+"=0", childHangs+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "hangs" {
			child.Process.Kill()
		}
	}
	child.Wait()

	s := open(t, jetstream.Config{Dir: dir, MinFree: 1})
	head, err := s.Head(t.Context())
	if err != nil || head == 0 {
		t.Fatalf("nothing was left to be flushed: %d, %v", head, err)
	}
	found := readAll(t, s)
	shutdown(t, d.mountPoint)
	s.Close()
	d.again(t)
	s = open(t, jetstream.Config{Dir: dir, MinFree: 1})
	defer s.Close()
	if after := readAll(t, s); len(after) != len(found) {
		t.Errorf("%d events were seen, %d are there after the power cut", len(found), len(after))
	}
}

// A disk that really fills up, with the watch on free space turned off: appends fail, nothing that
// was acknowledged is lost, and with room again the store goes on after a restart.
func TestFullDisk(t *testing.T) {
	d := newDisk(t, 48<<20)
	config := jetstream.Config{Dir: filepath.Join(d.mountPoint, "events"), MinFree: 1}
	s := open(t, config)
	ballast := filepath.Join(d.mountPoint, "ballast")
	free, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stream := t.Context(), storetest.Stream("full")
	events := storetest.Events(1)
	events[0].Data = json.RawMessage(`{"t":"` + strings.Repeat("x", 100_000) + `"}`)
	acked := uint64(0)
	add := func() error {
		events[0].ID = uuid.New()
		_, err := s.Append(ctx, stream, acked, events)
		if err == nil {
			acked++
		}
		return err
	}
	for range 10 {
		if err := add(); err != nil {
			t.Fatal(err)
		}
	}
	for {
		if _, err := free.Write(make([]byte, 1<<20)); err != nil {
			break
		}
	}
	free.Close()
	for err = nil; err == nil && acked < 1000; {
		err = add()
	}
	if !errors.Is(err, domain.ErrUnavailable) {
		t.Fatalf("append on a full disk: %v", err)
	}
	if err := s.Healthy(ctx); !errors.Is(err, domain.ErrUnavailable) {
		t.Errorf("healthy on a full disk: %v", err)
	}
	t.Logf("full after %d commits: %v", acked, err)
	for range 3 { // it answers, and promptly
		if err := add(); !errors.Is(err, domain.ErrUnavailable) {
			t.Errorf("append on a full disk: %v", err)
		}
	}
	s.Close()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s = open(t, config)
	defer s.Close()
	if found := readAll(t, s); uint64(len(found)) < acked {
		t.Errorf("%d events were acknowledged, %d are there", acked, len(found))
	}
	acked = uint64(len(readAll(t, s)))
	if err := add(); err != nil {
		t.Errorf("append with room again: %v", err)
	}
}

// What is flushed of the annex survives a power cut, as the log does.
func TestPowerCutKeepsTheAnnex(t *testing.T) {
	d := newDisk(t, 128<<20)
	config := jetstream.Config{Dir: filepath.Join(d.mountPoint, "events"), MinFree: 1}
	s := open(t, config)
	_, js := annex(t, s)
	publish(t, js, 30)
	if err := s.SyncAnnex(news); err != nil {
		t.Fatal(err)
	}
	publish(t, js, 5) // not flushed
	shutdown(t, d.mountPoint)
	s.Close()
	d.again(t)
	s = open(t, config)
	defer s.Close()
	if _, js := annex(t, s); messages(t, js) < 30 {
		t.Errorf("%d messages are there after the power cut", messages(t, js))
	}
}
