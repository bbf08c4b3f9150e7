package main

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/disktest"
	"github.com/tizilim/tizilim/adapters/tooltest"
)

// TestPowerCutUnderLoad cuts the power of the disk that has the whole data folder while clients write: log,
// tree, read models, documents and accounts. Nothing that was acknowledged may be gone.
func TestPowerCutUnderLoad(t *testing.T) {
	disk := disktest.New(t, 1<<30)
	tr := newTrial(t, filepath.Join(disk.MountPoint, "registry"))
	rounds := tooltest.Rounds(t, 2)
	for round := range rounds {
		dice := rand.New(rand.NewPCG(2, uint64(round)))
		tr.start()
		enough := tr.notes.expect(1 + dice.IntN(200))
		clients := tr.load(t.Context(), "cut"+strconv.Itoa(round))
		tr.await(enough)
		time.Sleep(time.Duration(dice.IntN(10_000)) * time.Microsecond) // where it is within its work is the point
		disk.CutUnder(t, tr.server.Process)
		tr.server.kill()
		clients.Wait()
		disk.Again(t)
		if round%2 == 1 {
			tr.checkKilled()
		}
		tr.goOn(round)
	}
	tr.over(rounds, "power cut")
}
