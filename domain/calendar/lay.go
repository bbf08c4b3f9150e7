package calendar

import "time"

// layer lays facts over plain weeks.
type layer struct {
	c    *Calendar
	src  *source        // the version that is laid
	laid map[int]string // where the fact on a day comes from, by place of the day
}

const (
	workdayReason uint16 = iota
	weekendReason
)

func newLayer(k *known, src *source) *layer {
	from := numberOf(time.Date(k.first, time.January, 1, 0, 0, 0, 0, time.UTC))
	to := numberOf(time.Date(k.last+1, time.January, 1, 0, 0, 0, 0, time.UTC))
	c := &Calendar{
		version: k.version, recorded: k.recorded, unverified: src.file.Unverified,
		first: k.first, last: k.last, origin: from,
		days: make([]uint16, to-from), reasons: []Reason{workdayReason: {Kind: Workday}, weekendReason: {Kind: Weekend}},
	}
	for i := range c.days {
		if c.weekend(i) {
			c.days[i] = weekendReason
		}
	}
	return &layer{c: c, src: src, laid: map[int]string{}}
}

func (c *Calendar) weekend(i int) bool {
	w := weekday(c.origin + i)
	return w == time.Saturday || w == time.Sunday
}

func (l *layer) kind(i int) Kind { return l.c.reasons[l.c.days[i]].Kind }

func (l *layer) set(i int, r Reason, place string) {
	l.c.days[i] = uint16(len(l.c.reasons))
	l.c.reasons = append(l.c.reasons, r)
	l.laid[i] = place
}

// fact lays a holiday or a day off on its day of every year. Two facts on one day contradict each other.
func (l *layer) fact(h *held) []error {
	var problems []error
	r := Reason{
		Kind: h.kind, Name: h.name, Basis: h.basis, RecordedAt: h.recorded,
		Estimate: h.Estimate, Unverified: either(h.Unverified, h.src.file.Unverified),
	}
	for _, i := range l.places(&h.fact) {
		if !l.kind(i).plain() {
			problems = append(problems, h.src.problem(h.line, "%s is a %s here and a %s by %s", dayOf(l.c.origin+i), h.kind, l.kind(i), l.laid[i]))
			continue
		}
		l.set(i, r, h.place())
	}
	return problems
}

// places are where the days of the fact stand.
func (l *layer) places(f *fact) []int {
	if f.Date != "" {
		return []int{l.placeOf(f.Date)}
	}
	on, _ := time.Parse(time.DateOnly, "2001-"+f.On)
	var places []int
	for year := max(l.c.first, f.From); year <= l.c.last && (f.Until == 0 || year <= f.Until); year++ {
		places = append(places, numberOf(time.Date(year, on.Month(), on.Day(), 0, 0, 0, 0, time.UTC))-l.c.origin)
	}
	return places
}

// placeOf is where a day stands that is known to be covered.
func (l *layer) placeOf(d Day) int {
	n, _ := number(d)
	return n - l.c.origin
}

// carryOver gives the next working day off for every holiday on a weekend: two such holidays in a row
// take two days. Days off that are no holidays are not carried over (Law on holidays, art. 5).
func (l *layer) carryOver(by *Act) {
	for i := range l.c.days {
		if l.kind(i) != Holiday || !l.c.weekend(i) {
			continue
		}
		for j := i + 1; j < len(l.c.days); j++ {
			if l.kind(j) == Workday {
				r := l.c.reasons[l.c.days[i]]
				r.Kind, r.Of, r.Basis = CarriedOver, dayOf(l.c.origin+i), by
				l.set(j, r, l.laid[i])
				break
			}
		}
	}
}

// move makes a transfer: one day off, another worked instead. It must change both.
func (l *layer) move(m *heldMove) error {
	off, on := l.placeOf(m.Off), l.placeOf(m.Working)
	if l.kind(off) != Workday {
		return m.src.problem(m.line, "%s cannot be moved off: it is a %s already%s", m.Off, l.kind(off), l.by(off))
	}
	if l.kind(on).Working() {
		return m.src.problem(m.line, "%s cannot be worked instead: it is a %s already%s", m.Working, l.kind(on), l.by(on))
	}
	why := either(m.Unverified, m.src.file.Unverified)
	l.set(off, Reason{Kind: MovedOff, Of: m.Working, Basis: m.basis, RecordedAt: m.recorded, Unverified: why}, m.place())
	l.set(on, Reason{Kind: MovedOn, Of: m.Off, Basis: m.basis, RecordedAt: m.recorded, Unverified: why}, m.place())
	return nil
}

func (l *layer) by(i int) string {
	if place := l.laid[i]; place != "" {
		return " by " + place
	}
	return ""
}

// note says of a plain day what it was until that was taken back.
func (l *layer) note(i int, w *Withdrawal) {
	if i >= 0 && i < len(l.c.days) && l.kind(i).plain() {
		l.set(i, Reason{Kind: l.kind(i), Withdrawn: w}, "")
	}
}

func either(t, other Text) Text {
	if t == nil {
		return other
	}
	return t
}
