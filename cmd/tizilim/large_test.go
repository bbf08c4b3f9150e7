package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/streams"
)

// BenchmarkLarge is a registry with a large log: how long one history takes to load, and how long the whole
// program takes to start after an orderly stop, and after an end by force under load, when all of the log has
// to be read. TIZILIM_BENCH_EVENTS is how many events the log gets, twelve to a stream; TIZILIM_BENCH_DIR is a
// folder that keeps it for the next time.
//
// The events are of a kind that only the streams read model takes in: to a start it does not matter how much the
// others hold.
func BenchmarkLarge(b *testing.B) {
	events := benchedEvents(b, 20_000)
	dir := benchedDir(b, "large-"+strconv.Itoa(events))
	if hasData(dir) != nil {
		startBenched(b, dir).stop(syscall.SIGTERM) // makes it a demo's folder
	}
	fillLarge(b, dir, events)
	startBenched(b, dir).stop(syscall.SIGTERM) // brings all read models up to date
	b.Run("load", func(b *testing.B) { benchLoad(b, dir, events) })
	for _, after := range []string{"stop", "kill"} {
		b.Run("start after "+after, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				if after == "kill" {
					killWriter(b, dir)
				}
				b.StartTimer()
				p := startBenched(b, dir)
				b.StopTimer()
				b.ReportMetric(float64(p.memory()>>20), "MB")
				p.stop(syscall.SIGTERM)
				b.StartTimer()
			}
		})
	}
}

// benched is a demo in a process of its own, with what it has logged.
type benched struct {
	*exec.Cmd
	b      *testing.B
	logged *strings.Builder
	drain  chan struct{} // closed at the end of its output
}

// startBenched returns when the registry answers.
func startBenched(b *testing.B, dir string) benched {
	b.Helper()
	p := benched{exec.Command(os.Args[0], "demo", "--data", dir, "--listen", "127.0.0.1:0", "--log-level", "info"), b, &strings.Builder{}, make(chan struct{})}
	p.Env = append(os.Environ(), asTizilim+"=1")
	p.Stderr = p.logged
	out, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Start again with the same command") {
			go func() {
				defer close(p.drain)
				for lines.Scan() {
				}
			}()
			return p
		}
	}
	b.Fatalf("the demo did not start: %v: %s", p.Wait(), p.logged)
	return p
}

// stop ends it and waits for that.
func (p benched) stop(signal syscall.Signal) {
	p.b.Helper()
	begin := time.Now()
	if err := p.Process.Signal(signal); err != nil {
		p.b.Fatal(err)
	}
	<-p.drain
	err := p.Wait()
	if signal != syscall.SIGKILL && err != nil {
		p.b.Fatalf("%v: %s", err, p.logged)
	}
	p.b.Logf("stopped in %s", time.Since(begin).Round(time.Millisecond))
	for line := range strings.Lines(p.logged.String()) {
		if strings.Contains(line, "event store") || strings.Contains(line, "read model") {
			p.b.Log(strings.TrimSpace(line))
		}
	}
}

// memory is what the process has of it, in bytes.
func (p benched) memory() int64 { return residentOf(p.b, p.Process.Pid) }

