package jetstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/adapters/jetstream/natstest"
	"github.com/tizilim/tizilim/adapters/storetest"
	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain"
)

// The crash tests run this test binary again as a child that writes until it is ended by force. The
// child tells over a pipe what it is about to append and what was acknowledged; the parent then
// looks at what is there.
const (
	childDir   = "TIZILIM_CRASH_CHILD" // the store's directory, which also makes a process the child
	childRound = "TIZILIM_CRASH_ROUND" // makes the names of streams and events of a round its own
	childHangs = "TIZILIM_CRASH_HANGS" // lets the child never flush
	writers    = 64
)

func TestMain(m *testing.M) {
	natstest.Main()
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForEver(dir, os.Getenv(childRound), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// attempt is one append of the child's: the n-th of a writer.
type attempt struct {
	round  string
	writer int
	n      uint64
}

func (a attempt) stream() domain.Stream {
	return storetest.Stream(fmt.Sprintf("r%s-w%d-%d", a.round, a.writer, a.n/20))
}
func (a attempt) expected() uint64 { return a.n % 20 * 2 }

// events are two, the same ones each time.
func (a attempt) events() []domain.Event {
	events := storetest.Events(2)
	for i := range events {
		events[i].ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d %d %d", a.round, a.writer, a.n, i))
	}
	return events
}

// writeForEver is the child: many writers, each a line before and after every append.
func writeForEver(dir, round string, out io.Writer) error {
	ctx := context.Background()
	config := jetstream.Config{Dir: dir, MinFree: 1}
	if os.Getenv(childHangs) != "" {
		config = config.WithStep(func(name string) error {
			if name == "flush" {
				fmt.Fprintln(out, "hangs")
				select {}
			}
			return nil
		})
	}
	s, err := jetstream.Open(ctx, config)
	if err != nil {
		return err
	}
	var mu sync.Mutex // protects out
	say := func(format string, v ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format, v...)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := uint64(0); ; n++ {
				a := attempt{round, w, n}
				say("try %d %d\n", w, n)
				p, err := s.Append(ctx, a.stream(), a.expected(), a.events())
				if err != nil {
					return // the disk is gone under the store
				}
				say("ack %d %d %d\n", w, n, p)
			}
		})
	}
	wg.Wait()
	return s.Healthy(ctx)
}

// history is what children have said: the acknowledged appends, and the last attempt of each writer.
type history struct {
	acked map[attempt]domain.Position
	tried map[attempt]bool
}

// crash runs a child on dir, ends it by calling cut after some acknowledgements, and notes all that
// it said.
func (h *history) crash(t *testing.T, dir, round string, after int, cut func(*os.Process)) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childRound+"="+round)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(time.Minute, func() { child.Process.Kill() })
	defer guard.Stop()
	acked := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		a := attempt{round: round}
		var p domain.Position
		if n, _ := fmt.Sscanf(lines.Text(), "ack %d %d %d", &a.writer, &a.n, &p); n == 3 {
			h.acked[a] = p
			delete(h.tried, a)
			if acked++; acked == after {
				cut(child.Process)
			}
		} else if n, _ := fmt.Sscanf(lines.Text(), "try %d %d", &a.writer, &a.n); n == 2 {
			h.tried[a] = true
		}
	}
	child.Wait() // its end is not a good one
	if acked < after {
		t.Fatalf("round %s: the child ended by itself after %d acknowledgements", round, acked)
	}
}

// check opens the store and compares: every acknowledged append is where it was acknowledged, once,
// and nothing is there that nobody tried. Then it repeats what was under way.
func (h *history) check(t *testing.T, dir string) {
	t.Helper()
	s, err := jetstream.Open(t.Context(), jetstream.Config{Dir: dir, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := readAll(t, s)
	unacked := 0
	for a, p := range h.acked {
		if found[a.events()[0].ID] != p {
			t.Errorf("%v was acknowledged at position %d and is at %d", a, p, found[a.events()[0].ID])
		}
	}
	for a := range h.tried {
		id := a.events()[0].ID
		before := found[id]
		if before > 0 {
			unacked++
		}
		p, err := s.Append(t.Context(), a.stream(), a.expected(), a.events())
		if err != nil || before > 0 && p != before {
			t.Errorf("%v repeated after the crash: position %d, %v; it was at %d", a, p, err, before)
		}
		h.acked[a] = p
	}
	t.Logf("%d acknowledged commits there, %d stored without an acknowledgement, %d repeated", len(h.acked)-len(h.tried), unacked, len(h.tried))
	if after := readAll(t, s); len(after) != 2*len(h.acked) {
		t.Errorf("%d events are stored, %d were appended", len(after), 2*len(h.acked))
	}
	clear(h.tried)
}

// readAll reads the whole log and finds each event once, streams without gaps.
func readAll(t *testing.T, s *jetstream.Store) map[uuid.UUID]domain.Position {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, versions := map[uuid.UUID]domain.Position{}, map[domain.Stream]uint64{}
	if head == 0 {
		return found
	}
	for c, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Records {
			if found[r.ID] != 0 || r.Version != versions[r.Stream]+1 {
				t.Errorf("%s version %d at position %d follows version %d; the event is also at %d",
					r.Stream, r.Version, r.Position, versions[r.Stream], found[r.ID])
			}
			found[r.ID], versions[r.Stream] = r.Position, r.Version
		}
		if c.Position == head {
			break
		}
	}
	return found
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	h := &history{acked: map[attempt]domain.Position{}, tried: map[attempt]bool{}}
	for round := range tooltest.Rounds(t, 3) {
		h.crash(t, dir, strconv.Itoa(round), 500+731*round, func(p *os.Process) { p.Kill() })
		h.check(t, dir)
	}
}
