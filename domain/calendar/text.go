package calendar

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// Told is an explanation in the words of one language.
type Told struct {
	Title    string // how long the term is
	Calendar string // which version, and as of when
	// Received is how it came to the day of registration: the day it came in, and the days off up to that
	// day. Nil where the term was counted from the day of registration.
	Received   []ToldDay
	Registered ToldDay
	Days       []ToldDay
	Sum        string // how many were counted and skipped
	LastDay    string
	Due        string
	Acts       []ToldAct // that the reasons refer to, as [1], [2]
}

// ToldDay is a day and why it is worked or not. Number is which day of the term it is, 0 for one that
// is not counted.
type ToldDay struct {
	Number   int
	Day, Why string
}

// ToldAct is the legal basis of days.
type ToldAct struct {
	Number int
	Text   string
	Source string // an address; empty for none
}

// Tell puts the explanation into the words of the language (kk, ru or en). ErrInvalid for another one.
func (e *Explanation) Tell(lang string) (*Told, error) {
	p, err := newPage(lang)
	if err != nil {
		return nil, err
	}
	return e.tell(p), nil
}

func (e *Explanation) tell(p *page) *Told {
	t := &Told{
		Title: fmt.Sprintf(p.title, e.Term), Calendar: p.version(e.Calendar, e.RecordedAt, e.Unverified),
		Registered: ToldDay{Day: p.day(e.Registered), Why: p.notCounted}, LastDay: p.day(e.LastDay),
	}
	if e.Receipt != nil {
		t.Received = p.receipt(e.Receipt)
	}
	for _, d := range e.Days {
		t.Days = append(t.Days, p.explained(d))
	}
	t.Sum = fmt.Sprintf(p.sum, e.Term, len(e.Days)-e.Term)
	t.Due = fmt.Sprintf(p.dueIs, t.LastDay, e.Due.Offset, e.Due.UTC.Format(time.RFC3339))
	t.Acts = p.told()
	return t
}

// WriteText prints the explanation in the language (kk, ru or en) for whoever has to check it by hand:
// every day on a line with its reason, and the acts below. ErrInvalid for another language.
func (e *Explanation) WriteText(out io.Writer, lang string) error {
	p, err := newPage(lang)
	if err != nil {
		return err
	}
	t := e.tell(p)
	p.line("%s\n%s\n", t.Title, t.Calendar)
	label := p.received
	for _, d := range t.Received {
		p.row(label, d.Day, d.Why)
		label = ""
	}
	p.row(p.registered, t.Registered.Day, t.Registered.Why)
	p.flush()
	if len(t.Days) > 0 {
		p.line("\n%s", p.titleDays)
		for _, d := range t.Days {
			p.row(fmt.Sprintf("%4s", ordinal(d.Number)), d.Day, d.Why)
		}
		p.flush()
		p.line("%s", t.Sum)
	}
	p.line("")
	p.row(p.lastDay, t.LastDay)
	p.row(p.due, t.Due)
	p.flush()
	p.basis(t.Acts)
	return p.writeTo(out)
}

// ordinal is the number of a day in its term, a dash for one that is not counted.
func ordinal(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

// page is a text on its way: words, the lines so far, and the acts that they refer to.
type page struct {
	words
	lang string
	text strings.Builder
	rows *tabwriter.Writer
	acts []cited
}

// cited is an act together with what else was said of it.
type cited struct {
	act        *Act
	known      Day
	unverified string
}

func newPage(lang string) (*page, error) {
	w, ok := wordsIn[lang]
	if !ok {
		return nil, fmt.Errorf("language %q: not one of %s: %w", lang, strings.Join(Languages(), ", "), domain.ErrInvalid)
	}
	p := &page{words: w, lang: lang}
	p.rows = tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	return p, nil
}

// Lines and rows go into a strings.Builder, which takes everything.

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }
func (p *page) row(cells ...string)             { fmt.Fprintln(p.rows, strings.Join(cells, "\t")) }
func (p *page) flush()                          { _ = p.rows.Flush() }

