package notices

import (
	"container/heap"
	"time"
)

// key names a visit.
type key struct {
	application string
	number      int
}

// item is a visit that there is something to tell of, now or later.
type item struct {
	Visit
	next  Type      // what is to be told of it
	at    time.Time // and from when on
	index int       // its place in the agenda
	told  bool      // all that there is: it stands in no agenda any more
}

// agenda is a heap of items, the first to be told of on top.
type agenda []*item

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

// Push and Pop are heap's.
func (a *agenda) Push(x any) {
	it := x.(*item)
	it.index = len(*a)
	*a = append(*a, it)
}

func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*a = old[:len(old)-1]
	return last
}

// move puts an item that is in the agenda to another time.
func (a *agenda) move(it *item, at time.Time) {
	it.at = at
	heap.Fix(a, it.index)
}

func (a *agenda) remove(it *item) {
	if !it.told {
		heap.Remove(a, it.index)
	}
}

// due lists the items that are due; it takes none away.
func (a agenda) due(now time.Time) (list []*item) {
	for look := []int{0}; len(look) > 0; look = look[1:] {
		i := look[0]
		if i >= len(a) || a[i].at.After(now) { // what is below comes later still
			continue
		}
		list = append(list, a[i])
		look = append(look, 2*i+1, 2*i+2)
	}
	return list
}
