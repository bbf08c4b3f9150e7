package main

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/tooltest"
)

// TestKilledUnderLoad kills the server at any moment while clients write, and every fourth time also one that
// is just starting. What it leaves is looked at by the next server, by its users, and by the commands that
// compare it with a rebuild: now before that server, now after it.
func TestKilledUnderLoad(t *testing.T) {
	tr := newTrial(t, filepath.Join(t.TempDir(), "data"))
	rounds := tooltest.Rounds(t, 3)
	for round := range rounds {
		dice := rand.New(rand.NewPCG(1, uint64(round)))
		begin := time.Now()
		tr.start()
		took := time.Since(begin)
		enough := tr.notes.expect(1 + dice.IntN(200))
		clients := tr.load(t.Context(), "kill"+strconv.Itoa(round))
		tr.await(enough)
		time.Sleep(time.Duration(dice.IntN(10_000)) * time.Microsecond) // where it is within its work is the point
		tr.server.kill()
		clients.Wait()
		if round%2 == 1 {
			tr.checkKilled()
		}
		if round%4 == 1 {
			s, _ := tr.launch()
			time.Sleep(time.Duration(dice.Float64() * float64(took))) // how far it comes is the point
			s.kill()
		}
		tr.goOn(round)
	}
	tr.over(rounds, "kill -9")
}

// goOn starts the next server on what the last one has left, and looks whether all is there.
func (tr *trial) goOn(round int) {
	tr.t.Helper()
	tr.start()
	tr.check()
	tr.stop()
	tr.checkFolder()
	if tr.t.Failed() {
		tr.t.Fatalf("in round %d", round)
	}
}

// await waits until the server has acknowledged enough.
func (tr *trial) await(enough <-chan struct{}) {
	tr.t.Helper()
	select {
	case <-enough:
	case <-tr.server.ended:
		tr.t.Fatalf("the server ended by itself: %v: %s", tr.server.err, tr.server.text())
	case <-time.After(time.Minute):
		tr.t.Fatalf("the server acknowledges too little: %s", tr.server.text())
	}
}

// checkKilled looks at a folder as a killed server has left it.
func (tr *trial) checkKilled() {
	tr.t.Helper()
	for _, what := range []string{"log", "read-models"} {
		if out, code := command("verify", what, "--data", tr.data); code != 0 {
			tr.t.Errorf("verify %s: %d %s", what, code, out)
		}
	}
}
