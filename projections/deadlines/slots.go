package deadlines

import (
	"math/bits"
	"slices"
	"time"
)

// slotBits are the leading bits of a duration that its slot keeps: two durations in one slot differ by
// less than one part in 128.
const slotBits = 8

// slot is the number of a duration's slot; longer ones have higher numbers. Those below 256
// microseconds have a slot each.
func slot(micros int64) uint16 {
	micros = max(micros, 0) // clocks of two nodes
	shift := max(bits.Len64(uint64(micros))-slotBits, 0)
	return uint16(int64(shift)<<(slotBits-1) + micros>>shift)
}

// longestIn is the longest duration in a slot.
func longestIn(slot uint16) int64 {
	shift := max(int64(slot)>>(slotBits-1)-1, 0)
	leading := int64(slot) - shift<<(slotBits-1)
	return (leading+1)<<shift - 1
}

// durations are the slots of durations.
type durations []uint16

// ranks are the shortest durations that a half, 90 and 99 percent of the durations do not exceed; zero
// where there are none. It sorts them.
func (d durations) ranks() (median, p90, p99 time.Duration) {
	if len(d) == 0 {
		return 0, 0, 0
	}
	d.sort()
	rank := func(percent int) time.Duration {
		return time.Duration(longestIn(d[(percent*len(d)+99)/100-1])) * time.Microsecond
	}
	return rank(50), rank(90), rank(99)
}

// sort counts where there are many, which takes a fraction of the time: the durations of a step are near
// each other.
func (d durations) sort() {
	low, high := slices.Min(d), slices.Max(d)
	if int(high-low) > 16*len(d) {
		slices.Sort(d)
		return
	}
	counts := make([]int32, high-low+1)
	for _, slot := range d {
		counts[slot-low]++
	}
	at := 0
	for i, n := range counts {
		for range n {
			d[at] = low + uint16(i)
			at++
		}
	}
}
