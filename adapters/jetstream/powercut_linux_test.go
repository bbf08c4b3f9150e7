package jetstream_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/disktest"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

func TestPowerCut(t *testing.T) {
	d := disktest.New(t, 512<<20)
	dir := filepath.Join(d.MountPoint, "registry", "events")
	h := &history{acked: map[attempt]domain.Position{}, tried: map[attempt]bool{}}
	for round := range tooltest.Rounds(t, 3) {
		h.crash(t, dir, strconv.Itoa(round), 20+3571*round, func(p *os.Process) { d.CutUnder(t, p) })
		d.Again(t)
		h.check(t, dir)
	}
}

// A killed process leaves commits that only the operating system holds. The next one takes them as
// they are, so it must flush them before anybody knows of them.
func TestPowerCutAfterKill(t *testing.T) {
	d := disktest.New(t, 128<<20)
	dir := filepath.Join(d.MountPoint, "events")
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
	d.Cut(t)
	s.Close()
	d.Again(t)
	s = open(t, jetstream.Config{Dir: dir, MinFree: 1})
	defer s.Close()
	if after := readAll(t, s); len(after) != len(found) {
		t.Errorf("%d events were seen, %d are there after the power cut", len(found), len(after))
	}
}

// A disk that really fills up, with the watch on free space turned off: appends fail, nothing that
// was acknowledged is lost, and with room again the store goes on after a restart.
func TestFullDisk(t *testing.T) {
	d := disktest.New(t, 48<<20)
	config := jetstream.Config{Dir: filepath.Join(d.MountPoint, "events"), MinFree: 1}
	s := open(t, config)
	ballast := filepath.Join(d.MountPoint, "ballast")
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
	d := disktest.New(t, 128<<20)
	config := jetstream.Config{Dir: filepath.Join(d.MountPoint, "events"), MinFree: 1}
	s := open(t, config)
	_, js := annex(t, s)
	publish(t, js, 30)
	if err := s.SyncAnnex(news); err != nil {
		t.Fatal(err)
	}
	publish(t, js, 5) // not flushed
	d.Cut(t)
	s.Close()
	d.Again(t)
	s = open(t, config)
	defer s.Close()
	if _, js := annex(t, s); messages(t, js) < 30 {
		t.Errorf("%d messages are there after the power cut", messages(t, js))
	}
}
