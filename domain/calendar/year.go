package calendar

import (
	"fmt"
	"io"
	"time"
)

// Year is the balance of working time of one year, five-day week.
type Year struct {
	Calendar   string `json:"calendar"`
	RecordedAt Day    `json:"recorded_at"`
	Unverified Text   `json:"unverified,omitempty"`
	Year       int    `json:"year"`
	Days       int    `json:"days"`
	Working    int    `json:"working"`
	// Months are the twelve months, January first.
	Months []Month `json:"months"`
	// Special are the days that are not as in a plain week, in order.
	Special []ExplainedDay `json:"special"`
}

// Month is the balance of one month.
type Month struct {
	Month   time.Month `json:"month"`
	Days    int        `json:"days"`
	Working int        `json:"working"`
}

// Balance counts the working days of a year, and says which days are not as in a plain week. A year
// that is not covered is *MissingYear.
func (c *Calendar) Balance(year int) (*Year, error) {
	if year < c.first || year > c.last {
		return nil, &MissingYear{Year: year, Version: c.version}
	}
	y := &Year{Calendar: c.version, RecordedAt: c.recorded, Unverified: c.unverified, Year: year}
	for t := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC); t.Year() == year; t = t.AddDate(0, 0, 1) {
		if t.Day() == 1 {
			y.Months = append(y.Months, Month{Month: t.Month()})
		}
		month := &y.Months[t.Month()-1]
		day := c.explained(numberOf(t))
		y.Days++
		month.Days++
		if day.Kind.Working() {
			y.Working++
			month.Working++
		}
		if !day.Kind.plain() || day.Withdrawn != nil {
			y.Special = append(y.Special, day)
		}
	}
	return y, nil
}

// Tell puts the balance into the words of the language (kk, ru or en): Days are the special ones. ErrInvalid
// for another language.
func (y *Year) Tell(lang string) (*Told, error) {
	p, err := newPage(lang)
	if err != nil {
		return nil, err
	}
	return y.tell(p), nil
}

func (y *Year) tell(p *page) *Told {
	t := &Told{Title: fmt.Sprintf(p.year, y.Year), Calendar: p.version(y.Calendar, y.RecordedAt, y.Unverified)}
	for _, d := range y.Special {
		t.Days = append(t.Days, p.explained(d))
	}
	t.Acts = p.told()
	return t
}

// WriteText prints the balance in the language (kk, ru or en). ErrInvalid for another language.
func (y *Year) WriteText(out io.Writer, lang string) error {
	p, err := newPage(lang)
	if err != nil {
		return err
	}
	t := y.tell(p)
	p.line("%s\n%s\n", t.Title, t.Calendar)
	p.row(p.month, p.working, p.off, p.all)
	for _, m := range y.Months {
		p.row(fmt.Sprintf("%d-%02d", y.Year, int(m.Month)), fmt.Sprint(m.Working), fmt.Sprint(m.Days-m.Working), fmt.Sprint(m.Days))
	}
	p.row(p.total, fmt.Sprint(y.Working), fmt.Sprint(y.Days-y.Working), fmt.Sprint(y.Days))
	p.flush()
	p.line("\n%s", p.specialDays)
	for _, d := range t.Days {
		p.row("  "+d.Day, d.Why)
	}
	p.flush()
	p.basis(t.Acts)
	return p.writeTo(out)
}

// WriteText prints the versions in the language (kk, ru or en), oldest first, with the days that each
// one changed. ErrInvalid for another language.
func (h *History) WriteText(out io.Writer, lang string) error {
	p, err := newPage(lang)
	if err != nil {
		return err
	}
	for i, c := range h.calendars {
		p.line("%s", p.version(c.version, c.recorded, c.unverified))
		if i == 0 {
			continue
		}
		before := h.calendars[i-1]
		if c.last > before.last {
			p.line("  %s", fmt.Sprintf(p.opens, c.last))
		}
		changes := Changes(before, c)
		for _, ch := range changes {
			p.row("  "+p.day(ch.Day), p.why(&ch.To))
		}
		p.flush()
		if len(changes) == 0 && c.last == before.last {
			p.line("  %s", p.noChanges)
		}
	}
	p.basis(p.told())
	return p.writeTo(out)
}
