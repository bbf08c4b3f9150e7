package deadlines

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

// slotBits are the leading bits of a duration that its slot keeps: two durations in one slot differ by
// less than one part in 128.
const slotBits = 8

// slot is the number of a duration's slot; longer ones have higher numbers. Those below 256
// microseconds have a slot each.
func slot(micros int64) int64 {
	micros = max(micros, 0) // clocks of two nodes
	shift := max(bits.Len64(uint64(micros))-slotBits, 0)
	return int64(shift)<<(slotBits-1) + micros>>shift
}

// longest is the longest duration in a slot.
func longest(slot int64) int64 {
	shift := max(slot>>(slotBits-1)-1, 0)
	leading := slot - shift<<(slotBits-1)
	return (leading+1)<<shift - 1
}

// histogram counts durations by slot.
type histogram map[int64]int64

func (h histogram) add(micros int64) { h[slot(micros)]++ }

// ranks are, for each percent, ascending, the shortest duration that so many of the durations do not
// exceed; zero where there are none.
func (h histogram) ranks(percents ...int64) []time.Duration {
	total := int64(0)
	for _, n := range h {
		total += n
	}
	ranks := make([]time.Duration, len(percents))
	i, seen := 0, int64(0)
	for _, slot := range slices.Sorted(maps.Keys(h)) {
		for seen += h[slot]; i < len(percents) && 100*seen >= percents[i]*total; i++ {
			ranks[i] = time.Duration(longest(slot)) * time.Microsecond
		}
	}
	return ranks
}
