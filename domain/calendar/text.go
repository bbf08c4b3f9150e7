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

// WriteText prints the explanation in the language (kk, ru or en) for whoever has to check it by hand:
// every day on a line with its reason, and the acts below. ErrInvalid for another language.
func (e *Explanation) WriteText(out io.Writer, lang string) error {
	p, err := newPage(lang)
	if err != nil {
		return err
	}
	p.line(p.title, e.Term)
	p.version(e.Calendar, e.RecordedAt, e.Unverified)
	p.line("")
	if e.Receipt != nil {
		p.receipt(e.Receipt)
	}
	p.row(p.registered, p.day(e.Registered)+"\t"+p.notCounted)
	p.flush()
	if len(e.Days) > 0 {
		p.line("\n%s", p.titleDays)
		for _, d := range e.Days {
			p.explained(d)
		}
		p.flush()
		p.line(p.sum, e.Term, len(e.Days)-e.Term)
	}
	p.line("")
	p.row(p.lastDay, p.day(e.LastDay))
	p.row(p.due, fmt.Sprintf(p.dueIs, p.day(e.LastDay), e.Due.Offset, e.Due.UTC.Format(time.RFC3339)))
	p.flush()
	p.basis()
	return p.writeTo(out)
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

func (p *page) version(version string, recorded Day, unverified Text) {
	text := fmt.Sprintf(p.calendar, version, p.day(recorded))
	if unverified != nil {
		text += " (" + fmt.Sprintf(p.notVerified, unverified.In(p.lang)) + ")"
	}
	p.line("%s. %s.", text, p.zone)
}

// receipt says how it came to the day of registration.
func (p *page) receipt(r *Receipt) {
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
	p.row(p.received, p.day(DayOf(local)), local.Format("15:04:05")+" UTC"+r.At.Offset+", "+why)
	if r.Arrival == OnDayOff {
		p.row("", p.day(r.Day.Day), p.why(&r.Day.Reason))
	}
	for _, d := range r.Skipped {
		p.row("", p.day(d.Day), p.why(&d.Reason))
	}
}

// explained is the line of one day: its number in the term, or a dash.
func (p *page) explained(d ExplainedDay) {
	n := "–"
	if d.Counted > 0 {
		n = fmt.Sprint(d.Counted)
	}
	p.row(fmt.Sprintf("%4s", n), p.day(d.Day), p.why(&d.Reason))
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

// basis lists the acts.
func (p *page) basis() {
	if len(p.acts) == 0 {
		return
	}
	p.line("\n%s", p.words.acts)
	for i, c := range p.acts {
		text := fmt.Sprintf("[%d] %s; %s", i+1, c.act.Text.In(p.lang), fmt.Sprintf(p.knownOn, p.day(c.known)))
		if c.unverified != "" {
			text += " (" + fmt.Sprintf(p.actUnverified, c.unverified) + ")"
		}
		if c.act.Source != "" {
			text += ". " + c.act.Source
		}
		p.line("%s", text)
	}
}
