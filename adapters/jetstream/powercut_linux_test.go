package jetstream_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tizilim/tizilim/domain"
)

// ext4 shut down by this call writes nothing more, not even its journal: what was not flushed
// before is gone, as at a power cut. (A cut of the disk's own cache it is not.)
const (
	shutdownCall = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush   = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
)

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

// unable skips a test that this machine cannot run, or fails it where the test is required.
func unable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TIZILIM_REQUIRE_POWERCUT") != "" {
		t.Fatalf("THE POWER CUT WAS NOT TESTED, and it is required: %s", why)
	}
	t.Skipf("THE POWER CUT WAS NOT TESTED: %s. It needs root, loop devices and mkfs.ext4; TIZILIM_REQUIRE_POWERCUT=1 makes this a failure", why)
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
			shutdown(t, d.mountPoint)
			p.Kill()
		})
		d.again(t)
		h.check(t, dir)
	}
}
