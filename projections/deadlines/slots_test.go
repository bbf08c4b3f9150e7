package deadlines

import (
	"testing"
	"testing/quick"
)

func TestSlotsFollowEachOtherAndAreNarrow(t *testing.T) {
	for s := uint16(0); s < 7000; s++ {
		if end := longestIn(s); slot(end) != s || slot(end+1) != s+1 {
			t.Fatalf("slot %d ends with %d, which is in %d, and %d in %d", s, end, slot(end), end+1, slot(end+1))
		}
	}
	narrow := func(micros int64) bool {
		micros = max(micros, -micros, 0)
		end := longestIn(slot(micros))
		return end >= micros && float64(end-micros) < float64(micros)/128+1
	}
	if err := quick.Check(narrow, nil); err != nil {
		t.Error(err)
	}
	if slot(-1) != 0 {
		t.Error("a duration below zero")
	}
}
