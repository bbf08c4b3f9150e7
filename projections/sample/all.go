package sample

import (
	"container/heap"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// All yields a log like that of Commits, but commit by commit, for logs that are too large to be held.
// What it keeps of each application is a few numbers.
func All(n int, seed uint64) iter.Seq[domain.Commit] {
	return func(yield func(domain.Commit) bool) {
		m := &maker{rand: rand.New(rand.NewPCG(seed, 3)), numbers: map[string]uint64{}, pace: 300 * 24 * time.Hour / time.Duration(n)}
		f := &flow{maker: m, numbers: newNumbering(), versions: map[domain.Stream]uint64{}}
		for i := range n {
			m.life(i)
			m.forget()
			for _, d := range m.drafts {
				f.made++
				heap.Push(f, later{d, f.made})
			}
			m.drafts = m.drafts[:0]
			if !f.before(Begin.Add(time.Duration(i+1)*m.pace), yield) {
				return
			}
		}
		f.before(Begin.AddDate(1000, 0, 0), yield)
	}
}

// licensesKept is how many licenses something may befall.
const licensesKept = 20_000

func (m *maker) forget() {
	if len(m.licenses) > licensesKept {
		m.licenses = append(m.licenses[:0:0], m.licenses[licensesKept/2:]...)
	}
}

// flow is a heap of the drafts whose time has not come.
type flow struct {
	*maker
	numbers  numbering
	versions map[domain.Stream]uint64
	waiting  []later
	made     int
	position domain.Position
}

type later struct {
	draft
	number int // in the order they were made
}

// before yields the drafts of before the instant: no life that begins then or later has one.
func (f *flow) before(at time.Time, yield func(domain.Commit) bool) bool {
	for len(f.waiting) > 0 && f.waiting[0].at.Before(at) {
		d := heap.Pop(f).(later).draft
		f.numbers.renumber(&d)
		f.position++
		if !yield(f.commit(d, f.versions, f.position)) {
			return false
		}
	}
	return true
}

// Len, Less, Swap, Push and Pop are heap's.
func (f *flow) Len() int { return len(f.waiting) }

func (f *flow) Less(i, j int) bool {
	a, b := f.waiting[i], f.waiting[j]
	return a.at.Before(b.at) || a.at.Equal(b.at) && a.number < b.number
}

func (f *flow) Swap(i, j int) { f.waiting[i], f.waiting[j] = f.waiting[j], f.waiting[i] }

func (f *flow) Push(x any) { f.waiting = append(f.waiting, x.(later)) }

func (f *flow) Pop() any {
	last := len(f.waiting) - 1
	d := f.waiting[last]
	f.waiting[last] = later{}
	f.waiting = f.waiting[:last]
	return d
}
