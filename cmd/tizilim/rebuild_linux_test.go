package main

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/sample"
)

// BenchmarkRebuild is "tizilim rebuild" of all read models, as a process of its own, from an event log on the disk.
// TIZILIM_BENCH_EVENTS is how many events the log has, about; TIZILIM_BENCH_DIR is a folder that keeps it for
// the next time, because making ten million takes longer than reading them.
func BenchmarkRebuild(b *testing.B) {
	log := largeLog(b, benchedEvents(b, 200_000))
	b.Logf("%d events in %d commits and %d streams", log.events, log.commits, log.streams)
	var peak int64
	var cpu time.Duration
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "rebuild", "--data", log.dir)
		cmd.Env = append(os.Environ(), asTizilim+"=1")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for running := true; running; {
			select {
			case err := <-ended:
				if running = false; err != nil {
					b.Fatalf("%v: %s", err, &out)
				}
			case <-time.After(50 * time.Millisecond):
				if n, err := memoryOf(cmd.Process.Pid, "VmHWM:"); err == nil { // it may have ended just now
					peak = max(peak, n)
				}
			}
		}
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(log.events*b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(log.events*b.N), "cpu-µs/event")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
}

// loggedSample is a log on the disk.
type loggedSample struct {
	dir                      string
	events, commits, streams int
}

// eventsPerApplication is about how many events the sample makes of one application, its license and numbers included.
const eventsPerApplication = 11

func largeLog(b *testing.B, events int) loggedSample {
	b.Helper()
	l := loggedSample{dir: benchedDir(b, strconv.Itoa(events))}
	streams := map[domain.Stream]bool{}
	kept := hasData(l.dir) == nil
	all := func(yield func(domain.Commit) bool) {
		l.commits, l.events = 0, 0
		for c := range sample.All(events/eventsPerApplication, 1) {
			l.commits++
			l.events += len(c.Records)
			streams[c.Stream] = true
			if !yield(c) {
				return
			}
		}
	}
	if kept {
		all(func(domain.Commit) bool { return true })
	} else if err := fillLog(b.Context(), l.dir, all); err != nil {
		b.Fatal(err)
	}
	l.streams = len(streams)
	return l
}

// fillLog appends the commits. A disk that others use may be slower than the store waits for: what is stored then stays.
func fillLog(ctx context.Context, dir string, commits iter.Seq[domain.Commit]) (err error) {
	f, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	store, err := openEmbedded(ctx, f, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for {
		head, err := store.Head(ctx)
		if err != nil {
			return err
		}
		_, err = store.AppendAll(ctx, func(yield func(domain.Commit, error) bool) {
			for c := range commits {
				if c.Position > head && !yield(c, nil) {
					return
				}
			}
		})
		if !errors.Is(err, domain.ErrUnavailable) {
			return err
		}
		time.Sleep(5 * time.Second)
	}
}
