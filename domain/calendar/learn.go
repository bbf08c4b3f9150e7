package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxYears is how many years a calendar may cover: as many as the reasons of their days can be numbered.
const maxYears = 50

// known is what has become known up to a version. Each further version is learned on top.
type known struct {
	version       string
	recorded      Day
	first, last   int
	acts          map[string]*Act
	names         map[string]Text
	carriedOverBy *Act
	facts         []*held // holidays and days off, in the order they became known
	moves         []*heldMove
	withdrawn     map[int]*Withdrawal // by number of the day
	newest        *Calendar
}

// held is a fact that holds, together with where it comes from.
type held struct {
	fact
	kind     Kind
	src      *source
	name     Text
	basis    *Act
	recorded Day
}

type heldMove struct {
	move
	src      *source
	basis    *Act
	recorded Day
}

func (h *held) place() string     { return fmt.Sprintf("%s:%d", h.src.name, h.line) }
func (h *heldMove) place() string { return fmt.Sprintf("%s:%d", h.src.name, h.line) }

// learn takes the version in and gives the calendar that follows from all that is known then. The
// error joins every problem of the file.
func (k *known) learn(src *source) (*Calendar, error) {
	problems := k.head(src)
	problems = append(problems, k.words(src)...)
	for _, f := range src.file.Holidays {
		problems = append(problems, k.add(src, f, Holiday))
	}
	for _, f := range src.file.DaysOff {
		problems = append(problems, k.add(src, f, DayOff))
	}
	for _, m := range src.file.Moves {
		problems = append(problems, k.addMove(src, m))
	}
	for _, w := range src.file.Withdrawn {
		problems = append(problems, k.withdraw(src, w))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c, err := k.lay(src)
	if err != nil {
		return nil, err
	}
	k.newest = c
	return c, nil
}

// head takes in when the version is from, and which years it covers.
func (k *known) head(src *source) []error {
	f, line := &src.file, src.lines
	var problems []error
	refuse := func(field, format string, args ...any) {
		problems = append(problems, src.problem(line[field], format, args...))
	}
	if _, err := ParseDay(string(f.RecordedAt)); err != nil {
		refuse("recorded_at", "recorded_at %q: not a day YYYY-MM-DD", string(f.RecordedAt))
	} else if !strings.HasSuffix(f.Version, "-"+string(f.RecordedAt)) {
		refuse("version", "version %q does not end with the day of recorded_at, %s", f.Version, f.RecordedAt)
	} else if f.RecordedAt <= k.recorded {
		refuse("recorded_at", "recorded_at %s is not after that of %s, which it follows", f.RecordedAt, k.version)
	}
	switch {
	case k.version == "" && (f.FirstYear < 1 || f.LastYear < f.FirstYear):
		refuse("first_year", "the first version covers the years %d to %d", f.FirstYear, f.LastYear)
	case k.version != "" && f.FirstYear != 0:
		refuse("first_year", "first_year stands in the first version alone")
	case k.version != "" && f.LastYear != 0 && f.LastYear != k.last+1:
		refuse("last_year", "opens %d where %s ends with %d: the next year is %d", f.LastYear, k.version, k.last, k.last+1)
	}
	if k.version == "" {
		k.first = f.FirstYear
	}
	k.version, k.recorded, k.last = f.Version, f.RecordedAt, max(k.last, f.LastYear)
	if k.last-k.first >= maxYears {
		refuse("last_year", "covers the years %d to %d: %d at most", k.first, k.last, maxYears)
	}
	return problems
}

// words takes in acts and names.
func (k *known) words(src *source) []error {
	var problems []error
	whole := func(field, id string, t Text) {
		for _, lang := range []string{"kk", "ru", "en"} {
			if strings.TrimSpace(t[lang]) == "" {
				problems = append(problems, src.problem(src.lines[field], "%s: %q has no text in %s", field, id, lang))
			}
		}
	}
	for id, a := range src.file.Acts {
		if k.acts[id] != nil {
			problems = append(problems, src.problem(src.lines["acts"], "acts: %q is there already", id))
		}
		k.acts[id] = &Act{ID: id, Text: Text{"kk": a.KK, "ru": a.RU, "en": a.EN}, Source: a.Source}
		whole("acts", id, k.acts[id].Text)
	}
	if t := src.file.Unverified; t != nil {
		whole("unverified", "unverified", t)
	}
	for id, name := range src.file.Names {
		if k.names[id] != nil {
			problems = append(problems, src.problem(src.lines["names"], "names: %q is there already", id))
		}
		k.names[id] = name
		whole("names", id, name)
	}
	if by := src.file.CarriedOverBy; by != "" {
		k.carriedOverBy = k.acts[by]
	}
	if k.carriedOverBy == nil {
		problems = append(problems, src.problem(src.lines["carried_over_by"], "carried_over_by: no act %q", src.file.CarriedOverBy))
	}
	return problems
}

// add takes in a holiday or a day off.
func (k *known) add(src *source, f fact, kind Kind) error {
	h := &held{fact: f, kind: kind, src: src, name: k.names[f.Name], basis: k.acts[f.Basis], recorded: src.file.RecordedAt}
	switch {
	case h.basis == nil:
		return src.problem(f.line, "no act %q: a basis is needed", f.Basis)
	case h.name == nil:
		return src.problem(f.line, "no name %q", f.Name)
	case (f.On == "") == (f.Date == ""):
		return src.problem(f.line, "either on or date is needed")
	case f.Date != "" && (f.From != 0 || f.Until != 0):
		return src.problem(f.line, "from and until go with on, not with date")
	case f.Date != "" && !k.covers(f.Date):
		return src.problem(f.line, "%q is no day of the years %d to %d", string(f.Date), k.first, k.last)
	case f.On != "" && !everyYear(f.On):
		return src.problem(f.line, "%q is no day of every year, MM-DD", f.On)
	case f.Until != 0 && f.Until < f.From:
		return src.problem(f.line, "from %d until %d", f.From, f.Until)
	}
	for _, other := range k.facts {
		if f.On != "" && other.On == f.On && overlap(&other.fact, &f) {
			return src.problem(f.line, "%s is a %s of the same years by %s", f.On, other.kind, other.place())
		}
	}
	k.facts = append(k.facts, h)
	return nil
}

// covers reports whether it is a day of a year that is covered.
func (k *known) covers(d Day) bool {
	n, err := number(d)
	return err == nil && date(n).Year() >= k.first && date(n).Year() <= k.last
}

// everyYear reports whether each year has the day MM-DD: 29 February is none.
func everyYear(on string) bool {
	_, err := time.Parse(time.DateOnly, "2001-"+on)
	return err == nil
}

// overlap reports whether a year is in both: 0 is no bound.
func overlap(a, b *fact) bool {
	return (a.Until == 0 || b.From <= a.Until) && (b.Until == 0 || a.From <= b.Until)
}

// addMove takes in a transfer. Whether its days can be moved shows when it is laid.
func (k *known) addMove(src *source, m move) error {
	h := &heldMove{move: m, src: src, basis: k.acts[m.Basis], recorded: src.file.RecordedAt}
	switch {
	case h.basis == nil:
		return src.problem(m.line, "no act %q: a basis is needed", m.Basis)
	case !k.covers(m.Off):
		return src.problem(m.line, "off: %q is no day of the years %d to %d", string(m.Off), k.first, k.last)
	case !k.covers(m.Working):
		return src.problem(m.line, "working: %q is no day of the years %d to %d", string(m.Working), k.first, k.last)
	}
	k.moves = append(k.moves, h)
	return nil
}

// withdraw takes back what an earlier version said. What the version itself says it cannot take back.
func (k *known) withdraw(src *source, w withdrawal) error {
	if k.acts[w.Basis] == nil {
		return src.problem(w.line, "no act %q: a basis is needed", w.Basis)
	}
	said := 0
	for _, day := range []string{w.Holiday, string(w.DayOff), string(w.Move)} {
		if day != "" {
			said++
		}
	}
	if said != 1 || (w.Holiday != "") != (w.After != 0) {
		return src.problem(w.line, "one of holiday with after, day_off and move is needed")
	}
	switch {
	case w.Holiday != "" && k.endHoliday(src, w), w.DayOff != "" && k.dropDayOff(src, w), w.Move != "" && k.dropMove(src, w):
		return nil
	}
	return src.problem(w.line, "%s%s%s: no earlier version has that", w.Holiday, w.DayOff, w.Move)
}

func (k *known) endHoliday(src *source, w withdrawal) bool {
	for _, h := range k.facts {
		if h.src != src && h.On == w.Holiday && h.From <= w.After && (h.Until == 0 || h.Until > w.After) {
			h.Until = w.After // earlier versions are laid already
			return true
		}
	}
	return false
}

func (k *known) dropDayOff(src *source, w withdrawal) bool {
	before := len(k.facts)
	k.facts = slices.DeleteFunc(k.facts, func(h *held) bool { return h.src != src && h.kind == DayOff && h.Date == w.DayOff })
	return len(k.facts) < before
}

func (k *known) dropMove(src *source, w withdrawal) bool {
	before := len(k.moves)
	k.moves = slices.DeleteFunc(k.moves, func(m *heldMove) bool { return m.src != src && m.Off == w.Move })
	return len(k.moves) < before
}

// lay makes the calendar of what is known.
func (k *known) lay(src *source) (*Calendar, error) {
	l := newLayer(k, src)
	var problems []error
	for _, h := range k.facts {
		problems = append(problems, l.fact(h)...)
	}
	l.carryOver(k.carriedOverBy)
	for _, m := range k.moves {
		problems = append(problems, l.move(m))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	k.note(src, l.c)
	for n, w := range k.withdrawn {
		l.note(n-l.c.origin, w)
	}
	return l.c, nil
}

// note remembers for the days that the version takes back what they were until now.
func (k *known) note(src *source, c *Calendar) {
	if k.newest == nil || len(src.file.Withdrawn) == 0 {
		return
	}
	for _, change := range Changes(k.newest, c) {
		if was := change.From; !was.Kind.plain() {
			n, _ := number(change.Day)
			k.withdrawn[n] = &Withdrawal{
				Kind: was.Kind, Name: was.Name, Of: was.Of, On: src.file.RecordedAt,
				Basis: k.acts[cause(src.file.Withdrawn, change).Basis],
			}
		}
	}
}

// cause is the withdrawal that changed the day: the one about it or about the day it came from. A
// carry-over that was only pushed away has the first one for its cause.
func cause(all []withdrawal, c Change) withdrawal {
	for _, w := range all {
		for _, d := range []Day{c.Day, c.From.Of} {
			if d != "" && (d == w.DayOff || d == w.Move || string(d[len("2006-"):]) == w.Holiday) {
				return w
			}
		}
	}
	return all[0]
}