// residentOf is the memory that a process has now, in bytes.
func residentOf(b *testing.B, pid int) int64 {
	b.Helper()
	n, err := memoryOf(pid, "VmRSS:")
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// memoryOf is what Linux says of a process's memory, in bytes: VmRSS: of now, VmHWM: the most since it began.
// What wait tells of a child counts its parent's memory too.
func memoryOf(pid int, what string) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); words[0] == what {
			kilobytes, err := strconv.ParseInt(words[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no %s of process %d", what, pid)
}

// The callers of a large log have several streams in work, as a registry has applications, so that the
// events of a stream lie far apart in the log.
const (
	largeCallers = 256
	largeOpen    = 40
)

// largeStream is the stream of a caller's n-th event, and its version before.
func largeStream(caller, n int) (domain.Stream, uint64) {
	const batch = largeOpen * perStream
	return domain.Stream{Category: "bench", ID: fmt.Sprintf("%d-%d-%d", caller, n/batch, n%largeOpen)}, uint64(n % batch / largeOpen)
}

// largePayload is of no type that a read model knows.
type largePayload struct {
	Note string `json:"note"`
}

func (largePayload) EventType() (token string, schema int) { return "bench-noted", 1 }

// fillLarge appends what is missing of the events, with the streams read model following.
func fillLarge(b *testing.B, dir string, events int) {
	b.Helper()
	begin := time.Now()
	store, index, end := openLarge(b, dir)
	defer end()
	have := 0
	if head, err := store.Head(b.Context()); err != nil {
		b.Fatal(err)
	} else {
		have = int(head)
	}
	var left atomic.Int64
	left.Store(int64(events - have))
	if events-have < events/100 {
		return
	}
	follower := projections.Start(b.Context(), store, nil, index)
	defer follower.Stop()
	var running sync.WaitGroup
	for c := range largeCallers {
		running.Go(func() {
			for n := 0; left.Load() > 0; n++ {
				if err := appendLarge(b.Context(), store, c, n); err == nil {
					left.Add(-1)
				} else if !errors.Is(err, domain.ErrConflict) { // that is there from an earlier try
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	if err := follower.CaughtUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d events appended in %s", events-have, time.Since(begin).Round(time.Second))
}

func appendLarge(ctx context.Context, store appender, caller, n int) error {
	stream, version := largeStream(caller, n)
	meta := domain.Meta{Command: uuid.New(), Time: time.Now(), Actor: domain.System}
	events, err := meta.Events([]domain.Payload{largePayload{"as large as an event of an application usually is, which is some five or six hundred bytes"}})
	if err != nil {
		return err
	}
	_, err = store.Append(ctx, stream, version, events)
	return err
}

// openLarge opens the event store with its index, as the server does.
func openLarge(b *testing.B, dir string) (store storeWithLog, index *streams.Model, end func()) {
	b.Helper()
	f, err := lockFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	s, err := openEmbedded(b.Context(), f, nil)
	if err != nil {
		b.Fatal(err)
	}
	if index, err = streams.Open(f.read()); err != nil {
		b.Fatal(err)
	}
	s.UseIndex(index)
	return s, index, func() {
		if err := errors.Join(s.Close(), index.Close(), f.close()); err != nil {
			b.Error(err)
		}
	}
}

type storeWithLog interface {
	domain.EventStore
	domain.Log
}

// benchLoad loads streams at random.
func benchLoad(b *testing.B, dir string, events int) {
	store, _, end := openLarge(b, dir)
	defer end()
	random := rand.New(rand.NewPCG(1, 1))
	var took []time.Duration
	before := residentOf(b, os.Getpid())
	for b.Loop() {
		// The first quarter of the events is there whatever way the callers went.
		stream, _ := largeStream(random.IntN(largeCallers), random.IntN(events/largeCallers/4+1))
		begin, n := time.Now(), 0
		for _, err := range store.Read(b.Context(), stream, 1) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		took = append(took, time.Since(begin))
		if n == 0 {
			b.Fatalf("%s has no events", stream)
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(at(took, 0.5).Microseconds()), "p50-µs")
	b.ReportMetric(float64(at(took, 0.99).Microseconds()), "p99-µs")
	b.ReportMetric(float64(residentOf(b, os.Getpid())-before)/(1<<20), "MB-more")
}

// benchedEvents is how many events the log of a benchmark gets: few, unless TIZILIM_BENCH_EVENTS says otherwise.
func benchedEvents(b *testing.B, few int) int {
	b.Helper()
	text := os.Getenv("TIZILIM_BENCH_EVENTS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// benchedDir is a folder of the name that is kept for the next time in TIZILIM_BENCH_DIR, where that is given.
func benchedDir(b *testing.B, name string) string {
	if keep := os.Getenv("TIZILIM_BENCH_DIR"); keep != "" {
		return filepath.Join(keep, name)
	}
	return b.TempDir()
}

const writesFor = "TIZILIM_BENCH_WRITES" // the data folder that writeOn writes to

// killWriter lets a process of its own append for a second and a half, and ends it by force.
func killWriter(b *testing.B, dir string) {
	b.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), writesFor+"="+dir)
	out, err := writer.StdoutPipe()
	if err == nil {
		err = writer.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "writing\n" {
		b.Fatalf("the writer says %q, %v", line, err)
	}
	time.Sleep(1500 * time.Millisecond)
	if err := writer.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	if err := writer.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		b.Fatalf("the writer ended by itself: %v", err)
	}
}

// writeOn is the writer that killWriter ends: TestMain calls it in that process.
func writeOn(dir string) error {
	f, err := lockFolder(dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	store, err := openEmbedded(ctx, f, nil)
	if err != nil {
		return err
	}
	fmt.Println("writing")
	errs := make(chan error, largeCallers)
	for range largeCallers {
		go func() {
			for stream := uuid.NewString(); ; stream = uuid.NewString() {
				for n := range perStream {
					events := []domain.Event{{ID: uuid.New(), Type: "bench-noted", Schema: 1, Time: time.Now().UTC().Truncate(time.Microsecond), Actor: domain.System, Data: []byte(`{}`)}}
					if _, err := store.Append(ctx, domain.Stream{Category: "bench", ID: stream}, uint64(n), events); err != nil {
						errs <- err
						return
					}
				}
			}
		}()
	}
	return <-errs
}