// writeTo writes the lines without the blanks that columns leave at their ends.
func (p *page) writeTo(out io.Writer) error {
	var text strings.Builder
	for line := range strings.Lines(p.text.String()) {
		text.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

func (p *page) version(version string, recorded Day, unverified Text) string {
	text := fmt.Sprintf(p.calendar, version, p.day(recorded))
	if unverified != nil {
		text += " (" + fmt.Sprintf(p.notVerified, unverified.In(p.lang)) + ")"
	}
	return text + ". " + p.zone + "."
}

// receipt says how it came to the day of registration.
func (p *page) receipt(r *Receipt) []ToldDay {
	local := r.At.UTC.In(Zone)
	why := p.arrivals[r.Arrival]
	if strings.Contains(why, "%") {
		opens, closes, _ := strings.Cut(r.Policy.Hours.String(), "-")
		why = fmt.Sprintf(why, opens, closes)
	}
	rule := Rule("")
	switch r.Arrival {
	case AfterHours:
		rule = r.Policy.AfterHours
	case OnDayOff:
		rule = r.Policy.DaysOff
	}
	switch rule {
	case NextWorkingDay:
		why += ": " + p.nextDay
	case SameDay:
		why += ": " + p.sameDay
	}
	if rule != "" && r.Policy.Basis != "" {
		why += ", " + fmt.Sprintf(p.policyBasis, r.Policy.Basis)
	}
	days := []ToldDay{{Day: p.day(DayOf(local)), Why: local.Format("15:04:05") + " UTC" + r.At.Offset + ", " + why}}
	if r.Arrival == OnDayOff {
		days = append(days, p.explained(r.Day))
	}
	for _, d := range r.Skipped {
		days = append(days, p.explained(d))
	}
	return days
}

// explained is one day in words.
func (p *page) explained(d ExplainedDay) ToldDay {
	return ToldDay{Number: d.Counted, Day: p.day(d.Day), Why: p.why(&d.Reason)}
}

// why says the reason, with the numbers of the acts in brackets.
func (p *page) why(r *Reason) string {
	text := p.said(p.kinds[r.Kind], r.Name, r.Of, p.lang)
	if r.Basis != nil {
		text += p.cite(cited{r.Basis, r.RecordedAt, r.Unverified.In(p.lang)})
	}
	if r.Estimate {
		text += " (" + p.estimate + ")"
	}
	if w := r.Withdrawn; w != nil {
		was := p.said(p.was[w.Kind], w.Name, w.Of, p.lang)
		text += "; " + fmt.Sprintf(p.withdrawn, p.day(w.On), was) + p.cite(cited{act: w.Basis, known: w.On})
	}
	return text
}

// cite is the number under which the act stands below.
func (p *page) cite(c cited) string {
	i := slices.Index(p.acts, c)
	if i < 0 {
		i = len(p.acts)
		p.acts = append(p.acts, c)
	}
	return fmt.Sprintf(" [%d]", i+1)
}

// told are the acts that were cited so far.
func (p *page) told() []ToldAct {
	var acts []ToldAct
	for i, c := range p.acts {
		text := c.act.Text.In(p.lang) + "; " + fmt.Sprintf(p.knownOn, p.day(c.known))
		if c.unverified != "" {
			text += " (" + fmt.Sprintf(p.actUnverified, c.unverified) + ")"
		}
		acts = append(acts, ToldAct{Number: i + 1, Text: text, Source: c.act.Source})
	}
	return acts
}

// basis lists the acts.
func (p *page) basis(acts []ToldAct) {
	if len(acts) > 0 {
		p.line("\n%s", p.words.acts)
	}
	for _, a := range acts {
		text := fmt.Sprintf("[%d] %s", a.Number, a.Text)
		if a.Source != "" {
			text += ". " + a.Source
		}
		p.line("%s", text)
	}
}
