package disktest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/adapters/tooltest"
)

// ext4 shut down by this call writes nothing more, not even its journal: what was not flushed
// before is gone, as at a power cut. (A cut of the disk's own cache it is not.)
const (
	shutdownCall = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

// unable is said where this machine cannot cut the power.
func unable(t testing.TB, why string) {
	t.Helper()
	tooltest.Missing(t, "POWERCUT", "what needs a disk of its own (root, loop devices, mkfs.ext4): "+why)
}

// Disk is an ext4 file system in a file.
type Disk struct {
	MountPoint string
	image      string
}

// New makes a disk of so many bytes and mounts it. Without what that needs the test is skipped, or fails where
// TIZILIM_REQUIRE_POWERCUT=1.
func New(t testing.TB, size int64) Disk {
	t.Helper()
	if os.Geteuid() != 0 {
		unable(t, "not root")
	}
	dir := t.TempDir()
	d := Disk{image: filepath.Join(dir, "image"), MountPoint: filepath.Join(dir, "disk")}
	if err := os.Mkdir(d.MountPoint, 0o700); err != nil {
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
	unmounted(t, d.MountPoint)
	return d
}

// NewSmall makes a disk in memory, which a test fills up. The same holds as for New.
func NewSmall(t testing.TB, size int64) (mountPoint string) {
	t.Helper()
	if os.Geteuid() != 0 {
		unable(t, "not root")
	}
	mountPoint = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(mountPoint, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", size), "tmpfs", mountPoint).CombinedOutput(); err != nil {
		unable(t, "mount a tmpfs: "+err.Error()+" "+string(out))
	}
	unmounted(t, mountPoint)
	return mountPoint
}

// unmounted sees to it that nothing stays mounted, also where a test left something open.
func unmounted(t testing.TB, mountPoint string) {
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", mountPoint).Run() }) // gone already in a power cut
}

func (d Disk) mount() error {
	return exec.Command("mount", "-o", "loop", d.image, d.MountPoint).Run()
}

// Cut cuts the power: of what was not flushed nothing is there Again. Whoever has files open there gets errors.
func (d Disk) Cut(t testing.TB) {
	t.Helper()
	f, err := os.Open(d.MountPoint)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdownCall, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		t.Fatalf("shut down the file system: %v", errno)
	}
}

// CutUnder cuts the power under a running process, and kills it: it has no say any more. The process is
// stopped before, until no thread of it is within a call, because the shutdown has a fault that a power cut has
// not: a flush that runs at that very moment may report success and be lost (one in nine tries of a plain
// write and fdatasync, without any store).
func (d Disk) CutUnder(t testing.TB, p *os.Process) {
	t.Helper()
	if err := p.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !stopped(t, p.Pid); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatal("the process does not stop")
		}
	}
	d.Cut(t)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// stopped reports whether every thread of the process has stopped.
func stopped(t testing.TB, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("threads of the process: %v", err)
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
}

// Again mounts the disk as a machine does that starts after a power cut.
func (d Disk) Again(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("umount", d.MountPoint).CombinedOutput(); err != nil {
		t.Fatalf("unmount: %v: %s", err, out)
	}
	if err := d.mount(); err != nil {
		t.Fatalf("mount again: %v", err)
	}
}
