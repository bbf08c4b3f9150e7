package calendar

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tizilim/tizilim/domain"
)

//go:embed versions/*.yaml
var versions embed.FS

// Load is the newest version of the calendar.
func Load() (*Calendar, error) {
	known, err := Versions()
	if err != nil {
		return nil, err
	}
	return LoadVersion(known[len(known)-1])
}

// LoadVersion is the calendar as it was in the version: what a stored due time was counted with.
// ErrNotFound for a version that never was.
func LoadVersion(version string) (*Calendar, error) {
	name := path.Join("versions", version+".yaml")
	text, err := versions.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("calendar %q: %w", version, domain.ErrNotFound)
	}
	c, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.version != version {
		return nil, fmt.Errorf("%s: holds version %q: %w", name, c.version, domain.ErrInvalid)
	}
	return c, nil
}

// Versions lists the versions, oldest first: their names end with the day they were recorded.
func Versions() ([]string, error) {
	names, err := fs.Glob(versions, "versions/*.yaml")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("list calendars: %d found: %w", len(names), err)
	}
	for i, name := range names {
		names[i] = path.Base(name[:len(name)-len(".yaml")])
	}
	slices.Sort(names)
	return names, nil
}

// file is a version as it is written; the file's head explains it.
type file struct {
	Version    string  `yaml:"version"`
	RecordedAt Day     `yaml:"recorded_at"`
	FirstYear  int     `yaml:"first_year"`
	LastYear   int     `yaml:"last_year"`
	Holidays   []fact  `yaml:"holidays"`
	DaysOff    []fact  `yaml:"days_off"`
	Moves      []moved `yaml:"moves"`
}

type fact struct {
	On         string            `yaml:"on"` // MM-DD of every year, or
	Date       Day               `yaml:"date"`
	From       int               `yaml:"from"` // years; 0 is no bound
	Until      int               `yaml:"until"`
	Name       map[string]string `yaml:"name"`
	Basis      string            `yaml:"basis"`
	RecordedAt Day               `yaml:"recorded_at"`
	Estimate   bool              `yaml:"estimate"`
}

type moved struct {
	Off        Day    `yaml:"off"`
	Working    Day    `yaml:"working"`
	Basis      string `yaml:"basis"`
	RecordedAt Day    `yaml:"recorded_at"`
}

// parse makes the calendar, or says what is wrong with the file: all of it is ErrInvalid.
func parse(text []byte) (*Calendar, error) {
	var f file
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%w: %w", domain.ErrInvalid, err)
	}
	if _, err := number(f.RecordedAt); err != nil || f.Version == "" || f.FirstYear < 1 || f.LastYear < f.FirstYear {
		return nil, fmt.Errorf("version, recorded_at and years are needed: %w", domain.ErrInvalid)
	}
	c := weeks(f)
	if err := c.lay(f.Holidays, Holiday); err != nil {
		return nil, err
	}
	if err := c.lay(f.DaysOff, DayOff); err != nil {
		return nil, err
	}
	c.carryOver()
	for _, m := range f.Moves {
		if err := c.move(m); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// weeks is the calendar of plain weeks.
func weeks(f file) *Calendar {
	from := numberOf(time.Date(f.FirstYear, time.January, 1, 0, 0, 0, 0, time.UTC))
	to := numberOf(time.Date(f.LastYear+1, time.January, 1, 0, 0, 0, 0, time.UTC))
	c := &Calendar{
		version: f.Version, recorded: f.RecordedAt, first: f.FirstYear, last: f.LastYear,
		origin: from, days: make([]Reason, to-from),
	}
	for i := range c.days {
		c.days[i].Kind = Workday
		if c.weekend(i) {
			c.days[i].Kind = Weekend
		}
	}
	return c
}

func (c *Calendar) weekend(i int) bool {
	w := date(c.origin + i).Weekday()
	return w == time.Saturday || w == time.Sunday
}

// lay puts the facts over the plain weeks. Two facts on one day are an error.
func (c *Calendar) lay(facts []fact, kind Kind) error {
	for _, f := range facts {
		days, err := c.daysOf(f)
		if err != nil {
			return err
		}
		for _, i := range days {
			if k := c.days[i].Kind; k != Workday && k != Weekend {
				return fmt.Errorf("%s: %s and %s at once: %w", dayOf(c.origin+i), k, kind, domain.ErrInvalid)
			}
			c.days[i] = Reason{
				Kind: kind, Name: f.Name, Basis: f.Basis,
				RecordedAt: orElse(f.RecordedAt, c.recorded), Estimate: f.Estimate,
			}
		}
	}
	return nil
}

// daysOf are the places of the days that the fact is about.
func (c *Calendar) daysOf(f fact) ([]int, error) {
	if f.Basis == "" || len(f.Name) == 0 || (f.On == "") == (f.Date == "") {
		return nil, fmt.Errorf("fact on %q %q: name, basis and either on or date are needed: %w", f.On, string(f.Date), domain.ErrInvalid)
	}
	if f.Date != "" {
		i, err := c.place(f.Date)
		return []int{i}, err
	}
	var days []int
	for year := max(c.first, f.From); year <= c.last && (f.Until == 0 || year <= f.Until); year++ {
		i, err := c.place(Day(fmt.Sprintf("%04d-%s", year, f.On)))
		if err != nil {
			return nil, err
		}
		days = append(days, i)
	}
	return days, nil
}

// place is where the day stands in c.days.
func (c *Calendar) place(d Day) (int, error) {
	n, err := number(d)
	if err == nil {
		_, err = c.reason(n)
	}
	return n - c.origin, err
}

// carryOver gives the next working day off for every holiday on a weekend: two such holidays in a row
// take two days. Days off that are no holidays are not carried over (Law on holidays, art. 5).
func (c *Calendar) carryOver() {
	for i, r := range c.days {
		if r.Kind != Holiday || !c.weekend(i) {
			continue
		}
		for j := i + 1; j < len(c.days); j++ {
			if c.days[j].Kind == Workday {
				c.days[j] = r
				c.days[j].Kind, c.days[j].Of = CarriedOver, dayOf(c.origin+i)
				break
			}
		}
	}
}

// move makes a transfer: one day off, another worked instead. It must change both.
func (c *Calendar) move(m moved) error {
	off, err := c.place(m.Off)
	if err != nil {
		return fmt.Errorf("move %s: %w", m.Off, err)
	}
	on, err := c.place(m.Working)
	if err != nil {
		return fmt.Errorf("move %s: %w", m.Off, err)
	}
	if m.Basis == "" || c.days[off].Kind != Workday || c.days[on].Kind.Working() {
		return fmt.Errorf("move %s to %s: wants a basis, a plain workday, and a day off: %w", m.Off, m.Working, domain.ErrInvalid)
	}
	known := orElse(m.RecordedAt, c.recorded)
	c.days[off] = Reason{Kind: MovedOff, Of: m.Working, Basis: m.Basis, RecordedAt: known}
	c.days[on] = Reason{Kind: MovedOn, Of: m.Off, Basis: m.Basis, RecordedAt: known}
	return nil
}

func orElse(d, other Day) Day {
	if d == "" {
		return other
	}
	return d
}
